/**
 * The packets of prepared statements: PREPARE_OK, EXECUTE and its parameters, and the statement id all of them carry.
 * It keeps no statements.
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase_ps.html
 */
import { ColumnType } from './column-types.ts';
import { OK_HEADER, writeEof } from './ok-err-eof.ts';
import { MalformedPacket, PacketReader } from './packet-reader.ts';
import type { PacketWriter } from './packet-writer.ts';
import { type ColumnDefinition, writeColumnDefinition } from './text-resultset.ts';

/** Where the id lies in the payload of COM_STMT_* and of PREPARE_OK: behind the first byte. */
const STATEMENT_ID_AT = 1;
const STATEMENT_ID_BYTES = 4;
const TYPE_BYTES = 2;
/** In the second byte of a parameter's type. */
const UNSIGNED = 0x80;

export interface PrepareOk {
  readonly statementId: number;
  readonly columnCount: number;
  readonly paramCount: number;
  readonly warnings: number;
}

/**
 * Decodes a PREPARE_OK packet from `buffer[start, end)`.
 * @throws MalformedPacket
 */
export function decodePrepareOk(buffer: Buffer, start: number, end: number): PrepareOk {
  const reader = new PacketReader(buffer, start, end);
  if (reader.u8() !== OK_HEADER) throw new MalformedPacket('not a PREPARE_OK');
  const statementId = reader.u32();
  const columnCount = reader.u16();
  const paramCount = reader.u16();
  reader.skip(1);
  return { statementId, columnCount, paramCount, warnings: reader.u16() };
}

export interface Prepared {
  readonly statementId: number;
  readonly params: readonly ColumnDefinition[];
  readonly columns: readonly ColumnDefinition[];
  readonly statusFlags: number;
  readonly warnings?: number;
  /** The client has CLIENT_DEPRECATE_EOF. */
  readonly deprecateEof: boolean;
}

/** Writes the whole answer to COM_STMT_PREPARE; returns the next sequence id. */
export function writePrepareOk(writer: PacketWriter, sequenceId: number, prepared: Prepared): number {
  let next = writer
    .begin(sequenceId)
    .u8(OK_HEADER)
    .u32(prepared.statementId)
    .u16(prepared.columns.length)
    .u16(prepared.params.length)
    .u8(0)
    .u16(prepared.warnings ?? 0)
    .end();
  for (const definitions of [prepared.params, prepared.columns]) {
    if (definitions.length === 0) continue;
    for (const definition of definitions) next = writeColumnDefinition(writer, next, definition);
    if (!prepared.deprecateEof) next = writeEof(writer, next, prepared.statusFlags);
  }
  return next;
}

/**
 * The statement id of a COM_STMT_* command whose payload is `buffer[start, end)`.
 * @throws MalformedPacket when the payload ends before it
 */
export function readStatementId(buffer: Buffer, start: number, end: number): number {
  if (end - start < STATEMENT_ID_AT + STATEMENT_ID_BYTES) throw new MalformedPacket('command without a statement id');
  return buffer.readUInt32LE(start + STATEMENT_ID_AT);
}

/** Writes another statement id into a COM_STMT_* command, or a PREPARE_OK, in place. */
export function patchStatementId(buffer: Buffer, payloadStart: number, statementId: number): void {
  buffer.writeUInt32LE(statementId, payloadStart + STATEMENT_ID_AT);
}

/** COM_STMT_EXECUTE as far as it can be decoded without knowing the types of the parameters. */
export interface ExecuteRequest {
  readonly statementId: number;
  /** Cursor type. */
  readonly flags: number;
  readonly iterations: number;
  /** One bit per parameter. */
  readonly nullBitmap: Buffer;
  readonly newParamsBound: boolean;
  /** Two bytes per parameter; `undefined`: those of the execution before hold. */
  readonly types: Buffer | undefined;
  readonly values: Buffer;
}

/**
 * Decodes COM_STMT_EXECUTE, command byte included, of a statement with `paramCount` parameters. The byte fields are
 * views of `buffer`.
 * @throws MalformedPacket
 */
export function decodeExecute(buffer: Buffer, start: number, end: number, paramCount: number): ExecuteRequest {
  const reader = new PacketReader(buffer, start, end);
  reader.skip(1);
  const statementId = reader.u32();
  const flags = reader.u8();
  const iterations = reader.u32();
  const nullBitmap = reader.bytes(paramCount === 0 ? 0 : (paramCount + 7) >> 3);
  const newParamsBound = paramCount > 0 && reader.u8() === 1;
  const types = newParamsBound ? reader.bytes(paramCount * TYPE_BYTES) : undefined;
  return { statementId, flags, iterations, nullBitmap, newParamsBound, types, values: reader.rest() };
}

