/**
 * The stats_ tables: where their rows come from and the order of their columns.
 * It does not decide when they are read and writes none; refresh.ts does.
 */
import type { DataPlane } from '../../runtime/plane.ts';
import type { RuntimeSnapshot } from '../../runtime/snapshot.ts';
import type { StatsKind, StatsRows } from '../../runtime/stats.ts';
import { GLOBAL_NAMES } from './global-names.ts';

/** A value of a row as SQLite stores it. */
export type StatsCell = string | number | null;
export type StatsRow = readonly StatsCell[];

/** What the primary process itself knows. */
export interface PrimaryFacts {
  /** Seconds since start. */
  readonly uptimeS: number;
  readonly snapshot: RuntimeSnapshot;
}

export interface StatsTable {
  readonly name: string;
  /** There is a twin `<name>_reset`: reading it sets the counters to zero. */
  readonly hasReset: boolean;
  /** Asks the workers, and makes rows of what they say. */
  readonly collect: (plane: DataPlane, uptimeS: () => number, reset: boolean) => Promise<readonly StatsRow[]>;
}

interface Definition<K extends StatsKind> {
  readonly name: string;
  readonly kind: K;
  readonly hasReset?: true;
  readonly rows: (collected: readonly StatsRows[K][], facts: PrimaryFacts) => readonly StatsRow[];
}

/** Ties the kind of a table to the type of its rows. */
function table<K extends StatsKind>({ name, kind, hasReset, rows }: Definition<K>): StatsTable {
  return {
    name,
    hasReset: hasReset === true,
    collect: async (plane, uptimeS, reset) =>
      rows(await plane.collect(kind, { reset }), { uptimeS: uptimeS(), snapshot: plane.current }),
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

const global = table({
  name: 'stats_mysql_global',
  kind: 'global',
  rows: (collected, { uptimeS }) => {
    const values = new Map<string, StatsCell>(GLOBAL_NAMES.map((name) => [name, '0']));
    for (const { name, value } of collected) values.set(name, String(value));
    values.set('ProxySQL_Uptime', String(Math.trunc(uptimeS)));
    values.set('mysql_listener_paused', 'false');
    return [...values];
  },
});

/** All of them. */
export const STATS_TABLES: readonly StatsTable[] = [
  connectionPool,
  queryRules,
  queryDigest,
  users,
  processlist,
  global,
];
