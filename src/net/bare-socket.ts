/**
 * An accepted connection without Node's streams: one small object on Node's handle, which reads into the memory that all
 * clients share and writes straight to the kernel. A Node socket costs more than all of a login. To its user it is a
 * socket like any other, as far as this program uses sockets; who needs a real one (TLS, compression) asks for it.
 *
 * Thousands of them are made in a second, so whoever has one is told what happens by methods of its own (SocketOwner): a
 * listener of an event costs more than the event. Events are there as well, for those who see few sockets.
 *
 * What `onRead` gets is lent, what `data` brings is not. See docs/adr/0007.
 */
import { EventEmitter } from 'node:events';
import { Socket, type SocketConstructorOpts } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { memoryOfClients, OVERWRITTEN_WITH, overwritesLentReads } from './lent-memory.ts';
import { type AddressRecord, type StreamBinding, type StreamHandle, streamBinding } from './stream-binding.ts';

/** As many bytes may wait to be sent before writers are told to wait. Source: Node's sockets. */
const WAITING_BYTES_MAX = 16 * 1024;
/** libuv's number for the end of a stream. */
const END_OF_STREAM = -4095;

/** Who is told what happens on a socket, before any listener of events. */
export interface SocketOwner {
  /** `buffer[0, bytes)` has arrived. Lent: what is kept beyond the return is copied. Nobody else gets it. */
  onRead(buffer: Buffer, bytes: number): void;
  /** The peer has ended; what is still to be written goes out, and the socket closes. */
  onEnd?(): void;
  /** Followed by `onClose`. */
  onError?(error: Error): void;
  onClose(): void;
}

/** A handle that is a bare socket's. */
interface OwnedHandle extends StreamHandle {
  bareSocket: BareSocket | undefined;
}

/** Only to be used where `streamBinding` is there, as `bareSocket` sees to. */
const { WriteWrap, ShutdownWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } =
  streamBinding ??
  ({ streamBaseState: new Int32Array(1), kReadBytesOrError: 0, kLastWriteWasAsync: 0 } as StreamBinding);

/** Its properties are those that Node sets, from the start: a property that is added costs more than the system call. */
function emptyRecord(): AddressRecord {
  return { address: undefined, family: undefined, port: undefined };
}

const addressScratch = emptyRecord();

/** Used again and again: it is libuv's only while something is queued, and another one is made then. */
let spare = streamBinding === undefined ? undefined : new WriteWrap();

/** `this` is the handle: one function for all of them. */
function onHandleRead(this: StreamHandle): void {
  (this as OwnedHandle).bareSocket?.received(streamBaseState[kReadBytesOrError]!);
}

export class BareSocket extends EventEmitter {
  owner: SocketOwner | undefined;
  destroyed = false;
  #handle: OwnedHandle | undefined;
  #reading = false;
  #paused = true;
  /** What came while it was paused. */
  #held: Buffer | undefined;
  /** The peer has ended, or failed with this number, while it was paused; 0: no. */
  #heldEnd = 0;
  #delivering = false;
  /** Bytes that libuv has queued. */
  #queued = 0;
  #needsDrain = false;
  #ended = false;
  /** Everything that was written is sent, and the peer was told so. */
  #finished = false;
  #destroysSoon = false;
  /** What it was closed by. */
  #failure: Error | undefined;
  /** It was asked for the peer's address. */
  #knowsRemote = false;
  #remoteAddress: string | undefined;
  #remotePort: number | undefined;
  #local: AddressRecord | undefined;

  constructor(handle: StreamHandle) {
    super();
    const owned = handle as OwnedHandle;
    owned.bareSocket = this;
    owned.onread = onHandleRead;
    owned.useUserBuffer(memoryOfClients());
    this.#handle = owned;
  }

