/**
 * Small questions of ours to a server and their answers as rows of text: for what the proxy itself wants to know, never
 * for what a client asked. It opens no connection and keeps none.
 */
import type { BackendConnection } from '../backend/backend-connection.ts';
import { commandFrame } from '../protocol/command-frame.ts';
import { Command } from '../protocol/commands.ts';
import type { ProtocolError } from '../protocol/errors.ts';
import { HEADER_BYTES, MAX_FRAME_BYTES } from '../protocol/framer.ts';
import { PacketReader } from '../protocol/packet-reader.ts';

const NULL_CELL = 0xfb;

export type TextRow = readonly (string | null)[];

/** The server answered with an error, or the connection was lost. */
export class QueryFailed extends Error {
  override readonly name = 'QueryFailed';
  readonly code: number;

  constructor(error: ProtocolError) {
    super(error.message);
    this.code = error.code;
  }
}

/**
 * The rows of one SELECT, in utf8. The connection must have been opened without CLIENT_MULTI_RESULTS.
 * @throws QueryFailed
 */
export function readRows(connection: BackendConnection, sql: string): Promise<readonly TextRow[]> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    connection.send(commandFrame(Command.COM_QUERY, sql), 'query', {
      answerBytes(chunk) {
        chunks.push(Buffer.from(chunk));
        return true;
      },
      answerDone(_connection, walker) {
        if (walker.error !== undefined) reject(new QueryFailed(walker.error));
        else resolve(rowsOf(Buffer.concat(chunks), walker.columns, walker.rows));
      },
      answerLost: (_connection, error) => reject(new QueryFailed(error)),
    });
  });
}

function rowsOf(answer: Buffer, columns: number, count: number): TextRow[] {
  const rows: TextRow[] = [];
  let at = 0;
  const packets: Buffer[] = [];
  while (at < answer.length) {
    let payload: Buffer | undefined;
    let bytes: number;
    do {
      bytes = answer.readUIntLE(at, 3);
      const part = answer.subarray(at + HEADER_BYTES, at + HEADER_BYTES + bytes);
      payload = payload === undefined ? part : Buffer.concat([payload, part]);
      at += HEADER_BYTES + bytes;
    } while (bytes === MAX_FRAME_BYTES);
    packets.push(payload);
  }
  // The last packet ends the rows; those before it are they, whatever stands before them.
  for (const payload of packets.slice(-1 - count, -1)) {
    const reader = new PacketReader(payload);
    const row: (string | null)[] = [];
    for (let left = columns; left > 0; left -= 1) {
      if (reader.peek() === NULL_CELL) {
        reader.u8();
        row.push(null);
      } else row.push(reader.lenencString());
    }
    rows.push(row);
  }
  return rows;
}
