/**
 * The admin port: accepts connections, logs them in and starts their sessions.
 * It does not know what statements mean, nor where the accounts come from.
 */
import type { Socket } from 'node:net';
import {
  type AuthenticatedLogin,
  type LoginPolicy,
  reauthenticate,
  serverLogin,
} from '../src/connection-phase/server-login.ts';
import { createListener, type Interface } from '../src/net/listener.ts';
import type { TlsIdentity } from '../src/net/tls.ts';
import type { Logger } from '../src/observe/logger.ts';
import { Capability } from '../src/protocol/capabilities.ts';
import { errors, type ProtocolError } from '../src/protocol/errors.ts';
import { type AdminAccount, mayConnectFrom } from './credentials.ts';
import { ADMIN_CHARSET, ADMIN_STATUS } from './session/encode-reply.ts';
import type { OpenSessions } from './session/open-sessions.ts';
import { ADMIN_PACKET_BYTES_MAX, AdminSession, type SessionDependencies } from './session/session.ts';

/** Milliseconds a client has to log in. */
export const ADMIN_LOGIN_TIMEOUT_MS = 10_000;
/** Logins and sessions at a time; more are refused. */
export const ADMIN_CONNECTIONS_MAX = 1000;

/** What ProxySQL offers on this port, without compression; no DEPRECATE_EOF. TLS is added by the login. */
const ADMIN_CAPABILITIES =
  Capability.LONG_PASSWORD |
  Capability.FOUND_ROWS |
  Capability.LONG_FLAG |
  Capability.CONNECT_WITH_DB |
  Capability.PROTOCOL_41 |
  Capability.IGNORE_SIGPIPE |
  Capability.TRANSACTIONS |
  Capability.RESERVED |
  Capability.SECURE_CONNECTION |
  Capability.MULTI_STATEMENTS |
  Capability.MULTI_RESULTS |
  Capability.PS_MULTI_RESULTS |
  Capability.PLUGIN_AUTH |
  Capability.SESSION_TRACK;

export interface AdminServerDependencies extends SessionDependencies {
  readonly logger: Logger;
  /** Where sessions are found while they are open. */
  readonly sessions: OpenSessions;
  /** The certificate of the moment. */
  readonly tls: () => TlsIdentity | undefined;
  /** Somebody connected; they need not log in. */
  readonly onConnection: () => void;
  /** Accounts in force, by user name. */
  readonly accounts: () => ReadonlyMap<string, AdminAccount>;
  /** What the greeting says; drivers judge the server by it. */
  readonly serverVersion: () => string;
  readonly defaultAuthPlugin: () => LoginPolicy['defaultAuthPlugin'];
}

export interface AdminServer {
  /** Where it listens: `host:port` or a path. */
  readonly addresses: readonly string[];
  /** Listens there and nowhere else; sessions go on. Rejects, with everything as before, when that cannot be. */
  rebind(interfaces: readonly Interface[]): Promise<void>;
  /** Stops listening and ends every session. */
  close(): Promise<void>;
}

/** A server that listens nowhere until rebind() says where. */
export function createAdminServer(dependencies: AdminServerDependencies): AdminServer {
  const connections = new Set<Socket>();
  let nextConnectionId = 1;
  const listener = createListener((socket) => void serve(socket));

  async function serve(socket: Socket): Promise<void> {
    if (connections.size >= ADMIN_CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    // Followed by 'close'; a client that resets its connection is no event.
    socket.on('error', () => undefined);
    const address = socket.remoteAddress;
    dependencies.onConnection();
    const id = nextConnectionId++;
    const login = await serverLogin(socket, id, policy());
    if (login !== undefined) begin(login, id, address);
  }

  function begin(login: AuthenticatedLogin, id: number, address: string | undefined): void {
    const account = dependencies.accounts().get(login.username);
    if (account === undefined || !mayConnectFrom(account.username, address)) {
      login.refuse(account === undefined ? denied(login, address) : errors.canOnlyConnectLocally(account.username));
      return;
    }
    login.socket.on('error', () => undefined);
    login.accept(ADMIN_STATUS);
    const { username, role } = account;
    const context = { username, role, clientAddress: shown(address), warnings: [] };
    dependencies.logger.debug({ user: username, from: context.clientAddress }, 'admin session');
    const { socket, capabilities, remainder } = login;
    const onChangeUser = (payload: Buffer, early: Buffer): void => void changeUser(login, id, address, payload, early);
    const session = new AdminSession(dependencies, { socket, context, capabilities, remainder, onChangeUser });
    socket.once('close', dependencies.sessions.add(id, session));
  }

  /** A new login on the same socket, by the same rules. */
  async function changeUser(
    before: AuthenticatedLogin,
    id: number,
    address: string | undefined,
    payload: Buffer,
    early: Buffer,
  ): Promise<void> {
    const { socket, capabilities, charset, nonce, tls } = before;
    const login = await reauthenticate({ socket, payload, early, capabilities, charset, nonce, tls }, policy());
    if (login !== undefined) begin(login, id, address);
  }

  function policy(): LoginPolicy {
    const tls = dependencies.tls();
    return {
      serverVersion: dependencies.serverVersion(),
      defaultAuthPlugin: dependencies.defaultAuthPlugin(),
      capabilities: ADMIN_CAPABILITIES >>> 0,
      charset: ADMIN_CHARSET,
      // ProxySQL's greeting lacks NO_BACKSLASH_ESCAPES; drivers that look here would escape quotes in a way that ends strings.
      statusFlags: ADMIN_STATUS,
      ...(tls === undefined ? {} : { secureContext: () => tls.secureContext, rsaKeys: () => tls.rsaKeys }),
      // As ProxySQL: it is the client that decides to send it, and clients ask their user first.
      allowClearPassword: 'always',
      cachingSha2WhenSecure: true,
      loginTimeoutMs: ADMIN_LOGIN_TIMEOUT_MS,
      maxPacketBytes: ADMIN_PACKET_BYTES_MAX,
      lookup: (username) => {
        const account = dependencies.accounts().get(username);
        return account === undefined ? undefined : { stored: account.password };
      },
      accessDenied: errors.accessDenied,
    };
  }

  return {
    get addresses() {
      return listener.addresses;
    },
    rebind: (interfaces) => listener.rebind(interfaces),
    async close() {
      await listener.close();
      for (const socket of connections) socket.destroy();
    },
  };
}

/** A Unix socket has no address. */
function shown(address: string | undefined): string {
  return address === undefined ? 'localhost' : address.replace(/^::ffff:/, '');
}

/** The account was taken away while its user logged in. */
function denied({ username }: AuthenticatedLogin, address: string | undefined): ProtocolError {
  return errors.accessDenied(username, shown(address), true);
}
