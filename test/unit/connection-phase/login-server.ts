/** A server that logs clients in by a policy and answers every command with OK; and the policy. Not a test itself. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import {
  type AuthenticatedLogin,
  type LoginFailure,
  type LoginPolicy,
  serverLogin,
} from '../../../src/connection-phase/server-login.ts';
import { Capability } from '../../../src/protocol/capabilities.ts';
import { errors } from '../../../src/protocol/errors.ts';
import { Framer } from '../../../src/protocol/framer.ts';
import { writeOk } from '../../../src/protocol/ok-err-eof.ts';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';

export const OFFERED =
  Capability.LONG_PASSWORD |
  Capability.FOUND_ROWS |
  Capability.LONG_FLAG |
  Capability.CONNECT_WITH_DB |
  Capability.PROTOCOL_41 |
  Capability.TRANSACTIONS |
  Capability.SECURE_CONNECTION |
  Capability.MULTI_STATEMENTS |
  Capability.MULTI_RESULTS |
  Capability.PS_MULTI_RESULTS |
  Capability.PLUGIN_AUTH |
  Capability.CONNECT_ATTRS |
  Capability.DEPRECATE_EOF;

/** The policy of ProxySQL's MySQL port, for the given users, with what a test changes. */
export function policyFor(users: Readonly<Record<string, string>>, changes: Partial<LoginPolicy> = {}): LoginPolicy {
  return {
    serverVersion: '8.0.11',
    defaultAuthPlugin: 'mysql_native_password',
    capabilities: OFFERED,
    charset: 33,
    statusFlags: 2,
    allowClearPassword: 'always',
    loginTimeoutMs: 10_000,
    maxPacketBytes: 64 * 1024 * 1024,
    lookup: (username) => (Object.hasOwn(users, username) ? { stored: users[username]! } : undefined),
    accessDenied: errors.accessDenied,
    ...changes,
  };
}

export interface LoginServer {
  readonly port: number;
  readonly logins: AuthenticatedLogin[];
  readonly failures: LoginFailure[];
  /** The next failure, or one that happened already. */
  nextFailure(): Promise<LoginFailure>;
  close(): Promise<void>;
}

export interface LoginServerOptions {
  /** In place of accepting. */
  readonly answer?: (login: AuthenticatedLogin) => void;
  /** In place of answering a command with OK. */
  readonly onCommand?: (login: AuthenticatedLogin, payload: Buffer) => boolean;
}

/** Listens on a free port of the loopback interface. */
export async function startLoginServer(policy: LoginPolicy, options: LoginServerOptions = {}): Promise<LoginServer> {
  const logins: AuthenticatedLogin[] = [];
  const failures: LoginFailure[] = [];
  const sockets = new Set<Socket>();
  let wake: (() => void) | undefined;
  const onFailure = (failure: LoginFailure) => {
    failures.push(failure);
    wake?.();
  };
  let connectionId = 0;
  const server = createServer(async (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    connectionId += 1;
    const login = await serverLogin(socket, connectionId, { ...policy, onFailure });
    if (login === undefined) return;
    logins.push(login);
    (options.answer ?? accept)(login);
    serveOks(login, options.onCommand);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    logins,
    failures,
    async nextFailure() {
      if (failures.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return failures.at(-1)!;
    },
    close: () => closeServer(server, sockets),
  };
}

function accept(login: AuthenticatedLogin): void {
  login.accept(2);
}

/** Answers every command with OK, COM_QUIT by closing. */
export function serveOks(login: AuthenticatedLogin, onCommand?: LoginServerOptions['onCommand']): Framer {
  const writer = new PacketWriter();
  const framer = new Framer(
    {
      onPacket: (buffer, start, end, sequenceId) => {
        if (onCommand?.(login, Buffer.from(buffer.subarray(start, end)))) return;
        if (buffer[start] === 1) {
          login.socket.end();
          return;
        }
        writeOk(writer, sequenceId + 1, { statusFlags: 2 });
        login.socket.write(writer.take());
      },
    },
    1 << 24,
  );
  framer.push(login.remainder);
  login.socket.on('data', (chunk) => framer.push(chunk));
  login.socket.resume();
  return framer;
}

async function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
}
