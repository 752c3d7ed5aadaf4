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
  Server_Connections_delayed = 0;
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
  /** COMMIT and ROLLBACK of sessions that are locked to no hostgroup; those without a transaction are filtered. */
  Com_commit = 0;
  Com_rollback = 0;
  /** SET autocommit; filtered when the proxy answers it. */
  Com_autocommit = 0;
  Com_autocommit_filtered = 0;
  Com_backend_init_db = 0;
  Com_backend_set_names = 0;
  Questions = 0;
  Slow_queries = 0;
  /** Statements that were sent to a server because it had executed the session's last write (gtid_from_hostgroup). */
  GTID_consistent_queries = 0;
  /** Writes whose transaction id was taken from the answer. */
  GTID_session_collected = 0;
  /** Statements whose comment says how far a server may be behind (max_lag_ms, min_epoch_ms). */
  queries_with_max_lag_ms = 0;
  /** Those that did not find a free connection at once, and what they waited. */
  queries_with_max_lag_ms__delayed = 0;
  queries_with_max_lag_ms__total_wait_time_us = 0;
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
  Mirror_concurrency = 0;
  Mirror_queue_length = 0;
  /** Statements that were to go to the events log, and did not. */
  Sluice_events_log_dropped = 0;
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
  Selects_for_update__autocommit0 = 0;
  /** Only while mysql-stats_time_query_processor and mysql-stats_time_backend_query are on. */
  Query_Processor_time_nsec = 0;
  Backend_query_time_nsec = 0;
  /** Connections asked of the pools, got from them, given back, closed and reset. */
  MyHGM_myconnpoll_get = 0;
  MyHGM_myconnpoll_get_ok = 0;
  MyHGM_myconnpoll_push = 0;
  MyHGM_myconnpoll_destroy = 0;
  MyHGM_myconnpoll_reset = 0;

  /** Statements that ran on a connection which others could join. */
  Sluice_pipelining_statements = 0;
  /** Of these, those that were sent while the answer to another one was still outstanding. */
  Sluice_pipelining_joined = 0;
  /** The most answers that were outstanding on one connection. */
  Sluice_pipelining_depth_max = 0;
  /** Statements that asked elsewhere because those before them took too long. */
  Sluice_pipelining_moved = 0;
  /** Statements that waited for a connection that would be free soon, though there might have been another one. */
  Sluice_busy_waits = 0;
  // Why statements had a connection of their own. Switched off, in this hostgroup or everywhere:
  Sluice_pipelining_not_enabled = 0;
  /** The server does not answer two commands in one segment, or it is not known yet whether it does. */
  Sluice_pipelining_not_probed = 0;
  Sluice_pipelining_not_by_rule = 0;
  /** A write, or a read that may depend on the server's session or leave something in it. */
  Sluice_pipelining_not_a_read = 0;
  /** The session has a connection of its own, or wants the next transaction to be a special one. */
  Sluice_pipelining_not_free = 0;
  /** The digest was not seen often enough. */
  Sluice_pipelining_not_known = 0;
  /** Its answers are slow or large. */
  Sluice_pipelining_not_quick = 0;
  /** It lately had warnings or an error, which the next statement may ask for, or held others up. */
  Sluice_pipelining_not_quiet = 0;

  rows(): GlobalCounterRow[] {
    return Object.entries(this).map(([name, value]) => ({ name, value: value as number }));
  }
}
