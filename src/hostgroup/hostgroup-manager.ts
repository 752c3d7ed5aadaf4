/**
 * Gives sessions a connection of a hostgroup: a free one at once, or a new one, or the first that becomes available
 * before the deadline. Owns servers, pools and waiting requests of this worker. It sends no statement and knows no
 * session; see session/ for what happens with the connection.
 */
import { performance } from 'node:perf_hooks';
import { type QuotaKey, serverKey } from '../../runtime/quota/messages.ts';
import type { HostgroupAttributesEntry, ServerEntry, ServerStatus } from '../../runtime/snapshot.ts';
import type { ConnectionPoolRow, GtidExecutedRow } from '../../runtime/stats.ts';
import type { MysqlVariables } from '../../runtime/variables.ts';
import type { BackendConnection, ConnectionHome } from '../backend/backend-connection.ts';
import { LoginRefused } from '../connection-phase/client-login.ts';
import { BinlogReaders } from '../gtid/binlog-readers.ts';
import type { Counters } from '../observe/counters.ts';
import type { Logger } from '../observe/logger.ts';
import { errors, type ProtocolError } from '../protocol/errors.ts';
import type { Clock } from '../util/clock.ts';
import { busyWaitMs } from './admission.ts';
import { ConnectRate } from './connect-rate.ts';
import { resetAndGiveBack } from './connection-reset.ts';
import { type BackendUser, type Connect, ShapeMismatch } from './connector.ts';
import { type FullLimit, FullServers, fullServerPauseMs, limitReached } from './full-servers.ts';
import { LaneWatch } from './lane-watch.ts';
import { laneDepthCrowded } from './lanes.ts';
import { probePipelining } from './pipelining-probe.ts';
import { dropUnanswered, pingFree, tidy } from './pool-upkeep.ts';
import { type ConnectionWish, Server, type ServerOptions, type ServerPlaces, type Sight } from './server.ts';
import { ServerPicker } from './server-picker.ts';

/** Sessions that may wait for a connection of one hostgroup; one more is refused at once. */
export const waitQueueLengthMax = 10_000;

/** How often free connections are looked over, in ms. */
export const upkeepIntervalMs = 1_000;

export interface ConnectionRequest {
  readonly hostgroup: number;
  readonly user: BackendUser;
  readonly wish: ConnectionWish;
  /**
   * The connection that was lost with the statement: another server is asked if there is one, and the first failure
   * is the last, since the client has waited once already.
   */
  readonly after: BackendConnection | undefined;
  onConnection(connection: BackendConnection): void;
  onFailure(error: ProtocolError): void;
}

export interface ServerAddress {
  readonly hostgroup: number;
  readonly hostname: string;
  readonly port: number;
  readonly useSsl: boolean;
}

/** What speaks for or against a server. */
export interface ServerOutlook {
  /** `host:port`, or the path of a socket. */
  readonly name: string;
  readonly status: ServerStatus;
  readonly weight: number;
  /** It may be chosen. */
  readonly eligible: boolean;
  readonly used: number;
  readonly maxConnections: number;
  readonly maxReplicationLagS: number;
}

interface Waiting {
  readonly request: ConnectionRequest;
  readonly sinceMs: number;
  readonly deadlineMs: number;
  failures: number;
  /** A connect is under way for this request. */
  connecting: boolean;
  over: boolean;
  /** Connections that will be free soon are waited for, though there might be others. */
  deferred: boolean;
  /** Too many connections were opened in this second. */
  delayed: boolean;
}

interface Hostgroup {
  servers: Server[];
  readonly picker: ServerPicker<Server>;
  readonly connectRate: ConnectRate;
  waiting: Waiting[];
}

export interface HostgroupManagerOptions {
  readonly logger: Logger;
  readonly workerIndex: number;
  readonly workerCount: number;
  readonly variables: MysqlVariables;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly connect: Connect;
  /** This worker's part of each server's max_connections. */
  readonly places: ServerPlaces;
  /** Somebody has to wait: connections that sessions keep just in case should come back now. */
  onPressure(): void;
  /** A server takes no more, and this worker has no free connection to close: another may have one. */
  onFull(limit: FullLimit): void;
}

