/**
 * Which server does a statement go to? One by weight (server-picker.ts) of those that may be chosen, have room, and show
 * what the statement has to see. It knows nothing of who waits.
 */
import { performance } from 'node:perf_hooks';
import type { ConnectionHome } from '../backend/backend-connection.ts';
import type { BinlogReaders } from '../gtid/binlog-readers.ts';
import type { Hostgroup } from './hostgroup.ts';
import type { PoolSettings } from './pool-settings.ts';
import type { ConnectionWish, Server, Sight } from './server.ts';

export class ServerChoice {
  readonly #settings: PoolSettings;
  readonly #readers: BinlogReaders;
  /** Filled anew for each choice. */
  readonly #candidates: Server[] = [];

  constructor(settings: PoolSettings, readers: BinlogReaders) {
    this.#settings = settings;
    this.#readers = readers;
  }

  /**
   * A server with a free connection for the wish, or room for a new one.
   * @param lost another one than this, if there is one
   */
  pick(group: Hostgroup, wish: ConnectionWish, nowMs: number, lost?: ConnectionHome): Server | undefined {
    const candidates = this.#candidates;
    candidates.length = 0;
    const { sees } = wish;
    for (const server of group.servers) {
      if (!server.accepts(nowMs) || !server.hasRoom(wish)) continue;
      if (sees === undefined || this.shows(server, sees)) candidates.push(server);
    }
    if (lost !== undefined && candidates.length > 1) {
      const index = candidates.indexOf(lost as Server);
      if (index >= 0) candidates.splice(index, 1);
    }
    return group.picker.pick(candidates);
  }

  /** A server with a lane, or room for one. */
  pickForLane(group: Hostgroup, wish: ConnectionWish, nowMs: number): Server | undefined {
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

  /** Whether a statement sees there what it has to see, as far as is known. */
  shows({ entry }: Server, { gtids, sinceMs }: Sight): boolean {
    if (gtids !== undefined && !this.#readers.hasExecuted(entry, gtids)) return false;
    return sinceMs === undefined || !this.tellsGtids(entry.hostgroup) || this.#readers.isCurrent(entry, sinceMs);
  }

  /** Whether it can be known at all what servers of the hostgroup have executed. */
  tellsGtids(hostgroup: number): boolean {
    return this.#readers.tell(hostgroup);
  }

  /** May one more of its connections be at work, or is it better to wait for one that will be free soon? */
  admits(server: Server): boolean {
    return !this.#settings.fewConnections || server.admission.admits(server.inUse, performance.now());
  }
}
