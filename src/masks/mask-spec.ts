/**
 * What a mask is and which arguments it takes: `mask` and `mask_args` of a row to a MaskSpec. Pure; it masks nothing.
 *
 * What cannot be used becomes `full`, with the reason: a row protects its column whatever its arguments are.
 */
import { PatternError } from '../rules/regex/ast.ts';
import { unlimitedBudget } from '../rules/regex/budget.ts';
import { SearchCost } from '../rules/regex/cost.ts';
import { parsePattern } from '../rules/regex/parser.ts';
import { compilePattern, type Pattern } from '../rules/regex/pattern.ts';
import { parseReplacement, type Replacement } from '../rules/rewrite.ts';
import { maskRegexBytesMax } from './mask-limits.ts';

export type MaskSpec =
  /** NULL, for every value. */
  | { readonly kind: 'null' }
  /** The same text for every value. */
  | { readonly kind: 'fixed'; readonly text: string }
  /** `char` in place of every character; `length` characters of it, or as many as the value has. */
  | { readonly kind: 'full'; readonly char: string; readonly length: number | 'same' }
  /** The first or last `n` characters stay, though never more than half of them. */
  | { readonly kind: 'keep_first' | 'keep_last'; readonly n: number; readonly char: string }
  /** `a***@example.org`, or `a***` without the domain. */
  | { readonly kind: 'email'; readonly domain: boolean; readonly char: string }
  /** Digits become `char`, but for the last `keep` (never more than half); what is between them stays. */
  | { readonly kind: 'phone'; readonly keep: number; readonly char: string }
  /** Digits become `char`; everything else stays. */
  | { readonly kind: 'digits'; readonly char: string }
  /** A date keeps its year, or its year and month; the rest becomes 01. */
  | { readonly kind: 'year' | 'month' }
  /** The number 0. */
  | { readonly kind: 'zero' }
  /** The largest multiple of `size` that is not above the number. */
  | { readonly kind: 'bucket'; readonly size: number }
  /** The first `length` hex digits of HMAC-SHA-256 under sluice-masking_hash_key. */
  | { readonly kind: 'hash'; readonly length: number }
  /** Every match of `pattern` becomes `replacement`; a value without a match is masked in full. */
  | {
      readonly kind: 'regex';
      readonly pattern: Pattern;
      readonly replacement: Replacement;
      /** Longer values, in bytes, are masked in full. */
      readonly bytesMax: number;
    };

export const MASK_NAMES = [
  'full',
  'null',
  'fixed',
  'keep_first',
  'keep_last',
  'email',
  'phone',
  'digits',
  'year',
  'month',
  'zero',
  'bucket',
  'hash',
  'regex',
] as const;
export type MaskName = (typeof MASK_NAMES)[number];

/** Characters of `full` without a length of its own: the value's is nobody's business. */
export const FULL_MASK_CHARS = 8;
/** Longest text of `fixed`, and largest `length` of `full`, in characters. */
export const MASK_TEXT_CHARS_MAX = 255;
/** Characters `keep_first` and `keep_last` may show. */
const KEEP_CHARS_MAX = 64;
const PATTERN_CHARS_MAX = 1000;
/** Steps of about 1 ns that a pattern may need in the worst case; what it may need more for is too long a value. */
const PATTERN_STEPS_MAX = 250_000;
/** A pattern that is too slow for values of this many bytes is of no use. */
const PATTERN_BYTES_MIN = 40;

export const FULL_MASK: MaskSpec = { kind: 'full', char: '*', length: FULL_MASK_CHARS };

export interface ParsedMask {
  readonly spec: MaskSpec;
  /** Why the mask asked for was not taken; `column` is the one to blame. */
  readonly problem: { readonly column: 'mask' | 'mask_args'; readonly reason: string } | undefined;
}

class BadArgument extends Error {}

/** The arguments of one mask, each read once; what nobody asked for is an error too. */
class Arguments {
  readonly #values: Map<string, unknown>;

  constructor(json: string) {
    let value: unknown = {};
    if (json.trim() !== '') {
      try {
        value = JSON.parse(json);
      } catch {
        throw new BadArgument('is not JSON');
      }
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new BadArgument('is not a JSON object');
    }
    this.#values = new Map(Object.entries(value));
  }

