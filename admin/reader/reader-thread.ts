/**
 * The inside of the reader thread: a database of its own for every statement, filled with the rows that come, the
 * statement run on it, and the answer encoded. It asks nobody for rows and keeps nothing between statements.
 */
import { parentPort } from 'node:worker_threads';
import type { Database } from 'better-sqlite3';
import { packedRowsOf, unpackRow } from '../../runtime/packed-rows.ts';
import { PacketWriter } from '../../src/protocol/packet-writer.ts';
import { writeResultsetEnd, writeResultsetHead, writeTextRow } from '../../src/protocol/text-resultset.ts';
import { readRows, SqlRefused } from '../db/execute.ts';
import { openReaderDatabase } from '../db/open-reader.ts';
import { parseSchema, readSchemaFile } from '../db/schema.ts';
import { ADMIN_STATUS, columnDefinition } from '../session/encode-reply.ts';
import type { FromReader, ToReader } from './messages.ts';

/** Bytes of an answer that are handed over at a time. */
const CHUNK_BYTES = 256 * 1024;

interface Reading {
  readonly db: Database;
  /** By table. */
  readonly insert: ReadonlyMap<string, (packed: string) => void>;
}

const objects = parseSchema(readSchemaFile());
const readings = new Map<number, Reading>();

parentPort?.on('message', (message: ToReader) => {
  switch (message.kind) {
    case 'open':
      return open(message);
    case 'rows':
      return readings.get(message.id)?.insert.get(message.table)?.(message.packed);
    case 'run':
      return run(message.id, message.sql);
    case 'drop':
      return drop(message.id);
  }
});

function open({ id, role, tables, memory }: Extract<ToReader, { kind: 'open' }>): void {
  try {
    const db = openReaderDatabase(objects, role, tables, memory);
    const insert = tables.map((table): [string, (packed: string) => void] => [
      table.name,
      inserter(db, role === 'stats' ? 'main' : table.schema, table.name),
    ]);
    readings.set(id, { db, insert: new Map(insert) });
  } catch (error) {
    // Only an image that an operator has spoilt with PRAGMA writable_schema; the rows to come find nobody.
    refuse(id, error);
  }
}

/** Several workers may have seen the same digest: what they counted is put together. */
const MERGE_DIGESTS = `ON CONFLICT DO UPDATE SET count_star=count_star+excluded.count_star,
  first_seen=min(first_seen, excluded.first_seen), last_seen=max(last_seen, excluded.last_seen),
  sum_time=sum_time+excluded.sum_time, min_time=min(min_time, excluded.min_time),
  max_time=max(max_time, excluded.max_time), sum_rows_affected=sum_rows_affected+excluded.sum_rows_affected,
  sum_rows_sent=sum_rows_sent+excluded.sum_rows_sent`;

function inserter(db: Database, schema: string, table: string): (packed: string) => void {
  const columns = db.prepare('SELECT COUNT(*) FROM pragma_table_info(?, ?)').pluck().get(table, schema) as number;
  const marks = Array.from({ length: columns }, () => '?').join(', ');
  const merge = table.startsWith('stats_mysql_query_digest') ? MERGE_DIGESTS : '';
  const insert = db.prepare<string[]>(`INSERT INTO ${schema}.${table} VALUES (${marks}) ${merge}`);
  const all = db.transaction((packed: string) => {
    // Numbers come as text; the types of the columns make them numbers again.
    for (const row of packedRowsOf(packed)) insert.run(...unpackRow(row));
  });
  return (packed) => void all(packed);
}

function run(id: number, sql: string): void {
  const reading = readings.get(id);
  if (reading === undefined) return;
  try {
    const { columns, rows } = readRows(reading.db, sql);
    const writer = new PacketWriter();
    const end = { statusFlags: ADMIN_STATUS, deprecateEof: false };
    let next = writeResultsetHead(writer, 1, columns.map(columnDefinition), end);
    for (const row of rows) {
      next = writeTextRow(writer, next, row);
      if (writer.byteLength >= CHUNK_BYTES) sendChunk(id, writer);
    }
    writeResultsetEnd(writer, next, end);
    sendChunk(id, writer);
    send({ kind: 'done', id, columns });
  } catch (error) {
    refuse(id, error);
  } finally {
    drop(id);
  }
}

function refuse(id: number, error: unknown): void {
  const refused = error instanceof SqlRefused ? error : new SqlRefused(String(error), 'SQLITE_ERROR', error);
  send({ kind: 'refused', id, message: refused.message, code: refused.code });
}

function drop(id: number): void {
  readings.get(id)?.db.close();
  readings.delete(id);
}

function sendChunk(id: number, writer: PacketWriter): void {
  // A copy in memory of its own, which changes hands without another copy.
  const bytes = new Uint8Array(writer.take());
  parentPort?.postMessage({ kind: 'chunk', id, bytes } satisfies FromReader, [bytes.buffer]);
}

function send(message: FromReader): void {
  parentPort?.postMessage(message);
}
