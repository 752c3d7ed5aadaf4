/**
 * What a statement comes to, before it is bytes: a note that it is done, or typed columns with rows. It runs nothing.
 */
import type { ColumnDefinition as SqliteColumn } from 'better-sqlite3';
import { ColumnType } from '../protocol/column-types.ts';
import type { Scalar } from './session-variables.ts';

export type Row = readonly Scalar[];

/** The types an embedded server answers with. */
export type ResultType =
  | typeof ColumnType.LONGLONG
  | typeof ColumnType.DOUBLE
  | typeof ColumnType.VAR_STRING
  | typeof ColumnType.BLOB;

export interface ResultColumn {
  readonly name: string;
  readonly type: ResultType;
  readonly schema: string;
  readonly table: string;
  /** The column's name in its table; '' for an expression. */
  readonly orgName: string;
}

export interface DoneOutcome {
  readonly kind: 'done';
  readonly affectedRows: number;
  readonly lastInsertId: number | bigint;
  readonly info: string;
}

export interface RowsOutcome {
  readonly kind: 'rows';
  readonly columns: readonly ResultColumn[];
  /** Read once; stop early by closing the iterator, as `for … of` does. */
  readonly rows: Iterable<Row>;
}

export type Outcome = DoneOutcome | RowsOutcome;

export const DONE: DoneOutcome = { kind: 'done', affectedRows: 0, lastInsertId: 0, info: '' };

/** Rows looked at to find the type of an expression, which SQLite decides value by value. */
const TYPE_SAMPLE_ROWS = 64;

/** Rows made up here, e.g. by SHOW; columns are typed by their values. */
export function rowsOutcome(names: readonly string[], rows: readonly Row[]): RowsOutcome {
  const columns = names.map((name, index) => ({
    name,
    type: typeOfValues(rows, index),
    schema: '',
    table: '',
    orgName: '',
  }));
  return { kind: 'rows', columns, rows };
}

/** Columns of a SQLite statement; `sample` are its first rows. */
export function describeColumns(
  columns: readonly SqliteColumn[],
  sample: readonly Row[],
  columnName: (name: string) => string,
): ResultColumn[] {
  return columns.map((column, index) => ({
    name: columnName(column.name),
    type: declaredType(column.type) ?? typeOfValues(sample, index),
    schema: column.database ?? '',
    table: column.table ?? '',
    orgName: column.column ?? '',
  }));
}

/** Takes the first rows off an iterator, and gives back an iterable that still has them all. */
export function sampleRows(iterator: IterableIterator<Row>): { sample: Row[]; rows: Iterable<Row> } {
  const sample: Row[] = [];
  while (sample.length < TYPE_SAMPLE_ROWS) {
    const next = iterator.next();
    if (next.done === true) return { sample, rows: sample };
    sample.push(next.value);
  }
  return { sample, rows: chain(sample, iterator) };
}

function* chain(first: readonly Row[], rest: IterableIterator<Row>): Generator<Row> {
  try {
    yield* first;
    yield* rest;
  } finally {
    // SQLite's statement stays busy until its iterator is closed, also when nobody wanted the rest.
    rest.return?.();
  }
}

/** SQLite's affinity rules, in MySQL's types. */
function declaredType(declared: string | null): ResultType | undefined {
  if (declared === null) return undefined;
  const type = declared.toUpperCase();
  if (type.includes('INT')) return ColumnType.LONGLONG;
  if (/BLOB|BINARY/.test(type)) return ColumnType.BLOB;
  if (/REAL|FLOA|DOUB|DEC|NUMERIC/.test(type)) return ColumnType.DOUBLE;
  return ColumnType.VAR_STRING;
}

function typeOfValues(rows: readonly Row[], index: number): ResultType {
  let type: ResultType | undefined;
  for (const row of rows) {
    const value = row[index] ?? null;
    if (value === null) continue;
    if (typeof value === 'string') return ColumnType.VAR_STRING;
    if (Buffer.isBuffer(value)) return ColumnType.BLOB;
    if (typeof value === 'number' && !Number.isInteger(value)) type = ColumnType.DOUBLE;
    else type ??= ColumnType.LONGLONG;
  }
  return type ?? ColumnType.VAR_STRING;
}
