/**
 * How quick the statements of one digest have been, as far as the proxy saw: what a lane may carry. It decides about one
 * digest; sharing.ts decides about one statement.
 */

/** Answers seen before a digest counts as known. */
export const paceLessonsMin = 3;
/** A digest of whose answers fewer than a quarter take less than this, in ms, gets connections of its own. */
export const quickMs = 6;
/** Answers longer than this, in bytes, hold up those behind. */
export const quickAnswerBytesMax = 64 * 1024;
/** An answer that took longer than this, in ms, and many times as long as others at its server, was a slow statement. */
export const slowAnswerMs = 50;
const SLOW_ANSWER_TIMES = 20;
/** After a warning, an error or a slow answer a digest gets connections of its own for as many statements. */
export const penaltyStatements = 100;

/**
 * On a server where everything takes long at the moment a digest that is no slower than the rest may share all the same, when
 * it has been as quick as this, in ms, and a quarter of its answers takes less than that: otherwise what was first seen on a
 * busy server would have connections of its own for ever, and keep the server busy.
 */
export const crowdedBestMs = 2;
export const crowdedUsualMs = 40;
const CROWDED_TIMES = 1.5;
/** The quickest answer is forgotten to the half in so many answers. */
const BEST_FORGETS = 2 ** (1 / 1_500);

/**
 * What a statement costs shows in its quick answers: on a busy machine the others tell of the machine. The estimate goes
 * down by this share for a shorter answer and up by a third of it for a longer one: one of four is shorter.
 */
const STEP = 0.15;
const STEP_UP = STEP / 3;
const ESTIMATE_MS_MIN = 0.05;

export type Pace = 'quick' | 'unknown' | 'slow' | 'penalty';

/** Kept with the digest: see DigestSlot. */
export class DigestPace {
  #lessons = 0;
  /** A quarter of the answers took less. */
  #usualMs = 0;
  /** The quickest answer of late. */
  #bestMs = Number.POSITIVE_INFINITY;
  /** What an answer of any digest takes at the same server. */
  #serverMs = 0;
  #averageBytes = 0;
  #penalty = 0;

  /** What the next statement may expect to be. */
  pace(): Pace {
    if (this.#penalty > 0) {
      this.#penalty -= 1;
      return 'penalty';
    }
    if (this.#lessons < paceLessonsMin) return 'unknown';
    if (this.#averageBytes > quickAnswerBytesMax) return 'slow';
    return this.#usualMs <= quickMs || this.#isQuickForServer() ? 'quick' : 'slow';
  }

  #isQuickForServer(): boolean {
    if (this.#bestMs > crowdedBestMs || this.#usualMs > crowdedUsualMs) return false;
    return this.#usualMs <= this.#serverMs * CROWDED_TIMES;
  }

  /**
   * One answer took so long from the time the server could begin with it, and was that large.
   * @param usualMs what an answer of its server takes at the moment
   * @param ownMs without the time in which that server answered nobody
   */
  learn(ms: number, bytes: number, usualMs: number, ownMs: number = ms): void {
    if (ownMs > slowAnswerMs && ownMs > usualMs * SLOW_ANSWER_TIMES) this.punish();
    this.#serverMs = usualMs;
    this.#bestMs = ms < this.#bestMs ? ms : this.#bestMs * BEST_FORGETS;
    if (this.#lessons < paceLessonsMin) {
      this.#lessons += 1;
      // Of the first ones the quickest: the others opened connections and warmed caches.
      this.#usualMs = this.#lessons === 1 ? ms : Math.min(this.#usualMs, ms);
      this.#averageBytes += (bytes - this.#averageBytes) / this.#lessons;
      return;
    }
    this.#usualMs = ms > this.#usualMs ? this.#usualMs * (1 + STEP_UP) : this.#usualMs * (1 - STEP);
    if (this.#usualMs < ESTIMATE_MS_MIN) this.#usualMs = ESTIMATE_MS_MIN;
    this.#averageBytes += (bytes - this.#averageBytes) / 16;
  }

  /** It held others up, or left something behind that its session may ask for. */
  punish(): void {
    this.#penalty = penaltyStatements;
  }
}
