/**
 * Splits a statement into tokens the way a server's lexer does: words, quoted things, punctuation, with comments and
 * white space left out and the content of executable comments left in. It knows no grammar and keeps no text.
 *
 * Servers differ in how they read quotes, backslashes and executable comments. A scanner has one `Reading`; who must be
 * sure looks at a statement in all that are possible (classify.ts). It never reads a byte more than a few times: any
 * text takes linear time.
 */
import { HASH, isDigit, SEMICOLON, SLASH, STAR } from './digest-bytes.ts';

/** How a server in a certain mode reads what is ambiguous. */
export interface Reading {
  /** A backslash escapes in '…'. Not with NO_BACKSLASH_ESCAPES. */
  readonly backslashInSingle: boolean;
  /** A backslash escapes in "…". Not with NO_BACKSLASH_ESCAPES or ANSI_QUOTES. */
  readonly backslashInDouble: boolean;
  /** The content of comments with a version, and of MariaDB's own, is executed. */
  readonly versionedComments: boolean;
}

export const Token = {
  END: 0,
  /** An unquoted name or keyword, or anything else that begins like one; bytes above 127 are letters. */
  WORD: 1,
  /** Begins with a digit. */
  NUMBER: 2,
  /** '…' */
  STRING: 3,
  /** "…": a string, or a name with ANSI_QUOTES. */
  DOUBLE: 4,
  /** `…` */
  NAME: 5,
  SEMICOLON: 6,
  OPEN: 7,
  CLOSE: 8,
  /** A single `@`: a user variable, or the host of an account. */
  AT: 9,
  /** `@@`: a system variable. */
  SYSTEM: 10,
  /** Any other single byte. */
  OTHER: 11,
} as const;
export type Token = (typeof Token)[keyof typeof Token];

/** What in the text made it ambiguous, whichever way it was read. A bit set. */
export const Ambiguity = {
  /** A backslash inside '…' or "…". */
  BACKSLASH: 1,
  /** A comment that some servers execute and others skip. */
  VERSIONED_COMMENT: 2,
  /** Executable comments of several versions, or inside one another: more readings than are tried. */
  MIXED_COMMENTS: 4,
  /** `--` before a byte that is white space in some charsets only. */
  LINE_COMMENT: 8,
  /** `$…$`: quotes what follows on MySQL 9, and is a name elsewhere. */
  DOLLAR_QUOTE: 16,
} as const;

const TAB = 0x09;
const LF = 0x0a;
const SPACE = 0x20;
const DOLLAR = 0x24;
const SINGLE = 0x27;
const DASH = 0x2d;
const BACKSLASH = 0x5c;
const BACKTICK = 0x60;
const DOUBLE = 0x22;
const BANG = 0x21;
const UPPER_M = 0x4d;
const AT = 0x40;
const DELETE = 0x7f;

/** Bytes that are a no-break space in single-byte charsets, and white space there. No UTF-8 character begins with them. */
const NO_BREAK_SPACES = [0xa0, 0xff];

// Classes of bytes, 0 being any other; single constants because object properties are not folded into hot code.
const BLANK = 1;
const WORD = 2;
const DIGIT = 3;
const OPENS = 4;
const CLOSES = 5;
const SPECIAL = 6;

const CLASS = new Uint8Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  const letter = (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x24 || byte === 0x5f;
  if (letter || byte >= 0x80) CLASS[byte] = WORD;
  else if (isDigit(byte)) CLASS[byte] = DIGIT;
  else if (byte === SPACE || (byte >= TAB && byte <= 0x0d)) CLASS[byte] = BLANK;
}
for (const byte of NO_BREAK_SPACES) CLASS[byte] = SPECIAL;
for (const char of '\'"`#-/*@;') CLASS[char.charCodeAt(0)] = SPECIAL;
CLASS[0x28] = OPENS;
CLASS[0x29] = CLOSES;

