/**
 * What a statement will want and give, as SQLite sees it before it runs: for COM_STMT_PREPARE. It runs nothing.
 */
import type Database from 'better-sqlite3';
import { prepareSql } from './double-quotes.ts';
import { asRefusal, firstOfSeveral } from './execute.ts';
import { isCode, tokenize } from './sql-tokens.ts';

export interface Description {
  readonly parameterCount: number;
  readonly columns: readonly string[];
}

/** Of the first statement, as executeSql runs it. Throws SqlRefused when the text is no SQL. */
export function describeSql(db: Database.Database, sql: string): Description {
  try {
    const { statement, columnName } = prepareSql(db, sql);
    const columns = statement.reader ? statement.columns().map((column) => columnName(column.name)) : [];
    return { parameterCount: countParameters(sql), columns };
  } catch (error) {
    const first = firstOfSeveral(sql, error);
    if (first !== undefined) return describeSql(db, first);
    throw asRefusal(error);
  }
}

/** The `?` of a text that stand for values. */
export function countParameters(sql: string): number {
  if (!sql.includes('?')) return 0;
  return tokenize(sql).filter(
    (token) => isCode(token) && token.kind === 'variable' && sql.slice(token.start, token.end) === '?',
  ).length;
}
