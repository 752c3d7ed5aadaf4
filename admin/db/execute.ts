/**
 * Runs one SQL statement and gives its rows or its count, in the texts of ProxySQL.
 * It does not decide who may run what, and fills no table before it is read.
 */
import type Database from 'better-sqlite3';
import { cellText, type SqlValue } from './cell-text.ts';
import { type PreparedSql, prepareSql } from './double-quotes.ts';
import { boundParameters, type SqlParameter } from './parameters.ts';
import type { Place } from './program.ts';
import { splitStatements } from './sql-tokens.ts';

export type { SqlParameter } from './parameters.ts';

export type SqlCell = string | Buffer | null;

export type SqlResult =
  | { readonly kind: 'rows'; readonly columns: readonly string[]; readonly rows: readonly (readonly SqlCell[])[] }
  /** `affectedRows` is sqlite3_changes(): after DDL it is still that of the statement before, as in ProxySQL. */
  | { readonly kind: 'count'; readonly affectedRows: number }
  /** It is more than `onlySmall` allows, and nothing has happened. `sql` is the one statement. */
  | { readonly kind: 'too-large'; readonly sql: string; readonly reading: Reading; readonly writes: boolean };

/** What a statement does. */
export interface Reading {
  readonly small: boolean;
  readonly tables: readonly Place[];
  /** It looks at the definitions of tables, too, not only at their rows. */
  readonly definitions: boolean;
}

/** See admin/roles/guard.ts; this file only calls it at the right moments. */
export interface Guard {
  /** Throws when the prepared statement is not allowed. */
  readonly check: (db: Database.Database, statement: Database.Statement<unknown[], unknown>) => void;
  /** Runs what was allowed. */
  readonly around: <Result>(
    db: Database.Database,
    statement: Database.Statement<unknown[], unknown>,
    run: () => Result,
  ) => Result;
}

/** SQLite refused the statement; the message is SQLite's, without the hints that newer versions append. */
export class SqlRefused extends Error {
  override readonly name = 'SqlRefused';
  /** SQLite's own code, e.g. SQLITE_BUSY. */
  readonly code: string;