  int(name: string, fallback: number, min: number, max: number): number {
    const value = this.#take(name) ?? fallback;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw new BadArgument(`: ${name} must be a whole number within ${min}..${max}`);
    }
    return value;
  }

  bool(name: string, fallback: boolean): boolean {
    const value = this.#take(name) ?? fallback;
    if (typeof value !== 'boolean') throw new BadArgument(`: ${name} must be true or false`);
    return value;
  }

  text(name: string, fallback: string | undefined, max: number): string {
    const value = this.#take(name) ?? fallback;
    if (value === undefined) throw new BadArgument(`: ${name} is missing`);
    if (typeof value !== 'string' || value.length > max) {
      throw new BadArgument(`: ${name} must be a text of at most ${max} characters`);
    }
    return value;
  }

  /** One printable character of ASCII, which every character set of a result has. */
  char(): string {
    const value = this.#take('char') ?? '*';
    if (typeof value !== 'string' || !/^[ -~]$/.test(value)) {
      throw new BadArgument(': char must be one printable character of ASCII');
    }
    return value;
  }

  /** `length` of `full`: a number or "same". */
  fullLength(): number | 'same' {
    if (this.#values.get('length') === 'same') {
      this.#values.delete('length');
      return 'same';
    }
    return this.int('length', FULL_MASK_CHARS, 1, MASK_TEXT_CHARS_MAX);
  }

  end(): void {
    const [unknown] = this.#values.keys();
    if (unknown !== undefined) throw new BadArgument(`: this mask takes no ${JSON.stringify(unknown)}`);
  }

  #take(name: string): unknown {
    const value = this.#values.get(name);
    this.#values.delete(name);
    return value;
  }
}

/**
 * Reads `mask` and `mask_args`. Never throws: see ParsedMask.problem.
 * @param json a JSON object or ''
 */
export function parseMask(name: string, json: string): ParsedMask {
  const known = MASK_NAMES.find((candidate) => candidate === name.toLowerCase());
  if (known === undefined) {
    return refused('mask', `${JSON.stringify(name)} is none of ${MASK_NAMES.join(', ')}`);
  }
  try {
    const args = new Arguments(json);
    const spec = specOf(known, args);
    args.end();
    return { spec, problem: undefined };
  } catch (error) {
    if (error instanceof BadArgument || error instanceof PatternError) return refused('mask_args', error.message);
    throw error;
  }
}

function refused(column: 'mask' | 'mask_args', reason: string): ParsedMask {
  const joint = reason.startsWith(':') ? '' : ' ';
  return {
    spec: FULL_MASK,
    problem: { column, reason: `${joint}${reason}; the column is masked in full`.trimStart() },
  };
}

function specOf(name: MaskName, args: Arguments): MaskSpec {
  switch (name) {
    case 'null':
    case 'year':
    case 'month':
    case 'zero':
      return { kind: name };
    case 'fixed':
      return { kind: name, text: args.text('text', '***', MASK_TEXT_CHARS_MAX) };
    case 'full':
      return { kind: name, char: args.char(), length: args.fullLength() };
    case 'keep_first':
    case 'keep_last':
      return { kind: name, n: args.int('n', 4, 1, KEEP_CHARS_MAX), char: args.char() };
    case 'email':
      return { kind: name, domain: args.bool('domain', true), char: args.char() };
    case 'phone':
      return { kind: name, keep: args.int('keep', 2, 0, KEEP_CHARS_MAX), char: args.char() };
    case 'digits':
      return { kind: name, char: args.char() };
    case 'bucket':
      return { kind: name, size: args.int('size', 10, 1, 1_000_000_000) };
    case 'hash':
      return { kind: name, length: args.int('length', 32, 8, 64) };
    case 'regex':
      return regexSpec(args);
  }
}

/** Characters of pattern and value are bytes, as in query rules. */
function regexSpec(args: Arguments): MaskSpec {
  const source = Buffer.from(args.text('pattern', undefined, PATTERN_CHARS_MAX), 'utf8').toString('latin1');
  const caseless = args.bool('caseless', false);
  const replacement = parseReplacement(
    Buffer.from(args.text('replacement', '*', MASK_TEXT_CHARS_MAX), 'utf8').toString('latin1'),
  );
  const pattern = compilePattern(source, { dialect: 're2', caseless });
  if (pattern instanceof PatternError) throw new BadArgument(`: pattern: ${pattern.message}`);
  const cost = new SearchCost(parsePattern(source, 're2', caseless).root);
  const bytesMax = Math.min(maskRegexBytesMax, cost.longestTextWithin(PATTERN_STEPS_MAX));
  if (bytesMax < PATTERN_BYTES_MIN) {
    throw new BadArgument(': pattern could take too long on a long value; repeat less within repetitions');
  }
  // Made ready now, so that no statement pays for it.
  pattern.test('', unlimitedBudget());
  pattern.exec('', 0, false, new Int32Array(2 * (pattern.groups + 1)), unlimitedBudget());
  if (replacement.broken || replacement.highestGroup > pattern.groups) {
    throw new BadArgument(': replacement names a group the pattern does not have');
  }
  return { kind: 'regex', pattern, replacement, bytesMax };
}
