/**
 * Walking over tokens: looking ahead, insisting, giving up. What both parsers (queries and whole statements) share.
 */
import { DOT, Kind, SEMICOLON } from './lexer.ts';
import type { ColumnName, TableName } from './query-ast.ts';
import type { Tokens } from './tokens.ts';
import { isReserved } from './words.ts';

export const OPEN = 0x28;
export const CLOSE = 0x29;
export const COMMA = 0x2c;
export const STAR = 0x2a;

/** Queries in queries, and joins in parentheses, beyond this depth are not followed: the statement counts as unreadable. */
export const JUDGE_DEPTH_MAX = 64;

/**
 * What one text may consist of, as {@link TokenCursor.spend} weighs it: a name, function or expression is 1, a query, a
 * table, a statement is {@link PART}. Some tenths of a second; literals cost nothing here.
 */
export const JUDGE_PARTS_MAX = 50_000;

/** The weight of what is worth many names. */
export const PART = 10;

/** The text is not understood, or not in this way; whoever may touch something protected with it is refused. */
export class NotUnderstood extends Error {
  /** It may be right, but is too large or nested too deeply. */
  readonly tooComplex: boolean;

  constructor(tooComplex: boolean) {
    super('not understood');
    this.tooComplex = tooComplex;
  }
}

/** Made once: texts of many statements may not be understood as often. */
export const NOT_UNDERSTOOD = new NotUnderstood(false);
export const TOO_COMPLEX = new NotUnderstood(true);

export class TokenCursor {
  readonly tokens: Tokens;
  readonly mariadb: boolean;
  /** Index of the next token. */
  at: number;
  /** The result depends on the value of a literal, not on the shape of the text alone. */
  usedLiteral = false;
  /** Levels of recursion that are open. */
  depth = 0;
  #parts = 0;

  constructor(tokens: Tokens, mariadb: boolean, at = 0) {
    this.tokens = tokens;
    this.mariadb = mariadb;
    this.at = at;
  }

  kind(ahead = 0): number {
    return this.tokens.kind(this.at + ahead);
  }

  /** The keyword at the cursor, '' when it is none. */
  word(ahead = 0): string {
    return this.tokens.upper(this.at + ahead);
  }

  fail(): never {
    throw NOT_UNDERSTOOD;
  }

  /** Something costs as much as that many names. */
  spend(parts: number): void {
    this.#parts += parts;
    if (this.#parts > JUDGE_PARTS_MAX) throw TOO_COMPLEX;
  }

  enter(): void {
    this.depth += 1;
    if (this.depth > JUDGE_DEPTH_MAX) throw TOO_COMPLEX;
  }

  leave(): void {
    this.depth -= 1;
  }

  /** Takes the word when it is there. */
  takeWord(...words: readonly string[]): boolean {
    if (this.kind() !== Kind.WORD || !words.includes(this.word())) return false;
    this.at += 1;
    return true;
  }

  needWord(...words: readonly string[]): void {
    if (!this.takeWord(...words)) this.fail();
  }

  take(kind: number): boolean {
    if (this.kind() !== kind) return false;
    this.at += 1;
    return true;
  }

  need(kind: number): void {
    if (!this.take(kind)) this.fail();
  }

  atEnd(): boolean {
    return this.kind() === Kind.END || this.kind() === SEMICOLON;
  }

  /** A word that may be a name, or a quoted name. */
  isName(ahead = 0): boolean {
    const kind = this.kind(ahead);
    return kind === Kind.NAME || (kind === Kind.WORD && !isReserved(this.word(ahead), this.mariadb));
  }

  name(): string {
    if (!this.isName()) this.fail();
    return this.anyName();
  }

  /** Any word or quoted name, reserved or not: what may stand behind a dot or AS. */
  anyName(): string {
    const kind = this.kind();
    if (kind !== Kind.WORD && kind !== Kind.NAME) this.fail();
    const name = this.tokens.name(this.at);
    this.at += 1;
    if (name === undefined) this.fail();
    return name;
  }

  /** The value of a string literal, which makes the result one of this very text. */
  literal(): string {
    if (this.kind() !== Kind.STRING) this.fail();
    this.usedLiteral = true;
    const value = this.tokens.string(this.at);
    this.at += 1;
    if (value === undefined) this.fail();
    return value;
  }

  /** `t`, `s.t`, `.t` */
  tableName(): TableName {
    this.spend(PART);
    if (this.take(DOT)) return { schema: undefined, name: this.anyName() };
    const first = this.name();
    if (!this.take(DOT)) return { schema: undefined, name: first };
    return { schema: first, name: this.anyName() };
  }

  /** `c`, `t.c`, `s.t.c`, `.t.c`; undefined, with the cursor where it was, when this is none. */
  tryColumnName(): ColumnName | undefined {
    this.spend(1);
    const start = this.at;
    const leadingDot = this.take(DOT);
    if (!leadingDot && !this.isName()) return undefined;
    const parts = [this.tokens.name(this.at)];
    this.at += 1;
    while (this.kind() === DOT && (this.kind(1) === Kind.WORD || this.kind(1) === Kind.NAME) && parts.length < 4) {
      parts.push(this.tokens.name(this.at + 1));
      this.at += 2;
    }
    const [column, table, schema] = parts.reverse();
    const wrong = parts.length > 3 || parts.includes(undefined) || (leadingDot && parts.length !== 2);
    if (!wrong && column !== undefined && this.kind() !== OPEN && this.kind() !== DOT) return { schema, table, column };
    this.at = start;
    return undefined;
  }

  /** Names in parentheses: `(a, b)`. */
  nameList(): string[] {
    this.need(OPEN);
    const names: string[] = [];
    do names.push(this.anyName());
    while (this.take(COMMA));
    this.need(CLOSE);
    return names;
  }

  /** From an opening parenthesis to behind the one that closes it. */
  skipParentheses(): void {
    this.need(OPEN);
    for (let open = 1; open > 0; this.at += 1) {
      const kind = this.kind();
      if (kind === Kind.END || kind === SEMICOLON || kind === Kind.ERROR) this.fail();
      if (this.word() === 'SELECT') this.fail();
      if (kind === OPEN) open += 1;
      if (kind === CLOSE) open -= 1;
    }
  }
}
