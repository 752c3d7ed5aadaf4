/**
 * CONNECTION_ID() among the items of a SELECT without FROM, as drivers ask for it with other things at once: finds it and
 * makes a text that says a number in its place. A server would give the number of a pooled connection. Never inside
 * strings, comments, expressions or subqueries; a text that servers may read in different ways is left alone.
 */
import { type Reading, Scanner, Token } from './scanner.ts';

const READING: Reading = { backslashInSingle: true, backslashInDouble: true, versionedComments: true };

const FUNCTION = 'CONNECTION_ID';

/** Words between SELECT and its items. */
const MODIFIERS: ReadonlySet<string> = new Set([
  'ALL',
  'DISTINCT',
  'DISTINCTROW',
  'HIGH_PRIORITY',
  'STRAIGHT_JOIN',
  'SQL_SMALL_RESULT',
  'SQL_BIG_RESULT',
  'SQL_BUFFER_RESULT',
  'SQL_CACHE',
  'SQL_NO_CACHE',
  'SQL_CALC_FOUND_ROWS',
]);

/** Words that end the items. */
const CLAUSES: ReadonlySet<string> = new Set(
  'FROM WHERE GROUP HAVING WINDOW QUALIFY ORDER LIMIT OFFSET FETCH INTO PROCEDURE FOR LOCK UNION EXCEPT INTERSECT MINUS'.split(
    ' ',
  ),
);

/** Words behind an operand that make an expression of it; any other is an alias. */
const OPERATORS: ReadonlySet<string> = new Set(
  'AND OR XOR DIV MOD IS IN LIKE BETWEEN REGEXP RLIKE NOT COLLATE SOUNDS MEMBER OVER'.split(' '),
);

/** Names that servers make of an item are never longer, in bytes. */
const NAME_BYTES_MAX = 64;

const SPACE = 0x20;
const COMMA = 0x2c;

/** Where a call is to be replaced, and whether the item has an alias. */
interface Call {
  readonly start: number;
  readonly end: number;
  readonly named: boolean;
}

// Scratch: not re-entrant.
const scanner = new Scanner();

/**
 * The statement with `id` as what CONNECTION_ID() is, in a column of the name the server would have given; undefined when
 * there is nothing to say in its place.
 * @param text one SELECT
 */
export function withConnectionId(text: Buffer, id: number): Buffer | undefined {
  const calls = callsIn(text);
  if (calls.length === 0) return undefined;
  const parts: Buffer[] = [];
  let at = 0;
  for (const { start, end, named } of calls) {
    // CONNECTION_ID() is an unsigned BIGINT on MySQL.
    const literal = `CAST(${id} AS UNSIGNED)`;
    const name = named ? '' : ` AS \`${text.toString('latin1', start, end)}\``;
    parts.push(text.subarray(at, start), Buffer.from(literal + name, 'latin1'));
    at = end;
  }
  return Buffer.concat([...parts, text.subarray(at)]);
}

function callsIn(text: Buffer): readonly Call[] {
  const calls: Call[] = [];
  scanner.start(text, 0, text.length, READING);
  if (scanner.next() !== Token.WORD || wordOf(text) !== 'SELECT') return [];
  let token = scanner.next();
  while (token === Token.WORD && MODIFIERS.has(wordOf(text))) token = scanner.next();
  for (;;) {
    token = readItem(text, token, calls);
    while (!endsItem(text, token)) token = scanner.next();
    if (!isComma(text, token)) break;
    token = scanner.next();
  }
  // What is in tables, such as the list of processes, has the server's own numbers.
  for (; token !== Token.END; token = scanner.next()) {
    if (token !== Token.WORD || scanner.depth > 0 || wordOf(text) !== 'FROM') continue;
    if (scanner.next() !== Token.WORD || wordOf(text) !== 'DUAL') return [];
  }
  return scanner.ambiguities === 0 ? calls : [];
}

/** Reads on from the first token of an item to one behind the call, if it is one, or no further; returns that token. */
function readItem(text: Buffer, first: Token, calls: Call[]): Token {
  if (first !== Token.WORD || wordOf(text) !== FUNCTION) return first;
  const start = scanner.tokenStart;
  let end = scanner.tokenEnd;
  for (const wanted of [Token.OPEN, Token.CLOSE]) {
    const token = scanner.next();
    if (token !== wanted || !isBlank(text, end, scanner.tokenStart)) return token;
    end = scanner.tokenEnd;
  }
  if (end - start > NAME_BYTES_MAX) return scanner.next();
  let token = scanner.next();
  const as = token === Token.WORD && wordOf(text) === 'AS';
  if (as) token = scanner.next();
  const named = as || !endsItem(text, token);
  if (named) {
    if (!isAlias(text, token)) return token;
    token = scanner.next();
  }
  if (endsItem(text, token)) calls.push({ start, end, named });
  return token;
}

function isAlias(text: Buffer, token: Token): boolean {
  if (token === Token.WORD) return !OPERATORS.has(wordOf(text));
  return token === Token.NAME || token === Token.STRING || token === Token.DOUBLE;
}

function endsItem(text: Buffer, token: Token): boolean {
  if (token === Token.END || token === Token.SEMICOLON) return true;
  if (scanner.depth > 0) return false;
  return isComma(text, token) || (token === Token.WORD && CLAUSES.has(wordOf(text)));
}

function isComma(text: Buffer, token: Token): boolean {
  return token === Token.OTHER && scanner.depth === 0 && text[scanner.tokenStart] === COMMA;
}

/** No comment, and no end of one. */
function isBlank(text: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i += 1) if ((text[i] ?? 0) > SPACE) return false;
  return true;
}

function wordOf(text: Buffer): string {
  return text.toString('latin1', scanner.tokenStart, scanner.tokenEnd).toUpperCase();
}
