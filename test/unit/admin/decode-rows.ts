/**
 * The cells of rows that a reader process encoded as text.
 */

import type { EncodedRows } from '../../../admin/reader/large-reader.ts';
import { HEADER_BYTES } from '../../../src/protocol/framer.ts';
import { PacketReader } from '../../../src/protocol/packet-reader.ts';

const NULL_CELL = 0xfb;
const EOF = 0xfe;
const EOF_BYTES_MAX = 8;

/** The rows of an answer, cell by cell; rows of 16 MB and more are beyond the reader thread. */
export function decodeRows({ columns, chunks }: EncodedRows): (string | null)[][] {
  const rows: (string | null)[][] = [];
  // The number of columns, their definitions and an EOF come first.
  let before = columns.length + 2;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const payload = chunk.subarray(at + HEADER_BYTES, at + HEADER_BYTES + chunk.readUIntLE(at, 3));
      at += HEADER_BYTES + payload.length;
      if (before > 0) before -= 1;
      else if (payload[0] !== EOF || payload.length > EOF_BYTES_MAX) rows.push(cellsOf(payload, columns.length));
    }
  }
  return rows;
}

function cellsOf(payload: Buffer, count: number): (string | null)[] {
  const reader = new PacketReader(payload);
  return Array.from({ length: count }, () => {
    if (reader.peek() !== NULL_CELL) return reader.lenencString();
    reader.u8();
    return null;
  });
}
