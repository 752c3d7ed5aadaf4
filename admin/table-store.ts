/**
 * The SQL behind promotion: whole tables and families of variables moved inside and between the schemas `main` (MEMORY)
 * and `disk`. It knows SQLite and nothing of modules, snapshots or workers.
 *
 * Every function that writes is one transaction. Statements are prepared once a call, never once a row.
 */
import type { Database } from 'better-sqlite3';
import type { Cell, TableRow } from '../runtime/build-snapshot.ts';
import type { Correction, VariableRow } from './variables/apply.ts';

export type Schema = 'main' | 'disk';

/** Table and column names come from our own DDL; quoting keeps them apart from SQL's words all the same. */
function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Whether a table exists; operators may drop tables. */
export function hasTable(db: Database, schema: Schema, table: string): boolean {
  return columnsOf(db, schema, table).length > 0;
}

/** Column names in table order; none when there is no such table. */
export function columnsOf(db: Database, schema: Schema, table: string): readonly string[] {
  const names: unknown[] = db
    .prepare('SELECT name FROM pragma_table_info(?, ?) ORDER BY cid')
    .pluck()
    .all(table, schema);
  return names.map(String);
}

/**
 * All rows, in the order of insertion. Raw rows made into objects here take half the time of better-sqlite3's own
 * objects: 25 against 50 ms for 10,000 users, during which the primary does nothing else.
 */
export function readTable(db: Database, table: string, schema: Schema = 'main'): readonly TableRow[] {
  const select = db.prepare<[], Cell[]>(`SELECT * FROM ${schema}.${quote(table)}`).raw();
  const names = select.columns().map(({ name }) => name);
  return select.all().map((cells) => {
    const row: Record<string, Cell> = {};
    for (let i = 0; i < names.length; i += 1) row[names[i] ?? ''] = cells[i] ?? null;
    return row;
  });
}

/** The columns of the primary key; none when there is no such key or table. */
export function keyColumnsOf(db: Database, table: string): readonly string[] {
  return db
    .prepare<[string], string>("SELECT name FROM pragma_table_info(?, 'main') WHERE pk > 0 ORDER BY pk")
    .pluck()
    .all(table);
}

/** Makes each table of `to` an exact copy of the one in `from`, all or none. Tables one side lacks are left out. */
export function copyTables(db: Database, from: Schema, to: Schema, tables: readonly string[]): void {
  db.transaction(() => {
    for (const table of tables) {
      const columns = columnsOf(db, from, table);
      if (columns.length === 0 || !hasTable(db, to, table)) continue;
      const list = columns.map(quote).join(', ');
      db.prepare(`DELETE FROM ${to}.${quote(table)}`).run();
      db.prepare(`INSERT INTO ${to}.${quote(table)} (${list}) SELECT ${list} FROM ${from}.${quote(table)}`).run();
    }
  })();
}

/** What one table of MEMORY is to hold. */
export interface TableContent {
  readonly table: string;
  readonly rows: readonly TableRow[];
  /** Rows of the table that are not among `rows`: gone, or kept with active=0. */
  readonly others: 'delete' | 'deactivate';
}

/** Writes several tables of MEMORY in one transaction. Tables that do not exist are left out. */
export function writeTables(db: Database, contents: readonly TableContent[]): void {
  db.transaction(() => {
    for (const { table, rows, others } of contents) {
      const columns = columnsOf(db, 'main', table);
      if (columns.length === 0) continue;
      db.prepare(
        others === 'delete' ? `DELETE FROM main.${quote(table)}` : `UPDATE main.${quote(table)} SET active=0`,
      ).run();
      insertRows(db, table, columns, rows);
    }
  })();
}

function insertRows(db: Database, table: string, columns: readonly string[], rows: readonly TableRow[]): void {
  const [first] = rows;
  if (first === undefined) return;
  const filled = columns.filter((column) => column in first);
  const write = createRowWriter(db, table, filled);
  for (const row of rows) {
    const complaint = write(row);
    if (complaint !== undefined) throw new Error(`${table}: ${complaint}`);
  }
}

/**
 * A function that inserts or replaces one row of MEMORY, which has exactly these columns. It returns SQLite's complaint
 * when a row is refused.
 */
export function createRowWriter(
  db: Database,
  table: string,
  columns: readonly string[],
): (row: TableRow) => string | undefined {
  const marks = columns.map(() => '?').join(', ');
  const insert = db.prepare<Cell[]>(
    `INSERT OR REPLACE INTO main.${quote(table)} (${columns.map(quote).join(', ')}) VALUES (${marks})`,
  );
  return (row) => {
    try {
      insert.run(...columns.map((column) => row[column] ?? null));
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
}

/** The variables whose names begin with `prefix`. */
export function readVariables(db: Database, prefix: string, schema: Schema = 'main'): readonly VariableRow[] {
  return db
    .prepare<[string], VariableRow>(
      `SELECT CAST(variable_name AS TEXT) AS name, CAST(variable_value AS TEXT) AS value
         FROM ${schema}.global_variables WHERE variable_name GLOB ? || '*'`,
    )
    .all(prefix);
}

/** Copies the variables with this prefix ('' for all); those the target has beyond them stay. Returns how many. */
export function copyVariables(db: Database, from: Schema, to: Schema, prefix: string): number {
  return db
    .prepare<[string]>(
      `INSERT OR REPLACE INTO ${to}.global_variables (variable_name, variable_value)
         SELECT variable_name, variable_value FROM ${from}.global_variables WHERE variable_name GLOB ? || '*'`,
    )
    .run(prefix).changes;
}

/** Sets variables; with `keepExisting` only those that are missing. */
export function writeVariables(
  db: Database,
  schema: Schema,
  rows: readonly VariableRow[],
  options: { readonly keepExisting?: boolean } = {},
): void {
  const conflict = options.keepExisting === true ? 'IGNORE' : 'REPLACE';
  const insert = db.prepare<[string, string]>(
    `INSERT OR ${conflict} INTO ${schema}.global_variables (variable_name, variable_value) VALUES (?, ?)`,
  );
  db.transaction(() => {
    for (const { name, value } of rows) insert.run(name, value);
  })();
}

/** Carries out corrections of MEMORY. A row somebody has changed since it was read is theirs and stays. */
export function correctVariables(db: Database, corrections: readonly Correction[]): void {
  const update = db.prepare<[string, string, string]>(
    'UPDATE main.global_variables SET variable_value=? WHERE variable_name=? AND variable_value=?',
  );
  const remove = db.prepare<[string, string]>(
    'DELETE FROM main.global_variables WHERE variable_name=? AND variable_value=?',
  );
  db.transaction(() => {
    for (const { name, found, value } of corrections) {
      if (value === undefined) remove.run(name, found);
      else update.run(value, name, found);
    }
  })();
}

/** Replaces what runtime_global_variables shows. */
export function writeRuntimeVariables(db: Database, rows: readonly VariableRow[]): void {
  writeTables(db, [
    {
      table: 'runtime_global_variables',
      rows: rows.map(({ name, value }) => ({ variable_name: name, variable_value: value })),
      others: 'delete',
    },
  ]);
}
