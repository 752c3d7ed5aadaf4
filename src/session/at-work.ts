/** What of a session's command people may see while it is at work, and since when it is, or the session is idle. */
import { performance } from 'node:perf_hooks';

const IDLE = 'Sleep';

export class AtWork {
  /** As the processlist calls it. */
  name = IDLE;
  /** `performance.now()` at the last command, or at the end of its answer. */
  since = performance.now();
  #text: Buffer | undefined;
  #textAt = 0;

  /** A command is at work: its text, which is the session's to keep, begins at `textAt`. It is decoded only when somebody looks. */
  begin(name: string, text: Buffer | undefined, textAt: number): void {
    this.name = name;
    this.#text = text;
    this.#textAt = textAt;
  }

  /** @param now `performance.now()` at the end of the answer */
  end(now: number): void {
    this.name = IDLE;
    this.#text = undefined;
    this.since = now;
  }

  get idle(): boolean {
    return this.name === IDLE;
  }

  get text(): string | null {
    return this.#text?.toString('utf8', this.#textAt) ?? null;
  }

  /** `Date.now()` since when no command is at work; undefined while one is. */
  get idleSinceMs(): number | undefined {
    return this.idle ? Date.now() - (performance.now() - this.since) : undefined;
  }
}
