/**
 * ProxySQL's Prometheus metrics, by the rows of stats_mysql_global and stats_memory_metrics they show. Those that belong
 * to parts sluice does not have (cluster, monitor threads) are left out.
 */
export interface MetricSource {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  /** Row of stats_mysql_global or stats_memory_metrics; with a label value when there are several. */
  readonly from: readonly { readonly row: string; readonly label?: string }[];
  /** Name of the label. */
  readonly label?: string;
  /** What the row is divided by: nanoseconds to seconds. */
  readonly divisor?: number;
}

/** `name=row`, one a word; without a row the metric is the row in lower case. */
function plain(type: MetricSource['type'], words: string): MetricSource[] {
  return words
    .trim()
    .split(/\s+/)
    .map((word) => {
      const [name = '', row = ''] = word.split('=');
      return { name, type, from: [{ row }] };
    });
}

function labelled(
  type: MetricSource['type'],
  name: string,
  label: string,
  rows: Readonly<Record<string, string>>,
): MetricSource {
  return { name, type, label, from: Object.entries(rows).map(([value, row]) => ({ row, label: value })) };
}

const NANOSECONDS = 1e9;

export const METRICS: readonly MetricSource[] = [
  ...plain('counter', 'proxysql_servers_table_version_total=Servers_table_version'),
  labelled('counter', 'proxysql_server_connections_total', 'status', {
    created: 'Server_Connections_created',
    delayed: 'Server_Connections_delayed',
    aborted: 'Server_Connections_aborted',
  }),
  labelled('counter', 'proxysql_client_connections_total', 'status', {
    created: 'Client_Connections_created',
    aborted: 'Client_Connections_aborted',
  }),
  ...plain(
    'counter',
    `proxysql_com_autocommit_total=Com_autocommit proxysql_com_autocommit_filtered_total=Com_autocommit_filtered
     proxysql_com_rollback_total=Com_rollback proxysql_com_rollback_filtered_total=Com_rollback_filtered
     proxysql_com_backend_change_user_total=Com_backend_change_user
     proxysql_com_backend_init_db_total=Com_backend_init_db
     proxysql_com_backend_set_names_total=Com_backend_set_names
     proxysql_com_frontend_init_db_total=Com_frontend_init_db
     proxysql_com_frontend_set_names_total=Com_frontend_set_names
     proxysql_com_frontend_use_db_total=Com_frontend_use_db
     proxysql_com_commit_cnt_total=Com_commit proxysql_com_commit_cnt_filtered_total=Com_commit_filtered
     proxysql_selects_for_update__autocommit0_total=Selects_for_update__autocommit0
     proxysql_access_denied_wrong_password_total=Access_Denied_Wrong_Password
     proxysql_access_denied_max_connections_total=Access_Denied_Max_Connections
     proxysql_access_denied_max_user_connections_total=Access_Denied_Max_User_Connections
     proxysql_myhgm_myconnpool_get_total=MyHGM_myconnpoll_get
     proxysql_myhgm_myconnpool_get_ok_total=MyHGM_myconnpoll_get_ok
     proxysql_myhgm_myconnpool_push_total=MyHGM_myconnpoll_push
     proxysql_myhgm_myconnpool_reset_total=MyHGM_myconnpoll_reset
     proxysql_myhgm_myconnpool_destroy_total=MyHGM_myconnpoll_destroy`,
  ),
  ...plain(
    'gauge',
    `proxysql_server_connections_connected=Server_Connections_connected
     proxysql_client_connections_connected=Client_Connections_connected`,
  ),
  labelled('counter', 'proxysql_queries_backends_bytes_total', 'traffic_flow', {
    sent: 'Queries_backends_bytes_sent',
    received: 'Queries_backends_bytes_recv',
  }),
  labelled('counter', 'proxysql_queries_frontends_bytes_total', 'traffic_flow', {
    sent: 'Queries_frontends_bytes_sent',
    received: 'Queries_frontends_bytes_recv',
  }),
  ...plain('counter', 'proxysql_query_processor_time_seconds_total=Query_Processor_time_nsec').map(inSeconds),
  ...plain('counter', 'proxysql_backend_query_time_seconds_total=Backend_query_time_nsec').map(inSeconds),
  labelled('counter', 'proxysql_com_backend_stmt_total', 'op', {
    prepare: 'Com_backend_stmt_prepare',
    execute: 'Com_backend_stmt_execute',
    close: 'Com_backend_stmt_close',
  }),
  labelled('counter', 'proxysql_com_frontend_stmt_total', 'op', {
    prepare: 'Com_frontend_stmt_prepare',
    execute: 'Com_frontend_stmt_execute',
    close: 'Com_frontend_stmt_close',
  }),
  ...plain(
    'counter',
    `proxysql_questions_total=Questions proxysql_slow_queries_total=Slow_queries
     proxysql_gtid_consistent_queries_total=GTID_consistent_queries
     proxysql_gtid_session_collected_total=GTID_session_collected
     proxysql_connpool_get_conn_success_latency_awareness_total=ConnPool_get_conn_latency_awareness
     proxysql_connpool_get_conn_success_immediate_total=ConnPool_get_conn_immediate
     proxysql_connpool_get_conn_success_total=ConnPool_get_conn_success
     proxysql_connpool_get_conn_failure_total=ConnPool_get_conn_failure
     proxysql_generated_error_packets_total=generated_error_packets
     proxysql_max_connect_timeouts_total=max_connect_timeouts
     proxysql_backend_lagging_during_query_total=backend_lagging_during_query
     proxysql_backend_offline_during_query_total=backend_offline_during_query
     proxysql_queries_with_max_lag_total=queries_with_max_lag_ms
     proxysql_queries_with_max_lag__delayed_total=queries_with_max_lag_ms__delayed
     proxysql_queries_with_max_lag__total_wait_time_total=queries_with_max_lag_ms__total_wait_time_us
     proxysql_mysql_unexpected_frontend_com_quit_total=mysql_unexpected_frontend_com_quit
     proxysql_hostgroup_locked_set_cmds_total=hostgroup_locked_set_cmds
     proxysql_hostgroup_locked_queries_total=hostgroup_locked_queries
     proxysql_mysql_unexpected_frontend_packets_total=mysql_unexpected_frontend_packets
     proxysql_automatic_detected_sql_injection_total=automatic_detected_sql_injection
     proxysql_whitelisted_sqli_fingerprint_total=whitelisted_sqli_fingerprint
     proxysql_mysql_killed_backend_connections_total=mysql_killed_backend_connections
     proxysql_mysql_killed_backend_queries_total=mysql_killed_backend_queries
     proxysql_client_host_error_killed_connections=client_host_error_killed_connections
     proxysql_uptime_seconds_total=ProxySQL_Uptime proxysql_jemalloc_allocated_bytes_total=jemalloc_allocated`,
  ),
  ...plain(
    'gauge',
    `proxysql_active_transactions=Active_Transactions
     proxysql_client_connections_non_idle=Client_Connections_non_idle
     proxysql_client_connections_hostgroup_locked=Client_Connections_hostgroup_locked
     proxysql_mysql_backend_buffers_bytes=mysql_backend_buffers_bytes
     proxysql_mysql_frontend_buffers_bytes=mysql_frontend_buffers_bytes
     proxysql_mysql_session_internal_bytes=mysql_session_internal_bytes
     proxysql_mirror_concurrency=Mirror_concurrency proxysql_mirror_queue_lengths=Mirror_queue_length
     proxysql_mysql_thread_workers=MySQL_Thread_Workers
     proxysql_connpool_memory_bytes=ConnPool_memory_bytes proxysql_sqlite3_memory_bytes=SQLite3_memory_bytes
     proxysql_query_digest_memory_bytes=query_digest_memory proxysql_auth_memory_bytes=Auth_memory
     proxysql_mysql_query_rules_memory_bytes=mysql_query_rules_memory
     proxysql_mysql_firewall_users_table_bytes=mysql_firewall_users_table
     proxysql_mysql_firewall_rules_table_bytes=mysql_firewall_rules_table
     proxysql_mysql_firewall_rules_config_bytes=mysql_firewall_rules_config
     proxysql_stack_memory_mysql_threads_bytes=stack_memory_mysql_threads
     proxysql_stack_memory_admin_threads_bytes=stack_memory_admin_threads
     proxysql_stack_memory_cluster_threads=stack_memory_cluster_threads
     proxysql_stmt_client_active=Stmt_Client_Active_Total proxysql_stmt_client_active_unique=Stmt_Client_Active_Unique
     proxysql_stmt_server_active=Stmt_Server_Active_Total proxysql_stmt_server_active_unique=Stmt_Server_Active_Unique
     proxysql_stmt_max_stmt_id=Stmt_Max_Stmt_id proxysql_stmt_cached=Stmt_Cached
     prepare_stmt_metadata_memory_bytes=prepare_statement_metadata_memory
     prepare_stmt_backend_memory_bytes=prepare_statement_backend_memory
     proxysql_query_cache_memory_bytes=Query_Cache_Memory_bytes`,
  ),
  labelled('gauge', 'proxysql_jemalloc_bytes', 'type', {
    resident: 'jemalloc_resident',
    active: 'jemalloc_active',
    mapped: 'jemalloc_mapped',
    metadata: 'jemalloc_metadata',
    retained: 'jemalloc_retained',
  }),
  labelled('counter', 'proxysql_query_cache_count_get_total', 'status', {
    err: 'Query_Cache_count_GET',
    ok: 'Query_Cache_count_GET_OK',
  }),
  labelled('counter', 'proxysql_query_cache_bytes_total', 'op', {
    written: 'Query_Cache_bytes_IN',
    read: 'Query_Cache_bytes_OUT',
  }),
  ...plain(
    'counter',
    `proxysql_query_cache_count_set_total=Query_Cache_count_SET proxysql_query_cache_purged_total=Query_Cache_Purged
     proxysql_query_cache_entries_total=Query_Cache_Entries`,
  ),
];

function inSeconds(metric: MetricSource): MetricSource {
  return { ...metric, divisor: NANOSECONDS };
}