  constructor(message: string, code: string, cause: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** What SQLite says about a text without a statement. */
const NO_STATEMENT = 'not an error';
const NO_STATEMENT_ANSWER = /^The supplied SQL string contains no statements$/;
/** What better-sqlite3 says to `a; b` and to `;a`. */
const NOT_ONE_STATEMENT = /The supplied SQL string contains (more than one statement|no statements)/;
const HINT = / - should this be a string literal in single-quotes\?$/;

/** What a statement may cost where everybody waits for it. */
export interface SmallReads {
  readonly rowsMax: number;
  readonly judge: (db: Database.Database, statement: Database.Statement<unknown[], unknown>) => Reading;
}

export interface ExecuteOptions {
  /** Refuse writes, as `PRAGMA query_only`. */
  readonly readOnly?: boolean;
  /** Judges the prepared statement, and runs it or throws. */
  readonly guard?: Guard | undefined;
  /** The statement is a SELECT or changes rows, and is run only when it is small. */
  readonly onlySmall?: SmallReads | undefined;
  /** For the `?` of the text, in their order; those without a value are NULL, as in ProxySQL. */
  readonly parameters?: readonly SqlParameter[] | undefined;
}

/**
 * Runs one statement, the first of the text. Throws SqlRefused.
 * No transaction survives it: admin sessions share one connection, so one that stayed open would swallow the others'
 * work with the next crash.
 */
export function executeSql(db: Database.Database, sql: string, options: ExecuteOptions = {}): SqlResult {
  try {
    if (options.readOnly === true) db.pragma('query_only = ON');
    return run(db, sql, options);
  } catch (error) {
    const first = firstOfSeveral(sql, error);
    if (first === undefined) throw asRefusal(error);
    // As ProxySQL: what stands behind the first statement is not looked at.
    return executeSql(db, first, options);
  } finally {
    if (options.readOnly === true) db.pragma('query_only = OFF');
    if (db.inTransaction) db.exec('COMMIT');
  }
}

/** The first statement of a text that better-sqlite3 refused for not being one; undefined when that was not its reason. */
export function firstOfSeveral(sql: string, error: unknown): string | undefined {
  const first = NOT_ONE_STATEMENT.test(String(error)) ? splitStatements(sql)[0] : undefined;
  return first === sql ? undefined : first;
}

function run(db: Database.Database, sql: string, options: ExecuteOptions): SqlResult {
  if (managesSavepoints(sql)) return { kind: 'count', affectedRows: changes(db) };
  const prepared = prepareSql(db, sql);
  const { statement } = prepared;
  const { guard, onlySmall } = options;
  guard?.check(db, statement);
  const reading = onlySmall?.judge(db, statement);
  if (reading?.small === false) return { kind: 'too-large', sql, reading, writes: !statement.readonly };
  const begin = (): SqlResult => runPrepared(db, sql, prepared, options, reading);
  return guard === undefined ? begin() : guard.around(db, statement, begin);
}

function runPrepared(
  db: Database.Database,
  sql: string,
  { statement, columnName }: PreparedSql,
  { parameters: given, onlySmall }: ExecuteOptions,
  reading: Reading | undefined,
): SqlResult {
  const parameters = boundParameters(sql, given);
  if (!statement.reader) {
    statement.run(...parameters);
    return { kind: 'count', affectedRows: changes(db) };
  }
  const columns = statement.columns().map((column) => columnName(column.name));
  statement.safeIntegers(true).raw(true);
  if (onlySmall === undefined || reading === undefined || !statement.readonly)
    return { kind: 'rows', columns, rows: (statement.all(...parameters) as SqlValue[][]).map(texts) };
  const rows: SqlCell[][] = [];
  for (const row of statement.iterate(...parameters) as IterableIterator<SqlValue[]>) {
    if (rows.length === onlySmall.rowsMax) return { kind: 'too-large', sql, reading, writes: false };
    rows.push(texts(row));
  }
  return { kind: 'rows', columns, rows };
}

function texts(row: readonly SqlValue[]): SqlCell[] {
  return row.map(cellText);
}

/** Runs a statement for nothing but to see that it comes to an end. Throws SqlRefused. */
export function tryStatement(db: Database.Database, sql: string, parameters: readonly SqlParameter[]): void {
  try {
    const { statement } = prepareSql(db, sql);
    if (statement.reader) statement.all(...boundParameters(sql, parameters));
    else statement.run(...boundParameters(sql, parameters));
  } catch (error) {
    throw asRefusal(error);
  }
}

/**
 * The rows of a SELECT one by one; the connection is busy until the last one is taken. Throws SqlRefused, while rows are
 * taken as well.
 */
export function readRows(
  db: Database.Database,
  sql: string,
  parameters: readonly SqlParameter[] = [],
): { readonly columns: readonly string[]; readonly rows: IterableIterator<readonly SqlCell[]> } {
  try {
    const { statement, columnName } = prepareSql(db, sql);
    if (!statement.reader) throw new SqlRefused('the statement returns no rows', 'SQLITE_MISUSE', undefined);
    const columns = statement.columns().map((column) => columnName(column.name));
    statement.safeIntegers(true).raw(true);
    return {
      columns,
      rows: allTexts(statement.iterate(...boundParameters(sql, parameters)) as IterableIterator<SqlValue[]>),
    };
  } catch (error) {
    throw asRefusal(error);
  }
}

function* allTexts(rows: IterableIterator<SqlValue[]>): IterableIterator<readonly SqlCell[]> {
  try {
    for (const row of rows) yield texts(row);
  } catch (error) {
    throw asRefusal(error);
  }
}

function changes(db: Database.Database): number {
  return db.prepare<[], number>('SELECT changes()').pluck().get() ?? 0;
}

/** SAVEPOINT and RELEASE are answered, not run: there are no transactions on the admin port. */
function managesSavepoints(sql: string): boolean {
  return /^\s*(savepoint|release)\b/i.test(sql);
}

/** An error of SQLite as one for the client; others as they are. */
export function asRefusal(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (NO_STATEMENT_ANSWER.test(error.message)) return new SqlRefused(NO_STATEMENT, 'SQLITE_MISUSE', error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code === undefined || !code.startsWith('SQLITE')) return error;
  return new SqlRefused(
    error.message.replace(HINT, '').replace(/^no such column: "([\s\S]*)"$/, 'no such column: $1'),
    code,
    error,
  );
}
