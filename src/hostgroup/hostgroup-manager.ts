/**
 * What is the pool of a worker, seen from outside? Sessions ask it for connections, the worker publishes to it, sweeps it
 * and shares places with other workers, statistics look into it. It puts the parts together and keeps no state but them:
 * connection-broker.ts gives connections away, server-directory.ts knows the servers.
 */
import type { QuotaKey } from '../../runtime/quota/messages.ts';
import type { HostgroupAttributesEntry, ServerEntry } from '../../runtime/snapshot.ts';
import type { ConnectionPoolRow, GtidExecutedRow } from '../../runtime/stats.ts';
import type { MysqlVariables } from '../../runtime/variables.ts';
import type { BackendConnection } from '../backend/backend-connection.ts';
import { BinlogReaders } from '../gtid/binlog-readers.ts';
import type { Logger } from '../observe/logger.ts';
import type { Clock } from '../util/clock.ts';
import { ConnectionBroker } from './connection-broker.ts';
import type { FullLimit } from './full-servers.ts';
import type { ConnectionRequest } from './hostgroup.ts';
import { type HostgroupManagerOptions, PoolSettings } from './pool-settings.ts';
import { dropUnanswered, pingFree, tidy } from './pool-upkeep.ts';
import type { ConnectionWish, Server, ServerOptions, Sight } from './server.ts';
import { ServerChoice } from './server-choice.ts';
import { type ServerAddress, ServerDirectory, type ServerOutlook } from './server-directory.ts';

/** How often free connections are looked over, in ms. */
export const upkeepIntervalMs = 1_000;

export class HostgroupManager {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #settings: PoolSettings;
  readonly #directory: ServerDirectory;
  readonly #readers: BinlogReaders;
  readonly #choice: ServerChoice;
  readonly #broker: ConnectionBroker;
  readonly #serverOptions: ServerOptions;
  #nextUpkeepMs = 0;

