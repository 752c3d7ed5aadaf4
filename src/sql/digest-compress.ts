/**
 * Shrinks a normalised statement in place as ProxySQL does: blanks and signs (tighten), long lists of literals
 * (foldLists), runs of folded lists (foldGroups). It reads no statement; digest.ts copies and this compresses.
 *
 * All three read the bytes they have not yet overwritten, so a neighbour to the left may already be the result: that
 * is how ProxySQL's texts come out as they do, and why they cannot be one pass.
 *
 * When a statement is longer than the buffer, they run again after each refill, and start a little before the place
 * where they ended: what was compressed before does not change any more.
 */
import {
  CLOSE,
  COMMA,
  DASH,
  DOT,
  isArithmetic,
  isDigit,
  OPEN,
  PLUS,
  QUESTION,
  SLASH,
  SPACE,
  STAR,
  WORD_BYTE,
} from './digest-bytes.ts';

export interface CompressOptions {
  readonly groupingLimit: number;
  readonly groupsGroupingLimit: number;
  readonly keepComment: boolean;
  readonly noDigits: boolean;
}

/** No number is being copied. Far enough below zero that no arithmetic on places meets it. */
export const NO_NUMBER = -16;

/** What `lc` and `llc` are where there is nothing to the left: any word byte. */
const NOTHING_LEFT = 0x30;

/** How far back of its last end a refilled `tighten` starts: `? + d` may straddle it. */
const TIGHTEN_LOOK_BACK = 6;

/** Where one of the three ended in the round before, and by how much it shrank the text. */
interface Progress {
  end: number;
  shrunkBy: number;
}

export class DigestCompressor {
  /** Bytes of text in the buffer. */
  length = 0;
  /** Where the number begins that the copying has not finished, or NO_NUMBER; it is moved along, not compressed. */
  numberStart = NO_NUMBER;
  /** Where that number's bytes end so far. Meaningful while `numberOpen`. */
  numberEnd = 0;
  numberOpen = false;
  /**
   * Texts that differ in more than their literals may have become one: a sign was dropped in front of something that
   * is none, digits were replaced inside names, or a folded list ended with a name of one letter.
   */
  merged = false;

  readonly #bytes: Uint8Array;
  readonly #options: CompressOptions;
  /** Bytes of `(?,?,?,...),`. */
  readonly #groupBytes: number;
  readonly #tightened: Progress = { end: 0, shrunkBy: 0 };
  readonly #lists: Progress = { end: 0, shrunkBy: 0 };
  #groupsEnd = 0;
  #firstRound = true;
  #roundShrunkBy = 0;
  #literalsInLists = 0;
  #foldedLists = 0;
  // The pair of places every pass works with: where it reads and where it writes.
  #read = 0;
  #write = 0;

  constructor(bytes: Uint8Array, options: CompressOptions) {
    this.#bytes = bytes;
    this.#options = options;
    this.#groupBytes = options.groupingLimit * 2 + 6;
  }

  /** Forgets the statement before. */
  reset(): void {
    this.length = 0;
    this.numberStart = NO_NUMBER;
    this.numberOpen = false;
    this.merged = false;
    this.#firstRound = true;
    this.#roundShrunkBy = 0;
    this.#literalsInLists = 0;
    this.#foldedLists = 0;
    this.#tightened.shrunkBy = 0;
    this.#lists.shrunkBy = 0;
  }