export class Scanner {
  /** The token is text[tokenStart, tokenEnd), quotes included. */
  tokenStart = 0;
  tokenEnd = 0;
  /** A hash of the letters of a word or a quoted name, capital or not; 0 for other tokens. See `wordHash`. */
  hash = 0;
  /** Bit set of {@link Ambiguity}, complete when the end was reached. */
  ambiguities = 0;
  /** Parentheses of the statement that are open behind the token. */
  depth = 0;
  /** `nextNotable` passed over something between its token and the one before. */
  passedOver = false;

  #text: Uint8Array = new Uint8Array(0);
  #reading: Reading = { backslashInSingle: true, backslashInDouble: true, versionedComments: true };
  #at = 0;
  #end = 0;
  #insideComment = false;
  #version = -1;
  /** The token before was an opening parenthesis. */
  #afterOpen = false;

  /** Begins with text[start, end). */
  start(text: Uint8Array, start: number, end: number, reading: Reading): void {
    this.#text = text;
    this.#reading = reading;
    this.#at = start;
    this.#end = end;
    this.#insideComment = false;
    this.#version = -1;
    this.#afterOpen = false;
    this.tokenEnd = start;
    this.ambiguities = 0;
    this.depth = 0;
    this.passedOver = false;
  }

  /** The next token; Token.END at the end, then and ever after. */
  next(): Token {
    this.#skipBlanksAndComments();
    this.hash = 0;
    this.tokenStart = this.#at;
    if (this.#at >= this.#end) {
      this.tokenEnd = this.#end;
      return Token.END;
    }
    const token = this.#read(this.#text[this.#at]!);
    this.tokenEnd = this.#at;
    this.#afterOpen = token === Token.OPEN;
    return token;
  }

  /**
   * The next token that may matter in the middle of a statement: a name, `@`, the end of the statement, or a
   * parenthesis right behind a token that is none. Numbers, strings and other punctuation are passed over in a tight loop:
   * this is what makes a bulk insert of megabytes bearable.
   */
  nextNotable(): Token {
    const text = this.#text;
    const end = this.#end;
    let passedOver = false;
    let at = this.#at;
    for (;;) {
      for (; at < end; at += 1) {
        const kind = CLASS[text[at]!]!;
        if (kind === BLANK) continue;
        if (kind === DIGIT) {
          while (at + 1 < end && (CLASS[text[at + 1]!] === DIGIT || CLASS[text[at + 1]!] === WORD)) at += 1;
        } else if (kind === OPENS) {
          if (!passedOver && !this.#afterOpen) break;
          this.depth += 1;
        } else if (kind === CLOSES) {
          this.depth -= 1;
        } else if (kind !== 0 && (kind !== SPECIAL || this.#mayBeginMore(at))) {
          break;
        }
        passedOver = true;
      }
      this.#at = at;
      const token = this.next();
      if (token !== Token.OTHER && token !== Token.NUMBER && token !== Token.STRING && token !== Token.CLOSE) {
        this.passedOver = passedOver;
        return token;
      }
      passedOver = true;
      at = this.#at;
    }
  }

  /** False for an operator that begins or ends no comment. */
  #mayBeginMore(at: number): boolean {
    const byte = this.#text[at];
    const next = at + 1 < this.#end ? this.#text[at + 1] : 0;
    if (byte === DASH) return next === DASH;
    if (byte === SLASH) return next === STAR;
    return byte !== STAR || next === SLASH;
  }

  #read(byte: number): Token {
    switch (CLASS[byte]) {
      case WORD:
        return this.#readWord();
      case DIGIT:
        this.#readWord();
        this.hash = 0;
        return Token.NUMBER;
      case OPENS:
        this.#at += 1;
        this.depth += 1;
        return Token.OPEN;
      case CLOSES:
        this.#at += 1;
        this.depth -= 1;
        return Token.CLOSE;
      case SPECIAL:
        return this.#readSpecial(byte);
      default:
        this.#at += 1;
        return Token.OTHER;
    }
  }

