/**
 * Polling: for a moment after something was sent the event loop looks for what comes back instead of going to sleep.
 * Going to sleep and being woken costs more than a point select, above all on virtual machines. It is for a worker that
 * works for one client at the time and has a processor to spare: with two the server and the clients need it more, and
 * where answers or the client mostly take longer it gives up by itself. There is one of it in a process, as there is one
 * event loop.
 */
import { performance } from 'node:perf_hooks';

/** So many reads in a row have to come from one client. */
export const busyPollReadsMin = 8;
/** So many waits in vain, more than others, and it rests for a while. */
const TRUST_MAX = 16;
/** That many waits are left out then. */
const LEFT_OUT = 256;

export class BusyPoll {
  #limitMs = 0;
  #untilMs = 0;
  #waiting = false;
  #turning = false;
  #trust = TRUST_MAX;
  #leftOut = 0;
  /** Who sent something last, and how often in a row. */
  #client: object | undefined;
  #inARow = 0;
  readonly #look = () => this.#turn();

  /** @param us how long a wait may take, in microseconds; 0: none does (sluice-busy_poll) */
  setLimit(us: number): void {
    this.#limitMs = us / 1000;
    this.#trust = TRUST_MAX;
    this.#leftOut = 0;
  }

  /** It is looking for something to read. */
  get awake(): boolean {
    return this.#waiting;
  }

  /** Something was sent, and what comes next is awaited. */
  begin(): void {
    if (this.#limitMs === 0 || this.#inARow < busyPollReadsMin || !this.#mayWait()) return;
    this.#untilMs = performance.now() + this.#limitMs;
    this.#waiting = true;
    if (this.#turning) return;
    this.#turning = true;
    setImmediate(this.#look);
  }

  /** Something came from a client. */
  receivedFrom(client: object): void {
    if (this.#limitMs === 0) return;
    if (client === this.#client) this.#inARow += 1;
    else this.#inARow = 0;
    this.#client = client;
    this.received();
  }

  /** Something came. */
  received(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    if (this.#trust < TRUST_MAX) this.#trust += 1;
  }

  #mayWait(): boolean {
    if (this.#trust > 0) return true;
    this.#leftOut += 1;
    if (this.#leftOut < LEFT_OUT) return false;
    this.#leftOut = 0;
    this.#trust = 1;
    return true;
  }

  /** As long as there is something to do at the end of a turn, the event loop does not sleep in the next one. */
  #turn(): void {
    if (this.#waiting && performance.now() < this.#untilMs) {
      setImmediate(this.#look);
      return;
    }
    this.#turning = false;
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#trust -= 1;
  }
}

export const busyPoll = new BusyPoll();
