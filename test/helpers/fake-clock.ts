/** A clock that goes when a test says so; what was to happen by then happens inside `advance`, in order. */
import type { Clock } from '../../src/util/clock.ts';

export class FakeClock implements Clock {
  #nowMs = 1_000_000;
  #due: { readonly atMs: number; readonly callback: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  after(ms: number, callback: () => void): void {
    this.#due.push({ atMs: this.#nowMs + ms, callback });
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    const due = this.#due.filter((d) => d.atMs <= this.#nowMs).sort((a, b) => a.atMs - b.atMs);
    this.#due = this.#due.filter((d) => d.atMs > this.#nowMs);
    for (const { callback } of due) callback();
  }
}
