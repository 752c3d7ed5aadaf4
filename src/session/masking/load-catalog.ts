/**
 * Reads a server's catalog: tables, views, routines and triggers as information_schema shows them to one account, and
 * the sql_mode its sessions begin with. It keeps nothing (catalogs.ts does) and concludes nothing (src/masking does).
 */
import type { MysqlVariables } from '../../../runtime/variables.ts';
import type { BackendUser, Connect } from '../../hostgroup/connector.ts';
import { readRows, type TextRow } from '../../hostgroup/read-rows.ts';
import type { ServerAddress } from '../../hostgroup/server-directory.ts';
import {
  type CatalogFacts,
  type CatalogIndex,
  type CatalogReference,
  type CatalogRoutine,
  type CatalogTable,
  type CatalogTrigger,
  columnsIn,
  type GeneratedColumn,
} from '../../masking/catalog.ts';
import type { ServerKind } from '../../masking/judge.ts';

export interface ServerCatalog {
  readonly facts: CatalogFacts;
  readonly kind: ServerKind;
  /** Of a fresh connection. */
  readonly sqlMode: string;
}

const NOT_SYSTEM = "NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')";

const VERSION = 'SELECT VERSION(), @@session.sql_mode';

/** What older servers do not tell they do not have either. */
function columnsSql({ family, version = 0 }: ServerKind): string {
  const generated = version >= (family === 'mariadb' ? 100_205 : 50_706) ? 'GENERATION_EXPRESSION' : "''";
  return `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, EXTRA, ${generated} FROM information_schema.COLUMNS
  WHERE TABLE_SCHEMA ${NOT_SYSTEM} ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION`;
}

function indexesSql({ family, version = 0 }: ServerKind): string {
  const [unseen, expression] =
    family === 'mariadb'
      ? [version >= 100_600 ? "IGNORED = 'YES'" : '0', 'NULL']
      : [version >= 80_000 ? "IS_VISIBLE = 'NO'" : '0', version >= 80_013 ? 'EXPRESSION' : 'NULL'];
  return `SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, NON_UNIQUE, INDEX_TYPE, ${unseen}, ${expression}
  FROM information_schema.STATISTICS WHERE TABLE_SCHEMA ${NOT_SYSTEM}
  ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX`;
}

const REFERENCES = `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME,
  REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE
  WHERE TABLE_SCHEMA ${NOT_SYSTEM} AND REFERENCED_TABLE_NAME IS NOT NULL`;
const CHECKS = {
  mariadb: `SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS`,
  mysql: `SELECT t.TABLE_SCHEMA, t.TABLE_NAME, c.CHECK_CLAUSE FROM information_schema.TABLE_CONSTRAINTS t
    JOIN information_schema.CHECK_CONSTRAINTS c USING (CONSTRAINT_SCHEMA, CONSTRAINT_NAME)
    WHERE t.CONSTRAINT_TYPE = 'CHECK'`,
} as const;
const VIEWS = `SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS
  WHERE TABLE_SCHEMA ${NOT_SYSTEM}`;
const ROUTINES = `SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE, ROUTINE_DEFINITION, ROUTINE_BODY FROM information_schema.ROUTINES
  WHERE ROUTINE_SCHEMA ${NOT_SYSTEM}`;
const TRIGGERS = `SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME, ACTION_STATEMENT
  FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA ${NOT_SYSTEM}`;

/** @throws whatever keeps the catalog from being read: the login, the connection, the server's refusal */
export async function loadCatalog(
  server: ServerAddress,
  user: BackendUser,
  connect: Connect,
  variables: MysqlVariables,
): Promise<ServerCatalog> {
  const { hostgroup, hostname, port, useSsl } = server;
  const home = { hostname, port, hostgroup, bytesReceived() {}, bytesSent() {}, commandSent() {}, connectionLost() {} };
  // mysql-init_connect runs here too: the sql_mode is that of any session.
  const connection = await connect({ home, useSsl, user, shape: 0, variables, nowMs: Date.now });
  try {
    // init_connect may have left another character set; names and definitions are read as utf8mb4.
    const version = await readRows(connection, VERSION);
    await readRows(connection, 'SET NAMES utf8mb4');
    const [versionText, sqlMode] = version[0] ?? [];
    const kind = kindOf(versionText ?? '');
    const columns = await readRows(connection, columnsSql(kind));
    const indexes = await readRows(connection, indexesSql(kind));
    const views = await readRows(connection, VIEWS);
    const routines = await readRows(connection, ROUTINES);
    const triggers = await readRows(connection, TRIGGERS);
    const references = await readRows(connection, REFERENCES);
    // Old servers have no CHECKs.
    const checks = await readRows(connection, CHECKS[kind.family]).catch(() => []);
    return {
      facts: {
        tables: tablesOf({ columns, indexes, views, references, checks }),
        routines: routines.map(routineOf),
        triggers: triggers.map(triggerOf),
      },
      kind,
      sqlMode: sqlMode ?? '',
    };
  } finally {
    connection.destroy();
  }
}

