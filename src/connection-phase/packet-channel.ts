/**
 * One peer's packets during the connection phase, one at a time and as copies: comfort over speed, since there are a
 * handful per connection. It does not know what the packets mean, and the command phase does not use it.
 */
import type { Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type SecureContext, TLSSocket } from 'node:tls';
import { asBare, fullSocket, type SocketOwner } from '../net/bare-socket.ts';
import { Framer } from '../protocol/framer.ts';
import { PacketWriter } from '../protocol/packet-writer.ts';
import { type ProxiedClient, parseProxyHeader } from '../protocol/proxy-header.ts';

/** Packets of the connection phase are small; the largest part is the connection attributes (64 kB at most). */
const LOGIN_PACKET_BYTES_MAX = 128 * 1024;
/** How long a refused peer may take to read its error before the socket is destroyed. */
const LINGER_MS = 2_000;

export type ChannelFailureReason = 'closed' | 'timeout' | 'too-large' | 'out-of-order';

/** The conversation cannot go on. */
export class ChannelFailure extends Error {
  readonly code = 'CHANNEL_FAILURE';
  readonly reason: ChannelFailureReason;
  constructor(reason: ChannelFailureReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ChannelFailure';
    this.reason = reason;
  }
}

export interface ChannelOptions {
  /** For the whole conversation, from now on. */
  readonly timeoutMs: number;
  /** Lower than the channel's own limit of 128 kB. */
  readonly maxPacketBytes?: number;
  /** Id of the next packet, either way; 0 when left out. */
  readonly firstSequenceId?: number;
  /** A PROXY header may come before the first packet. */
  readonly mayBeProxied?: boolean;
  /** Bytes that were read from the socket before. */
  readonly early?: Buffer;
}

const NOTHING = Buffer.alloc(0);

interface Listeners {
  readonly data: (chunk: Buffer) => void;
  readonly error: (error: Error) => void;
  readonly close: () => void;
}

/** Packets are encoded here and copied out, one at a time. */
const scratch = new PacketWriter();

interface Waiter {
  readonly resolve: (payload: Buffer) => void;
  readonly reject: (error: ChannelFailure) => void;
}

/**
 * Reads and writes whole packets on a socket it takes over until `release`. Sequence ids are checked on reading and
 * continued on writing. The framer stops after every packet, so that bytes behind it (a ClientHello, a first command)
 * stay raw.
 */
export class PacketChannel implements SocketOwner {
  private current: Socket;
  private readonly framer: Framer;
  private expectedId = 0;
  private received: Buffer | undefined;
  private waiter: Waiter | undefined;
  private rejectUpgrade: ((error: ChannelFailure) => void) | undefined;
  private failure: ChannelFailure | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** What came of a PROXY header so far, while one may come. */
  private preamble: Buffer | undefined;
  /** The client that a balancer speaks for. */
  proxied: ProxiedClient | undefined;

  /** How sockets of Node tell of themselves; there while one is listened to. */
  private listeners: Listeners | undefined;

  constructor(socket: Socket, options: ChannelOptions) {
    this.current = socket;
    this.expectedId = options.firstSequenceId ?? 0;
    this.framer = new Framer(this, Math.min(options.maxPacketBytes ?? LOGIN_PACKET_BYTES_MAX, LOGIN_PACKET_BYTES_MAX));
    if (options.mayBeProxied === true) this.preamble = NOTHING;
    this.timer = setTimeout(tooLate, options.timeoutMs, this, options.timeoutMs);
    if (options.early !== undefined && options.early.length > 0) this.framer.push(options.early);
    this.listen();
    if (socket.destroyed) this.onClose();
  }

  /** The socket in use: the TLSSocket after an upgrade. */
  get socket(): Socket {
    return this.current;
  }

  /** The id the next packet has to carry, either way. */
  get sequenceId(): number {
    return this.expectedId;
  }

