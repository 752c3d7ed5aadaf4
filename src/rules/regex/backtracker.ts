/**
 * Runs a Program on a text exactly as PCRE would, counting its steps. Patterns without backreferences take at most
 * (splits × bytes) steps, because the memo lets no split be tried twice at one position.
 * It does not choose between itself and V8's RegExp; pattern.ts does.
 */
import { regexMemoBytesMax, regexStackEntriesMax } from '../limits.ts';
import { type Budget, OutOfBudget } from './budget.ts';
import { type ByteSet, WORD_BYTES } from './byte-set.ts';
import { ASSERT_KINDS, OP_SIZE, Op, type Program } from './program.ts';

export interface ExecOptions {
  /** First position tried. */
  readonly from: number;
  /** The match must begin at `from`. */
  readonly sticky: boolean;
  /** PCRE_NOTEMPTY */
  readonly notEmpty: boolean;
  /** Slots are read afterwards; false allows shortcuts that only keep "does it match" right. */
  readonly captures: boolean;
}

const FAILED = -1;
/** Stack entries are pairs: (pc, position), or (~slot, old value) to be put back. */
const ENTRY = 2;
const NEWLINE = 0x0a;
/** Looking for a byte a match can begin with is cheaper than a step: so many bytes for so many steps. */
const SCAN_BYTES = 4096;
const SCAN_STEPS = 1024;

// scratch, shared by all patterns: matching is synchronous
let scratchStack = new Int32Array(1024);
let scratchMemo = new Int32Array(1024);

export class Backtracker {
  readonly #program: Program;
  /** Positions of the last match: begin and end of group n at 2n and 2n + 1, -1 when unset. */
  readonly slots: Int32Array;
  #text = '';
  #from = 0;
  #notEmpty = false;
  #top = 0;
  #memo = false;
  #budget: Budget;

  constructor(program: Program, budget: Budget) {
    this.#program = program;
    this.slots = new Int32Array(program.slots);
    this.#budget = budget;
  }

  /** Whether `text` matches; throws OutOfBudget. */
  exec(text: string, options: ExecOptions, budget: Budget): boolean {
    const last = options.sticky ? options.from : this.#program.anchored ? 0 : text.length;
    // most rules fail here: before anything is made ready
    const first = this.#nextStart(text, options.from, last, budget);
    if (first > last) return false;
    this.#begin(text, options, budget);
    const found = this.#search(text, first, last, budget);
    this.#text = '';
    return found;
  }

  #search(text: string, first: number, last: number, budget: Budget): boolean {
    for (let start = first; start <= last; start = this.#nextStart(text, start + 1, last, budget)) {
      if (this.#tryAt(start)) return true;
    }
    return false;
  }

