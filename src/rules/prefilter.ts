/**
 * One scan of a statement's bytes that tells which of thousands of match_pattern rules could match it: those whose
 * required texts (regex/required-literals.ts) are in it. A rule it does not name cannot match; one it names may.
 *
 * Each text is represented by three of its bytes, the ones the fewest other texts have. Every three bytes of a statement
 * are looked up in a bitmap that fits the first-level cache, and compared in full only where it says maybe.
 */
import { LITERAL_BYTES_MIN } from './regex/required-literals.ts';

/** Rules found in one text that are named; with more of them the walk is not worth shortening. */
const FOUND_MAX = 32;

const HASH_BITS = 16;
const BITMAP_BYTES = (1 << HASH_BITS) >>> 3;
const GRAM_MASK = 0xff_ffff;

/** Three bytes that nearly every statement has: a text is represented by others if it can be. */
const COMMON_GRAMS: ReadonlySet<number> = gramsOf(
  'select * from where and or not in is null like between order by group by having limit offset as on join left inner ' +
    'insert into values update set delete count(*) distinct = ? asc desc (select id name _id created_at) ',
);

interface Literal {
  /** Folded to lower case. */
  readonly bytes: Uint8Array;
  /** Where in it its three bytes are. */
  readonly at: number;
  readonly gram: number;
  /** The places in the walk of the rules that need it. */
  readonly rules: number[];
}

export interface FilteredRule {
  /** Its place in the walk. */
  readonly order: number;
  /** One of these is in every text that the rule matches. */
  readonly literals: readonly string[];
}

export class Prefilter {
  readonly #bitmap = new Uint8Array(BITMAP_BYTES);
  readonly #byGram = new Map<number, Literal[]>();
  /** Rules found by the last scan, each once. */
  readonly found: number[] = [];
  /** The last scan found more rules than `found` names. */
  overflow = false;

  constructor(rules: readonly FilteredRule[]) {
    const rulesByText = new Map<string, number[]>();
    for (const { order, literals } of rules) {
      for (const text of literals) {
        const known = rulesByText.get(text);
        if (known === undefined) rulesByText.set(text, [order]);
        else known.push(order);
      }
    }
    const frequency = gramFrequency([...rulesByText.keys()]);
    for (const [text, orders] of rulesByText) this.#add(literalOf(text, orders, frequency));
  }

  /** Looks for rules; `found` and `overflow` say which. Returns whether there is any. */
  scan(text: Uint8Array, start: number, end: number): boolean {
    this.found.length = 0;
    this.overflow = false;
    if (end - start < LITERAL_BYTES_MIN) return false;
    const bitmap = this.#bitmap;
    const fold = FOLD;
    let gram = (fold[text[start]!]! << 8) | fold[text[start + 1]!]!;
    for (let i = start + 2; i < end; i += 1) {
      gram = ((gram << 8) | fold[text[i]!]!) & GRAM_MASK;
      const hash = hashOf(gram);
      if ((bitmap[hash >>> 3]! & (1 << (hash & 7))) !== 0) this.#check(gram, text, start, end, i - 2);
    }
    return this.overflow || this.found.length > 0;
  }

  #check(gram: number, text: Uint8Array, start: number, end: number, at: number): void {
    for (const literal of this.#byGram.get(gram) ?? NO_LITERALS) {
      const from = at - literal.at;
      if (from >= start && from + literal.bytes.length <= end && isAt(literal.bytes, text, from)) this.#note(literal);
    }
  }

  #note({ rules }: Literal): void {
    for (const order of rules) {
      if (this.found.length >= FOUND_MAX) {
        this.overflow = true;
        return;
      }
      if (!this.found.includes(order)) this.found.push(order);
    }
  }

  #add(literal: Literal): void {
    const hash = hashOf(literal.gram);
    this.#bitmap[hash >>> 3]! |= 1 << (hash & 7);
    const same = this.#byGram.get(literal.gram);
    if (same === undefined) this.#byGram.set(literal.gram, [literal]);
    else same.push(literal);
  }
}

const NO_LITERALS: readonly Literal[] = [];

const FOLD = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte));

function hashOf(gram: number): number {
  return Math.imul(gram, 0x9e37_79b1) >>> (32 - HASH_BITS);
}

function isAt(literal: Uint8Array, text: Uint8Array, from: number): boolean {
  for (let i = 0; i < literal.length; i += 1) if (FOLD[text[from + i]!] !== literal[i]) return false;
  return true;
}

function literalOf(text: string, rules: number[], frequency: ReadonlyMap<number, number>): Literal {
  const bytes = new Uint8Array(Buffer.from(text, 'latin1'));
  let at = 0;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i + LITERAL_BYTES_MIN <= bytes.length; i += 1) {
    const gram = gramAt(bytes, i);
    const weight = (frequency.get(gram) ?? 0) + (COMMON_GRAMS.has(gram) ? 1_000_000 : 0);
    // Of equals the last: names differ in their ends.
    if (weight <= best) {
      best = weight;
      at = i;
    }
  }
  return { bytes, at, gram: gramAt(bytes, at), rules };
}

function gramFrequency(texts: readonly string[]): ReadonlyMap<number, number> {
  const frequency = new Map<number, number>();
  for (const text of texts) {
    for (let i = 0; i + LITERAL_BYTES_MIN <= text.length; i += 1) {
      const gram = (text.charCodeAt(i) << 16) | (text.charCodeAt(i + 1) << 8) | text.charCodeAt(i + 2);
      frequency.set(gram, (frequency.get(gram) ?? 0) + 1);
    }
  }
  return frequency;
}

function gramsOf(text: string): Set<number> {
  const bytes = Buffer.from(text, 'latin1');
  const grams = new Set<number>();
  for (let i = 0; i + LITERAL_BYTES_MIN <= bytes.length; i += 1) grams.add(gramAt(bytes, i));
  return grams;
}

function gramAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}
