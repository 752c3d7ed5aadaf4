/**
 * What one event-loop turn has to say to a server leaves in one write at its end: a system call and a wake-up of the
 * server cost more than everything else a statement costs here. It knows bytes, not commands, and has no timer.
 */
import type { Socket } from 'node:net';
import { busyPoll } from '../net/busy-poll.ts';

/** Frames up to this length are copied together; a longer one leaves by itself, after what came before it. */
export const batchedFrameBytesMax = 4 * 1024;
const BATCH_BYTES = 16 * 1024;

const dirty: WriteBatch[] = [];

/** Called once at the end of a turn, however many connections have something to send. */
function flushAll(): void {
  for (const batch of dirty) batch.flush();
  dirty.length = 0;
  busyPoll.begin();
}

export class WriteBatch {
  readonly #socket: Socket;
  #buffer: Buffer | undefined;
  #length = 0;
  #listed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Takes the bytes over by copy, or sends them; false when the socket's buffer is full. */
  add(bytes: Buffer): boolean {
    if (bytes.length > batchedFrameBytesMax) {
      this.flush();
      return this.#socket.write(bytes);
    }
    if (this.#buffer !== undefined && this.#length + bytes.length > BATCH_BYTES) this.flush();
    this.#buffer ??= Buffer.allocUnsafeSlow(BATCH_BYTES);
    bytes.copy(this.#buffer, this.#length);
    this.#length += bytes.length;
    if (!this.#listed) {
      this.#listed = true;
      if (dirty.push(this) === 1) setImmediate(flushAll);
    }
    return !this.#socket.writableNeedDrain;
  }

  flush(): void {
    this.#listed = false;
    if (this.#length === 0 || this.#buffer === undefined) return;
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    this.#socket.write(bytes);
    // The socket still reads from it: the next batch needs another one.
    if (this.#socket.writableLength > 0) this.#buffer = undefined;
  }

  /** Forgets what was not sent yet. */
  drop(): void {
    this.#length = 0;
    this.#buffer = undefined;
  }
}
