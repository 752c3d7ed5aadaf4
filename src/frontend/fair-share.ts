/**
 * Is a client that this worker has just accepted better off with another one? Workers accept on the same port, and the
 * kernel gives a burst of clients to whoever comes first. It counts clients and decides; who passes them on is
 * runtime/client-exchange.ts.
 */
import type { Clock } from '../util/clock.ts';

/** A worker that would be so many clients ahead of another passes the next one on. */
export const clientsAheadMax = 2;
/** The same while clients come for a moment, one after the other: most would be gone before they are anywhere else. */
export const clientsAheadWhileBriefMax = 64;
/** Who leaves after less than this came for a moment, in ms. */
export const briefStayMs = 1_000;
/** So many of those a second are the rule and no exception, as a health check would be. */
export const briefClientsMin = 50;

/** The others are told this long after a change, in ms. */
const REPORT_MS = 20;

export class FairShare {
  readonly #index: number;
  readonly #clients: () => number;
  readonly #report: (clients: number) => void;
  readonly #clock: Pick<Clock, 'nowMs'>;
  /** What the others had when it was last said, and who was passed on to them since. */
  #others: (number | undefined)[] = [];
  /** Who has left after a moment within about a second before `#briefAtMs`: each counts less as time goes by. */
  #brief = 0;
  #briefAtMs = 0;
  #reported = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param clients how many this worker has
   * @param report tells the others
   */
  constructor(index: number, clients: () => number, report: (clients: number) => void, clock: Pick<Clock, 'nowMs'>) {
    this.#index = index;
    this.#clients = clients;
    this.#report = report;
    this.#clock = clock;
  }

  /** The worker that is to have the client which was just accepted; undefined: this one. */
  passOnTo(): number | undefined {
    let least: number | undefined;
    let leastClients = this.#clients() - this.#aheadMax();
    for (let index = 0; index < this.#others.length; index += 1) {
      const clients = this.#others[index];
      if (clients === undefined || index === this.#index || clients > leastClients) continue;
      least = index;
      leastClients = clients;
    }
    if (least !== undefined) this.#others[least] = leastClients + 1;
    return least;
  }

  /** A client has come to stay here, or was not let in after all. */
  changed(): void {
    this.#reportSoon();
  }

  /** A client has left, so many ms after it came. */
  left(stayMs: number): void {
    if (stayMs < briefStayMs) {
      this.#fade();
      this.#brief += 1;
    }
    this.#reportSoon();
  }

  /** How many clients each worker has, by its index. */
  learn(clients: readonly (number | undefined)[]): void {
    this.#others = [...clients];
  }

  #aheadMax(): number {
    this.#fade();
    return this.#brief < briefClientsMin ? clientsAheadMax : clientsAheadWhileBriefMax;
  }

  #fade(): void {
    const nowMs = this.#clock.nowMs();
    this.#brief *= Math.exp((this.#briefAtMs - nowMs) / 1_000);
    this.#briefAtMs = nowMs;
  }

  #reportSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const clients = this.#clients();
      if (clients === this.#reported) return;
      this.#reported = clients;
      this.#report(clients);
    }, REPORT_MS).unref();
  }
}
