/**
 * Few, busy connections: how many of a server's connections should be at work at once. Beyond that a statement waits a
 * moment for one that will be free soon, which is quicker for everybody than one more thread on the server's cores. What
 * is slow, or waits for its own client, is at nobody's work and does not count: nobody waits for it. It knows times and
 * numbers of one server; waiting-room.ts has the queue.
 */
import type { BackendConnection } from '../backend/backend-connection.ts';

/** Connections of a server that may be at work at once before anything is known of it. */
export const busyConnectionsMin = 16;
/** A connection that answers one statement for longer than this, in ms, will not be free soon. */
export const busySoonFreeMs = 20;
/** On a crowded server all answers take long, and so many times the usual is not long yet, up to this, in ms. */
const SOON_FREE_TIMES = 8;
const SOON_FREE_MS_MAX = 100;
/** When a server answers nothing for longer than this, in ms, it or this process had no processor. */
export const stalledMs = 20;
/**
 * A connection in a transaction whose client says nothing for longer than this, in ms, will not be free soon. Where answers
 * take long, it is as with them: so many times the usual is not long yet, as clients may share the crowded processors.
 */
export const thinkingMs = 2;
/**
 * How long a statement waits for a connection that will be free soon, in ms, when it could have another one. With hundreds
 * of clients in transactions everybody's turn takes half a second, and one more connection makes it no shorter.
 */
export const busyWaitMs = 1_000;

/** Answers take so many times the usual on a quiet server: below, more may be at work; above, fewer. */
const ROOM_RATIO = 1.5;
const CROWDED_RATIO = 3;
/** A quiet server's times are forgotten in about a minute. */
const BASE_FORGETS = 1.001;

export class Admission {
  /** Connections that may be at work at once. */
  limit = busyConnectionsMin;
  /** What a read takes at the moment: half of the answers take less, in ms. */
  usualMs = 0.1;
  /** Statements that had to wait for others since the last look. */
  waited = 0;
  #baseMs = Number.POSITIVE_INFINITY;
  #answers = 0;

  /** When its last answer came, and how long it had been silent before, the last time it was for long. */
  #answeredAtMs = 0;
  #stallMs = 0;
  #stallEndedAtMs = 0;

  /** @param nowMs `performance.now()` at the end of an answer that took `ms` */
  noteAnswer(ms: number, nowMs: number): void {
    this.#answers += 1;
    if (nowMs - this.#answeredAtMs > stalledMs) {
      this.#stallMs = nowMs - this.#answeredAtMs;
      this.#stallEndedAtMs = nowMs;
    }
    this.#answeredAtMs = nowMs;
    this.usualMs = ms > this.usualMs ? this.usualMs * 1.05 + 0.001 : this.usualMs * 0.95;
  }

  /** What a read takes when the server is not crowded, as far as was seen, in ms. */
  get quietMs(): number {
    return Math.min(this.usualMs, this.#baseMs);
  }

  /** What the answer noted last took without the time in which this server answered nobody: that is nobody's own slowness. */
  ownMs(ms: number): number {
    const overlap = Math.min(this.#stallMs, this.#stallEndedAtMs - (this.#answeredAtMs - ms));
    return overlap > 0 ? ms - overlap : ms;
  }

  /** May one more be at work? `inUse` are the server's connections that belong to sessions. */
  admits(inUse: ReadonlySet<BackendConnection>, nowMs: number): boolean {
    if (inUse.size < this.limit) return true;
    const crowdedMs = Math.min(this.usualMs * SOON_FREE_TIMES, SOON_FREE_MS_MAX);
    const soonFreeMs = Math.max(busySoonFreeMs, crowdedMs);
    const soonSaidMs = Math.max(thinkingMs, crowdedMs);
    let busy = 0;
    for (const { idle, headSinceMs, answeredAtMs } of inUse) {
      if (idle ? nowMs - answeredAtMs < soonSaidMs : nowMs - headSinceMs < soonFreeMs) busy += 1;
    }
    return busy < this.limit;
  }

  /** Called ten times a second: more at once as long as that does not make answers slower, fewer when it does. */
  adapt(): void {
    const { waited } = this;
    const answers = this.#answers;
    this.waited = 0;
    this.#answers = 0;
    if (answers > 0) this.#baseMs = Math.min(this.#baseMs * BASE_FORGETS, this.usualMs);
    if (waited === 0) return;
    const ratio = answers === 0 ? 1 : this.usualMs / this.#baseMs;
    if (ratio < ROOM_RATIO) this.limit += Math.max(1, this.limit >> 2);
    else if (ratio > CROWDED_RATIO)
      this.limit = Math.max(busyConnectionsMin, this.limit - Math.max(1, this.limit >> 3));
  }
}
