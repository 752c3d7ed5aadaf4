/**
 * SHOW and DESCRIBE, answered from SQLite's own catalogue and the session. It changes nothing.
 */
import type Database from 'better-sqlite3';
import { mysqlErrors } from './mysql-errors.ts';
import { type Row, type RowsOutcome, rowsOutcome } from './outcome.ts';
import type { Scalar, SessionVariables } from './session-variables.ts';
import type { Token } from './tokens.ts';
import { literal } from './translate.ts';

export interface ShowContext {
  readonly database: Database.Database;
  readonly schema: string | null;
  readonly schemaNames: readonly string[];
  readonly variables: SessionVariables;
  readonly processes: () => readonly Row[];
  readonly lastProblem: { readonly code: number; readonly message: string } | undefined;
  /** Rewrites the expression of a WHERE for SQLite. */
  readonly translate: (tokens: readonly Token[]) => string;
}

interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

type Answer = (words: Words, context: ShowContext) => Table;

/** Answers `SHOW …`; `tokens` are without white space. Throws MysqlError for a form it does not know. */
export function show(tokens: readonly Token[], context: ShowContext): RowsOutcome {
  const words = new Words(tokens.slice(1).filter((token) => !NOISE.has(token.value)));
  const full = tokens[1]?.value === 'full';
  for (const [subject, answer] of ANSWERS) {
    if (!words.take(...subject.split(' '))) continue;
    return filtered(answer(words, context), words, context, full);
  }
  throw mysqlErrors.syntax(tokens[1]?.text ?? '');
}

/** Answers `DESCRIBE table`. */
export function describe(tokens: readonly Token[], context: ShowContext): RowsOutcome {
  const { columns, rows } = showColumns(
    new Words([{ kind: 'word', text: 'from', value: 'from' }, ...tokens.slice(1)]),
    context,
  );
  return rowsOutcome(columns.slice(0, 6), rows.map(briefColumn));
}

const NOISE: ReadonlySet<string> = new Set(['full', 'extended', 'global', 'session', 'local']);

/** Beginnings of SHOW statements; longer ones before the shorter ones they begin with. */
const ANSWERS: readonly (readonly [subject: string, answer: Answer])[] = [
  ['databases', (_, { schemaNames }) => ({ columns: ['Database'], rows: schemaNames.map((name) => [name]) })],
  ['schemas', (_, { schemaNames }) => ({ columns: ['Database'], rows: schemaNames.map((name) => [name]) })],
  ['tables', showTables],
  ['table status', showTableStatus],
  ['columns', showColumns],
  ['fields', showColumns],
  ['index', showIndexes],
  ['indexes', showIndexes],
  ['keys', showIndexes],
  ['create table', showCreateTable],
  ['create view', showCreateTable],
  [
    'variables',
    (_, { variables }) => ({ columns: ['Variable_name', 'Value'], rows: variables.entries().map(switchRow) }),
  ],
  ['status', () => ({ columns: ['Variable_name', 'Value'], rows: [['Threads_connected', '1']] })],
  ['warnings', showProblems],
  ['errors', showProblems],
  ['processlist', (_, { processes }) => ({ columns: PROCESS_COLUMNS, rows: processes() })],
  ['engines', () => ({ columns: ['Engine', 'Support', 'Comment'], rows: [['SQLite', 'DEFAULT', 'SQLite']] })],
  ['collation', () => ({ columns: COLLATION_COLUMNS, rows: [['utf8mb4_general_ci', 'utf8mb4', 45, 'Yes', 'Yes', 1]] })],
  [
    'character set',
    () => ({ columns: CHARSET_COLUMNS, rows: [['utf8mb4', 'UTF-8 Unicode', 'utf8mb4_general_ci', 4]] }),
  ],
];

const PROCESS_COLUMNS = ['Id', 'User', 'Host', 'db', 'Command', 'Time', 'State', 'Info'];
const COLLATION_COLUMNS = ['Collation', 'Charset', 'Id', 'Default', 'Compiled', 'Sortlen'];
const CHARSET_COLUMNS = ['Charset', 'Description', 'Default collation', 'Maxlen'];
const COLUMN_COLUMNS = ['Field', 'Type', 'Null', 'Key', 'Default', 'Extra', 'Collation', 'Privileges', 'Comment'];
const INDEX_COLUMNS = ['Table', 'Non_unique', 'Key_name', 'Seq_in_index', 'Column_name'];

/** A cursor over the words of a statement. */
class Words {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** Moves past these words when they are next. */
  take(...words: string[]): boolean {
    const next = this.#tokens.slice(this.#at, this.#at + words.length).map((token) => token.value);
    if (next.join(' ') !== words.join(' ')) return false;
    this.#at += words.length;
    return true;
  }

  name(): string | undefined {
    const token = this.#tokens[this.#at];
    if (token === undefined || (token.kind !== 'word' && token.kind !== 'quoted-word')) return undefined;
    this.#at++;
    return token.kind === 'word' ? token.text : token.value;
  }

  rest(): readonly Token[] {
    return this.#tokens.slice(this.#at);
  }
}

