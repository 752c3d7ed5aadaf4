/**
 * The client's side of a session after the login: one command at a time goes to the session, further ones wait here,
 * and answers go back with back-pressure. It knows no command but COM_QUIT's silence; session/ decides everything.
 */
import type { Socket } from 'node:net';
import { asBare, type SocketOwner } from '../net/bare-socket.ts';
import { busyPoll } from '../net/busy-poll.ts';
import { DirectSocket } from '../net/direct-socket.ts';
import { memoryOfClients } from '../net/lent-memory.ts';
import { endLending, lendReads } from '../net/lent-reads.ts';
import { FileUpload } from '../protocol/file-upload.ts';
import { Framer, HEADER_BYTES, type PacketSink } from '../protocol/framer.ts';
import type { ProxiedClient } from '../protocol/proxy-header.ts';

export interface ClientConnectionHandlers {
  /** One command: payload window, borrowed; `sequenceId` of its last frame. The session answers and calls `ready`. */
  onCommand(buffer: Buffer, start: number, end: number, sequenceId: number): void;
  onTooLarge(bytes: number, sequenceId: number): void;
  /** No command is at work or waiting. */
  onReady(): void;
  /** COM_CHANGE_USER: this connection is over, its socket starts anew with `early`, the bytes that came after it. */
  onChangeUser(payload: Buffer, early: Buffer): void;
  onClosed(): void;
}

/** Commands a client may send ahead of the answers; with more it is not read from until some are done. */
export const pipelinedCommandsMax = 64;

type Waiting =
  | { readonly kind: 'command'; readonly payload: Buffer; readonly sequenceId: number }
  | { readonly kind: 'too-large'; readonly bytes: number; readonly sequenceId: number };

export interface ClientConnectionOptions {
  readonly maxPacketBytes: number;
  /** Whom the peer speaks for, by the PROXY protocol. */
  readonly proxied: ProxiedClient | undefined;
}

interface Upload {
  readonly file: FileUpload;
  sink(bytes: Buffer): void;
}

export class ClientConnection implements SocketOwner, PacketSink {
  #socket: Socket;
  /** The same, where it writes straight to the kernel and knows what has not got there. */
  #direct: { readonly sentAll: boolean } | undefined;
  readonly address: string;
  readonly port: number;
  bytesReceived = 0;
  bytesSent = 0;
  readonly #handlers: ClientConnectionHandlers;
  readonly #framer: Framer;
  readonly #waiting: Waiting[] = [];
  #busy = false;
  /** The client sends a file instead of commands. */
  #upload: Upload | undefined;
  /** Nobody looks at what the client sends. */
  #sink: ((bytes: Buffer) => void) | undefined;
  #closed = false;

  constructor(socket: Socket, handlers: ClientConnectionHandlers, options: ClientConnectionOptions) {
    this.#socket = socket;
    this.address = options.proxied?.address ?? plainAddress(socket.remoteAddress);
    this.port = options.proxied?.port ?? socket.remotePort ?? 0;
    this.#handlers = handlers;
    this.#framer = new Framer(this, options.maxPacketBytes);
  }

  get socket(): Socket {
    return this.#socket;
  }

