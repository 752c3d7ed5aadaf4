/**
 * A SELECT that is not small, put together for a reader process: definitions of the tables it touches, rows of those that
 * show the runtime from where they come, rows of all others from the shared connection.
 */
import type { Database } from 'better-sqlite3';
import type { Reading } from '../db/execute.ts';
import type { SqlParameter } from '../db/parameters.ts';
import { type Concealer, copyRows, definitionsOf, schemasOf } from './copies.ts';
import type { LargeRead, ReaderInput } from './large-reader.ts';
import type { RowSlice, TableName } from './messages.ts';
import type { LargeSource } from './sources.ts';

export interface ReadRequest {
  readonly sql: string;
  readonly parameters: readonly SqlParameter[] | undefined;
  readonly reading: Reading;
  readonly answer: LargeRead['answer'];
  /** What the small tables of the runtime hold is in here already. */
  readonly db: Database;
  readonly sources: readonly LargeSource[];
  /** Where tables of the stats schema are in this connection. */
  readonly statsSchema: 'main' | 'stats';
  readonly conceal: Concealer;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

export function largeReadOf(request: ReadRequest): LargeRead {
  const { sql, parameters, answer, timeoutMs, signal } = request;
  return {
    sql,
    parameters: parameters ?? [],
    answer,
    timeoutMs,
    signal,
    fill: (reader) => fill(request, reader),
  };
}

async function fill({ db, reading, sources, statsSchema, conceal }: ReadRequest, { send }: ReaderInput): Promise<void> {
  const touched = reading.tables.flatMap(({ schema, table }) => (table === undefined ? [] : [{ schema, table }]));
  const placeOf = ({ schema, name }: LargeSource): TableName => ({
    schema: schema === 'stats' ? statsSchema : schema,
    table: name,
  });
  const isSame = (a: TableName, b: TableName): boolean => a.schema === b.schema && a.table === b.table;
  // What is only named, in an alias for instance, is not read.
  const streams = sources.filter((source) => touched.some((table) => isSame(table, placeOf(source))));
  const stored = touched.filter((table) => !streams.some((source) => isSame(table, placeOf(source))));
  await send({ kind: 'open', schemas: schemasOf(db), definitions: definitionsOf(db, touched, reading.definitions) });
  for (const source of streams) {
    const table = placeOf(source);
    const concealRow = conceal(table);
    let sent: Promise<void> = Promise.resolve();
    await source.collect((slice) => {
      sent = send({ kind: 'rows', ...table, slice: concealed(slice, concealRow) });
      // It is awaited below; until then a reader that has ended is no unhandled error.
      sent.catch(() => undefined);
    });
    await sent;
  }
  await copyRows(db, stored, conceal, {
    clear: (table) => send({ kind: 'clear', ...table }),
    rows: (table, slice) => send({ kind: 'rows', ...table, slice }),
  });
}

/** Only digests come packed, which hold no secrets. */
function concealed(slice: RowSlice, concealRow: ReturnType<Concealer>): RowSlice {
  if (concealRow === undefined || 'packed' in slice) return slice;
  const { columns = [] } = slice;
  const cells = slice.cells.map((row) => [...row]);
  for (const row of cells) concealRow(row, columns);
  return { columns, cells };
}
