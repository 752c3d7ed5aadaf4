/**
 * A growing buffer that rows are written to, and then handed over whole. Unlike PacketWriter it knows no packets: a
 * row's header is written before it and filled in after it.
 */
const MIN_BYTES = 1024;
/** Spans up to this length are copied here: a call into native code costs more. */
const SHORT_BYTES = 24;

export class ByteSink {
  buffer: Buffer = Buffer.alloc(0);
  at = 0;

  /** Makes room, so that the next `bytes` bytes may be written to `buffer` at `at`. */
  reserve(bytes: number): void {
    const wanted = this.at + bytes;
    if (wanted <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.buffer.length, MIN_BYTES));
    this.buffer.copy(grown, 0, 0, this.at);
    this.buffer = grown;
  }

  u8(value: number): void {
    this.reserve(1);
    this.buffer[this.at++] = value;
  }

  /** A length-encoded integer below 2^32. */
  lenenc(value: number): void {
    this.reserve(9);
    const { buffer } = this;
    if (value < 0xfb) {
      buffer[this.at++] = value;
    } else if (value <= 0xffff) {
      buffer[this.at++] = 0xfc;
      this.at = buffer.writeUInt16LE(value, this.at);
    } else if (value <= 0xff_ffff) {
      buffer[this.at++] = 0xfd;
      this.at = buffer.writeUIntLE(value, this.at, 3);
    } else {
      buffer[this.at++] = 0xfe;
      this.at = buffer.writeUInt32LE(value, this.at);
      this.at = buffer.writeUInt32LE(0, this.at);
    }
  }

  bytes(source: Buffer, start = 0, end = source.length): void {
    const length = end - start;
    this.reserve(length);
    const { buffer, at } = this;
    if (length <= SHORT_BYTES) for (let i = 0; i < length; i++) buffer[at + i] = source[start + i]!;
    else source.copy(buffer, at, start, end);
    this.at = at + length;
  }

  lenencBytes(source: Buffer): void {
    this.lenenc(source.length);
    this.bytes(source);
  }

  /** What was written; the sink begins anew with room for `nextBytes`. */
  take(): Buffer {
    const written = this.buffer.subarray(0, this.at);
    this.buffer = Buffer.alloc(0);
    this.at = 0;
    return written;
  }
}
