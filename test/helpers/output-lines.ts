/**
 * The last lines a child process wrote on standard error, and the wait for one of them. It does not interpret them.
 */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

const LINES_KEPT = 500;

interface Waiter {
  readonly wanted: (line: string) => boolean;
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

export class OutputLines {
  readonly lines: string[] = [];
  readonly #waiters = new Set<Waiter>();
  #ended = false;

  constructor(child: ChildProcess) {
    if (child.stderr === null) throw new Error('the child was started without a pipe on standard error');
    const reader = createInterface({ input: child.stderr });
    reader.on('line', (line) => this.#take(line));
    reader.on('close', () => this.#end('its output ended'));
    child.once('error', (error) => this.#end(error.message));
    // A reader of the log must not keep a finished test process alive.
    (child.stderr as unknown as { unref(): void }).unref();
  }

  /** The first line, past or to come, that is wanted; fails with the output when the process ends before. */
  waitFor(wanted: (line: string) => boolean): Promise<string> {
    const past = this.lines.find(wanted);
    if (past !== undefined) return Promise.resolve(past);
    if (this.#ended) return Promise.reject(this.#failure('it has ended'));
    return new Promise((resolve, reject) => this.#waiters.add({ wanted, resolve, reject }));
  }

  toString(): string {
    return this.lines.join('\n');
  }

  #take(line: string): void {
    this.lines.push(line);
    if (this.lines.length > LINES_KEPT) this.lines.shift();
    for (const waiter of this.#waiters) {
      if (!waiter.wanted(line)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(line);
    }
  }

  #end(reason: string): void {
    this.#ended = true;
    for (const waiter of this.#waiters) waiter.reject(this.#failure(reason));
    this.#waiters.clear();
  }

  #failure(reason: string): Error {
    return new Error(`the process did not say what was waited for (${reason}):\n${this.lines.slice(-40).join('\n')}`);
  }
}
