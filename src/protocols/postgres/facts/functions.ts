/**
 * What PostgreSQL's own functions, and those of well-known extensions, can do beyond computing a value. By name alone, whatever the schema:
 * a text does not say which function a name will mean, so a namesake is classed like the dangerous one. Names as of PostgreSQL 18.
 */
export type FunctionClass =
  | 'file'
  | 'program'
  | 'dynamic_sql'
  | 'settings'
  | 'admin'
  | 'lock'
  | 'large_object'
  | 'network'
  | 'sleep'
  | 'sequence'
  | 'notify'
  | 'plain'
  | 'user';

const NAMES: Readonly<Record<Exclude<FunctionClass, 'plain' | 'user'>, string>> = {
  file:
    'pg_read_file pg_read_binary_file pg_stat_file pg_ls_dir pg_ls_logdir pg_ls_waldir pg_ls_archive_statusdir pg_ls_tmpdir pg_ls_logicalmapdir ' +
    'pg_ls_logicalsnapdir pg_ls_replslotdir pg_ls_summariesdir pg_file_write pg_file_read pg_file_rename pg_file_unlink pg_file_sync pg_file_length pg_logdir_ls ' +
    'pg_hba_file_rules pg_ident_file_mappings pg_show_all_file_settings pg_current_logfile lo_import lo_export be_lo_import be_lo_import_with_oid be_lo_export ' +
    'get_raw_page heap_page_items heap_page_item_attrs tuple_data_split bt_page_items gist_page_items hash_page_items pg_get_wal_records_info ' +
    'pg_get_wal_record_info pg_get_wal_block_info pg_get_wal_records_info_till_end_of_wal pg_read_wal_summary',
  program: 'pg_execute_server_program plsh plpython_inline_handler plpython3_inline_handler plperlu_inline_handler pltclu_inline_handler',
  dynamic_sql:
    'query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema table_to_xml table_to_xmlschema table_to_xml_and_xmlschema ' +
    'schema_to_xml schema_to_xmlschema schema_to_xml_and_xmlschema database_to_xml database_to_xmlschema database_to_xml_and_xmlschema ts_stat ts_rewrite ' +
    'crosstab crosstab2 crosstab3 crosstab4 crosstab_hash connectby xpath_table schedule schedule_in_database alter_job run_command_on_workers ' +
    'run_command_on_shards run_command_on_placements run_command_on_colocated_placements run_command_on_all_nodes run_command_on_coordinator ' +
    'master_run_on_worker pg_background_launch plpgsql_inline_handler plperl_inline_handler pltcl_inline_handler lives_ok throws_ok results_eq ' +
    'exec_sql execute_sql hypopg_create_index plpgsql_check_function',
  settings: 'set_config',
  admin:
    'pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile pg_logfile_rotate pg_switch_wal pg_switch_xlog pg_create_restore_point ' +
    'pg_promote pg_backup_start pg_backup_stop pg_start_backup pg_stop_backup pg_wal_replay_pause pg_wal_replay_resume pg_xlog_replay_pause ' +
    'pg_xlog_replay_resume pg_create_physical_replication_slot pg_create_logical_replication_slot pg_drop_replication_slot ' +
    'pg_copy_physical_replication_slot pg_copy_logical_replication_slot pg_replication_slot_advance pg_logical_slot_get_changes ' +
    'pg_logical_slot_peek_changes pg_logical_slot_get_binary_changes pg_logical_slot_peek_binary_changes pg_logical_emit_message ' +
    'pg_sync_replication_slots pg_replication_origin_create pg_replication_origin_drop pg_replication_origin_session_setup ' +
    'pg_replication_origin_session_reset pg_replication_origin_xact_setup pg_replication_origin_xact_reset pg_replication_origin_advance pg_stat_reset ' +
    'pg_stat_reset_shared pg_stat_reset_single_table_counters pg_stat_reset_single_function_counters pg_stat_reset_slru ' +
    'pg_stat_reset_replication_slot pg_stat_reset_subscription_stats pg_stat_reset_backend_stats pg_stat_force_next_flush pg_stat_statements_reset ' +
    'pg_import_system_collations pg_prewarm autoprewarm_start_worker autoprewarm_dump_now pg_log_backend_memory_contexts ' +
    'pg_set_relation_stats pg_set_attribute_stats pg_clear_relation_stats pg_clear_attribute_stats pg_restore_relation_stats ' +
    'pg_restore_attribute_stats heap_force_kill heap_force_freeze pg_truncate_visibility_map pg_nextoid pg_extension_config_dump pg_stop_making_pinned_objects pg_log_standby_snapshot brin_summarize_new_values ' +
    'brin_summarize_range brin_desummarize_range gin_clean_pending_list pg_buffercache_evict ' +
    'pg_buffercache_evict_relation pg_buffercache_evict_all binary_upgrade_set_next_pg_type_oid ' +
    'binary_upgrade_set_record_init_privs binary_upgrade_create_empty_extension binary_upgrade_add_sub_rel_state ' +
    'binary_upgrade_replorigin_advance binary_upgrade_set_missing_value currtid currtid2 unschedule',
  lock:
    'pg_advisory_lock pg_advisory_lock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared ' +
    'pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared pg_advisory_unlock pg_advisory_unlock_shared pg_advisory_unlock_all',
  large_object:
    'lo_create lo_creat lo_open lo_close lo_unlink lo_from_bytea lo_put lo_get lowrite loread lo_lseek lo_lseek64 lo_tell lo_tell64 lo_truncate ' +
    'lo_truncate64 lo_manage lo_oid',
  network:
    'dblink dblink_connect dblink_connect_u dblink_disconnect dblink_exec dblink_open dblink_fetch dblink_close dblink_send_query dblink_get_result ' +
    'dblink_is_busy dblink_get_notify dblink_get_connections dblink_error_message dblink_cancel_query dblink_build_sql_insert dblink_fdw_validator ' +
    'postgres_fdw_disconnect postgres_fdw_disconnect_all postgres_fdw_get_connections http http_get http_post http_put http_patch http_delete ' +
    'http_head http_collect_response invoke query_export_to_s3 table_import_from_s3 aws_lambda_invoke net_http_get net_http_post send_email',
  sleep: 'pg_sleep pg_sleep_for pg_sleep_until',
  sequence: 'nextval setval',
  notify: 'pg_notify',
};

const CLASSES: ReadonlyMap<string, FunctionClass> = new Map(
  Object.entries(NAMES).flatMap(([kind, names]) => names.split(' ').map((name): [string, FunctionClass] => [name, kind as FunctionClass])),
);

/** The class of a function by name, or null when the name says nothing. */
export function dangerousClass(name: string): FunctionClass | null {
  return CLASSES.get(name) ?? (name.startsWith('binary_upgrade_') ? 'admin' : name.startsWith('dblink') ? 'network' : null);
}
