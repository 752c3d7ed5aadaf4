/**
 * How quick the statements of one digest have been, as far as the proxy saw: what a lane may carry. It decides about one
 * digest; sharing.ts decides about one statement.
 */

/** Answers seen before a digest counts as known. */
export const paceLessonsMin = 3;
/** A digest whose answers take longer than this on average, in ms, gets connections of its own. */
export const quickMs = 4;
/** Answers longer than this, in bytes, hold up those behind. */
export const quickAnswerBytesMax = 64 * 1024;
/** After a warning, an error or a stall a digest gets connections of its own for as many statements. */
export const penaltyStatements = 1_000;

export type Pace = 'quick' | 'unknown' | 'slow' | 'penalty';

/** Kept with the digest: see DigestSlot. */
export class DigestPace {
  #lessons = 0;
  #averageMs = 0;
  #averageBytes = 0;
  #penalty = 0;

  /** What the next statement may expect to be. */
  pace(): Pace {
    if (this.#penalty > 0) {
      this.#penalty -= 1;
      return 'penalty';
    }
    if (this.#lessons < paceLessonsMin) return 'unknown';
    return this.#averageMs <= quickMs && this.#averageBytes <= quickAnswerBytesMax ? 'quick' : 'slow';
  }

  /** One answer took so long from the time the server could begin with it, and was that large. */
  learn(ms: number, bytes: number): void {
    if (this.#lessons < paceLessonsMin) {
      this.#lessons += 1;
      this.#averageMs += (ms - this.#averageMs) / this.#lessons;
      this.#averageBytes += (bytes - this.#averageBytes) / this.#lessons;
      return;
    }
    this.#averageMs += (ms - this.#averageMs) / 16;
    this.#averageBytes += (bytes - this.#averageBytes) / 16;
  }

  /** It held others up, or left something behind that its session may ask for. */
  punish(): void {
    this.#penalty = penaltyStatements;
  }
}
