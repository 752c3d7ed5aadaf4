/**
 * A mask bound to one column of one result: how its definition changes, and how its cells are written, in the text and
 * the binary protocol. It finds no cells (row-masker.ts does). Whatever does not fit is masked in full, by a constant.
 */
import { ColumnFlag, ColumnType } from '../protocol/column-types.ts';
import { binaryCellText, writeBinaryDate, writeBinaryNumber } from './binary-cells.ts';
import type { ByteSink } from './byte-sink.ts';
import { bytesPerChar, type CellCharset, cellCharsetById, decodeCell, encodeCell } from './cell-charset.ts';
import { maskedValueBytesMax } from './mask-limits.ts';
import { FULL_MASK_CHARS, MASK_TEXT_CHARS_MAX, type MaskSpec } from './mask-spec.ts';
import { bucket, coarseDate, type MaskSecrets, maskText } from './mask-text.ts';

/** What of a column definition masks look at and change; `length` in bytes. */
export interface ColumnShape {
  readonly type: number;
  readonly charset: number;
  readonly length: number;
  readonly flags: number;
  readonly decimals: number;
}

export interface ColumnMask {
  /** The definition as the client is to see it. */
  readonly shape: ColumnShape;
  /** Every cell becomes NULL. */
  readonly isNull: boolean;
  /** Every cell that is not NULL becomes this: a length-encoded text. The same for both protocols. */
  readonly constant: Buffer | undefined;
  /** What stands for a value that cannot be masked otherwise; length-encoded. */
  readonly fallback: Buffer;
  /** Writes a cell of the text protocol; `bytes[start, end)` is the value without its length. */
  writeText(sink: ByteSink, bytes: Buffer, start: number, end: number): void;
  /** Writes a cell of the binary protocol; `bytes[start, end)` is the value without its length. */
  writeBinary(sink: ByteSink, bytes: Buffer, start: number, end: number): void;
}

const NUMBERS: ReadonlySet<number> = new Set([
  ColumnType.DECIMAL,
  ColumnType.NEWDECIMAL,
  ColumnType.TINY,
  ColumnType.SHORT,
  ColumnType.INT24,
  ColumnType.LONG,
  ColumnType.LONGLONG,
  ColumnType.FLOAT,
  ColumnType.DOUBLE,
  ColumnType.YEAR,
]);
const DATES: ReadonlySet<number> = new Set([
  ColumnType.DATE,
  ColumnType.NEWDATE,
  ColumnType.DATETIME,
  ColumnType.TIMESTAMP,
]);
/** Types whose values are texts or bytes, and which a driver reads as such. */
const TEXTS: ReadonlySet<number> = new Set([
  ColumnType.VARCHAR,
  ColumnType.VAR_STRING,
  ColumnType.STRING,
  ColumnType.TINY_BLOB,
  ColumnType.MEDIUM_BLOB,
  ColumnType.LONG_BLOB,
  ColumnType.BLOB,
]);

/** utf8mb4_general_ci: what a text is in that was none before. */
const TEXT_COLLATION = 45;
const BINARY_COLLATION = 63;
const STILL_TRUE_FLAGS = ColumnFlag.NOT_NULL | ColumnFlag.PRI_KEY | ColumnFlag.UNIQUE_KEY | ColumnFlag.MULTIPLE_KEY;
const FULL_TEXT = '*'.repeat(FULL_MASK_CHARS);

/** @param column as the server defines it */
export function bindMask(spec: MaskSpec, column: ColumnShape, secrets: MaskSecrets): ColumnMask {
  if (spec.kind === 'null') return new NullMask(column);
  if (NUMBERS.has(column.type) && (spec.kind === 'zero' || spec.kind === 'bucket')) return new NumberMask(spec, column);
  if (DATES.has(column.type) && (spec.kind === 'year' || spec.kind === 'month')) return new DateMask(spec.kind, column);
  return new TextMask(spec, column, secrets);
}

function lenencText(text: Buffer): Buffer {
  // Masks never make more than maskedValueBytesMax of it here.
  const head = text.length < 0xfb ? [text.length] : [0xfc, text.length & 0xff, text.length >>> 8];
  return Buffer.concat([Buffer.from(head), text]);
}

const NO_TEXT = Buffer.alloc(0);

class NullMask implements ColumnMask {
  readonly isNull = true;
  readonly constant = undefined;
  readonly fallback = NO_TEXT;
  readonly shape: ColumnShape;

  constructor(column: ColumnShape) {
    const lost = ColumnFlag.NOT_NULL | ColumnFlag.PRI_KEY | ColumnFlag.AUTO_INCREMENT;
    this.shape = { ...column, flags: column.flags & ~lost };
  }

  writeText(): void {}

  writeBinary(): void {}
}

/** Keeps the type: the cells are numbers before and after. */
class NumberMask implements ColumnMask {
  readonly isNull = false;
  readonly constant = undefined;
  readonly fallback: Buffer;
  readonly shape: ColumnShape;
  readonly #spec: MaskSpec & { readonly kind: 'zero' | 'bucket' };

  constructor(spec: MaskSpec & { readonly kind: 'zero' | 'bucket' }, column: ColumnShape) {
    this.#spec = spec;
    this.shape = column;
    this.fallback = lenencText(Buffer.from('0'));
  }

  writeText(sink: ByteSink, bytes: Buffer, start: number, end: number): void {
    const text = this.#number(bytes.toString('latin1', start, end));
    sink.lenencBytes(Buffer.from(text, 'latin1'));
  }

