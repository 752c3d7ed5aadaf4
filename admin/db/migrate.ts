/**
 * A database that another version wrote: tables whose definition is not ours are made anew, and their rows carried over
 * column by column, after a copy of the whole file was kept. It changes nothing when every table is as it should be.
 *
 * ProxySQL recognises its historic definitions one by one; here the columns that both sides have are what counts, and a
 * column that was renamed is named below.
 */
import { closeSync, existsSync, openSync } from 'node:fs';
import type Database from 'better-sqlite3';
import type { SchemaName, SchemaObject } from './schema.ts';

export interface Migration {
  readonly table: string;
  readonly rows: number;
  /** Rows our table does not take, with SQLite's reason; they are in the copy. */
  readonly refused: readonly string[];
  /** Columns that have no place any more. */
  readonly dropped: readonly string[];
}

export interface Migrated {
  /** The file that holds everything as it was. */
  readonly copy: string;
  readonly tables: readonly Migration[];
}

/** New name by old name, for columns that had another one. Source: ProxySQL 2.0.15, restapi_routes. */
const RENAMED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  restapi_routes: { interval_ms: 'timeout_ms' },
};

const FILE_MODE = 0o600;
/** Copies of one file that may lie side by side. */
const COPIES_MAX = 1000;

/**
 * Brings the tables of one attached schema to their definitions. Returns undefined when there was nothing to do; throws,
 * with everything as it was, when it cannot be done.
 */
export function migrateSchema(
  db: Database.Database,
  objects: readonly SchemaObject[],
  schema: SchemaName,
  file: string,
): Migrated | undefined {
  const stored = new Map(
    db
      .prepare<[], { name: string; sql: string }>(`SELECT name, sql FROM ${schema}.sqlite_master WHERE type='table'`)
      .all()
      .map(({ name, sql }) => [name, sql]),
  );
  const different = objects.filter((object) => {
    if (object.schema !== schema || object.type !== 'table') return false;
    const text = stored.get(object.name);
    return text !== undefined && text !== definitionOf(object);
  });
  if (different.length === 0) return undefined;
  const copy = keepCopy(db, schema, file);
  const tables = db.transaction(() => different.map((object) => rebuild(db, schema, object)))();
  return { copy, tables };
}

function definitionOf({ name, rest }: SchemaObject): string {
  return `CREATE TABLE ${name}${rest}`;
}

/** A consistent copy beside the file, under a name that is free. */
function keepCopy(db: Database.Database, schema: SchemaName, file: string): string {
  for (let n = 1; n <= COPIES_MAX; n += 1) {
    const copy = `${file}.before-migration-${n}`;
    if (existsSync(copy)) continue;
    // It holds passwords: private before anything is in it.
    closeSync(openSync(copy, 'wx', FILE_MODE));
    db.prepare(`VACUUM ${schema} INTO ?`).run(copy);
    return copy;
  }
  throw new Error(`there are ${COPIES_MAX} copies of ${file} already`);
}

function rebuild(db: Database.Database, schema: SchemaName, object: SchemaObject): Migration {
  const { name } = object;
  const old = `${name}_before_migration`;
  const oldColumns = columnsOf(db, schema, name);
  db.exec(`ALTER TABLE ${schema}."${name}" RENAME TO "${old}"`);
  // An index keeps its name through a rename, and its place is needed.
  for (const index of indexesOf(db, schema, old)) db.exec(`DROP INDEX ${schema}."${index}"`);
  db.exec(`CREATE TABLE ${schema}.${name}${object.rest}`);
  const columns = new Set(columnsOf(db, schema, name));
  const renamed = RENAMED[name] ?? {};
  const pairs = oldColumns
    .map((column) => ({ from: column, to: columns.has(column) ? column : (renamed[column] ?? '') }))
    .filter(({ to }) => columns.has(to));
  const refused: string[] = [];
  let rows = 0;
  if (pairs.length > 0) {
    const list = (side: 'from' | 'to'): string => pairs.map((pair) => `"${pair[side]}"`).join(', ');
    const insert = db.prepare(
      `INSERT INTO ${schema}.${name} (${list('to')}) VALUES (${pairs.map(() => '?').join(', ')})`,
    );
    const all = db
      .prepare<[], unknown[]>(`SELECT ${list('from')} FROM ${schema}."${old}"`)
      .raw()
      .safeIntegers()
      .all();
    for (const row of all) {
      try {
        insert.run(...row);
        rows += 1;
      } catch (error) {
        // A row our checks do not take must not keep the others, and the proxy, from starting.
        if (!isConstraint(error)) throw error;
        refused.push((error as Error).message);
      }
    }
  }
  db.exec(`DROP TABLE ${schema}."${old}"`);
  const carried = new Set(pairs.map(({ from }) => from));
  return { table: name, rows, refused, dropped: oldColumns.filter((column) => !carried.has(column)) };
}

function columnsOf(db: Database.Database, schema: SchemaName, table: string): readonly string[] {
  return db
    .prepare<[string, string], string>('SELECT name FROM pragma_table_info(?, ?) ORDER BY cid')
    .pluck()
    .all(table, schema);
}

function indexesOf(db: Database.Database, schema: SchemaName, table: string): readonly string[] {
  return db
    .prepare<[string], string>(
      `SELECT name FROM ${schema}.sqlite_master WHERE type='index' AND tbl_name=? AND sql IS NOT NULL`,
    )
    .pluck()
    .all(table);
}

function isConstraint(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_CONSTRAINT');
}
