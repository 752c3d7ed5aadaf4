/**
 * The forms of SET on the admin port: what drivers send and is of no effect, and SET of configuration variables. Pure;
 * it does not know which configuration variables there are.
 */
import { isSessionVariable } from './session-variables.ts';
import type { AdminStatement } from './statement.ts';

const OK = { kind: 'ok' } as const;

/** Answered with OK and nothing else. */
const WITHOUT_EFFECT: readonly RegExp[] = [
  /^set names/i,
  /^set autocommit/i,
  /^set (session )?character_set_results/i,
  /^set sql_auto_is_null/i,
  /^SET SQL_SAFE_UPDATES=1$/,
  /^SET SQL_QUOTE_SHOW_CREATE=1$/,
  /^set (session )?transaction /i,
];

const PROXYSQLS = /^(mysql|admin)-/;

/** ProxySQL takes a value up to the next `=`, also within quotes; what is left is a syntax error more often than not. */
function cut(value: string): string {
  return value.replace(/=[\s\S]*/, '');
}

/**
 * `sql` is the statement as it came, `text` the same collapsed. undefined when it has no form of a SET, so that SQLite
 * says what is wrong with it.
 */
export function classifySet(sql: string, text: string, strict: boolean): AdminStatement | undefined {
  if (WITHOUT_EFFECT.some((pattern) => pattern.test(text))) return OK;
  // Without a value it is still about a variable: one that is not there, or a syntax error.
  const [, left = '', value = ''] = /^set\s+([^=]*?)\s*(?::?=\s*([\s\S]*))?$/i.exec(sql) ?? [];
  if (left === '') return undefined;
  const name = left.replace(/\s+/g, ' ');
  // ProxySQL says so in the info text of an OK; drivers that set the variables of a real server live on that.
  if (isSessionVariable(name)) return { kind: 'ok', info: `ERROR: Unknown global variable: '${name}'.` };
  return { kind: 'set', name, value: !strict && PROXYSQLS.test(name) ? cut(value) : value };
}
