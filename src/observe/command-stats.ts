/**
 * stats_mysql_commands_counters of this worker: how often and how long, by kind of command, in steps of latency.
 * What a statement is counted as is sql/statement-kind.ts's business.
 */
import type { CommandCountersRow } from '../../runtime/stats.ts';

/** Upper limits of the steps in microseconds; what takes longer than the last one goes into cnt_INFs. */
const STEPS_US = [100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000, 10_000_000] as const;

interface Counter {
  totalTimeUs: number;
  count: number;
  readonly steps: number[];
}

export class CommandStats {
  readonly #counters = new Map<string, Counter>();

  record(command: string, timeUs: number): void {
    let counter = this.#counters.get(command);
    if (counter === undefined) {
      counter = { totalTimeUs: 0, count: 0, steps: new Array<number>(STEPS_US.length + 1).fill(0) };
      this.#counters.set(command, counter);
    }
    counter.count += 1;
    counter.totalTimeUs += timeUs;
    let step = 0;
    while (step < STEPS_US.length && timeUs > (STEPS_US[step] as number)) step += 1;
    (counter.steps[step] as number) += 1;
  }

  /** Commands seen so far. */
  rows(): CommandCountersRow[] {
    return [...this.#counters].map(([command, { totalTimeUs, count, steps }]) => ({
      command,
      totalTimeUs,
      count,
      steps: [...steps],
    }));
  }
}
