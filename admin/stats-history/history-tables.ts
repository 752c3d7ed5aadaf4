/**
 * The tables of stats_history that are filled by time: which variable says how often, where each column comes from, and
 * how an hour of it becomes one row. It runs nothing.
 */
import type { AdminVariableName } from '../variables/admin-spec.ts';

/** How samples of an hour become one: counters are as at its end, gauges as on average, times are added. */
type Rollup = 'MAX' | 'AVG' | 'SUM';

export interface HistoryColumn {
  readonly name: string;
  /** Name of the figure in a sample. */
  readonly from: string;
  readonly rollup: Rollup;
}

export interface HistoryTable {
  readonly name: string;
  /** The admin variable with the seconds between two samples; 0 is never. */
  readonly interval: AdminVariableName;
  readonly columns: readonly HistoryColumn[];
}

function columns(rollup: Rollup, text: string): HistoryColumn[] {
  return text
    .trim()
    .split(/\s+/)
    .map((word) => {
      const [name = '', from = name] = word.split('=');
      return { name, from, rollup };
    });
}

export const HISTORY_TABLES: readonly HistoryTable[] = [
  {
    name: 'mysql_connections',
    interval: 'stats_mysql_connections',
    columns: [
      ...columns('MAX', 'Client_Connections_aborted'),
      ...columns('AVG', 'Client_Connections_connected'),
      ...columns('MAX', 'Client_Connections_created Server_Connections_aborted'),
      ...columns('AVG', 'Server_Connections_connected'),
      ...columns(
        'MAX',
        `Server_Connections_created ConnPool_get_conn_failure ConnPool_get_conn_immediate ConnPool_get_conn_success
         Questions Slow_queries GTID_consistent_queries`,
      ),
    ],
  },
  {
    name: 'myhgm_connections',
    interval: 'stats_mysql_connections',
    columns: columns(
      'MAX',
      `MyHGM_myconnpoll_destroy MyHGM_myconnpoll_get MyHGM_myconnpoll_get_ok MyHGM_myconnpoll_push
       MyHGM_myconnpoll_reset`,
    ),
  },
  {
    name: 'mysql_query_cache',
    interval: 'stats_mysql_query_cache',
    columns: [
      ...columns(
        'MAX',
        `count_GET=Query_Cache_count_GET count_GET_OK=Query_Cache_count_GET_OK count_SET=Query_Cache_count_SET
         bytes_IN=Query_Cache_bytes_IN bytes_OUT=Query_Cache_bytes_OUT Entries_Purged=Query_Cache_Purged`,
      ),
      ...columns('AVG', 'Entries_In_Cache=Query_Cache_Entries Memory_Bytes=Query_Cache_Memory_bytes'),
    ],
  },
  { name: 'system_cpu', interval: 'stats_system_cpu', columns: columns('SUM', 'tms_utime tms_stime') },
  {
    name: 'system_memory',
    interval: 'stats_system_memory',
    columns: columns(
      'AVG',
      `allocated=jemalloc_allocated resident=jemalloc_resident active=jemalloc_active mapped=jemalloc_mapped
       metadata=jemalloc_metadata retained=jemalloc_retained`,
    ),
  },
];
