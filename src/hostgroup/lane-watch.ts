/**
 * Sees to it that nobody waits behind a statement that takes long: when the head of a lane has not been answered for a
 * few milliseconds, those behind it are told to ask elsewhere and nobody joins any more. It also looks after those who
 * wait for a connection that will be free soon. One timer for all of a worker, which runs only while there are some.
 */
import { performance } from 'node:perf_hooks';
import type { Server } from './server.ts';

/** How long a statement may keep others on its lane waiting, in ms, on a server whose answers take a millisecond or less. */
export const laneStallMs = 8;
const TICK_MS = 4;
const IDLE_TICKS_MAX = 25;

/** On a busy machine every answer takes long, and what is moved makes it busier. */
const STALL_TIMES = 8;
const STALL_MS_MAX = 50;

function stallMs(usualMs: number): number {
  return Math.max(laneStallMs, Math.min(usualMs * STALL_TIMES, STALL_MS_MAX));
}

export class LaneWatch {
  onMoved: (statements: number) => void = () => undefined;
  readonly #servers: () => Iterable<Server>;
  readonly #serveWaiting: () => boolean;
  readonly #check = () => this.#look();
  #timer: NodeJS.Timeout | undefined;
  #idleTicks = 0;

  /** @param serveWaiting looks after those who wait for a connection that will be free soon; true when there are any */
  constructor(servers: () => Iterable<Server>, serveWaiting: () => boolean) {
    this.#servers = servers;
    this.#serveWaiting = serveWaiting;
  }

  /** There are lanes. */
  start(): void {
    this.#idleTicks = 0;
    if (this.#timer !== undefined) return;
    // What came while this process was busy is read between the timer and the check: nobody is blamed for our delay.
    this.#timer = setInterval(() => setImmediate(this.#check), TICK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const nowMs = performance.now();
    let lanes = 0;
    for (const server of this.#servers()) {
      const beforeMs = nowMs - stallMs(server.admission.usualMs);
      lanes += server.lanes.count;
      for (const lane of [...server.lanes.all]) {
        if (lane.headSinceMs > beforeMs || (lane.depth < 2 && lane.wanted)) continue;
        server.lanes.close(lane);
        this.onMoved(lane.moveOthers());
        // Its client is gone.
        if (!lane.wanted) lane.destroy();
      }
    }
    const waiting = this.#serveWaiting();
    this.#idleTicks = lanes === 0 && !waiting ? this.#idleTicks + 1 : 0;
    if (this.#idleTicks > IDLE_TICKS_MAX) this.stop();
  }
}