  /** The first place at or after `start` where a match can begin; beyond `last` when there is none. */
  #nextStart(text: string, start: number, last: number, budget: Budget): number {
    const { first } = this.#program;
    if (first === undefined) return start;
    let place = start;
    while (place <= last) {
      const pause = Math.min(last + 1, place + SCAN_BYTES);
      place = skipOthers(text, place, pause, first);
      if (place < pause) return place;
      budget.spend(SCAN_STEPS);
    }
    return place;
  }

  #begin(text: string, options: ExecOptions, budget: Budget): void {
    const { memoSplits, memoKeepsCaptures } = this.#program;
    this.#text = text;
    this.#from = options.from;
    this.#notEmpty = options.notEmpty;
    this.#budget = budget;
    const words = Math.ceil((memoSplits * (text.length + 1)) / 32);
    this.#memo = memoSplits > 0 && words * 4 <= regexMemoBytesMax && (memoKeepsCaptures || !options.captures);
    if (!this.#memo) return;
    // clearing is work, too; asked for first, so that a text too long for the event loop allocates nothing there
    budget.spend(words >> 3);
    if (scratchMemo.length < words) scratchMemo = new Int32Array(words);
    else scratchMemo.fill(0, 0, words);
  }

  #tryAt(start: number): boolean {
    this.slots.fill(-1);
    this.slots[0] = start;
    this.#top = 0;
    const end = this.#run(0, start, 0);
    if (end === FAILED) return false;
    this.slots[1] = end;
    return true;
  }

  /** Runs from `pc` until its match instruction; returns where it ended. Entries below `base` belong to the caller. */
  #run(entryPc: number, entryPosition: number, base: number): number {
    const { code, sets } = this.#program;
    const text = this.#text;
    const length = text.length;
    const slots = this.slots;
    const memoStride = length + 1;
    const budget = this.#budget;
    let pc = entryPc;
    let position = entryPosition;
    for (;;) {
      budget.spend(1);
      let failed = false;
      const a = code[pc + 1] ?? 0;
      switch (code[pc]) {
        case Op.byte:
          if (position < length && text.charCodeAt(position) === a) {
            position += 1;
            pc += OP_SIZE;
          } else failed = true;
          break;
        case Op.set:
          if (position < length && sets[a]?.[text.charCodeAt(position)] === 1) {
            position += 1;
            pc += OP_SIZE;
          } else failed = true;
          break;
        case Op.split: {
          const number = code[pc + 3] ?? -1;
          if (this.#memo && number >= 0 && seenBefore(number * memoStride + position)) failed = true;
          else {
            this.#push(code[pc + 2] ?? 0, position);
            pc = a;
          }
          break;
        }
        case Op.jump:
          pc = a;
          break;
        case Op.save:
          this.#push(~a, slots[a] ?? FAILED);
          slots[a] = position;
          pc += OP_SIZE;
          break;
        case Op.leaveIfEmpty:
          pc = slots[a] === position ? (code[pc + 2] ?? 0) : pc + OP_SIZE;
          break;
        case Op.assert:
          if (this.#holds(a, position)) pc += OP_SIZE;
          else failed = true;
          break;
        case Op.look: {
          const mark = this.#top;
          const end = this.#run(pc + OP_SIZE, position, mark);
          if (a === 1) {
            // what a negative look captured is forgotten
            if (end !== FAILED) this.#unwind(mark);
            failed = end !== FAILED;
          } else failed = end === FAILED;
          if (!failed) {
            this.#dropChoices(mark);
            pc = code[pc + 2] ?? 0;
          }
          break;
        }
        case Op.atomic: {
          const mark = this.#top;
          const end = this.#run(pc + OP_SIZE, position, mark);
          if (end === FAILED) failed = true;
          else {
            this.#dropChoices(mark);
            position = end;
            pc = code[pc + 2] ?? 0;
          }
          break;
        }
        case Op.back:
          position -= a;
          if (position < 0) failed = true;
          else pc += OP_SIZE;
          break;
        case Op.backreference: {
          const end = this.#repeatOf(a, code[pc + 2] === 1, position);
          if (end === FAILED) failed = true;
          else {
            position = end;
            pc += OP_SIZE;
          }
          break;
        }
        default:
          // match: only the whole pattern's own one may not be empty
          if (this.#notEmpty && position === slots[0] && pc === code.length - OP_SIZE) failed = true;
          else return position;
      }
      if (!failed) continue;
      const choice = this.#unwindToChoice(base);
      if (choice === FAILED) return FAILED;
      pc = choice;
      position = scratchStack[this.#top + 1] ?? 0;
    }
  }

  #push(first: number, second: number): void {
    if (this.#top + ENTRY > scratchStack.length) {
      if (scratchStack.length >= regexStackEntriesMax) throw new OutOfBudget();
      const larger = new Int32Array(scratchStack.length * 2);
      larger.set(scratchStack);
      scratchStack = larger;
    }
    scratchStack[this.#top] = first;
    scratchStack[this.#top + 1] = second;
    this.#top += ENTRY;
  }

  /** Puts slots back up to the last choice; returns its pc (its position is left at #top + 1) or FAILED. */
  #unwindToChoice(base: number): number {
    while (this.#top > base) {
      this.#top -= ENTRY;
      const entry = scratchStack[this.#top] ?? 0;
      if (entry >= 0) return entry;
      this.slots[~entry] = scratchStack[this.#top + 1] ?? FAILED;
    }
    return FAILED;
  }

  #unwind(mark: number): void {
    while (this.#top > mark) this.#unwindToChoice(mark);
  }

  /** Forgets the choices above `mark` but keeps what must be put back when the caller fails later. */
  #dropChoices(mark: number): void {
    let kept = mark;
    for (let entry = mark; entry < this.#top; entry += ENTRY) {
      if ((scratchStack[entry] ?? 0) >= 0) continue;
      scratchStack[kept] = scratchStack[entry] ?? 0;
      scratchStack[kept + 1] = scratchStack[entry + 1] ?? 0;
      kept += ENTRY;
    }
    this.#top = kept;
  }

  /** Where the text of `group` ends when it stands at `position` again; FAILED when it does not, or is unset. */
  #repeatOf(group: number, caseless: boolean, position: number): number {
    const from = this.slots[2 * group] ?? FAILED;
    const to = this.slots[2 * group + 1] ?? FAILED;
    if (from < 0 || to < from || position + to - from > this.#text.length) return FAILED;
    this.#budget.spend((to - from) >> 2);
    for (let i = from; i < to; i += 1) {
      const expected = this.#text.charCodeAt(i);
      const found = this.#text.charCodeAt(position + i - from);
      if (expected !== found && !(caseless && lower(expected) === lower(found))) return FAILED;
    }
    return position + to - from;
  }

  #holds(kind: number, position: number): boolean {
    const text = this.#text;
    const end = text.length;
    switch (ASSERT_KINDS[kind]) {
      case 'start':
        return position === 0;
      case 'end':
        return position === end;
      case 'end-or-final-newline':
        return position === end || (position === end - 1 && text.charCodeAt(position) === NEWLINE);
      case 'line-start':
        return position === 0 || (position < end && text.charCodeAt(position - 1) === NEWLINE);
      case 'after-newline':
        return position === 0 || text.charCodeAt(position - 1) === NEWLINE;
      case 'line-end':
        return position === end || text.charCodeAt(position) === NEWLINE;
      case 'word-boundary':
        return isWord(text, position - 1) !== isWord(text, position);
      case 'not-word-boundary':
        return isWord(text, position - 1) === isWord(text, position);
      default:
        return position === this.#from;
    }
  }
}

/**
 * The first place in `from`..`to` whose byte is in `set`, or `to`; the end of the text is no such place.
 * The comparison with the text's length looks needless, and makes it four times as fast: V8 then knows that charCodeAt
 * gives a number.
 */
function skipOthers(text: string, from: number, to: number, set: ByteSet): number {
  let place = from;
  while (place < to && place < text.length && set[text.charCodeAt(place)] !== 1) place += 1;
  return place < text.length ? place : to;
}

/** Marks one bit of the memo; true when it was marked already. */
function seenBefore(bit: number): boolean {
  const word = scratchMemo[bit >>> 5] ?? 0;
  const mask = 1 << (bit & 31);
  if ((word & mask) !== 0) return true;
  scratchMemo[bit >>> 5] = word | mask;
  return false;
}

function isWord(text: string, position: number): boolean {
  return position >= 0 && position < text.length && WORD_BYTES[text.charCodeAt(position)] === 1;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte;
}
