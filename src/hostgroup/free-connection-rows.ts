/**
 * stats_mysql_free_connections: what the pool holds in reserve, and what each connection looks like.
 */
import type { FreeConnectionRow } from '../../runtime/stats.ts';
import type { BackendConnection } from '../backend/backend-connection.ts';
import type { Server } from './server.ts';

export function freeConnectionRow(
  server: Server,
  connection: BackendConnection,
  initConnect: string,
): FreeConnectionRow {
  const { state } = connection;
  const variable = (name: string): string | null => state.variables.get(name)?.replace(/^'(.*)'$/s, '$1') ?? null;
  const nowMs = Date.now();
  return {
    fd: connection.fileDescriptor,
    hostgroup: server.hostgroup,
    srvHost: server.hostname,
    srvPort: server.port,
    user: connection.username,
    schema: state.schema ?? '',
    initConnect: initConnect === '' ? null : initConnect,
    timeZone: variable('time_zone'),
    sqlMode: variable('sql_mode'),
    autocommit: variable('autocommit') ?? '1',
    idleMs: Math.max(0, nowMs - connection.quietSinceMs),
    statistics: JSON.stringify({
      age_ms: nowMs - connection.createdAtMs,
      prepared_statements: connection.statements.size,
    }),
    mysqlInfo: JSON.stringify({
      address: `${server.hostname}:${server.port}`,
      thread_id: connection.threadId,
      server_version: connection.serverVersion,
      charset: state.names?.charset ?? null,
      server_status: connection.statusFlags,
    }),
  };
}
