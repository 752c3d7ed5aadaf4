/**
 * Cuts SQL text into tokens by SQLite's lexical rules, and statements apart at their semicolons.
 * It knows no grammar: what a token means is for its readers to say.
 */

export type TokenKind =
  | 'space'
  | 'comment'
  | 'word'
  | 'number'
  /** 'text' */
  | 'string'
  /** "text": an identifier when it resolves, otherwise a string. */
  | 'double-quoted'
  /** `text` or [text] */
  | 'quoted-name'
  | 'blob'
  /** ?, ?NNN, :name, @name, $name */
  | 'variable'
  | 'punctuation'
  /** A quote that is never closed, or a character SQLite does not know. */
  | 'illegal';

export interface Token {
  readonly kind: TokenKind;
  /** Offsets in UTF-16 units; the token is `sql.slice(start, end)`. */
  readonly start: number;
  readonly end: number;
}

/**
 * One alternative per kind, tried in this order at every offset; each is linear in the length of what it takes.
 * Source: https://www.sqlite.org/lang_keywords.html and the syntax diagrams; a block comment may lack its end.
 */
const ALTERNATIVES: readonly (readonly [TokenKind, string])[] = [
  ['space', '[ \\t\\n\\f\\r]+'],
  ['comment', '--[^\\n]*|/\\*(?:[^*]|\\*(?!/))*(?:\\*/)?'],
  ['blob', "[xX]'[0-9a-fA-F]*'"],
  ['string', "'(?:[^']|'')*'"],
  ['double-quoted', '"(?:[^"]|"")*"'],
  ['quoted-name', '`(?:[^`]|``)*`|\\[[^\\]]*\\]'],
  ['number', '0[xX][0-9a-fA-F]+|(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:[eE][+-]?\\d+)?'],
  ['variable', '\\?\\d*|[:@$#][\\w$\\u0080-\\uffff]+'],
  ['word', '[A-Za-z_\\u0080-\\uffff][\\w$\\u0080-\\uffff]*'],
  ['punctuation', '\\|\\||<>|<=|>=|==|!=|<<|>>|->>|->|[-+*/%=<>&|~(),;.]'],
];

/** Each kind is a group by its position: named ones would cost an object a token, and the schema alone has thousands. */
const TOKEN = new RegExp(ALTERNATIVES.map(([, pattern]) => `(${pattern})`).join('|'), 'y');

/** All tokens of the text in order, white space and comments included; together they cover the whole text. */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  for (let start = 0; start < sql.length; ) {
    TOKEN.lastIndex = start;
    const match = TOKEN.exec(sql);
    const kind = match === null ? 'illegal' : kindOf(match);
    // An unclosed quote swallows the rest, as in SQLite.
    const unclosed = kind === 'illegal' && /['"`[]/.test(sql[start]!);
    const end = kind !== 'illegal' ? TOKEN.lastIndex : unclosed ? sql.length : start + 1;
    tokens.push({ kind, start, end });
    start = end;
  }
  return tokens;
}

function kindOf(match: RegExpExecArray): TokenKind {
  for (let group = 1; group < match.length; group += 1) {
    if (match[group] !== undefined) return ALTERNATIVES[group - 1]![0];
  }
  return 'illegal';
}

/** Is the token something the parser sees? */
export function isCode(token: Token): boolean {
  return token.kind !== 'space' && token.kind !== 'comment';
}

/** The name or text inside a quoted token, with doubled quotes undone; other tokens as they are. */
export function unquote(sql: string, token: Token): string {
  const text = sql.slice(token.start, token.end);
  switch (token.kind) {
    case 'string':
      return text.slice(1, -1).replaceAll("''", "'");
    case 'double-quoted':
      return text.slice(1, -1).replaceAll('""', '"');
    case 'quoted-name':
      return text.startsWith('[') ? text.slice(1, -1) : text.slice(1, -1).replaceAll('``', '`');
    default:
      return text;
  }
}

/**
 * The statements of a text, without their semicolons; pieces that hold no code are left out, unless there is nothing
 * else, so that the result is never empty. The body of a CREATE TRIGGER keeps its inner semicolons.
 */
export function splitStatements(sql: string): readonly string[] {
  if (!sql.includes(';')) return [sql];
  const statements: string[] = [];
  let start = 0;
  let words: string[] = [];
  let code = false;
  for (const token of tokenize(sql)) {
    if (sql[token.start] === ';' && token.kind === 'punctuation') {
      if (insideTrigger(words)) continue;
      if (code) statements.push(sql.slice(start, token.start));
      start = token.end;
      words = [];
      code = false;
    } else if (isCode(token)) {
      code = true;
      if (token.kind === 'word') words.push(sql.slice(token.start, token.end).toUpperCase());
    }
  }
  if (code) statements.push(sql.slice(start));
  return statements.length > 0 ? statements : [''];
}

/** As sqlite3_complete() has it: a trigger's body ends with an END right before a semicolon, and a CASE has its own END. */
function insideTrigger(words: readonly string[]): boolean {
  if (words[0] !== 'CREATE') return false;
  const at = words[1] === 'TEMP' || words[1] === 'TEMPORARY' ? 2 : 1;
  if (words[at] !== 'TRIGGER') return false;
  const opened = words.filter((word) => word === 'BEGIN' || word === 'CASE').length;
  return words.filter((word) => word === 'END').length < opened || opened === 0;
}

/**
 * Every name in the text that could be that of a table, in lower case: words and quoted names. Strings are left out,
 * although SQLite takes 'x' for a name where only a name can stand: what is named is refreshed, or even reset.
 */
export function namesIn(sql: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const token of tokenize(sql)) {
    if (token.kind === 'word' || token.kind === 'double-quoted' || token.kind === 'quoted-name')
      names.add(unquote(sql, token).toLowerCase());
  }
  return names;
}
