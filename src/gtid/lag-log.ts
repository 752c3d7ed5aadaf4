/**
 * When each transaction was first heard of, from whichever server: by it one can say since when a server lacks
 * something that another one had. Pure; who has executed what is told to it.
 */
import { type GtidInterval, GtidSet } from './gtid-set.ts';

/** Runs of transactions that are remembered because some server lacks them; who lacks an older one is far behind. */
export const lagLogEntriesMax = 10_000;

/** Transactions of one source that follow each other within this time, in ms, are one run: lags are that exact. */
export const lagLogStepMs = 10;

interface Entry {
  readonly source: string;
  readonly first: number;
  last: number;
  /** When its first transaction was heard of. */
  readonly atMs: number;
}

export class LagLog {
  readonly #known = new GtidSet();
  readonly #entries: Entry[] = [];
  /** The number of the first entry that is kept. */
  #first = 0;

  get first(): number {
    return this.#first;
  }

  /** Some server has executed these. */
  heard(source: string, { first, last }: GtidInterval, nowMs: number): void {
    if (this.#known.contains(source, { first, last }) || !this.#known.add(source, { first, last })) return;
    const open = this.#entries.at(-1);
    if (open?.source === source && open.last + 1 === first && nowMs - open.atMs < lagLogStepMs) {
      open.last = last;
      return;
    }
    this.#push({ source, first, last, atMs: nowMs });
  }

  /** A server begins to tell what it has executed: what it lacks it has lacked since now, or for as long as the log says. */
  began(executed: GtidSet, nowMs: number): void {
    for (const [source, { first, last }] of this.#known.entries())
      if (!executed.contains(source, { first, last })) this.#push({ source, first, last, atMs: nowMs });
  }

  /**
   * The number of the first entry from `at` on that is not in `executed`. Of those that are forgotten nobody can say; the
   * last entry may still grow and is never passed.
   */
  advance(at: number, executed: GtidSet): number {
    let number = at;
    if (number < this.#first && executed.containsAll(this.#known)) number = this.#first + this.#entries.length - 1;
    for (let entry = this.#closed(number); entry !== undefined; entry = this.#closed(number)) {
      if (!executed.contains(entry.source, entry)) break;
      number += 1;
    }
    return number;
  }

  /** Since when it has lacked something, in the time of `heard`; Infinity when it lacks nothing. */
  lacksSinceMs(at: number, executed: GtidSet): number {
    // Entries may have been closed since it was told last.
    const number = this.advance(at, executed);
    if (number < this.#first) return Number.NEGATIVE_INFINITY;
    const entry = this.#entries[number - this.#first];
    return entry === undefined || executed.contains(entry.source, entry) ? Number.POSITIVE_INFINITY : entry.atMs;
  }

  /** Nobody lacks what comes before the entry of this number. */
  forget(below: number): void {
    const count = Math.min(below - this.#first, this.#entries.length - 1);
    if (count <= 0) return;
    this.#entries.splice(0, count);
    this.#first += count;
  }

  #push(entry: Entry): void {
    this.#entries.push(entry);
    if (this.#entries.length > lagLogEntriesMax) this.forget(this.#first + 1);
  }

  #closed(number: number): Entry | undefined {
    const index = number - this.#first;
    return index >= 0 && index < this.#entries.length - 1 ? this.#entries[index] : undefined;
  }
}
