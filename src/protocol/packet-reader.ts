/**
 * A cursor over the payload of one packet. It does not know about frames or sequence ids.
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_data_types.html
 */

/** The peer sent a packet that ends too early or holds an impossible value. */
export class MalformedPacket extends Error {
  readonly code = 'MALFORMED_PACKET';
  constructor(detail: string) {
    super(`malformed packet: ${detail}`);
    this.name = 'MalformedPacket';
  }
}

const EMPTY = Buffer.alloc(0);

/**
 * Reads little-endian fields. Every method throws `MalformedPacket` when the payload ends first.
 * Byte results are views of the underlying buffer: copy what must outlive it.
 */
export class PacketReader {
  private buffer: Buffer = EMPTY;
  private offset = 0;
  private end = 0;

  constructor(buffer?: Buffer, start = 0, end = buffer?.length ?? 0) {
    if (buffer !== undefined) this.reset(buffer, start, end);
  }

  reset(buffer: Buffer, start: number, end: number): this {
    this.buffer = buffer;
    this.offset = start;
    this.end = end;
    return this;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.end - this.offset;
  }

  /** The index in the underlying buffer of the next byte. */
  get position(): number {
    return this.offset;
  }

  /** The next byte without consuming it. */
  peek(): number {
    return this.byteAt(0);
  }

  /** The byte `ahead` of the next one, without consuming anything. */
  byteAt(ahead: number): number {
    if (ahead >= this.remaining) throw new MalformedPacket('payload ends early');
    return this.buffer[this.offset + ahead]!;
  }

  /** A zero byte is still to come. */
  hasNul(): boolean {
    const at = this.buffer.indexOf(0, this.offset);
    return at >= 0 && at < this.end;
  }

  u8(): number {
    return this.buffer[this.advance(1)]!;
  }

  u16(): number {
    const at = this.advance(2);
    return this.buffer[at]! | (this.buffer[at + 1]! << 8);
  }

  u24(): number {
    return this.buffer.readUIntLE(this.advance(3), 3);
  }

  u32(): number {
    return this.buffer.readUInt32LE(this.advance(4));
  }

  /** A number when it is exact (up to 2^53 - 1), otherwise a bigint. */
  u64(): number | bigint {
    const at = this.advance(8);
    const high = this.buffer.readUInt32LE(at + 4);
    if (high >= 0x20_0000) return this.buffer.readBigUInt64LE(at);
    return high * 0x1_0000_0000 + this.buffer.readUInt32LE(at);
  }

  /** A length-encoded integer that must be exact as a number: lengths and counts. */
  lenencInt(): number {
    const value = this.lenencUint64();
    if (typeof value === 'bigint') throw new MalformedPacket('length beyond 2^53');
    return value;
  }

  /** A length-encoded integer of any size: ids and row counts. A bigint only beyond 2^53 - 1. */
  lenencUint64(): number | bigint {
    const first = this.u8();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.u16();
    if (first === 0xfd) return this.u24();
    if (first === 0xfe) return this.u64();
    throw new MalformedPacket(`0x${first.toString(16)} is no length-encoded integer`);
  }

  lenencBytes(): Buffer {
    return this.bytes(this.lenencInt());
  }

  lenencString(encoding: BufferEncoding = 'utf8'): string {
    const bytes = this.lenencInt();
    const at = this.advance(bytes);
    return this.buffer.toString(encoding, at, at + bytes);
  }

  /** Goes past a length-encoded string. */
  skipLenenc(): void {
    this.advance(this.lenencInt());
  }

  /** Up to the next zero byte, which is consumed too. */
  nulBytes(): Buffer {
    const start = this.offset;
    return this.buffer.subarray(start, this.pastNul());
  }

  nulString(encoding: BufferEncoding = 'utf8'): string {
    const start = this.offset;
    return this.buffer.toString(encoding, start, this.pastNul());
  }

  bytes(count: number): Buffer {
    const at = this.advance(count);
    return this.buffer.subarray(at, at + count);
  }

  skip(count: number): void {
    this.advance(count);
  }

  /** Everything that is left. */
  rest(): Buffer {
    return this.bytes(this.remaining);
  }

  /** What was read since `position` was that. */
  since(position: number): Buffer {
    return this.buffer.subarray(position, this.offset);
  }

  /** Goes past the next zero byte; returns where it is. */
  private pastNul(): number {
    const at = this.buffer.indexOf(0, this.offset);
    if (at < 0 || at >= this.end) throw new MalformedPacket('string without its zero byte');
    this.offset = at + 1;
    return at;
  }

  private advance(count: number): number {
    const at = this.offset;
    if (count > this.end - at) throw new MalformedPacket('payload ends early');
    this.offset = at + count;
    return at;
  }
}
