/**
 * The walk through the rules, exactly as ProxySQL walks them. It owns order, criteria and flags; patterns and rewriting
 * have their own files, and compile.ts makes the rules.
 */
import type { CompiledRule } from './compile.ts';
import { type Decision, type MatchInput, NO_DECISION, type RuleProblem } from './decision.ts';
import {
  regexExplainMs,
  regexInlineMs,
  regexInlineStepsLongText,
  regexInlineStepsMax,
  regexLongTextBytes,
} from './limits.ts';
import { type FilteredRule, Prefilter } from './prefilter.ts';
import { type Budget, OutOfBudget, unlimitedBudget } from './regex/budget.ts';
import type { Pattern } from './regex/pattern.ts';
import { rewrite } from './rewrite.ts';
import { RuleIndex } from './rule-index.ts';
import type { Criterion, RuleTracer } from './trace.ts';

/** What one walk has gathered so far; becomes the Decision. */
type Draft = { -readonly [K in keyof Decision]: Decision[K] } & { hitRules: number[] };

/** All criteria are met. */
const MATCHES = '';

/** A matcher is sealed: rules cannot be added. It is not re-entrant, which in one thread it need not be. */
export class CompiledRules {
  readonly #index: RuleIndex;
  readonly #iterations: number;
  readonly #inline = unlimitedBudget();
  /** There is no rule. */
  readonly empty: boolean;
  /** What is wrong with rules; those that never match because of it are not walked. */
  readonly problems: readonly RuleProblem[];
  /** The rule being tested: names the culprit when a budget runs out. */
  currentRuleId = 0;
  /** Rules test the client's or the proxy's address or port. */
  readonly looksAtAddresses: boolean;
  readonly #rules: readonly CompiledRule[];
  /** By place in the walk: 1 when the prefilter knows the rule. */
  readonly #filtered: Uint8Array;
  readonly #lastApplies: boolean;
  /** null: not made yet. */
  #prefilter: Prefilter | undefined | null = null;

  constructor(rules: readonly CompiledRule[], iterations: number, problems: readonly RuleProblem[] = []) {
    this.#index = new RuleIndex(rules);
    this.#rules = rules;
    this.#filtered = new Uint8Array(rules.length);
    this.looksAtAddresses = rules.some(testsAddresses);
    this.#lastApplies = rules.at(-1)?.entry.apply ?? false;
    this.#iterations = iterations;
    this.problems = problems;
    this.empty = rules.length === 0;
  }

  /** The hostgroups that rules for this user name. */
  destinationsOf(username: string): ReadonlySet<number> {
    const destinations = new Set<number>();
    for (const rule of this.#rules) {
      const { destinationHostgroup } = rule.entry;
      if (destinationHostgroup === null || (rule.username ?? username) !== username) continue;
      destinations.add(destinationHostgroup);
    }
    return destinations;
  }

