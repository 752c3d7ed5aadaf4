/**
 * Few, busy connections: how many of a server's connections should be at work at once. Beyond that a statement waits a
 * moment for one that will be free soon, which is quicker for everybody than one more thread on the server's cores. What
 * is slow, or waits for its own client, is at nobody's work and does not count: nobody waits for it. It knows times and
 * numbers of one server; hostgroup-manager.ts has the queue.
 */
import type { BackendConnection } from '../backend/backend-connection.ts';

/** Connections of a server that may be at work at once before anything is known of it. */
export const busyConnectionsMin = 4;
/** A connection that answers one statement for longer than this, in ms, will not be free soon. */
export const busySoonFreeMs = 20;
/** A connection in a transaction whose client says nothing for longer than this, in ms, will not be free soon. */
export const thinkingMs = 2;
/** How long a statement waits for a connection that will be free soon, in ms, when it could have another one. */
export const busyWaitMs = 250;

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

  noteAnswer(ms: number): void {
    this.#answers += 1;
    this.usualMs = ms > this.usualMs ? this.usualMs * 1.05 + 0.001 : this.usualMs * 0.95;
  }

  /** May one more be at work? `inUse` are the server's connections that belong to sessions. */
  admits(inUse: ReadonlySet<BackendConnection>, nowMs: number): boolean {
    if (inUse.size < this.limit) return true;
    let busy = 0;
    for (const connection of inUse) if (isBusy(connection, nowMs)) busy += 1;
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

function isBusy(connection: BackendConnection, nowMs: number): boolean {
  if (!connection.idle) return nowMs - connection.headSinceMs < busySoonFreeMs;
  return nowMs - connection.answeredAtMs < thinkingMs;
}
