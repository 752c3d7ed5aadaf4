/**
 * mysql-throttle_max_bytes_per_second_to_client: how long a session's answers have to wait so that its client gets no more.
 * It counts and tells; who reads from servers waits.
 */
import type { Clock } from '../util/clock.ts';

/** What a client may get at once, in ms of its rate: answers that are small and seldom never wait. */
export const throttleBurstMs = 1_000;

export class Throttle {
  readonly #clock: Clock;
  /** When everything sent so far would be over at the permitted rate, in ms since the epoch. */
  #paidAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Bytes went to the client.
   * @returns for how many ms it may get no more; 0 when it may go on
   */
  note(bytes: number, bytesPerSecond: number): number {
    this.#paidAtMs = Math.max(this.#paidAtMs, this.#clock.nowMs()) + (bytes * 1000) / bytesPerSecond;
    return this.waitMs;
  }

  get waitMs(): number {
    return Math.max(0, Math.ceil(this.#paidAtMs - this.#clock.nowMs() - throttleBurstMs));
  }

  after(ms: number, callback: () => void): void {
    this.#clock.after(ms, callback);
  }
}
