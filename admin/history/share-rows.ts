/**
 * Lets two versions of a table share the rows they have in common, so that ten versions of a hundred thousand users cost
 * little more than one. It works in slices: the primary has other things to do.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TableRow } from '../../runtime/build-snapshot.ts';

/** Rows looked at in one turn of the event loop, about 2 ms. */
export const shareSliceRowsMax = 4_000;

/**
 * Replaces rows of `rows` by equal ones of `known`, in place. Resolves with whether both are the same afterwards.
 * @param keyColumns finds rows that have changed places; without it equal rows at other places stay apart
 */
export async function shareRows(
  rows: TableRow[],
  known: readonly TableRow[],
  keyColumns: readonly string[],
): Promise<boolean> {
  let byKey: Map<string, TableRow> | undefined;
  let same = rows.length === known.length;
  for (let from = 0; from < rows.length; from += shareSliceRowsMax) {
    if (from > 0) await nextTurn();
    const to = Math.min(from + shareSliceRowsMax, rows.length);
    for (let i = from; i < to; i += 1) {
      const row = rows[i] as TableRow;
      const beside = known[i];
      if (beside !== undefined && equal(row, beside)) {
        rows[i] = beside;
        continue;
      }
      same = false;
      if (keyColumns.length === 0) continue;
      byKey ??= await indexed(known, keyColumns);
      const elsewhere = byKey.get(keyOf(row, keyColumns));
      if (elsewhere !== undefined && equal(row, elsewhere)) rows[i] = elsewhere;
    }
  }
  return same;
}

async function indexed(rows: readonly TableRow[], keyColumns: readonly string[]): Promise<Map<string, TableRow>> {
  const byKey = new Map<string, TableRow>();
  for (const [index, row] of rows.entries()) {
    if (index % shareSliceRowsMax === shareSliceRowsMax - 1) await nextTurn();
    byKey.set(keyOf(row, keyColumns), row);
  }
  return byKey;
}

function keyOf(row: TableRow, keyColumns: readonly string[]): string {
  let key = '';
  for (const column of keyColumns) key += `${row[column]}\0`;
  return key;
}

function equal(a: TableRow, b: TableRow): boolean {
  for (const column in a) {
    const [mine, other] = [a[column], b[column]];
    if (mine === other) continue;
    if (!Buffer.isBuffer(mine) || !Buffer.isBuffer(other) || !mine.equals(other)) return false;
  }
  return true;
}
