/**
 * Query attributes (CLIENT_QUERY_ATTRIBUTES, MySQL 8.0.23): named values that travel with COM_QUERY and COM_STMT_EXECUTE.
 * Here they are taken off, so that everything else sees commands as they are without them, and put back for a server.
 * It does not know what they mean. Where the capability is agreed on, both commands have another form even without any.
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query.html
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_stmt_execute.html
 */
import { ColumnType } from './column-types.ts';
import { commandFrame } from './command-frame.ts';
import { Command } from './commands.ts';
import { HEADER_BYTES, MAX_FRAME_BYTES } from './framer.ts';
import { MalformedPacket, PacketReader } from './packet-reader.ts';
import { PacketWriter } from './packet-writer.ts';

export interface QueryAttributes {
  /** Which are NULL, one entry for each. */
  readonly nulls: readonly boolean[];
  /** Type and name of each, as they came. */
  readonly types: Buffer;
  readonly values: Buffer;
}

/** What of a statement says how its command looks with attributes. */
export interface AttributeCarrier {
  readonly attributes?: QueryAttributes | undefined;
  readonly prepared?: { readonly paramCount: number } | undefined;
}

/** In the flags of COM_STMT_EXECUTE: the number of parameters follows though the statement has none. */
const PARAMETER_COUNT_AVAILABLE = 8;
const FLAGS_AT = 5;
/** Of a statement and its attributes together; MySQL's own limit. */
const PARAMETERS_MAX = 0xffff;
/** Of COM_STMT_EXECUTE: command, id, flags, iterations. */
const EXECUTE_HEAD_BYTES = 10;
const LENENC_BYTES_MAX = 9;

/**
 * Takes the attributes off a COM_QUERY; `buffer[start, end)` is what follows the command byte.
 * @throws MalformedPacket
 */
export function splitQuery(
  buffer: Buffer,
  start: number,
  end: number,
): { readonly text: Buffer; readonly attributes: QueryAttributes | undefined } {
  const reader = new PacketReader(buffer, start, end);
  const count = reader.lenencInt();
  if (reader.lenencInt() !== 1) throw new MalformedPacket('several sets of query attributes');
  const attributes = count === 0 ? undefined : readParameters(reader, count, 0, () => false).attributes;
  return { text: reader.rest(), attributes };
}

/**
 * Takes the attributes off a COM_STMT_EXECUTE, `buffer[start, end)`, of a statement with `paramCount` parameters.
 * @param sentAhead whether a parameter came by COM_STMT_SEND_LONG_DATA and has no value here
 * @returns the payload as it is without the capability
 * @throws MalformedPacket
 */
export function splitExecute(
  buffer: Buffer,
  start: number,
  end: number,
  paramCount: number,
  sentAhead: (index: number) => boolean,
): { readonly payload: Buffer; readonly attributes: QueryAttributes | undefined } {
  const reader = new PacketReader(buffer, start, end);
  const head = Buffer.from(reader.bytes(EXECUTE_HEAD_BYTES));
  const flags = head[FLAGS_AT] ?? 0;
  head[FLAGS_AT] = flags & ~PARAMETER_COUNT_AVAILABLE;
  if (paramCount === 0 && (flags & PARAMETER_COUNT_AVAILABLE) === 0) return { payload: head, attributes: undefined };
  const count = reader.lenencInt();
  if (count < paramCount) throw new MalformedPacket('parameters are missing');
  if (count === 0) return { payload: head, attributes: undefined };
  const { plain, attributes } = readParameters(reader, count, paramCount, sentAhead);
  return { payload: paramCount === 0 ? head : Buffer.concat([head, plain]), attributes };
}

