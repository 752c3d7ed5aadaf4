/**
 * Which columns are protected: the configured rows, compiled for look-ups by name. It knows neither the masks' meaning
 * nor the users, and no database.
 */
import { fold } from './identifiers.ts';

/** The key of a configured row; `%` stands for any characters, everything else for itself. */
export interface ColumnPattern {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

export interface CompiledPolicy {
  /** In the order given; masks are named by their index here. */
  readonly columns: readonly ColumnPattern[];
  /** The index of the row that protects the column, or -1. Of several, the one with the fewest wildcards. */
  readonly protects: (schema: string, table: string, column: string) => number;
  /** Some column of the table, whatever its name, may be protected. */
  readonly touchesTable: (schema: string, table: string) => boolean;
  /** Some row's schema or table has a wildcard: a table nobody has heard of may be protected. */
  readonly hasOpenTables: boolean;
}

interface CompiledRow {
  readonly index: number;
  readonly wildcards: number;
  readonly schema: NameTest;
  readonly table: NameTest;
  readonly column: NameTest;
}

type NameTest = (folded: string) => boolean;

/** @param columns the active rows; an empty list protects nothing. */
export function compilePolicy(columns: readonly ColumnPattern[]): CompiledPolicy {
  const rows = columns
    .map((pattern, index): CompiledRow => {
      const names = [pattern.schema, pattern.table, pattern.column];
      const [schema, table, column] = names.map(nameTest) as [NameTest, NameTest, NameTest];
      return { index, wildcards: names.join('').split('%').length - 1, schema, table, column };
    })
    .sort((a, b) => a.wildcards - b.wildcards || a.index - b.index);
  return {
    columns,
    protects(schema, table, column) {
      const [s, t, c] = [fold(schema), fold(table), fold(column)];
      return rows.find((row) => row.column(c) && row.table(t) && row.schema(s))?.index ?? -1;
    },
    touchesTable(schema, table) {
      const [s, t] = [fold(schema), fold(table)];
      return rows.some((row) => row.table(t) && row.schema(s));
    },
    hasOpenTables: columns.some(({ schema, table }) => schema.includes('%') || table.includes('%')),
  };
}

/** Linear in the name: the parts between wildcards are looked for from left to right, the last one at the end. */
function nameTest(pattern: string): NameTest {
  const parts = pattern.split('%').map(fold);
  const first = parts[0] ?? '';
  if (parts.length === 1) return (name) => name === first;
  const last = parts[parts.length - 1] ?? '';
  const middle = parts.slice(1, -1);
  return (name) => {
    if (!name.startsWith(first)) return false;
    let at = first.length;
    for (const part of middle) {
      const found = name.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return name.length - last.length >= at && name.endsWith(last);
  };
}
