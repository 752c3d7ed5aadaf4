/**
 * The session variables the proxy keeps for a client and carries to whichever backend serves it, and those it answers
 * OK to and forgets, both nearly as ProxySQL has them. How they are carried is session/'s and backend/'s business.
 */

/**
 * What values a tracked variable takes; anything else is not answered locally. `isolation` and `access` are the
 * transaction characteristics, which have a scope of their own.
 */
export type VariableKind =
  | 'boolean'
  | 'number'
  | 'text'
  | 'charset'
  | 'collation'
  | 'autocommit'
  | 'isolation'
  | 'access';

const NAMES_BY_KIND: Readonly<Record<VariableKind, string>> = {
  boolean: `aurora_read_replica_read_committed foreign_key_checks innodb_strict_mode innodb_table_locks
    sql_auto_is_null sql_big_selects sql_generate_invisible_primary_key sql_log_bin sql_quote_show_create
    sql_require_primary_key sql_safe_updates unique_checks`,
  number: `auto_increment_increment auto_increment_offset group_concat_max_len innodb_lock_wait_timeout
    join_buffer_size lock_wait_timeout long_query_time max_execution_time max_heap_table_size max_join_size
    max_sort_length max_statement_time net_read_timeout net_write_timeout optimizer_prune_level
    optimizer_search_depth optimizer_use_condition_selectivity query_cache_type read_buffer_size
    read_rnd_buffer_size sort_buffer_size sql_select_limit timestamp tmp_table_size wsrep_sync_wait`,
  text: `sql_mode time_zone default_storage_engine default_tmp_storage_engine group_replication_consistency gtid_next
    lc_messages lc_time_names log_slow_filter optimizer_switch wsrep_osu_method session_track_gtids`,
  charset: 'character_set_client character_set_connection character_set_database character_set_results',
  collation: 'collation_connection',
  autocommit: 'autocommit',
  isolation: 'transaction_isolation tx_isolation',
  access: 'transaction_read_only tx_read_only',
};

function byName(): Map<string, VariableKind> {
  const kinds = new Map<string, VariableKind>();
  for (const [kind, names] of Object.entries(NAMES_BY_KIND)) {
    for (const name of names.trim().split(/\s+/)) kinds.set(name, kind as VariableKind);
  }
  return kinds;
}

/**
 * Names in small letters. Source: ProxySQL's tracked variables, surface document §4.13; and net_…_timeout and read_…_size,
 * which ProxySQL ignores: who reads a result slowly counts on a server that waits.
 */
export const TRACKED_VARIABLES: ReadonlyMap<string, VariableKind> = byName();

/** Set with OK and no effect on a server. Source: as above. */
export const IGNORED_VARIABLES: ReadonlySet<string> = new Set([
  'interactive_timeout',
  'net_buffer_length',
  'session_track_schema',
  'wait_timeout',
]);
