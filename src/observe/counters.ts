/**
 * The worker's own numbers, by their names in stats_mysql_global. Plain fields that the hot path increments; nothing
 * is formatted before somebody asks.
 */
import type { GlobalCounterRow } from '../../runtime/stats.ts';

export class Counters {
  Client_Connections_aborted = 0;
  Client_Connections_connected = 0;
  Client_Connections_created = 0;
  /** Logins to servers that failed. */
  Server_Connections_aborted = 0;
  Server_Connections_connected = 0;
  Server_Connections_created = 0;
  Com_frontend_init_db = 0;
  Com_frontend_set_names = 0;
  Com_frontend_use_db = 0;
  Com_frontend_stmt_prepare = 0;
  Com_frontend_stmt_execute = 0;
  Com_frontend_stmt_close = 0;
  Com_backend_stmt_prepare = 0;
  Com_backend_stmt_execute = 0;
  Com_backend_stmt_close = 0;
  Com_commit_filtered = 0;
  Com_rollback_filtered = 0;
  Questions = 0;
  Slow_queries = 0;
  Queries_backends_bytes_recv = 0;
  Queries_backends_bytes_sent = 0;
  Queries_frontends_bytes_recv = 0;
  Queries_frontends_bytes_sent = 0;
  /** Statements that found a free connection waiting for them. */
  ConnPool_get_conn_immediate = 0;
  /** Statements that got a connection, at once or later. */
  ConnPool_get_conn_success = 0;
  ConnPool_get_conn_failure = 0;
  max_connect_timeouts = 0;
  generated_error_packets = 0;
  Access_Denied_Wrong_Password = 0;
  Access_Denied_Max_Connections = 0;
  Access_Denied_Max_User_Connections = 0;
  mysql_killed_backend_connections = 0;
  mysql_killed_backend_queries = 0;
  Query_Cache_Memory_bytes = 0;
  Query_Cache_count_GET = 0;
  Query_Cache_count_GET_OK = 0;
  Query_Cache_count_SET = 0;
  /** Of answers kept, and of answers given. */
  Query_Cache_bytes_IN = 0;
  Query_Cache_bytes_OUT = 0;
  Query_Cache_Purged = 0;
  Query_Cache_Entries = 0;
  hostgroup_locked_set_cmds = 0;
  hostgroup_locked_queries = 0;

  rows(): GlobalCounterRow[] {
    return Object.entries(this).map(([name, value]) => ({ name, value: value as number }));
  }
}