/** Null bitmap, types and values of `count` parameters: the first `paramCount` are the statement's, the rest attributes. */
function readParameters(
  reader: PacketReader,
  count: number,
  paramCount: number,
  sentAhead: (index: number) => boolean,
): { readonly plain: Buffer; readonly attributes: QueryAttributes | undefined } {
  if (count > PARAMETERS_MAX) throw new MalformedPacket('too many parameters');
  const bitmap = reader.bytes((count + 7) >> 3);
  const isNull = (index: number): boolean => ((bitmap[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  const nullsOf = (from: number, to: number): boolean[] =>
    Array.from({ length: to - from }, (_, i) => isNull(from + i));
  const bound = reader.u8();
  if (bound !== 1) {
    if (count > paramCount) throw new MalformedPacket('attributes without types');
    return {
      plain: Buffer.concat([bitmapOf(nullsOf(0, paramCount)), Buffer.of(0), reader.rest()]),
      attributes: undefined,
    };
  }
  const kinds: number[] = [];
  const types: Buffer[] = [];
  const named: Buffer[] = [];
  for (let index = 0; index < count; index += 1) {
    const type = reader.bytes(2);
    const name = reader.lenencBytes();
    kinds.push(type[0] ?? 0);
    if (index < paramCount) types.push(type);
    else named.push(type, lenenc(name.length), name);
  }
  if (count === paramCount) {
    const plain = Buffer.concat([bitmapOf(nullsOf(0, count)), Buffer.of(1), ...types, reader.rest()]);
    return { plain, attributes: undefined };
  }
  const values = (from: number, to: number): Buffer[] => {
    const read: Buffer[] = [];
    for (let index = from; index < to; index += 1)
      if (!isNull(index) && !sentAhead(index)) read.push(readValue(reader, kinds[index] ?? 0));
    return read;
  };
  const own = values(0, paramCount);
  return {
    plain: Buffer.concat([bitmapOf(nullsOf(0, paramCount)), Buffer.of(1), ...types, ...own]),
    attributes: {
      nulls: nullsOf(paramCount, count),
      types: Buffer.concat(named),
      values: Buffer.concat(values(paramCount, count)),
    },
  };
}

/** The bytes of one value. */
function readValue(reader: PacketReader, type: number): Buffer {
  switch (type) {
    case ColumnType.NULL:
      return reader.bytes(0);
    case ColumnType.TINY:
      return reader.bytes(1);
    case ColumnType.SHORT:
    case ColumnType.YEAR:
      return reader.bytes(2);
    case ColumnType.LONG:
    case ColumnType.INT24:
    case ColumnType.FLOAT:
      return reader.bytes(4);
    case ColumnType.LONGLONG:
    case ColumnType.DOUBLE:
      return reader.bytes(8);
    case ColumnType.DATE:
    case ColumnType.DATETIME:
    case ColumnType.TIMESTAMP:
    case ColumnType.TIME: {
      const length = reader.u8();
      return Buffer.concat([Buffer.of(length), reader.bytes(length)]);
    }
    default: {
      const bytes = reader.lenencBytes();
      return Buffer.concat([lenenc(bytes.length), bytes]);
    }
  }
}

/**
 * The frame of a command for a server that was promised attributes, from the frame it has without.
 * @param frame header and all; of an EXECUTE with the types of its parameters
 */
export function withAttributes(frame: Buffer, carrier: AttributeCarrier | undefined): Buffer {
  switch (frame[HEADER_BYTES]) {
    case Command.COM_QUERY:
      return queryWith(payloadOf(frame), carrier?.attributes);
    case Command.COM_STMT_EXECUTE:
      return executeWith(payloadOf(frame), carrier?.prepared?.paramCount ?? 0, carrier?.attributes, frame);
    default:
      return frame;
  }
}

function queryWith(payload: Buffer, attributes: QueryAttributes | undefined): Buffer {
  const text = payload.subarray(1);
  const parts =
    attributes === undefined
      ? [Buffer.of(0, 1)]
      : [
          lenenc(attributes.nulls.length),
          Buffer.of(1),
          bitmapOf(attributes.nulls),
          Buffer.of(1),
          attributes.types,
          attributes.values,
        ];
  return commandFrame(Command.COM_QUERY, Buffer.concat([...parts, text]));
}

function executeWith(
  payload: Buffer,
  paramCount: number,
  attributes: QueryAttributes | undefined,
  frame: Buffer,
): Buffer {
  const added = attributes?.nulls.length ?? 0;
  if (paramCount + added === 0) return frame;
  const head = Buffer.from(payload.subarray(1, EXECUTE_HEAD_BYTES));
  head[FLAGS_AT - 1] = (head[FLAGS_AT - 1] ?? 0) | PARAMETER_COUNT_AVAILABLE;
  const nulls: boolean[] = [];
  const types: Buffer[] = [];
  const boundAt = EXECUTE_HEAD_BYTES + ((paramCount + 7) >> 3);
  for (let index = 0; index < paramCount; index += 1) {
    nulls.push(((payload[EXECUTE_HEAD_BYTES + (index >> 3)] ?? 0) & (1 << (index & 7))) !== 0);
    // Its name is empty: the statement knows it by its place.
    types.push(payload.subarray(boundAt + 1 + 2 * index, boundAt + 3 + 2 * index), Buffer.of(0));
  }
  const values = paramCount === 0 ? [] : [payload.subarray(boundAt + 1 + 2 * paramCount)];
  if (attributes !== undefined) {
    nulls.push(...attributes.nulls);
    types.push(attributes.types);
    values.push(attributes.values);
  }
  const parts = [head, lenenc(nulls.length), bitmapOf(nulls), Buffer.of(1), ...types, ...values];
  return commandFrame(Command.COM_STMT_EXECUTE, Buffer.concat(parts));
}

/** What is in a frame, or in several when it is long. */
function payloadOf(frame: Buffer): Buffer {
  if (frame.length < HEADER_BYTES + MAX_FRAME_BYTES) return frame.subarray(HEADER_BYTES);
  const parts: Buffer[] = [];
  for (let at = 0; at < frame.length; at += HEADER_BYTES + frame.readUIntLE(at, 3))
    parts.push(frame.subarray(at + HEADER_BYTES, at + HEADER_BYTES + frame.readUIntLE(at, 3)));
  return Buffer.concat(parts);
}

function bitmapOf(bits: readonly boolean[]): Buffer {
  const bytes = Buffer.alloc((bits.length + 7) >> 3);
  bits.forEach((bit, index) => {
    if (bit) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7));
  });
  return bytes;
}

function lenenc(value: number): Buffer {
  return new PacketWriter(LENENC_BYTES_MAX).lenencInt(value).take();
}