  writeBinary(sink: ByteSink, bytes: Buffer, start: number, end: number): void {
    writeBinaryNumber(sink, this.shape, this.#number(binaryCellText(this.shape, bytes, start, end)));
  }

  #number(text: string): string {
    const { type, decimals } = this.shape;
    const whole = (this.#spec.kind === 'zero' ? '0' : bucket(text, this.#spec.size)) ?? '0';
    const scaled = (type === ColumnType.NEWDECIMAL || type === ColumnType.DECIMAL) && decimals > 0 && decimals <= 38;
    return scaled ? `${whole}.${'0'.repeat(decimals)}` : whole;
  }
}

class DateMask implements ColumnMask {
  readonly isNull = false;
  readonly constant = undefined;
  readonly fallback: Buffer;
  readonly shape: ColumnShape;
  readonly #to: 'year' | 'month';

  constructor(to: 'year' | 'month', column: ColumnShape) {
    this.#to = to;
    this.shape = column;
    this.fallback = lenencText(Buffer.from(ZERO_DATE));
  }

  writeText(sink: ByteSink, bytes: Buffer, start: number, end: number): void {
    const text = coarseDate(bytes.toString('latin1', start, end), this.#to);
    sink.lenencBytes(Buffer.from(text ?? ZERO_DATE, 'latin1'));
  }

  writeBinary(sink: ByteSink, bytes: Buffer, start: number, end: number): void {
    const text = coarseDate(binaryCellText(this.shape, bytes, start, end).slice(0, ZERO_DATE.length), this.#to);
    writeBinaryDate(sink, text ?? ZERO_DATE);
  }
}

const ZERO_DATE = '0000-00-00';

/** Makes a text of whatever it was. */
class TextMask implements ColumnMask {
  readonly isNull = false;
  readonly constant: Buffer | undefined;
  readonly fallback: Buffer;
  readonly shape: ColumnShape;
  readonly #spec: MaskSpec;
  readonly #column: ColumnShape;
  readonly #secrets: MaskSecrets;
  /** Of the cells as the server sends them; text of the binary protocol's numbers and dates is ASCII. */
  readonly #charset: CellCharset;
  readonly #staysText: boolean;

  constructor(spec: MaskSpec, column: ColumnShape, secrets: MaskSecrets) {
    this.#spec = spec;
    this.#column = column;
    this.#secrets = secrets;
    const isJson = column.type === ColumnType.JSON;
    this.#staysText = TEXTS.has(column.type);
    this.#charset = isJson ? 'utf8' : this.#staysText ? cellCharsetById(column.charset) : 'utf8';
    this.fallback = lenencText(encodeCell(FULL_TEXT, this.#charset));
    this.constant = this.#constantOf();
    this.shape = this.#shapeOf();
  }

  writeText(sink: ByteSink, bytes: Buffer, start: number, end: number): void {
    if (this.constant !== undefined) return sink.bytes(this.constant);
    if (end - start > maskedValueBytesMax) return sink.bytes(this.fallback);
    this.#write(sink, decodeCell(bytes, start, end, this.#charset));
  }

  writeBinary(sink: ByteSink, bytes: Buffer, start: number, end: number): void {
    if (this.constant !== undefined) return sink.bytes(this.constant);
    if (end - start > maskedValueBytesMax) return sink.bytes(this.fallback);
    if (this.#staysText || this.#column.type === ColumnType.JSON) return this.writeText(sink, bytes, start, end);
    this.#write(sink, binaryCellText(this.#column, bytes, start, end));
  }

  #write(sink: ByteSink, text: string | undefined): void {
    const masked = text === undefined ? undefined : maskText(this.#spec, text, this.#secrets);
    if (masked === undefined) return sink.bytes(this.fallback);
    sink.lenencBytes(encodeCell(masked, this.#charset));
  }

  #constantOf(): Buffer | undefined {
    const spec = this.#spec;
    if (spec.kind === 'fixed') return lenencText(encodeCell(spec.text, this.#charset));
    if (spec.kind === 'full' && spec.length !== 'same') {
      return lenencText(encodeCell(spec.char.repeat(spec.length), this.#charset));
    }
    // Bytes that are no characters have no parts to keep, and no length that is nobody's business.
    const isBytes = this.#column.charset === BINARY_COLLATION && this.#staysText;
    const isOther = !this.#staysText && !isTextual(this.#column.type);
    const known = this.#charset !== 'opaque' && !isOther && (!isBytes || spec.kind === 'hash');
    return known ? undefined : this.fallback;
  }

  #shapeOf(): ColumnShape {
    const column = this.#column;
    const length = Math.max(column.length, 4 * FULL_MASK_CHARS, this.#bytesMax());
    const flags = column.flags & STILL_TRUE_FLAGS;
    if (!this.#staysText) {
      return { type: ColumnType.VAR_STRING, charset: TEXT_COLLATION, length: 4 * length, flags, decimals: 0 };
    }
    const kept = column.flags & (STILL_TRUE_FLAGS | ColumnFlag.BLOB | ColumnFlag.BINARY);
    const wasList = (column.flags & (ColumnFlag.ENUM | ColumnFlag.SET)) !== 0;
    return { ...column, type: wasList ? ColumnType.VAR_STRING : column.type, length, flags: kept };
  }

  /** Bytes of what the mask makes, where that does not depend on the value. */
  #bytesMax(): number {
    const spec = this.#spec;
    const chars =
      spec.kind === 'fixed'
        ? spec.text.length
        : spec.kind === 'full' && spec.length !== 'same'
          ? spec.length
          : spec.kind === 'hash'
            ? spec.length
            : spec.kind === 'regex'
              ? MASK_TEXT_CHARS_MAX
              : 4;
    return Math.min(0xffff_ffff, chars * bytesPerChar(this.#charset));
  }
}

/** Types whose values have a text although they are none. */
function isTextual(type: number): boolean {
  return NUMBERS.has(type) || DATES.has(type) || type === ColumnType.TIME || type === ColumnType.JSON;
}
