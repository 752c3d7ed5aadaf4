/**
 * A MySQL-protocol server that keeps its data in SQLite: the backends of the demo, and what ProxySQL calls its SQLite3
 * server. It owns the listening socket and the list of clients; it is for demonstrations and tests, not for load.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type AuthenticatedLogin,
  type LoginPolicy,
  reauthenticate,
  serverLogin,
} from '../connection-phase/server-login.ts';
import type { TlsIdentity } from '../net/tls.ts';
import { Capability, SERVING_CAPABILITIES } from '../protocol/capabilities.ts';
import { defaultCollationOf } from '../protocol/charsets.ts';
import { StatusFlag } from '../protocol/status-flags.ts';
import { ClientConnection, MAX_PACKET_BYTES } from './client-connection.ts';
import { MysqlError, mysqlErrors } from './mysql-errors.ts';
import type { Row } from './outcome.ts';
import { StatementEngine } from './statement-engine.ts';
import { type SchemaPlace, Storage } from './storage.ts';

export interface EmbeddedServerOptions {
  /** Schemas by name, each in a file or gone when the server closes. `main` is SQLite's own name for its first one. */
  readonly schemas: Readonly<Record<string, SchemaPlace>>;
  /** Stored password (clear, `*…` or `$A$005$…`) of a user, undefined for an unknown one. */
  readonly passwordOf: (username: string) => string | undefined;
  /** Shown as @@hostname; default `sluice-embedded`. */
  readonly name?: string;
  readonly host?: string;
  /** 0, the default, takes a free port. */
  readonly port?: number;
  /** Statements that write are refused with error 1290, as on a replica. */
  readonly readOnly?: boolean;
  readonly serverVersion?: string;
  readonly tls?: TlsIdentity;
  readonly defaultAuthPlugin?: LoginPolicy['defaultAuthPlugin'];
  /** Delay of every answer, in milliseconds. */
  readonly latencyMs?: number;
  readonly maxConnections?: number;
  /** SQL in SQLite's dialect that is run once, before the server listens. */
  readonly initialSql?: string;
}

export interface EmbeddedServer {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  /** Clients that are logged in. */
  readonly connectionCount: number;
  /** Ends all connections at once, stops listening and removes schemas kept in memory. */
  close(): Promise<void>;
}

export const DEFAULT_SERVER_VERSION = '8.0.36-sluice-embedded';
export const DEFAULT_MAX_CONNECTIONS = 1_000;
/** How long a client may take to log in. */
export const LOGIN_TIMEOUT_MS = 10_000;

const CAPABILITIES = SERVING_CAPABILITIES | Capability.INTERACTIVE;

/** Starts a server; resolves when it listens. Rejects when it cannot. */
export async function createEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const server = new SqliteServer(options);
  await server.listen();
  return server;
}

class SqliteServer implements EmbeddedServer {
  readonly host: string;
  readonly name: string;
  readonly #options: EmbeddedServerOptions;
  readonly #storage: Storage;
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();
  readonly #clients = new Map<number, ClientConnection>();
  #port = 0;
  #lastConnectionId = 0;

  constructor(options: EmbeddedServerOptions) {
    this.#options = options;
    this.host = options.host ?? '127.0.0.1';
    this.name = options.name ?? 'sluice-embedded';
    this.#storage = new Storage(options.schemas);
    this.#listener = createServer((socket) => void this.#serve(socket));
  }

  get port(): number {
    return this.#port;
  }

  get connectionCount(): number {
    return this.#clients.size;
  }

  async listen(): Promise<void> {
    try {
      this.#initialise();
      await new Promise<void>((resolve, reject) => {
        this.#listener.once('error', reject);
        this.#listener.listen(this.#options.port ?? 0, this.host, () => resolve());
      });
    } catch (error) {
      this.#storage.close();
      throw error;
    }
    const address = this.#listener.address();
    this.#port = typeof address === 'object' && address !== null ? address.port : 0;
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    this.#storage.close();
  }

