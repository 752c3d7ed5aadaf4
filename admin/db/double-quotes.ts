/**
 * Prepares SQL in which "text" may be a string: ProxySQL's SQLite reads a double-quoted word as an identifier when it
 * resolves and as a string otherwise, ours is built without that (SQLITE_DQS=0).
 * It asks SQLite what resolves instead of guessing, and runs nothing.
 */
import type Database from 'better-sqlite3';
import { isCode, type Token, tokenize, unquote } from './sql-tokens.ts';

/** Distinct "names" of one statement that are found out one by one; a list of literals beyond it is refused. */
export const DOUBLE_QUOTED_NAMES_MAX = 2000;

export interface PreparedSql {
  readonly statement: Database.Statement<unknown[], unknown>;
  /** Turns a column's name as SQLite gives it into the one the text as written would have had. */
  readonly columnName: (name: string) => string;
}

/** What SQLite says when a double-quoted word is no column; the name comes without its quotes undoubled. */
const NOT_A_COLUMN = /^no such column: "([\s\S]*)" - should this be a string literal in single-quotes\?$/;

interface Candidate {
  readonly token: Token;
  readonly name: string;
  /** Words of one scope see the same columns, so they resolve alike. */
  readonly scope: number;
}

/**
 * Prepares the statement. Throws SQLite's error when the text is wrong in any other way than by its double quotes.
 */
export function prepareSql(db: Database.Database, sql: string): PreparedSql {
  let problem = tryPrepare(db, sql);
  if (!('unresolved' in problem)) return finish(problem, []);
  const candidates = findCandidates(sql);
  const strings = new Set<Candidate>();
  for (let attempt = 0; attempt < DOUBLE_QUOTED_NAMES_MAX && 'unresolved' in problem; attempt++) {
    const name: string = problem.unresolved;
    const found = candidates.filter((candidate) => candidate.name === name && !strings.has(candidate));
    if (found.length === 0) break;
    for (const candidate of whichAreStrings(db, sql, { found, strings, candidates })) strings.add(candidate);
    problem = tryPrepare(db, withStrings(sql, strings));
  }
  return finish(
    problem,
    [...strings].map(({ token }) => sql.slice(token.start, token.end)),
  );
}

type Attempt =
  | { readonly statement: Database.Statement<unknown[], unknown> }
  | { readonly unresolved: string; readonly error: unknown }
  | { readonly error: unknown };

function tryPrepare(db: Database.Database, sql: string): Attempt {
  try {
    return { statement: db.prepare(sql) };
  } catch (error) {
    const unresolved = error instanceof Error ? NOT_A_COLUMN.exec(error.message)?.[1] : undefined;
    return unresolved === undefined ? { error } : { unresolved, error };
  }
}

function finish(attempt: Attempt, rewritten: readonly string[]): PreparedSql {
  if (!('statement' in attempt)) throw attempt.error;
  return { statement: attempt.statement, columnName: (name) => asWritten(name, rewritten) };
}

/** An expression without alias is named by its text, which is to hold the quotes that the client wrote. */
function asWritten(name: string, rewritten: readonly string[]): string {
  return rewritten.reduce((text, quoted) => text.replaceAll(asString(quoted), quoted), name);
}

/** `"it's"` to `'it''s'`. */
function asString(doubleQuoted: string): string {
  return `'${doubleQuoted.slice(1, -1).replaceAll('""', '"').replaceAll("'", "''")}'`;
}

function withStrings(sql: string, strings: Iterable<Candidate>): string {
  const inOrder = [...strings].sort((a, b) => a.token.start - b.token.start);
  let text = '';
  let at = 0;
  for (const { token } of inOrder) {
    text += sql.slice(at, token.start) + asString(sql.slice(token.start, token.end));
    at = token.end;
  }
  return text + sql.slice(at);
}

interface Search {
  /** The words of the name that did not resolve at least once. */
  readonly found: readonly Candidate[];
  readonly strings: ReadonlySet<Candidate>;
  readonly candidates: readonly Candidate[];
}

/**
 * The words to be read as strings next. Usually all words of the name, since one scope is all there is; otherwise each
 * scope is tried with the name turned into strings in all others, so that only its own words can fail.
 */
function whichAreStrings(db: Database.Database, sql: string, search: Search): readonly Candidate[] {
  const { found, strings, candidates } = search;
  const inValues = found.some((candidate) => candidate.scope === VALUES_SCOPE);
  // The VALUES of an INSERT see no columns at all; taking them at once keeps an import of thousands of rows linear.
  if (inValues) return candidates.filter((candidate) => candidate.scope === VALUES_SCOPE);
  const scopes = [...new Set(found.map((candidate) => candidate.scope))];
  if (scopes.length === 1) return found;
  const failing = found.filter(({ scope }) => {
    const others = found.filter((candidate) => candidate.scope !== scope);
    const attempt = tryPrepare(db, withStrings(sql, new Set([...strings, ...others])));
    return 'unresolved' in attempt && attempt.unresolved === found[0]!.name;
  });
  return failing.length > 0 ? failing : found;
}

/** The scope of the VALUES rows of an INSERT or REPLACE. */
const VALUES_SCOPE = -1;
/** Words that begin a scope of their own: what follows sees other columns than what stood before. */
const SCOPE_WORDS = new Set([
  'SELECT',
  'VALUES',
  'CONFLICT',
  'DO',
  'RETURNING',
  'UPDATE',
  'DELETE',
  'INSERT',
  'REPLACE',
  'BEGIN',
]);

/** The double-quoted words of the statement that can stand for a column; `a."b"` and `"a".b` cannot be strings. */
function findCandidates(sql: string): Candidate[] {
  const tokens = tokenize(sql).filter(isCode);
  const candidates: Candidate[] = [];
  const outer: number[] = [];
  let scope = 0;
  let scopes = 0;
  let firstWord: string | undefined;
  for (const [index, token] of tokens.entries()) {
    const text = sql.slice(token.start, token.end);
    if (text === '(') outer.push(scope);
    else if (text === ')') scope = outer.pop() ?? 0;
    else if (token.kind === 'word') {
      const word = text.toUpperCase();
      firstWord ??= word;
      if (word === 'VALUES' && outer.length === 0 && (firstWord === 'INSERT' || firstWord === 'REPLACE'))
        scope = VALUES_SCOPE;
      else if (SCOPE_WORDS.has(word)) scope = ++scopes;
    } else if (token.kind === 'double-quoted' && !besideDot(sql, tokens, index)) {
      // SQLite names the word in its error as it was cut out, doubled quotes undone.
      candidates.push({ token, name: unquote(sql, token), scope });
    }
  }
  return candidates;
}

function besideDot(sql: string, tokens: readonly Token[], index: number): boolean {
  return [tokens[index - 1], tokens[index + 1]].some(
    (token) => token !== undefined && sql[token.start] === '.' && token.kind === 'punctuation',
  );
}