  /**
   * The next packet's payload, in a buffer of its own.
   * @throws ChannelFailure
   */
  read(): Promise<Buffer> {
    // What a peer said before it closed still counts.
    const readable = this.failure === undefined || this.failure.reason === 'closed';
    if (this.received === undefined && readable) this.framer.goOn();
    if (this.received !== undefined) {
      const payload = this.received;
      this.received = undefined;
      return Promise.resolve(payload);
    }
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      this.waiter = { resolve, reject };
    });
  }

  /** Encodes with `write(writer, sequenceId)`, which returns the next sequence id, and sends. */
  send(write: (writer: PacketWriter, sequenceId: number) => number): void {
    // Whatever failed half-way is nobody's.
    scratch.truncate(0);
    this.expectedId = write(scratch, this.expectedId) & 0xff;
    this.current.write(scratch.take());
  }

  /**
   * Becomes the server's side of TLS. Bytes that came in one segment with the SSLRequest are its first input.
   * @throws ChannelFailure
   */
  upgradeAsServer(secureContext: SecureContext): Promise<void> {
    const raw = this.detachForTls();
    return this.secure(new TLSSocket(raw, { isServer: true, secureContext }), 'secure');
  }

  /**
   * Becomes the client's side of TLS.
   * @throws ChannelFailure also when the server's certificate is refused
   */
  upgradeAsClient(options: ConnectionOptions): Promise<void> {
    const raw = this.detachForTls();
    return this.secure(connectTls({ ...options, socket: raw }), 'secureConnect');
  }

  /**
   * Ends the channel and gives the socket back, paused: attach handlers, then call `resume()`.
   * Returns bytes that came after the last packet read.
   */
  release(): Buffer {
    clearTimeout(this.timer);
    this.current.pause();
    this.unlisten();
    // A late error of a socket nobody listens to yet must not end the process; a bare one's never does.
    if (asBare(this.current) === undefined) this.current.on('error', ignore);
    return this.framer.takeRemainder();
  }

  /** Sends what `write` encodes, if anything, and closes; the peer has a moment to read it. Never throws. */
  close(write?: (writer: PacketWriter, sequenceId: number) => number): void {
    clearTimeout(this.timer);
    this.unlisten();
    closeSocket(this.current, write === undefined ? undefined : this.encode(write));
  }

  private encode(write: (writer: PacketWriter, sequenceId: number) => number): Buffer {
    scratch.truncate(0);
    write(scratch, this.expectedId);
    return scratch.take();
  }

  // ---------------------------------------------------------------- what the socket and the framer tell

  onRead(buffer: Buffer, bytes: number): void {
    if (this.preamble === undefined) this.framer.push(buffer, bytes);
    else this.onPreamble(Buffer.concat([this.preamble, buffer.subarray(0, bytes)]));
  }

  onEnd(): void {
    this.onClose();
  }

  onError(error: Error): void {
    this.fail(new ChannelFailure('closed', `connection lost: ${error.message}`, { cause: error }));
  }

  onClose(): void {
    // Most channels are over before their socket is, and an error costs a stack trace.
    if (this.failure === undefined) this.fail(new ChannelFailure('closed', 'connection closed by the peer'));
  }

  onPacket(buffer: Buffer, start: number, end: number, sequenceId: number): void {
    this.framer.stop();
    const due = this.expectedId;
    this.expectedId = (sequenceId + 1) & 0xff;
    if (sequenceId !== due) {
      this.fail(new ChannelFailure('out-of-order', `packet ${sequenceId} where ${due} was due`));
      return;
    }
    const payload = Buffer.from(buffer.subarray(start, end));
    const waiter = this.waiter;
    this.waiter = undefined;
    if (waiter === undefined) this.received = payload;
    else waiter.resolve(payload);
  }

  private onPreamble(bytes: Buffer): void {
    const header = parseProxyHeader(bytes);
    if (header.kind === 'incomplete') {
      this.preamble = bytes;
      return;
    }
    this.preamble = undefined;
    if (header.kind === 'malformed') return this.fail(new ChannelFailure('closed', 'malformed PROXY header'));
    if (header.kind === 'none') return this.framer.push(bytes);
    this.proxied = header.client;
    if (bytes.length > header.bytes) this.framer.push(bytes.subarray(header.bytes));
  }

  onTooLarge(bytes: number, sequenceId: number): void {
    this.expectedId = (sequenceId + 1) & 0xff;
    this.fail(new ChannelFailure('too-large', `packet of ${bytes} bytes`));
  }

  private detachForTls(): Socket {
    const raw = this.current;
    raw.pause();
    this.unlisten();
    const full = fullSocket(raw);
    full.on('error', ignore);
    const early = this.framer.takeRemainder();
    if (early.length > 0) full.unshift(early);
    return full;
  }

  private secure(socket: TLSSocket, event: 'secure' | 'secureConnect'): Promise<void> {
    this.current = socket;
    return new Promise((resolve, reject) => {
      this.rejectUpgrade = reject;
      socket.once(event, () => {
        this.rejectUpgrade = undefined;
        resolve();
      });
      this.listen();
    });
  }

  private listen(): void {
    const bare = asBare(this.current);
    if (bare === undefined) this.addListeners();
    else bare.owner = this;
    this.current.resume();
  }

  private addListeners(): void {
    const listeners: Listeners = {
      data: (chunk) => this.onRead(chunk, chunk.length),
      error: (error) => this.onError(error),
      close: () => this.onClose(),
    };
    const { data, error, close } = listeners;
    this.current.on('data', data).on('error', error).on('close', close).on('end', close);
    this.listeners = listeners;
  }

  private unlisten(): void {
    const bare = asBare(this.current);
    if (bare !== undefined) bare.owner = undefined;
    if (this.listeners === undefined) return;
    const { data, error, close } = this.listeners;
    this.current.off('data', data).off('error', error).off('close', close).off('end', close);
    this.listeners = undefined;
  }

  /** The conversation is over, and whoever reads learns it. */
  fail(failure: ChannelFailure): void {
    if (this.failure !== undefined) return;
    this.failure = failure;
    this.framer.stop();
    const waiter = this.waiter;
    this.waiter = undefined;
    waiter?.reject(failure);
    this.rejectUpgrade?.(failure);
  }
}

/** Sends `last`, ends, and destroys the socket when the peer does not close in time. Never throws. */
export function closeSocket(socket: Socket, last?: Buffer): void {
  socket.on('error', ignore);
  if (socket.destroyed) return;
  if (last === undefined) {
    socket.destroy();
    return;
  }
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
  socket.end(last);
  // Unread input would turn the close into a reset, and the peer might never see the error.
  socket.resume();
}

function tooLate(channel: PacketChannel, timeoutMs: number): void {
  channel.fail(new ChannelFailure('timeout', `no login within ${timeoutMs} ms`));
}

function ignore(): void {}
