/**
 * Who gets which connection? A statement gets a free one or a lane at once, or waits; who waits is served whenever one may
 * have become available: given back, opened, permitted again. Owns the lanes' watch; which server, who waits and what is
 * opened are questions of other files.
 *
 *   take | takeLane ─▶ at once     request ─▶ waiting-room ─▶ serve: free | connection-opener | later
 *   giveBack ─▶ who waits | free   giveBackUsed ─▶ reset ─▶ giveBack
 */
import type { BackendConnection } from '../backend/backend-connection.ts';
import type { Counters } from '../observe/counters.ts';
import { errors } from '../protocol/errors.ts';
import type { Clock } from '../util/clock.ts';
import { ConnectionOpener, type Distributor } from './connection-opener.ts';
import { resetAndGiveBack } from './connection-reset.ts';
import type { ConnectionRequest, Hostgroup, Waiting } from './hostgroup.ts';
import { LaneWatch } from './lane-watch.ts';
import { laneDepthCrowded } from './lanes.ts';
import { PipeliningVerdicts } from './pipelining-verdicts.ts';
import type { HostgroupManagerOptions, PoolSettings } from './pool-settings.ts';
import type { ConnectionWish, Server } from './server.ts';
import type { ServerChoice } from './server-choice.ts';
import type { ServerDirectory } from './server-directory.ts';
import { WaitingRoom, waitQueueLengthMax } from './waiting-room.ts';

/** Who waits this long, in ms, is not passed over for somebody whose schema the connection is nearer to. */
export const passedOverMs = 50;

export class ConnectionBroker implements Distributor {
  readonly opener: ConnectionOpener;
  /** The time of the last sweep: good enough where a hundred milliseconds are nothing. */
  sweptAtMs: number;
  readonly #counters: Counters;
  readonly #clock: Clock;
  readonly #onPressure: () => void;
  readonly #settings: PoolSettings;
  readonly #directory: ServerDirectory;
  readonly #choice: ServerChoice;
  readonly #room: WaitingRoom;
  readonly #verdicts: PipeliningVerdicts;
  readonly #laneWatch: LaneWatch;
  #closed = false;

