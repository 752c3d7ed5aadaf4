/**
 * How long queries take while something else goes on. It asserts nothing.
 */
import type { Connection } from 'mysql2/promise';
import { mainThreadCpuMs } from './cpu-time.ts';

export interface Latency {
  readonly queries: number;
  readonly slowestMs: number;
}

export interface LatencyWatch {
  /** Stops after the queries under way, closes the clients and tells what was seen. */
  end(): Promise<Latency>;
}

/**
 * Lets each client run the statement again and again. With the processes that answer, a query counts as slow only as
 * far as one of their event loops was at work meanwhile: on a busy machine everybody waits, for whom is another question.
 */
export function watchLatency(
  clients: readonly Connection[],
  sql: string,
  servers: readonly number[] = [],
): LatencyWatch {
  let going = true;
  let queries = 0;
  let slowestMs = 0;
  const loops = clients.map(async (client) => {
    while (going) {
      const begun = performance.now();
      const before = servers.map(mainThreadCpuMs);
      await client.query(sql);
      const waitedMs = performance.now() - begun;
      const busyMs = Math.max(...servers.map((pid, i) => mainThreadCpuMs(pid) - (before[i] ?? 0)));
      slowestMs = Math.max(slowestMs, servers.length === 0 ? waitedMs : Math.min(waitedMs, busyMs));
      queries += 1;
    }
    client.destroy();
  });
  return {
    async end() {
      going = false;
      await Promise.all(loops);
      return { queries, slowestMs };
    },
  };
}

/**
 * The best of several rounds; ends with the first that is good enough. A machine that is busy with something else can spoil
 * a round, but a program that really holds others up does so in every one.
 */
export async function quickestOf(
  { roundsMax, goodMs }: { readonly roundsMax: number; readonly goodMs: number },
  measureMs: () => Promise<number>,
): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < roundsMax && best >= goodMs; round += 1) best = Math.min(best, await measureMs());
  return best;
}
