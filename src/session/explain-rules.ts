/**
 * The rules' part of EXPLAIN ROUTE: what the walk tells its tracer, and the decision that came out, in words. It decides
 * nothing.
 */
import type { RouteStep } from '../../runtime/route.ts';
import type { QueryRuleEntry } from '../../runtime/snapshot.ts';
import type { CompiledRule } from '../rules/compile.ts';
import type { Decision, RuleProblem } from '../rules/decision.ts';
import type { CompiledRules } from '../rules/match.ts';
import type { Criterion, RuleTracer } from '../rules/trace.ts';

/** Lines about rules in one explanation; the walk is told to its end, but no longer written down. */
export const explainRuleStepsMax = 20_000;
/** Characters of a text an explanation shows. */
export const explainTextCharsMax = 4_000;

export function shortened(text: string): string {
  return text.length > explainTextCharsMax ? `${text.slice(0, explainTextCharsMax)}…` : text;
}

/** Texts of the walk are bytes, one a character. */
function readable(latin1: string): string {
  return shortened(Buffer.from(latin1, 'latin1').toString('utf8'));
}

/** Writes down what the walk tells, with the rules it leaves out because they are broken at their places. */
export class RuleSteps implements RuleTracer {
  readonly #steps: RouteStep[] = [];
  #left = 0;
  #broken: readonly RuleProblem[];

  constructor(problems: readonly RuleProblem[]) {
    this.#broken = problems.filter(({ disablesRule }) => disablesRule);
  }

  missed({ entry }: CompiledRule, criterion: Criterion, compared: string): void {
    this.#toldOf(entry.ruleId);
    const negated = entry.negateMatchPattern && (criterion === 'match_digest' || criterion === 'match_pattern');
    const wanted = wantedBy(entry, criterion);
    const detail = `${criterion}: ${negated ? `not ${wanted}` : wanted} against ${readable(compared)}`;
    this.#add({ step: 'rule', item: String(entry.ruleId), result: 'no', detail });
  }

  hit({ entry, attributes }: CompiledRule): void {
    this.#toldOf(entry.ruleId);
    const result = attributes.dryRun ? 'hit (dry run)' : 'hit';
    const detail = attributes.dryRun ? `would set ${actionsOf(entry)}` : actionsOf(entry);
    this.#add({ step: 'rule', item: String(entry.ruleId), result, detail });
  }

  rewrote({ entry }: CompiledRule, text: string): void {
    this.#add({ step: 'rule', item: String(entry.ruleId), result: 'rewritten to', detail: readable(text) });
  }

  flagTaken({ entry }: CompiledRule, flag: number, fromTheFirst: boolean): void {
    const detail = fromTheFirst ? 'from the first rule again' : 'from the next rule on';
    this.#add({ step: 'rule', item: String(entry.ruleId), result: `goes on with flagIN ${flag}`, detail });
  }

