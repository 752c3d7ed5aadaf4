/**
 * The rows of tables of the shared connection, in slices, so that nobody waits for a long table. It knows SQLite's tables
 * and nothing of readers.
 */
import type { Database } from 'better-sqlite3';
import { nextTurn } from '../../src/util/turn.ts';
import { type Place, quoteName } from '../db/program.ts';
import type { RowSlice, TableName } from './messages.ts';

const ROWS_IN_ONE_TURN = 256;
/** How often all tables are read again because somebody changed something meanwhile; then rows are taken as they come. */
const ATTEMPTS_MAX = 5;

/** Replaces secrets in the rows of a table; undefined when there is nothing to replace. */
export type Concealer = (table: TableName) => ((row: unknown[], columns: readonly string[]) => void) | undefined;

export interface CopyTarget {
  readonly clear: (table: TableName) => Promise<void>;
  readonly rows: (table: TableName, slice: RowSlice) => Promise<void>;
}

/**
 * Gives all rows of the tables, as they were at one moment. While others keep changing tables there is no such moment:
 * after some attempts each row is given as it was when its turn came, and again when it was changed after that.
 */
export async function copyRows(
  db: Database,
  tables: readonly TableName[],
  conceal: Concealer,
  target: CopyTarget,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const before = changesOf(db);
    for (const table of tables) await copyTable(db, table, conceal(table), target);
    if (attempt === ATTEMPTS_MAX || changesOf(db) === before) return;
    for (const table of tables) await target.clear(table);
  }
}

/** Everything that changes rows or tables of this connection moves it. */
function changesOf(db: Database): string {
  const [changes] = db.prepare<[], number>('SELECT total_changes()').pluck().all();
  return `${changes} ${String(db.pragma('schema_version', { simple: true }))}`;
}

async function copyTable(
  db: Database,
  table: TableName,
  conceal: ReturnType<Concealer>,
  target: CopyTarget,
): Promise<void> {
  const key = keyOf(db, table);
  const from = `${quoteName(table.schema)}.${quoteName(table.table)}`;
  const sql =
    key === undefined
      ? `SELECT 0, * FROM ${from}`
      : `SELECT ${key}, * FROM ${from} WHERE ${key} > ? ORDER BY ${key} LIMIT ${ROWS_IN_ONE_TURN}`;
  const select = db.prepare<unknown[], unknown[]>(sql).raw().safeIntegers();
  const columns = select
    .columns()
    .slice(1)
    .map(({ name }) => name);
  for (let last: unknown = SMALLEST_ROWID; ; ) {
    const cells = key === undefined ? select.all() : select.all(last);
    last = cells.at(-1)?.[0];
    for (const row of cells) {
      row.shift();
      conceal?.(row, columns);
    }
    if (cells.length > 0) await target.rows(table, { columns, cells });
    if (key === undefined || cells.length < ROWS_IN_ONE_TURN) return;
    await nextTurn();
  }
}

const SMALLEST_ROWID = -(2n ** 63n);

/** What SQLite numbers rows by, under a name that no column has; undefined for a table without it, which is read at once. */
function keyOf(db: Database, { schema, table }: TableName): string | undefined {
  const columns = db
    .prepare<[string, string], string>('SELECT lower(name) FROM pragma_table_info(?, ?)')
    .pluck()
    .all(table, schema);
  const hasNumbers = db
    .prepare<[string, string], number>(
      "SELECT 1 FROM pragma_table_list WHERE schema=? AND name=? AND wr=0 AND type='table'",
    )
    .pluck()
    .get(schema, table);
  return hasNumbers === undefined ? undefined : ['rowid', '_rowid_', 'oid'].find((name) => !columns.includes(name));
}

/** The statements that make the tables, their indexes and the views of their schemas anew, each in its schema. */
export function definitionsOf(db: Database, tables: readonly Place[], all: boolean): readonly string[] {
  const schemas = all ? schemasOf(db) : [...new Set(['main', ...tables.map(({ schema }) => schema)])];
  return schemas.flatMap((schema) => {
    const wanted = new Set(tables.flatMap((place) => (place.schema === schema ? [place.table] : [])));
    return db
      .prepare<[], { type: string; tbl_name: string; sql: string }>(
        `SELECT type, tbl_name, sql FROM ${quoteName(schema)}.sqlite_master
           WHERE sql IS NOT NULL AND type IN ('table', 'index', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
           ORDER BY type = 'view', type = 'index', rowid`,
      )
      .all()
      .filter(({ type, tbl_name }) => all || type === 'view' || wanted.has(tbl_name))
      .map(({ sql }) => inSchema(sql, schema));
  });
}

export function schemasOf(db: Database): readonly string[] {
  return (db.pragma('database_list') as readonly { readonly name: string }[]).map(({ name }) => name);
}

/** SQLite keeps the text of a definition from the name on, without the schema, behind these words. */
function inSchema(sql: string, schema: string): string {
  return sql.replace(/^CREATE (TABLE|VIEW|(UNIQUE )?INDEX) /, (words) => `${words}${quoteName(schema)}.`);
}
