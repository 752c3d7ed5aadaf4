/**
 * Runs one SQL statement and gives its rows or its count, in the texts of ProxySQL.
 * It does not decide who may run what, and fills no table before it is read.
 */
import type Database from 'better-sqlite3';
import { cellText, type SqlValue } from './cell-text.ts';
import { type PreparedSql, prepareSql } from './double-quotes.ts';
import { isCode, splitStatements, tokenize } from './sql-tokens.ts';

export type SqlCell = string | Buffer | null;

/** A value for SQLite. */
export type SqlParameter = number | bigint | string | Buffer | null;

export type SqlResult =
  | { readonly kind: 'rows'; readonly columns: readonly string[]; readonly rows: readonly (readonly SqlCell[])[] }
  /** `affectedRows` is sqlite3_changes(): after DDL it is still that of the statement before, as in ProxySQL. */
  | { readonly kind: 'count'; readonly affectedRows: number };

/** See admin/roles/guard.ts; this file only calls it at the right moment. */
export type Guard = <Result>(
  db: Database.Database,
  statement: Database.Statement<unknown[], unknown>,
  run: () => Result,
) => Result;

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

export interface ExecuteOptions {
  /** Refuse writes, as `PRAGMA query_only`. */
  readonly readOnly?: boolean;
  /** Judges the prepared statement, and runs it or throws. */
  readonly guard?: Guard | undefined;
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

function run(db: Database.Database, sql: string, { guard, parameters = [] }: ExecuteOptions): SqlResult {
  if (managesSavepoints(sql)) return { kind: 'count', affectedRows: changes(db) };
  const prepared = prepareSql(db, sql);
  return guard === undefined
    ? runPrepared(db, sql, prepared, parameters)
    : guard(db, prepared.statement, () => runPrepared(db, sql, prepared, parameters));
}

function runPrepared(
  db: Database.Database,
  sql: string,
  { statement, columnName }: PreparedSql,
  given: readonly SqlParameter[],
): SqlResult {
  const parameters = boundParameters(sql, given);
  if (!statement.reader) {
    statement.run(...parameters);
    return { kind: 'count', affectedRows: changes(db) };
  }
  const columns = statement.columns().map((column) => columnName(column.name));
  statement.safeIntegers(true).raw(true);
  const rows = statement.all(...parameters) as SqlValue[][];
  return { kind: 'rows', columns, rows: rows.map((row) => row.map(cellText)) };
}

/**
 * The rows of a SELECT one by one; the connection is busy until the last one is taken. Throws SqlRefused, while rows are
 * taken as well.
 */
export function readRows(
  db: Database.Database,
  sql: string,
): { readonly columns: readonly string[]; readonly rows: IterableIterator<readonly SqlCell[]> } {
  try {
    const { statement, columnName } = prepareSql(db, sql);
    if (!statement.reader) throw new SqlRefused('the statement returns no rows', 'SQLITE_MISUSE', undefined);
    const columns = statement.columns().map((column) => columnName(column.name));
    statement.safeIntegers(true).raw(true);
    return { columns, rows: texts(statement.iterate(...boundParameters(sql, [])) as IterableIterator<SqlValue[]>) };
  } catch (error) {
    throw asRefusal(error);
  }
}

function* texts(rows: IterableIterator<SqlValue[]>): IterableIterator<readonly SqlCell[]> {
  try {
    for (const row of rows) yield row.map(cellText);
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

/** Parameters that nobody binds are NULL, as in ProxySQL. */
function boundParameters(sql: string, given: readonly SqlParameter[]): unknown[] {
  if (!/[?:@$#]/.test(sql)) return [];
  const names: Record<string, null> = {};
  const positional: unknown[] = [];
  for (const token of tokenize(sql).filter(isCode)) {
    if (token.kind !== 'variable') continue;
    const text = sql.slice(token.start, token.end);
    if (text === '?') positional.push(given[positional.length] ?? null);
    else names[text.slice(1)] = null;
  }
  const parameters = positional;
  if (Object.keys(names).length > 0) parameters.push(names);
  return parameters;
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
