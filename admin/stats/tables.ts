/**
 * The stats_ tables: where their rows come from and the order of their columns.
 * It does not decide when they are read and writes none; refresh.ts does.
 */
import type { DataPlane } from '../../runtime/plane.ts';
import type { RuntimeSnapshot } from '../../runtime/snapshot.ts';
import type { StatsKind, StatsRows } from '../../runtime/stats.ts';
import { COMMAND_NAMES, LATENCY_STEPS } from './command-names.ts';
import { GLOBAL_NAMES } from './global-names.ts';
import { MEMORY_NAMES } from './memory-names.ts';

/** A value of a row as SQLite stores it. */
export type StatsCell = string | number | bigint | null;
export type StatsRow = readonly StatsCell[];

/** What the primary process itself knows; asked for at the moment of the reading. */
export interface PrimaryFacts {
  /** Seconds since start. */
  readonly uptimeS: number;
  /** How often MYSQL SERVERS was loaded to the runtime. */
  readonly serversVersion: number;
  /** Pages of the databases in memory. */
  readonly sqliteBytes: number;
}

interface Facts extends PrimaryFacts {
  readonly snapshot: RuntimeSnapshot;
}

export interface StatsTable {
  readonly name: string;
  /** There is a twin `<name>_reset`: reading it sets the counters to zero. */
  readonly hasReset: boolean;
  /** Asks the workers, and makes rows of what they say. */
  readonly collect: (plane: DataPlane, facts: () => PrimaryFacts, reset: boolean) => Promise<readonly StatsRow[]>;
}

interface Definition<K extends StatsKind> {
  readonly name: string;
  readonly kind: K;
  readonly hasReset?: true;
  readonly rows: (collected: readonly StatsRows[K][], facts: Facts) => readonly StatsRow[];
}

/** Ties the kind of a table to the type of its rows. */
function table<K extends StatsKind>({ name, kind, hasReset, rows }: Definition<K>): StatsTable {
  return {
    name,
    hasReset: hasReset === true,
    collect: async (plane, facts, reset) =>
      rows(await plane.collect(kind, { reset }), { ...facts(), snapshot: plane.current }),
  };
}

const connectionPool = table({
  name: 'stats_mysql_connection_pool',
  kind: 'connection-pool',
  hasReset: true,
  rows: (collected) =>
    collected.map((r) => [
      r.hostgroup,
      r.srvHost,
      r.srvPort,
      r.status,
      r.connUsed,
      r.connFree,
      r.connOk,
      r.connErr,
      r.maxConnUsed,
      r.queries,
      r.queriesGtidSync,
      r.bytesDataSent,
      r.bytesDataRecv,
      r.latencyUs,
    ]),
});

const queryRules = table({
  name: 'stats_mysql_query_rules',
  kind: 'query-rules',
  rows: (collected, { snapshot }) => {
    // Rules that nobody has hit yet are shown with 0.
    const hits = new Map(snapshot.queryRules.map(({ ruleId }) => [ruleId, 0]));
    for (const row of collected) hits.set(row.ruleId, row.hits);
    return [...hits];
  },
});

const queryDigest = table({
  name: 'stats_mysql_query_digest',
  kind: 'query-digest',
  hasReset: true,
  rows: (collected) =>
    collected.map((r) => [
      r.hostgroup,
      r.schemaname,
      r.username,
      r.clientAddress,
      r.digest,
      r.digestText,
      r.countStar,
      r.firstSeen,
      r.lastSeen,
      r.sumTimeUs,
      r.minTimeUs,
      r.maxTimeUs,
      r.sumRowsAffected,
      r.sumRowsSent,
    ]),
});

const users = table({
  name: 'stats_mysql_users',
  kind: 'users',
  rows: (collected, { snapshot }) => {
    const counted = new Map(collected.map((row) => [row.username, row.frontendConnections]));
    return snapshot.users
      .filter((user) => user.frontend)
      .map((user) => [user.username, counted.get(user.username) ?? 0, user.maxConnections]);
  },
});

const processlist = table({
  name: 'stats_mysql_processlist',
  kind: 'processlist',
  rows: (collected) =>
    collected.map((r) => [
      r.threadId,
      r.sessionId,
      r.user,
      r.db,
      r.cliHost,
      r.cliPort,
      r.hostgroup,
      r.lSrvHost,
      r.lSrvPort,
      r.srvHost,
      r.srvPort,
      r.command,
      r.timeMs,
      r.info,
      r.statusFlags,
      r.extendedInfo,
    ]),
});