export class HostgroupManager {
  readonly #logger: Logger;
  readonly #workerIndex: number;
  readonly #workerCount: number;
  readonly #onPressure: () => void;
  readonly #onFull: (limit: FullLimit) => void;
  readonly #full = new FullServers(() => this.#servers());
  readonly #hostgroups = new Map<number, Hostgroup>();
  /** Servers that left the configuration while sessions still used them. */
  readonly #leaving = new Set<Server>();
  readonly #candidates: Server[] = [];
  readonly #counters: Counters;
  readonly #clock: Clock;
  readonly #connectTo: Connect;
  readonly #serverOptions: ServerOptions;
  /** The time of the last sweep: good enough where a hundred milliseconds are nothing. */
  #sweptAtMs: number;
  readonly #pipeliningByHand = new Map<number, boolean>();
  /** throttle_connections_per_sec of mysql_hostgroup_attributes. */
  readonly #connectsPerSecond = new Map<number, number>();
  #fewConnections = true;
  readonly #readers = new BinlogReaders({
    retryMs: () => this.#variables.binlogReaderConnectRetryMsec,
    warn: (fields, message) => this.#logger.warn(fields, message),
    onExecuted: () => this.#serveReaders(),
    nowMs: () => this.#clock.nowMs(),
  });
  readonly #laneWatch = new LaneWatch(
    () => this.#servers(),
    () => this.#serveDeferred(),
  );
  #nextUpkeepMs = 0;
  /** When accounts' rights changed last, as far as is known; milliseconds since the epoch. */
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #variables: MysqlVariables;
  #closed = false;

  constructor(options: HostgroupManagerOptions) {
    this.#laneWatch.onMoved = (count) => {
      this.#counters.Sluice_pipelining_moved += count;
    };
    this.#logger = options.logger;
    this.#workerIndex = options.workerIndex;
    this.#workerCount = options.workerCount;
    this.#onPressure = options.onPressure;
    this.#onFull = options.onFull;
    this.#variables = options.variables;
    this.#counters = options.counters;
    this.#clock = options.clock;
    this.#connectTo = options.connect;
    this.#serverOptions = {
      counters: options.counters,
      places: options.places,
      onLost: (_connection, server) => this.#connectionLost(server),
      onLeft: (connection) => {
        connection.foreignDiagnostics = true;
        if (connection.clean) this.giveBack(connection);
        else this.giveBackUsed(connection);
      },
    };
    this.#sweptAtMs = options.clock.nowMs();
  }

  setVariables(variables: MysqlVariables): void {
    this.#variables = variables;
  }

  /**
   * Replaces the servers. Those that stay keep connections and counters; a LOAD ends a shun, as in ProxySQL; those
   * that left lose their free connections now and the used ones when their sessions are done with them.
   */
  apply(entries: readonly ServerEntry[]): void {
    const known = new Map<string, Server>();
    for (const group of this.#hostgroups.values()) for (const server of group.servers) known.set(server.key, server);
    for (const server of this.#leaving) known.set(server.key, server);
    for (const group of this.#hostgroups.values()) group.servers = [];
    for (const entry of entries) {
      const server = known.get(serverKey(entry)) ?? new Server(entry, this.#serverOptions);
      this.#leaving.delete(server);
      known.delete(serverKey(entry));
      server.entry = entry;
      server.shunnedUntilMs = entry.status === 'SHUNNED' ? Number.POSITIVE_INFINITY : 0;
      if (entry.status === 'OFFLINE_HARD' && server.used === 0) {
        server.dropFree();
        continue;
      }
      this.#hostgroup(entry.hostgroup).servers.push(server);
      if (entry.status !== 'ONLINE') server.dropFree();
    }
    this.#readers.apply(entries);
    for (const server of known.values()) {
      server.entry = { ...server.entry, status: 'OFFLINE_HARD' };
      server.dropFree();
      if (server.connections > 0) this.#leaving.add(server);
    }
    for (const group of this.#hostgroups.values()) this.#serveWaiting(group);
  }

  /** A free connection of the hostgroup, or undefined: then `request` one. */
  take(hostgroup: number, wish: ConnectionWish): BackendConnection | undefined {
    const group = this.#hostgroups.get(hostgroup);
    if (group === undefined || group.waiting.length > 0) return undefined;
    const server = this.#pick(group, wish);
    if (server === undefined || !this.#admits(server)) return undefined;
    const free = server.takeFree(wish);
    if (free === undefined) return undefined;
    this.#counters.MyHGM_myconnpoll_get += 1;
    this.#counters.MyHGM_myconnpoll_get_ok += 1;
    this.#counters.ConnPool_get_conn_immediate += 1;
    this.#counters.ConnPool_get_conn_success += 1;
    return free;
  }

  /**
   * For a statement that may share: a connection others wait on, or a free one which then becomes a lane; undefined when
   * one has to be requested.
   */
  takeLane(hostgroup: number, wish: ConnectionWish): BackendConnection | undefined {
    const group = this.#hostgroups.get(hostgroup);
    if (group === undefined) return undefined;
    const server = this.#pickForLane(group, wish);
    if (server === undefined) return undefined;
    const lane = server.lanes.shallowest(wish);
    if (lane !== undefined && lane.depth >= laneDepthCrowded) server.admission.waited += 1;
    if (lane !== undefined && (server.lanes.count >= server.laneLimit || group.waiting.length > 0)) return lane;
    const free = group.waiting.length > 0 ? undefined : server.takeFree(wish);
    if (free === undefined) return lane;
    this.#counters.ConnPool_get_conn_immediate += 1;
    this.#counters.ConnPool_get_conn_success += 1;
    return free;
  }

  /** Others may join the statements on it from now on; false when its server is not known to take that. */
  openLane(connection: BackendConnection): boolean {
    const server = connection.home as Server;
    if (!this.#pipelines(server, connection)) return false;
    server.lanes.open(connection);
    this.#laneWatch.start();
    return true;
  }

  /** What mysql_hostgroup_attributes says, else what the server has shown; a server nobody has asked is asked soon. */
  #pipelines(server: Server, connection: BackendConnection): boolean {
    const byHand = this.#pipeliningByHand.get(server.hostgroup);
    if (byHand !== undefined) return byHand;
    if (server.pipeliningVersion !== connection.serverVersion && server.pipelining !== 'probing')
      server.pipelining = 'wanted';
    return server.pipelining === 'yes';
  }

  /** Asks the server of a connection that is free now whether it takes two commands at once. */
  #probe(server: Server, connection: BackendConnection): void {
    server.pipelining = 'probing';
    server.pipeliningVersion = connection.serverVersion;
    probePipelining(connection, this.#clock, (verdict) => {
      server.pipelining = verdict === 'lost' ? 'wanted' : verdict;
      if (verdict === 'yes') return this.giveBack(connection);
      if (verdict === 'lost') return;
      const name = `${server.hostname}:${server.port}`;
      this.#logger.warn({ server: name, hostgroup: server.hostgroup }, 'server does not answer two commands at once');
    });
  }

  /** hostgroup_settings of mysql_hostgroup_attributes. */
  setHostgroupAttributes(entries: readonly HostgroupAttributesEntry[]): void {
    this.#pipeliningByHand.clear();
    this.#connectsPerSecond.clear();
    for (const { hostgroup, pipelining, connectsPerSecond } of entries) {
      this.#connectsPerSecond.set(hostgroup, connectsPerSecond);
      if (pipelining !== undefined) this.#pipeliningByHand.set(hostgroup, pipelining);
    }
  }

  /** Nobody may join any more. */
  closeLane(connection: BackendConnection): void {
    (connection.home as Server).lanes.close(connection);
  }

  /** Calls back with a connection or a failure, later; returns how to give the request up. */
  request(request: ConnectionRequest): () => void {
    const group = this.#hostgroup(request.hostgroup);
    this.#counters.MyHGM_myconnpoll_get += 1;
    const nowMs = this.#clock.nowMs();
    const waiting: Waiting = {
      request,
      sinceMs: nowMs,
      deadlineMs:
        nowMs +
        (request.after === undefined ? this.#variables.connectTimeoutServerMax : this.#variables.connectTimeoutServer),
      failures: 0,
      connecting: false,
      over: false,
      deferred: false,
      delayed: false,
    };
    if (group.waiting.length >= waitQueueLengthMax) {
      queueMicrotask(() => this.#fail(group, waiting, errors.maxConnectTimeout(request.hostgroup, 0)));
    } else if (request.wish.sees?.gtids !== undefined && !this.tellsGtids(request.hostgroup)) {
      queueMicrotask(() => this.#fail(group, waiting, errors.gtidsUntold(request.hostgroup)));
    } else {
      group.waiting.push(waiting);
      this.#serve(group, waiting);
      if (!waiting.over && !waiting.connecting && !waiting.deferred && request.wish.sees === undefined)
        this.#onPressure();
    }
    return () => this.#remove(group, waiting);
  }

  /** Takes a connection back that is clean and may serve anybody. */
  giveBack(connection: BackendConnection): void {
    const server = connection.home as Server;
    if (connection.lost) return;
    this.#counters.MyHGM_myconnpoll_push += 1;
    if (server.contested || connection.outdated) {
      // Another worker's sessions wait, and this one has had its share: the place is theirs now. Or it is to log in again.
      connection.destroy();
      return;
    }
    if (server.pipelining === 'wanted' && connection.idle && server.entry.status === 'ONLINE' && !this.#closed)
      return this.#probe(server, connection);
    const group = this.#hostgroups.get(server.hostgroup);
    const waiting = group?.waiting.find(({ connecting, request: { wish } }) => {
      if (connecting || !fits(connection, wish)) return false;
      return wish.sees === undefined || this.#shows(server, wish.sees);
    });
    if (group !== undefined && waiting !== undefined && server.accepts(this.#clock.nowMs())) {
      this.#satisfy(group, waiting, connection);
      return;
    }
    if (server.entry.status !== 'ONLINE' || this.#closed) {
      connection.destroy();
      return;
    }
    server.used -= 1;
    server.inUse.delete(connection);
    connection.quietSinceMs = this.#sweptAtMs;
    server.free.push(connection);
    if (group !== undefined && group.waiting.length > 0) this.#serveWaiting(group);
  }

  /** Takes a connection back on which something of a session is left: it is reset first, or closed. */
  giveBackUsed(connection: BackendConnection): void {
    if (connection.lost) return;
    if (!connection.idle || this.#variables.initConnect !== '') connection.destroy();
    else {
      this.#counters.MyHGM_myconnpoll_reset += 1;
      resetAndGiveBack(connection, (clean) => this.giveBack(clean));
    }
  }

  /** The servers of a hostgroup as a choice among them sees them now. */
  outlook(hostgroup: number): readonly ServerOutlook[] {
    const nowMs = this.#clock.nowMs();
    return (this.#hostgroups.get(hostgroup)?.servers ?? []).map((server) => {
      const { hostname, port, weight, maxConnections, maxReplicationLagS } = server.entry;
      const eligible = server.accepts(nowMs);
      const name = port === 0 ? hostname : `${hostname}:${port}`;
      return { name, status: server.status, weight, eligible, used: server.used, maxConnections, maxReplicationLagS };
    });
  }

  /** Where the servers of a hostgroup are that may be chosen. */
  serversOf(hostgroup: number): readonly ServerAddress[] {
    const nowMs = this.#clock.nowMs();
    const servers = this.#hostgroups.get(hostgroup)?.servers ?? [];
    return servers
      .filter((server) => server.accepts(nowMs))
      .map(({ entry: { hostname, port, useSsl } }) => ({ hostgroup, hostname, port, useSsl }));
  }

  /** Connections to a server, free ones included. */
  placesUsed(key: QuotaKey): number {
    return this.#serverOf(key)?.connections ?? 0;
  }

  /** Another worker needs places: closes free connections, at most this many. */
  freePlaces(key: QuotaKey, count: number): void {
    this.#serverOf(key)?.dropFree(count);
  }

  /** There are more places than before. */
  onPlaces(key: QuotaKey): void {
    const server = this.#serverOf(key);
    const group = server === undefined ? undefined : this.#hostgroups.get(server.hostgroup);
    if (group !== undefined) this.#serveWaiting(group);
  }

  /** Connections nobody uses, each with its server. */
  *free(): Generator<readonly [Server, BackendConnection]> {
    for (const group of this.#hostgroups.values())
      for (const server of group.servers) for (const connection of server.free) yield [server, connection];
  }

  /** What these accounts may do has changed; an empty list: what anybody may do. Servers read it at the login. */
  renew(usernames: readonly string[]): void {
    this.#renewedAtMs = this.#clock.nowMs();
    for (const server of this.#servers()) server.renew(usernames);
  }

  rows(reset: boolean): ConnectionPoolRow[] {
    const rows: ConnectionPoolRow[] = [];
    for (const group of this.#hostgroups.values()) for (const server of group.servers) rows.push(server.row(reset));
    for (const server of this.#leaving) rows.push(server.row(reset));
    return rows;
  }

  /** Whether a statement sees there what it has to see, as far as is known. */
  shows(connection: BackendConnection, sight: Sight): boolean {
    return this.#shows(connection.home as Server, sight);
  }

  #shows({ entry }: Server, { gtids, sinceMs }: Sight): boolean {
    if (gtids !== undefined && !this.#readers.hasExecuted(entry, gtids)) return false;
    return sinceMs === undefined || !this.tellsGtids(entry.hostgroup) || this.#readers.isCurrent(entry, sinceMs);
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** Whether it can be known at all what servers of the hostgroup have executed. */
  tellsGtids(hostgroup: number): boolean {
    return this.#readers.tell(hostgroup);
  }

  /** A server has executed more: some may have waited for that. */
  #serveReaders(): void {
    for (const group of this.#hostgroups.values())
      if (group.waiting.some(({ request }) => request.wish.sees !== undefined)) this.#serveWaiting(group);
  }

  /** What servers with a gtid_port are known to have executed. */
  gtidRows(): GtidExecutedRow[] {
    return this.#readers.rows();
  }

  close(): void {
    this.#closed = true;
    this.#readers.close();
    this.#laneWatch.stop();
    for (const group of this.#hostgroups.values()) {
      for (const waiting of [...group.waiting]) this.#fail(group, waiting, errors.serverShutdown());
      for (const server of group.servers) server.dropFree();
    }
  }

  /** A server that is configured or still has connections. */
  #serverOf(key: QuotaKey): Server | undefined {
    for (const group of this.#hostgroups.values())
      for (const server of group.servers) if (server.key === key) return server;
    for (const server of this.#leaving) if (server.key === key) return server;
    return undefined;
  }

  #hostgroup(id: number): Hostgroup {
    let group = this.#hostgroups.get(id);
    if (group === undefined) {
      const picker = new ServerPicker<Server>((this.#workerIndex * Math.SQRT2) % 1);
      group = { servers: [], picker, connectRate: new ConnectRate(), waiting: [] };
      this.#hostgroups.set(id, group);
    }
    return group;
  }

  #pick(group: Hostgroup, wish: ConnectionWish, lost?: ConnectionHome): Server | undefined {
    const nowMs = this.#clock.nowMs();
    const candidates = this.#candidates;
    candidates.length = 0;
    const { sees } = wish;
    for (const server of group.servers) {
      if (!server.accepts(nowMs) || !server.hasRoom(wish)) continue;
      if (sees === undefined || this.#shows(server, sees)) candidates.push(server);
    }
    if (lost !== undefined && candidates.length > 1) {
      const index = candidates.indexOf(lost as Server);
      if (index >= 0) candidates.splice(index, 1);
    }
    return group.picker.pick(candidates);
  }

  *#servers(): IterableIterator<Server> {
    for (const group of this.#hostgroups.values()) yield* group.servers;
    yield* this.#leaving;
  }

  #pickForLane(group: Hostgroup, wish: ConnectionWish): Server | undefined {
    const nowMs = this.#sweptAtMs;
    const { servers } = group;
    const only = servers[0];
    if (servers.length === 1 && only !== undefined) return only.accepts(nowMs) ? only : undefined;
    const candidates = this.#candidates;
    candidates.length = 0;
    for (const server of servers) {
      if (server.accepts(nowMs) && (server.lanes.count > 0 || server.hasRoom(wish))) candidates.push(server);
    }
    return group.picker.pick(candidates);
  }

  /** May one more of its connections be at work, or is it better to wait for one that will be free soon? */
  #admits(server: Server): boolean {
    return !this.#fewConnections || server.admission.admits(server.inUse, performance.now());
  }

  /** It has waited long enough for a connection that was to be free soon. */
  #clockedOut(waiting: Waiting): boolean {
    return waiting.request.after !== undefined || this.#clock.nowMs() - waiting.sinceMs >= busyWaitMs;
  }

  /** Those who wait for a connection that was to be free soon; called every few milliseconds. True when there are any. */
  #serveDeferred(): boolean {
    let any = false;
    for (const group of this.#hostgroups.values()) {
      if (group.waiting.length === 0) continue;
      any = true;
      this.#serveWaiting(group);
    }
    return any;
  }

  /** Off: as many connections as there are statements at once, up to the limits. */
  setFewConnections(few: boolean): void {
    this.#fewConnections = few;
  }

  #serveWaiting(group: Hostgroup): void {
    for (const waiting of [...group.waiting]) if (!waiting.connecting) this.#serve(group, waiting);
  }

  #serve(group: Hostgroup, waiting: Waiting): void {
    if (waiting.over) return;
    const server = this.#pick(group, waiting.request.wish, waiting.request.after?.home);
    if (server === undefined) return;
    if (!this.#clockedOut(waiting) && !this.#admits(server)) {
      if (!waiting.deferred) this.#counters.Sluice_busy_waits += 1;
      waiting.deferred = true;
      server.admission.waited += 1;
      this.#laneWatch.start();
      return;
    }
    const free = server.takeFree(waiting.request.wish);
    if (free !== undefined) {
      this.#satisfy(group, waiting, free);
      return;
    }
    if (this.#full.limitOf(server, waiting.request.user.username, this.#clock.nowMs()) !== undefined) return;
    if (!this.#mayConnect(group, server, waiting)) return;
    if (!server.makeRoom()) return;
    group.connectRate.note(this.#clock.nowMs());
    void this.#connect(group, waiting, server);
  }

  /** Not too many in a second, over all workers; who has to wait is served at a later sweep. */
  #mayConnect(group: Hostgroup, server: Server, waiting: Waiting): boolean {
    const limit = this.#connectsPerSecond.get(server.hostgroup) ?? this.#variables.throttleConnectionsPerSecToHostgroup;
    if (group.connectRate.admits(Math.ceil(limit / this.#workerCount), this.#clock.nowMs())) return true;
    if (!waiting.delayed) this.#counters.Server_Connections_delayed += 1;
    waiting.delayed = true;
    return false;
  }

  async #connect(group: Hostgroup, waiting: Waiting, server: Server): Promise<void> {
    waiting.connecting = true;
    server.connecting += 1;
    const begunAtMs = this.#clock.nowMs();
    let connection: BackendConnection;
    try {
      connection = await this.#connectTo({
        home: server,
        useSsl: server.entry.useSsl,
        compression: server.entry.compression,
        user: waiting.request.user,
        shape: waiting.request.wish.shape,
        variables: this.#variables,
        nowMs: () => this.#clock.nowMs(),
      });
      // A server that says something unasked is leaving.
      if (connection.lost) throw new Error('the connection was lost right after its login');
    } catch (error) {
      server.connectFailed();
      waiting.connecting = false;
      this.#forgetIfGone(server);
      this.#connectFailed(group, waiting, server, error);
      return;
    }
    server.connecting -= 1;
    waiting.connecting = false;
    server.admit(connection);
    // Who logged in while rights changed may have the old ones.
    connection.outdated = begunAtMs <= this.#renewedAtMs;
    if (!waiting.over && server.entry.status === 'ONLINE') this.#satisfy(group, waiting, connection);
    else {
      this.giveBack(connection);
      if (!waiting.over) this.#serve(group, waiting);
    }
  }

  #connectFailed(group: Hostgroup, waiting: Waiting, server: Server, error: unknown): void {
    const variables = this.#variables;
    const nowMs = this.#clock.nowMs();
    const full = limitReached(error, server, waiting.request.user.username);
    if (full !== undefined && !waiting.over && this.#makeRoom(group, waiting, full)) return;
    // What the server says about this user or the protocol is no sign that the server is ill.
    const verdict = verdictOf(error, server.hostgroup);
    if (error instanceof ShapeMismatch) this.#logger.warn({ reason: error.message }, 'server cannot serve this client');
    if (verdict === undefined) {
      const errorsMax = Math.min(variables.shunOnFailures, variables.connectRetriesOnFailure + 1);
      const shunned = server.noteConnectError(nowMs, errorsMax, shunMs(variables));
      const server_ = `${server.hostname}:${server.port}`;
      if (shunned) this.#logger.warn({ server: server_, hostgroup: server.hostgroup, err: error }, 'server shunned');
      else this.#logger.debug({ server: server_, hostgroup: server.hostgroup, err: error }, 'connect failed');
    }
    if (waiting.over) return;
    waiting.failures += 1;
    if (verdict !== undefined) this.#fail(group, waiting, verdict);
    else if (waiting.request.after !== undefined)
      this.#fail(group, waiting, errors.maxConnectFailure(server.hostgroup));
    else if (waiting.failures <= variables.connectRetriesOnFailure) {
      this.#clock.after(variables.connectRetriesDelay, () => this.#serve(group, waiting));
    }
  }

  /** The server's own limit is reached; false when no connection of the proxy's is known that counts for it. */
  #makeRoom(group: Hostgroup, waiting: Waiting, limit: FullLimit): boolean {
    const ours = this.#full.isOurs(limit);
    const maybeAnothers = this.#workerCount > 1 && waiting.failures < this.#variables.connectRetriesOnFailure;
    if (!ours && !maybeAnothers) return false;
    if (!ours) waiting.failures += 1;
    const pauseMs = this.#full.makeRoom(limit, this.#clock.nowMs());
    if (pauseMs === fullServerPauseMs) {
      this.#onPressure();
      this.#onFull(limit);
    }
    this.#clock.after(pauseMs, () => this.#serveWaiting(group));
    return true;
  }

  /** Another worker's session needs a connection of ours that nobody uses. */
  closeFree(limit: FullLimit): void {
    if (this.#full.closeFree(limit)) return;
    this.#onPressure();
    this.#full.closeFree(limit);
  }

  /** A server that left the configuration is forgotten with its last connection. */
  #forgetIfGone(server: Server): void {
    if (server.connections === 0) this.#leaving.delete(server);
  }

  #connectionLost(server: Server): void {
    this.#forgetIfGone(server);
    const group = this.#hostgroups.get(server.hostgroup);
    if (group === undefined || this.#closed) return;
    if (server.entry.status === 'OFFLINE_HARD' && server.connections === 0) {
      group.servers = group.servers.filter((s) => s !== server);
    }
    if (group.waiting.length > 0) setImmediate(() => this.#serveWaiting(group));
  }

  #satisfy(group: Hostgroup, waiting: Waiting, connection: BackendConnection): void {
    this.#counters.MyHGM_myconnpoll_get_ok += 1;
    this.#counters.ConnPool_get_conn_success += 1;
    if (waiting.request.wish.sees?.sinceMs !== undefined) this.#noteLagWait(waiting);
    this.#remove(group, waiting);
    try {
      waiting.request.onConnection(connection);
    } catch (error) {
      // Not the server's fault, and not a reason to take the worker down.
      this.#logger.error({ err: error }, 'a bug ended a statement');
      connection.destroy();
      waiting.request.onFailure(errors.lostConnection());
    }
  }

  #noteLagWait({ sinceMs }: Waiting): void {
    this.#counters.queries_with_max_lag_ms__delayed += 1;
    this.#counters.queries_with_max_lag_ms__total_wait_time_us += (this.#clock.nowMs() - sinceMs) * 1000;
  }

  #fail(group: Hostgroup, waiting: Waiting, error: ProtocolError): void {
    this.#counters.ConnPool_get_conn_failure += 1;
    this.#remove(group, waiting);
    waiting.request.onFailure(error);
  }

  #remove(group: Hostgroup, waiting: Waiting): void {
    waiting.over = true;
    const index = group.waiting.indexOf(waiting);
    if (index >= 0) group.waiting.splice(index, 1);
    if (group.waiting.length === 0) for (const server of group.servers) server.needsNoMore();
  }

  /** Called often (every 100 ms): deadlines of those who wait, servers that came back, and now and then the pools. */
  sweep(): void {
    const nowMs = this.#clock.nowMs();
    this.#sweptAtMs = nowMs;
    for (const [id, group] of this.#hostgroups) {
      for (const server of group.servers) {
        this.#dropUnanswered(server, nowMs);
        server.admission.adapt();
        server.laneCount.adapt(nowMs);
      }
      for (const waiting of [...group.waiting]) {
        if (nowMs >= waiting.deadlineMs) {
          this.#counters.max_connect_timeouts += 1;
          this.#fail(group, waiting, errors.maxConnectTimeout(id, nowMs - waiting.sinceMs));
        } else if (!waiting.connecting) this.#serve(group, waiting);
      }
    }
    if (nowMs < this.#nextUpkeepMs) return;
    this.#nextUpkeepMs = nowMs + upkeepIntervalMs;
    for (const group of this.#hostgroups.values()) {
      for (const server of group.servers) {
        tidy(server, this.#variables, nowMs);
        pingFree(server, this.#variables, nowMs, () => this.#serveWaiting(group));
      }
    }
  }

  #dropUnanswered(server: Server, nowMs: number): void {
    const dropped = dropUnanswered(server, this.#variables, nowMs);
    if (dropped === 0) return;
    const name = `${server.hostname}:${server.port}`;
    this.#logger.warn({ server: name, hostgroup: server.hostgroup, dropped }, 'idle connections did not answer a ping');
  }
}

/** What a client is told at once, because trying again would not help; undefined for failures that may pass. */
function verdictOf(error: unknown, hostgroup: number): ProtocolError | undefined {
  if (error instanceof LoginRefused && error.code !== errors.tooManyConnections().code) return error;
  return error instanceof ShapeMismatch ? errors.maxConnectFailure(hostgroup) : undefined;
}

/** Source: ProxySQL, max_wait_sec in get_random_MySrvC. */
function shunMs(variables: MysqlVariables): number {
  const connectMaxS = Math.max(1, Math.floor(variables.connectTimeoutServerMax / 1000) - 1);
  return Math.min(variables.shunRecoveryTimeSec, connectMaxS) * 1000;
}

function fits(connection: BackendConnection, wish: ConnectionWish): boolean {
  return connection.username === wish.username && connection.shape === wish.shape;
}
