/**
 * One server of one hostgroup as this worker sees it: configured row, shun state, its pool of free connections and
 * its counters. It opens nothing (connector.ts) and is not chosen here (server-picker.ts).
 */
import type { ServerEntry, ServerStatus } from '../../runtime/snapshot.ts';
import type { ConnectionPoolRow } from '../../runtime/stats.ts';
import type { BackendConnection, ConnectionHome } from '../backend/backend-connection.ts';
import type { Counters } from '../observe/counters.ts';

/** Who wants a connection, and what it should look like. */
export interface ConnectionWish {
  readonly username: string;
  readonly shape: number;
  /** Key of the mirrored state; a connection that already has it needs no sync. */
  readonly stateKey: string;
}

export class Server implements ConnectionHome {
  entry: ServerEntry;
  /** Free connections, the one used last at the end. */
  readonly free: BackendConnection[] = [];
  used = 0;
  connecting = 0;
  /** Milliseconds since the epoch until which the server is shunned; 0 when it is not. */
  shunnedUntilMs = 0;
  #errorsSecond = 0;
  #errorsInSecond = 0;
  #connOk = 0;
  #connErr = 0;
  #maxConnUsed = 0;
  #queries = 0;
  #bytesSent = 0;
  #bytesReceived = 0;
  readonly #counters: Counters;
  readonly #onLost: (connection: BackendConnection, server: Server) => void;

  constructor(entry: ServerEntry, counters: Counters, onLost: (connection: BackendConnection, server: Server) => void) {
    this.entry = entry;
    this.#counters = counters;
    this.#onLost = onLost;
  }

  get hostgroup(): number {
    return this.entry.hostgroup;
  }

  get hostname(): string {
    return this.entry.hostname;
  }

  get port(): number {
    return this.entry.port;
  }

  get connections(): number {
    return this.used + this.free.length + this.connecting;
  }

  get status(): ServerStatus {
    return this.entry.status === 'ONLINE' && this.shunnedUntilMs !== 0 ? 'SHUNNED' : this.entry.status;
  }

  /** May new work go here? A shunned server comes back once its time is over (surface: lazily, as in ProxySQL). */
  accepts(nowMs: number): boolean {
    if (this.entry.status !== 'ONLINE' || this.entry.weight === 0) return false;
    if (this.shunnedUntilMs === 0) return true;
    if (nowMs < this.shunnedUntilMs) return false;
    this.shunnedUntilMs = 0;
    return true;
  }

  /** Is there a free connection for the wish, or room for a new one (an idle one of somebody else may make room)? */
  hasRoom(wish: ConnectionWish): boolean {
    if (this.used + this.connecting >= this.entry.maxConnections) return false;
    return this.connections < this.entry.maxConnections || this.free.length > 0 || this.#find(wish) >= 0;
  }

  /** Takes a free connection out of the pool: one that needs no sync when there is one. */
  takeFree(wish: ConnectionWish): BackendConnection | undefined {
    if (this.used + this.connecting >= this.entry.maxConnections) return undefined;
    const index = this.#find(wish);
    if (index < 0) return undefined;
    const [connection] = this.free.splice(index, 1);
    if (connection !== undefined) this.noteUsed();
    return connection;
  }

  /** Closes the connection that has been free longest when the server is full; true when there is room afterwards. */
  makeRoom(): boolean {
    if (this.connections < this.entry.maxConnections) return true;
    const oldest = this.free[0];
    if (oldest === undefined) return false;
    oldest.destroy();
    return this.connections < this.entry.maxConnections;
  }

  noteUsed(): void {
    this.used += 1;
    if (this.used > this.#maxConnUsed) this.#maxConnUsed = this.used;
  }

  /** A connection was opened for somebody: it is in use from now on. */
  admit(connection: BackendConnection): void {
    connection.admitted = true;
    this.noteUsed();
    this.#connOk += 1;
    this.#counters.Server_Connections_created += 1;
    this.#counters.Server_Connections_connected += 1;
  }

  /**
   * Counts a failed connect; shuns the server when `errorsMax` of them fall into one second, for `recoveryMs`.
   * Returns true when this failure made the difference. Source: ProxySQL mysql-shun_on_failures.
   */
  noteConnectError(nowMs: number, errorsMax: number, recoveryMs: number): boolean {
    this.#connErr += 1;
    this.#counters.Server_Connections_aborted += 1;
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#errorsSecond) {
      this.#errorsSecond = second;
      this.#errorsInSecond = 0;
    }
    this.#errorsInSecond += 1;
    if (this.#errorsInSecond < errorsMax || this.shunnedUntilMs !== 0) return false;
    this.shunnedUntilMs = nowMs + recoveryMs;
    return true;
  }

  noteQuery(): void {
    this.#queries += 1;
  }

  bytesReceived(bytes: number): void {
    this.#bytesReceived += bytes;
    this.#counters.Queries_backends_bytes_recv += bytes;
  }

  bytesSent(bytes: number): void {
    this.#bytesSent += bytes;
    this.#counters.Queries_backends_bytes_sent += bytes;
  }

  connectionLost(connection: BackendConnection): void {
    if (!connection.admitted) return;
    const index = this.free.indexOf(connection);
    if (index >= 0) this.free.splice(index, 1);
    else this.used -= 1;
    this.#counters.Server_Connections_connected -= 1;
    this.#onLost(connection, this);
  }

  /** Closes every free connection: the server left, or is being drained. */
  dropFree(): void {
    for (const connection of [...this.free]) connection.destroy();
  }

  row(reset: boolean): ConnectionPoolRow {
    const row = {
      hostgroup: this.entry.hostgroup,
      srvHost: this.entry.hostname,
      srvPort: this.entry.port,
      status: this.status,
      connUsed: this.used,
      connFree: this.free.length,
      connOk: this.#connOk,
      connErr: this.#connErr,
      maxConnUsed: this.#maxConnUsed,
      queries: this.#queries,
      queriesGtidSync: 0,
      bytesDataSent: this.#bytesSent,
      bytesDataRecv: this.#bytesReceived,
      latencyUs: 0,
    };
    if (reset) {
      this.#connOk = this.#connErr = this.#queries = this.#bytesSent = this.#bytesReceived = 0;
      this.#maxConnUsed = this.used;
    }
    return row;
  }

  #find(wish: ConnectionWish): number {
    let usable = -1;
    for (let index = this.free.length - 1; index >= 0; index--) {
      const connection = this.free[index];
      if (connection === undefined || connection.username !== wish.username || connection.shape !== wish.shape)
        continue;
      // It is being pinged.
      if (!connection.idle) continue;
      if (connection.state.key === wish.stateKey) return index;
      if (usable < 0) usable = index;
    }
    return usable;
  }
}
