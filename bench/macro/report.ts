/**
 * Measurements as a table for people. It measures nothing.
 */
import type { IdleClients } from './idle-clients.ts';
import type { Measurement } from './sysbench.ts';

/** A line a target: the median of its rounds, and its share of the first target's queries per second. */
export function formatRounds(measurements: readonly Measurement[], targets: readonly string[]): string {
  const rows = targets.map((target) => {
    const own = measurements.filter((measurement) => measurement.target === target);
    return {
      target,
      perSecond: median(own.map((measurement) => measurement.queriesPerSecond)),
      p95Ms: median(own.map((measurement) => measurement.p95Ms)),
      cpuMicros: median(own.map((measurement) => measurement.cpuMicrosPerQuery)),
      rounds: own.map((measurement) => Math.round(measurement.queriesPerSecond)).join(' '),
    };
  });
  const best = rows[0]?.perSecond ?? 1;
  return [
    line('', 'queries/s', 'ratio', 'p95 ms', 'proxy CPU µs/query', 'rounds'),
    ...rows.map((row) =>
      line(
        row.target,
        row.perSecond.toFixed(0),
        (row.perSecond / best).toFixed(2),
        row.p95Ms.toFixed(2),
        row.cpuMicros === 0 ? '-' : row.cpuMicros.toFixed(1),
        row.rounds,
      ),
    ),
  ].join('\n');
}

/** Resident memory of sluice and its workers together. */
export function formatIdleClients(idle: IdleClients): string {
  const perClientKib = (idle.withClientsBytes - idle.beforeBytes) / idle.clients / 1024;
  return `resident memory: ${mib(idle.beforeBytes)} MiB before, ${mib(idle.withClientsBytes)} MiB with ${idle.clients} idle clients (${perClientKib.toFixed(1)} KiB each)`;
}

function line(name: string, perSecond: string, ratio: string, p95: string, cpu: string, rounds: string): string {
  return `${name.padEnd(14)}${perSecond.padStart(10)}${ratio.padStart(7)}${p95.padStart(8)}${cpu.padStart(20)}  ${rounds}`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}
