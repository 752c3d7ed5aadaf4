/**
 * The part of SET that the proxy may answer itself, because it can repeat it on any backend with the same meaning:
 * literals assigned to tracked session variables, SET NAMES, transaction characteristics. All else is `unknown`, with
 * a reason, and goes to a server. Whether a charset exists or a value is valid is not checked here.
 */
import { IGNORED_VARIABLES, TRACKED_VARIABLES, type VariableKind } from './tracked-variables.ts';

export { IGNORED_VARIABLES, TRACKED_VARIABLES } from './tracked-variables.ts';

export interface SetAssignment {
  /** In small letters, without its scope; tx_isolation and tx_read_only by their names transaction_…. */
  readonly name: string;
  /** SQL text of the value as written, quotes included. */
  readonly value: string;
}

/** SET NAMES or SET CHARACTER SET, spelled as written but without quotes. */
export interface SetNames {
  readonly charset: string;
  readonly collation?: string;
  /** SET CHARACTER SET: the connection's charset and collation become those of the schema. */
  readonly characterSetOnly?: true;
}

export type IsolationLevel = 'READ UNCOMMITTED' | 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';
export type AccessMode = 'READ ONLY' | 'READ WRITE';

export type SetResult =
  | {
      readonly kind: 'assignments';
      /** Takes place before the assignments. */
      readonly names?: SetNames;
      /** In order; a later one to the same variable counts. Without those in IGNORED_VARIABLES. */
      readonly assignments: readonly SetAssignment[];
      readonly ignored: readonly string[];
      /** What wait_timeout is set to, as written: no server is told, for its connections serve other sessions too. */
      readonly waitTimeout?: string;
    }
  /** SET TRANSACTION without SESSION: of the next transaction only. */
  | { readonly kind: 'next-transaction'; readonly isolation?: IsolationLevel; readonly access?: AccessMode }
  | { readonly kind: 'unknown'; readonly reason: string };

/** Longer texts are not looked at. */
export const SET_TEXT_LENGTH_MAX = 65_536;

/** A reason to leave the statement to a server; caught in parseSet. It names no values: they may be passwords. */
class NotOurs extends Error {}

interface Token {
  readonly kind: 'word' | 'number' | 'string' | 'system' | 'sign' | 'end';
  readonly text: string;
}

