/**
 * Encodes packets, headers included, into one growing buffer. It does not know what the packets mean nor send them.
 */
import { HEADER_BYTES, MAX_FRAME_BYTES } from './framer.ts';

const INITIAL_BYTES = 512;
/** Above this `take` hands the buffer over instead of copying it, and below it keeps the buffer for the next packets. */
const KEEP_BYTES_MAX = 16 * 1024;

/**
 * Usage: `begin(sequenceId)`, fields, `end()`, as often as wanted, then `take()` for the bytes of all packets.
 * A payload of 16 MB - 1 or more becomes as many frames as it needs.
 */
export class PacketWriter {
  private buffer: Buffer;
  private length = 0;
  private payloadStart = 0;
  private sequenceId = 0;

  constructor(initialBytes: number = INITIAL_BYTES) {
    this.buffer = Buffer.allocUnsafeSlow(Math.max(initialBytes, HEADER_BYTES));
  }

  /** The sequence id after the last packet that was ended. */
  get nextSequenceId(): number {
    return this.sequenceId;
  }

  /** Bytes written so far, headers included. */
  get byteLength(): number {
    return this.length;
  }

  begin(sequenceId: number): this {
    this.sequenceId = sequenceId & 0xff;
    this.reserve(HEADER_BYTES);
    this.length += HEADER_BYTES;
    this.payloadStart = this.length;
    return this;
  }

  /** Fills the header in; returns the sequence id of the packet that may follow. */
  end(): number {
    const payloadBytes = this.length - this.payloadStart;
    if (payloadBytes < MAX_FRAME_BYTES) this.fillHeader(this.payloadStart - HEADER_BYTES, payloadBytes);
    else this.split(payloadBytes);
    return this.sequenceId;
  }

  u8(value: number): this {
    this.reserve(1);
    this.buffer[this.length++] = value;
    return this;
  }

  u16(value: number): this {
    this.reserve(2);
    this.buffer[this.length++] = value;
    this.buffer[this.length++] = value >>> 8;
    return this;
  }

  u24(value: number): this {
    return this.u16(value).u8(value >>> 16);
  }

  u32(value: number): this {
    this.reserve(4);
    this.length = this.buffer.writeUInt32LE(value >>> 0, this.length);
    return this;
  }

  u64(value: number | bigint): this {
    this.reserve(8);
    this.length = this.buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), this.length);
    return this;
  }

  f32(value: number): this {
    this.reserve(4);
    this.length = this.buffer.writeFloatLE(value, this.length);
    return this;
  }

  f64(value: number): this {
    this.reserve(8);
    this.length = this.buffer.writeDoubleLE(value, this.length);
    return this;
  }

  lenencInt(value: number | bigint): this {
    if (value < 0xfb) return this.u8(Number(value));
    if (value <= 0xffff) return this.u8(0xfc).u16(Number(value));
    if (value <= 0xff_ffff) return this.u8(0xfd).u24(Number(value));
    return this.u8(0xfe).u64(value);
  }

  lenencBytes(bytes: Uint8Array): this {
    return this.lenencInt(bytes.length).bytes(bytes);
  }

  lenencString(text: string, encoding: BufferEncoding = 'utf8'): this {
    return this.lenencInt(Buffer.byteLength(text, encoding)).string(text, encoding);
  }

  nulString(text: string, encoding: BufferEncoding = 'utf8'): this {
    return this.string(text, encoding).u8(0);
  }

  bytes(bytes: Uint8Array): this {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  zeros(count: number): this {
    this.reserve(count);
    this.buffer.fill(0, this.length, this.length + count);
    this.length += count;
    return this;
  }

  string(text: string, encoding: BufferEncoding = 'utf8'): this {
    this.reserve(Buffer.byteLength(text, encoding));
    this.length += this.buffer.write(text, this.length, encoding);
    return this;
  }

  /** Takes back everything after `byteLength`, e.g. a row that turned out not to be encodable. */
  truncate(byteLength: number): void {
    this.length = byteLength;
  }

  /** All packets written since the last call, in a buffer the caller owns. */
  take(): Buffer {
    const written = this.buffer.subarray(0, this.length);
    this.length = 0;
    if (written.length <= KEEP_BYTES_MAX) return Buffer.from(written);
    this.buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    return written;
  }

  private fillHeader(at: number, payloadBytes: number): void {
    this.buffer[at] = payloadBytes;
    this.buffer[at + 1] = payloadBytes >>> 8;
    this.buffer[at + 2] = payloadBytes >>> 16;
    this.buffer[at + 3] = this.sequenceId;
    this.sequenceId = (this.sequenceId + 1) & 0xff;
  }

  /** Moves the tail frames apart, the last one first, to make room for their headers. */
  private split(payloadBytes: number): void {
    const frames = Math.floor(payloadBytes / MAX_FRAME_BYTES) + 1;
    const extra = (frames - 1) * HEADER_BYTES;
    this.reserve(extra);
    const payloadEnd = this.length;
    for (let frame = frames - 1; frame > 0; frame--) {
      const from = this.payloadStart + frame * MAX_FRAME_BYTES;
      this.buffer.copyWithin(from + frame * HEADER_BYTES, from, Math.min(from + MAX_FRAME_BYTES, payloadEnd));
    }
    const lastBytes = payloadBytes % MAX_FRAME_BYTES;
    for (let frame = 0; frame < frames; frame++) {
      const at = this.payloadStart - HEADER_BYTES + frame * (HEADER_BYTES + MAX_FRAME_BYTES);
      this.fillHeader(at, frame === frames - 1 ? lastBytes : MAX_FRAME_BYTES);
    }
    this.length += extra;
  }

  private reserve(bytes: number): void {
    const wanted = this.length + bytes;
    if (wanted <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(wanted, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }
}
