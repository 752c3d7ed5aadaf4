/**
 * Measurements as tables for people. It measures nothing.
 */
import type { Measurement } from './sysbench.ts';

/** A line a target: the median of its rounds, and its queries per second as a share of `yardstick`'s. */
export function formatRounds(
  measurements: readonly Measurement[],
  targets: readonly string[],
  yardstick: string,
): string {
  const rows = targets.map((target) => summaryOf(measurements, target));
  const best = rows.find(({ target }) => target === yardstick)?.perSecond ?? rows[0]?.perSecond ?? 1;
  return [
    line('', 'queries/s', 'ratio', 'p50 ms', 'p95 ms', 'p99 ms', 'CPU µs/q', 'rounds'),
    ...rows.map((row) =>
      line(
        row.target,
        row.perSecond.toFixed(0),
        (row.perSecond / best).toFixed(2),
        row.p50Ms.toFixed(2),
        row.p95Ms.toFixed(2),
        row.p99Ms.toFixed(2),
        row.cpuMicros === 0 ? '-' : row.cpuMicros.toFixed(1),
        row.rounds,
      ),
    ),
  ].join('\n');
}

function summaryOf(measurements: readonly Measurement[], target: string) {
  const own = measurements.filter((measurement) => measurement.target === target);
  const medianOf = (pick: (measurement: Measurement) => number) => median(own.map(pick));
  return {
    target,
    perSecond: medianOf((m) => m.queriesPerSecond),
    p50Ms: medianOf((m) => m.p50Ms),
    p95Ms: medianOf((m) => m.p95Ms),
    p99Ms: medianOf((m) => m.p99Ms),
    cpuMicros: medianOf((m) => m.cpuMicrosPerQuery),
    rounds: own.map((m) => Math.round(m.queriesPerSecond)).join(' '),
  };
}

function line(...cells: readonly string[]): string {
  const [name = '', ...rest] = cells;
  const rounds = rest.pop() ?? '';
  return `${name.padEnd(10)}${rest.map((cell) => cell.padStart(10)).join('')}  ${rounds}`;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

export function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
