/**
 * One server of one hostgroup as this worker sees it: configured row, shun state, its pool of free connections and
 * its counters. It opens nothing (connector.ts) and is not chosen here (server-picker.ts).
 */
import type { QuotaHolder } from '../../runtime/quota/holder.ts';
import { type QuotaKey, serverKey } from '../../runtime/quota/messages.ts';
import type { ServerEntry, ServerStatus } from '../../runtime/snapshot.ts';
import type { ConnectionPoolRow } from '../../runtime/stats.ts';
import type { BackendConnection, ConnectionHome } from '../backend/backend-connection.ts';
import type { SyncStep } from '../backend/backend-sync.ts';
import { withSchema } from '../backend/mirrored-state.ts';
import type { GtidSet } from '../gtid/gtid-set.ts';
import type { Counters } from '../observe/counters.ts';
import type { ResponseKind } from '../protocol/response-walker.ts';
import { Admission } from './admission.ts';
import { LaneCount } from './lane-count.ts';
import { Lanes } from './lanes.ts';

/** Reads that take longer than this on a quiet server, in ms, have two lanes at least: waiting for each other is felt. */
const QUICK_SERVER_MS = 0.5;
const LANES_MIN = 2;

/** What a statement has to see, wherever it runs. */
export interface Sight {
  /** Transactions that the server has to have executed. */
  readonly gtids: GtidSet | undefined;
  /** The server may lack only what others have executed later than this, in ms since the epoch. */
  readonly sinceMs: number | undefined;
}

/** Who wants a connection, and what it should look like. */
export interface ConnectionWish {
  readonly username: string;
  readonly shape: number;
  /** Key of the mirrored state; a connection that already has it needs no sync. */
  readonly stateKey: string;
  /** In no schema: nothing brings a connection there that has ever been in one. */
  readonly schemaless: boolean;
  /** One that nobody has used before. */
  readonly fresh: boolean;
  /** Absent: any server will do. */
  readonly sees?: Sight | undefined;
}

/** This worker's part of a server's max_connections; runtime/quota/holder.ts is one. */
export type ServerPlaces = Pick<QuotaHolder, 'granted' | 'want' | 'wantNoMore' | 'released' | 'contested'>;

export interface ServerOptions {
  readonly counters: Counters;
  readonly places: ServerPlaces;
  onLost(connection: BackendConnection, server: Server): void;
  /** A connection in use belongs to nobody any more. */
  onLeft(connection: BackendConnection): void;
}

export class Server implements ConnectionHome {
  entry: ServerEntry;
  readonly key: QuotaKey;
  /** Free connections, the one used last at the end. */
  readonly free: BackendConnection[] = [];
  readonly lanes = new Lanes();
  /** Whether it answers two commands in one segment; see pipelining-probe.ts. 'wanted': somebody would like to know. */
  pipelining: 'unknown' | 'wanted' | 'probing' | 'yes' | 'no' = 'unknown';
  /** The version that said so: another one behind the same address is another server. */
  pipeliningVersion = '';
  /** Connections that belong to sessions. */
  readonly inUse = new Set<BackendConnection>();
  readonly admission = new Admission();
  readonly laneCount = new LaneCount();
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
  #queriesGtidSync = 0;
  #bytesSent = 0;
  #bytesReceived = 0;
  readonly #counters: Counters;
  readonly #places: ServerPlaces;
  readonly #options: ServerOptions;

  constructor(entry: ServerEntry, options: ServerOptions) {
    this.entry = entry;
    this.key = serverKey(entry);
    this.#counters = options.counters;
    this.#places = options.places;
    this.#options = options;
  }

  /**
   * Lanes that are opened before the ones there are have to do: as many as have proved good, and where reads take their
   * time half of what may be at work; transactions are there too.
   */
  get laneLimit(): number {
    const { lanes } = this.laneCount;
    if (this.admission.quietMs <= QUICK_SERVER_MS) return lanes;
    return Math.max(LANES_MIN, lanes, this.admission.limit >> 1);
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

  /** Connections this worker may have. */
  get #granted(): number {
    return this.#places.granted(this.key, this.entry.maxConnections);
  }

  /** Is there a free connection for the wish, or room for a new one: by a place of ours, a free one's, or one to be had? */
  hasRoom(wish: ConnectionWish): boolean {
    if (this.used + this.connecting >= this.entry.maxConnections) return false;
    const granted = this.#granted;
    if (this.connections < granted || this.free.length > 0 || granted < this.entry.maxConnections) return true;
    return this.#find(wish) >= 0;
  }

