/**
 * Takes samples for the history when their time has come, and puts digests on disk when it is told to. What is written
 * how is history-writer.ts; what the figures mean is admin/stats.
 */
import type { DataPlane } from '../../runtime/plane.ts';
import type { VariableValues } from '../../runtime/snapshot.ts';
import type { MemoryRow } from '../../runtime/stats.ts';
import type { Logger } from '../../src/observe/logger.ts';
import { HISTORY_TABLES } from './history-tables.ts';
import type { HistoryWriter, Sample } from './history-writer.ts';

/** How often it is looked whether a sample is due, in ms. */
export const historyTickMs = 1_000;

/** Microseconds in a clock tick, the unit of times(2). */
const TICK_US = 10_000;

export interface RecorderOptions {
  readonly writer: HistoryWriter;
  readonly plane: DataPlane;
  readonly logger: Logger;
  /** The admin variables in force. */
  readonly variables: () => VariableValues;
  /** Rows of stats_mysql_global and stats_memory_metrics. */
  readonly figures: (table: 'stats_mysql_global' | 'stats_memory_metrics') => Promise<ReadonlyMap<string, string>>;
  readonly nowMs?: () => number;
}

const DIGESTS_INTERVAL = 'stats_mysql_query_digest_to_disk';

export class HistoryRecorder {
  readonly #options: RecorderOptions;
  readonly #nowMs: () => number;
  readonly #timer: NodeJS.Timeout;
  /** The last period a sample was taken in, by table. */
  readonly #periods = new Map<string, number>();
  #working: Promise<void> = Promise.resolve();

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
    this.#timer = setInterval(() => void this.tick(), historyTickMs);
    this.#timer.unref();
  }

  /** Takes what is due; a failure is logged, and tried again when it is due again. */
  tick(): Promise<void> {
    this.#working = this.#working
      .then(() => this.#takeDue())
      .catch((error: unknown) => this.#options.logger.error({ err: error }, 'statistics could not be recorded'));
    return this.#working;
  }

  /** Moves the digests to history_mysql_query_digest; returns how many there were. */
  saveDigests(): Promise<number> {
    const { writer, plane } = this.#options;
    return writer.digests((onSlice) => plane.collectDigests({ reset: true }, onSlice), this.#nowS());
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#working;
    await this.#options.writer.close();
  }

  async #takeDue(): Promise<void> {
    const { writer, figures, plane } = this.#options;
    const nowS = this.#nowS();
    const due = HISTORY_TABLES.filter(({ name, interval }) => this.#isDue(name, interval, nowS));
    if (due.length > 0) {
      const status = await figures('stats_mysql_global');
      const sample = sampleOf(status, await figures('stats_memory_metrics'), await plane.collect('memory'));
      for (const table of due) await writer.sample(table, sample, nowS);
      if (due.some(({ name }) => name === 'mysql_connections')) await writer.statusVariables(status, nowS);
    }
    if (this.#isDue('digests', DIGESTS_INTERVAL, nowS)) await this.saveDigests();
  }

  /** Once in every period; periods begin at multiples of their length, and the first one is waited for. */
  #isDue(what: string, variable: string, nowS: number): boolean {
    const intervalS = Number(this.#options.variables()[variable] ?? 0);
    if (!(intervalS > 0)) {
      this.#periods.delete(what);
      return false;
    }
    const period = Math.floor(nowS / intervalS) * intervalS;
    const last = this.#periods.get(what);
    this.#periods.set(what, period);
    return last !== undefined && period > last;
  }

  #nowS(): number {
    return Math.floor(this.#nowMs() / 1000);
  }
}

function sampleOf(
  status: ReadonlyMap<string, string>,
  memory: ReadonlyMap<string, string>,
  workers: readonly MemoryRow[],
): Sample {
  const { user, system } = process.cpuUsage();
  const ofWorkers = (name: string): number => workers.find((row) => row.name === name)?.value ?? 0;
  const sample = new Map<string, number>();
  for (const [name, value] of [...status, ...memory]) sample.set(name, Number(value));
  sample.set('tms_utime', Math.trunc((user + ofWorkers('cpu_user_us')) / TICK_US));
  sample.set('tms_stime', Math.trunc((system + ofWorkers('cpu_system_us')) / TICK_US));
  return sample;
}