/** `10.11.14-MariaDB-…` is 101114, `9.7.0` is 90700. */
export function kindOf(version: string): ServerKind {
  const [, major, minor, patch] = /^(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  return {
    family: /mariadb/i.test(version) ? 'mariadb' : 'mysql',
    version: major === undefined ? undefined : Number(major) * 10_000 + Number(minor) * 100 + Number(patch),
  };
}

const text = (cell: string | null | undefined): string => cell ?? '';
const keyOf = (row: TextRow): string => `${row[0]}\0${row[1]}`;

interface IndexDraft {
  readonly name: string;
  readonly columns: string[];
  unique?: true;
  leading?: readonly string[];
  unseen?: true;
  unordered?: true;
}

interface TableDraft {
  readonly columns: string[];
  readonly invisible: string[];
  readonly generated: GeneratedColumn[];
  readonly indexes: Map<string, IndexDraft>;
  readonly references: CatalogReference[];
  readonly checks: string[];
  /** A key on an expression that may not be seen: any column may be in it. */
  opaque: boolean;
}

interface TableRows {
  readonly columns: readonly TextRow[];
  readonly indexes: readonly TextRow[];
  readonly views: readonly TextRow[];
  readonly references: readonly TextRow[];
  readonly checks: readonly TextRow[];
}

function newDraft(opaque: boolean): TableDraft {
  return { columns: [], invisible: [], generated: [], indexes: new Map(), references: [], checks: [], opaque };
}

function tablesOf({ columns, indexes, views, references, checks }: TableRows): CatalogTable[] {
  const drafts = new Map<string, TableDraft>();
  for (const row of columns) {
    let draft = drafts.get(keyOf(row));
    if (draft === undefined) {
      draft = newDraft(false);
      drafts.set(keyOf(row), draft);
    }
    const hidden = /\binvisible\b/i.test(text(row[3]));
    (hidden ? draft.invisible : draft.columns).push(text(row[2]));
    const expression = text(row[4]);
    if (expression !== '') draft.generated.push({ column: text(row[2]), expression });
  }
  for (const row of indexes) {
    const draft = drafts.get(keyOf(row));
    if (draft !== undefined) addIndexPart(draft, row);
  }
  for (const row of references) {
    const [, , column, schema, table, of] = row.map(text) as [string, string, string, string, string, string];
    drafts.get(keyOf(row))?.references.push({ column, schema, table, of });
  }
  for (const row of checks) drafts.get(keyOf(row))?.checks.push(text(row[2]));
  const definitions = new Map(views.map((row) => [keyOf(row), text(row[2])]));
  // A view whose columns nobody may see is a view all the same.
  for (const key of definitions.keys()) {
    if (!drafts.has(key)) drafts.set(key, newDraft(true));
  }
  return [...drafts].map(([key, draft]) => tableOf(key, draft, definitions.get(key)));
}

function addIndexPart(draft: TableDraft, row: TextRow): void {
  const [, , name, column, nonUnique, type, unseen, expression] = row.map(text);
  if (name === undefined) return;
  let index = draft.indexes.get(name);
  if (index === undefined) {
    index = { name, columns: [] };
    draft.indexes.set(name, index);
    if (nonUnique === '0') index.unique = true;
    if (unseen === '1') index.unseen = true;
    if (/^(FULLTEXT|SPATIAL|RTREE)$/i.test(type ?? '')) index.unordered = true;
    if (expression !== '' && expression !== undefined) index.leading = columnsIn(expression, draft);
  }
  if (column !== '' && column !== undefined) index.columns.push(column);
  else if (expression !== '' && expression !== undefined) index.columns.push(...columnsIn(expression, draft));
  else draft.opaque = true;
}

function tableOf(key: string, draft: TableDraft, definition: string | undefined): CatalogTable {
  const [schema = '', name = ''] = key.split('\0');
  const indexes: CatalogIndex[] = [...draft.indexes.values()];
  return {
    schema,
    name,
    columns: draft.columns,
    ...(draft.invisible.length > 0 ? { invisible: draft.invisible } : {}),
    ...(draft.opaque ? {} : { indexes }),
    ...(draft.generated.length > 0 ? { generated: draft.generated } : {}),
    ...(draft.references.length > 0 ? { references: draft.references } : {}),
    ...(draft.checks.length > 0 ? { checks: draft.checks } : {}),
    ...(definition === undefined ? {} : { view: { definition } }),
  };
}

/** A body in another language (MySQL's JavaScript) makes its statements of any text: it counts as one that may not be seen. */
function routineOf([schema, name, type, definition, language]: TextRow): CatalogRoutine {
  const body = text(language).toUpperCase() === 'SQL' ? definition : undefined;
  const kind = text(type).toUpperCase() === 'FUNCTION' ? 'function' : 'procedure';
  return { schema: text(schema), name: text(name), kind, body: body ?? undefined };
}

function triggerOf([schema, table, name, body]: TextRow): CatalogTrigger {
  return { schema: text(schema), table: text(table), name: text(name), body: body ?? undefined };
}
