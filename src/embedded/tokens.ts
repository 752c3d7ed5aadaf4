/**
 * Cuts MySQL text into tokens, enough to rewrite it for SQLite. It judges nothing: every text has tokens, and their
 * texts joined are the text again (except that executable comments are opened up).
 */

export type TokenKind =
  | 'space'
  | 'comment'
  | 'string'
  | 'word'
  | 'quoted-word'
  | 'system-variable'
  | 'user-variable'
  | 'number'
  | 'parameter'
  | 'symbol';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** A string's or quoted word's meaning without quotes; a word in lower case; a variable's name in lower case. */
  readonly value: string;
}

export interface TokenOptions {
  /** sql_mode ANSI_QUOTES: "x" is an identifier. */
  readonly ansiQuotes: boolean;
  /** sql_mode NO_BACKSLASH_ESCAPES. */
  readonly noBackslashEscapes: boolean;
}

/** Every alternative is linear: what is repeated begins with different characters, and the end is optional. */
const TOKEN = new RegExp(
  [
    /(?<space>\s+)/,
    /(?<comment>--(?=\s|$)[^\n]*|#[^\n]*|\/\*[\s\S]*?(?:\*\/|$))/,
    /(?<word>[\p{L}_][\p{L}\p{N}_$]*)/u,
    /(?<backticks>`(?:[^`]|``)*`?)/,
    /(?<system>@@[\w.]+)/,
    /(?<user>@(?:[\w.$]+|`[^`]*`|'[^']*'|"[^"]*"))/,
    /(?<number>0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)/,
    /(?<parameter>\?)/,
    /(?<symbol><=>|:=|&&|\|\||[^'"])/,
  ]
    .map((part) => part.source)
    .join('|'),
  'uy',
);

/** Tokens of a text. */
export function tokenize(text: string, options: TokenOptions): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  while (position < text.length) {
    const char = text[position];
    if (char === "'" || char === '"') {
      const end = quoteEnd(text, position, options.noBackslashEscapes);
      // A quote without its end is left to SQLite, which says so.
      if (end === undefined) tokens.push({ kind: 'symbol', text: text.slice(position), value: text.slice(position) });
      else tokens.push(quoted(text.slice(position, end), char, options));
      position = end ?? text.length;
      continue;
    }
    TOKEN.lastIndex = position;
    const groups = TOKEN.exec(text)?.groups;
    if (groups === undefined) break;
    position = TOKEN.lastIndex;
    const inner = executableComment(groups.comment);
    if (inner === undefined) tokens.push(plainToken(groups));
    else tokens.push(...tokenize(inner, options));
  }
  return tokens;
}

function plainToken(groups: Readonly<Record<string, string | undefined>>): Token {
  if (groups.space !== undefined) return { kind: 'space', text: groups.space, value: '' };
  if (groups.comment !== undefined) return { kind: 'comment', text: groups.comment, value: '' };
  if (groups.word !== undefined) return { kind: 'word', text: groups.word, value: groups.word.toLowerCase() };
  if (groups.backticks !== undefined) {
    const value = groups.backticks.replace(/^`|`$/g, '').replaceAll('``', '`');
    return { kind: 'quoted-word', text: groups.backticks, value };
  }
  if (groups.system !== undefined)
    return { kind: 'system-variable', text: groups.system, value: variableName(groups.system) };
  if (groups.user !== undefined) {
    return {
      kind: 'user-variable',
      text: groups.user,
      value: groups.user.slice(1).replace(/[`'"]/g, '').toLowerCase(),
    };
  }
  if (groups.number !== undefined) return { kind: 'number', text: groups.number, value: groups.number };
  if (groups.parameter !== undefined) return { kind: 'parameter', text: '?', value: '?' };
  const symbol = groups.symbol ?? '';
  return { kind: 'symbol', text: symbol, value: symbol };
}

/** `@@session.sql_mode` is the variable sql_mode. */
function variableName(text: string): string {
  return text
    .slice(2)
    .toLowerCase()
    .replace(/^(global|session|local)\./, '');
}

/** The content of a comment that MySQL executes: a space stands for `/*!NNNNN`. */
function executableComment(comment: string | undefined): string | undefined {
  const match = comment === undefined ? null : /^\/\*M?!\d*([\s\S]*?)(?:\*\/)?$/.exec(comment);
  return match === null ? undefined : ` ${match[1] ?? ''} `;
}

/** Offset just after the quoted text that begins at `start`; undefined when it has no end. */
function quoteEnd(text: string, start: number, noBackslashEscapes: boolean): number | undefined {
  const quote = text[start];
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\' && !noBackslashEscapes) at++;
    else if (text[at] === quote) {
      if (text[at + 1] !== quote) return at + 1;
      at++;
    }
  }
  return undefined;
}

function quoted(text: string, quote: "'" | '"', options: TokenOptions): Token {
  const inner = text.slice(1, -1).replaceAll(quote + quote, quote);
  if (quote === '"' && options.ansiQuotes) return { kind: 'quoted-word', text, value: inner };
  return { kind: 'string', text, value: options.noBackslashEscapes ? inner : unescapeBackslashes(inner) };
}

/** Source: MySQL manual, "String Literals". `\%` and `\_` keep their backslash, for LIKE. */
const ESCAPES: Readonly<Record<string, string>> = {
  '0': '\0',
  b: '\b',
  n: '\n',
  r: '\r',
  t: '\t',
  Z: '\x1a',
  '%': '\\%',
  _: '\\_',
};

function unescapeBackslashes(text: string): string {
  return text.includes('\\') ? text.replace(/\\([\s\S])/g, (_, char: string) => ESCAPES[char] ?? char) : text;
}
