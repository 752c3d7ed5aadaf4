/**
 * Servers in memory for the pool and for sessions: connects that succeed, fail or hang as a test says, and connections
 * whose commands the test sees and answers itself.
 */
import type { ServerEntry } from '../../runtime/snapshot.ts';
import { BackendConnection, type ConnectionHome } from '../../src/backend/backend-connection.ts';
import { mirroredState } from '../../src/backend/mirrored-state.ts';
import type { Connect, ConnectOptions } from '../../src/hostgroup/connector.ts';
import type { ServerPlaces } from '../../src/hostgroup/server.ts';
import { Capability } from '../../src/protocol/capabilities.ts';
import { StatusFlag } from '../../src/protocol/status-flags.ts';
import { FakeSocket } from './fake-socket.ts';

export interface FakeBackend {
  readonly connection: BackendConnection;
  readonly socket: FakeSocket;
}

export interface BackendOptions {
  readonly home?: ConnectionHome;
  readonly username?: string;
  readonly shape?: number;
  readonly createdAtMs?: number;
  readonly serverVersion?: string;
}

/** The places of a worker that shares with nobody. */
export const ALL_PLACES: ServerPlaces = {
  granted: (_key, limit) => limit,
  want: () => undefined,
  wantNoMore: () => undefined,
  released: () => undefined,
  contested: () => false,
};

const NO_HOME: ConnectionHome = {
  hostgroup: 0,
  hostname: 'db',
  port: 3306,
  bytesReceived() {},
  bytesSent() {},
  commandSent() {},
  connectionLost() {},
};

let threads = 0;

/** A connection that is logged in as the connector leaves it. */
export function fakeBackend(options: BackendOptions = {}): FakeBackend {
  const socket = new FakeSocket();
  const shape = options.shape ?? 0;
  const connection = new BackendConnection({
    socket: socket.socket,
    home: options.home ?? NO_HOME,
    username: options.username ?? 'app',
    shape,
    deprecateEof: (shape & Capability.DEPRECATE_EOF) !== 0,
    threadId: ++threads,
    serverVersion: options.serverVersion ?? '8.0.99',
    state: mirroredState('', { charset: 'utf8mb4', collation: 'utf8mb4_general_ci' }),
    statusFlags: StatusFlag.AUTOCOMMIT,
    createdAtMs: options.createdAtMs ?? 0,
  });
  return { connection, socket };
}

/** One connect that waits for the test's decision. */
export interface PendingConnect {
  readonly options: ConnectOptions;
  succeed(): FakeBackend;
  fail(error: Error): void;
}

export class FakeServers {
  readonly pending: PendingConnect[] = [];
  readonly opened: FakeBackend[] = [];
  /** By default every connect succeeds, in the next turn of the microtask queue. */
  behaviour: 'succeed' | 'hold' | Error = 'succeed';

  readonly connect: Connect = (options) => {
    if (this.behaviour === 'succeed') return Promise.resolve(this.#open(options).connection);
    if (this.behaviour !== 'hold') return Promise.reject(this.behaviour);
    return new Promise((resolve, reject) => {
      this.pending.push({
        options,
        succeed: () => {
          const backend = this.#open(options);
          resolve(backend.connection);
          return backend;
        },
        fail: reject,
      });
    });
  };

  /** The connection opened last. */
  get last(): FakeBackend {
    const last = this.opened[this.opened.length - 1];
    if (last === undefined) throw new Error('no connection was opened');
    return last;
  }

  /** The socket below a connection. */
  socketOf(connection: BackendConnection | undefined): FakeSocket {
    const found = this.opened.find((backend) => backend.connection === connection);
    if (found === undefined) throw new Error('not a connection of these servers');
    return found.socket;
  }

  #open(options: ConnectOptions): FakeBackend {
    const { home, user, shape } = options;
    const backend = fakeBackend({ home, username: user.username, shape, createdAtMs: options.nowMs() });
    this.opened.push(backend);
    return backend;
  }
}

export function serverEntry(hostgroup: number, hostname: string, changes: Partial<ServerEntry> = {}): ServerEntry {
  return {
    hostgroup,
    hostname,
    port: 3306,
    gtidPort: 0,
    status: 'ONLINE',
    weight: 1,
    compression: false,
    maxConnections: 10,
    maxReplicationLagS: 0,
    useSsl: false,
    maxLatencyMs: 0,
    comment: '',
    ...changes,
  };
}

/** Lets everything that waits in the microtask queue and in setImmediate happen. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise(setImmediate);
}