  /**
   * One round over what was copied since the last one; returns by how many bytes the text shrank. Unless `thorough`,
   * passes that cannot change anything are left out: `punctuated` and `ellipsis` say what the text may hold.
   */
  run(thorough: boolean, punctuated: boolean, ellipsis: boolean): number {
    const before = this.length;
    const { groupingLimit, groupsGroupingLimit } = this.#options;
    if (thorough || punctuated) this.#tighten();
    if (groupingLimit > 0 && (thorough || ellipsis || this.#literalsInLists > groupingLimit)) {
      this.#foldLists();
      if (groupsGroupingLimit > 0 && (thorough || ellipsis || this.#foldedLists > groupsGroupingLimit))
        this.#foldGroups();
    }
    this.#roundShrunkBy = before - this.length;
    this.#firstRound = false;
    return this.#roundShrunkBy;
  }

  /** The last place a pass looks at: not the number that is still being copied. */
  #last(): number {
    return this.numberOpen && this.numberStart !== NO_NUMBER ? this.numberStart - 1 : this.length - 1;
  }

  #startAt(place: number, last: number): void {
    const from = !this.#firstRound && place >= 0 && place < last ? place : 0;
    this.#read = from;
    this.#write = from;
  }

  /** Moves an unfinished number behind the compressed text, and sets the new length. Returns the end of the pass. */
  #finish(last: number): number {
    const bytes = this.#bytes;
    let end = this.#write;
    if (this.numberOpen && last === this.numberStart - 1) {
      const numberStart = this.#write;
      for (let i = this.numberStart; i < this.numberEnd; i += 1) bytes[this.#write++] = bytes[i]!;
      this.numberStart = numberStart;
      this.numberEnd = this.#write;
      end = numberStart;
    }
    bytes[this.#write] = 0;
    this.length = this.#write;
    return end;
  }

  /** Drops blanks around commas, inside parentheses and beside operators, signs of literals, digits in names. */
  #tighten(): void {
    const bytes = this.#bytes;
    const last = this.#last();
    const progress = this.#tightened;
    this.#startAt(progress.end - (this.#roundShrunkBy - progress.shrunkBy) - TIGHTEN_LOOK_BACK, last);
    const noDigits = this.#options.noDigits;
    let read = this.#read;
    let write = this.#write;
    let literals = 0;
    for (; read <= last; read += 1) {
      const byte = bytes[read]!;
      if (byte === SPACE) {
        if (this.#isBlankKept(read)) bytes[write++] = byte;
      } else if (byte === PLUS || byte === DASH) {
        if (this.#isSignKept(read)) bytes[write++] = byte;
      } else if (noDigits && isDigit(byte)) {
        this.merged = true;
        if (write > 0 && bytes[write - 1] !== QUESTION) bytes[write++] = QUESTION;
      } else {
        if (byte === COMMA && write > 0 && bytes[write - 1] === QUESTION) literals += 1;
        bytes[write++] = byte;
      }
    }
    this.#literalsInLists = literals;
    this.#write = write;
    progress.shrunkBy = Math.max(0, last - write + 1);
    progress.end = this.#finish(last);
  }

  #isBlankKept(at: number): boolean {
    const bytes = this.#bytes;
    const left = at > 0 ? bytes[at - 1]! : NOTHING_LEFT;
    const right = bytes[at + 1]!;
    if (left === OPEN || right === CLOSE) return false;
    if (left === COMMA || right === COMMA || (right === QUESTION && isArithmetic(left))) {
      const afterComment = this.#options.keepComment && left === SLASH && at > 1 && bytes[at - 2] === STAR;
      return afterComment;
    }
    return !(left === QUESTION && isArithmetic(right));
  }

  #isSignKept(at: number): boolean {
    const bytes = this.#bytes;
    const left = at > 0 ? bytes[at - 1]! : NOTHING_LEFT;
    const leftOfLeft = at > 1 ? bytes[at - 2]! : NOTHING_LEFT;
    const right = bytes[at + 1]!;
    const before = left === SPACE ? leftOfLeft : left;
    const ofLiteral = right === QUESTION || (right === SPACE && bytes[at + 2] === QUESTION);
    // A sign dropped between two blanks leaves both, which nothing else does; at the end they would be trimmed.
    const leavesTwoBlanks = left === SPACE && right === SPACE && WORD_BYTE[bytes[at + 2]!] === 1;
    if (WORD_BYTE[before] === 1) {
      // `a -1` loses its sign, whatever follows; `a-1` does not.
      if (left !== SPACE) return true;
    } else if (before === QUESTION || before === CLOSE || (right !== QUESTION && right !== SPACE)) {
      return true;
    }
    if (!ofLiteral && !leavesTwoBlanks) this.merged = true;
    return false;
  }

  /** `(?,?,?,?,?)` becomes `(?,?,?,...)`. */
  #foldLists(): void {
    const bytes = this.#bytes;
    const limit = this.#options.groupingLimit;
    const last = this.#last();
    const progress = this.#lists;
    this.#startAt(progress.end - (this.#roundShrunkBy - progress.shrunkBy) - (limit * 2 + 8), last);
    let inList = false;
    while (this.#read <= last) {
      if (inList && this.#skipAfterEllipsis(last)) break;
      const at = this.#read;
      const byte = bytes[at]!;
      if (inList && at < last - limit * 2 && this.#isListStart(at)) this.#foldList(last);
      else bytes[this.#write++] = bytes[this.#read++]!;
      if (byte === OPEN) inList = true;
      else if (byte === CLOSE) inList = false;
    }
    progress.shrunkBy = Math.max(0, last - this.#write + 1);
    progress.end = this.#finish(last);
  }

  #isListStart(at: number): boolean {
    const bytes = this.#bytes;
    if (bytes[at] !== QUESTION || bytes[at + 1] !== COMMA || bytes[at + 2] !== QUESTION) return false;
    const next = bytes[at + 3]!;
    return (next === COMMA || next === CLOSE) && !isArithmetic(bytes[at - 1]!);
  }

  /** Copies the list of literals at the reading place, folded when it is long. */
  #foldList(last: number): void {
    const bytes = this.#bytes;
    const limit = this.#options.groupingLimit;
    let end = this.#read;
    let items = 0;
    while (end < last && bytes[end] === QUESTION && bytes[end + 1] === COMMA) {
      end += 2;
      items += 1;
    }
    // ProxySQL takes any single byte before the parenthesis for the last literal: `(1,2,3,4,a)` loses its `a`.
    const closed = end < last && bytes[end + 1] === CLOSE;
    if (closed && bytes[end] !== QUESTION) this.merged = true;
    if (items * 2 + (closed ? 1 : 0) < limit * 2 + 3) {
      for (let i = 0; i < items; i += 1) this.#writeItem();
      this.#read = end;
      return;
    }
    for (let i = 0; i < Math.min(items, limit); i += 1) this.#writeItem();
    if (items > limit) this.#writeEllipsis();
    // Over the last literal of the list when the list ends with it, otherwise back on the comma before what breaks it.
    this.#read = closed ? end + 1 : end - 1;
  }

  #writeItem(): void {
    this.#bytes[this.#write++] = QUESTION;
    this.#bytes[this.#write++] = COMMA;
  }

  #writeEllipsis(): void {
    this.#foldedLists += 1;
    for (let i = 0; i < 3; i += 1) this.#bytes[this.#write++] = DOT;
  }

