/**
 * Time that passes as fast as there is something to do: timers, setImmediate and the clocks of a piece of code under
 * test run on a queue of events, so that a second of waiting costs nothing and the same seed gives the same run. It
 * knows nothing of what it runs.
 */
import { performance } from 'node:perf_hooks';
import type { Clock } from '../../src/util/clock.ts';

interface Event {
  readonly atMs: number;
  /** Events of one time happen in the order in which they were asked for. */
  readonly order: number;
  over: boolean;
  happen(): void;
}

const realImmediate = globalThis.setImmediate;
const nextRealTurn = (): Promise<void> => new Promise((resolve) => realImmediate(resolve));
const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
/** Whoever else lives in the process has a turn after so many events. */
const EVENTS_PER_TURN = 1_000;

export class SimulatedTime implements Clock {
  #nowMs = 1_000_000;
  #order = 0;
  /** A binary heap, the next event first. */
  readonly #events: Event[] = [];
  #restore: (() => void) | undefined;

  nowMs(): number {
    return this.#nowMs;
  }

  after(ms: number, callback: () => void): void {
    this.schedule(ms, callback);
  }

  schedule(ms: number, happen: () => void): Event {
    return this.scheduleAt(this.#nowMs + Math.max(0, ms), happen);
  }

  /** Two of one time happen in order. @param atMs not in the past */
  scheduleAt(atMs: number, happen: () => void): Event {
    const event = { atMs, order: this.#order++, over: false, happen };
    this.#push(event);
    return event;
  }

  /** Puts itself in the place of timers and clocks, until `uninstall`. */
  install(): void {
    const names = [
      'setTimeout',
      'clearTimeout',
      'setInterval',
      'clearInterval',
      'setImmediate',
      'clearImmediate',
    ] as const;
    const before = names.map((name) => [name, globalThis[name]] as const);
    const dateNow = Date.now;
    const target = globalThis as unknown as Record<string, unknown>;
    const clear = (timer: unknown): void => {
      if (timer !== undefined) (timer as { stop(): void }).stop();
    };
    target.setTimeout = (callback: () => void, ms = 0) => this.#timer(ms, false, callback);
    target.setInterval = (callback: () => void, ms = 0) => this.#timer(ms, true, callback);
    target.setImmediate = (callback: (...args: unknown[]) => void, ...args: unknown[]) =>
      this.#timer(0, false, () => callback(...args));
    target.clearTimeout = clear;
    target.clearInterval = clear;
    target.clearImmediate = clear;
    Date.now = () => Math.floor(this.#nowMs);
    Object.defineProperty(performance, 'now', { value: () => this.#nowMs, configurable: true });
    this.#restore = () => {
      for (const [name, value] of before) target[name] = value;
      Date.now = dateNow;
      Reflect.deleteProperty(performance, 'now');
    };
  }

  uninstall(): void {
    this.#restore?.();
    this.#restore = undefined;
  }

  /** Lets things happen until `over`, or until nothing is left to happen. */
  async run(over: () => boolean): Promise<void> {
    for (let events = 1; !over(); events++) {
      const event = this.#pop();
      if (event === undefined) return;
      if (event.over) continue;
      this.#nowMs = event.atMs;
      event.happen();
      // What waits for promises and for the next tick is part of the event.
      await (events % EVENTS_PER_TURN === 0 ? nextRealTurn() : nextTick());
    }
  }

  #timer(ms: number, again: boolean, callback: () => void) {
    let event: Event;
    const happen = (): void => {
      if (again) event = this.schedule(Math.max(1, ms), happen);
      callback();
    };
    event = this.schedule(ms, happen);
    const timer = {
      stop: () => {
        event.over = true;
      },
      unref: () => timer,
      ref: () => timer,
    };
    return timer;
  }

  #push(event: Event): void {
    const events = this.#events;
    let at = events.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(events[parent] as Event, event)) break;
      events[at] = events[parent] as Event;
      at = parent;
    }
    events[at] = event;
  }

  #pop(): Event | undefined {
    const events = this.#events;
    const first = events[0];
    const last = events.pop();
    if (first === undefined || last === undefined || events.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && isBefore(events[child + 1] as Event, events[child] as Event)) child += 1;
      if (isBefore(last, events[child] as Event)) break;
      events[at] = events[child] as Event;
      at = child;
    }
    events[at] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
