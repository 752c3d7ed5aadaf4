/**
 * Column definitions of a result as masking reads them: where the server says a column comes from, and the few fields
 * that change with its mask, at their place in the packet. Names stay bytes: they are in the client's character set.
 */
import { MalformedPacket, PacketReader } from '../protocol/packet-reader.ts';
import type { ColumnShape } from './column-mask.ts';

export interface ResultColumn extends ColumnShape {
  readonly schema: Buffer;
  readonly table: Buffer;
  readonly orgTable: Buffer;
  readonly name: Buffer;
  readonly orgName: Buffer;
  /** Index in the chunk of the fields from `charset` on; only valid while that chunk is at work. */
  readonly shapeAt: number;
  /** Index in the chunk of the end of the packet; the same. */
  readonly end: number;
}

/** Bytes of character set, length, type, flags, decimals and filler. */
const FIXED_FIELDS_BYTES = 12;

const reader = new PacketReader();

/**
 * Reads the definition whose payload is `chunk[start, end)`.
 * @throws MalformedPacket
 */
export function readDefinition(chunk: Buffer, start: number, end: number): ResultColumn {
  reader.reset(chunk, start, end);
  reader.skip(reader.lenencInt()); // catalog, always "def"
  const schema = Buffer.from(reader.lenencBytes());
  const table = Buffer.from(reader.lenencBytes());
  const orgTable = Buffer.from(reader.lenencBytes());
  const name = Buffer.from(reader.lenencBytes());
  const orgName = Buffer.from(reader.lenencBytes());
  if (reader.lenencInt() !== FIXED_FIELDS_BYTES) throw new MalformedPacket('a column definition of another kind');
  const shapeAt = reader.position;
  const charset = reader.u16();
  const length = reader.u32();
  const type = reader.u8();
  const flags = reader.u16();
  const decimals = reader.u8();
  return { schema, table, orgTable, name, orgName, charset, length, type, flags, decimals, shapeAt, end };
}

/** Writes the fields a mask changes over those of the definition. */
export function writeShape(chunk: Buffer, at: number, shape: ColumnShape): void {
  chunk.writeUInt16LE(shape.charset, at);
  chunk.writeUInt32LE(Math.min(shape.length, 0xffff_ffff), at + 2);
  chunk[at + 6] = shape.type;
  chunk.writeUInt16LE(shape.flags, at + 7);
  chunk[at + 9] = shape.decimals;
}