  /** undefined on a Unix socket. */
  get remoteAddress(): string | undefined {
    if (!this.#knowsRemote) this.#askForRemote();
    return this.#remoteAddress;
  }

  get remotePort(): number | undefined {
    if (!this.#knowsRemote) this.#askForRemote();
    return this.#remotePort;
  }

  get localAddress(): string | undefined {
    return this.#localRecord().address;
  }

  get localPort(): number | undefined {
    return this.#localRecord().port;
  }

  #askForRemote(): void {
    this.#knowsRemote = true;
    if (this.#handle?.getpeername?.(addressScratch) !== 0) return;
    this.#remoteAddress = addressScratch.address;
    this.#remotePort = addressScratch.port;
  }

  /** Asked for once: a system call. */
  #localRecord(): AddressRecord {
    if (this.#local === undefined) {
      this.#local = emptyRecord();
      this.#handle?.getsockname?.(this.#local);
    }
    return this.#local;
  }

  /** Everything that was written is with the kernel. */
  get sentAll(): boolean {
    return this.#queued === 0;
  }

  get writableLength(): number {
    return this.#queued;
  }

  get writableNeedDrain(): boolean {
    return this.#needsDrain;
  }

  /** False when somebody should wait for 'drain'. */
  write(bytes: Uint8Array): boolean {
    const handle = this.#handle;
    const request = spare;
    if (handle === undefined || request === undefined || this.#ended) return true;
    const error = handle.writeBuffer(request, bytes);
    if (error !== 0) {
      this.destroy(failure('write', error));
      return true;
    }
    if (streamBaseState[kLastWriteWasAsync] === 0) return true;
    spare = new WriteWrap();
    this.#queued += bytes.length;
    request.buffer = bytes;
    request.oncomplete = (status) => this.#onWritten(bytes.length, status);
    if (this.#queued < WAITING_BYTES_MAX) return true;
    this.#needsDrain = true;
    return false;
  }

  #onWritten(bytes: number, status: number): void {
    this.#queued -= bytes;
    if (this.destroyed) return;
    if (status < 0) return this.destroy(failure('write', status));
    if (this.#queued > 0 || !this.#needsDrain) return;
    this.#needsDrain = false;
    this.emit('drain');
  }

  /** Nothing more will be written; the peer learns it behind all that was. */
  end(last?: Uint8Array): void {
    if (last !== undefined) this.write(last);
    if (this.#handle === undefined || this.#ended) return;
    this.#ended = true;
    const request = new ShutdownWrap();
    request.oncomplete = () => this.#onFinished();
    // Not 0: it is over already, or the peer is gone.
    if (this.#handle.shutdown(request) !== 0) this.#onFinished();
  }

  #onFinished(): void {
    this.#finished = true;
    if (this.#destroysSoon) this.destroy();
  }

  /** Sends what is written and closes. */
  destroySoon(): void {
    this.end();
    if (this.#finished) this.destroy();
    else this.#destroysSoon = true;
  }

  destroy(error?: Error): void {
    if (this.destroyed) return;
    this.destroyed = true;
    const handle = this.#release();
    handle?.close();
    this.#failure = error;
    if (closed.push(this) === 1) void SOON.then(tellClosed);
  }

  /** The last that is heard of it. */
  tellClosed(): void {
    const error = this.#failure;
    if (error !== undefined) this.owner?.onError?.(error);
    this.owner?.onClose();
    if (error !== undefined && this.listenerCount('error') > 0) this.emit('error', error);
    this.emit('close', error !== undefined);
  }

  #release(): OwnedHandle | undefined {
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle !== undefined) handle.bareSocket = undefined;
    return handle;
  }

  isPaused(): boolean {
    return this.#paused;
  }

  /** The handle goes on until something comes: starting it again soon would cost two system calls. */
  pause(): this {
    this.#paused = true;
    return this;
  }

  resume(): this {
    this.#paused = false;
    if (this.#held === undefined && this.#heldEnd === 0) this.#read();
    else if (!this.#delivering) {
      this.#delivering = true;
      process.nextTick(deliver, this);
    }
    return this;
  }

  #read(): void {
    if (this.#reading || this.#handle === undefined) return;
    this.#reading = true;
    const error = this.#handle.readStart();
    if (error !== 0) this.destroy(failure('read', error));
  }

  /** What was held goes to the reader, unless it has paused again. */
  deliverHeld(): void {
    this.#delivering = false;
    if (this.#paused || this.destroyed) return;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#give(held, held.length);
    if (this.#paused || this.destroyed) return;
    if (this.#heldEnd !== 0) this.#end(this.#heldEnd);
    else this.#read();
  }

  /** Of the handle: bytes in the memory of clients, or the number of an error. */
  received(bytes: number): void {
    if (bytes === 0) return;
    if (this.#paused) return this.#hold(bytes);
    if (bytes < 0) return this.#end(bytes);
    const memory = memoryOfClients();
    this.#give(memory, bytes);
    if (overwritesLentReads) memory.fill(OVERWRITTEN_WITH, 0, bytes);
  }

  #hold(bytes: number): void {
    this.#reading = false;
    this.#handle?.readStop();
    if (bytes < 0) this.#heldEnd = bytes;
    else this.#held = Buffer.from(memoryOfClients().subarray(0, bytes));
  }

  #give(buffer: Buffer, bytes: number): void {
    if (this.owner !== undefined) this.owner.onRead(buffer, bytes);
    else this.emit('data', Buffer.from(buffer.subarray(0, bytes)));
  }

  /** As Node's sockets: one that the peer has ended sends what it has and closes. */
  #end(status: number): void {
    if (status !== END_OF_STREAM) return this.destroy(failure('read', status));
    this.owner?.onEnd?.();
    this.emit('end');
    this.destroySoon();
  }

  /** A Node socket on the same connection; this one is not to be used any more. Paused. */
  toSocket(): Socket {
    const handle = this.#release();
    this.destroyed = true;
    handle?.readStop();
    const onread = {
      buffer: memoryOfClients,
      callback(bytes: number, buffer: Uint8Array): boolean {
        return socket.push(Buffer.from(buffer.subarray(0, bytes)));
      },
    };
    const options = { handle, pauseOnCreate: true, readable: true, writable: true, onread };
    const socket = new Socket(options as SocketConstructorOpts);
    if (this.#held !== undefined) socket.unshift(this.#held);
    return socket;
  }
}

function deliver(socket: BareSocket): void {
  socket.deliverHeld();
}

/** Closed in this turn, and nobody has been told yet. */
let closed: BareSocket[] = [];
/** Cheaper than process.nextTick, whose objects V8 makes the slow way. */
const SOON = Promise.resolve();

function tellClosed(): void {
  const sockets = closed;
  closed = [];
  for (const socket of sockets) socket.tellClosed();
}

function failure(what: string, status: number): Error {
  return Object.assign(new Error(`${what} ${getSystemErrorName(status)}`), { code: getSystemErrorName(status) });
}

/** A bare socket on a handle that was just accepted, if that can be had. Paused. */
export function bareSocket(handle: StreamHandle): BareSocket | undefined {
  if (streamBinding === undefined || typeof handle.useUserBuffer !== 'function') return undefined;
  return new BareSocket(handle);
}

/** The bare socket that a socket is, if it is one. */
export function asBare(socket: Socket): BareSocket | undefined {
  return (socket as unknown) instanceof BareSocket ? (socket as unknown as BareSocket) : undefined;
}

/** A socket with all that Node's sockets have, in place of the one that was given. */
export function fullSocket(socket: Socket): Socket {
  return asBare(socket)?.toSocket() ?? socket;
}