  #initialise(): void {
    if (this.#options.initialSql === undefined) return;
    const database = this.#storage.open();
    try {
      database.exec(this.#options.initialSql);
    } finally {
      database.close();
    }
  }

  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.setNoDelay(true);
    const connectionId = ++this.#lastConnectionId;
    const login = await serverLogin(socket, connectionId, this.#policy());
    if (login !== undefined) this.#welcome(login, connectionId);
  }

  /** Limits and schema are checked after authentication, so that strangers learn nothing. */
  #welcome(login: AuthenticatedLogin, connectionId: number): void {
    if (this.#clients.size >= (this.#options.maxConnections ?? DEFAULT_MAX_CONNECTIONS)) {
      login.refuse(mysqlErrors.tooManyConnections());
      return;
    }
    if (login.schema !== '' && !this.#storage.has(login.schema)) {
      login.refuse(mysqlErrors.unknownDatabase(login.schema));
      return;
    }
    const client = new ClientConnection({
      login,
      engine: this.#engine(connectionId, login.username, login.schema === '' ? this.#defaultSchema() : login.schema),
      latencyMs: this.#options.latencyMs ?? 0,
      kill: (id, statementOnly) => this.#kill(id, statementOnly),
      onClose: () => this.#clients.delete(connectionId),
      onChangeUser: (command) => void this.#changeUser(login, connectionId, command),
    });
    this.#clients.set(connectionId, client);
    client.start();
  }

  async #changeUser(login: AuthenticatedLogin, connectionId: number, payload: Buffer): Promise<void> {
    const { socket, capabilities, charset, nonce, tls } = login;
    const again = await reauthenticate({ socket, payload, capabilities, charset, nonce, tls }, this.#policy());
    if (again !== undefined) this.#welcome(again, connectionId);
  }

  /** SQLite's own main database needs no USE. */
  #defaultSchema(): string | null {
    return this.#storage.has('main') ? 'main' : null;
  }

  #policy(): LoginPolicy {
    const { tls, serverVersion, defaultAuthPlugin, passwordOf } = this.#options;
    return {
      serverVersion: serverVersion ?? DEFAULT_SERVER_VERSION,
      defaultAuthPlugin: defaultAuthPlugin ?? 'mysql_native_password',
      capabilities: CAPABILITIES,
      charset: defaultCollationOf('utf8mb4')?.id ?? 45,
      statusFlags: StatusFlag.AUTOCOMMIT,
      secureContext: () => tls?.secureContext,
      rsaKeys: () => tls?.rsaKeys,
      allowClearPassword: 'tls',
      loginTimeoutMs: LOGIN_TIMEOUT_MS,
      maxPacketBytes: MAX_PACKET_BYTES,
      lookup: (username) => {
        const stored = passwordOf(username);
        return stored === undefined ? undefined : { stored };
      },
      accessDenied: (username, address, usingPassword) =>
        new MysqlError(
          1045,
          '28000',
          `Access denied for user '${username}'@'${address}' (using password: ${usingPassword ? 'YES' : 'NO'})`,
        ),
    };
  }

  #engine(connectionId: number, user: string, schema: string | null): StatementEngine {
    return new StatementEngine({
      storage: this.#storage,
      identity: {
        name: this.name,
        serverVersion: this.#options.serverVersion ?? DEFAULT_SERVER_VERSION,
        port: this.#port,
        readOnly: this.#options.readOnly ?? false,
      },
      user,
      connectionId,
      schema,
      processes: () => this.#processes(),
      kill: (id, statementOnly) => this.#kill(id, statementOnly),
      nowMs: () => Date.now(),
      delay: (ms, signal) => delay(ms, undefined, { signal }),
    });
  }

  #kill(connectionId: number, statementOnly: boolean): boolean {
    const client = this.#clients.get(connectionId);
    if (statementOnly) client?.interrupt();
    else client?.close();
    return client !== undefined;
  }

  #processes(): Row[] {
    return [...this.#clients].map(([id, client]) => {
      const running = client.runningStatement;
      return [id, client.user, this.host, client.schema, running === '' ? 'Sleep' : 'Query', 0, '', running];
    });
  }
}