  /** The walk is over. */
  finish(): readonly RouteStep[] {
    this.#toldOf(Number.POSITIVE_INFINITY);
    if (this.#left === 0) return this.#steps;
    const detail = `${this.#left} more lines are left out`;
    return [...this.#steps, { step: 'rule', item: '…', result: '', detail }];
  }

  /** The walk was given up within a rule: deciding takes too long for the event loop. */
  cutOff(ruleId: number): readonly RouteStep[] {
    const detail =
      'takes longer than the event loop may stand still: a thread of its own decides such statements, and does not say how';
    return [...this.#steps, { step: 'rule', item: String(ruleId), result: 'slow', detail }];
  }

  /** Broken rules are told of before the first rule behind them, once. */
  #toldOf(ruleId: number): void {
    while (this.#broken[0] !== undefined && this.#broken[0].ruleId < ruleId) {
      const { ruleId: broken, column, reason } = this.#broken[0];
      this.#add({ step: 'rule', item: String(broken), result: 'never', detail: `${column}: ${reason}` });
      this.#broken = this.#broken.slice(1);
    }
  }

  #add(step: RouteStep): void {
    if (this.#steps.length < explainRuleStepsMax) this.#steps.push(step);
    else this.#left += 1;
  }
}

function wantedBy(entry: QueryRuleEntry, criterion: Criterion): string {
  switch (criterion) {
    case 'flagIN':
      return String(entry.flagIn);
    case 'username':
      return entry.username ?? '';
    case 'schemaname':
      return entry.schemaname ?? '';
    case 'client_addr':
      return entry.clientAddr ?? '';
    case 'proxy_addr':
      return entry.proxyAddr ?? '';
    case 'proxy_port':
      return String(entry.proxyPort);
    case 'digest':
      return entry.digest ?? '';
    case 'match_digest':
      return entry.matchDigest ?? '';
    case 'match_pattern':
      return entry.matchPattern ?? '';
  }
}

/** The columns with which a rule acts, by their names in mysql_query_rules. */
const ACTIONS: readonly (readonly [column: string, of: (entry: QueryRuleEntry) => number | string | null])[] = [
  ['flagOUT', (entry) => entry.flagOut],
  ['replace_pattern', (entry) => entry.replacePattern],
  ['destination_hostgroup', (entry) => entry.destinationHostgroup],
  ['cache_ttl', (entry) => entry.cacheTtlMs],
  ['reconnect', (entry) => entry.reconnect],
  ['timeout', (entry) => entry.timeoutMs],
  ['retries', (entry) => entry.retries],
  ['delay', (entry) => entry.delayMs],
  ['next_query_flagIN', (entry) => entry.nextQueryFlagIn],
  ['mirror_flagOUT', (entry) => entry.mirrorFlagOut],
  ['mirror_hostgroup', (entry) => entry.mirrorHostgroup],
  ['error_msg', (entry) => entry.errorMsg],
  ['OK_msg', (entry) => entry.okMsg],
  ['sticky_conn', (entry) => entry.stickyConn],
  ['multiplex', (entry) => entry.multiplex],
  ['gtid_from_hostgroup', (entry) => entry.gtidFromHostgroup],
  ['log', (entry) => entry.log],
];

function actionsOf(entry: QueryRuleEntry): string {
  const set = ACTIONS.flatMap(([column, of]) => {
    const value = of(entry);
    return value === null ? [] : [`${column}=${shortened(String(value))}`];
  });
  return [...set, ...(entry.apply ? ['apply'] : [])].join(', ') || 'nothing';
}

const OUTCOMES: readonly (readonly [item: string, of: (decision: Decision) => number, unit: string])[] = [
  ['flagOUT', (decision) => decision.flagOut, ''],
  ['cache_ttl', (decision) => decision.cacheTtlMs, ' ms'],
  ['timeout', (decision) => decision.timeoutMs, ' ms'],
  ['retries', (decision) => decision.retries, ''],
  ['delay', (decision) => decision.delayMs, ' ms'],
  ['next_query_flagIN', (decision) => decision.nextQueryFlagIn, ''],
  ['mirror_hostgroup', (decision) => decision.mirrorHostgroup, ''],
  ['mirror_flagOUT', (decision) => decision.mirrorFlagOut, ''],
  ['multiplex', (decision) => decision.multiplex, ''],
  ['sticky_conn', (decision) => decision.stickyConn, ''],
  ['reconnect', (decision) => decision.reconnect, ''],
  ['gtid_from_hostgroup', (decision) => decision.gtidFromHostgroup, ''],
  ['log', (decision) => decision.log, ''],
];

/** What came out of the walk, and the hostgroup that follows from it. */
export function decisionSteps(decision: Decision, hostgroup: number, rules: CompiledRules): readonly RouteStep[] {
  const why =
    decision.destinationHostgroup >= 0
      ? 'destination_hostgroup of a rule'
      : 'default_hostgroup of the user: no rule names one';
  const steps: RouteStep[] = [{ step: 'decision', item: 'hostgroup', result: String(hostgroup), detail: why }];
  if (rules.empty) steps.unshift({ step: 'rule', item: 'none', result: '', detail: 'the runtime has no query rules' });
  for (const [item, of, unit] of OUTCOMES) {
    const value = of(decision);
    if (value >= 0) steps.push({ step: 'decision', item, result: `${value}${unit}`, detail: '' });
  }
  if (decision.rewrittenQuery !== undefined) {
    steps.push({ step: 'decision', item: 'text', result: 'rewritten', detail: readable(decision.rewrittenQuery) });
  }
  return steps;
}
