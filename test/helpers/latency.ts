/**
 * How long queries take while something else goes on. It asserts nothing.
 */
import type { Connection } from 'mysql2/promise';

export interface Latency {
  readonly queries: number;
  readonly slowestMs: number;
}

export interface LatencyWatch {
  /** Stops after the queries under way, closes the clients and tells what was seen. */
  end(): Promise<Latency>;
}

/** Lets each client run the statement again and again. */
export function watchLatency(clients: readonly Connection[], sql: string): LatencyWatch {
  let going = true;
  let queries = 0;
  let slowestMs = 0;
  const loops = clients.map(async (client) => {
    while (going) {
      const begun = performance.now();
      await client.query(sql);
      slowestMs = Math.max(slowestMs, performance.now() - begun);
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