  constructor(options: HostgroupManagerOptions) {
    const { logger, counters, clock, places } = options;
    this.#logger = logger;
    this.#clock = clock;
    this.#settings = new PoolSettings(options.variables);
    this.#directory = new ServerDirectory(options.workerIndex);
    this.#readers = new BinlogReaders({
      retryMs: () => this.#settings.variables.binlogReaderConnectRetryMsec,
      warn: (fields, message) => logger.warn(fields, message),
      onExecuted: () => this.#broker.serveReaders(),
      nowMs: () => clock.nowMs(),
    });
    this.#choice = new ServerChoice(this.#settings, this.#readers);
    this.#broker = new ConnectionBroker(options, this.#settings, this.#directory, this.#choice);
    this.#serverOptions = {
      counters,
      places,
      onLost: (_connection, server) => this.#broker.connectionLost(server),
      onLeft: (connection) => {
        connection.foreignDiagnostics = true;
        if (connection.clean) this.giveBack(connection);
        else this.giveBackUsed(connection);
      },
    };
  }

  // ---------------------------------------------------------------- what the worker publishes

  setVariables(variables: MysqlVariables): void {
    this.#settings.variables = variables;
  }

  /** Off: as many connections as there are statements at once, up to the limits. */
  setFewConnections(few: boolean): void {
    this.#settings.fewConnections = few;
  }

  setHostgroupAttributes(entries: readonly HostgroupAttributesEntry[]): void {
    this.#settings.setHostgroupAttributes(entries);
  }

  /** Replaces the servers; see ServerDirectory. */
  apply(entries: readonly ServerEntry[]): void {
    this.#directory.apply(entries, this.#serverOptions);
    this.#readers.apply(entries);
    for (const group of this.#directory.groups()) this.#broker.serveAll(group);
  }

  /** What these accounts may do has changed; an empty list: what anybody may do. Servers read it at the login. */
  renew(usernames: readonly string[]): void {
    this.#broker.opener.renewed();
    for (const server of this.#directory.servers()) server.renew(usernames);
  }

  close(): void {
    this.#readers.close();
    this.#broker.close();
  }

  // ---------------------------------------------------------------- connections

  /** A free connection of the hostgroup, or undefined: then `request` one. */
  take(hostgroup: number, wish: ConnectionWish): BackendConnection | undefined {
    return this.#broker.take(hostgroup, wish);
  }

  /** For a statement that may share: a lane, or a free connection which then becomes one; undefined: `request` one. */
  takeLane(hostgroup: number, wish: ConnectionWish): BackendConnection | undefined {
    return this.#broker.takeLane(hostgroup, wish);
  }

  /** Others may join the statements on it from now on; false when its server is not known to take that. */
  openLane(connection: BackendConnection): boolean {
    return this.#broker.openLane(connection);
  }

  /** Nobody may join any more. */
  closeLane(connection: BackendConnection): void {
    this.#broker.closeLane(connection);
  }

  /** Calls back with a connection or a failure, later; returns how to give the request up. */
  request(request: ConnectionRequest): () => void {
    return this.#broker.request(request);
  }

  /** Takes a connection back that is clean and may serve anybody. */
  giveBack(connection: BackendConnection): void {
    this.#broker.giveBack(connection);
  }

  /** Takes a connection back on which something of a session is left: it is reset first, or closed. */
  giveBackUsed(connection: BackendConnection): void {
    this.#broker.giveBackUsed(connection);
  }

  // ---------------------------------------------------------------- now and then

  /** Called often (every 100 ms): deadlines of those who wait, servers that came back, and now and then the pools. */
  sweep(): void {
    const nowMs = this.#clock.nowMs();
    this.#broker.sweptAtMs = nowMs;
    for (const group of this.#directory.groups()) {
      for (const server of group.servers) {
        this.#dropUnanswered(server, nowMs);
        server.admission.adapt();
        server.laneCount.adapt(nowMs);
      }
      this.#broker.sweep(group, nowMs);
    }
    if (nowMs < this.#nextUpkeepMs) return;
    this.#nextUpkeepMs = nowMs + upkeepIntervalMs;
    for (const group of this.#directory.groups()) {
      for (const server of group.servers) {
        tidy(server, this.#settings.variables, nowMs);
        pingFree(server, this.#settings.variables, nowMs, () => this.#broker.serveAll(group));
      }
    }
  }

  #dropUnanswered(server: Server, nowMs: number): void {
    const dropped = dropUnanswered(server, this.#settings.variables, nowMs);
    if (dropped === 0) return;
    const name = `${server.hostname}:${server.port}`;
    this.#logger.warn({ server: name, hostgroup: server.hostgroup, dropped }, 'idle connections did not answer a ping');
  }

  // ---------------------------------------------------------------- places, shared with other workers

  /** Connections to a server, free ones included. */
  placesUsed(key: QuotaKey): number {
    return this.#directory.find(key)?.connections ?? 0;
  }

  /** Another worker needs places: closes free connections, at most this many. */
  freePlaces(key: QuotaKey, count: number): void {
    this.#directory.find(key)?.dropFree(count);
  }

  /** There are more places than before. */
  onPlaces(key: QuotaKey): void {
    const server = this.#directory.find(key);
    const group = server === undefined ? undefined : this.#directory.group(server.hostgroup);
    if (group !== undefined) this.#broker.serveAll(group);
  }

  /** Another worker's session needs a connection of ours that nobody uses. */
  closeFree(limit: FullLimit): void {
    this.#broker.opener.closeFree(limit);
  }

  // ---------------------------------------------------------------- what is known

  /** Whether a statement sees there what it has to see, as far as is known. */
  shows(connection: BackendConnection, sight: Sight): boolean {
    return this.#choice.shows(connection.home as Server, sight);
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** Whether it can be known at all what servers of the hostgroup have executed. */
  tellsGtids(hostgroup: number): boolean {
    return this.#choice.tellsGtids(hostgroup);
  }

  /** What servers with a gtid_port are known to have executed. */
  gtidRows(): GtidExecutedRow[] {
    return this.#readers.rows();
  }

  /** The servers of a hostgroup as a choice among them sees them now. */
  outlook(hostgroup: number): readonly ServerOutlook[] {
    return this.#directory.outlook(hostgroup, this.#clock.nowMs());
  }

  /** Where the servers of a hostgroup are that may be chosen. */
  serversOf(hostgroup: number): readonly ServerAddress[] {
    return this.#directory.addresses(hostgroup, this.#clock.nowMs());
  }

  /** Connections nobody uses, each with its server. */
  free(): Generator<readonly [Server, BackendConnection]> {
    return this.#directory.free();
  }

  /** stats_mysql_connection_pool. @param reset the counters begin anew */
  rows(reset: boolean): ConnectionPoolRow[] {
    return this.#directory.rows(reset);
  }
}
