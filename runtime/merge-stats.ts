/**
 * How rows of several workers become one table: counters add up, extremes stay extremes, and rows that are a
 * worker's own (processlist) are put one after the other. The only place where counters are aggregated.
 */
import type {
  CommandCountersRow,
  ConnectionPoolRow,
  ErrorRow,
  PreparedStatementRow,
  QueryDigestRow,
  StatsKind,
  StatsRows,
} from './stats.ts';

type Merger<K extends StatsKind> = {
  /** Rows with the same key are one row of the table; `undefined` when every row stands for itself. */
  readonly key: ((row: StatsRows[K]) => string) | undefined;
  readonly merge: (a: StatsRows[K], b: StatsRows[K]) => StatsRows[K];
};

/** Statuses by how much an operator has to know of them: one worker's SHUNNED is shown although others are ONLINE. */
const STATUS_RANK = ['ONLINE', 'SHUNNED_REPLICATION_LAG', 'SHUNNED', 'OFFLINE_SOFT', 'OFFLINE_HARD'];

const MERGERS: { readonly [K in StatsKind]: Merger<K> } = {
  'connection-pool': { key: (r) => `${r.hostgroup}\0${r.srvHost}\0${r.srvPort}`, merge: mergePool },
  'query-rules': { key: (r) => String(r.ruleId), merge: (a, b) => ({ ruleId: a.ruleId, hits: a.hits + b.hits }) },
  'query-digest': {
    key: (r) => `${r.hostgroup}\0${r.schemaname}\0${r.username}\0${r.clientAddress}\0${r.digest}`,
    merge: mergeDigest,
  },
  users: {
    key: (r) => r.username,
    merge: (a, b) => ({ ...a, frontendConnections: a.frontendConnections + b.frontendConnections }),
  },
  processlist: { key: undefined, merge: (a) => a },
  global: { key: (r) => r.name, merge: addValues },
  commands: { key: (r) => r.command, merge: mergeCommands },
  errors: {
    key: (r) => [r.hostgroup, r.hostname, r.port, r.username, r.clientAddress, r.schemaname, r.errno].join('\0'),
    merge: mergeErrors,
  },
  'free-connections': { key: undefined, merge: (a) => a },
  'prepared-statements': { key: (r) => `${r.username}\0${r.schemaname}\0${r.query}`, merge: mergePrepared },
  memory: { key: (r) => r.name, merge: addValues },
  // Every worker listens to the same readers; the one that has heard most is shown.
  'gtid-executed': { key: (r) => `${r.hostname}\0${r.port}`, merge: (a, b) => (b.events > a.events ? b : a) },
  masking: {
    key: (r) => `${r.kind}\0${r.item}\0${r.username}`,
    merge: (a, b) => ({
      ...a,
      count: a.count + b.count,
      firstSeen: Math.min(a.firstSeen, b.firstSeen),
      lastSeen: Math.max(a.lastSeen, b.lastSeen),
    }),
  },
};

/** One list from the lists of all workers, in the order in which keys were first seen. */
export function mergeRows<K extends StatsKind>(
  kind: K,
  lists: readonly (readonly StatsRows[K][])[],
): readonly StatsRows[K][] {
  const { key, merge } = MERGERS[kind] as Merger<K>;
  const [only] = lists;
  if (lists.length === 1 && only !== undefined) return only;
  if (key === undefined) return lists.flat();
  const rows = new Map<string, StatsRows[K]>();
  for (const list of lists) {
    for (const row of list) {
      const seen = rows.get(key(row));
      rows.set(key(row), seen === undefined ? row : merge(seen, row));
    }
  }
  return [...rows.values()];
}

function addValues<Row extends { readonly name: string; readonly value: number }>(a: Row, b: Row): Row {
  return { ...a, value: a.value + b.value };
}

function mergeCommands(a: CommandCountersRow, b: CommandCountersRow): CommandCountersRow {
  return {
    command: a.command,
    totalTimeUs: a.totalTimeUs + b.totalTimeUs,
    count: a.count + b.count,
    steps: a.steps.map((count, step) => count + (b.steps[step] ?? 0)),
  };
}

function mergeErrors(a: ErrorRow, b: ErrorRow): ErrorRow {
  return {
    ...(a.lastSeen >= b.lastSeen ? a : b),
    countStar: a.countStar + b.countStar,
    firstSeen: Math.min(a.firstSeen, b.firstSeen),
  };
}

/** Each worker numbers its statements itself; the smaller number is shown. */
function mergePrepared(a: PreparedStatementRow, b: PreparedStatementRow): PreparedStatementRow {
  return {
    ...(a.globalStmtId <= b.globalStmtId ? a : b),
    refCountClient: a.refCountClient + b.refCountClient,
    refCountServer: a.refCountServer + b.refCountServer,
  };
}

function mergePool(a: ConnectionPoolRow, b: ConnectionPoolRow): ConnectionPoolRow {
  return {
    ...a,
    status: STATUS_RANK.indexOf(a.status) >= STATUS_RANK.indexOf(b.status) ? a.status : b.status,
    connUsed: a.connUsed + b.connUsed,
    connFree: a.connFree + b.connFree,
    connOk: a.connOk + b.connOk,
    connErr: a.connErr + b.connErr,
    maxConnUsed: a.maxConnUsed + b.maxConnUsed,
    queries: a.queries + b.queries,
    queriesGtidSync: a.queriesGtidSync + b.queriesGtidSync,
    bytesDataSent: a.bytesDataSent + b.bytesDataSent,
    bytesDataRecv: a.bytesDataRecv + b.bytesDataRecv,
    latencyUs: Math.max(a.latencyUs, b.latencyUs),
  };
}

function mergeDigest(a: QueryDigestRow, b: QueryDigestRow): QueryDigestRow {
  return {
    ...a,
    countStar: a.countStar + b.countStar,
    firstSeen: Math.min(a.firstSeen, b.firstSeen),
    lastSeen: Math.max(a.lastSeen, b.lastSeen),
    sumTimeUs: a.sumTimeUs + b.sumTimeUs,
    minTimeUs: Math.min(a.minTimeUs, b.minTimeUs),
    maxTimeUs: Math.max(a.maxTimeUs, b.maxTimeUs),
    sumRowsAffected: a.sumRowsAffected + b.sumRowsAffected,
    sumRowsSent: a.sumRowsSent + b.sumRowsSent,
  };
}
