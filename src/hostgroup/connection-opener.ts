/**
 * When is a new connection opened, and what if that fails? Not beyond the limits of servers, accounts and seconds; a
 * failure that may pass is tried again, one that will not is the client's answer, and a server that fails too often is
 * shunned. Owns what is known of full servers, and since when logins are out of date. How one is opened: connector.ts.
 */
import type { BackendConnection } from '../backend/backend-connection.ts';
import { LoginRefused } from '../connection-phase/client-login.ts';
import { errors, type ProtocolError } from '../protocol/errors.ts';
import { ShapeMismatch } from './connector.ts';
import { type FullLimit, FullServers, fullServerPauseMs, limitReached } from './full-servers.ts';
import type { Hostgroup, Waiting } from './hostgroup.ts';
import type { HostgroupManagerOptions, PoolSettings } from './pool-settings.ts';
import type { Server } from './server.ts';
import type { ServerDirectory } from './server-directory.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** Who distributes connections. */
export interface Distributor {
  /** Tries again for one who waits. */
  serve(group: Hostgroup, waiting: Waiting): void;
  /** Tries again for all of them. */
  serveAll(group: Hostgroup): void;
  /** Nobody waits for this connection any more. */
  giveBack(connection: BackendConnection): void;
}

export class ConnectionOpener {
  readonly #options: HostgroupManagerOptions;
  readonly #settings: PoolSettings;
  readonly #directory: ServerDirectory;
  readonly #room: WaitingRoom;
  readonly #pool: Distributor;
  readonly #full: FullServers;
  /** When accounts' rights changed last, as far as is known; milliseconds since the epoch. */
  #renewedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    options: HostgroupManagerOptions,
    settings: PoolSettings,
    directory: ServerDirectory,
    room: WaitingRoom,
    pool: Distributor,
  ) {
    this.#options = options;
    this.#settings = settings;
    this.#directory = directory;
    this.#room = room;
    this.#pool = pool;
    this.#full = new FullServers(() => directory.servers());
  }

  /** Opens a connection for one who waits, unless a limit is reached: then a later sweep will try again. */
  open(group: Hostgroup, waiting: Waiting, server: Server): void {
    const { clock } = this.#options;
    if (this.#full.limitOf(server, waiting.request.user.username, clock.nowMs()) !== undefined) return;
    if (!this.#isInRate(group, waiting)) return;
    if (!server.makeRoom()) return;
    group.connectRate.note(clock.nowMs());
    void this.#connect(group, waiting, server);
  }

  /** What accounts may do has changed: whoever logs in now may still have the old rights. */
  renewed(): void {
    this.#renewedAtMs = this.#options.clock.nowMs();
  }

  /** Another worker's session needs a connection of ours that nobody uses. */
  closeFree(limit: FullLimit): void {
    if (this.#full.closeFree(limit)) return;
    this.#options.onPressure();
    this.#full.closeFree(limit);
  }

  /** Not too many in a second, over all workers; who has to wait is served at a later sweep. */
  #isInRate(group: Hostgroup, waiting: Waiting): boolean {
    const { clock, counters, workerCount } = this.#options;
    const limit = Math.ceil(this.#settings.connectsPerSecondOf(group.id) / workerCount);
    if (group.connectRate.admits(limit, clock.nowMs())) return true;
    if (!waiting.delayed) counters.Server_Connections_delayed += 1;
    waiting.delayed = true;
    return false;
  }

  async #connect(group: Hostgroup, waiting: Waiting, server: Server): Promise<void> {
    const { clock, connect } = this.#options;
    waiting.connecting = true;
    server.connecting += 1;
    const begunAtMs = clock.nowMs();
    let connection: BackendConnection;
    try {
      connection = await connect({
        home: server,
        useSsl: server.entry.useSsl,
        compression: server.entry.compression,
        user: waiting.request.user,
        shape: waiting.request.wish.shape,
        variables: this.#settings.variables,
        nowMs: () => clock.nowMs(),
      });
      // A server that says something unasked is leaving.
      if (connection.lost) throw new Error('the connection was lost right after its login');
    } catch (error) {
      server.connectFailed();
      waiting.connecting = false;
      this.#directory.forgetIfGone(server);
      this.#connectFailed(group, waiting, server, error);
      return;
    }
    server.connecting -= 1;
    waiting.connecting = false;
    server.admit(connection);
    // Who logged in while rights changed may have the old ones.
    connection.outdated = begunAtMs <= this.#renewedAtMs;
    if (!waiting.over && server.entry.status === 'ONLINE') this.#room.satisfy(group, waiting, connection);
    else {
      this.#pool.giveBack(connection);
      if (!waiting.over) this.#pool.serve(group, waiting);
    }
  }

  #connectFailed(group: Hostgroup, waiting: Waiting, server: Server, error: unknown): void {
    const { logger, clock } = this.#options;
    const { variables } = this.#settings;
    const full = limitReached(error, server, waiting.request.user.username);
    if (full !== undefined && !waiting.over && this.#makeRoom(group, waiting, full)) return;
    // What the server says about this user or the protocol is no sign that the server is ill.
    const verdict = verdictOf(error, server.hostgroup);
    if (error instanceof ShapeMismatch) logger.warn({ reason: error.message }, 'server cannot serve this client');
    if (verdict === undefined) this.#noteFailure(server, error);
    if (waiting.over) return;
    waiting.failures += 1;
    if (verdict !== undefined) this.#room.fail(group, waiting, verdict);
    else if (waiting.request.after !== undefined)
      this.#room.fail(group, waiting, errors.maxConnectFailure(server.hostgroup));
    else if (waiting.failures <= variables.connectRetriesOnFailure) {
      clock.after(variables.connectRetriesDelay, () => this.#pool.serve(group, waiting));
    }
  }

  /** It may shun the server. Source: ProxySQL, max_wait_sec in get_random_MySrvC. */
  #noteFailure(server: Server, error: unknown): void {
    const { logger, clock } = this.#options;
    const { shunOnFailures, connectRetriesOnFailure, connectTimeoutServerMax, shunRecoveryTimeSec } =
      this.#settings.variables;
    const errorsMax = Math.min(shunOnFailures, connectRetriesOnFailure + 1);
    const connectMaxS = Math.max(1, Math.floor(connectTimeoutServerMax / 1000) - 1);
    const shunMs = Math.min(shunRecoveryTimeSec, connectMaxS) * 1000;
    const shunned = server.noteConnectError(clock.nowMs(), errorsMax, shunMs);
    const fields = { server: `${server.hostname}:${server.port}`, hostgroup: server.hostgroup, err: error };
    if (shunned) logger.warn(fields, 'server shunned');
    else logger.debug(fields, 'connect failed');
  }

  /** The server's own limit is reached; false when no connection of the proxy's is known that counts for it. */
  #makeRoom(group: Hostgroup, waiting: Waiting, limit: FullLimit): boolean {
    const { clock, workerCount, onPressure, onFull } = this.#options;
    const ours = this.#full.isOurs(limit);
    const maybeAnothers = workerCount > 1 && waiting.failures < this.#settings.variables.connectRetriesOnFailure;
    if (!ours && !maybeAnothers) return false;
    if (!ours) waiting.failures += 1;
    const pauseMs = this.#full.makeRoom(limit, clock.nowMs());
    if (pauseMs === fullServerPauseMs) {
      onPressure();
      onFull(limit);
    }
    clock.after(pauseMs, () => this.#pool.serveAll(group));
    return true;
  }
}

/** What a client is told at once, because trying again would not help; undefined for failures that may pass. */
function verdictOf(error: unknown, hostgroup: number): ProtocolError | undefined {
  if (error instanceof LoginRefused && error.code !== errors.tooManyConnections().code) return error;
  return error instanceof ShapeMismatch ? errors.maxConnectFailure(hostgroup) : undefined;
}
