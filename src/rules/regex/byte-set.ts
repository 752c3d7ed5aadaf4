/** Sets of bytes, the one kind of character class there is here. It knows nothing of patterns. */

/** 256 entries, 1 = member. */
export type ByteSet = Uint8Array;

/** A set from inclusive ranges: `byteSet(0x30, 0x39, 0x5f, 0x5f)`. */
export function byteSet(...ranges: readonly number[]): ByteSet {
  const set = new Uint8Array(256);
  for (let i = 0; i < ranges.length; i += 2) set.fill(1, ranges[i], (ranges[i + 1] ?? 0) + 1);
  return set;
}

const singles: readonly ByteSet[] = Array.from({ length: 256 }, (_, byte) => byteSet(byte, byte));
const foldedSingles: readonly ByteSet[] = singles.map(foldCase);

/** The set of one byte, in both cases when `caseless`. One object per byte: patterns hold many of them. */
export function singleByte(byte: number, caseless: boolean): ByteSet {
  return (caseless ? foldedSingles : singles)[byte] ?? byteSet();
}

export function complement(set: ByteSet): ByteSet {
  return set.map((member) => 1 - member);
}

export function addAll(target: ByteSet, source: ByteSet): void {
  for (let byte = 0; byte < 256; byte += 1) if (source[byte] === 1) target[byte] = 1;
}

/** Adds the other case of every ASCII letter; PCRE's default tables know no other letters. */
export function foldCase(set: ByteSet): ByteSet {
  const folded = set.slice();
  for (let upper = 0x41; upper <= 0x5a; upper += 1) {
    if (set[upper] === 1) folded[upper + 32] = 1;
    if (set[upper + 32] === 1) folded[upper] = 1;
  }
  return folded;
}

export function intersects(a: ByteSet, b: ByteSet): boolean {
  return a.some((member, byte) => member === 1 && b[byte] === 1);
}

const DIGIT = byteSet(0x30, 0x39);
const WORD = byteSet(0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a);
const SPACE = byteSet(0x09, 0x0d, 0x20, 0x20);
const HORIZONTAL = byteSet(0x09, 0x09, 0x20, 0x20, 0xa0, 0xa0);
const VERTICAL = byteSet(0x0a, 0x0d, 0x85, 0x85);

export const WORD_BYTES = WORD;
export const ANY_BYTE = byteSet(0, 255);
export const NOT_NEWLINE = complement(byteSet(0x0a, 0x0a));

/** `\d \D \w …` by letter. `\s` includes VT, as PCRE since 8.34. */
export const PCRE_CLASSES: ReadonlyMap<string, ByteSet> = new Map([
  ['d', DIGIT],
  ['D', complement(DIGIT)],
  ['w', WORD],
  ['W', complement(WORD)],
  ['s', SPACE],
  ['S', complement(SPACE)],
  ['h', HORIZONTAL],
  ['H', complement(HORIZONTAL)],
  ['v', VERTICAL],
  ['V', complement(VERTICAL)],
]);

const RE2_SPACE = byteSet(0x09, 0x0a, 0x0c, 0x0d, 0x20, 0x20);

/** RE2's letters: no `\h`, `\v` is the VT byte, and `\s` has no VT. */
export const RE2_CLASSES: ReadonlyMap<string, ByteSet> = new Map([
  ['d', DIGIT],
  ['D', complement(DIGIT)],
  ['w', WORD],
  ['W', complement(WORD)],
  ['s', RE2_SPACE],
  ['S', complement(RE2_SPACE)],
]);

/** `[:name:]`, in the C locale. */
export const POSIX_CLASSES: ReadonlyMap<string, ByteSet> = new Map([
  ['alpha', byteSet(0x41, 0x5a, 0x61, 0x7a)],
  ['lower', byteSet(0x61, 0x7a)],
  ['upper', byteSet(0x41, 0x5a)],
  ['alnum', byteSet(0x30, 0x39, 0x41, 0x5a, 0x61, 0x7a)],
  ['ascii', byteSet(0, 0x7f)],
  ['blank', byteSet(0x09, 0x09, 0x20, 0x20)],
  ['cntrl', byteSet(0, 0x1f, 0x7f, 0x7f)],
  ['digit', DIGIT],
  ['graph', byteSet(0x21, 0x7e)],
  ['print', byteSet(0x20, 0x7e)],
  ['punct', byteSet(0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e)],
  ['space', SPACE],
  ['word', WORD],
  ['xdigit', byteSet(0x30, 0x39, 0x41, 0x46, 0x61, 0x66)],
]);