  #endsWithEllipsis(): boolean {
    const bytes = this.#bytes;
    const end = this.#write;
    return (
      end > 4 && bytes[end - 1] === DOT && bytes[end - 2] === DOT && bytes[end - 3] === DOT && bytes[end - 4] === COMMA
    );
  }

  /** After `,...`, drops the literals that a refill brought. True when an unfinished number ends the pass here. */
  #skipAfterEllipsis(last: number): boolean {
    const bytes = this.#bytes;
    if (last - this.#read < 1 || !this.#endsWithEllipsis()) return false;
    let at = bytes[this.#read] === COMMA ? this.#read + 1 : this.#read;
    while (at < last && bytes[at] === QUESTION && bytes[at + 1] === COMMA) at += 2;
    const isLast = at < last && bytes[at] === QUESTION && bytes[at + 1] === CLOSE;
    if (isLast) at += 1;
    if (isLast || at > this.#read + 1) this.#read = at;
    return this.numberStart !== NO_NUMBER && at >= last && isDigit(bytes[at]!);
  }

  /** Eleven or more `(?,?,?,...)` in a row become ten and `...`. */
  #foldGroups(): void {
    const bytes = this.#bytes;
    const limit = this.#options.groupsGroupingLimit;
    const groupBytes = this.#groupBytes;
    const last = this.#last();
    this.#startAt(this.#groupsEnd - groupBytes * (limit + 2), last);
    while (this.#read <= last) {
      if (this.#endsWithEllipsis() && this.#write > 5 && bytes[this.#write - 5] === CLOSE) {
        const next = this.#endOfGroupsAfterEllipsis(last);
        if (next > this.#read + 1) {
          this.#read = next - 1;
          continue;
        }
        if (next >= last) break;
      }
      if (this.#read <= last - groupBytes * (limit + 1) + 2) this.#foldRun(last);
      if (this.#read > last) break;
      bytes[this.#write++] = bytes[this.#read++]!;
    }
    this.#groupsEnd = this.#finish(last);
  }

  #endOfGroupsAfterEllipsis(last: number): number {
    const bytes = this.#bytes;
    const groupBytes = this.#groupBytes;
    let at = this.#read;
    if (bytes[at] === COMMA || bytes[at] === SPACE) at += 1;
    while (at + groupBytes - 2 <= last && this.#isGroup(at)) {
      at += at + groupBytes - 1 === last ? groupBytes - 1 : groupBytes;
    }
    return at;
  }

  /** Folds the run of groups at the reading place when it is long; otherwise moves nothing. */
  #foldRun(last: number): void {
    const bytes = this.#bytes;
    const limit = this.#options.groupsGroupingLimit;
    const groupBytes = this.#groupBytes;
    const start = this.#read;
    if (bytes[start] !== OPEN || bytes[start + 1] !== QUESTION || bytes[start + 2] !== COMMA) return;
    let at = start;
    let groups = 0;
    for (; at + groupBytes - 2 <= last && this.#isGroup(at); groups += 1) {
      at += groupBytes - 1;
      if (bytes[at] === COMMA) at += 1;
    }
    if (groups <= limit) return;
    bytes.copyWithin(this.#write, start, start + groupBytes * limit);
    this.#write += groupBytes * limit;
    this.#writeEllipsis();
    this.#read = at;
    // `...1a` would not be read as the name that it was.
    if (WORD_BYTE[bytes[at]!] === 1) this.merged = true;
  }

  /** Is bytes[at…] `(?,?,?,...)` with exactly the configured number of literals? */
  #isGroup(at: number): boolean {
    const bytes = this.#bytes;
    const dots = at + this.#options.groupingLimit * 2 + 1;
    if (bytes[at] !== OPEN || bytes[dots + 3] !== CLOSE) return false;
    for (let i = at + 1; i < dots; i += 2) if (bytes[i] !== QUESTION || bytes[i + 1] !== COMMA) return false;
    return bytes[dots] === DOT && bytes[dots + 1] === DOT && bytes[dots + 2] === DOT;
  }
}