  /**
   * The decision, or undefined when finding it could hold up the event loop: then it belongs to the MatcherThread.
   * Takes at most about regexInlineMs plus one native match (see limits.ts).
   */
  tryDecide(
    input: MatchInput,
    nowMs: () => number = monotonicMs,
    tracer?: RuleTracer,
    scanned = false,
  ): Decision | undefined {
    if (this.empty) return NO_DECISION;
    const patienceMs = tracer === undefined ? regexInlineMs : regexExplainMs;
    const long = Math.max(input.query.length, input.digestText?.length ?? 0) > regexLongTextBytes;
    const steps = long ? regexInlineStepsLongText : regexInlineStepsMax;
    this.#inline.restart({ steps, deadlineMs: nowMs() + patienceMs, nowMs, renew: false });
    try {
      return this.decide(input, this.#inline, tracer, scanned);
    } catch (error) {
      if (error instanceof OutOfBudget) return undefined;
      throw error;
    }
  }

  /**
   * The decision, however long it takes; throws OutOfBudget when `budget` runs out (currentRuleId: where). With a tracer
   * every rule on the way is walked and told about, even those the index knows not to match. `scanned`: the prefilter has
   * just looked at this very text, and what it did not find is left out.
   */
  decide(input: MatchInput, budget: Budget = unlimitedBudget(), tracer?: RuleTracer, scanned = false): Decision {
    let flag = input.flagIn;
    let restarts = this.#iterations;
    let cacheable = true;
    let cacheableUnlessFound = true;
    let stopped = false;
    // What the prefilter says holds for the text as it came.
    const prefilter = scanned ? this.prefilter : undefined;
    const leavesOut = prefilter?.overflow === false ? this.#filtered : undefined;
    const found = prefilter?.found;
    let draft: Draft | undefined;
    this.#start(input, flag, 0, tracer);
    for (let rule = this.#index.next(); rule !== undefined; rule = this.#index.next()) {
      this.currentRuleId = rule.entry.ruleId;
      const text = draft?.rewrittenQuery ?? input.query;
      if (
        leavesOut?.[rule.order] === 1 &&
        draft?.rewrittenQuery === undefined &&
        found?.includes(rule.order) === false
      ) {
        cacheable = false;
        continue;
      }
      const failed = firstFailure(rule, input, flag, text, budget);
      if (rule.matchPattern !== undefined && (failed === MATCHES || failed === 'match_pattern')) {
        cacheable = false;
        cacheableUnlessFound = false;
      }
      if (failed !== MATCHES) {
        if (tracer !== undefined) tracer.missed(rule, failed, comparedWith(failed, input, flag, text));
        continue;
      }
      tracer?.hit(rule);
      draft ??= { ...NO_DECISION, hitRules: [] };
      draft.hitRules.push(rule.entry.ruleId);
      if (rule.attributes.dryRun) {
        draft.dryRunRules = [...draft.dryRunRules, rule.entry.ruleId];
        continue;
      }
      apply(draft, rule);
      if (rule.rewrite !== undefined && input.rewrite) {
        const after = rewrite(text, rule.rewrite, budget);
        if (after !== text) {
          draft.rewrittenQuery = after;
          tracer?.rewrote(rule, after);
        }
      }
      if (rule.attributes.flagOuts !== undefined) {
        cacheable = false;
        cacheableUnlessFound = false;
      }
      const flagOut = pickFlagOut(rule);
      if (flagOut >= 0) {
        draft.flagOut = flagOut;
        flag = flagOut;
      }
      if (rule.entry.apply) {
        stopped = true;
        break;
      }
      if (flagOut < 0) continue;
      const restart = restarts > 0;
      if (restart) restarts -= 1;
      tracer?.flagTaken(rule, flag, restart);
      this.#start(input, flag, restart ? 0 : rule.order + 1, tracer);
    }
    const lastApplies = stopped || this.#lastApplies;
    if (draft === undefined) return noDecision(cacheable, cacheableUnlessFound, lastApplies);
    draft.cacheable = cacheable;
    draft.cacheableUnlessFound = cacheableUnlessFound;
    draft.lastApplies = lastApplies;
    return draft;
  }

  /**
   * Which rules could match by a statement's bytes; undefined when no rule can be left out like that. Made when the first
   * statement comes: a LOAD is checked in places where none ever does.
   */
  get prefilter(): Prefilter | undefined {
    if (this.#prefilter === null) this.#prefilter = this.#makePrefilter();
    return this.#prefilter;
  }

  /** One of the rules the prefilter has just found is for this user and schema. */
  foundAny(username: string, schemaname: string): boolean {
    const { prefilter } = this;
    if (prefilter === undefined || prefilter.overflow) return true;
    return prefilter.found.some((order) => {
      const rule = this.#rules[order];
      if (rule === undefined) return false;
      if (rule.username !== undefined && rule.username !== username) return false;
      return rule.schemaname === undefined || rule.schemaname === schemaname;
    });
  }

  #makePrefilter(): Prefilter | undefined {
    const filtered: FilteredRule[] = [];
    for (const { order, matchPattern, entry } of this.#rules) {
      // A negated pattern acts where it does not match.
      if (matchPattern === undefined || entry.negateMatchPattern) continue;
      const literals = matchPattern.requiredLiterals;
      if (literals === undefined) continue;
      filtered.push({ order, literals });
      this.#filtered[order] = 1;
    }
    return filtered.length === 0 ? undefined : new Prefilter(filtered);
  }

  #start(input: MatchInput, flag: number, from: number, tracer: RuleTracer | undefined): void {
    if (tracer === undefined) this.#index.start(input, flag, from);
    else this.#index.startWithAll(from);
  }
}

function noDecision(cacheable: boolean, cacheableUnlessFound: boolean, lastApplies: boolean): Decision {
  if (cacheable && cacheableUnlessFound && !lastApplies) return NO_DECISION;
  return { ...NO_DECISION, cacheable, cacheableUnlessFound, lastApplies };
}

function testsAddresses({ clientAddress, proxyAddress, proxyPort }: CompiledRule): boolean {
  return clientAddress !== undefined || proxyAddress !== undefined || proxyPort >= 0;
}

const monotonicMs = (): number => performance.now();

