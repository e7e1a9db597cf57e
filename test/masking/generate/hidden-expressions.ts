/**
 * Expressions over a hidden column that show it, whole, in part or in another spelling. `@` stands for the column. Sets give several rows,
 * aggregates stand in a query that is grouped as a whole.
 */
export type ValueKind = 'text' | 'number' | 'date';

export interface Wrapper {
  readonly of: ValueKind;
  readonly gives: ValueKind | 'other';
  readonly sql: string;
}

const wrap = (of: ValueKind, gives: ValueKind | 'other', ...all: readonly string[]): Wrapper[] => all.map((sql) => ({ of, gives, sql }));

/** One value in, one value out: they can be put into each other. */
export const WRAPPERS: readonly Wrapper[] = [
  ...wrap('text', 'text', '@', '@::text', '@::varchar', '@::varchar(200)', '@::bpchar', 'cast(@ as text)', "@ || ''", "'' || @", "concat(@, 'x')"),
  ...wrap('text', 'text', 'upper(@)', 'lower(@)', 'reverse(@)', 'trim(@)', "rpad(@, 40, 'x')", "lpad(@, 40, 'x')", "format('%s', @)", 'quote_literal(@)'),
  ...wrap('text', 'text', "coalesce(@, 'x')", "nullif(@, 'x')", "greatest(@, 'A')", 'case when true then @ end', "case id when 0 then 'n' else @ end"),
  ...wrap(
    'text',
    'text',
    "replace(@, '~', '_')",
    "translate(@, '~', '_')",
    "overlay(@ placing 'x' from 1 for 0)",
    "regexp_replace(@, '~', '_')",
    'substr(@, 1, 30)',
  ),
  ...wrap(
    'text',
    'text',
    '(array[@])[1]',
    '(select @)',
    '(values (@))',
    "(string_to_array(@, '~'))[1]",
    "split_part(@, '~', 1)",
    'left(@, 30)',
    'right(@, 30)',
  ),
  ...wrap(
    'text',
    'text',
    "encode(convert_to(@, 'UTF8'), 'hex')",
    "encode(@::bytea, 'base64')",
    "encode(@::bytea, 'escape')",
    "convert_from(@::bytea, 'UTF8')",
    '@ collate "C"',
  ),
  ...wrap(
    'text',
    'text',
    "(jsonb_build_object('a', @) ->> 'a')",
    'to_jsonb(@) #>> array[]::text[]',
    'json_build_array(@) ->> 0',
    'to_json(@)::text',
    "array_to_string(array[@], ',')",
  ),
  ...wrap(
    'text',
    'text',
    "(xpath('/x/text()', xmlelement(name x, @)))[1]::text",
    'xmlelement(name x, @)::text',
    'row(@)::text',
    'array[@]::text',
    '(@, 1)::text',
  ),
  ...wrap('text', 'text', "(select string_agg(chr(ascii(substr(@, g, 1))), '' order by g) from generate_series(1, length(@)) g)", 'ltrim(@)', "btrim(@, '~')"),
  ...wrap('text', 'text', "(select string_agg(ascii(substr(@, g, 1))::text, ',' order by g) from generate_series(1, length(@)) g)", 'initcap(reverse(@))'),
  ...wrap('text', 'text', "(select string_agg(to_hex(ascii(substr(@, g, 1))), '' order by g) from generate_series(1, length(@)) g)", 'repeat(@, 2)'),
  ...wrap('text', 'other', 'row(@)', 'array[@]', '@::bytea', "jsonb_build_object('k', @)", 'json_build_object(@, 1)', 'to_jsonb(@)', 'xmlelement(name y, @)'),
  ...wrap('text', 'other', "to_tsvector('simple', @)", "string_to_array(@, '-')", "regexp_match(@, '.*')", 'md5(@), @', 'sha256(@::bytea), @'),
  ...wrap('number', 'number', '@', '@ + 0', '0 + @', '@ * 1', '@ | 0', '@ # 0', '-(-(@))', 'abs(@)', '@::numeric', '@::numeric(20, 0)', 'round(@::numeric)'),
  ...wrap(
    'number',
    'number',
    'coalesce(@, 0)',
    'nullif(@, 0)',
    'case when true then @ end',
    'greatest(@, 0)',
    '(select @)',
    'trunc(@::numeric)',
    '(array[@])[1]',
    '@::float8',
  ),
  ...wrap('number', 'text', '@::text', "to_char(@, 'FM9999999999')", "concat(@, '')", "format('%s', @)", 'reverse(@::text)', "'' || @"),
  ...wrap(
    'number',
    'other',
    'array[@]',
    'row(@)',
    'numrange(@::numeric, @::numeric + 1)',
    'to_jsonb(@)',
    'jsonb_build_array(@)',
    'int8multirange(int8range(@::int8, @::int8 + 1))',
  ),
  ...wrap('date', 'date', '@', '@ + 0', 'coalesce(@, current_date)', '(select @)', 'greatest(@, @)', "date_trunc('day', @)::date", '@::timestamp::date'),
  ...wrap('date', 'text', '@::text', "to_char(@, 'YYYY-MM-DD')", "to_char(@, 'YYYYMMDD')", "to_char(@, 'DD.MM.YYYY')", "format('%s', @)", "concat(@, '')"),
  ...wrap('date', 'other', 'array[@]', 'daterange(@, @ + 1)', 'to_jsonb(@)', '@::timestamp', '@::timestamptz', 'row(@)'),
];

/** Of a whole group. */
export const AGGREGATES: Readonly<Record<ValueKind, readonly string[]>> = {
  text: ['max(@)', 'min(@)', "string_agg(@, ',')", 'array_agg(@)', 'json_agg(@)', 'jsonb_agg(@)', 'jsonb_object_agg(@, 1)', 'xmlagg(xmlelement(name z, @))'],
  number: [
    'max(@)',
    'min(@)',
    'array_agg(@)',
    'json_agg(@)',
    "string_agg(@::text, ';')",
    'bit_or(@::int8), max(@)',
    'percentile_disc(0) within group (order by @)',
  ],
  date: ['max(@)', 'min(@)', 'array_agg(@)', "string_agg(@::text, ';')", 'jsonb_agg(@)', 'mode() within group (order by @)'],
};

export const WINDOWS: readonly string[] = [
  'max(@) over ()',
  'first_value(@) over (order by id)',
  'lag(@, 0) over (order by id)',
  'nth_value(@, 1) over ()',
  'last_value(@) over (partition by id)',
];
