/**
 * Waiting with a deadline and a reason, instead of sleeping and hoping. It measures nothing.
 */
import { setTimeout as delay } from 'node:timers/promises';

/** How long a test waits for something that normally takes milliseconds, before it says what did not happen. */
export const PATIENCE_MS = 15_000;

/** Between two questions; in long waits an eighth of what has been waited, up to the most: to ask is work for both sides. */
const POLL_INTERVAL_MS = 10;
const POLL_INTERVAL_MAX_MS = 100;

/** Rejects with `what` when the promise has not settled in time. */
export async function within<T>(promise: Promise<T>, what: string, patienceMs: number = PATIENCE_MS): Promise<T> {
  const timer = new AbortController();
  const late = delay(patienceMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`not within ${patienceMs} ms: ${what}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}

/**
 * Asks until the answer satisfies, for conditions that nobody announces (the rows of a stats table, the size of a
 * process). Returns that answer; otherwise throws with the last one.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T> | T,
  satisfies: (answer: T) => boolean,
  patienceMs: number = PATIENCE_MS,
): Promise<T> {
  const begin = Date.now();
  for (;;) {
    const answer = await ask();
    if (satisfies(answer)) return answer;
    const waitedMs = Date.now() - begin;
    if (waitedMs > patienceMs) {
      throw new Error(`not within ${patienceMs} ms: ${what}; the last answer was ${JSON.stringify(answer)}`);
    }
    await delay(Math.min(POLL_INTERVAL_MAX_MS, Math.max(POLL_INTERVAL_MS, waitedMs / 8)));
  }
}