  #readWord(): Token {
    const text = this.#text;
    const end = this.#end;
    let at = this.#at;
    let hash = WORD_HASH_SEED;
    const dollar = text[at] === DOLLAR;
    for (; at < end; at += 1) {
      const byte = text[at]!;
      if (dollar && byte === DOLLAR && at > this.#at) this.ambiguities |= Ambiguity.DOLLAR_QUOTE;
      const kind = CLASS[byte]!;
      if (kind !== WORD && kind !== DIGIT && !(kind === SPECIAL && isTrailByte(text, at))) break;
      hash = Math.imul(hash ^ FOLD[byte]!, WORD_HASH_PRIME);
    }
    this.#at = at;
    this.hash = hash;
    return Token.WORD;
  }

  #readSpecial(byte: number): Token {
    switch (byte) {
      case SINGLE:
        this.#skipQuoted(SINGLE, this.#reading.backslashInSingle);
        return Token.STRING;
      case DOUBLE:
        this.#readQuotedName(DOUBLE, this.#reading.backslashInDouble);
        return Token.DOUBLE;
      case BACKTICK:
        this.#readQuotedName(BACKTICK, false);
        return Token.NAME;
      case AT:
        this.#at += 1;
        if (this.#at >= this.#end || this.#text[this.#at] !== AT) return Token.AT;
        this.#at += 1;
        return Token.SYSTEM;
    }
    this.#at += 1;
    if (byte !== SEMICOLON) return Token.OTHER;
    this.depth = 0;
    return Token.SEMICOLON;
  }

  /** A quoted name may be that of a function: its letters are hashed as a word's are. */
  #readQuotedName(quote: number, backslashes: boolean): void {
    const start = this.#at + 1;
    this.#skipQuoted(quote, backslashes);
    let hash = WORD_HASH_SEED;
    const end = Math.min(this.#at - 1, start + KEYWORD_BYTES_MAX + 1);
    for (let i = start; i < end; i += 1) hash = Math.imul(hash ^ FOLD[this.#text[i]!]!, WORD_HASH_PRIME);
    this.hash = hash;
  }

  #skipQuoted(quote: number, backslashes: boolean): void {
    const text = this.#text;
    const end = this.#end;
    let at = this.#at + 1;
    for (; at < end; at += 1) {
      const byte = text[at]!;
      if (byte === BACKSLASH && quote !== BACKTICK) {
        this.ambiguities |= Ambiguity.BACKSLASH;
        if (backslashes) at += 1;
      } else if (byte === quote) {
        if (text[at + 1] !== quote || at + 1 >= end) {
          this.#at = at + 1;
          return;
        }
        at += 1;
      }
    }
    this.#at = end;
  }

  #skipBlanksAndComments(): void {
    const text = this.#text;
    const end = this.#end;
    while (this.#at < end) {
      const byte = text[this.#at]!;
      const kind = CLASS[byte]!;
      if (kind === BLANK || (kind === SPECIAL && byte >= 0x80)) this.#at += 1;
      else if (kind !== SPECIAL || !this.#skipComment(byte)) break;
    }
  }

  /** Skips the comment, or the mark of an executable one, at this place; false when there is none. */
  #skipComment(byte: number): boolean {
    const text = this.#text;
    const at = this.#at;
    const next = at + 1 < this.#end ? text[at + 1]! : -1;
    if (byte === HASH) {
      this.#skipLine(at + 1);
    } else if (byte === DASH && next === DASH) {
      const after = at + 2 < this.#end ? text[at + 2]! : SPACE;
      if (after >= 0x80) this.ambiguities |= Ambiguity.LINE_COMMENT;
      if (after > SPACE && after !== DELETE) return false;
      this.#skipLine(at + 2);
    } else if (byte === SLASH && next === STAR) {
      this.#skipSlashComment();
    } else if (byte === STAR && next === SLASH && this.#insideComment) {
      this.#insideComment = false;
      this.#at += 2;
    } else {
      return false;
    }
    return true;
  }

  #skipLine(from: number): void {
    const text = this.#text;
    const end = this.#end;
    let at = from;
    while (at < end && text[at] !== LF) at += 1;
    this.#at = at;
  }

