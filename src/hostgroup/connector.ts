/**
 * Opens one authenticated connection to a server: TCP or Unix socket, TLS, login, init_connect. It does not retry and
 * does not know pools; connection-opener.ts does both.
 */
import { connect as connectSocket, type Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { MysqlVariables } from '../../runtime/variables.ts';
import { BackendConnection, type ConnectionHome } from '../backend/backend-connection.ts';
import { mirroredState } from '../backend/mirrored-state.ts';
import { clientLogin } from '../connection-phase/client-login.ts';
import type { BackendTls } from '../net/backend-tls.ts';
import { compressedSocket } from '../net/compressed-socket.ts';
import { zlibCompression } from '../net/compression.ts';
import { Capability } from '../protocol/capabilities.ts';
import { charsetById } from '../protocol/charsets.ts';
import { commandFrame } from '../protocol/command-frame.ts';
import { Command } from '../protocol/commands.ts';

/** What a login taught us, or the user table holds, to log in to servers with. Never logged. */
export interface BackendSecret {
  readonly clear?: string;
  readonly sha1?: Buffer;
}

export interface BackendUser {
  readonly username: string;
  readonly secret: BackendSecret;
}

/** Capabilities by which answers differ in form or meaning: a connection and its session must agree on them. */
export const SHAPE_CAPABILITIES =
  Capability.DEPRECATE_EOF |
  Capability.FOUND_ROWS |
  Capability.MULTI_STATEMENTS |
  Capability.MULTI_RESULTS |
  Capability.PS_MULTI_RESULTS |
  Capability.IGNORE_SPACE |
  Capability.SESSION_TRACK |
  Capability.QUERY_ATTRIBUTES;

/** Of the shape, what a server has to have; it may lack the others, and then just never makes use of them. */
const NEEDED_CAPABILITIES = Capability.DEPRECATE_EOF | Capability.FOUND_ROWS;

const BASE_CAPABILITIES =
  Capability.LONG_PASSWORD |
  Capability.LONG_FLAG |
  Capability.LOCAL_FILES |
  Capability.PROTOCOL_41 |
  Capability.TRANSACTIONS |
  Capability.SECURE_CONNECTION |
  Capability.PLUGIN_AUTH |
  Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA |
  Capability.CONNECT_ATTRS;

/** utf8mb4_general_ci: the one collation that every MySQL and MariaDB since 5.5 knows by this number. */
const LOGIN_COLLATION_ID = 45;

export interface ConnectOptions {
  readonly home: ConnectionHome;
  readonly useSsl: boolean;
  /** With which certificates; without it a server's certificate is not checked. */
  readonly tls?: BackendTls;
  /** Asks for zlib; a server that does not have it is used without. */
  readonly compression?: boolean;
  readonly user: BackendUser;
  readonly shape: number;
  readonly variables: MysqlVariables;
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

/** How connections are opened; the pool's tests have a way of their own. */
export type Connect = (options: ConnectOptions) => Promise<BackendConnection>;

/** The server lacks a capability without which its answers could not be passed on as they are. */
export class ShapeMismatch extends Error {
  override readonly name = 'ShapeMismatch';
}

/** mysql-init_connect failed: the connection is none. The message is the server's. */
export class InitConnectFailed extends Error {
  override readonly name = 'InitConnectFailed';
}

/**
 * Resolves with a connection in no schema, with utf8mb4; rejects with LoginRefused, ShapeMismatch, InitConnectFailed or
 * a socket error.
 */
export async function openBackendConnection(options: ConnectOptions): Promise<BackendConnection> {
  const { home, user, shape, variables } = options;
  const timeoutMs = variables.connectTimeoutServer;
  // Over a Unix socket there is nothing to be saved.
  const compress = options.compression === true && home.port !== 0;
  const socket = await openSocket(home, timeoutMs, variables);
  try {
    const login = await clientLogin({
      socket,
      username: user.username,
      secret: user.secret,
      capabilities: (BASE_CAPABILITIES | shape | (compress ? Capability.COMPRESS : 0)) >>> 0,
      charset: LOGIN_COLLATION_ID,
      tls: await tlsOptions(options),
      attributes: { program_name: 'sluice' },
      loginTimeoutMs: timeoutMs,
    });
    const needed = shape & NEEDED_CAPABILITIES;
    if ((login.capabilities & needed) >>> 0 !== needed >>> 0) {
      throw new ShapeMismatch(
        `server ${home.hostname}:${home.port} (${login.serverVersion}) lacks a protocol capability`,
      );
    }
    const names = charsetById(LOGIN_COLLATION_ID);
    const connection = new BackendConnection({
      socket:
        (login.capabilities & Capability.COMPRESS) === 0
          ? login.socket
          : compressedSocket(login.socket, zlibCompression, 'client'),
      home,
      username: user.username,
      shape,
      deprecateEof: (shape & Capability.DEPRECATE_EOF) !== 0,
      queryAttributes: (login.capabilities & Capability.QUERY_ATTRIBUTES) !== 0,
      offersSessionTrack: login.offersSessionTrack,
      threadId: login.threadId,
      serverVersion: login.serverVersion,
      state: mirroredState('', names === undefined ? undefined : { charset: names.charset, collation: names.name }),
      statusFlags: login.statusFlags,
      createdAtMs: options.nowMs(),
    });
    await runInitConnect(connection, variables.initConnect, timeoutMs);
    return connection;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Words without which a text leaves a connection without a schema. */
const MAY_ENTER_SCHEMA = /\b(use|execute|call)\b/i;

/** Runs mysql-init_connect, whose answer nobody sees. What it set, apart from schema and character set, stays. */
function runInitConnect(connection: BackendConnection, sql: string, timeoutMs: number): Promise<void> {
  if (sql.trim() === '') return Promise.resolve();
  return new Promise((resolve, reject) => {
    const fail = (message: string) => {
      clearTimeout(timer);
      reject(new InitConnectFailed(`init_connect: ${message}`));
      connection.destroy();
    };
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs);
    connection.send(commandFrame(Command.COM_QUERY, sql), 'query', {
      answerBytes: () => true,
      answerDone(_connection, walker) {
        if (walker.ended === 'error') return fail(walker.error?.message ?? 'refused');
        clearTimeout(timer);
        connection.state = mirroredState(MAY_ENTER_SCHEMA.test(sql) ? undefined : '', undefined);
        resolve();
      },
      answerLost: (_connection, error) => fail(error.message),
    });
  });
}

/** Over a Unix socket nobody can listen, and servers offer no TLS. */
async function tlsOptions({ useSsl, tls, home, user }: ConnectOptions): Promise<ConnectionOptions | undefined> {
  if (!useSsl || home.port === 0) return undefined;
  return tls === undefined ? { rejectUnauthorized: false } : tls.optionsFor(home.hostname, home.port, user.username);
}

function openSocket(home: ConnectionHome, timeoutMs: number, variables: MysqlVariables): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(
      home.port === 0
        ? { path: home.hostname }
        : {
            host: home.hostname,
            port: home.port,
            noDelay: true,
            keepAlive: variables.useTcpKeepalive,
            keepAliveInitialDelay: variables.tcpKeepaliveTime * 1000,
          },
    );
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no TCP connection to ${home.hostname}:${home.port} within ${timeoutMs} ms`));
    }, timeoutMs);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}
