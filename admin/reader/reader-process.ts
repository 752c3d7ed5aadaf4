/**
 * The inside of a reader process: a database of its own for every statement, filled with the rows that come, the statement
 * run on it, and the answer encoded. It asks nobody for rows and keeps nothing between statements.
 *
 * A process and not a thread, because nothing but the end of its process stops SQLite in the middle of a statement.
 */
import { setPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Database } from 'better-sqlite3';
import { packedRowsOf, unpackRow } from '../../runtime/packed-rows.ts';
import { writeBinaryRow } from '../../src/protocol/binary-resultset.ts';
import { PacketWriter } from '../../src/protocol/packet-writer.ts';
import { writeResultsetEnd, writeResultsetHead, writeTextRow } from '../../src/protocol/text-resultset.ts';
import { readRows, SqlRefused, tryStatement } from '../db/execute.ts';
import { openReaderDatabase } from '../db/open-reader.ts';
import type { SqlParameter } from '../db/parameters.ts';
import { quoteName } from '../db/program.ts';
import { ADMIN_STATUS, columnDefinition } from '../session/encode-reply.ts';
import { readerAnswerBytesMax, readerMemoryBytesMax } from './limits.ts';
import type { FromReader, RowSlice, TableName, ToReader } from './messages.ts';

/** Bytes of an answer that are handed over at a time. */
const CHUNK_BYTES = 256 * 1024;
/** Traffic goes first, and still a reader gets its share of a busy machine. */
const NICE = 5;

let db: Database | undefined;
const inserters = new Map<string, (slice: RowSlice) => void>();

process.on('message', (message: ToReader) => {
  switch (message.kind) {
    case 'open':
      return refusing(() => {
        close();
        db = openReaderDatabase(message.schemas, message.definitions);
      });
    case 'clear':
      return refusing(() => void db?.exec(`DELETE FROM ${quoted(message)}`));
    case 'rows':
      return refusing(() => insert(message, message.slice));
    case 'run':
      refusing(() => run(message));
      return close();
    case 'try':
      refusing(() => attempt(message));
      return close();
    case 'close':
      return close();
  }
});
process.on('disconnect', () => process.exit());
// Who ends sluice ends it by the primary, which says when this is over.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
setPriority(NICE);
new Worker(new URL('./reader-watch.js', import.meta.url), {
  workerData: { parent: process.ppid, memoryBytesMax: readerMemoryBytesMax },
}).unref();

function insert(name: TableName, slice: RowSlice): void {
  const key = quoted(name);
  let inserter = inserters.get(key);
  if (inserter === undefined && db !== undefined) {
    inserter = inserterFor(db, name, 'columns' in slice ? slice.columns : undefined);
    inserters.set(key, inserter);
  }
  inserter?.(slice);
}

/** Several workers may have seen the same digest: what they counted is put together. */
const MERGE_DIGESTS = `ON CONFLICT DO UPDATE SET count_star=count_star+excluded.count_star,
  first_seen=min(first_seen, excluded.first_seen), last_seen=max(last_seen, excluded.last_seen),
  sum_time=sum_time+excluded.sum_time, min_time=min(min_time, excluded.min_time),
  max_time=max(max_time, excluded.max_time), sum_rows_affected=sum_rows_affected+excluded.sum_rows_affected,
  sum_rows_sent=sum_rows_sent+excluded.sum_rows_sent`;

function inserterFor(
  into: Database,
  name: TableName,
  columns: readonly string[] | undefined,
): (slice: RowSlice) => void {
  const count = into.prepare('SELECT COUNT(*) FROM pragma_table_info(?, ?)').pluck().get(name.table, name.schema);
  const marks = Array.from({ length: columns?.length ?? Number(count) }, () => '?').join(', ');
  const list = columns === undefined ? '' : `(${columns.map(quoteName).join(', ')})`;
  const isDigest = name.table.startsWith('stats_mysql_query_digest');
  // A row that was changed while a long table was read comes a second time, as it is now.
  const verb = isDigest ? 'INSERT' : 'INSERT OR REPLACE';
  const statement = into.prepare<unknown[]>(
    `${verb} INTO ${quoted(name)} ${list} VALUES (${marks}) ${isDigest ? MERGE_DIGESTS : ''}`,
  );
  const all = into.transaction((slice: RowSlice) => {
    // Packed numbers come as text; the types of the columns make them numbers again.
    if ('packed' in slice) for (const row of packedRowsOf(slice.packed)) statement.run(...unpackRow(row));
    else for (const row of slice.cells) statement.run(...row.map(forSqlite));
  });
  return (slice) => void all(slice);
}

/** Bytes arrive as a plain Uint8Array. */
function forSqlite(cell: unknown): unknown {
  return cell instanceof Uint8Array ? Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength) : cell;
}

function parametersOf(parameters: readonly SqlParameter[]): readonly SqlParameter[] {
  return parameters.map((value) => forSqlite(value) as SqlParameter);
}

function run({ sql, parameters, binary }: Extract<ToReader, { kind: 'run' }>): void {
  if (db === undefined) return;
  const { columns, rows } = readRows(db, sql, parametersOf(parameters));
  const writer = new PacketWriter();
  const end = { statusFlags: ADMIN_STATUS, deprecateEof: false };
  const definitions = columns.map(columnDefinition);
  let next = writeResultsetHead(writer, 1, definitions, end);
  let sent = 0;
  for (const row of rows) {
    next = binary ? writeBinaryRow(writer, next, definitions, row) : writeTextRow(writer, next, row);
    if (writer.byteLength < CHUNK_BYTES) continue;
    sent += writer.byteLength;
    if (sent > readerAnswerBytesMax)
      throw new SqlRefused(`the answer is larger than ${readerAnswerBytesMax} bytes`, 'SQLITE_TOOBIG', undefined);
    sendChunk(writer);
  }
  writeResultsetEnd(writer, next, end);
  sendChunk(writer);
  send({ kind: 'done', columns });
}

function attempt({ sql, parameters }: Extract<ToReader, { kind: 'try' }>): void {
  if (db === undefined) return;
  tryStatement(db, sql, parametersOf(parameters));
  send({ kind: 'done', columns: [] });
}

/** Errors go to the primary, and what is still to come for the statement finds nobody. */
function refusing(action: () => void): void {
  try {
    action();
  } catch (error) {
    const refused = error instanceof SqlRefused ? error : new SqlRefused(String(error), 'SQLITE_ERROR', error);
    close();
    send({ kind: 'refused', message: refused.message, code: refused.code });
  }
}

function close(): void {
  inserters.clear();
  db?.close();
  db = undefined;
}

function quoted({ schema, table }: TableName): string {
  return `${quoteName(schema)}.${quoteName(table)}`;
}

function sendChunk(writer: PacketWriter): void {
  send({ kind: 'chunk', bytes: writer.take() });
}

function send(message: FromReader): void {
  process.send?.(message);
}
