/**
 * A compiled pattern: V8's RegExp where it is exact and cannot run away on this text, the budgeted matcher otherwise.
 * It owns that choice; it does not know rules.
 */
import { regexNativeStepsMax } from '../limits.ts';
import { type Node, type ParsedPattern, PatternError } from './ast.ts';
import { Backtracker } from './backtracker.ts';
import { type Budget, unlimitedBudget } from './budget.ts';
import { SearchCost } from './cost.ts';
import { asksForFinalNewline, emitNative, isExact } from './emit.ts';
import type { Dialect } from './parse-escape.ts';
import { parsePattern } from './parser.ts';
import { checkProgramSize, compileProgram } from './program.ts';
import { requiredLiterals } from './required-literals.ts';

export type { Dialect } from './parse-escape.ts';

export interface PatternOptions {
  readonly dialect: Dialect;
  readonly caseless: boolean;
}

/** A match this cheap in the worst case (in native steps) needs no look at the clock. */
const LIGHT_STEPS = 50_000;
/** V8 refuses very large expressions when it first runs them; those are left to the budgeted matcher. */
const NATIVE_PROGRAM_MAX = 8_000;
const NEWLINE = 0x0a;

/** Compiles a pattern whose characters are bytes (latin1). */
export function compilePattern(source: string, options: PatternOptions): Pattern | PatternError {
  try {
    const parsed = parsePattern(source, options.dialect, options.caseless);
    checkProgramSize(parsed.root);
    return new Pattern(parsed);
  } catch (error) {
    if (error instanceof PatternError) return error;
    throw error;
  }
}

/**
 * Everything but parsing is put off until a text comes: a LOAD of thousands of rules must not hold up the sessions,
 * and many a rule never gets as far as its pattern.
 */
export class Pattern {
  readonly groups: number;
  readonly #parsed: ParsedPattern;
  #matchers: Matchers | undefined;

  constructor(parsed: ParsedPattern) {
    this.groups = parsed.groups;
    this.#parsed = parsed;
  }

  /** One of these texts, folded to lower case, is in whatever matches; undefined when that cannot be told. */
  get requiredLiterals(): readonly string[] | undefined {
    return requiredLiterals(this.#parsed.root);
  }

  /** How V8 is told; undefined when only the budgeted matcher is exact. For tests and diagnostics. */
  get nativeSource(): string | undefined {
    return this.#ready(unlimitedBudget()).test?.source;
  }

  /** Whether `text` contains a match. Throws OutOfBudget. */
  test(text: string, budget: Budget): boolean {
    const matchers = this.#ready(budget);
    if (matchers.test !== undefined && text.length <= matchers.nativeBytesMax) {
      const found = matchers.test.for(text).test(text);
      budget.afterNative(text.length > matchers.lightBytesMax);
      return found;
    }
    return matchers.backtracker.exec(text, { from: 0, sticky: false, notEmpty: false, captures: false }, budget);
  }

  /**
   * Finds the next match at or after `from` and fills `positions` (two numbers per group, -1 unset).
   * `retry` wants a match that begins at `from` and is not empty: what Perl does after an empty match.
   */
  exec(text: string, from: number, retry: boolean, positions: Int32Array, budget: Budget): boolean {
    const { exec, backtracker, nativeBytesMax, lightBytesMax } = this.#ready(budget);
    if (exec !== undefined && !retry && text.length <= nativeBytesMax) {
      const match = exec.exec(text, from, positions);
      budget.afterNative(text.length > lightBytesMax);
      return match;
    }
    if (!backtracker.exec(text, { from, sticky: retry, notEmpty: retry, captures: true }, budget)) return false;
    positions.set(backtracker.slots.subarray(0, 2 * (this.groups + 1)));
    return true;
  }

  #ready(budget: Budget): Matchers {
    if (this.#matchers === undefined) {
      this.#matchers = makeMatchers(this.#parsed);
      // the first statement after a LOAD may make thousands: they count as matching
      budget.checkTime();
    }
    return this.#matchers;
  }
}

/** What a pattern becomes when it is first used. */
interface Matchers {
  /** V8, for "does it match"; undefined where its answer would differ from PCRE's. */
  readonly test: NativeRegExp | undefined;
  /** V8, for positions. */
  readonly exec: NativeRegExp | undefined;
  /** Up to this length V8 cannot need more than regexNativeStepsMax. */
  readonly nativeBytesMax: number;
  readonly lightBytesMax: number;
  readonly backtracker: Backtracker;
}

function makeMatchers(parsed: ParsedPattern): Matchers {
  const { root } = parsed;
  const program = compileProgram(parsed);
  const small = program.code.length < NATIVE_PROGRAM_MAX;
  const cost = new SearchCost(root);
  return {
    test: small && isExact(root, false) ? new NativeRegExp(root, false) : undefined,
    exec: small && isExact(root, true) ? new NativeRegExp(root, true) : undefined,
    nativeBytesMax: cost.longestTextWithin(regexNativeStepsMax),
    lightBytesMax: cost.longestTextWithin(LIGHT_STEPS),
    backtracker: new Backtracker(program, unlimitedBudget()),
  };
}

/** The RegExps of one pattern, made when first needed. */
class NativeRegExp {
  readonly #root: Node;
  readonly #captures: boolean;
  readonly #asksForEnd: boolean;
  #plain: RegExp | undefined;
  #finalNewline: RegExp | undefined;

  constructor(root: Node, captures: boolean) {
    this.#root = root;
    this.#captures = captures;
    this.#asksForEnd = asksForFinalNewline(root);
  }

  get source(): string {
    return emitNative(this.#root, this.#captures, false);
  }

  /** The RegExp for this text: `$` stands before a final newline, too. */
  for(text: string): RegExp {
    if (this.#asksForEnd && text.charCodeAt(text.length - 1) === NEWLINE) {
      this.#finalNewline ??= this.#make(true);
      return this.#finalNewline;
    }
    this.#plain ??= this.#make(false);
    return this.#plain;
  }

  #make(finalNewline: boolean): RegExp {
    return new RegExp(emitNative(this.#root, this.#captures, finalNewline), this.#captures ? 'dg' : '');
  }

  exec(text: string, from: number, positions: Int32Array): boolean {
    const regExp = this.for(text);
    regExp.lastIndex = from;
    const indices = regExp.exec(text)?.indices;
    if (indices === undefined) return false;
    indices.forEach((pair: readonly [number, number] | undefined, group) => {
      positions[2 * group] = pair?.[0] ?? -1;
      positions[2 * group + 1] = pair?.[1] ?? -1;
    });
    return true;
  }
}
