/**
 * Masks rows: finds the cells of protected columns in the payload of a row and writes the row anew. It does not know
 * packets (answer-filter.ts does); `HugeRow` takes a row of more than one packet's length in pieces.
 */
import { MalformedPacket } from '../protocol/packet-reader.ts';
import { fixedBytes } from './binary-cells.ts';
import type { ByteSink } from './byte-sink.ts';
import type { ColumnMask, ColumnShape } from './column-mask.ts';
import { maskedValueBytesMax } from './mask-limits.ts';

const NULL_CELL = 0xfb;
/** The first two bits of the bitmap of a binary row are not columns. */
const BITMAP_OFFSET = 2;
const ROW_HEADER_BYTES = 1;

export interface MaskedColumns {
  /** As the server defines them. */
  readonly columns: readonly ColumnShape[];
  /** By position; undefined for those that pass. */
  readonly masks: readonly (ColumnMask | undefined)[];
  readonly binary: boolean;
  /** Cells that were masked, by position; counted here. */
  readonly counts: number[];
}

/** Reads length-encoded integers and the ends of cells; one reader, no objects. */
class Cursor {
  at = 0;

  lenenc(bytes: Buffer, end: number): number {
    const first = this.byte(bytes, end);
    if (first < 0xfb) return first;
    const size = first === 0xfc ? 2 : first === 0xfd ? 3 : first === 0xfe ? 8 : 0;
    if (size === 0 || this.at + size > end) throw new MalformedPacket('a cell without its length');
    const value = size === 8 ? Number(bytes.readBigUInt64LE(this.at)) : bytes.readUIntLE(this.at, size);
    this.at += size;
    return value;
  }

  byte(bytes: Buffer, end: number): number {
    if (this.at >= end) throw new MalformedPacket('a row ends early');
    return bytes[this.at++]!;
  }

  skip(count: number, end: number): void {
    this.at += count;
    if (this.at > end) throw new MalformedPacket('a cell ends after its row');
  }
}

const cursor = new Cursor();

export class RowMasker {
  readonly #columns: MaskedColumns;
  /** Position of the last masked column: what follows needs no look. */
  readonly #last: number;
  readonly #fixed: readonly number[];

  constructor(columns: MaskedColumns) {
    this.#columns = columns;
    this.#last = columns.masks.findLastIndex((mask) => mask !== undefined);
    this.#fixed = columns.columns.map(({ type }) => fixedBytes(type));
  }

  /**
   * Writes the row whose payload is `bytes[start, end)`, masked.
   * @throws MalformedPacket
   */
  write(sink: ByteSink, bytes: Buffer, start: number, end: number): void {
    // Masks seldom make a row longer; those that do reserve for themselves.
    sink.reserve(end - start);
    if (this.#columns.binary) this.#writeBinary(sink, bytes, start, end);
    else this.#writeText(sink, bytes, start, end);
  }

  #writeText(sink: ByteSink, bytes: Buffer, start: number, end: number): void {
    const { masks, counts } = this.#columns;
    let copiedTo = start;
    cursor.at = start;
    for (let index = 0; index <= this.#last; index += 1) {
      const cellAt = cursor.at;
      const mask = masks[index];
      if (bytes[cellAt] === NULL_CELL) {
        cursor.skip(1, end);
        continue;
      }
      const length = cursor.lenenc(bytes, end);
      const valueAt = cursor.at;
      cursor.skip(length, end);
      if (mask === undefined) continue;
      const next = cursor.at;
      sink.bytes(bytes, copiedTo, cellAt);
      if (mask.isNull) sink.u8(NULL_CELL);
      else if (mask.constant !== undefined) sink.bytes(mask.constant);
      else mask.writeText(sink, bytes, valueAt, next);
      counts[index]! += 1;
      copiedTo = next;
      cursor.at = next;
    }
    sink.bytes(bytes, copiedTo, end);
  }

  #writeBinary(sink: ByteSink, bytes: Buffer, start: number, end: number): void {
    const { columns, masks, counts } = this.#columns;
    const bitmapAt = start + ROW_HEADER_BYTES;
    const valuesAt = bitmapAt + bitmapBytes(columns.length);
    if (valuesAt > end || bytes[start] !== 0) throw new MalformedPacket('no row of the binary protocol');
    const bitmapOut = sink.at + ROW_HEADER_BYTES;
    let copiedTo = start;
    cursor.at = valuesAt;
    for (let index = 0; index <= this.#last; index += 1) {
      if (isNullIn(bytes, bitmapAt, index)) continue;
      const cellAt = cursor.at;
      const length = this.#fixed[index] || cursor.lenenc(bytes, end);
      const valueAt = cursor.at;
      cursor.skip(length, end);
      const mask = masks[index];
      if (mask === undefined) continue;
      const next = cursor.at;
      sink.bytes(bytes, copiedTo, cellAt);
      if (mask.isNull) setNull(sink.buffer, bitmapOut, index);
      else if (mask.constant !== undefined) sink.bytes(mask.constant);
      else mask.writeBinary(sink, bytes, valueAt, next);
      counts[index]! += 1;
      copiedTo = next;
      cursor.at = next;
    }
    sink.bytes(bytes, copiedTo, end);
  }
}

function bitmapBytes(columns: number): number {
  return (columns + 7 + BITMAP_OFFSET) >> 3;
}

function isNullIn(bytes: Buffer, bitmapAt: number, index: number): boolean {
  const bit = index + BITMAP_OFFSET;
  return (bytes[bitmapAt + (bit >> 3)]! & (1 << (bit & 7))) !== 0;
}

