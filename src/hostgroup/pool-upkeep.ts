/**
 * What happens to free connections while nobody wants them: those too many or too old are closed, those that were
 * quiet for long are pinged, and one that does not answer is closed before a session could get it. Those in use that are too old
 * are closed when they come back. It keeps no time of its own; hostgroup-manager.ts calls it from its sweep.
 */
import type { MysqlVariables } from '../../runtime/variables.ts';
import type { AnswerOwner, BackendConnection } from '../backend/backend-connection.ts';
import { Command } from '../protocol/commands.ts';
import type { ResponseWalker } from '../protocol/response-walker.ts';
import type { Server } from './server.ts';

const COM_PING_FRAME = Buffer.from([1, 0, 0, 0, Command.COM_PING]);

/**
 * Closes free connections beyond mysql-free_connections_pct, and those older than mysql-connection_max_age_ms; older ones in
 * use nobody joins any more, and they are closed when they are given back.
 */
export function tidy(server: Server, variables: MysqlVariables, nowMs: number): void {
  const { freeConnectionsPct, connectionMaxAgeMs } = variables;
  const freeMax = Math.max(1, Math.floor((server.entry.maxConnections * freeConnectionsPct) / 100));
  for (const connection of server.free.slice(0, Math.max(0, server.free.length - freeMax))) connection.destroy();
  if (connectionMaxAgeMs === 0) return;
  for (const connection of [...server.free]) {
    if (nowMs - connection.createdAtMs > connectionMaxAgeMs) connection.destroy();
  }
  // On a busy server the same few are in use whenever one looks.
  for (const connection of server.inUse) {
    if (nowMs - connection.createdAtMs <= connectionMaxAgeMs || connection.outdated) continue;
    connection.outdated = true;
    server.lanes.close(connection);
  }
}

/** Pings what was quiet for mysql-ping_interval_server_msec; while it is pinged, a connection is not given away. */
export function pingFree(server: Server, variables: MysqlVariables, nowMs: number, onAnswered: () => void): void {
  const owner: AnswerOwner = {
    answerBytes: () => true,
    answerDone(connection: BackendConnection, walker: ResponseWalker) {
      if (walker.ended === 'error') connection.destroy();
      onAnswered();
    },
    answerLost() {},
  };
  for (const connection of [...server.free]) {
    if (!connection.idle || nowMs - connection.quietSinceMs < variables.pingIntervalServerMsec) continue;
    connection.quietSinceMs = nowMs;
    connection.send(COM_PING_FRAME, 'simple', owner);
  }
}

/** Closes connections whose ping was not answered within mysql-ping_timeout_server; returns how many. */
export function dropUnanswered(server: Server, variables: MysqlVariables, nowMs: number): number {
  let dropped = 0;
  for (const connection of [...server.free]) {
    // Nothing but a ping makes a free connection expect an answer.
    if (connection.idle || nowMs - connection.quietSinceMs < variables.pingTimeoutServer) continue;
    connection.destroy();
    dropped += 1;
  }
  return dropped;
}
