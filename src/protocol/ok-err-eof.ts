/**
 * Encodes and decodes the three packets that end things: OK, ERR and EOF. It does not find them in a stream
 * (response-walker.ts does).
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_response_packets.html
 */
import { Capability, hasCapability } from './capabilities.ts';
import type { ProtocolError } from './errors.ts';
import { HEADER_BYTES } from './framer.ts';
import { MalformedPacket, PacketReader } from './packet-reader.ts';
import { PacketWriter } from './packet-writer.ts';
import { StatusFlag } from './status-flags.ts';

/** First payload bytes that tell the packets apart. 0xfe is also an OK when CLIENT_DEPRECATE_EOF is on. */
export const OK_HEADER = 0x00;
export const EOF_HEADER = 0xfe;
export const ERR_HEADER = 0xff;
export const LOCAL_INFILE_HEADER = 0xfb;

/** Type of an entry of session state. */
const SESSION_TRACK_SCHEMA = 0x01;
const SQL_STATE_MARKER = 0x23; // '#'
const SQL_STATE_BYTES = 5;
/** What stands for the SQL state when a server sends none. */
const UNKNOWN_SQL_STATE = 'HY000';

export interface OkFields {
  readonly affectedRows?: number | bigint;
  readonly lastInsertId?: number | bigint;
  readonly statusFlags: number;
  readonly warnings?: number;
  readonly info?: string;
  /** The schema is this one from now on: told to a client with CLIENT_SESSION_TRACK. */
  readonly trackedSchema?: string | undefined;
  /** EOF_HEADER makes it the OK that ends a result set under CLIENT_DEPRECATE_EOF. */
  readonly header?: typeof OK_HEADER | typeof EOF_HEADER;
}

export interface DecodedOk {
  readonly affectedRows: number | bigint;
  readonly lastInsertId: number | bigint;
  readonly statusFlags: number;
  readonly warnings: number;
  readonly info: string;
}

export interface DecodedEof {
  readonly warnings: number;
  readonly statusFlags: number;
}

/** Writes an OK packet; returns the next sequence id. */
export function writeOk(writer: PacketWriter, sequenceId: number, ok: OkFields): number {
  writer
    .begin(sequenceId)
    .u8(ok.header ?? OK_HEADER)
    .lenencInt(ok.affectedRows ?? 0)
    .lenencInt(ok.lastInsertId ?? 0)
    .u16(ok.trackedSchema === undefined ? ok.statusFlags : ok.statusFlags | StatusFlag.SESSION_STATE_CHANGED)
    .u16(ok.warnings ?? 0);
  // The manual says string<EOF> without CLIENT_SESSION_TRACK; servers send it length-encoded either way.
  if (ok.trackedSchema !== undefined) writer.lenencString(ok.info ?? '').lenencBytes(schemaChange(ok.trackedSchema));
  else if (ok.info !== undefined && ok.info !== '') writer.lenencString(ok.info);
  return writer.end();
}

/** Session state as OK packets carry it: entries of a type and length-encoded data, here SESSION_TRACK_SCHEMA. */
function schemaChange(schema: string): Buffer {
  const entry = new PacketWriter();
  entry.begin(0).lenencString(schema).end();
  const data = entry.take().subarray(HEADER_BYTES);
  entry.begin(0).u8(SESSION_TRACK_SCHEMA).lenencBytes(data).end();
  return entry.take().subarray(HEADER_BYTES);
}

/** Writes an ERR packet in the form of protocol 4.1; returns the next sequence id. */
export function writeErr(writer: PacketWriter, sequenceId: number, error: ProtocolError): number {
  return writer
    .begin(sequenceId)
    .u8(ERR_HEADER)
    .u16(error.code)
    .u8(SQL_STATE_MARKER)
    .string(error.sqlState.padEnd(SQL_STATE_BYTES, '0').slice(0, SQL_STATE_BYTES), 'latin1')
    .string(error.message)
    .end();
}

/** Writes an EOF packet; returns the next sequence id. */
export function writeEof(writer: PacketWriter, sequenceId: number, statusFlags: number, warnings = 0): number {
  return writer.begin(sequenceId).u8(EOF_HEADER).u16(warnings).u16(statusFlags).end();
}

/**
 * Decodes an OK packet, either header, from `buffer[start, end)`.
 * @throws MalformedPacket
 */
export function decodeOk(buffer: Buffer, start: number, end: number, capabilities: number): DecodedOk {
  const reader = new PacketReader(buffer, start, end);
  const header = reader.u8();
  if (header !== OK_HEADER && header !== EOF_HEADER) throw new MalformedPacket('not an OK packet');
  return {
    affectedRows: reader.lenencUint64(),
    lastInsertId: reader.lenencUint64(),
    statusFlags: reader.u16(),
    warnings: reader.u16(),
    info: readInfo(reader, hasCapability(capabilities, Capability.SESSION_TRACK)),
  };
}

/** Length-encoded as servers send it; taken whole where a server follows the manual instead. */
function readInfo(reader: PacketReader, sessionTrack: boolean): string {
  if (reader.remaining === 0) return '';
  const bytes = reader.peek();
  if (sessionTrack || bytes === reader.remaining - 1 || bytes >= 0xfb) return reader.lenencString();
  return reader.rest().toString();
}

/**
 * Decodes an ERR packet, with or without the SQL state of protocol 4.1, from `buffer[start, end)`.
 * @throws MalformedPacket
 */
export function decodeErr(buffer: Buffer, start: number, end: number): ProtocolError {
  const reader = new PacketReader(buffer, start, end);
  if (reader.u8() !== ERR_HEADER) throw new MalformedPacket('not an ERR packet');
  const code = reader.u16();
  let sqlState = UNKNOWN_SQL_STATE;
  if (reader.remaining > SQL_STATE_BYTES && reader.peek() === SQL_STATE_MARKER) {
    reader.skip(1);
    sqlState = reader.bytes(SQL_STATE_BYTES).toString('latin1');
  }
  return { code, sqlState, message: reader.rest().toString() };
}

/**
 * Decodes an EOF packet from `buffer[start, end)`.
 * @throws MalformedPacket
 */
export function decodeEof(buffer: Buffer, start: number, end: number): DecodedEof {
  const reader = new PacketReader(buffer, start, end);
  if (reader.u8() !== EOF_HEADER) throw new MalformedPacket('not an EOF packet');
  return { warnings: reader.u16(), statusFlags: reader.u16() };
}