  #skipSlashComment(): void {
    const text = this.#text;
    const third = this.#at + 2 < this.#end ? text[this.#at + 2]! : -1;
    const mariaDb = third === UPPER_M && this.#at + 3 < this.#end && text[this.#at + 3] === BANG;
    // Plain comments inside executable ones: old servers end the outer one with them.
    if (this.#insideComment) this.ambiguities |= Ambiguity.MIXED_COMMENTS;
    if (third !== BANG && !mariaDb) {
      this.#skipToCommentEnd(this.#at + 2);
      return;
    }
    let at = this.#at + (mariaDb ? 4 : 3);
    let version = mariaDb ? 0 : -1;
    const digits = this.#countDigits(at);
    if (digits >= 5) {
      version = 0;
      for (let i = 0; i < digits; i += 1) version = version * 10 + text[at + i]! - 0x30;
      at += digits;
    }
    if (version >= 0) {
      this.ambiguities |= Ambiguity.VERSIONED_COMMENT;
      if (this.#version >= 0 && this.#version !== version) this.ambiguities |= Ambiguity.MIXED_COMMENTS;
      this.#version = version;
      if (!this.#reading.versionedComments) {
        this.#skipNestedComment(at);
        return;
      }
    }
    this.#insideComment = true;
    this.#at = at;
  }

  /** Up to six, which is what versions have; five on older servers. */
  #countDigits(from: number): number {
    let digits = 0;
    while (digits < 6 && from + digits < this.#end && isDigit(this.#text[from + digits]!)) digits += 1;
    return digits;
  }

  #skipToCommentEnd(from: number): void {
    const text = this.#text;
    const end = this.#end;
    let at = from;
    while (at + 1 < end && !(text[at] === STAR && text[at + 1] === SLASH)) at += 1;
    if (at + 1 >= end) {
      this.#at = end;
    } else {
      this.#at = at + 2;
    }
  }

  /** A comment whose version is skipped may hold plain comments, and ends after them. */
  #skipNestedComment(from: number): void {
    const text = this.#text;
    const end = this.#end;
    let depth = 1;
    let at = from;
    while (at + 1 < end && depth > 0) {
      if (text[at] === STAR && text[at + 1] === SLASH) {
        depth -= 1;
        at += 2;
      } else if (text[at] === SLASH && text[at + 1] === STAR) {
        // Servers disagree on whether comments nest here.
        this.ambiguities |= Ambiguity.MIXED_COMMENTS;
        depth += 1;
        at += 2;
      } else {
        at += 1;
      }
    }
    this.#at = depth > 0 ? end : at;
  }
}

/** No keyword is longer; the hash of a longer quoted name covers its beginning only. */
export const KEYWORD_BYTES_MAX = 40;

const WORD_HASH_SEED = 0x811c9dc5 | 0;
const WORD_HASH_PRIME = 0x01000193;

const FOLD = new Uint8Array(256);
for (let byte = 0; byte < 256; byte += 1) FOLD[byte] = byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte;

/** A no-break space after another byte above 127 is part of a UTF-8 character. */
function isTrailByte(text: Uint8Array, at: number): boolean {
  return text[at]! >= 0x80 && at > 0 && text[at - 1]! >= 0x80 && text[at - 1] !== 0xff;
}

/** The hash a scanner gives to `word`, in capital letters. */
export function wordHash(word: string): number {
  let hash = WORD_HASH_SEED;
  for (let i = 0; i < word.length; i += 1) hash = Math.imul(hash ^ word.charCodeAt(i), WORD_HASH_PRIME);
  return hash;
}
