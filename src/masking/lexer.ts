/**
 * Splits a text into tokens exactly as one server in one mode does: quotes, escapes, executable comments with their
 * versions, numbers that turn out to be names, characters with ASCII in their second byte. Where it cannot be sure it
 * says so (`ambiguous`). It knows no grammar. (src/sql/scanner.ts reads for what is safe to share; it tries several
 * readings and keeps no names, which is not enough to resolve columns.)
 */
import type { TextReading } from './charset.ts';

/** Kinds of tokens; any other token is one byte of punctuation and its kind is that byte (33 and above). */
export const Kind = {
  END: 0,
  /** An unquoted name or a keyword. */
  WORD: 1,
  /** A quoted name. */
  NAME: 2,
  /** A string literal. */
  STRING: 3,
  /** Digits only. */
  INTEGER: 4,
  /** Any other literal: decimals, hexadecimal, bits, \N. */
  NUMBER: 5,
  /** `?` */
  PARAMETER: 6,
  /** `:=` */
  ASSIGN: 7,
  /** `@name`, quoted or not. */
  VARIABLE: 8,
  /** `@@`; the name follows as tokens of its own. */
  SYSTEM: 9,
  /** Something that no server takes: a quote or comment without its end. */
  ERROR: 10,
} as const;

export interface LexerMode {
  readonly ansiQuotes: boolean;
  readonly backslashEscapes: boolean;
  readonly mariadb: boolean;
  /** Undefined: comments with a version are ambiguous. */
  readonly version: number | undefined;
  readonly reading: TextReading;
}

export const DOT = 0x2e;
export const SEMICOLON = 0x3b;
const DOLLAR = 0x24;
const DASH = 0x2d;
const SLASH = 0x2f;
const STAR = 0x2a;
const BANG = 0x21;
const HASH = 0x23;
const PLUS = 0x2b;
const AT = 0x40;
const BACKSLASH = 0x5c;
const BACKTICK = 0x60;
const SINGLE = 0x27;
const DOUBLE = 0x22;
const COLON = 0x3a;
const QUESTION = 0x3f;
const LF = 0x0a;

/** From here on all servers agree on comments in comments. */
const NESTING_VERSION = 80_000;

const BLANK = 1;
const LETTER = 2;
const DIGIT = 3;
const HIGH = 4;

const CLASS = new Uint8Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  if (byte >= 0x80) CLASS[byte] = HIGH;
  else if (byte >= 0x30 && byte <= 0x39) CLASS[byte] = DIGIT;
  else if ((byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)) CLASS[byte] = LETTER;
  else if (byte === 0x5f || byte === DOLLAR) CLASS[byte] = LETTER;
  else if (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) CLASS[byte] = BLANK;
}

export class Lexer {
  /** The token is text[tokenStart, tokenEnd), quotes included. */
  tokenStart = 0;
  tokenEnd = 0;
  /** A server might read something in this text differently. */
  ambiguous = false;
  /** The comments met so far that hold hints for the optimizer; they begin with a plus sign. */
  readonly hints: { readonly start: number; readonly end: number }[] = [];

  readonly #text: Uint8Array;
  readonly #mode: LexerMode;
  readonly #end: number;
  #at = 0;
  #insideComment = false;
  /** The token before was a name, or a dot right behind one. */
  #afterName = false;
  #afterDot = false;

  constructor(text: Uint8Array, mode: LexerMode) {
    this.#text = text;
    this.#mode = mode;
    this.#end = text.length;
  }

