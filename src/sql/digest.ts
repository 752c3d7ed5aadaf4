/**
 * The digest text of a statement, equal to ProxySQL 2.7's to the byte: literals become `?`, comments go, white space
 * and long lists shrink. It is for statistics and rules and judges nothing: what a statement does to a session is
 * found by classify.ts from the statement itself.
 *
 * One pass copies the statement into a reused buffer; what was copied is then compressed in place (digest-compress.ts).
 * When the buffer, of `maxQueryLength` bytes, is full before the statement ends, the room that compression made is
 * filled again, until nothing is left or nothing gives. Nothing is allocated per statement.
 */
import {
  BACKSLASH,
  BACKTICK,
  BANG,
  CASE_BIT,
  COMMA,
  DASH,
  DOT,
  HASH,
  isDigit,
  isHexDigit,
  isSpace,
  KEEP_CASE,
  LOWER_CASE,
  PLUS,
  QUESTION,
  SEMICOLON,
  SLASH,
  SPACE,
  STAR,
  WORD_BYTE,
  ZERO,
} from './digest-bytes.ts';
import { DigestCompressor, NO_NUMBER } from './digest-compress.ts';
import { spookyHash64 } from './spooky-hash.ts';

/** The variables mysql-query_digests_*, by their names without that prefix. */
export interface DigestOptions {
  /** Bytes of digest text that are hashed, and shown in stats_mysql_query_digest. */
  readonly maxDigestLength: number;
  /** Bytes of normalised text that are held while computing. */
  readonly maxQueryLength: number;
  /** Literals kept of a list in parentheses before `...`; 0 keeps all. Above 127 counts as 127. */
  readonly groupingLimit: number;
  /** Folded lists kept of a run of them before `...`; 0 keeps all. Above 127 counts as 127. */
  readonly groupsGroupingLimit: number;
  readonly keepComment: boolean;
  readonly lowercase: boolean;
  readonly replaceNull: boolean;
  readonly noDigits: boolean;
  /** ProxySQL stores each text once per digest, and then whole: maxDigestLength limits the hashed bytes only. */
  readonly normalizeDigestText: boolean;
}

/** ProxySQL's defaults. */
export const DEFAULT_DIGEST_OPTIONS: DigestOptions = {
  maxDigestLength: 2048,
  maxQueryLength: 65_000,
  groupingLimit: 3,
  groupsGroupingLimit: 10,
  keepComment: false,
  lowercase: false,
  replaceNull: false,
  noDigits: false,
  normalizeDigestText: false,
};

/** Bytes of a comment that are looked at, both for the first comment and for the text inside an executable one. */
const COMMENT_BYTES_MAX = 1023;
/** ProxySQL keeps its two grouping limits in signed bytes; what it does beyond that is not worth having. */
const GROUPING_LIMIT_MAX = 127;

const UPPER_M = 0x4d;
const LOWER_E = 0x65;
const LOWER_X = 0x78;

// What the copying loop does with a byte outside literals and comments. Single constants: the properties of an object
// are not folded into the code, which makes the loop three times slower.
// Copied as it is: 0.
const COPY_COMMA = 1;
const COPY_DOT = 2;
const COPY_SPACE = 3;
// From here on the byte may be more than itself.
const DIGIT_STARTS = 4;
const QUOTE_STARTS = 5;
const BACKTICK_STARTS = 6;
const NULL_STARTS = 7;
const SLASH_STARTS = 8;
const HASH_STARTS = 9;
const DASH_STARTS = 10;
const PUNCTUATION = 11;
const NUL = 12;
const STRAY_BACKSLASH = 13;

function buildActions(replaceNull: boolean): Uint8Array {
  const actions = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte += 1) {
    if (isSpace(byte)) actions[byte] = COPY_SPACE;
    else if (isDigit(byte)) actions[byte] = DIGIT_STARTS;
  }
  for (const char of '\'"') actions[char.charCodeAt(0)] = QUOTE_STARTS;
  for (const char of '()+*%') actions[char.charCodeAt(0)] = PUNCTUATION;
  actions[COMMA] = COPY_COMMA;
  actions[DOT] = COPY_DOT;
  actions[SLASH] = SLASH_STARTS;
  actions[HASH] = HASH_STARTS;
  actions[DASH] = DASH_STARTS;
  actions[BACKTICK] = BACKTICK_STARTS;
  actions[0] = NUL;
  actions[BACKSLASH] = STRAY_BACKSLASH;
  if (replaceNull) for (const char of 'nN') actions[char.charCodeAt(0)] = NULL_STARTS;
  return actions;
}

