/**
 * One row of stats_mysql_processlist, and the numbers that are counted over all sessions when somebody asks.
 */
import { performance } from 'node:perf_hooks';
import type { GlobalCounterRow, ProcesslistRow } from '../../runtime/stats.ts';
import { type BackendConnection, ConnectionFlag } from '../backend/backend-connection.ts';
import { SessionEffect } from '../sql/facts.ts';
import { NO_MULTIPLEX_PIN, pinNames } from './leases.ts';
import type { StatementRun } from './run/statement-run.ts';
import type { Session } from './session.ts';

/** Pins by the bits of ProxySQL's MySQL_Connection::status_flags. */
const FLAGS: readonly (readonly [pin: number, flag: number])[] = [
  [SessionEffect.USER_VARIABLE, ConnectionFlag.USER_VARIABLE],
  [SessionEffect.SQL_PREPARE, ConnectionFlag.PREPARED_STATEMENT],
  [SessionEffect.LOCK_TABLES, ConnectionFlag.LOCK_TABLES],
  [SessionEffect.TEMPORARY_TABLE, ConnectionFlag.TEMPORARY_TABLE],
  [SessionEffect.GET_LOCK, ConnectionFlag.GET_LOCK],
  [SessionEffect.FOUND_ROWS, ConnectionFlag.FOUND_ROWS],
  [SessionEffect.SAVEPOINT, ConnectionFlag.HAS_SAVEPOINT],
  [NO_MULTIPLEX_PIN, ConnectionFlag.NO_MULTIPLEX],
];

/** The column status_flags: why the connection is not shared. */
export function connectionFlags(connection: BackendConnection, lockedHostgroup: number): number {
  let flags = lockedHostgroup === connection.home.hostgroup ? ConnectionFlag.NO_MULTIPLEX : 0;
  for (const [pin, flag] of FLAGS) if ((connection.pins & pin) !== 0) flags |= flag;
  return flags;
}

/** @param run what the session has on a server */
export function processlistRow(session: Session, run: Pick<StatementRun, 'phase' | 'connection'>): ProcesslistRow {
  const { context, leases, client, user, atWork, lockedHostgroup } = session;
  const connection = run.connection ?? leases.held[0];
  return {
    threadId: context.workerIndex,
    sessionId: session.connectionId,
    user: user.username,
    db: session.state.schema === '' ? null : session.state.schema,
    cliHost: client.address,
    cliPort: client.port,
    hostgroup: connection?.home.hostgroup ?? user.defaultHostgroup,
    lSrvHost: connection?.localAddress ?? null,
    lSrvPort: connection?.localPort ?? null,
    srvHost: connection?.home.hostname ?? null,
    srvPort: connection?.home.port ?? null,
    command: atWork.name,
    timeMs: Math.round(performance.now() - atWork.since),
    info: atWork.text,
    statusFlags: connection === undefined ? null : connectionFlags(connection, lockedHostgroup),
    extendedInfo: extendedInfo(session, run.phase),
  };
}

/** Why the session keeps its connection; nothing, compact or for people, by mysql-show_processlist_extended. */
function extendedInfo({ context, leases, ageMs }: Session, phase: StatementRun['phase']): string | null {
  const { showProcesslistExtended } = context.runtime.variables;
  if (showProcesslistExtended === 0) return null;
  const pinned = leases.held.flatMap((held) => [
    ...pinNames(held.pins),
    ...(held.inTransaction ? ['TRANSACTION'] : []),
  ]);
  return JSON.stringify({ phase, pinned, connected_ms: ageMs }, null, showProcesslistExtended === 2 ? 2 : 0);
}

/** Rows of stats_mysql_global that say how things are, not how often something happened. */
export function sessionGauges(sessions: Iterable<Session>): GlobalCounterRow[] {
  let transactions = 0;
  let locked = 0;
  let clients = 0;
  let frontendBuffers = 0;
  let bytesReceived = 0;
  let bytesSent = 0;
  for (const { leases, lockedHostgroup, client } of sessions) {
    clients += 1;
    if (leases.inTransaction() !== undefined) transactions += 1;
    if (lockedHostgroup >= 0) locked += 1;
    frontendBuffers += client.socket.writableLength;
    bytesReceived += client.bytesReceived;
    bytesSent += client.bytesSent;
  }
  return [
    { name: 'Active_Transactions', value: transactions },
    { name: 'Client_Connections_hostgroup_locked', value: locked },
    // Every connection is looked after by its worker: there are no threads for idle ones.
    { name: 'Client_Connections_non_idle', value: clients },
    { name: 'mysql_frontend_buffers_bytes', value: frontendBuffers },
    { name: 'Queries_frontends_bytes_recv', value: bytesReceived },
    { name: 'Queries_frontends_bytes_sent', value: bytesSent },
    { name: 'MySQL_Thread_Workers', value: 1 },
  ];
}
