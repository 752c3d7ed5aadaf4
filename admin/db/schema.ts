/**
 * Reads schema.sql and creates its tables where its `-- @in` lines say.
 * It holds no table text of its own and never changes a table that exists.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type Database from 'better-sqlite3';
import { splitStatements } from './sql-tokens.ts';

export const SCHEMA_NAMES = ['main', 'disk', 'stats', 'monitor', 'stats_history'] as const;
export type SchemaName = (typeof SCHEMA_NAMES)[number];

/** A twin of a table: same text, other name. `runtime` tables live in main beside the ones they show. */
type Twin = 'runtime' | 'reset' | 'hour' | 'day';

export interface SchemaObject {
  readonly schema: SchemaName;
  /** Of the table, or of the index. */
  readonly name: string;
  readonly type: 'table' | 'index';
  /** The statement's text without `CREATE TABLE|INDEX name`, as SQLite is to store it. */
  readonly rest: string;
}

const HEAD = /^\s*CREATE (TABLE|INDEX) (\w+)([\s\S]*)$/;

/** All tables and indexes that schema.sql describes, twins included, in its order. */
export function parseSchema(text: string): readonly SchemaObject[] {
  const objects: SchemaObject[] = [];
  for (const section of text.split(/^-- @in /m).slice(1)) {
    const [places = '', ...lines] = section.split('\n');
    const words = places.trim().split(/\s+/);
    const schemas = words.filter(isSchemaName);
    const twins = words.filter((word): word is Twin => !isSchemaName(word));
    const body = lines.filter((line) => !line.startsWith('--')).join('\n');
    for (const statement of splitStatements(body)) {
      const [, type = '', name = '', rest = ''] = HEAD.exec(statement) ?? [];
      if (name === '') continue;
      const base = { name, type: type === 'TABLE' ? 'table' : 'index', rest: storedForm(rest) } as const;
      for (const schema of schemas) objects.push({ ...base, schema });
      for (const twin of twins) {
        if (base.type !== 'table') continue;
        const place = twinOf(twin, name, schemas[0]!);
        const unbroken = UNBROKEN[place.name];
        objects.push({ ...base, ...place, rest: unbroken === undefined ? base.rest : base.rest.replace(unbroken, '') });
      }
    }
  }
  return objects;
}

function isSchemaName(word: string): word is SchemaName {
  return (SCHEMA_NAMES as readonly string[]).includes(word);
}

function twinOf(twin: Twin, name: string, schema: SchemaName): { schema: SchemaName; name: string } {
  return twin === 'runtime' ? { schema: 'main', name: `runtime_${name}` } : { schema, name: `${name}_${twin}` };
}

/** Columns before which ProxySQL's text of this twin has no line break; tools compare such texts. */
const UNBROKEN: Readonly<Record<string, RegExp>> = { runtime_mysql_query_rules: / (?=, (digest|replace_pattern) )/g };

/** Takes the layout of schema.sql out again: ProxySQL stores `(a INT , b INT)`. */
function storedForm(rest: string): string {
  return rest.replaceAll(',\n    ', ' , ').replace(/\(\n {4}/, '(');
}

/** Lays a stored table text out as SHOW CREATE TABLE prints it; the inverse of what schema.sql went through. */
export function laidOut(name: string, stored: string): string {
  return stored.replaceAll(' , ', ',\n    ').replace(`CREATE TABLE ${name} (`, `CREATE TABLE ${name} (\n    `);
}

/** Creates what is missing in the schemas of this connection; `as` renames a schema (the stats view has stats as main). */
export function createSchema(
  db: Database.Database,
  objects: readonly SchemaObject[],
  as: Partial<Record<SchemaName, string>>,
): void {
  db.transaction(() => {
    for (const { schema, name, type, rest } of objects) {
      const place = as[schema];
      if (place === undefined) continue;
      db.exec(`CREATE ${type.toUpperCase()} IF NOT EXISTS ${place}.${name}${rest}`);
    }
  })();
}

/** The text of schema.sql, found beside package.json from the sources as well as from dist/. */
export function readSchemaFile(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    try {
      return readFileSync(join(folder, 'schema.sql'), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error('schema.sql is missing from the installation');
}

/** The names of all tables and views of all schemas of the connection, in lower case. */
export function tableNames(db: Database.Database): ReadonlySet<string> {
  const schemas = db.pragma('database_list') as { readonly name: string }[];
  const select = schemas.map(({ name }) => `SELECT lower(name) FROM "${name.replaceAll('"', '""')}".sqlite_master`);
  return new Set(db.prepare<[], string>(select.join(' UNION ALL ')).pluck().all());
}
