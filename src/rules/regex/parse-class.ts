/** Reads `[…]` into a set of bytes. For RE2, whose classes hold characters, it also names what lies outside ASCII. */
import { PatternError } from './ast.ts';
import { addAll, type ByteSet, byteSet, complement, foldCase, POSIX_CLASSES } from './byte-set.ts';
import { type Cursor, type Dialect, readEscape } from './parse-escape.ts';

export interface ParsedClass {
  /** The set, case folded and, when negated, complemented. For RE2 it holds ASCII only. */
  readonly set: ByteSet;
  readonly negated: boolean;
  /** RE2: the characters outside ASCII, as UTF-8 bytes. */
  readonly wide: readonly string[];
}

/** One thing in a class: a byte, which may begin a range, or a set, which may not. */
type Item = { readonly byte: number } | { readonly set: ByteSet } | { readonly wide: string };

/** Reads the class whose `[` is at `cursor.at`. */
export function readClass(cursor: Cursor, dialect: Dialect, caseless: boolean): ParsedClass {
  const start = cursor.at;
  cursor.at += 1;
  const negated = cursor.source[cursor.at] === '^';
  if (negated) cursor.at += 1;
  const set = byteSet();
  const wide: string[] = [];
  const reader = new ClassReader(cursor, dialect, start);
  for (let first = true; ; first = false) {
    const item = reader.next(first);
    if (item === undefined) break;
    if ('set' in item) addAll(set, item.set);
    else if ('wide' in item) wide.push(item.wide);
    else set.fill(1, item.byte, reader.rangeEnd(item.byte) + 1);
  }
  if (negated && wide.length > 0) {
    throw new PatternError('characters outside ASCII in a negated class are not supported with RE2', start);
  }
  const folded = caseless ? foldCase(set) : set;
  if (!negated) return { set: folded, negated, wide };
  const inverse = complement(folded);
  if (dialect === 're2') inverse.fill(0, 0x80);
  return { set: inverse, negated, wide };
}

class ClassReader {
  readonly #cursor: Cursor;
  readonly #dialect: Dialect;
  readonly #start: number;
  #quoting = false;

  constructor(cursor: Cursor, dialect: Dialect, start: number) {
    this.#cursor = cursor;
    this.#dialect = dialect;
    this.#start = start;
  }

  /** The next item, or undefined behind the closing bracket. */
  next(first: boolean): Item | undefined {
    this.#skipQuotes();
    const cursor = this.#cursor;
    const char = cursor.source[cursor.at];
    if (char === undefined) throw new PatternError('missing ] of the class', this.#start);
    if (!this.#quoting) {
      if (char === ']' && !first) {
        cursor.at += 1;
        return undefined;
      }
      if (char === '[') {
        const posix = this.#readPosix();
        if (posix !== undefined) return { set: posix };
      }
      if (char === '\\') return this.#readEscape();
    }
    if (this.#dialect === 're2' && char >= '\x80') {
      const wide = readUtf8(cursor);
      if (cursor.source[cursor.at] === '-' && cursor.source[cursor.at + 1] !== ']') {
        throw new PatternError('ranges outside ASCII are not supported with RE2', cursor.at);
      }
      return { wide };
    }
    cursor.at += 1;
    return { byte: char.charCodeAt(0) };
  }

  /** The end of the range that begins with `from`; `from` itself when there is none. */
  rangeEnd(from: number): number {
    this.#skipQuotes();
    const cursor = this.#cursor;
    if (this.#quoting || cursor.source[cursor.at] !== '-') return from;
    const dash = cursor.at;
    cursor.at += 1;
    this.#skipQuotes();
    const char = cursor.source[cursor.at];
    if (char === undefined) throw new PatternError('missing ] of the class', this.#start);
    const item = char === ']' && !this.#quoting ? undefined : this.next(false);
    if (item === undefined || !('byte' in item)) {
      // [a-] and [a-\d]: the dash is itself
      if (item !== undefined && this.#dialect === 're2') throw new PatternError('bad range in the class', dash);
      cursor.at = dash;
      return from;
    }
    if (item.byte < from) throw new PatternError('range out of order in the class', dash);
    return item.byte;
  }

  #readEscape(): Item {
    const meaning = readEscape(this.#cursor, this.#dialect, true, 0);
    if (meaning.kind === 'byte') return { byte: meaning.byte };
    if (meaning.kind === 'set') return { set: meaning.set };
    throw new PatternError('this escape is not supported in a class', this.#cursor.at);
  }

  #readPosix(): ByteSet | undefined {
    const cursor = this.#cursor;
    const match = /^\[([:.=])(\^?)([a-zA-Z<>]*)\1\]/.exec(cursor.source.slice(cursor.at));
    if (match === null) return undefined;
    if (match[1] !== ':') throw new PatternError('POSIX collating elements are not supported', cursor.at);
    const set = POSIX_CLASSES.get(match[3] ?? '');
    if (set === undefined) throw new PatternError(`unknown POSIX class ${match[0]}`, cursor.at);
    cursor.at += match[0].length;
    return match[2] === '^' ? complement(set) : set;
  }

  /** Steps over `\Q` and `\E`. */
  #skipQuotes(): void {
    const cursor = this.#cursor;
    for (;;) {
      const two = cursor.source.slice(cursor.at, cursor.at + 2);
      if (two === '\\E') this.#quoting = false;
      else if (two === '\\Q' && !this.#quoting) this.#quoting = true;
      else return;
      cursor.at += 2;
    }
  }
}

/** Reads one UTF-8 character above ASCII; its bytes stay bytes. */
export function readUtf8(cursor: Cursor): string {
  const lead = cursor.source.charCodeAt(cursor.at);
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  const bytes = cursor.source.slice(cursor.at, cursor.at + length);
  const valid = lead >= 0xc2 && lead <= 0xf4 && bytes.length === length && /^.[\x80-\xbf]+$/s.test(bytes);
  if (!valid) throw new PatternError('not UTF-8', cursor.at);
  cursor.at += length;
  return bytes;
}
