/**
 * Values for the parameters of a statement, as better-sqlite3 wants them. It runs nothing.
 */
import { isCode, tokenize } from './sql-tokens.ts';

/** A value for SQLite. */
export type SqlParameter = number | bigint | string | Buffer | null;

/** The values of a text's `?` in their order; parameters that nobody gives a value are NULL, as in ProxySQL. */
export function boundParameters(sql: string, given: readonly SqlParameter[] = []): unknown[] {
  if (!/[?:@$#]/.test(sql)) return [];
  const names: Record<string, null> = {};
  const positional: unknown[] = [];
  for (const token of tokenize(sql).filter(isCode)) {
    if (token.kind !== 'variable') continue;
    const text = sql.slice(token.start, token.end);
    if (text === '?') positional.push(given[positional.length] ?? null);
    else names[text.slice(1)] = null;
  }
  return Object.keys(names).length > 0 ? [...positional, names] : positional;
}
