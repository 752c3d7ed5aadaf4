/**
 * What the workers can be asked: one row type per stats table of the admin plane, and how rows of several workers
 * become one. It does not format anything; admin/stats owns columns and SQL.
 */

export interface ConnectionPoolRow {
  readonly hostgroup: number;
  readonly srvHost: string;
  readonly srvPort: number;
  /** ONLINE, SHUNNED, OFFLINE_SOFT, OFFLINE_HARD or SHUNNED_REPLICATION_LAG. */
  readonly status: string;
  readonly connUsed: number;
  readonly connFree: number;
  readonly connOk: number;
  readonly connErr: number;
  readonly maxConnUsed: number;
  readonly queries: number;
  readonly queriesGtidSync: number;
  readonly bytesDataSent: number;
  readonly bytesDataRecv: number;
  readonly latencyUs: number;
}

export interface QueryRuleHitsRow {
  readonly ruleId: number;
  readonly hits: number;
}

export interface QueryDigestRow {
  readonly hostgroup: number;
  readonly schemaname: string;
  readonly username: string;
  readonly clientAddress: string;
  /** `0x%016X`. */
  readonly digest: string;
  readonly digestText: string;
  readonly countStar: number;
  /** Unix seconds. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** Microseconds. */
  readonly sumTimeUs: number;
  readonly minTimeUs: number;
  readonly maxTimeUs: number;
  readonly sumRowsAffected: number;
  readonly sumRowsSent: number;
}

/** A user who has connections. */
export interface UserConnectionsRow {
  readonly username: string;
  readonly frontendConnections: number;
}

export interface ProcesslistRow {
  /** Index of the worker. */
  readonly threadId: number;
  readonly sessionId: number;
  readonly user: string | null;
  readonly db: string | null;
  readonly cliHost: string | null;
  readonly cliPort: number | null;
  readonly hostgroup: number | null;
  /** The proxy's own address and port on the backend connection. */
  readonly lSrvHost: string | null;
  readonly lSrvPort: number | null;
  readonly srvHost: string | null;
  readonly srvPort: number | null;
  readonly command: string;
  readonly timeMs: number;
  readonly info: string | null;
  /** Bits of ProxySQL's connection flags; null without a backend connection. */
  readonly statusFlags: number | null;
  /** JSON text; holds why a session is pinned. */
  readonly extendedInfo: string | null;
}

/** Counters by the names of stats_mysql_global; only those the data plane owns. */
export interface GlobalCounterRow {
  readonly name: string;
  readonly value: number;
}

/** One kind of command, as stats_mysql_commands_counters names it. */
export interface CommandCountersRow {
  readonly command: string;
  readonly totalTimeUs: number;
  readonly count: number;
  /** Counts of the twelve steps, cnt_100us to cnt_INFs. */
  readonly steps: readonly number[];
}

export interface ErrorRow {
  readonly hostgroup: number;
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly clientAddress: string;
  readonly schemaname: string;
  readonly errno: number;
  readonly countStar: number;
  /** Unix seconds. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly lastError: string;
}

export interface FreeConnectionRow {
  readonly fd: number;
  readonly hostgroup: number;
  readonly srvHost: string;
  readonly srvPort: number;
  readonly user: string;
  readonly schema: string | null;
  readonly initConnect: string | null;
  readonly timeZone: string | null;
  readonly sqlMode: string | null;
  readonly autocommit: string | null;
  readonly idleMs: number;
  /** JSON texts. */
  readonly statistics: string;
  readonly mysqlInfo: string;
}

export interface PreparedStatementRow {
  readonly globalStmtId: number;
  readonly schemaname: string;
  readonly username: string;
  /** `0x%016X`. */
  readonly digest: string;
  readonly refCountClient: number;
  readonly refCountServer: number;
  readonly numColumns: number;
  readonly numParams: number;
  readonly query: string;
}

/** Memory of one process in bytes, by the names of stats_memory_metrics; its processor time besides (cpu_user_us, cpu_system_us). */
export interface MemoryRow {
  readonly name: string;
  readonly value: number;
}

/** What masking did, or would have done. */
export interface MaskingRow {
  /** `masked`: cells of the column `item`. `refused`, `dry-run`: statements for the reason `item`. `cut`: results. */
  readonly kind: 'masked' | 'refused' | 'cut' | 'dry-run';
  readonly item: string;
  readonly username: string;
  readonly count: number;
  /** Unix seconds. */
  readonly firstSeen: number;
  readonly lastSeen: number;
}

/** What a server is known to have executed. */
export interface GtidExecutedRow {
  readonly hostname: string;
  readonly port: number;
  /** `uuid:1-5,uuid:7-7`. */
  readonly gtidExecuted: string;
  /** Messages of its reader of binary logs. */
  readonly events: number;
}

export interface StatsRows {
  readonly 'connection-pool': ConnectionPoolRow;
  readonly 'query-rules': QueryRuleHitsRow;
  readonly 'query-digest': QueryDigestRow;
  readonly users: UserConnectionsRow;
  readonly processlist: ProcesslistRow;
  readonly global: GlobalCounterRow;
  readonly commands: CommandCountersRow;
  readonly errors: ErrorRow;
  readonly 'free-connections': FreeConnectionRow;
  readonly 'prepared-statements': PreparedStatementRow;
  readonly memory: MemoryRow;
  readonly masking: MaskingRow;
  readonly 'gtid-executed': GtidExecutedRow;
}

export type StatsKind = keyof StatsRows;
