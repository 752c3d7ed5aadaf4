/**
 * Runs one SQL statement and gives its rows or its count, in the texts of ProxySQL.
 * It does not decide who may run what, and fills no table before it is read.
 */
import type Database from 'better-sqlite3';
import { cellText, type SqlValue } from './cell-text.ts';
import { type PreparedSql, prepareSql } from './double-quotes.ts';
import { isCode, tokenize } from './sql-tokens.ts';

export type SqlCell = string | Buffer | null;

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
const HINT = / - should this be a string literal in single-quotes\?$/;

export interface ExecuteOptions {
  /** Refuse writes, as `PRAGMA query_only`. */
  readonly readOnly?: boolean;
  /** Judges the prepared statement, and runs it or throws. */
  readonly guard?: Guard | undefined;
}

/**
 * Runs one statement (see splitStatements). Throws SqlRefused.
 * No transaction survives it: admin sessions share one connection, so one that stayed open would swallow the others'
 * work with the next crash.
 */
export function executeSql(db: Database.Database, sql: string, options: ExecuteOptions = {}): SqlResult {
  try {
    if (options.readOnly === true) db.pragma('query_only = ON');
    return run(db, sql, options.guard);
  } catch (error) {
    throw asRefusal(error);
  } finally {
    if (options.readOnly === true) db.pragma('query_only = OFF');
    if (db.inTransaction) db.exec('COMMIT');
  }
}

function run(db: Database.Database, sql: string, guard: Guard | undefined): SqlResult {
  if (managesSavepoints(sql)) return { kind: 'count', affectedRows: changes(db) };
  const prepared = prepareSql(db, sql);
  return guard === undefined
    ? runPrepared(db, sql, prepared)
    : guard(db, prepared.statement, () => runPrepared(db, sql, prepared));
}

function runPrepared(db: Database.Database, sql: string, { statement, columnName }: PreparedSql): SqlResult {
  const parameters = unboundParameters(sql);
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
    return { columns, rows: texts(statement.iterate(...unboundParameters(sql)) as IterableIterator<SqlValue[]>) };
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
function unboundParameters(sql: string): unknown[] {
  if (!/[?:@$#]/.test(sql)) return [];
  const names: Record<string, null> = {};
  let positional = 0;
  for (const token of tokenize(sql).filter(isCode)) {
    if (token.kind !== 'variable') continue;
    const text = sql.slice(token.start, token.end);
    if (text === '?') positional++;
    else names[text.slice(1)] = null;
  }
  const parameters: unknown[] = new Array(positional).fill(null);
  if (Object.keys(names).length > 0) parameters.push(names);
  return parameters;
}

function asRefusal(error: unknown): unknown {
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