/** Is text[at…] the word NULL, by itself? `end` is where the text ends. */
function isNullWord(text: Uint8Array, at: number, end: number): boolean {
  if (end - at < 4) return false;
  const rest = text[at + 1]! === 0x55 || text[at + 1]! === 0x75;
  if (!rest || (text[at + 2]! | CASE_BIT) !== 0x6c || (text[at + 3]! | CASE_BIT) !== 0x6c) return false;
  return end - at === 4 || WORD_BYTE[text[at + 4]!] === 0;
}

/** Are bytes[start, end) what ProxySQL takes for a number? Digits, points and exponents in any order, or hex. */
function isNumber(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return isDigit(bytes[start]!);
  let hex = false;
  for (let i = start; i < end; i += 1) {
    const byte = bytes[i]!;
    if (hex) {
      if (!isHexDigit(byte)) return false;
    } else if (!isDigit(byte) && byte !== DOT && (byte | CASE_BIT) !== LOWER_E) {
      const afterExponent = i > 0 && (bytes[i - 1]! | CASE_BIT) === LOWER_E && (byte === PLUS || byte === DASH);
      const hexMark = i === start + 1 && bytes[start] === ZERO && (byte | CASE_BIT) === LOWER_X;
      if (!afterExponent && !hexMark) return false;
      hex = hexMark;
    }
  }
  return true;
}

/** Are bytes[start, end), a number to ProxySQL, one literal to servers as well, and not one with a name behind it? */
function isOneLiteral(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  if (bytes[at] === ZERO && at + 2 < end && (bytes[at + 1]! | CASE_BIT) === LOWER_X) return true;
  while (at < end && isDigit(bytes[at]!)) at += 1;
  if (at < end && bytes[at] === DOT) at += 1;
  while (at < end && isDigit(bytes[at]!)) at += 1;
  if (at === end) return true;
  if ((bytes[at]! | CASE_BIT) !== LOWER_E) return false;
  at += 1;
  if (bytes[at] === PLUS || bytes[at] === DASH) at += 1;
  if (at >= end) return false;
  while (at < end && isDigit(bytes[at]!)) at += 1;
  return at === end;
}

export class DigestComputer {
  /** The digest text of the last `compute`, as rules match it, is output[0, length). Reused: copy what is to stay. */
  readonly output: Buffer;
  length = 0;
  /** How much of it stats_mysql_query_digest shows. */
  shownLength = 0;
  /** A cheap hash of the digest text, to look it up by: a signed 32-bit integer. Not ProxySQL's digest. */
  fastHash = 0;
  /**
   * Whether all statements with this digest text (and themselves faithful) have the same tokens but for literals and
   * plain comments, so that facts found for one hold for the others. False wherever the normalisation may read
   * quotes, comments or operators in another way than a server does.
   */
  faithful = true;

  readonly #options: DigestOptions;
  readonly #actions: Uint8Array;
  readonly #translate: Uint8Array;
  readonly #compressor: DigestCompressor;

  // The statement is text[start, end); the places below are the state of the copying between its loops.
  #text: Uint8Array;
  #start = 0;
  #end = 0;
  #at = 0;
  #capacity = 0;
  #written = 0;
  #previous = 0;
  #insideBackticks = false;
  // The output may hold a NUL, where ProxySQL's text ends, or bytes that are not counted below: no shortcuts.
  #irregular = false;
  // What the compression could work on; lets most statements do without it.
  #ellipsis = false;
  #punctuation = false;

  readonly #firstComment = Buffer.alloc(COMMENT_BYTES_MAX);
  #firstCommentLength = -1;
  #firstCommentComplete = false;
  // The comment being read, marks included when comments are kept; scratch.
  readonly #comment = Buffer.alloc(COMMENT_BYTES_MAX + 1);
  #commentLength = 0;
  #commentIsCommand = false;

