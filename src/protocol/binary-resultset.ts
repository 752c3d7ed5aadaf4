/**
 * Encodes result sets of prepared statements that the embedded servers answer, in the binary protocol. It knows the
 * few column types they use: LONGLONG, DOUBLE, NULL, and everything else as a length-encoded string.
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
 */
import { ColumnType } from './column-types.ts';
import { OK_HEADER } from './ok-err-eof.ts';
import type { PacketWriter } from './packet-writer.ts';
import { type ColumnDefinition, type ResultsetEnd, writeResultsetEnd, writeResultsetHead } from './text-resultset.ts';

/** The first two bits of a row's NULL bitmap are not used. */
const NULL_BITMAP_OFFSET = 2;

export type BinaryCell = number | bigint | string | Buffer | null;

export interface BinaryResultset extends ResultsetEnd {
  readonly columns: readonly ColumnDefinition[];
  readonly rows: readonly (readonly BinaryCell[])[];
}

/** Writes a whole result set; returns the next sequence id. */
export function writeBinaryResultset(writer: PacketWriter, sequenceId: number, result: BinaryResultset): number {
  let next = writeResultsetHead(writer, sequenceId, result.columns, result);
  for (const row of result.rows) next = writeBinaryRow(writer, next, result.columns, row);
  return writeResultsetEnd(writer, next, result);
}

/** Writes one row; a cell is encoded as its column's type says. Returns the next sequence id. */
export function writeBinaryRow(
  writer: PacketWriter,
  sequenceId: number,
  columns: readonly ColumnDefinition[],
  cells: readonly BinaryCell[],
): number {
  writer.begin(sequenceId).u8(OK_HEADER).bytes(nullBitmap(columns, cells));
  columns.forEach((column, index) => {
    const cell = cells[index] ?? null;
    if (cell === null || column.type === ColumnType.NULL) return;
    if (column.type === ColumnType.LONGLONG) writer.u64(typeof cell === 'bigint' ? cell : BigInt(Number(cell)));
    else if (column.type === ColumnType.DOUBLE) writer.f64(Number(cell));
    else if (Buffer.isBuffer(cell)) writer.lenencBytes(cell);
    else writer.lenencString(String(cell));
  });
  return writer.end();
}

function nullBitmap(columns: readonly ColumnDefinition[], cells: readonly BinaryCell[]): Buffer {
  const bitmap = Buffer.alloc((columns.length + NULL_BITMAP_OFFSET + 7) >> 3);
  columns.forEach((column, index) => {
    if ((cells[index] ?? null) !== null && column.type !== ColumnType.NULL) return;
    const bit = index + NULL_BITMAP_OFFSET;
    bitmap[bit >> 3] = bitmap[bit >> 3]! | (1 << (bit & 7));
  });
  return bitmap;
}
