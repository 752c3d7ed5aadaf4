/**
 * Encodes a result set the proxy makes itself (admin, stats, rules that answer), in the text protocol. It does not
 * decode rows: nothing on the data path does.
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html
 */
import { EOF_HEADER, writeEof, writeOk } from './ok-err-eof.ts';
import type { PacketReader } from './packet-reader.ts';
import type { PacketWriter } from './packet-writer.ts';
import { StatusFlag } from './status-flags.ts';

const NULL_CELL = 0xfb;
const CATALOG = 'def';
/** Length of the fixed fields that end a column definition. */
const FIXED_FIELDS_BYTES = 0x0c;

export interface ColumnDefinition {
  readonly name: string;
  /** A `ColumnType`; numbers of newer servers pass too. */
  readonly type: number;
  /** Collation id. */
  readonly charset: number;
  /** Maximum length in bytes, as the manual's `column_length`. */
  readonly length: number;
  /** Bits of `ColumnFlag`. */
  readonly flags: number;
  readonly decimals: number;
  readonly schema?: string;
  readonly table?: string;
  readonly orgTable?: string;
  readonly orgName?: string;
}

/** A text cell: `null` is NULL. */
export type TextCell = string | Buffer | null;

export interface ResultsetEnd {
  readonly statusFlags: number;
  readonly warnings?: number;
  /** The client has CLIENT_DEPRECATE_EOF. */
  readonly deprecateEof: boolean;
  /** Another result follows in the same answer. */
  readonly moreResults?: boolean;
}

export interface TextResultset extends ResultsetEnd {
  readonly columns: readonly ColumnDefinition[];
  readonly rows: readonly (readonly TextCell[])[];
}

/** Writes a whole result set; returns the next sequence id. */
export function writeTextResultset(writer: PacketWriter, sequenceId: number, result: TextResultset): number {
  let next = writeResultsetHead(writer, sequenceId, result.columns, result);
  for (const row of result.rows) next = writeTextRow(writer, next, row);
  return writeResultsetEnd(writer, next, result);
}

/** Writes what precedes the rows, text or binary; returns the next sequence id. */
export function writeResultsetHead(
  writer: PacketWriter,
  sequenceId: number,
  columns: readonly ColumnDefinition[],
  end: ResultsetEnd,
): number {
  let next = writer.begin(sequenceId).lenencInt(columns.length).end();
  for (const column of columns) next = writeColumnDefinition(writer, next, column);
  return end.deprecateEof ? next : writeEof(writer, next, statusOf(end), end.warnings ?? 0);
}

/** Writes one row of the text protocol; returns the next sequence id. */
export function writeTextRow(writer: PacketWriter, sequenceId: number, cells: readonly TextCell[]): number {
  writer.begin(sequenceId);
  for (const cell of cells) {
    if (cell === null) writer.u8(NULL_CELL);
    else if (typeof cell === 'string') writer.lenencString(cell);
    else writer.lenencBytes(cell);
  }
  return writer.end();
}

/** Writes what follows the rows, text or binary; returns the next sequence id. */
export function writeResultsetEnd(writer: PacketWriter, sequenceId: number, end: ResultsetEnd): number {
  const warnings = end.warnings ?? 0;
  if (!end.deprecateEof) return writeEof(writer, sequenceId, statusOf(end), warnings);
  return writeOk(writer, sequenceId, { header: EOF_HEADER, statusFlags: statusOf(end), warnings });
}

/** Writes one column definition packet; returns the next sequence id. */
export function writeColumnDefinition(writer: PacketWriter, sequenceId: number, column: ColumnDefinition): number {
  return writer
    .begin(sequenceId)
    .lenencString(CATALOG)
    .lenencString(column.schema ?? '')
    .lenencString(column.table ?? '')
    .lenencString(column.orgTable ?? '')
    .lenencString(column.name)
    .lenencString(column.orgName ?? '')
    .lenencInt(FIXED_FIELDS_BYTES)
    .u16(column.charset)
    .u32(column.length)
    .u8(column.type)
    .u16(column.flags)
    .u8(column.decimals)
    .zeros(2)
    .end();
}

/**
 * Reads a column definition packet the reader stands at.
 * @throws MalformedPacket
 */
export function readColumnDefinition(reader: PacketReader): ColumnDefinition {
  reader.lenencBytes(); // catalog, always "def"
  const schema = reader.lenencString();
  const table = reader.lenencString();
  const orgTable = reader.lenencString();
  const name = reader.lenencString();
  const orgName = reader.lenencString();
  reader.lenencInt();
  const charset = reader.u16();
  const length = reader.u32();
  const type = reader.u8();
  const flags = reader.u16();
  return { name, type, charset, length, flags, decimals: reader.u8(), schema, table, orgTable, orgName };
}

function statusOf(end: ResultsetEnd): number {
  return end.moreResults === true ? end.statusFlags | StatusFlag.MORE_RESULTS_EXISTS : end.statusFlags;
}
