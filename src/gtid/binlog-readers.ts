/**
 * The readers of binary logs that the configuration names, one for each server with a gtid_port, whatever hostgroups it
 * is in. It asks nobody which transactions are needed.
 */
import type { ServerEntry } from '../../runtime/snapshot.ts';
import type { GtidExecutedRow } from '../../runtime/stats.ts';
import { BinlogReader } from './binlog-reader.ts';
import type { GtidSet } from './gtid-set.ts';

interface Reading {
  readonly hostname: string;
  readonly port: number;
  readonly reader: BinlogReader;
}

type ReadServer = Pick<ServerEntry, 'hostname' | 'port' | 'gtidPort'>;

export interface BinlogReadersOptions {
  warn(fields: object, message: string): void;
  /** Milliseconds: mysql-binlog_reader_connect_retry_msec as it is now. */
  retryMs(): number;
  /** A server has executed more. */
  onExecuted(): void;
}

export class BinlogReaders {
  readonly #options: BinlogReadersOptions;
  #readings = new Map<string, Reading>();
  /** Hostgroups with a server that has a reader. */
  #hostgroups: ReadonlySet<number> = new Set();

  constructor(options: BinlogReadersOptions) {
    this.#options = options;
  }

  /** Opens what is new and closes what is left out; those that stay go on. */
  apply(servers: readonly (ReadServer & Pick<ServerEntry, 'hostgroup' | 'status'>)[]): void {
    const before = this.#readings;
    this.#readings = new Map();
    const read = servers.filter(hasReader);
    this.#hostgroups = new Set(read.map(({ hostgroup }) => hostgroup));
    for (const server of read) {
      const key = keyOf(server);
      if (this.#readings.has(key)) continue;
      const { hostname, port, gtidPort } = server;
      const reader = before.get(key)?.reader ?? new BinlogReader({ ...this.#options, hostname, port: gtidPort });
      this.#readings.set(key, { hostname, port, reader });
      before.delete(key);
    }
    for (const { reader } of before.values()) reader.close();
  }

  /** Whether anybody tells what any server of the hostgroup has executed; otherwise there is nothing to wait for. */
  tell(hostgroup: number): boolean {
    return this.#hostgroups.has(hostgroup);
  }

  /** Whether a server is known to have executed all of them. */
  hasExecuted(server: ReadServer, gtids: GtidSet): boolean {
    return this.#readings.get(keyOf(server))?.reader.state.executed.containsAll(gtids) ?? false;
  }

  rows(): GtidExecutedRow[] {
    return [...this.#readings.values()].map(({ hostname, port, reader: { state } }) => ({
      hostname,
      port,
      gtidExecuted: state.executed.toString(),
      events: state.events,
    }));
  }

  close(): void {
    this.apply([]);
  }
}

function hasReader({ gtidPort, status }: Pick<ServerEntry, 'gtidPort' | 'status'>): boolean {
  return gtidPort !== 0 && status !== 'OFFLINE_HARD';
}

function keyOf({ hostname, port, gtidPort }: ReadServer): string {
  return `${hostname}\0${port}\0${gtidPort}`;
}