  /** The address and port the client connected to. Asked for by few: a system call each. */
  get localAddress(): string {
    return plainAddress(this.#socket.localAddress);
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Begins to deliver commands; `remainder` came together with the login. */
  start(remainder: Buffer): void {
    const bare = asBare(this.#socket);
    if (bare !== undefined) {
      this.#direct = bare;
      bare.owner = this;
      if (remainder.length > 0) this.#framer.push(remainder);
      bare.resume();
      return;
    }
    const { socket, early } = lendReads(this.#socket, memoryOfClients, (buffer, bytes) => this.onRead(buffer, bytes));
    this.#socket = socket;
    this.#direct = socket instanceof DirectSocket ? socket : undefined;
    socket.on('close', () => this.onClose()).on('error', () => this.destroy());
    if (remainder.length > 0) this.#framer.push(remainder);
    if (early.length > 0) this.onRead(early, early.length);
    socket.resume();
  }

  onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting.length = 0;
    this.#handlers.onClosed();
  }

  onRead(buffer: Buffer, bytes: number): void {
    busyPoll.receivedFrom(this);
    this.bytesReceived += bytes;
    if (this.#sink === undefined && this.#upload === undefined) return this.#framer.push(buffer, bytes);
    // Where they go to they may have to wait.
    const kept = Buffer.from(buffer.subarray(0, bytes));
    if (this.#sink !== undefined) this.#sink(kept);
    else if (this.#upload !== undefined) this.#receiveFile(this.#upload, kept);
  }

  /** Nothing that was written is still needed: all of it is with the kernel. */
  get sentAll(): boolean {
    return this.#direct === undefined ? this.#socket.writableLength === 0 : this.#direct.sentAll;
  }

  /** False when the client does not keep up: stop the source until `onceDrained`. See `sentAll` for the bytes. */
  write(bytes: Buffer): boolean {
    if (this.#closed) return true;
    this.bytesSent += bytes.length;
    return this.#socket.write(bytes);
  }

  onceDrained(callback: () => void): void {
    this.#socket.once('drain', callback);
  }

  /** The session has answered its command: the next one may come. */
  ready(): void {
    this.#busy = false;
    while (!this.#busy && !this.#closed) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#busy = true;
      if (next.kind === 'command')
        this.#handlers.onCommand(next.payload, HEADER_BYTES, next.payload.length, next.sequenceId);
      else this.#handlers.onTooLarge(next.bytes, next.sequenceId);
    }
    if (!this.#busy && !this.#closed) {
      busyPoll.begin();
      this.#handlers.onReady();
    }
    if (this.#waiting.length < pipelinedCommandsMax && this.#socket.isPaused()) this.#socket.resume();
  }

  /** Hands the socket over to a new login; `payload` is the COM_CHANGE_USER that asked for it. */
  handOver(payload: Buffer): void {
    const copy = Buffer.from(payload);
    this.#closed = true;
    this.#framer.stop();
    this.#socket.pause();
    // The framer may be in the middle of a chunk; its rest can be had when that is over.
    setImmediate(() => {
      const bare = asBare(this.#socket);
      if (bare === undefined) endLending(this.#socket);
      else bare.owner = undefined;
      for (const event of ['data', 'close', 'error', 'drain']) this.#socket.removeAllListeners(event);
      this.#handlers.onChangeUser(copy, this.#framer.takeRemainder());
    });
  }

  /** From now on what the client sends goes to `sink` unread, whatever came ahead included. */
  forward(sink: (bytes: Buffer) => void): void {
    this.#framer.stop();
    this.#socket.pause();
    for (const waiting of this.#waiting.splice(0)) if (waiting.kind === 'command') sink(waiting.payload);
    // The framer may be in the middle of a chunk; its rest can be had when that is over.
    setImmediate(() => {
      if (this.#closed) return;
      this.#sink = sink;
      const rest = this.#framer.takeRemainder();
      if (rest.length > 0) sink(rest);
      this.#socket.resume();
    });
  }

  /** Until its file ends, what the client sends goes to `sink` as it is; then commands again. */
  takeFile(sink: (bytes: Buffer) => void): void {
    // What a client sent ahead as commands would have been a file to a server.
    if (this.#waiting.length > 0) return this.destroy();
    this.#upload = { file: new FileUpload(), sink };
  }

  #receiveFile(upload: Upload, chunk: Buffer): void {
    const end = upload.file.push(chunk);
    if (upload.file.done) this.#upload = undefined;
    upload.sink(end === chunk.length ? chunk : chunk.subarray(0, end));
    if (end < chunk.length) this.#framer.push(chunk.subarray(end));
  }

  /** Sends what is written and closes. */
  end(): void {
    this.#socket.end();
    this.#socket.destroySoon();
  }

  /** The client has said good-bye and reads no more. */
  quit(): void {
    if (this.sentAll) this.destroy();
    else this.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  onPacket(buffer: Buffer, start: number, end: number, sequenceId: number): void {
    if (this.#closed) return;
    if (!this.#busy) {
      this.#busy = true;
      this.#handlers.onCommand(buffer, start, end, sequenceId);
      return;
    }
    // Kept with room for its header, so that a delivered payload always has HEADER_BYTES before it.
    const payload = Buffer.allocUnsafe(HEADER_BYTES + end - start);
    buffer.copy(payload, Math.max(0, HEADER_BYTES - start), Math.max(0, start - HEADER_BYTES), end);
    this.#wait({ kind: 'command', payload, sequenceId });
  }

  onTooLarge(bytes: number, sequenceId: number): void {
    if (this.#closed) return;
    if (this.#busy) {
      this.#wait({ kind: 'too-large', bytes, sequenceId });
      return;
    }
    this.#busy = true;
    this.#handlers.onTooLarge(bytes, sequenceId);
  }

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting);
    if (this.#waiting.length >= pipelinedCommandsMax) this.#socket.pause();
  }
}

/** `::ffff:10.0.0.1` is the IPv4 address 10.0.0.1 to anybody who writes a rule; a Unix socket is `localhost`. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return 'localhost';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