  /** The kind of the next token. */
  next(): number {
    const before = this.#at;
    const unclosed = this.#skipBlanksAndComments();
    const adjacent = this.#at === before;
    this.tokenStart = this.#at;
    if (unclosed || this.#at >= this.#end) {
      this.tokenEnd = this.#end;
      const broken = unclosed || this.#insideComment;
      this.#insideComment = false;
      this.#at = this.#end;
      // Read in another way it may have an end.
      if (broken) this.ambiguous = true;
      return broken ? Kind.ERROR : Kind.END;
    }
    const kind = this.#read(adjacent);
    this.tokenEnd = this.#at;
    this.#afterDot = kind === DOT && this.#afterName && adjacent;
    this.#afterName = kind === Kind.WORD || kind === Kind.NAME;
    if (kind === SEMICOLON) this.#insideComment = false;
    return kind;
  }

  #read(adjacent: boolean): number {
    const text = this.#text;
    const byte = text[this.#at]!;
    switch (CLASS[byte]) {
      case LETTER:
      case HIGH:
        return this.#readWordOrPrefixed(byte);
      case DIGIT:
        return this.#afterDot && adjacent ? this.#readWord() : this.#readNumber();
    }
    const following = this.#byteAt(this.#at + 1);
    switch (byte) {
      case SINGLE:
        return this.#readQuoted(SINGLE, this.#mode.backslashEscapes) ? Kind.STRING : Kind.ERROR;
      case DOUBLE:
        if (this.#mode.ansiQuotes) return this.#readQuoted(DOUBLE, false) ? Kind.NAME : Kind.ERROR;
        return this.#readQuoted(DOUBLE, this.#mode.backslashEscapes) ? Kind.STRING : Kind.ERROR;
      case BACKTICK:
        return this.#readQuoted(BACKTICK, false) ? Kind.NAME : Kind.ERROR;
      case AT:
        return this.#readVariable(following);
      case DOT:
        if (CLASS[following] === DIGIT && !(this.#afterName && adjacent)) return this.#readFraction();
        break;
      case COLON:
        if (following === 0x3d) return this.#take(2, Kind.ASSIGN);
        break;
      case QUESTION:
        return this.#take(1, Kind.PARAMETER);
      case BACKSLASH:
        if (following === 0x4e) return this.#take(2, Kind.NUMBER);
        break;
    }
    return this.#take(1, byte < 0x21 || byte === 0x7f ? Kind.ERROR : byte);
  }

  #take(bytes: number, kind: number): number {
    this.#at += bytes;
    return kind;
  }

  #byteAt(at: number): number {
    return at < this.#end ? this.#text[at]! : 0;
  }

  #readWordOrPrefixed(byte: number): number {
    if (this.#byteAt(this.#at + 1) === SINGLE && !this.#afterDot) {
      const letter = byte | 0x20;
      if (letter === 0x78 || letter === 0x62) {
        this.#at += 1;
        return this.#readQuoted(SINGLE, false) ? Kind.NUMBER : Kind.ERROR;
      }
      if (letter === 0x6e) {
        this.#at += 1;
        return this.#readQuoted(SINGLE, this.#mode.backslashEscapes) ? Kind.STRING : Kind.ERROR;
      }
    }
    // MySQL 9 quotes with $…$ in places.
    if (byte === DOLLAR) this.ambiguous = true;
    return this.#readWord();
  }

