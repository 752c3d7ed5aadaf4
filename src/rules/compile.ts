/**
 * Rows of mysql_query_rules to CompiledRules, and the list of what is wrong with them. It is pure: the admin plane
 * calls it at LOAD for the problems, every worker for the rules.
 */
import type { QueryRuleEntry } from '../../runtime/snapshot.ts';
import { type RuleAttributes, readAttributes } from './attributes.ts';
import type { RuleProblem } from './decision.ts';
import { CompiledRules } from './match.ts';
import { PatternError } from './regex/ast.ts';
import { compilePattern, type Dialect, type Pattern } from './regex/pattern.ts';
import { parseReplacement, type RewriteOptions } from './rewrite.ts';

export interface CompileOptions {
  /** `mysql-query_processor_iterations`: how often a flagOUT may restart the walk from the first rule. */
  readonly iterations: number;
  /** `mysql-query_processor_regex`: 1 PCRE, 2 RE2. */
  readonly regexEngine: 1 | 2;
}

/** A rule ready to match. Texts are latin1. undefined: not tested, not done. */
export interface CompiledRule {
  readonly entry: QueryRuleEntry;
  /** Place in the walk. */
  readonly order: number;
  readonly username: string | undefined;
  readonly schemaname: string | undefined;
  /** With a `%` at its end only the text before it is compared. */
  readonly clientAddress: { readonly text: string; readonly prefix: boolean } | undefined;
  readonly proxyAddress: string | undefined;
  readonly proxyPort: number;
  readonly digest: bigint | undefined;
  readonly matchDigest: Pattern | undefined;
  readonly matchPattern: Pattern | undefined;
  readonly rewrite: RewriteOptions | undefined;
  readonly attributes: RuleAttributes;
}

/** INET6_ADDRSTRLEN: ProxySQL drops rules with longer client addresses. */
const CLIENT_ADDRESS_MAX = 46;
const DIGEST_LIMIT = 2n ** 64n - 1n;

/**
 * Compiles active rules in any order. A rule whose pattern, digest or address is broken never matches, whatever its negate_match_pattern says:
 * ProxySQL lets a negated broken regex match everything, and a broken digest match every statement.
 */
export function compileRules(
  rules: readonly QueryRuleEntry[],
  options: CompileOptions,
): { readonly rules: CompiledRules; readonly problems: readonly RuleProblem[] } {
  const dialect: Dialect = options.regexEngine === 2 ? 're2' : 'pcre';
  const problems: RuleProblem[] = [];
  const compiled: CompiledRule[] = [];
  for (const entry of [...rules].sort((a, b) => a.ruleId - b.ruleId)) {
    const compiler = new RuleCompiler(entry, dialect);
    const rule = compiler.compile(compiled.length);
    problems.push(...compiler.problems);
    if (!compiler.problems.some((problem) => problem.disablesRule)) compiled.push(rule);
  }
  return { rules: new CompiledRules(compiled, options.iterations, problems), problems };
}

/** The bytes of `text` as UTF-8, one character each: how a client's bytes are compared with configured text. */
export function toBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

class RuleCompiler {
  readonly problems: RuleProblem[] = [];
  readonly #entry: QueryRuleEntry;
  readonly #dialect: Dialect;

  constructor(entry: QueryRuleEntry, dialect: Dialect) {
    this.#entry = entry;
    this.#dialect = dialect;
  }

  compile(order: number): CompiledRule {
    const entry = this.#entry;
    const matchPattern = this.#pattern('match_pattern', entry.matchPattern, entry.caseless);
    return {
      entry,
      order,
      username: textOrNothing(entry.username),
      schemaname: textOrNothing(entry.schemaname),
      clientAddress: this.#clientAddress(),
      proxyAddress: textOrNothing(entry.proxyAddr),
      proxyPort: entry.proxyPort ?? -1,
      digest: this.#digest(),
      matchDigest: this.#pattern('match_digest', entry.matchDigest, entry.caseless),
      matchPattern,
      rewrite: this.#rewrite(matchPattern),
      attributes: readAttributes(entry.attributes, (reason) => this.#problem('attributes', reason, false)),
    };
  }

  #problem(column: string, reason: string, disablesRule = true): undefined {
    this.problems.push({ ruleId: this.#entry.ruleId, column, reason, disablesRule });
    return undefined;
  }

  #pattern(column: string, text: string | null, caseless: boolean): Pattern | undefined {
    if (text === null) return undefined;
    const pattern = compilePattern(toBytes(text), { dialect: this.#dialect, caseless });
    if (!(pattern instanceof PatternError)) return pattern;
    return this.#problem(column, `${pattern.message} (at byte ${pattern.offset})`);
  }

  #rewrite(pattern: Pattern | undefined): RewriteOptions | undefined {
    const { replacePattern, matchPattern, caseless, global } = this.#entry;
    if (replacePattern === null || matchPattern === null || pattern === undefined) return undefined;
    const replacement = parseReplacement(toBytes(replacePattern));
    const missing = replacement.highestGroup > pattern.groups;
    if (missing)
      this.#problem('replace_pattern', `\\${replacement.highestGroup} names a group that is not there`, false);
    if (replacement.broken)
      this.#problem('replace_pattern', 'a \\ before anything but a digit or \\ ends the text', false);
    // with RE2, ProxySQL replaces with a pattern compiled anew, which has lost CASELESS
    const anew = this.#dialect === 're2' && caseless ? this.#pattern('match_pattern', matchPattern, false) : pattern;
    return { pattern: anew ?? pattern, replacement, global, dialect: this.#dialect };
  }

  #clientAddress(): { readonly text: string; readonly prefix: boolean } | undefined {
    const text = textOrNothing(this.#entry.clientAddr);
    if (text === undefined) return undefined;
    if (text.length >= CLIENT_ADDRESS_MAX) return this.#problem('client_addr', 'longer than an address can be');
    const wildcard = text.indexOf('%');
    if (wildcard < 0) return { text, prefix: false };
    if (wildcard < text.length - 1) return this.#problem('client_addr', '% is allowed at the end only');
    return wildcard === 0 ? undefined : { text: text.slice(0, -1), prefix: true };
  }

  /** As strtoull with base 0, but the whole text must be a number between 1 and 2^64 - 2. */
  #digest(): bigint | undefined {
    const text = this.#entry.digest?.trim() ?? '';
    if (text === '') return undefined;
    const form = /^(?:0[xX][0-9a-fA-F]+|[1-9][0-9]*|0[0-7]*)$/.test(text);
    const value = form ? BigInt(/^0[0-7]+$/.test(text) ? `0o${text}` : text) : 0n;
    if (value > 0n && value < DIGEST_LIMIT) return value;
    return this.#problem('digest', 'not a digest such as 0x1D2CC217C860282');
  }
}

/** '' and NULL both mean "not tested". */
function textOrNothing(text: string | null): string | undefined {
  return text === null || text === '' ? undefined : toBytes(text);
}