const END: Token = { kind: 'end', text: '' };
/** White space, or a comment that every server skips: not the executable kinds, and no optimizer hint. */
const GAP = /(?:[ \t\r\n\f\v]|\/\*(?![!+M])[^*]*\*+(?:[^/*][^*]*\*+)*\/)*/y;
// Strings with quotes, backslashes or line ends inside mean different things in different modes: they match nothing.
const TOKEN =
  /([A-Za-z_][A-Za-z0-9_]*)|([0-9]+(?:\.[0-9]+)?(?![A-Za-z0-9_.$]))|('[^'"\\`\r\n\0]*'(?!')|"[^'"\\`\r\n\0]*"(?!"))|(@@(?:(?:session|local)\.)?[A-Za-z_][A-Za-z0-9_]*)|(:=|[=,;+-])/iy;

/** Parses a statement that begins with SET. Takes time linear in its length. */
export function parseSet(text: string): SetResult {
  try {
    if (text.length > SET_TEXT_LENGTH_MAX) throw new NotOurs('too long');
    return new SetParser(tokenize(text)).parse();
  } catch (error) {
    if (error instanceof NotOurs) return { kind: 'unknown', reason: error.message };
    throw error;
  }
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    GAP.lastIndex = at;
    at += GAP.exec(text)?.[0].length ?? 0;
    if (at >= text.length) return tokens;
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) throw new NotOurs(`unexpected character at ${at}`);
    const [whole, word, number, string, system] = match;
    const kind =
      word !== undefined
        ? 'word'
        : number !== undefined
          ? 'number'
          : string !== undefined
            ? 'string'
            : system !== undefined
              ? 'system'
              : 'sign';
    tokens.push({ kind, text: whole });
    at += whole.length;
    // `1AND`, `'a'b`, `x'4D'` and their like: a name touching a literal is no SET of ours.
    if (kind !== 'sign' && /[\w$'"`\x80-\uffff]/.test(text[at] ?? '')) throw new NotOurs('literals too close together');
  }
}

/** The scope an assignment was written with; `none` means the session too, but for transaction characteristics. */
type Scope = 'none' | 'session';

class SetParser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #names: SetNames | undefined;
  readonly #assignments: SetAssignment[] = [];
  readonly #ignored: string[] = [];
  #waitTimeout: string | undefined;

  constructor(tokens: readonly Token[]) {
    let length = tokens.length;
    while (length > 0 && tokens[length - 1]?.text === ';') length -= 1;
    this.#tokens = tokens.slice(0, length);
  }

  parse(): SetResult {
    if (!this.#takeWord('SET')) throw new NotOurs('not a SET');
    const transaction = this.#parseTransaction();
    if (transaction !== undefined) return transaction;
    do {
      this.#parseItem();
    } while (this.#takeSign(','));
    if (this.#peek() !== END) throw new NotOurs(`unexpected ${this.#peek().kind}`);
    return {
      kind: 'assignments',
      assignments: this.#assignments,
      ignored: this.#ignored,
      ...(this.#waitTimeout === undefined ? {} : { waitTimeout: this.#waitTimeout }),
      ...(this.#names === undefined ? {} : { names: this.#names }),
    };
  }

  #peek(ahead = 0): Token {
    return this.#tokens[this.#at + ahead] ?? END;
  }

  #next(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  #isWord(word: string, ahead = 0): boolean {
    const token = this.#peek(ahead);
    return token.kind === 'word' && token.text.toUpperCase() === word;
  }

  #takeWord(...words: readonly string[]): boolean {
    if (!words.every((word, i) => this.#isWord(word, i))) return false;
    this.#at += words.length;
    return true;
  }

  #takeSign(sign: string): boolean {
    if (this.#peek().kind !== 'sign' || this.#peek().text !== sign) return false;
    this.#at += 1;
    return true;
  }

  /** SET [SESSION] TRANSACTION …, or one unscoped transaction variable, which is of the next transaction as well. */
  #parseTransaction(): SetResult | undefined {
    if (this.#takeWord('TRANSACTION')) return { kind: 'next-transaction', ...this.#parseCharacteristics() };
    if (this.#takeWord('SESSION', 'TRANSACTION') || this.#takeWord('LOCAL', 'TRANSACTION')) {
      const { isolation, access } = this.#parseCharacteristics();
      if (isolation !== undefined) this.#assign('transaction_isolation', `'${isolation.replace(' ', '-')}'`);
      if (access !== undefined) this.#assign('transaction_read_only', access === 'READ ONLY' ? '1' : '0');
      return { kind: 'assignments', assignments: this.#assignments, ignored: [] };
    }
    return undefined;
  }

  #parseCharacteristics(): { isolation?: IsolationLevel; access?: AccessMode } {
    const found: { isolation?: IsolationLevel; access?: AccessMode } = {};
    do {
      if (this.#takeWord('ISOLATION', 'LEVEL')) {
        if (found.isolation !== undefined) throw new NotOurs('two isolation levels');
        found.isolation = this.#parseLevel();
      } else {
        if (found.access !== undefined) throw new NotOurs('two access modes');
        found.access = this.#parseAccess();
      }
    } while (this.#takeSign(','));
    if (this.#peek() !== END) throw new NotOurs(`unexpected ${this.#peek().kind}`);
    return found;
  }

  #parseLevel(): IsolationLevel {
    if (this.#takeWord('READ', 'UNCOMMITTED')) return 'READ UNCOMMITTED';
    if (this.#takeWord('READ', 'COMMITTED')) return 'READ COMMITTED';
    if (this.#takeWord('REPEATABLE', 'READ')) return 'REPEATABLE READ';
    if (this.#takeWord('SERIALIZABLE')) return 'SERIALIZABLE';
    throw new NotOurs('unknown isolation level');
  }

  #parseAccess(): AccessMode {
    if (this.#takeWord('READ', 'ONLY')) return 'READ ONLY';
    if (this.#takeWord('READ', 'WRITE')) return 'READ WRITE';
    throw new NotOurs('unknown transaction characteristic');
  }

  #parseItem(): void {
    const isAssignment = this.#peek(1).text === '=' || this.#peek(1).text === ':=';
    if (!isAssignment && this.#takeWord('NAMES')) this.#setNames(this.#parseNames());
    else if (!isAssignment && (this.#takeWord('CHARACTER', 'SET') || this.#takeWord('CHARSET'))) {
      this.#setNames({ charset: this.#parseName(), characterSetOnly: true });
    } else this.#parseAssignment();
  }

  #setNames(names: SetNames): void {
    const charsetBefore = this.#assignments.some(({ name }) => /^(character_set|collation)_/.test(name));
    if (charsetBefore || this.#names !== undefined) throw new NotOurs('charset set twice');
    this.#names = names;
  }

  #parseNames(): SetNames {
    const charset = this.#parseName();
    // DEFAULT is that of the character set, which is what there is without a word about it.
    if (!this.#takeWord('COLLATE') || this.#takeWord('DEFAULT')) return { charset };
    return { charset, collation: this.#parseName() };
  }

  /** A charset or collation, quoted or not. */
  #parseName(): string {
    const token = this.#next();
    const name = token.kind === 'string' ? token.text.slice(1, -1) : token.text;
    if (!['word', 'string'].includes(token.kind) || !/^\w+$/.test(name)) throw new NotOurs('no charset name');
    return name;
  }

  #parseAssignment(): void {
    let scope: Scope = 'none';
    if (!['=', ':='].includes(this.#peek(1).text) && (this.#takeWord('SESSION') || this.#takeWord('LOCAL'))) {
      scope = 'session';
    }
    const target = this.#next();
    let name = target.text.toLowerCase();
    if (target.kind === 'system' && scope === 'none') {
      if (name.includes('.')) scope = 'session';
      name = name.slice(name.includes('.') ? name.indexOf('.') + 1 : 2);
    } else if (target.kind !== 'word') {
      throw new NotOurs(`unexpected ${target.kind}`);
    }
    if (!this.#takeSign('=') && !this.#takeSign(':=')) throw new NotOurs(`no assignment after ${name}`);
    this.#assignTracked(name, scope);
  }

  #assignTracked(name: string, scope: Scope): void {
    const kind = TRACKED_VARIABLES.get(name);
    if (IGNORED_VARIABLES.has(name)) {
      const value = this.#parseValue('text', name);
      if (name === 'wait_timeout') this.#waitTimeout = value;
      else this.#ignored.push(name);
    } else if (kind === undefined) {
      throw new NotOurs(`variable ${name} is not tracked`);
    } else if ((kind === 'isolation' || kind === 'access') && scope === 'none') {
      throw new NotOurs(`${name} without SESSION is of the next transaction`);
    } else {
      this.#assign(name.replace(/^tx_/, 'transaction_'), this.#parseValue(kind, name));
    }
  }

  #assign(name: string, value: string): void {
    this.#assignments.push({ name, value });
  }

  /** The literal of an assignment, which ends with it: what follows must be a comma or the end. */
  #parseValue(kind: VariableKind, name: string): string {
    const token = this.#next();
    const negative = token.text === '-' && this.#peek().kind === 'number';
    const value = negative ? `-${this.#next().text}` : token.text;
    const valueKind = negative ? 'number' : token.kind;
    const after = this.#peek();
    if (after !== END && after.text !== ',') throw new NotOurs(`the value of ${name} is no literal`);
    if (!isValueOf(kind, valueKind, value, name)) throw new NotOurs(`no literal for ${name}`);
    return value;
  }
}

const BOOLEAN = /^(?:ON|OFF|TRUE|FALSE|0|1)$/i;
const QUOTED_BOOLEAN = /^['"](?:ON|OFF)['"]$/i;
const ISOLATION = /^['"](?:READ-UNCOMMITTED|READ-COMMITTED|REPEATABLE-READ|SERIALIZABLE)['"]$/i;
/** Words that are values or functions and not names: their meaning is the server's. */
const NO_NAME = /^(?:NULL|TRUE|FALSE|CURRENT_\w+|LOCALTIME|LOCALTIMESTAMP|UTC_\w+)$/i;
const CHARSET_NAME = /^(['"]?)\w+\1$/;

function isValueOf(kind: VariableKind, token: Token['kind'], value: string, name: string): boolean {
  if (token !== 'word' && token !== 'number' && token !== 'string') return false;
  const isDefault = /^DEFAULT$/i.test(value);
  switch (kind) {
    case 'autocommit':
      return BOOLEAN.test(value);
    case 'access':
      return BOOLEAN.test(value);
    case 'boolean':
      return isDefault || BOOLEAN.test(value) || QUOTED_BOOLEAN.test(value);
    case 'number':
      return isDefault || token === 'number';
    case 'text':
      return token !== 'word' || !NO_NAME.test(value);
    case 'isolation':
      return ISOLATION.test(value);
    case 'charset':
      if (/^NULL$/i.test(value)) return name === 'character_set_results';
      return !isDefault && token !== 'number' && CHARSET_NAME.test(value);
    case 'collation':
      return !isDefault && token !== 'number' && CHARSET_NAME.test(value);
  }
}
