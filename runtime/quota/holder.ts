/**
 * A worker's purse of places granted by the primary (ledger.ts). Whoever uses places says how many are in use; the purse
 * asks for more, and gives back what is not in use when somebody else needs it. It counts and talks, and opens nothing.
 *
 * The only worker of a proxy asks nobody: its purse holds the whole limit at once.
 */
import type { QuotaKey, QuotaToPrimary, QuotaToWorker } from './messages.ts';

export interface QuotaHolderOptions {
  /** There are other workers, and so a ledger. */
  readonly shared: boolean;
  /** The limit of a key that is taken by `take`. */
  readonly limitOf: (key: QuotaKey) => number;
  readonly send: (message: QuotaToPrimary) => void;
  /** Places of the key in use now. */
  readonly usedOf: (key: QuotaKey) => number;
  /** Closes idle connections that hold places nobody needs, at most this many, so that `usedOf` falls. */
  readonly free: (key: QuotaKey, count: number) => void;
  /** There are more places than before. */
  readonly onGrant: (key: QuotaKey) => void;
}

interface Purse {
  granted: number;
  /** A waiting want is with the primary. */
  waiting: boolean;
  /** How often places went back. */
  returns: number;
  /** Somebody else waits: what becomes free beyond this share goes back; -1 while nobody does. */
  share: number;
  /** Asked for a place that is needed at once or not at all; answered in this order. */
  readonly asking: ((granted: boolean) => void)[];
}

export class QuotaHolder {
  readonly #options: QuotaHolderOptions;
  readonly #purses = new Map<QuotaKey, Purse>();

  constructor(options: QuotaHolderOptions) {
    this.#options = options;
  }

  /** Places this worker may use of a limit, those in use included. */
  granted(key: QuotaKey, limit: number): number {
    return this.#options.shared ? Math.min(this.#purses.get(key)?.granted ?? 0, limit) : limit;
  }

  /** Asks for places to come as soon as there are any; `onGrant` tells. Asking again changes nothing. */
  want(key: QuotaKey): void {
    if (!this.#options.shared) return;
    const purse = this.#purse(key);
    if (purse.waiting) return;
    purse.waiting = true;
    this.#options.send({ type: 'quota-want', key, wait: true });
  }

  /** Nobody here waits for places any more. */
  wantNoMore(key: QuotaKey): void {
    const purse = this.#purses.get(key);
    if (purse === undefined || !purse.waiting) return;
    purse.waiting = false;
    this.#options.send({ type: 'quota-want-over', key });
  }

  /** Occupies a place when there is one among those granted: `occupy` counts it. */
  take(key: QuotaKey, occupy: () => void): boolean {
    if (this.#options.usedOf(key) >= this.granted(key, this.#options.limitOf(key))) return false;
    occupy();
    return true;
  }

  /** Occupies a place, asking the primary for it first when need be; false when there is none now. */
  async takeOrAsk(key: QuotaKey, occupy: () => void): Promise<boolean> {
    while (!this.take(key, occupy)) {
      if (!this.#options.shared) return false;
      const purse = this.#purse(key);
      const { returns } = purse;
      const answer = new Promise<boolean>((resolve) => purse.asking.push(resolve));
      this.#options.send({ type: 'quota-want', key, wait: false });
      // The primary refuses when this worker has all there is; what went back meanwhile can be had again.
      if (!(await answer) && purse.returns === returns) return this.take(key, occupy);
    }
    return true;
  }

  /** A place is in use no more: while others wait for one, it goes back. */
  released(key: QuotaKey): void {
    const purse = this.#purses.get(key);
    if (purse === undefined || purse.share < 0 || purse.granted <= purse.share) return;
    this.#giveBack(key, purse, 0, 0);
  }

  /** Whether others wait for places of the key and this worker has more than its share. */
  contested(key: QuotaKey): boolean {
    const purse = this.#purses.get(key);
    return purse !== undefined && purse.share >= 0 && purse.granted > purse.share;
  }

  receive(message: QuotaToWorker): void {
    const purse = this.#purse(message.key);
    if (message.type === 'quota-grant') {
      purse.granted += message.count;
      const asking = purse.asking.shift();
      if (asking !== undefined) asking(message.count > 0);
      else if (message.count > 0) purse.waiting = false;
      if (message.count > 0) this.#options.onGrant(message.key);
      return;
    }
    purse.share = message.share;
    if (message.recall !== 0) this.#giveBack(message.key, purse, message.recall, message.need);
  }

  /** Places not in use, and those of idle connections as far as `need` goes beyond. */
  #giveBack(key: QuotaKey, purse: Purse, recall: number, need: number): void {
    const { usedOf, free, send } = this.#options;
    const missing = need - (purse.granted - usedOf(key));
    if (missing > 0) free(key, missing);
    const count = Math.max(0, purse.granted - usedOf(key));
    purse.granted -= count;
    if (count > 0) purse.returns += 1;
    if (count > 0 || recall !== 0) send({ type: 'quota-return', key, count, recall });
  }

  #purse(key: QuotaKey): Purse {
    let purse = this.#purses.get(key);
    if (purse === undefined) {
      purse = { granted: 0, waiting: false, returns: 0, share: -1, asking: [] };
      this.#purses.set(key, purse);
    }
    return purse;
  }
}