  #readWord(): number {
    const text = this.#text;
    const length = this.#mode.reading.characterLength;
    let at = this.#at;
    while (at < this.#end) {
      const kind = CLASS[text[at]!]!;
      if (kind === LETTER || kind === DIGIT) {
        at += 1;
      } else if (kind === HIGH) {
        // In single-byte sets some of these are blanks, controls or punctuation, which depends on the set.
        if (this.#mode.reading.singleByte && (text[at]! <= 0xa0 || text[at] === 0xff)) this.ambiguous = true;
        at += length === undefined ? 1 : length(text, at, this.#end);
      } else {
        break;
      }
    }
    this.#at = at;
    return Kind.WORD;
  }

  /** Digits may begin a number or a name: `1e5`, `0x1f` and `12` are numbers, `1st`, `0xyz` and `0X1f` are names. */
  #readNumber(): number {
    const start = this.#at;
    const second = this.#byteAt(start + 1);
    if (this.#text[start] === 0x30 && (second === 0x78 || second === 0x62)) {
      let at = start + 2;
      while (second === 0x78 ? isHex(this.#byteAt(at)) : this.#byteAt(at) === 0x30 || this.#byteAt(at) === 0x31)
        at += 1;
      if (at > start + 2 && !this.#isNameByte(at)) return this.#take(at - start, Kind.NUMBER);
      return this.#readWord();
    }
    let at = this.#skipDigits(start);
    const stop = this.#byteAt(at);
    if (stop === DOT) {
      this.#at = at;
      return this.#readFraction();
    }
    if (!this.#isNameByte(at)) return this.#take(at - start, Kind.INTEGER);
    if ((stop | 0x20) === 0x65) {
      const sign = this.#byteAt(at + 1);
      const digits = sign === 0x2b || sign === DASH ? at + 2 : at + 1;
      if (CLASS[this.#byteAt(digits)] === DIGIT) {
        at = this.#skipDigits(digits);
        return this.#take(at - start, Kind.NUMBER);
      }
    }
    return this.#readWord();
  }

  /** From the dot of a decimal number on. */
  #readFraction(): number {
    let at = this.#skipDigits(this.#at + 1);
    if ((this.#byteAt(at) | 0x20) === 0x65) {
      const sign = this.#byteAt(at + 1);
      const digits = sign === 0x2b || sign === DASH ? at + 2 : at + 1;
      if (CLASS[this.#byteAt(digits)] === DIGIT) at = this.#skipDigits(digits);
      // Servers give up here; what they would make of the rest does not matter.
      else this.ambiguous = true;
    }
    this.#at = at;
    return Kind.NUMBER;
  }

  #skipDigits(from: number): number {
    let at = from;
    while (CLASS[this.#byteAt(at)] === DIGIT) at += 1;
    return at;
  }

  #isNameByte(at: number): boolean {
    return at < this.#end && CLASS[this.#text[at]!]! >= LETTER;
  }

  #readVariable(following: number): number {
    if (following === AT) return this.#take(2, Kind.SYSTEM);
    this.#at += 1;
    if (following === SINGLE || following === BACKTICK || following === DOUBLE) {
      const escapes = following === SINGLE || (following === DOUBLE && !this.#mode.ansiQuotes);
      return this.#readQuoted(following, escapes && this.#mode.backslashEscapes) ? Kind.VARIABLE : Kind.ERROR;
    }
    let at = this.#at;
    for (; at < this.#end; at += 1) {
      const byte = this.#text[at]!;
      if (CLASS[byte] === HIGH) this.ambiguous = true;
      if (CLASS[byte] !== LETTER && CLASS[byte] !== DIGIT && byte !== DOT) break;
    }
    this.#at = at;
    return Kind.VARIABLE;
  }

  /** False when the quote is not closed. */
  #readQuoted(quote: number, escapes: boolean): boolean {
    const text = this.#text;
    const end = this.#end;
    const length = this.#mode.reading.characterLength;
    let at = this.#at + 1;
    while (at < end) {
      const byte = text[at]!;
      if (byte === quote) {
        if (at + 1 >= end || text[at + 1] !== quote) {
          this.#at = at + 1;
          return true;
        }
        at += 2;
      } else if (byte === BACKSLASH && escapes) {
        // What is escaped is one byte, even of a longer character.
        at += 2;
      } else {
        at += byte >= 0x80 && length !== undefined ? length(text, at, end) : 1;
      }
    }
    this.#at = end;
    this.ambiguous = true;
    return false;
  }

  /** True when a comment is not closed. */
  #skipBlanksAndComments(): boolean {
    const text = this.#text;
    while (this.#at < this.#end) {
      const byte = text[this.#at]!;
      if (CLASS[byte] === BLANK) {
        this.#at += 1;
        continue;
      }
      const following = this.#byteAt(this.#at + 1);
      if (byte === HASH) {
        this.#skipLine(this.#at + 1);
      } else if (byte === DASH && following === DASH) {
        const after = this.#at + 2 < this.#end ? text[this.#at + 2]! : 0x20;
        if (after >= 0x80) this.ambiguous = true;
        if (after > 0x20 && after !== 0x7f) return false;
        this.#skipLine(this.#at + 2);
      } else if (byte === SLASH && following === STAR) {
        if (!this.#skipSlashComment()) return true;
      } else if (byte === STAR && following === SLASH && this.#insideComment) {
        this.#insideComment = false;
        this.#at += 2;
      } else {
        return false;
      }
    }
    return false;
  }

  #skipLine(from: number): void {
    const found = this.#text.indexOf(LF, from);
    this.#at = found < 0 ? this.#end : found + 1;
  }

  /** False when it is not closed. */
  #skipSlashComment(): boolean {
    const start = this.#at + 2;
    const mariadbOnly = this.#byteAt(start) === 0x4d && this.#byteAt(start + 1) === BANG;
    if (this.#byteAt(start) !== BANG && !mariadbOnly) {
      // Inside an executable comment, servers before MariaDB 10 and MySQL 8 end the outer comment with the inner one.
      if (this.#insideComment && (this.#mode.version ?? 0) < NESTING_VERSION) this.ambiguous = true;
      const closed = this.#skipToCommentEnd(start);
      if (this.#byteAt(start) === PLUS) this.hints.push({ start: start + 1, end: this.#at });
      return closed;
    }
    if (mariadbOnly && !this.#mode.mariadb) return this.#skipToCommentEnd(start);
    // The first end closes both: nothing that is worth following.
    if (this.#insideComment) this.ambiguous = true;
    let at = start + (mariadbOnly ? 2 : 1);
    let digits = 0;
    let version = 0;
    while (digits < 6 && CLASS[this.#byteAt(at + digits)] === DIGIT) {
      version = version * 10 + this.#byteAt(at + digits) - 0x30;
      digits += 1;
    }
    if (digits >= 5) {
      at += digits;
      if (this.#mode.version === undefined) this.ambiguous = true;
      if (!this.#executes(version, mariadbOnly)) return this.#skipUnexecuted(at);
    }
    this.#insideComment = true;
    this.#at = at;
    return true;
  }

  #executes(version: number, mariadbOnly: boolean): boolean {
    if (version > (this.#mode.version ?? Number.POSITIVE_INFINITY)) return false;
    // MariaDB leaves out what only MySQL 5.7 to 9 knows.
    return !this.#mode.mariadb || mariadbOnly || version < 50_700 || version > 99_999;
  }

  #skipToCommentEnd(from: number): boolean {
    let at = from;
    for (;;) {
      at = this.#text.indexOf(STAR, at);
      if (at < 0 || at + 1 >= this.#end) {
        this.#at = this.#end;
        return false;
      }
      if (this.#text[at + 1] === SLASH) {
        this.#at = at + 2;
        return true;
      }
      at += 1;
    }
  }

  /** A comment whose version is too high may hold plain comments, and ends after them. */
  #skipUnexecuted(from: number): boolean {
    const text = this.#text;
    let at = from;
    while (at + 1 < this.#end) {
      if (text[at] === STAR && text[at + 1] === SLASH) {
        this.#at = at + 2;
        return true;
      }
      if (text[at] === SLASH && text[at + 1] === STAR) {
        if ((this.#mode.version ?? 0) < NESTING_VERSION) this.ambiguous = true;
        if (!this.#skipToCommentEnd(at + 2)) return false;
        at = this.#at;
      } else {
        at += 1;
      }
    }
    this.#at = this.#end;
    return false;
  }
}

function isHex(byte: number): boolean {
  return CLASS[byte] === DIGIT || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}