/** A bound value: dates and times as text, BLOBs and DECIMALs as their bytes and text. */
export type ParamValue = number | bigint | string | Buffer | null;

/**
 * The values of an execution. `types` are those of the request or, when it has none, the ones it had before.
 * `longData(index)` gives what COM_STMT_SEND_LONG_DATA brought for a parameter; such a parameter has no value here.
 * @throws MalformedPacket
 */
export function readExecuteParams(
  request: ExecuteRequest,
  types: Buffer,
  longData: (index: number) => Buffer | undefined = () => undefined,
): ParamValue[] {
  const reader = new PacketReader(request.values);
  const values: ParamValue[] = [];
  for (let index = 0; index * TYPE_BYTES < types.length; index++) {
    const type = types[index * TYPE_BYTES]!;
    const unsigned = (types[index * TYPE_BYTES + 1]! & UNSIGNED) !== 0;
    const sent = longData(index);
    if (sent !== undefined) values.push(isBlob(type) ? sent : sent.toString());
    else if (((request.nullBitmap[index >> 3] ?? 0) & (1 << (index & 7))) !== 0) values.push(null);
    else values.push(readValue(reader, type, unsigned));
  }
  return values;
}

function readValue(reader: PacketReader, type: number, unsigned: boolean): ParamValue {
  switch (type) {
    case ColumnType.NULL:
      return null;
    case ColumnType.TINY:
      return unsigned ? reader.u8() : (reader.u8() << 24) >> 24;
    case ColumnType.SHORT:
    case ColumnType.YEAR:
      return unsigned ? reader.u16() : (reader.u16() << 16) >> 16;
    case ColumnType.LONG:
    case ColumnType.INT24:
      return unsigned ? reader.u32() : reader.u32() | 0;
    case ColumnType.LONGLONG:
      return unsigned ? reader.u64() : signed64(reader.u64());
    case ColumnType.FLOAT:
      return reader.bytes(4).readFloatLE();
    case ColumnType.DOUBLE:
      return reader.bytes(8).readDoubleLE();
    case ColumnType.DATE:
    case ColumnType.DATETIME:
    case ColumnType.TIMESTAMP:
      return readDateTime(reader, type === ColumnType.DATE);
    case ColumnType.TIME:
      return readTime(reader);
    default:
      return isBlob(type) ? Buffer.from(reader.lenencBytes()) : reader.lenencString();
  }
}

function signed64(value: number | bigint): number | bigint {
  if (typeof value === 'number') return value;
  const signed = BigInt.asIntN(64, value);
  return signed >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(signed) : signed;
}

function isBlob(type: number): boolean {
  return type >= ColumnType.TINY_BLOB && type <= ColumnType.BLOB;
}

/** `YYYY-MM-DD`, with ` hh:mm:ss` and `.ffffff` as far as they were sent; the length byte is 0, 4, 7 or 11. */
function readDateTime(reader: PacketReader, dateOnly: boolean): string {
  const bytes = reader.u8();
  if (bytes === 0) return dateOnly ? '0000-00-00' : '0000-00-00 00:00:00';
  const date = `${pad(reader.u16(), 4)}-${pad(reader.u8(), 2)}-${pad(reader.u8(), 2)}`;
  if (bytes < 7) return dateOnly ? date : `${date} 00:00:00`;
  const time = readClock(reader);
  return `${date} ${time}${bytes < 11 ? '' : `.${pad(reader.u32(), 6)}`}`;
}

/** `[-]hhh:mm:ss[.ffffff]`; the length byte is 0, 8 or 12. */
function readTime(reader: PacketReader): string {
  const bytes = reader.u8();
  if (bytes === 0) return '00:00:00';
  const sign = reader.u8() === 0 ? '' : '-';
  const hours = reader.u32() * 24 + reader.u8();
  const rest = `${pad(reader.u8(), 2)}:${pad(reader.u8(), 2)}`;
  return `${sign}${pad(hours, 2)}:${rest}${bytes < 12 ? '' : `.${pad(reader.u32(), 6)}`}`;
}

function readClock(reader: PacketReader): string {
  return `${pad(reader.u8(), 2)}:${pad(reader.u8(), 2)}:${pad(reader.u8(), 2)}`;
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}