  /** Takes a free connection out of the pool: one that needs no sync when there is one. */
  takeFree(wish: ConnectionWish): BackendConnection | undefined {
    if (wish.fresh || this.used + this.connecting >= this.entry.maxConnections) return undefined;
    const index = this.#find(wish);
    if (index < 0) return undefined;
    const connection = index === this.free.length - 1 ? this.free.pop() : this.free.splice(index, 1)[0];
    if (connection !== undefined) this.noteUsed(connection);
    return connection;
  }

  /**
   * Closes the connection that has been free longest when every place is taken; true when there is room afterwards. When
   * there is not, other workers are asked for a place.
   */
  makeRoom(): boolean {
    if (this.connections < this.#granted) return true;
    this.dropFree(1);
    if (this.connections < this.#granted) return true;
    this.#places.want(this.key);
    return false;
  }

  /** Nobody waits for a connection any more. */
  needsNoMore(): void {
    this.#places.wantNoMore(this.key);
  }

  /** Another worker waits for a place of this server, and this one has more than its share. */
  get contested(): boolean {
    return this.#places.contested(this.key);
  }

  noteUsed(connection: BackendConnection): void {
    this.used += 1;
    this.inUse.add(connection);
    if (this.used > this.#maxConnUsed) this.#maxConnUsed = this.used;
  }

  connectFailed(): void {
    this.connecting -= 1;
    this.#places.released(this.key);
  }

  /** A connection was opened for somebody: it is in use from now on. */
  admit(connection: BackendConnection): void {
    connection.admitted = true;
    this.noteUsed(connection);
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

  /** A statement came here because the server has executed what it has to see. */
  noteGtidSync(): void {
    this.#queriesGtidSync += 1;
  }

  commandSent(kind: ResponseKind): void {
    if (kind === 'prepare') this.#counters.Com_backend_stmt_prepare += 1;
    else if (kind === 'execute' || kind === 'open') this.#counters.Com_backend_stmt_execute += 1;
  }

  noteStatementClosed(): void {
    this.#counters.Com_backend_stmt_close += 1;
  }

  /** A statement of ours that brings a connection to its session's state. */
  noteSyncStep(step: SyncStep): void {
    if (step.kind === 'init-db') this.#counters.Com_backend_init_db += 1;
    else if (step.kind === 'query' && step.sql.startsWith('SET NAMES')) this.#counters.Com_backend_set_names += 1;
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
    this.lanes.close(connection);
    const index = this.free.indexOf(connection);
    if (index >= 0) this.free.splice(index, 1);
    else this.used -= 1;
    this.inUse.delete(connection);
    this.#counters.Server_Connections_connected -= 1;
    this.#places.released(this.key);
    this.#counters.MyHGM_myconnpoll_destroy += 1;
    this.#options.onLost(connection, this);
  }

  connectionLeft(connection: BackendConnection): void {
    this.lanes.close(connection);
    connection.shared = false;
    this.#options.onLeft(connection);
  }

  /** Closes free connections, those first that have been free longest; all when the server left or is being drained. */
  dropFree(count: number = this.free.length): void {
    for (const connection of this.free.slice(0, count)) connection.destroy();
  }

  /** What these accounts (none named: all) logged in with is closed: now when it is free, else when it is given back. */
  renew(usernames: readonly string[]): void {
    const concerned = ({ username }: BackendConnection): boolean =>
      usernames.length === 0 || usernames.includes(username);
    for (const connection of this.free.filter(concerned)) connection.destroy();
    for (const connection of this.inUse) {
      if (!concerned(connection)) continue;
      connection.outdated = true;
      this.lanes.close(connection);
      // Rights in a schema are read when it is entered: whoever holds the connection enters it anew.
      if (connection.state.schema !== '') connection.state = withSchema(connection.state, undefined);
    }
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
      queriesGtidSync: this.#queriesGtidSync,
      bytesDataSent: this.#bytesSent,
      bytesDataRecv: this.#bytesReceived,
      latencyUs: 0,
    };
    if (reset) {
      this.#connOk = this.#connErr = this.#queries = this.#bytesSent = this.#bytesReceived = 0;
      this.#queriesGtidSync = 0;
      this.#maxConnUsed = this.used;
    }
    return row;
  }

  /** One that is in the wished state, else one of another state; one without a schema, which cannot be had back, last. */
  #find(wish: ConnectionWish): number {
    let usable = -1;
    let schemaless = -1;
    for (let index = this.free.length - 1; index >= 0; index--) {
      const connection = this.free[index];
      if (connection === undefined || connection.username !== wish.username || connection.shape !== wish.shape)
        continue;
      // It is being pinged.
      if (!connection.idle) continue;
      if (connection.state.key === wish.stateKey) return index;
      if (connection.state.schema === '') {
        if (schemaless < 0) schemaless = index;
      } else if (usable < 0 && !wish.schemaless) usable = index;
    }
    if (wish.schemaless || usable < 0) return schemaless;
    return usable;
  }
}
