/**
 * What does the operator want of hostgroups? Variables, mysql_hostgroup_attributes and switches as they are now: the parts
 * of the pool read them here, the worker sets them at each publish. It changes nothing that is under way.
 */
import type { HostgroupAttributesEntry } from '../../runtime/snapshot.ts';
import type { MysqlVariables } from '../../runtime/variables.ts';
import type { Counters } from '../observe/counters.ts';
import type { Logger } from '../observe/logger.ts';
import type { Clock } from '../util/clock.ts';
import type { Connect } from './connector.ts';
import type { FullLimit } from './full-servers.ts';
import type { ServerPlaces } from './server.ts';

/** What the worker gives its pool for life. */
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

export class PoolSettings {
  variables: MysqlVariables;
  /** Off: as many connections as there are statements at once, up to the limits. */
  fewConnections = true;
  /** hostgroup_settings of mysql_hostgroup_attributes. */
  readonly #pipelining = new Map<number, boolean>();
  /** throttle_connections_per_sec of mysql_hostgroup_attributes. */
  readonly #connectsPerSecond = new Map<number, number>();

  constructor(variables: MysqlVariables) {
    this.variables = variables;
  }

  setHostgroupAttributes(entries: readonly HostgroupAttributesEntry[]): void {
    this.#pipelining.clear();
    this.#connectsPerSecond.clear();
    for (const { hostgroup, pipelining, connectsPerSecond } of entries) {
      this.#connectsPerSecond.set(hostgroup, connectsPerSecond);
      if (pipelining !== undefined) this.#pipelining.set(hostgroup, pipelining);
    }
  }

  /** Whether servers of the hostgroup take several statements at once; undefined: they are to be asked. */
  pipeliningOf(hostgroup: number): boolean | undefined {
    return this.#pipelining.get(hostgroup);
  }

  /** Connections to the hostgroup that all workers together may open in a second. */
  connectsPerSecondOf(hostgroup: number): number {
    return this.#connectsPerSecond.get(hostgroup) ?? this.variables.throttleConnectionsPerSecToHostgroup;
  }
}
