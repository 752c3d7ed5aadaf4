/**
 * A connected socket whose writes go to the kernel without Node's streams in between, which make an object for each and
 * cost as much as all that is done here with a point select. What the kernel does not take at once is queued by libuv as
 * ever, and what is written meanwhile goes the usual way behind it: to its user it is a socket like any other.
 *
 * Node offers nothing of the kind, so it takes what Node's own streams call; where that is missing or looks otherwise,
 * every write goes the usual way. See docs/adr/0007.
 */
import { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { getSystemErrorName } from 'node:util';
import { type StreamHandle, streamBinding } from './stream-binding.ts';

const WriteWrap = streamBinding?.WriteWrap;
/** What Node's native code tells of the last write, and where in it: 1 when libuv has queued it. */
const lastWrite = streamBinding?.streamBaseState ?? new Int32Array(1);
const wasQueuedAt = streamBinding?.kLastWriteWasAsync ?? 0;

/** Used again and again: it is libuv's only while something is queued, and another one is made then. */
let spare = WriteWrap === undefined ? undefined : new WriteWrap();

/** What the stream knows of. Its getters, since they are overridden below. */
const streamLength = streamGetter<number>('writableLength');
const streamNeedsDrain = streamGetter<boolean>('writableNeedDrain');

function streamGetter<T>(name: 'writableLength' | 'writableNeedDrain'): (socket: Socket) => T {
  const get = Object.getOwnPropertyDescriptor(Writable.prototype, name)?.get as (this: Socket) => T;
  return (socket) => get.call(socket);
}

export class DirectSocket extends Socket {
  /** Bytes that libuv has queued and no stream knows of. */
  #queued = 0;
  /** What is written goes the stream's way until that has sent everything. */
  #viaStream = false;

  static {
    // Node's types have these as plain properties, which a class cannot override with a getter.
    const getters: PropertyDescriptorMap & ThisType<DirectSocket> = {
      writableLength: {
        get() {
          return this.#queued + streamLength(this);
        },
      },
      writableNeedDrain: {
        get() {
          return streamNeedsDrain(this) || this.#queued >= this.writableHighWaterMark;
        },
      },
    };
    Object.defineProperties(DirectSocket.prototype, getters);
  }

  /** Everything that was written is with the kernel. */
  get sentAll(): boolean {
    if (this.#viaStream && streamLength(this) === 0) this.#viaStream = false;
    return this.#queued === 0 && !this.#viaStream;
  }

  /** False when somebody should wait for 'drain'. Text, or a callback, goes the usual way. */
  override write(bytes: Uint8Array | string, encoding?: unknown, callback?: unknown): boolean {
    const handle = (this as unknown as { readonly _handle: StreamHandle | null })._handle;
    const direct = typeof bytes !== 'string' && encoding === undefined && callback === undefined;
    if (!direct || WriteWrap === undefined || spare === undefined || handle === null)
      return this.#stream(bytes, encoding, callback);
    if (this.writableEnded || !this.sentAll) return this.#stream(bytes, encoding, callback);
    const request = spare;
    const error = handle.writeBuffer(request, bytes);
    if (error !== 0) {
      this.destroy(failure(error));
      return true;
    }
    if (lastWrite[wasQueuedAt] === 0) return true;
    spare = new WriteWrap();
    this.#queued = bytes.length;
    request.buffer = bytes;
    request.oncomplete = (status) => this.#onWritten(status);
    return !this.writableNeedDrain;
  }

  #stream(bytes: Uint8Array | string, encoding: unknown, callback: unknown): boolean {
    this.#viaStream = true;
    return Reflect.apply(super.write, this, [bytes, encoding, callback]) as boolean;
  }

  /** What libuv had queued is with the kernel, or never will be. */
  #onWritten(status: number): void {
    const neededDrain = this.writableNeedDrain;
    this.#queued = 0;
    if (this.destroyed) return;
    if (status < 0) this.destroy(failure(status));
    else if (neededDrain && !streamNeedsDrain(this)) this.emit('drain');
  }
}

function failure(status: number): Error {
  return new Error(`write ${getSystemErrorName(status)}`);
}