/** Tests the criteria in ProxySQL's order: the column of the first that fails, or MATCHES. `text` may be rewritten. */
function firstFailure(
  rule: CompiledRule,
  input: MatchInput,
  flag: number,
  text: string,
  budget: Budget,
): Criterion | typeof MATCHES {
  // The index has seen to it, unless it was asked for all rules.
  if (rule.entry.flagIn !== flag) return 'flagIN';
  if (rule.username !== undefined && rule.username !== input.username) return 'username';
  if (rule.schemaname !== undefined && rule.schemaname !== input.schemaname) return 'schemaname';
  const client = rule.clientAddress;
  if (client !== undefined) {
    const same = client.prefix ? input.clientAddress.startsWith(client.text) : input.clientAddress === client.text;
    if (!same) return 'client_addr';
  }
  if (rule.proxyAddress !== undefined && rule.proxyAddress !== input.proxyAddress) return 'proxy_addr';
  if (rule.proxyPort >= 0 && rule.proxyPort !== input.proxyPort) return 'proxy_port';
  // Without a digest both its criteria pass, as in ProxySQL.
  if (rule.digest !== undefined && input.digest !== undefined && rule.digest !== input.digest) return 'digest';
  if (rule.matchDigest !== undefined && input.digestText !== undefined) {
    if (!patternMatches(rule.matchDigest, rule, input.digestText, budget)) return 'match_digest';
  }
  if (rule.matchPattern === undefined || patternMatches(rule.matchPattern, rule, text, budget)) return MATCHES;
  return 'match_pattern';
}

/** The statement's side of a criterion. */
function comparedWith(criterion: Criterion, input: MatchInput, flag: number, text: string): string {
  switch (criterion) {
    case 'flagIN':
      return String(flag);
    case 'username':
      return input.username;
    case 'schemaname':
      return input.schemaname;
    case 'client_addr':
      return input.clientAddress;
    case 'proxy_addr':
      return input.proxyAddress;
    case 'proxy_port':
      return String(input.proxyPort);
    case 'digest':
      return input.digest === undefined ? '' : `0x${input.digest.toString(16).toUpperCase()}`;
    case 'match_digest':
      return input.digestText ?? '';
    case 'match_pattern':
      return text;
  }
}

function patternMatches(pattern: Pattern, rule: CompiledRule, text: string, budget: Budget): boolean {
  return pattern.test(text, budget) !== rule.entry.negateMatchPattern;
}

/** Weighted choices first, then the column; -1 for none. */
function pickFlagOut(rule: CompiledRule): number {
  const { flagOuts } = rule.attributes;
  if (flagOuts === undefined) return rule.entry.flagOut ?? -1;
  let lot = Math.floor(Math.random() * flagOuts.total);
  for (const choice of flagOuts.choices) {
    lot -= choice.weight;
    if (lot < 0) return choice.id;
  }
  return -1;
}

/** Takes over what the rule sets; what it leaves NULL stays as an earlier rule set it. */
function apply(draft: Draft, rule: CompiledRule): void {
  const { entry } = rule;
  draft.reconnect = setOr(entry.reconnect, draft.reconnect);
  draft.timeoutMs = setOr(entry.timeoutMs, draft.timeoutMs);
  draft.retries = setOr(entry.retries, draft.retries);
  draft.delayMs = setOr(entry.delayMs, draft.delayMs);
  draft.nextQueryFlagIn = setOr(entry.nextQueryFlagIn, draft.nextQueryFlagIn);
  draft.mirrorFlagOut = setOr(entry.mirrorFlagOut, draft.mirrorFlagOut);
  draft.mirrorHostgroup = setOr(entry.mirrorHostgroup, draft.mirrorHostgroup);
  draft.cacheTtlMs = setOr(entry.cacheTtlMs, draft.cacheTtlMs);
  draft.cacheEmptyResult = setOr(entry.cacheEmptyResult, draft.cacheEmptyResult);
  draft.stickyConn = setOr(entry.stickyConn, draft.stickyConn);
  draft.multiplex = setOr(entry.multiplex, draft.multiplex);
  draft.gtidFromHostgroup = setOr(entry.gtidFromHostgroup, draft.gtidFromHostgroup);
  draft.log = setOr(entry.log, draft.log);
  draft.pipelining = rule.attributes.pipelining ?? draft.pipelining;
  draft.destinationHostgroup = setOr(entry.destinationHostgroup, draft.destinationHostgroup);
  if (entry.errorMsg !== null) draft.errorMsg = entry.errorMsg;
  if (entry.okMsg !== null) draft.okMsg = entry.okMsg;
}

function setOr(value: number | null, otherwise: number): number {
  return value !== null && value >= 0 ? value : otherwise;
}
