/**
 * Cells of the binary protocol: how long they are, what text they are, and how numbers and dates are written back. Pure.
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
 */
import { ColumnFlag, ColumnType } from '../protocol/column-types.ts';
import type { ByteSink } from './byte-sink.ts';

/** What of a column definition says how its cells are read. */
export interface BinaryShape {
  readonly type: number;
  readonly flags: number;
}

/** Bytes of a cell of this type; 0 for those that carry their length in front (one byte for dates and times). */
export function fixedBytes(type: number): number {
  switch (type) {
    case ColumnType.TINY:
      return 1;
    case ColumnType.SHORT:
    case ColumnType.YEAR:
      return 2;
    case ColumnType.LONG:
    case ColumnType.INT24:
    case ColumnType.FLOAT:
      return 4;
    case ColumnType.LONGLONG:
    case ColumnType.DOUBLE:
      return 8;
    default:
      return 0;
  }
}

const two = (value: number): string => String(value).padStart(2, '0');

/** The text a text result would carry, near enough to be masked; `bytes[start, end)` is the value without its length. */
export function binaryCellText(column: BinaryShape, bytes: Buffer, start: number, end: number): string {
  const unsigned = (column.flags & ColumnFlag.UNSIGNED) !== 0;
  switch (column.type) {
    case ColumnType.TINY:
      return String(unsigned ? bytes.readUInt8(start) : bytes.readInt8(start));
    case ColumnType.SHORT:
      return String(unsigned ? bytes.readUInt16LE(start) : bytes.readInt16LE(start));
    case ColumnType.YEAR:
      return String(bytes.readUInt16LE(start)).padStart(4, '0');
    case ColumnType.LONG:
    case ColumnType.INT24:
      return String(unsigned ? bytes.readUInt32LE(start) : bytes.readInt32LE(start));
    case ColumnType.LONGLONG:
      return String(unsigned ? bytes.readBigUInt64LE(start) : bytes.readBigInt64LE(start));
    case ColumnType.FLOAT:
      // Six digits are what a server prints of it.
      return String(Number(bytes.readFloatLE(start).toPrecision(6)));
    case ColumnType.DOUBLE:
      return String(bytes.readDoubleLE(start));
    case ColumnType.DATE:
    case ColumnType.NEWDATE:
    case ColumnType.DATETIME:
    case ColumnType.TIMESTAMP:
      return dateText(column.type, bytes, start, end);
    case ColumnType.TIME:
      return timeText(bytes, start, end);
    default:
      return bytes.toString('latin1', start, end);
  }
}

function dateText(type: number, bytes: Buffer, start: number, end: number): string {
  const length = end - start;
  const year = length >= 4 ? bytes.readUInt16LE(start) : 0;
  const month = length >= 4 ? (bytes[start + 2] ?? 0) : 0;
  const day = length >= 4 ? (bytes[start + 3] ?? 0) : 0;
  const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
  if (type === ColumnType.DATE || type === ColumnType.NEWDATE) return date;
  const [h = 0, m = 0, s = 0] = length >= 7 ? bytes.subarray(start + 4, start + 7) : [];
  const micros = length >= 11 ? `.${String(bytes.readUInt32LE(start + 7)).padStart(6, '0')}` : '';
  return `${date} ${two(h)}:${two(m)}:${two(s)}${micros}`;
}

function timeText(bytes: Buffer, start: number, end: number): string {
  if (end - start < 8) return '00:00:00';
  const hours = 24 * bytes.readUInt32LE(start + 1) + (bytes[start + 5] ?? 0);
  const micros = end - start >= 12 ? `.${String(bytes.readUInt32LE(start + 8)).padStart(6, '0')}` : '';
  return `${bytes[start] === 1 ? '-' : ''}${two(hours)}:${two(bytes[start + 6] ?? 0)}:${two(bytes[start + 7] ?? 0)}${micros}`;
}

/** Writes a number as a cell of that type; one that does not fit becomes 0. */
export function writeBinaryNumber(sink: ByteSink, column: BinaryShape, text: string): void {
  const bytes = fixedBytes(column.type);
  if (bytes === 0) return sink.lenencBytes(Buffer.from(text, 'latin1'));
  sink.reserve(bytes);
  const { buffer, at } = sink;
  if (column.type === ColumnType.FLOAT) buffer.writeFloatLE(Number(text), at);
  else if (column.type === ColumnType.DOUBLE) buffer.writeDoubleLE(Number(text), at);
  else {
    const unsigned = (column.flags & ColumnFlag.UNSIGNED) !== 0 || column.type === ColumnType.YEAR;
    const bits = 8 * bytes;
    const value = BigInt(text);
    const fits = (unsigned ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value)) === value;
    let rest = BigInt.asUintN(bits, fits ? value : 0n);
    for (let i = 0; i < bytes; i += 1) {
      buffer[at + i] = Number(rest & 0xffn);
      rest >>= 8n;
    }
  }
  sink.at += bytes;
}

/** Writes `YYYY-MM-DD` as a DATE, which also is a DATETIME at midnight. */
export function writeBinaryDate(sink: ByteSink, date: string): void {
  const year = Number(date.slice(0, 4));
  if (year === 0) return sink.u8(0);
  sink.u8(4);
  sink.u8(year & 0xff);
  sink.u8(year >>> 8);
  sink.u8(Number(date.slice(5, 7)));
  sink.u8(Number(date.slice(8, 10)));
}