const masking = table({
  name: 'stats_mysql_masking',
  kind: 'masking',
  hasReset: true,
  rows: (collected) => collected.map((r) => [r.kind, r.item, r.username, r.count, r.firstSeen, r.lastSeen]),
});

const global = table({
  name: 'stats_mysql_global',
  kind: 'global',
  rows: (collected, { uptimeS, serversVersion, sqliteBytes }) => {
    const values = new Map<string, StatsCell>(GLOBAL_NAMES.map((name) => [name, '0']));
    for (const { name, value } of collected) values.set(name, String(value));
    values.set('ProxySQL_Uptime', String(Math.trunc(uptimeS)));
    values.set('Servers_table_version', String(serversVersion));
    values.set('SQLite3_memory_bytes', String(sqliteBytes));
    values.set('mysql_listener_paused', 'false');
    return [...values];
  },
});

const commands = table({
  name: 'stats_mysql_commands_counters',
  kind: 'commands',
  rows: (collected) => {
    const seen = new Map(collected.map((row) => [row.command, row]));
    return COMMAND_NAMES.map((command) => {
      const row = seen.get(command);
      const steps = row?.steps ?? new Array<number>(LATENCY_STEPS).fill(0);
      // Whole numbers as such: the last column has no type, and would show 0.0.
      return [command, row?.totalTimeUs ?? 0, row?.count ?? 0, ...steps.map(BigInt)];
    });
  },
});

const errors = table({
  name: 'stats_mysql_errors',
  kind: 'errors',
  hasReset: true,
  rows: (collected) =>
    collected.map((r) => [
      r.hostgroup,
      r.hostname,
      r.port,
      r.username,
      r.clientAddress,
      r.schemaname,
      r.errno,
      r.countStar,
      r.firstSeen,
      r.lastSeen,
      r.lastError,
    ]),
});

const freeConnections = table({
  name: 'stats_mysql_free_connections',
  kind: 'free-connections',
  rows: (collected) =>
    collected.map((r) => [
      r.fd,
      r.hostgroup,
      r.srvHost,
      r.srvPort,
      r.user,
      r.schema,
      r.initConnect,
      r.timeZone,
      r.sqlMode,
      r.autocommit,
      r.idleMs,
      r.statistics,
      r.mysqlInfo,
    ]),
});

const preparedStatements = table({
  name: 'stats_mysql_prepared_statements_info',
  kind: 'prepared-statements',
  rows: (collected) =>
    collected.map((r) => [
      r.globalStmtId,
      r.schemaname,
      r.username,
      r.digest,
      r.refCountClient,
      r.refCountServer,
      r.numColumns,
      r.numParams,
      r.query,
    ]),
});

const gtidExecuted = table({
  name: 'stats_mysql_gtid_executed',
  kind: 'gtid-executed',
  rows: (collected) => collected.map((r) => [r.hostname, r.port, r.gtidExecuted, r.events]),
});

const memory = table({
  name: 'stats_memory_metrics',
  kind: 'memory',
  rows: (collected, { sqliteBytes, snapshot }) => {
    const values = new Map<string, number>(MEMORY_NAMES.map((name) => [name, 0]));
    const add = (name: string, bytes: number): void => void values.set(name, (values.get(name) ?? 0) + bytes);
    for (const { name, value } of collected) add(name, value);
    const own = process.memoryUsage();
    add('jemalloc_resident', own.rss);
    add('jemalloc_active', own.heapTotal + own.external);
    add('jemalloc_allocated', own.heapUsed + own.external);
    add('jemalloc_mapped', own.heapTotal + own.external);
    add('SQLite3_memory_bytes', sqliteBytes);
    add('Auth_memory', textBytes(snapshot.users));
    add('mysql_query_rules_memory', textBytes(snapshot.queryRules) + textBytes(snapshot.fastRouting));
    return MEMORY_NAMES.map((name) => [name, String(values.get(name))]);
  },
});

/** About what entries weigh: their texts, and eight bytes for everything else. */
function textBytes(entries: readonly object[]): number {
  let bytes = 0;
  for (const entry of entries) {
    for (const value of Object.values(entry)) bytes += typeof value === 'string' ? value.length : 8;
  }
  return bytes;
}

/** All that have rows; the others of schema.sql stay empty (docs/COMPATIBILITY.md). */
export const STATS_TABLES: readonly StatsTable[] = [
  connectionPool,
  queryRules,
  queryDigest,
  users,
  processlist,
  masking,
  global,
  commands,
  errors,
  freeConnections,
  preparedStatements,
  gtidExecuted,
  memory,
];
