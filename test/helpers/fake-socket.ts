/**
 * A socket that exists in memory only: what is written to it is kept, and what a test feeds it arrives at once, in the
 * same turn of the event loop.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

export class FakeSocket extends EventEmitter {
  readonly written: Buffer[] = [];
  readonly remoteAddress: string | undefined;
  readonly remotePort = 50_000;
  readonly localAddress = '127.0.0.1';
  readonly localPort = 6033;
  destroyed = false;
  /** The other side does not read: writes say that they do not fit. */
  full = false;
  #paused = true;
  #held: Buffer[] = [];

  constructor(remoteAddress = '127.0.0.1') {
    super();
    this.remoteAddress = remoteAddress;
  }

  /** As the product knows it. */
  get socket(): Socket {
    return this as unknown as Socket;
  }

  /** Everything written so far, taken away. */
  take(): Buffer {
    return Buffer.concat(this.written.splice(0));
  }

  /** Bytes from the other side; they wait while the socket is paused. */
  feed(bytes: Buffer): void {
    if (this.destroyed) return;
    if (this.#paused) this.#held.push(bytes);
    else this.emit('data', bytes);
  }

  /** The other side reads again. */
  drain(): void {
    this.full = false;
    this.emit('drain');
  }

  /** The other side is gone. */
  hangUp(): void {
    this.destroy();
  }

  write(bytes: Buffer): boolean {
    if (!this.destroyed) this.written.push(Buffer.from(bytes));
    return !this.full;
  }

  end(bytes?: Buffer): void {
    if (bytes !== undefined) this.write(bytes);
  }

  pause(): this {
    this.#paused = true;
    return this;
  }

  resume(): this {
    this.#paused = false;
    for (let next = this.#held.shift(); next !== undefined && !this.#paused; next = this.#held.shift()) {
      this.emit('data', next);
    }
    return this;
  }

  isPaused(): boolean {
    return this.#paused;
  }

  destroySoon(): void {
    this.destroy();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }
}
