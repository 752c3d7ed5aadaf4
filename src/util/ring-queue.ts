/**
 * A first-in first-out queue in a ring of slots that doubles when full: push and shift move nothing and, once the
 * ring is large enough, allocate nothing. It sets no limit; whoever owns the queue does.
 */

const INITIAL_SLOTS = 8;

export class RingQueue<T> {
  // The length is always a power of two, so that a mask replaces the remainder.
  #slots: (T | undefined)[] = new Array<T | undefined>(INITIAL_SLOTS).fill(undefined);
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: T): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = value;
    this.#length += 1;
  }

  /** Takes the oldest value out; undefined when the queue is empty. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const value = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#length -= 1;
    return value;
  }

  /** The oldest value, left in place. */
  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#slots[this.#head];
  }

  /** The newest value, left in place. */
  peekLast(): T | undefined {
    return this.#length === 0 ? undefined : this.#slots[(this.#head + this.#length - 1) & (this.#slots.length - 1)];
  }

  /** Takes the first value out for which `matches` holds; linear. Used when a waiter gives up. */
  removeFirst(matches: (value: T) => boolean): T | undefined {
    const mask = this.#slots.length - 1;
    for (let i = 0; i < this.#length; i += 1) {
      const value = this.#slots[(this.#head + i) & mask] as T;
      if (!matches(value)) continue;
      for (let j = i; j + 1 < this.#length; j += 1) {
        this.#slots[(this.#head + j) & mask] = this.#slots[(this.#head + j + 1) & mask];
      }
      this.#length -= 1;
      this.#slots[(this.#head + this.#length) & mask] = undefined;
      return value;
    }
    return undefined;
  }

  clear(): void {
    this.#slots = new Array<T | undefined>(INITIAL_SLOTS).fill(undefined);
    this.#head = 0;
    this.#length = 0;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = 0; i < this.#length; i += 1) {
      yield this.#slots[(this.#head + i) & (this.#slots.length - 1)] as T;
    }
  }

  #grow(): void {
    const slots = new Array<T | undefined>(this.#slots.length * 2).fill(undefined);
    for (let i = 0; i < this.#length; i += 1) {
      slots[i] = this.#slots[(this.#head + i) & (this.#slots.length - 1)];
    }
    this.#slots = slots;
    this.#head = 0;
  }
}