  constructor(
    options: HostgroupManagerOptions,
    settings: PoolSettings,
    directory: ServerDirectory,
    choice: ServerChoice,
  ) {
    const { logger, counters, clock } = options;
    this.#counters = counters;
    this.#clock = clock;
    this.#onPressure = options.onPressure;
    this.#settings = settings;
    this.#directory = directory;
    this.#choice = choice;
    this.#room = new WaitingRoom(clock, counters, logger);
    this.opener = new ConnectionOpener(options, settings, directory, this.#room, this);
    this.#verdicts = new PipeliningVerdicts(settings, clock, logger);
    this.#laneWatch = new LaneWatch(
      () => directory.servers(),
      () => this.#serveDeferred(),
    );
    this.#laneWatch.onMoved = (count) => {
      counters.Sluice_pipelining_moved += count;
    };
    this.sweptAtMs = clock.nowMs();
  }

  /** Nobody gets anything any more. */
  close(): void {
    this.#closed = true;
    this.#laneWatch.stop();
    for (const group of this.#directory.groups()) {
      for (const waiting of [...group.waiting]) this.#room.fail(group, waiting, errors.serverShutdown());
      for (const server of group.servers) server.dropFree();
    }
  }

  // ---------------------------------------------------------------- a connection, at once or later

  /** A free connection of the hostgroup, or undefined: then `request` one. */
  take(hostgroup: number, wish: ConnectionWish): BackendConnection | undefined {
    const group = this.#directory.group(hostgroup);
    if (group === undefined || group.waiting.length > 0) return undefined;
    const server = this.#choice.pick(group, wish, this.#clock.nowMs());
    if (server === undefined || !this.#choice.admits(server)) return undefined;
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
    const group = this.#directory.group(hostgroup);
    if (group === undefined) return undefined;
    const server = this.#choice.pickForLane(group, wish, this.sweptAtMs);
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
    if (!this.#verdicts.pipelines(server, connection)) return false;
    server.lanes.open(connection);
    this.#laneWatch.start();
    return true;
  }

  /** Nobody may join any more. */
  closeLane(connection: BackendConnection): void {
    (connection.home as Server).lanes.close(connection);
  }

  /** Calls back with a connection or a failure, later; returns how to give the request up. */
  request(request: ConnectionRequest): () => void {
    const group = this.#directory.groupFor(request.hostgroup);
    this.#counters.MyHGM_myconnpoll_get += 1;
    const waiting = this.#room.admit(request, this.#settings.variables);
    if (group.waiting.length >= waitQueueLengthMax) {
      queueMicrotask(() => this.#room.fail(group, waiting, errors.maxConnectTimeout(request.hostgroup, 0)));
    } else if (request.wish.sees?.gtids !== undefined && !this.#choice.tellsGtids(request.hostgroup)) {
      queueMicrotask(() => this.#room.fail(group, waiting, errors.gtidsUntold(request.hostgroup)));
    } else {
      group.waiting.push(waiting);
      this.serve(group, waiting);
      if (!waiting.over && !waiting.connecting && !waiting.deferred && request.wish.sees === undefined)
        this.#onPressure();
    }
    return () => this.#room.remove(group, waiting);
  }

  // ---------------------------------------------------------------- taken back

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
      return this.#verdicts.probe(server, connection, (clean) => this.giveBack(clean));
    const group = this.#directory.group(server.hostgroup);
    const waiting = group === undefined ? undefined : this.#nextFor(connection, server, group.waiting);
    if (group !== undefined && waiting !== undefined && server.accepts(this.#clock.nowMs())) {
      this.#room.satisfy(group, waiting, connection);
      return;
    }
    if (server.entry.status !== 'ONLINE' || this.#closed) {
      connection.destroy();
      return;
    }
    server.used -= 1;
    server.inUse.delete(connection);
    connection.quietSinceMs = this.sweptAtMs;
    server.free.push(connection);
    if (group !== undefined && group.waiting.length > 0) this.serveAll(group);
  }

  /**
   * Who of those who wait gets this connection, if anybody. The first whose session is in a schema, or in none, as the
   * connection is: so that few of them are brought from one to the other. But nobody is passed over for long: undefined
   * when it is somebody's turn whom the connection cannot serve, and for whom it may have to make room.
   */
  #nextFor(connection: BackendConnection, server: Server, queue: readonly Waiting[]): Waiting | undefined {
    const schemaless = connection.state.schema === '';
    let first: Waiting | undefined;
    for (const waiting of queue) {
      const { wish } = waiting.request;
      if (waiting.connecting || wish.username !== connection.username || wish.shape !== connection.shape) continue;
      if (wish.sees !== undefined && !this.#choice.shows(server, wish.sees)) continue;
      if (wish.schemaless !== schemaless) first ??= waiting;
      else if (first === undefined || this.#clock.nowMs() - first.sinceMs < passedOverMs) return waiting;
      else break;
    }
    return first?.request.wish.schemaless === true ? undefined : first;
  }

  /** Takes a connection back on which something of a session is left: it is reset first, or closed. */
  giveBackUsed(connection: BackendConnection): void {
    if (connection.lost) return;
    if (!connection.idle || this.#settings.variables.initConnect !== '') connection.destroy();
    else {
      this.#counters.MyHGM_myconnpoll_reset += 1;
      resetAndGiveBack(connection, (clean) => this.giveBack(clean));
    }
  }

  // ---------------------------------------------------------------- who waits is served

  /** Something may have become available for any of those who wait. */
  serveAll(group: Hostgroup): void {
    for (const waiting of [...group.waiting]) if (!waiting.connecting) this.serve(group, waiting);
  }

  /** Gives one who waits what there is: a free connection, or a new one that is on its way from now on. */
  serve(group: Hostgroup, waiting: Waiting): void {
    if (waiting.over) return;
    const server = this.#choice.pick(group, waiting.request.wish, this.#clock.nowMs(), waiting.request.after?.home);
    if (server === undefined) return;
    if (!this.#room.hasClockedOut(waiting) && !this.#choice.admits(server)) {
      if (!waiting.deferred) this.#counters.Sluice_busy_waits += 1;
      waiting.deferred = true;
      server.admission.waited += 1;
      this.#laneWatch.start();
      return;
    }
    const free = server.takeFree(waiting.request.wish);
    if (free !== undefined) {
      this.#room.satisfy(group, waiting, free);
      return;
    }
    this.opener.open(group, waiting, server);
  }

  /** Those who wait for a connection that was to be free soon; called every few milliseconds. True when there are any. */
  #serveDeferred(): boolean {
    let any = false;
    for (const group of this.#directory.groups()) {
      if (group.waiting.length === 0) continue;
      any = true;
      this.serveAll(group);
    }
    return any;
  }

  /** A server has executed more: some may have waited for that. */
  serveReaders(): void {
    for (const group of this.#directory.groups())
      if (group.waiting.some(({ request }) => request.wish.sees !== undefined)) this.serveAll(group);
  }

  /** Called often (every 100 ms): deadlines of those who wait, and servers that came back. */
  sweep(group: Hostgroup, nowMs: number): void {
    for (const waiting of [...group.waiting]) {
      if (!this.#room.expire(group, waiting, nowMs) && !waiting.connecting) this.serve(group, waiting);
    }
  }

  /** A server has lost a connection: there is room for another one, or nothing is left of a server that left. */
  connectionLost(server: Server): void {
    this.#directory.forgetIfGone(server);
    const group = this.#directory.group(server.hostgroup);
    if (group === undefined || this.#closed) return;
    this.#directory.dropIfDrained(group, server);
    if (group.waiting.length > 0) setImmediate(() => this.serveAll(group));
  }
}
