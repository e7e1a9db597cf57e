/**
 * PostgreSQL's own functions that give a set of rows for their arguments, in FROM and in the list of a SELECT: how many rows come is decided
 * by what they are given. By name alone, whatever the schema. From `pg_proc.proretset` of PostgreSQL 18; those without arguments are left out.
 */
const NAMES =
  '_pg_expandarray aclexplode generate_series generate_subscripts json_array_elements json_array_elements_text json_each json_each_text json_object_keys ' +
  'json_populate_recordset json_to_recordset jsonb_array_elements jsonb_array_elements_text jsonb_each jsonb_each_text jsonb_object_keys jsonb_path_query ' +
  'jsonb_path_query_tz jsonb_populate_recordset jsonb_to_recordset pg_extension_update_paths pg_get_multixact_members pg_get_publication_tables pg_ls_dir ' +
  'pg_ls_tmpdir pg_mcv_list_items pg_options_to_table pg_partition_ancestors pg_partition_tree pg_snapshot_xip pg_stat_get_activity pg_stat_get_backend_io ' +
  'pg_stat_get_progress_info pg_stat_get_subscription pg_tablespace_databases pg_wal_summary_contents regexp_matches regexp_split_to_table string_to_table ' +
  'ts_debug ts_parse ts_stat ts_token_type txid_snapshot_xip unnest';

const SETS: ReadonlySet<string> = new Set(NAMES.split(' '));

export function givesSet(name: string): boolean {
  return SETS.has(name);
}