  constructor(options: DigestOptions = DEFAULT_DIGEST_OPTIONS) {
    this.#options = options;
    this.#actions = buildActions(options.replaceNull);
    this.#translate = options.lowercase ? LOWER_CASE : KEEP_CASE;
    // A terminator, and the few bytes that looking ahead may touch behind it.
    this.output = Buffer.alloc(options.maxQueryLength + 8);
    this.#text = this.output;
    this.#compressor = new DigestCompressor(this.output, {
      groupingLimit: Math.min(options.groupingLimit, GROUPING_LIMIT_MAX),
      groupsGroupingLimit: Math.min(options.groupsGroupingLimit, GROUPING_LIMIT_MAX),
      keepComment: options.keepComment,
      noDigits: options.noDigits,
    });
  }

  /** Computes the digest text of the statement buffer[start, end) and with it all the fields above. */
  compute(buffer: Uint8Array, start: number, end: number): void {
    this.#reset(buffer, start, end);
    const compressor = this.#compressor;
    for (;;) {
      this.#copy();
      compressor.length = this.#written;
      this.output[this.#written] = 0;
      const complete = this.#at >= end;
      // A refilled text is compressed from where the round before left it: then no pass may be left out.
      const thorough = this.#irregular || !complete;
      const shrunkBy = compressor.run(thorough, this.#punctuation || this.#options.noDigits, this.#ellipsis);
      this.#written = compressor.length;
      if (complete || shrunkBy === 0 || this.#written >= this.#capacity) break;
      this.#previous = this.#written > 0 ? this.output[this.#written - 1]! : 0;
      // Folding a refilled text may copy a terminator into it.
      this.#irregular = true;
    }
    if (this.#at < end || compressor.merged) this.faithful = false;
    this.#finish();
  }

  /** The statement's first comment of the kind with slashes, without its marks; undefined when it has none. */
  get firstComment(): string | undefined {
    if (this.#firstCommentLength < 0) return undefined;
    return this.#firstComment.toString('latin1', 0, this.#firstCommentLength).trim();
  }

  /** ProxySQL's digest of the text: the number that rules, statistics and the firewall name. Much dearer than fastHash. */
  hash(): bigint {
    return spookyHash64(this.output, 0, Math.min(this.length, this.#options.maxDigestLength));
  }

  #reset(buffer: Uint8Array, start: number, end: number): void {
    this.#text = buffer;
    this.#start = start;
    this.#end = end;
    this.#at = start;
    this.#capacity = Math.min(end - start, this.#options.maxQueryLength);
    this.#written = 0;
    this.#previous = 0;
    this.#insideBackticks = false;
    this.#irregular = false;
    this.#ellipsis = false;
    this.#punctuation = false;
    this.#firstCommentLength = -1;
    this.#firstCommentComplete = false;
    this.#commentIsCommand = false;
    this.faithful = end - start <= this.#options.maxQueryLength;
    this.#compressor.reset();
  }

  /**
   * Copies and replaces until the statement ends or the buffer is full. The hot loop: what most bytes are is done here
   * on local variables, the rest in the functions below (2 times quicker than a call per byte that is no letter).
   */
  #copy(): void {
    if (this.#compressor.numberOpen) this.#copyNumber();
    const text = this.#text;
    const end = this.#end;
    const capacity = this.#capacity;
    const output = this.output;
    const actions = this.#actions;
    const translate = this.#translate;
    let at = this.#at;
    let written = this.#written;
    let previous = this.#previous;
    while (written < capacity && at < end) {
      const byte = text[at]!;
      const action = actions[byte]!;
      if (action === DIGIT_STARTS && WORD_BYTE[previous] === 0 && previous !== DOT) {
        // Nearly all numbers are digits and nothing else; they are done here when the buffer has room for them.
        let next = at + 1;
        while (next < end && isDigit(text[next]!)) next += 1;
        if (next < end && WORD_BYTE[text[next]!] === 0 && text[next] !== DOT && written + next - at < capacity) {
          output[written++] = QUESTION;
          previous = QUESTION;
          at = next;
          continue;
        }
      }
      if (action >= DIGIT_STARTS) {
        this.#at = at;
        this.#written = written;
        this.#previous = previous;
        if (!this.#replaceSpecial(byte, action)) {
          output[this.#written++] = translate[byte]!;
          this.#previous = byte;
          this.#at += 1;
        }
        at = this.#at;
        written = this.#written;
        previous = this.#previous;
        continue;
      }
      at += 1;
      if (action === COPY_SPACE) {
        if (written === 0) continue;
        if (isSpace(previous)) {
          // After a comment to the end of a line the text need not end with a blank. ProxySQL leaves a byte of
          // whatever its buffer held before; a blank is what was meant.
          if (output[written - 1] !== SPACE) output[written++] = SPACE;
          previous = SPACE;
          continue;
        }
      } else if (action === COPY_COMMA) {
        this.#punctuation = true;
      } else if (action === COPY_DOT) {
        if (previous === DOT) this.#seeEllipsis();
      }
      output[written++] = translate[byte]!;
      previous = byte;
    }
    this.#at = at;
    this.#written = written;
    this.#previous = previous;
  }

  /** Does what a byte that is not simply copied needs. False when it is to be copied after all. */
  #replaceSpecial(byte: number, action: number): boolean {
    switch (action) {
      case DIGIT_STARTS:
        if (WORD_BYTE[this.#previous] === 1) return false;
        this.#startNumber();
        return true;
      case QUOTE_STARTS:
        this.#replaceString(byte);
        return true;
      case BACKTICK_STARTS:
        this.#checkBackticks();
        return false;
      case NULL_STARTS:
        if (WORD_BYTE[this.#previous] === 1 || !isNullWord(this.#text, this.#at, this.#end)) return false;
        // In `t.null` and in backquotes it is a name.
        if (!' (,='.includes(String.fromCharCode(this.#previous))) this.faithful = false;
        if (this.#text[this.#at + 4] === DOT) this.faithful = false;
        this.#at += 4;
        this.#writeMark();
        return true;
      case SLASH_STARTS:
        this.#punctuation = true;
        if (!this.#isCommentStart()) return false;
        this.#readComment();
        return true;
      case HASH_STARTS:
        this.#skipHashComment();
        return true;
      case DASH_STARTS:
        this.#punctuation = true;
        if (!this.#isDashComment()) return false;
        this.#skipDashComment();
        return true;
      case PUNCTUATION:
        this.#punctuation = true;
        return false;
      case STRAY_BACKSLASH:
        // `\N` is a literal, as long as it is not in small letters.
        this.faithful = false;
        return false;
      default:
        this.#irregular = true;
        this.faithful = false;
        return false;
    }
  }

  #writeMark(): void {
    this.output[this.#written++] = QUESTION;
    this.#previous = QUESTION;
  }

  /** Backquotes are plain text to ProxySQL; a quote or comment inside them is one for it and none for the server. */
  #checkBackticks(): void {
    this.#insideBackticks = !this.#insideBackticks;
    if (!this.#insideBackticks || !this.faithful) return;
    const text = this.#text;
    let at = this.#at + 1;
    // What looks like a number becomes a literal here, too.
    if (isDigit(text[at] ?? 0)) this.faithful = false;
    while (at < this.#end && (WORD_BYTE[text[at]!] === 1 || text[at]! >= 0x80)) at += 1;
    if (at >= this.#end || text[at] !== BACKTICK) this.faithful = false;
  }

  /** Replaces the string that begins here; one that does not end swallows the rest. */
  #replaceString(quote: number): void {
    const text = this.#text;
    const end = this.#end;
    const first = this.#at + 1;
    let previous = quote;
    let at = first;
    // Servers in ANSI_QUOTES mode read "…" as an identifier.
    if (quote === 0x22) this.faithful = false;
    for (; at < end; at += 1) {
      const byte = text[at]!;
      if (byte !== quote && byte !== BACKSLASH) {
        previous = byte;
        continue;
      }
      // Backslashes depend on NO_BACKSLASH_ESCAPES.
      if (byte === BACKSLASH) this.faithful = false;
      if (at > first && (previous === BACKSLASH || (previous === quote && byte === quote))) {
        this.faithful = false;
        previous = 0;
        continue;
      }
      if (byte === quote && (at + 1 === end || text[at + 1] !== quote)) break;
      previous = byte;
    }
    if (at < end) {
      this.output[this.#written++] = QUESTION;
      this.#previous = 0;
      this.#at = at + 1;
    } else {
      this.faithful = false;
      this.#at = end;
    }
  }

  #startNumber(): void {
    // Behind a point it may be a name.
    if (this.#previous === DOT) this.faithful = false;
    this.#compressor.numberStart = this.#written;
    this.output[this.#written] = this.#text[this.#at]!;
    this.#copyNumber();
  }

  /** Copies a number, or goes on with one that the buffer cut, and replaces it when it ends and is one. */
  #copyNumber(): void {
    const compressor = this.#compressor;
    const text = this.#text;
    const end = this.#end;
    const output = this.output;
    let at = this.#at;
    let written = this.#written;
    let previous = this.#previous;
    compressor.numberOpen = true;
    while (written < this.#capacity && at < end) {
      const byte = text[at]!;
      const isWord = WORD_BYTE[byte] === 1;
      const sign = (byte === DASH || byte === PLUS) && (previous | CASE_BIT) === LOWER_E;
      // A server ends `1e` before a sign without a digit, and may find a comment there.
      if (sign && (at + 1 >= end || !isDigit(text[at + 1]!))) this.faithful = false;
      if ((!isWord && byte !== DOT && !sign) || at + 1 === end) {
        const number = isNumber(output, compressor.numberStart, written);
        if (number) {
          if (!isOneLiteral(output, compressor.numberStart, written)) this.faithful = false;
          written = compressor.numberStart;
          output[written++] = QUESTION;
          previous = QUESTION;
          if (isWord && at + 1 === end) {
            // ProxySQL takes the last byte for a part of the number, whatever it is.
            if (!isDigit(byte)) this.faithful = false;
            // The statement ends with the number: it stays open, and compression leaves it alone.
            at = end;
            break;
          }
        }
        compressor.numberOpen = false;
        compressor.numberStart = NO_NUMBER;
        break;
      }
      if (byte === DOT && previous === DOT) this.#seeEllipsis();
      output[written++] = this.#translate[byte]!;
      previous = byte;
      at += 1;
    }
    this.#at = at;
    this.#written = written;
    this.#previous = previous;
    compressor.numberEnd = written;
  }

  /** Points in a row may look like a folded list, which swallows what follows. */
  #seeEllipsis(): void {
    this.#ellipsis = true;
    this.faithful = false;
  }

  #isCommentStart(): boolean {
    return this.#at - this.#start < this.#capacity - 1 && this.#text[this.#at + 1] === STAR;
  }

  #isDashComment(): boolean {
    if (this.#text[this.#at + 1] === DASH && this.#at + 1 < this.#end) this.faithful = false;
    const offset = this.#at - this.#start;
    if (offset >= this.#capacity - 2 || this.#text[this.#at + 1] !== DASH) return false;
    return isSpace(this.#text[this.#at + 2]!) && (this.#previous !== DASH || offset === 0);
  }

  /** A comment with slashes: the first one is remembered, an executable or a kept one is copied when it ends. */
  #readComment(): void {
    const text = this.#text;
    const end = this.#end;
    const keep = this.#options.keepComment;
    if (keep) this.faithful = false;
    let at = this.#at;
    let marks = 0;
    for (; at < end; at += 1) {
      if (at + 1 < end && text[at] === SLASH && text[at + 1] === STAR) {
        at = this.#readCommentStart(at);
        marks += 1;
        if (at >= end - 1) break;
      }
      this.#rememberComment(text[at]!);
      if (text[at] === SLASH && this.#previous === STAR) {
        if (marks !== 1) this.faithful = false;
        this.#at = at + 1;
        this.#endComment();
        return;
      }
      this.#previous = text[at]!;
    }
    this.faithful = false;
    this.#at = at;
  }

  /** Passes the mark at `at`; returns the place of the comment's first byte. */
  #readCommentStart(at: number): number {
    const text = this.#text;
    const third = text[at + 2]!;
    this.#commentLength = 0;
    if (at + 2 < this.#end && third === BANG) this.#commentIsCommand = true;
    // Content that servers execute, and a mark that ProxySQL may take for an end.
    if (third === BANG || third === UPPER_M || third === SLASH) this.faithful = false;
    if (this.#options.keepComment) {
      this.#comment[this.#commentLength++] = SLASH;
      this.#comment[this.#commentLength++] = STAR;
    }
    return at + (this.#commentIsCommand ? 3 : 2);
  }

  #rememberComment(byte: number): void {
    if ((this.#commentIsCommand || this.#options.keepComment) && this.#commentLength < COMMENT_BYTES_MAX) {
      this.#comment[this.#commentLength++] = byte;
    }
    if (this.#firstCommentComplete) return;
    if (this.#firstCommentLength < 0) this.#firstCommentLength = 0;
    if (this.#firstCommentLength < COMMENT_BYTES_MAX) {
      this.#firstComment[this.#firstCommentLength++] = KEEP_CASE[byte]!;
    }
  }

  #endComment(): void {
    if (!this.#firstCommentComplete) {
      this.#firstCommentComplete = true;
      if (this.#firstCommentLength >= 2) this.#firstCommentLength -= 2;
    }
    if (this.#commentIsCommand || this.#options.keepComment) this.#copyComment();
    this.#commentIsCommand = false;
    this.#appendBlank();
    this.#previous = SPACE;
  }

  #appendBlank(): void {
    if (this.#written > 0 && this.#written < this.#capacity && this.output[this.#written - 1] !== SPACE) {
      this.output[this.#written++] = SPACE;
    }
  }

  /** Copies the content of an executable comment as it is, literals and all, without the version in front. */
  #copyComment(): void {
    const comment = this.#comment;
    const keep = this.#options.keepComment;
    if (this.#commentLength < 2) return;
    const length = keep ? this.#commentLength : this.#commentLength - 2;
    let content = 0;
    while (
      content < length &&
      (isDigit(comment[content]!) || ' /*!'.includes(String.fromCharCode(comment[content]!)))
    ) {
      content += 1;
    }
    if (content === length) return;
    const from = keep ? 0 : content;
    const copied = Math.min(length - from, this.#capacity - this.#written);
    comment.copy(this.output, this.#written, from, from + copied);
    this.#written += copied;
    this.#punctuation = true;
    this.#irregular = true;
    this.#appendBlank();
  }

  #skipHashComment(): void {
    this.faithful = false;
    const text = this.#text;
    const end = this.#end;
    let at = this.#at;
    for (; at < end; at += 1) {
      if (text[at] === HASH && at <= end - 2) {
        at += 1;
        // ProxySQL's mistake: with one more byte to come the comment ends at once, and that byte is copied.
        if (at === end - 2) {
          this.#at = at;
          return;
        }
      }
      if (this.#endsLineComment(at)) break;
      this.#previous = text[at]!;
    }
    this.#leaveLineComment(at);
  }

  #skipDashComment(): void {
    this.faithful = false;
    const text = this.#text;
    const end = this.#end;
    let at = this.#at;
    for (; at < end; at += 1) {
      if (at <= end - 4 && text[at] === DASH && text[at + 1] === DASH && isSpace(text[at + 2]!)) {
        at += 3;
        // The same mistake as above, four bytes before the end.
        if (at === end - 4) {
          this.#at = at;
          return;
        }
      }
      if (this.#endsLineComment(at)) break;
      this.#previous = text[at]!;
    }
    this.#leaveLineComment(at);
  }

  #endsLineComment(at: number): boolean {
    const byte = this.#text[at];
    return byte === 0x0a || byte === 0x0d || at === this.#end - 1;
  }

  #leaveLineComment(at: number): void {
    this.#at = Math.min(at + 1, this.#end);
    this.#previous = SPACE;
  }

  /** The trailing blanks and semicolons, a number cut at the limit, the length limit, the hash. */
  #finish(): void {
    const output = this.output;
    const compressor = this.#compressor;
    let length = this.#written;
    if (compressor.numberOpen && length >= this.#capacity && isDigit(output[compressor.numberStart]!)) {
      output[compressor.numberStart] = QUESTION;
      output[compressor.numberStart + 1] = 0;
      this.#irregular = true;
    }
    while (length > 1 && (output[length - 1] === SPACE || output[length - 1] === SEMICOLON)) length -= 1;
    output[length] = 0;
    if (this.#irregular) length = output.indexOf(0);
    this.length = length;
    this.shownLength = this.#options.normalizeDigestText ? length : Math.min(length, this.#options.maxDigestLength);
    this.fastHash = hashBytes(output, length);
  }
}

/** FNV-1a with a final mix: cheap, spreads well enough for a table; collisions are the table's business. */
function hashBytes(bytes: Uint8Array, length: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < length; i += 1) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d);
}