function setNull(bytes: Buffer, bitmapAt: number, index: number): void {
  const bit = index + BITMAP_OFFSET;
  bytes[bitmapAt + (bit >> 3)]! |= 1 << (bit & 7);
}

const LENENC_BYTES_MAX = 9;
const NOTHING = Buffer.alloc(0);

/**
 * One row that arrives in pieces because it is longer than a packet may be. It holds at most maskedValueBytesMax of the
 * value at work; longer protected values are not looked at but replaced.
 */
export class HugeRow {
  readonly #columns: MaskedColumns;
  readonly #nullMasked: boolean;
  #index = -1;
  /** Bytes of a length or a small value that are gathered before they are looked at. */
  #gathered: Buffer = NOTHING;
  #wanted = 0;
  #stage: 'bitmap' | 'length' | 'value' | 'gather';
  #left = 0;
  #bitmap: Buffer = NOTHING;

  constructor(columns: MaskedColumns) {
    this.#columns = columns;
    this.#nullMasked = columns.masks.some((mask) => mask?.isNull === true);
    this.#stage = columns.binary ? 'bitmap' : 'length';
    if (columns.binary) this.#wanted = ROW_HEADER_BYTES + bitmapBytes(columns.columns.length);
    this.#index = columns.binary ? -1 : 0;
    if (!columns.binary) this.#wanted = 1;
  }

  /** @throws MalformedPacket */
  push(sink: ByteSink, bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#stage === 'value') {
        const taken = Math.min(this.#left, end - at);
        if (this.#mask() === undefined) sink.bytes(bytes, at, at + taken);
        at += taken;
        this.#left -= taken;
        if (this.#left === 0) this.#next();
        continue;
      }
      const taken = Math.min(this.#wanted - this.#gathered.length, end - at);
      this.#gathered = Buffer.concat([this.#gathered, bytes.subarray(at, at + taken)]);
      at += taken;
      if (this.#gathered.length === this.#wanted) this.#complete(sink);
    }
  }

  /** @throws MalformedPacket when cells are missing */
  end(): void {
    if (this.#index < this.#columns.columns.length || this.#gathered.length > 0 || this.#left > 0) {
      throw new MalformedPacket('a row ends early');
    }
  }

  #mask(): ColumnMask | undefined {
    return this.#columns.masks[this.#index];
  }

  #complete(sink: ByteSink): void {
    const gathered = this.#gathered;
    this.#gathered = NOTHING;
    if (this.#stage === 'bitmap') {
      this.#bitmap = Buffer.from(gathered);
      const out = Buffer.from(gathered);
      if (this.#nullMasked) {
        this.#columns.masks.forEach((mask, index) => {
          if (mask?.isNull === true) setNull(out, ROW_HEADER_BYTES, index);
        });
      }
      sink.bytes(out);
      return this.#next();
    }
    if (this.#stage === 'gather') {
      const mask = this.#mask();
      if (mask !== undefined && !mask.isNull) {
        if (this.#columns.binary) mask.writeBinary(sink, gathered, 0, gathered.length);
        else mask.writeText(sink, gathered, 0, gathered.length);
      }
      return this.#next();
    }
    this.#lengthKnown(sink, gathered);
  }

  #lengthKnown(sink: ByteSink, head: Buffer): void {
    if (this.#index >= this.#columns.columns.length) throw new MalformedPacket('a row has more cells than columns');
    const first = head[0]!;
    if (head.length === 1) {
      if (first === NULL_CELL && !this.#columns.binary) {
        sink.bytes(head);
        return this.#next();
      }
      const more = first === 0xfc ? 3 : first === 0xfd ? 4 : first === 0xfe ? LENENC_BYTES_MAX : 1;
      if (more > 1) {
        this.#gathered = head;
        this.#wanted = more;
        return;
      }
    }
    cursor.at = 0;
    const length = cursor.lenenc(head, head.length);
    this.#value(sink, head, length);
  }

  /** The value of the current column is what comes next; `head` is its length as the server wrote it. */
  #value(sink: ByteSink, head: Buffer, length: number): void {
    const mask = this.#mask();
    if (mask !== undefined) this.#columns.counts[this.#index]! += 1;
    const asWhole = mask !== undefined && !mask.isNull && mask.constant === undefined && length <= maskedValueBytesMax;
    if (asWhole) {
      this.#stage = 'gather';
      this.#wanted = length;
      if (length === 0) this.#complete(sink);
      return;
    }
    if (mask === undefined) sink.bytes(head);
    else if (mask.isNull) {
      if (!this.#columns.binary) sink.u8(NULL_CELL);
    } else sink.bytes(mask.constant ?? mask.fallback);
    this.#stage = 'value';
    this.#left = length;
    if (length === 0) this.#next();
  }

  #next(): void {
    this.#index += 1;
    const { columns, binary } = this.#columns;
    while (binary && this.#index < columns.length && isNullIn(this.#bitmap, ROW_HEADER_BYTES, this.#index)) {
      this.#index += 1;
    }
    const column = columns[this.#index];
    this.#stage = 'length';
    this.#wanted = 1;
    const fixed = binary && column !== undefined ? fixedBytes(column.type) : 0;
    if (fixed === 0) return;
    const mask = this.#mask();
    if (mask === undefined) {
      this.#stage = 'value';
      this.#left = fixed;
    } else {
      this.#columns.counts[this.#index]! += 1;
      this.#stage = 'gather';
      this.#wanted = fixed;
    }
  }
}
