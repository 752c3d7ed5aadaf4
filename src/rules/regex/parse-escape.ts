/**
 * What a backslash means, in and outside a class, for PCRE and for RE2. It returns meanings; parser.ts and
 * parse-class.ts make nodes of them. Source: pcrepattern(3) of PCRE 8.45, RE2's syntax page.
 */
import { type AssertKind, PatternError } from './ast.ts';
import { type ByteSet, byteSet, complement, PCRE_CLASSES, RE2_CLASSES } from './byte-set.ts';

/** Which engine's language a pattern is written in; `mysql-query_processor_regex` 1 and 2. */
export type Dialect = 'pcre' | 're2';

/** A cursor over the pattern, one character per byte. */
export interface Cursor {
  readonly source: string;
  at: number;
}

export type Escape =
  | { readonly kind: 'byte'; readonly byte: number }
  | { readonly kind: 'set'; readonly set: ByteSet }
  | { readonly kind: 'assert'; readonly assert: AssertKind }
  /** `\1`, `\g{-1}`, `\k<name>`: a number (relative ones are resolved by the caller) or a name. */
  | { readonly kind: 'backreference'; readonly to: number | string; readonly relative: boolean }
  | { readonly kind: 'newline-sequence' }
  | { readonly kind: 'keep' };

const CONTROL_BYTES: ReadonlyMap<string, number> = new Map([
  ['a', 0x07],
  ['e', 0x1b],
  ['f', 0x0c],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
]);

const PCRE_ASSERTS: ReadonlyMap<string, AssertKind> = new Map([
  ['A', 'start'],
  ['b', 'word-boundary'],
  ['B', 'not-word-boundary'],
  ['G', 'search-start'],
  ['z', 'end'],
  ['Z', 'end-or-final-newline'],
]);

const RE2_ASSERTS: ReadonlyMap<string, AssertKind> = new Map([
  ['A', 'start'],
  ['b', 'word-boundary'],
  ['B', 'not-word-boundary'],
  ['z', 'end'],
]);

const isDigit = (char: string): boolean => char >= '0' && char <= '9';
const isLetter = (char: string): boolean => (char >= 'a' && char <= 'z') || (char >= 'A' && char <= 'Z');

/** Reads the escape whose backslash is at `cursor.at`. `groupsSoFar` decides between `\12` as group and as octal. */
export function readEscape(cursor: Cursor, dialect: Dialect, inClass: boolean, groupsSoFar: number): Escape {
  const start = cursor.at;
  const char = cursor.source[start + 1];
  if (char === undefined) throw new PatternError('\\ at the end of the pattern', start);
  cursor.at = start + 2;
  if (!isDigit(char) && !isLetter(char)) return { kind: 'byte', byte: char.charCodeAt(0) };
  const meaning =
    dialect === 'pcre'
      ? readPcreEscape(cursor, char, inClass, groupsSoFar, start)
      : readRe2Escape(cursor, char, inClass, start);
  if (meaning !== undefined) return meaning;
  throw new PatternError(`\\${char} is not supported${inClass ? ' in a class' : ''}`, start);
}

function readPcreEscape(
  cursor: Cursor,
  char: string,
  inClass: boolean,
  groupsSoFar: number,
  start: number,
): Escape | undefined {
  if (isDigit(char)) return readPcreDigits(cursor, char, inClass, groupsSoFar, start);
  const set = PCRE_CLASSES.get(char);
  if (set !== undefined) return { kind: 'set', set };
  if (char === 'x') return { kind: 'byte', byte: readHex(cursor, start) };
  if (char === 'o') return { kind: 'byte', byte: readBraced(cursor, /^\{([0-7]+)\}/, 8, start) };
  if (char === 'c') return { kind: 'byte', byte: readControl(cursor, start) };
  const control = CONTROL_BYTES.get(char);
  if (control !== undefined) return { kind: 'byte', byte: control };
  if (inClass) {
    if (char === 'b') return { kind: 'byte', byte: 0x08 };
    if ('BNRXpPLlUu'.includes(char)) return undefined;
    return { kind: 'byte', byte: char.charCodeAt(0) };
  }
  const assert = PCRE_ASSERTS.get(char);
  if (assert !== undefined) return { kind: 'assert', assert };
  if (char === 'N' && !/^\{(?!\d+(?:,\d*)?\})/.test(cursor.source.slice(cursor.at)))
    return { kind: 'set', set: complement(byteSet(0x0a, 0x0a)) };
  if (char === 'C') return { kind: 'set', set: byteSet(0, 255) };
  if (char === 'R') return { kind: 'newline-sequence' };
  if (char === 'K') return { kind: 'keep' };
  if (char === 'g' || char === 'k') return readReference(cursor, char, start);
  if ('XpPLlUuN'.includes(char)) return undefined;
  return { kind: 'byte', byte: char.charCodeAt(0) };
}

