/**
 * What PROXYSQL INTERNAL SESSION tells a client of its own session: ProxySQL's names where there is something to say, in
 * their order, and why connections are held, which ProxySQL does not tell. No secrets are in it.
 */
import type { BackendConnection } from '../backend/backend-connection.ts';
import { Capability } from '../protocol/capabilities.ts';
import { pinNames } from './leases.ts';
import type { Session } from './session.ts';

export function sessionInfo(session: Session): unknown {
  const { client, leases, state, user, variables } = session;
  const inTransaction = leases.inTransaction() !== undefined;
  const has = (bit: number): number => ((session.shape & bit) === 0 ? 0 : 1);
  return {
    active_transactions: inTransaction ? 1 : 0,
    age_ms: session.ageMs,
    autocommit: state.variables.get('autocommit') !== '0',
    backends: leases.held.map(backendInfo),
    client: {
      client_addr: { address: client.address, port: client.port },
      encrypted: 'encrypted' in client.socket,
      proxy_addr: { address: client.localAddress, port: client.localPort },
      stream: { bytes_recv: client.bytesReceived, bytes_sent: client.bytesSent },
      userinfo: { schemaname: state.schema, username: user.username },
    },
    conn: {
      character_set: state.names?.charset ?? '',
      client_flag: {
        client_deprecate_eof: has(Capability.DEPRECATE_EOF),
        client_found_rows: has(Capability.FOUND_ROWS),
        client_multi_results: has(Capability.MULTI_RESULTS),
        client_multi_statements: has(Capability.MULTI_STATEMENTS),
        value: session.capabilities,
      },
      collation: state.names?.collation ?? '',
      variables: Object.fromEntries(state.variables),
    },
    default_hostgroup: user.defaultHostgroup,
    default_schema: user.defaultSchema,
    last_insert_id: Number(session.lastInsertId),
    locked_on_hostgroup: session.lockedHostgroup,
    multiplexing: variables.multiplexing,
    thread_session_id: session.connectionId,
    transaction_persistent: user.transactionPersistent,
    worker: session.context.workerIndex,
  };
}

function backendInfo(connection: BackendConnection): unknown {
  const { home } = connection;
  return {
    conn: {
      MultiplexDisabled: !connection.clean,
      mysql: {
        db: connection.state.schema ?? '',
        host: home.hostname,
        port: home.port,
        server_status: connection.statusFlags,
        server_version: connection.serverVersion,
        thread_id: connection.threadId,
        user: connection.username,
      },
      pinned_by: pinNames(connection.pins),
      ps: connection.statements.size,
    },
    hostgroup_id: home.hostgroup,
  };
}
