/**
 * Which servers does this worker know, and in which hostgroup? Those of the configuration, and those that left it while
 * sessions still use them. It opens and gives away nothing.
 */
import { type QuotaKey, serverKey } from '../../runtime/quota/messages.ts';
import type { ServerEntry, ServerStatus } from '../../runtime/snapshot.ts';
import type { ConnectionPoolRow } from '../../runtime/stats.ts';
import type { BackendConnection } from '../backend/backend-connection.ts';
import { ConnectRate } from './connect-rate.ts';
import type { Hostgroup } from './hostgroup.ts';
import { Server, type ServerOptions } from './server.ts';
import { ServerPicker } from './server-picker.ts';

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

export class ServerDirectory {
  readonly #workerIndex: number;
  readonly #groups = new Map<number, Hostgroup>();
  /** Servers that left the configuration while sessions still used them. */
  readonly #leaving = new Set<Server>();

  constructor(workerIndex: number) {
    this.#workerIndex = workerIndex;
  }

  /**
   * Replaces the servers. Those that stay keep connections and counters; a LOAD ends a shun, as in ProxySQL; those
   * that left lose their free connections now and the used ones when their sessions are done with them.
   */
  apply(entries: readonly ServerEntry[], options: ServerOptions): void {
    const known = new Map<string, Server>();
    for (const server of this.servers()) known.set(server.key, server);
    for (const group of this.#groups.values()) group.servers = [];
    for (const entry of entries) {
      const server = known.get(serverKey(entry)) ?? new Server(entry, options);
      this.#leaving.delete(server);
      known.delete(serverKey(entry));
      server.entry = entry;
      server.shunnedUntilMs = entry.status === 'SHUNNED' ? Number.POSITIVE_INFINITY : 0;
      if (entry.status === 'OFFLINE_HARD' && server.used === 0) {
        server.dropFree();
        continue;
      }
      this.groupFor(entry.hostgroup).servers.push(server);
      if (entry.status !== 'ONLINE') server.dropFree();
    }
    for (const server of known.values()) {
      server.entry = { ...server.entry, status: 'OFFLINE_HARD' };
      server.dropFree();
      if (server.connections > 0) this.#leaving.add(server);
    }
  }

  group(hostgroup: number): Hostgroup | undefined {
    return this.#groups.get(hostgroup);
  }

  /** The hostgroup, even if nothing was known of it. */
  groupFor(id: number): Hostgroup {
    let group = this.#groups.get(id);
    if (group === undefined) {
      const picker = new ServerPicker<Server>((this.#workerIndex * Math.SQRT2) % 1);
      group = { id, servers: [], picker, connectRate: new ConnectRate(), waiting: [] };
      this.#groups.set(id, group);
    }
    return group;
  }

  groups(): IterableIterator<Hostgroup> {
    return this.#groups.values();
  }

  /** Those that left included. */
  *servers(): IterableIterator<Server> {
    for (const group of this.#groups.values()) yield* group.servers;
    yield* this.#leaving;
  }

  /** A server that is configured or still has connections. */
  find(key: QuotaKey): Server | undefined {
    for (const server of this.servers()) if (server.key === key) return server;
    return undefined;
  }

  /** A server that left the configuration is forgotten with its last connection. */
  forgetIfGone(server: Server): void {
    if (server.connections === 0) this.#leaving.delete(server);
  }

  /** A server that was taken out of service is, with its last connection. */
  dropIfDrained(group: Hostgroup, server: Server): void {
    if (server.entry.status === 'OFFLINE_HARD' && server.connections === 0)
      group.servers = group.servers.filter((other) => other !== server);
  }

  /** The servers of a hostgroup as a choice among them sees them now. @param nowMs since the epoch, as everywhere here */
  outlook(hostgroup: number, nowMs: number): readonly ServerOutlook[] {
    return (this.#groups.get(hostgroup)?.servers ?? []).map((server) => {
      const { hostname, port, weight, maxConnections, maxReplicationLagS } = server.entry;
      const eligible = server.accepts(nowMs);
      const name = port === 0 ? hostname : `${hostname}:${port}`;
      return { name, status: server.status, weight, eligible, used: server.used, maxConnections, maxReplicationLagS };
    });
  }

  /** Where the servers of a hostgroup are that may be chosen. */
  addresses(hostgroup: number, nowMs: number): readonly ServerAddress[] {
    return (this.#groups.get(hostgroup)?.servers ?? [])
      .filter((server) => server.accepts(nowMs))
      .map(({ entry: { hostname, port, useSsl } }) => ({ hostgroup, hostname, port, useSsl }));
  }

  /** Connections nobody uses, each with its server. */
  *free(): Generator<readonly [Server, BackendConnection]> {
    for (const group of this.#groups.values())
      for (const server of group.servers) for (const connection of server.free) yield [server, connection];
  }

  /** stats_mysql_connection_pool. @param reset the counters begin anew */
  rows(reset: boolean): ConnectionPoolRow[] {
    return Array.from(this.servers(), (server) => server.row(reset));
  }
}
