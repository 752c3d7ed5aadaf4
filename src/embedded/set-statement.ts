/**
 * SET: which variables get which values. It evaluates nothing itself; expressions are handed to SQLite by the caller.
 */
import { mysqlErrors } from './mysql-errors.ts';
import type { Scalar, SessionVariables } from './session-variables.ts';
import type { Token } from './tokens.ts';

const SCOPES: ReadonlySet<string> = new Set(['session', 'local', 'global', 'persist']);

/** Carries out `SET …`. Throws MysqlError when it is not understood. */
export function runSet(
  tokens: readonly Token[],
  variables: SessionVariables,
  evaluate: (expression: readonly Token[]) => Scalar,
): void {
  for (const item of splitAtCommas(tokens.slice(1))) runItem(item, variables, evaluate);
}

function runItem(
  tokens: readonly Token[],
  variables: SessionVariables,
  evaluate: (expression: readonly Token[]) => Scalar,
): void {
  const item = SCOPES.has(tokens[0]?.value ?? '') ? tokens.slice(1) : tokens;
  const [target, operator] = item;
  const value = item.slice(2);
  if (target?.value === 'transaction') setTransaction(item, variables);
  else if (target?.value === 'names' || target?.value === 'charset') setNames(item.slice(1), variables);
  else if (target?.value === 'character' && operator?.value === 'set') setNames(value, variables);
  else if (target === undefined || (operator?.value !== '=' && operator?.value !== ':=')) {
    throw mysqlErrors.syntax(operator?.text ?? target?.text ?? '');
  } else if (target.kind === 'user-variable') variables.setUser(target.value, evaluate(value));
  else if (value.length === 1 && value[0]?.kind === 'word') variables.set(target.value, wordValue(value[0]));
  else variables.set(target.value, evaluate(value));
}

/** `SET sql_mode = ANSI`: a bare word stands for itself. */
function wordValue(word: Token): Scalar | undefined {
  if (word.value === 'default') return undefined;
  return word.value === 'null' ? null : word.text;
}

function setNames(tokens: readonly Token[], variables: SessionVariables): void {
  const charset = tokens[0]?.value ?? '';
  if (charset === '') throw mysqlErrors.syntax('');
  for (const role of ['client', 'connection', 'results']) variables.set(`character_set_${role}`, charset);
  if (tokens[1]?.value === 'collate') variables.set('collation_connection', tokens[2]?.value ?? '');
}

/** `ISOLATION LEVEL READ COMMITTED` is remembered; SQLite's transactions are always serializable. */
function setTransaction(tokens: readonly Token[], variables: SessionVariables): void {
  const words = tokens.map((token) => token.value);
  const at = words.indexOf('level');
  if (at < 0) return;
  const level = words
    .slice(at + 1)
    .join('-')
    .toUpperCase();
  variables.set('transaction_isolation', level);
  variables.set('tx_isolation', level);
}

function splitAtCommas(tokens: readonly Token[]): Token[][] {
  const items: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.text === '(') depth++;
    else if (token.text === ')') depth--;
    if (token.text === ',' && depth === 0) items.push([]);
    else items.at(-1)?.push(token);
  }
  return items;
}
