/**
 * The walk through the rules, exactly as ProxySQL walks them. It owns order, criteria and flags; patterns and rewriting
 * have their own files, and compile.ts makes the rules.
 */
import type { CompiledRule } from './compile.ts';
import { type Decision, type MatchInput, NO_DECISION } from './decision.ts';
import { regexInlineMs, regexInlineStepsLongText, regexInlineStepsMax, regexLongTextBytes } from './limits.ts';
import { type Budget, OutOfBudget, unlimitedBudget } from './regex/budget.ts';
import type { Pattern } from './regex/pattern.ts';
import { rewrite } from './rewrite.ts';
import { RuleIndex } from './rule-index.ts';

/** What one walk has gathered so far; becomes the Decision. */
type Draft = { -readonly [K in keyof Decision]: Decision[K] } & { hitRules: number[] };

/** A matcher is sealed: rules cannot be added. It is not re-entrant, which in one thread it need not be. */
export class CompiledRules {
  readonly #index: RuleIndex;
  readonly #iterations: number;
  readonly #inline = unlimitedBudget();
  /** There is no rule. */
  readonly empty: boolean;
  /** The rule being tested: names the culprit when a budget runs out. */
  currentRuleId = 0;

  constructor(rules: readonly CompiledRule[], iterations: number) {
    this.#index = new RuleIndex(rules);
    this.#iterations = iterations;
    this.empty = rules.length === 0;
  }

  /**
   * The decision, or undefined when finding it could hold up the event loop: then it belongs to the MatcherThread.
   * Takes at most about regexInlineMs plus one native match (see limits.ts).
   */
  tryDecide(input: MatchInput, nowMs: () => number = monotonicMs): Decision | undefined {
    if (this.empty) return NO_DECISION;
    const long = Math.max(input.query.length, input.digestText?.length ?? 0) > regexLongTextBytes;
    const steps = long ? regexInlineStepsLongText : regexInlineStepsMax;
    this.#inline.restart({ steps, deadlineMs: nowMs() + regexInlineMs, nowMs, renew: false });
    try {
      return this.decide(input, this.#inline);
    } catch (error) {
      if (error instanceof OutOfBudget) return undefined;
      throw error;
    }
  }

  /** The decision, however long it takes; throws OutOfBudget when `budget` runs out (currentRuleId: where). */
  decide(input: MatchInput, budget: Budget = unlimitedBudget()): Decision {
    let flag = input.flagIn;
    let restarts = this.#iterations;
    let cacheable = true;
    let draft: Draft | undefined;
    this.#index.start(input, flag, 0);
    for (let rule = this.#index.next(); rule !== undefined; rule = this.#index.next()) {
      this.currentRuleId = rule.entry.ruleId;
      if (!sessionMatches(rule, input)) continue;
      if (!digestMatches(rule, input, budget)) continue;
      if (rule.matchPattern !== undefined) {
        cacheable = false;
        if (!patternMatches(rule.matchPattern, rule, draft?.rewrittenQuery ?? input.query, budget)) continue;
      }
      draft ??= { ...NO_DECISION, hitRules: [] };
      apply(draft, rule);
      if (rule.rewrite !== undefined && input.rewrite) {
        const before = draft.rewrittenQuery ?? input.query;
        const after = rewrite(before, rule.rewrite, budget);
        if (after !== before) draft.rewrittenQuery = after;
      }
      if (rule.flagOuts !== undefined) cacheable = false;
      const flagOut = pickFlagOut(rule);
      if (flagOut >= 0) {
        draft.flagOut = flagOut;
        flag = flagOut;
      }
      if (rule.entry.apply) break;
      if (flagOut < 0) continue;
      const restart = restarts > 0;
      if (restart) restarts -= 1;
      this.#index.start(input, flag, restart ? 0 : rule.order + 1);
    }
    if (draft === undefined) return cacheable ? NO_DECISION : NO_DECISION_BY_TEXT;
    draft.cacheable = cacheable;
    return draft;
  }
}

const NO_DECISION_BY_TEXT: Decision = Object.freeze({ ...NO_DECISION, cacheable: false });

const monotonicMs = (): number => performance.now();

/** Criteria 2 to 6; flagIN is the index's business. */
function sessionMatches(rule: CompiledRule, input: MatchInput): boolean {
  if (rule.username !== undefined && rule.username !== input.username) return false;
  if (rule.schemaname !== undefined && rule.schemaname !== input.schemaname) return false;
  const client = rule.clientAddress;
  if (client !== undefined) {
    const same = client.prefix ? input.clientAddress.startsWith(client.text) : input.clientAddress === client.text;
    if (!same) return false;
  }
  if (rule.proxyAddress !== undefined && rule.proxyAddress !== input.proxyAddress) return false;
  return rule.proxyPort < 0 || rule.proxyPort === input.proxyPort;
}

/** Criteria 7 and 8. Without a digest both pass, as in ProxySQL. */
function digestMatches(rule: CompiledRule, input: MatchInput, budget: Budget): boolean {
  if (rule.digest !== undefined && input.digest !== undefined && rule.digest !== input.digest) return false;
  if (rule.matchDigest === undefined || input.digestText === undefined) return true;
  return patternMatches(rule.matchDigest, rule, input.digestText, budget);
}

function patternMatches(pattern: Pattern, rule: CompiledRule, text: string, budget: Budget): boolean {
  return pattern.test(text, budget) !== rule.entry.negateMatchPattern;
}

/** Weighted choices first, then the column; -1 for none. */
function pickFlagOut(rule: CompiledRule): number {
  if (rule.flagOuts === undefined) return rule.entry.flagOut ?? -1;
  let lot = Math.floor(Math.random() * rule.flagOuts.total);
  for (const choice of rule.flagOuts.choices) {
    lot -= choice.weight;
    if (lot < 0) return choice.id;
  }
  return -1;
}

/** Takes over what the rule sets; what it leaves NULL stays as an earlier rule set it. */
function apply(draft: Draft, rule: CompiledRule): void {
  const { entry } = rule;
  draft.hitRules.push(entry.ruleId);
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
  draft.destinationHostgroup = setOr(entry.destinationHostgroup, draft.destinationHostgroup);
  if (entry.errorMsg !== null) draft.errorMsg = entry.errorMsg;
  if (entry.okMsg !== null) draft.okMsg = entry.okMsg;
}

function setOr(value: number | null, otherwise: number): number {
  return value !== null && value >= 0 ? value : otherwise;
}
