/**
 * A socket whose bytes travel in compressed packets, after a login that agreed on it. To its user it is a socket like
 * any other; which algorithm it is, is compression.ts's.
 *
 *   | bytes that follow (3) | sequence id (1) | bytes before compression (3), 0: not compressed | … |
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_compression_packet.html
 */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Compression } from './compression.ts';

const HEADER_BYTES = 7;
/** The most that one packet holds. */
const BLOCK_BYTES_MAX = 0xff_ffff;
/** Shorter blocks go out as they are. Source: MIN_COMPRESS_LENGTH of the servers. */
const COMPRESS_BYTES_MIN = 50;

/** Sequence ids: a server answers with the one after the client's last; a client begins every command at 0. */
export type Role = 'server' | 'client';

class CompressedSocket extends Duplex {
  readonly #socket: Socket;
  readonly #compression: Compression;
  readonly #role: Role;
  readonly #commands = new CommandStarts();
  #sequenceId = 0;
  /** What has come of a packet that is not complete. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Bytes of the packet under way, its header included; 0 until the header is complete. */
  #wanted = 0;

  constructor(socket: Socket, compression: Compression, role: Role, early: Buffer) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#compression = compression;
    this.#role = role;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.push(null));
    socket.on('close', () => this.destroy());
    socket.on('error', (error) => this.destroy(error));
    if (early.length > 0) this.#receive(early);
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#socket.remotePort;
  }

  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  get localPort(): number | undefined {
    return this.#socket.localPort;
  }

  /** As a socket's: closes when everything is written. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#role === 'client' && this.#commands.startsWith(chunk)) this.#sequenceId = 0;
    let flowing = true;
    for (let from = 0; from < chunk.length; from += BLOCK_BYTES_MAX) {
      flowing = this.#send(chunk.subarray(from, from + BLOCK_BYTES_MAX));
    }
    if (flowing) done();
    else this.#socket.once('drain', done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroySoon();
    done(error);
  }

  #send(block: Buffer): boolean {
    const compressed = block.length < COMPRESS_BYTES_MIN ? block : this.#compression.compress(block);
    const worthIt = compressed.length < block.length;
    const payload = worthIt ? compressed : block;
    const packet = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
    packet.writeUIntLE(payload.length, 0, 3);
    packet[3] = this.#sequenceId;
    packet.writeUIntLE(worthIt ? block.length : 0, 4, 3);
    packet.set(payload, HEADER_BYTES);
    this.#sequenceId = (this.#sequenceId + 1) & 0xff;
    // In one piece, and so in one TLS record as servers send it: some clients of MariaDB's wait for ever for a second one.
    return this.#socket.write(packet);
  }

  #receive(chunk: Buffer): void {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes < Math.max(this.#wanted, HEADER_BYTES)) return;
    let bytes = this.#held.length === 1 ? chunk : Buffer.concat(this.#held);
    while (bytes.length >= HEADER_BYTES && !this.destroyed) {
      this.#wanted = HEADER_BYTES + bytes.readUIntLE(0, 3);
      if (bytes.length < this.#wanted) break;
      this.#open(bytes.subarray(0, this.#wanted));
      bytes = bytes.subarray(this.#wanted);
      this.#wanted = 0;
    }
    this.#held = bytes.length > 0 ? [bytes] : [];
    this.#heldBytes = bytes.length;
  }

  #open(packet: Buffer): void {
    if (this.#role === 'server') this.#sequenceId = ((packet[3] ?? 0) + 1) & 0xff;
    const bytes = packet.readUIntLE(4, 3);
    const payload = packet.subarray(HEADER_BYTES);
    let block: Uint8Array = payload;
    try {
      if (bytes > 0) block = this.#compression.decompress(payload, bytes);
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    if (block.length > 0 && !this.push(Buffer.from(block.buffer, block.byteOffset, block.length))) this.#socket.pause();
  }
}

/** Finds in what a client writes where a command begins: a frame with id 0 that does not just continue a long count. */
class CommandStarts {
  #payloadLeft = 0;
  #header: number[] = [];
  #lastId = 0;
  #lastBytes = 0;

  /** Whether the chunk's first byte is the first one of a command. */
  startsWith(chunk: Buffer): boolean {
    let starts = false;
    for (let offset = 0; offset < chunk.length; ) {
      if (this.#payloadLeft > 0) {
        const passed = Math.min(this.#payloadLeft, chunk.length - offset);
        this.#payloadLeft -= passed;
        offset += passed;
        continue;
      }
      const first = offset === 0 && this.#header.length === 0;
      while (this.#header.length < 4 && offset < chunk.length) this.#header.push(chunk[offset++] ?? 0);
      if (this.#header.length < 4) break;
      const [a = 0, b = 0, c = 0, id = 0] = this.#header;
      this.#header = [];
      this.#payloadLeft = a | (b << 8) | (c << 16);
      // A file's packets count on past 255; an empty one ends it.
      if (first && id === 0 && !(this.#lastId === 255 && this.#lastBytes > 0)) starts = true;
      this.#lastId = id;
      this.#lastBytes = this.#payloadLeft;
    }
    return starts;
  }
}

/**
 * Puts compression over a socket whose login is over. What comes back has all that this program uses of a socket.
 * @param early bytes that came after the login
 */
export function compressedSocket(
  socket: Socket,
  compression: Compression,
  role: Role,
  early: Buffer = Buffer.alloc(0),
): Socket {
  return new CompressedSocket(socket, compression, role, early) as unknown as Socket;
}

/** Is the socket one of these already? A COM_CHANGE_USER keeps it. */
export function isCompressed(socket: Socket): boolean {
  return (socket as unknown) instanceof CompressedSocket;
}