/** LIKE and WHERE are left to SQLite, over the rows as a table. */
function filtered(table: Table, words: Words, context: ShowContext, full: boolean): RowsOutcome {
  const brief = table.columns === COLUMN_COLUMNS && !full;
  const columns = brief ? table.columns.slice(0, 6) : table.columns;
  const rows = brief ? table.rows.map(briefColumn) : table.rows;
  const [keyword, ...condition] = words.rest();
  if (keyword === undefined || rows.length === 0) return rowsOutcome(columns, rows);
  const names = columns.map((name) => `"${name}"`).join(', ');
  const values = rows.map((row) => `(${row.map(literal).join(', ')})`).join(', ');
  const filter =
    keyword.value === 'like' ? `"${columns[0]}" LIKE ${context.translate(condition)}` : context.translate(condition);
  if (keyword.value !== 'like' && keyword.value !== 'where') throw mysqlErrors.syntax(keyword.text);
  const sql = `WITH shown(${names}) AS (VALUES ${values}) SELECT * FROM shown WHERE ${filter}`;
  return rowsOutcome(columns, context.database.prepare(sql).raw().all() as Row[]);
}

function switchRow([name, value]: [string, Scalar]): Row {
  return [name, name === 'autocommit' || name === 'read_only' ? (Number(value) === 0 ? 'OFF' : 'ON') : String(value)];
}

function showTables(words: Words, context: ShowContext): Table {
  const schema = schemaOf(words, context);
  const rows = catalogue(context.database, schema).map(({ name }) => [name]);
  return { columns: [`Tables_in_${schema}`], rows };
}

function showTableStatus(words: Words, context: ShowContext): Table {
  const rows = catalogue(context.database, schemaOf(words, context)).map(({ name, type }) => [
    name,
    type === 'view' ? null : 'SQLite',
    type === 'view' ? 'VIEW' : '',
  ]);
  return { columns: ['Name', 'Engine', 'Comment'], rows };
}

function showColumns(words: Words, context: ShowContext): Table {
  const { schema, table } = tableOf(words, context);
  const rows = context.database
    .prepare('SELECT name, type, "notnull", pk, dflt_value FROM pragma_table_info(?, ?)')
    .all(table, schema) as { name: string; type: string; notnull: number; pk: number; dflt_value: string | null }[];
  if (rows.length === 0) throw mysqlErrors.unknownTable(`${schema}.${table}`);
  return {
    columns: COLUMN_COLUMNS,
    rows: rows.map((row) => [
      row.name,
      row.type.toLowerCase(),
      row.notnull || row.pk ? 'NO' : 'YES',
      row.pk ? 'PRI' : '',
      row.dflt_value,
      '',
      /char|text/i.test(row.type) ? 'utf8mb4_general_ci' : null,
      'select,insert,update,references',
      '',
    ]),
  };
}

function briefColumn(row: Row): Row {
  return row.slice(0, 6);
}

function showIndexes(words: Words, context: ShowContext): Table {
  const { schema, table } = tableOf(words, context);
  const rows = context.database
    .prepare(
      `SELECT list.name AS key_name, list."unique" AS is_unique, info.seqno AS position, info.name AS column_name
       FROM pragma_index_list(?1, ?2) AS list, pragma_index_info(list.name, ?2) AS info ORDER BY list.seq, info.seqno`,
    )
    .all(table, schema) as { key_name: string; is_unique: number; position: number; column_name: string }[];
  return {
    columns: INDEX_COLUMNS,
    rows: rows.map((row) => [table, row.is_unique ? 0 : 1, row.key_name, row.position + 1, row.column_name]),
  };
}

function showCreateTable(words: Words, context: ShowContext): Table {
  const { schema, table } = tableOf(words, context, 'named');
  const entry = catalogue(context.database, schema).find(({ name }) => name.toLowerCase() === table.toLowerCase());
  if (entry === undefined) throw mysqlErrors.unknownTable(`${schema}.${table}`);
  const kind = entry.type === 'view' ? 'View' : 'Table';
  return { columns: [kind, `Create ${kind}`], rows: [[entry.name, entry.sql]] };
}

function showProblems(_: Words, { lastProblem }: ShowContext): Table {
  return {
    columns: ['Level', 'Code', 'Message'],
    rows: lastProblem === undefined ? [] : [['Error', lastProblem.code, lastProblem.message]],
  };
}

interface CatalogueEntry {
  readonly name: string;
  readonly type: 'table' | 'view';
  readonly sql: string;
}

function catalogue(database: Database.Database, schema: string): CatalogueEntry[] {
  const sql = `SELECT name, type, sql FROM "${schema}".sqlite_master
    WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`;
  return database.prepare(sql).all() as CatalogueEntry[];
}

function schemaOf(words: Words, context: ShowContext): string {
  const named = words.take('from') || words.take('in') ? words.name() : undefined;
  const schema = named ?? context.schema;
  if (schema === null) throw mysqlErrors.noDatabase();
  if (!context.schemaNames.includes(schema)) throw mysqlErrors.unknownDatabase(schema);
  return schema;
}

/** `FROM table [FROM schema]`, `FROM schema.table`, or, `named`, the same without FROM. */
function tableOf(
  words: Words,
  context: ShowContext,
  form: 'from' | 'named' = 'from',
): { schema: string; table: string } {
  if (form === 'from' && !words.take('from') && !words.take('in')) throw mysqlErrors.syntax('');
  const first = words.name();
  if (first === undefined) throw mysqlErrors.syntax('');
  if (!words.take('.')) return { schema: schemaOf(words, context), table: first };
  const table = words.name();
  if (table === undefined) throw mysqlErrors.syntax('.');
  if (!context.schemaNames.includes(first)) throw mysqlErrors.unknownDatabase(first);
  return { schema: first, table };
}
