/**
 * Two contents of a table to the differences between them. Pure; it knows no layers.
 */
import type { Cell, TableRow } from '../../runtime/build-snapshot.ts';
import { HIDDEN, isSecretCell } from '../secrets.ts';

export interface RowDifference {
  readonly table: string;
  readonly change: 'added' | 'changed' | 'removed';
  /** `column=value, …` of the key. */
  readonly key: string;
  /** '' when the whole row was added or removed. */
  readonly column: string;
  /** As text; null is NULL, or nothing. Secrets are hidden. */
  readonly before: string | null;
  readonly after: string | null;
}

/** Differences in the order of `after`, rows that are gone last. Rows without a key are compared as wholes. */
export function diffRows(
  table: string,
  keyColumns: readonly string[],
  before: readonly TableRow[],
  after: readonly TableRow[],
): readonly RowDifference[] {
  const keyOf = (row: TableRow): string =>
    JSON.stringify((keyColumns.length > 0 ? keyColumns : Object.keys(row)).map((column) => textOf(row[column])));
  const gone = new Map<string, TableRow>();
  for (const row of before) gone.set(keyOf(row), row);
  const differences: RowDifference[] = [];
  for (const row of after) {
    const key = keyOf(row);
    const old = gone.get(key);
    gone.delete(key);
    const about = { table, key: named(row, keyColumns) };
    if (old === undefined) {
      differences.push({ ...about, change: 'added', column: '', before: null, after: restOf(row, keyColumns) });
    } else if (old !== row) {
      for (const column of Object.keys(row)) {
        const [was, is] = [textOf(old[column]), textOf(row[column])];
        if (was === is) continue;
        const secret = isSecretCell(column, was, nameIn(row)) || isSecretCell(column, is, nameIn(row));
        differences.push({
          ...about,
          change: 'changed',
          column,
          before: secret ? HIDDEN : was,
          after: secret ? HIDDEN : is,
        });
      }
    }
  }
  for (const row of gone.values()) {
    const key = named(row, keyColumns);
    differences.push({ table, key, change: 'removed', column: '', before: restOf(row, keyColumns), after: null });
  }
  return differences;
}

/** Numbers and texts that read the same are the same: SQLite keeps what it was given. */
function textOf(cell: Cell | undefined): string | null {
  if (cell === null || cell === undefined) return null;
  return Buffer.isBuffer(cell) ? cell.toString('latin1') : String(cell);
}

function nameIn(row: TableRow): string | undefined {
  return textOf(row.variable_name) ?? undefined;
}

function pairs(row: TableRow, columns: readonly string[]): string {
  return columns
    .map((column) => {
      const text = textOf(row[column]);
      return `${column}=${isSecretCell(column, text, nameIn(row)) ? HIDDEN : (text ?? 'NULL')}`;
    })
    .join(', ');
}

function named(row: TableRow, keyColumns: readonly string[]): string {
  return pairs(row, keyColumns);
}

/** What a row has besides its key; empty texts and NULLs say nothing. */
function restOf(row: TableRow, keyColumns: readonly string[]): string {
  const columns = Object.keys(row).filter(
    (column) => !keyColumns.includes(column) && (textOf(row[column]) ?? '') !== '',
  );
  return pairs(row, columns);
}