function readRe2Escape(cursor: Cursor, char: string, inClass: boolean, start: number): Escape | undefined {
  const set = RE2_CLASSES.get(char);
  if (set !== undefined) return { kind: 'set', set };
  if (char === 'x') return { kind: 'byte', byte: readRe2Hex(cursor, start) };
  if (char === 'v') return { kind: 'byte', byte: 0x0b };
  const control = char === 'e' ? undefined : CONTROL_BYTES.get(char);
  if (control !== undefined) return { kind: 'byte', byte: control };
  if (char === '0' || (char >= '1' && char <= '7' && /^[0-7]/.test(cursor.source.slice(cursor.at)))) {
    const digits = /^[0-7]{1,3}/.exec(cursor.source.slice(start + 1))?.[0] ?? '';
    cursor.at = start + 1 + digits.length;
    return { kind: 'byte', byte: asByte(Number.parseInt(digits, 8), start) };
  }
  if (inClass) return undefined;
  const assert = RE2_ASSERTS.get(char);
  if (assert !== undefined) return { kind: 'assert', assert };
  if (char === 'C') return { kind: 'set', set: byteSet(0, 255) };
  return undefined;
}

function readPcreDigits(
  cursor: Cursor,
  char: string,
  inClass: boolean,
  groupsSoFar: number,
  start: number,
): Escape | undefined {
  const digits = /^[0-9]+/.exec(cursor.source.slice(start + 1))?.[0] ?? char;
  if (!inClass && char !== '0') {
    const number = Number(digits);
    if (number < 10 || number <= groupsSoFar) {
      cursor.at = start + 1 + digits.length;
      return { kind: 'backreference', to: number, relative: false };
    }
  }
  const octal = /^[0-7]{1,3}/.exec(digits)?.[0];
  // \8 and \9 that are no group: the digit itself
  if (octal === undefined) return { kind: 'byte', byte: char.charCodeAt(0) };
  cursor.at = start + 1 + octal.length;
  return { kind: 'byte', byte: asByte(Number.parseInt(octal, 8), start) };
}

/** `\xhh` (none to two digits) or `\x{hh}`. */
function readHex(cursor: Cursor, start: number): number {
  const braced = /^\{([0-9a-fA-F]+)\}/.exec(cursor.source.slice(cursor.at));
  if (braced !== null) {
    cursor.at += braced[0].length;
    return asByte(Number.parseInt(braced[1] ?? '', 16), start);
  }
  const digits = /^[0-9a-fA-F]{0,2}/.exec(cursor.source.slice(cursor.at))?.[0] ?? '';
  cursor.at += digits.length;
  return digits === '' ? 0 : Number.parseInt(digits, 16);
}

/** RE2 reads text as UTF-8, so `\xe9` is two bytes there; only ASCII is taken. */
function readRe2Hex(cursor: Cursor, start: number): number {
  const match = /^(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2}))/.exec(cursor.source.slice(cursor.at));
  if (match === null) throw new PatternError('bad \\x', start);
  cursor.at += match[0].length;
  const value = Number.parseInt(match[1] ?? match[2] ?? '', 16);
  if (value > 0x7f) throw new PatternError('\\x above 7F is not supported with RE2; write the character', start);
  return value;
}

function readBraced(cursor: Cursor, form: RegExp, radix: number, start: number): number {
  const match = form.exec(cursor.source.slice(cursor.at));
  if (match === null) throw new PatternError('bad \\o{}', start);
  cursor.at += match[0].length;
  return asByte(Number.parseInt(match[1] ?? '', radix), start);
}

function readControl(cursor: Cursor, start: number): number {
  const code = cursor.source.charCodeAt(cursor.at);
  if (!(code < 0x80)) throw new PatternError('\\c must be followed by an ASCII character', start);
  cursor.at += 1;
  return (code >= 0x61 && code <= 0x7a ? code - 32 : code) ^ 0x40;
}

function readReference(cursor: Cursor, char: string, start: number): Escape {
  const rest = cursor.source.slice(cursor.at);
  const named = (char === 'k' ? /^(?:<(\w+)>|'(\w+)'|\{(\w+)\})/ : /^\{([A-Za-z_]\w*)\}/).exec(rest);
  if (named !== null) {
    cursor.at += named[0].length;
    return { kind: 'backreference', to: named[1] ?? named[2] ?? named[3] ?? '', relative: false };
  }
  const numbered = char === 'g' ? /^(?:\{(-?\d+)\}|(-?\d+))/.exec(rest) : null;
  if (numbered === null) throw new PatternError(`\\${char} is not supported in this form`, start);
  cursor.at += numbered[0].length;
  const number = Number(numbered[1] ?? numbered[2]);
  return { kind: 'backreference', to: number, relative: number < 0 };
}

function asByte(value: number, offset: number): number {
  if (value > 0xff) throw new PatternError('character code above FF', offset);
  return value;
}
