/**
 * PostgreSQL's own functions that cannot fail, whatever the values are that they are given: but for the size of what they make (1 GB), memory and time. Whatever is
 * not listed may fail.
 */

const NONE: readonly number[] = Object.freeze([]);

/** By name, those of their arguments (from 0) on whose values it depends whether they fail. */
const TOTAL: ReadonlyMap<string, readonly number[]> = new Map([
  ...named(
    NONE,
    // Texts.
    'ascii bit_length btrim char_length character_length concat concat_ws initcap left lower ltrim md5 octet_length position quote_ident quote_literal ' +
      'quote_nullable reverse right rtrim sha224 sha256 sha384 sha512 starts_with string_to_array strpos to_bin to_hex to_oct translate upper text name ' +
      // Times.
      'age isfinite ' +
      // JSON and arrays.
      'array_dims array_length array_lower array_ndims array_to_json array_to_string array_upper cardinality json_build_array json_extract_path ' +
      'json_extract_path_text json_strip_nulls json_typeof jsonb_build_array jsonb_extract_path jsonb_extract_path_text jsonb_pretty jsonb_strip_nulls ' +
      'jsonb_typeof row_to_json to_json to_jsonb ' +
      // Numbers as they are, rounded and named; `round` of any number of digits.
      'ceil ceiling floor sign num_nonnulls num_nulls pg_typeof ' +
      // Of the server's catalog: psql and pg_dump ask for bounds of partitions, which are of columns.
      'pg_get_expr pg_get_partition_constraintdef ' +
      // Aggregates and windows.
      'any_value bool_and bool_or count every first_value json_agg jsonb_agg last_value max min string_agg xmlagg',
  ),
  ...named([0], 'date_part extract timezone'),
  ...named([0, 2], 'date_trunc'),
  ...named([1], 'encode regexp_split_to_array nth_value'),
  ...named([1, 2], 'lag lead'),
  ...named([2], 'split_part'),
  ...named([1, 2], 'substr substring'),
  ...named([2, 3], 'overlay'),
  ...named([1, 2, 3, 4, 5, 6], 'regexp_count regexp_instr regexp_like regexp_match regexp_substr'),
]);

function named(fails: readonly number[], names: string): [string, readonly number[]][] {
  return names.split(' ').map((name) => [name, fails]);
}

/** Null: it may fail, by any of its arguments. */
export function failingArguments(name: string): readonly number[] | null {
  return TOTAL.get(name) ?? null;
}
