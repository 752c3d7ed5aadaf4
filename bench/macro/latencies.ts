/** How long queries through sluice take while something goes on. */
import type { Stage } from '../../test/helpers/stage.ts';

/** Clients that query meanwhile. */
const CLIENTS = 4;

/** Milliseconds of the queries that some clients send one after the other while something goes on. */
export async function latenciesDuring(stage: Stage, action: () => Promise<void>): Promise<number[]> {
  const latencies: number[] = [];
  let going = true;
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => stage.connect()));
  const loops = clients.map(async (client) => {
    while (going) {
      const begun = performance.now();
      await client.query('SELECT 1');
      latencies.push(performance.now() - begun);
    }
    client.destroy();
  });
  await action();
  going = false;
  await Promise.all(loops);
  return latencies;
}

/** @param share of the values that are no greater, between 0 and 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
