/**
 * A bounded map that forgets the entry used longest ago. It knows nothing of time: entries do not expire.
 */
import { assert } from './assert.ts';

export class LruMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #entriesMax: number;
  readonly #onEvict: ((key: K, value: V) => void) | undefined;

  /** @param options.onEvict called with each entry that had to make room; not called by `delete` and `clear`. */
  constructor(options: { readonly entriesMax: number; readonly onEvict?: (key: K, value: V) => void }) {
    assert(Number.isInteger(options.entriesMax) && options.entriesMax > 0, 'entriesMax must be a positive integer');
    this.#entriesMax = options.entriesMax;
    this.#onEvict = options.onEvict;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The value of `key`, which thereby becomes the entry used last. */
  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** The value of `key`; the order stays as it is. */
  peek(key: K): V | undefined {
    return this.#entries.get(key);
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  set(key: K, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#entriesMax) this.#evictOldest();
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** From the entry used longest ago to the one used last. */
  entries(): IterableIterator<[K, V]> {
    return this.#entries.entries();
  }

  #evictOldest(): void {
    // A Map iterates in insertion order, and `get` re-inserts: the first key is the oldest.
    for (const [key, value] of this.#entries) {
      this.#entries.delete(key);
      this.#onEvict?.(key, value);
      return;
    }
  }
}
