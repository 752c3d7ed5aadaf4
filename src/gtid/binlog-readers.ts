/**
 * The readers of binary logs that the configuration names, one for each server with a gtid_port, whatever hostgroups it
 * is in. It asks nobody which transactions are needed.
 */
import type { ServerEntry } from '../../runtime/snapshot.ts';
import type { GtidExecutedRow } from '../../runtime/stats.ts';
import { BinlogReader } from './binlog-reader.ts';
import type { GtidSet } from './gtid-set.ts';
import { LagLog } from './lag-log.ts';

interface Reading {
  readonly hostname: string;
  readonly port: number;
  readonly reader: BinlogReader;
  /** What the reader's present connection tells. */
  executed: GtidSet;
  /** How much of the log the server is known to have executed. */
  reached: number;
}

type ReadServer = Pick<ServerEntry, 'hostname' | 'port' | 'gtidPort'>;

export interface BinlogReadersOptions {
  warn(fields: object, message: string): void;
  /** Milliseconds: mysql-binlog_reader_connect_retry_msec as it is now. */
  retryMs(): number;
  /** A server has executed more. */
  onExecuted(): void;
  nowMs(): number;
}

export class BinlogReaders {
  readonly #options: BinlogReadersOptions;
  readonly #log = new LagLog();
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
      this.#readings.set(key, before.get(key) ?? this.#read(server));
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

  /**
   * Whether a server is not known to lack anything that any server had executed at that time, in ms since the epoch. Of a
   * server without a reader nobody knows.
   */
  isCurrent(server: ReadServer, sinceMs: number): boolean {
    const reading = this.#readings.get(keyOf(server));
    return reading !== undefined && this.#log.lacksSinceMs(reading.reached, reading.executed) >= sinceMs;
  }

  #read({ hostname, port, gtidPort }: ReadServer): Reading {
    const reader = new BinlogReader({
      ...this.#options,
      hostname,
      port: gtidPort,
      onRun: (source, interval) => this.#log.heard(source, interval, this.#options.nowMs()),
      onExecuted: () => {
        this.#note(reading);
        this.#options.onExecuted();
      },
    });
    const { executed } = reader.state;
    const reading: Reading = { hostname, port, reader, executed, reached: this.#log.first };
    return reading;
  }

  #note(reading: Reading): void {
    const { executed } = reading.reader.state;
    if (reading.executed !== executed) {
      // It may tell of less than before: somebody else may be behind the name now.
      reading.executed = executed;
      reading.reached = this.#log.first;
      this.#log.began(executed, this.#options.nowMs());
    }
    reading.reached = this.#log.advance(reading.reached, executed);
    let all = reading.reached;
    for (const { reached } of this.#readings.values()) all = Math.min(all, reached);
    this.#log.forget(all);
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
