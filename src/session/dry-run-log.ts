/**
 * Tells of rules that are tried out (attributes: dry_run): one line a rule and interval, with how often it would have
 * acted since the line before. It counts nothing else; stats_mysql_query_rules has the hits.
 */
import type { Logger } from '../observe/logger.ts';

/** A rule on trial is logged at most once in this time, in ms. */
export const dryRunLogIntervalMs = 10_000;

/** Rules remembered; ids of rules that are gone do not pile up. */
const RULES_REMEMBERED_MAX = 10_000;

/** What is said of a statement: its digest, never its text. */
export interface DryRunHit {
  readonly username: string;
  readonly schema: string;
  readonly digest: string;
  readonly digestText: string;
}

interface Line {
  loggedAtMs: number;
  hitsSince: number;
}

export class DryRunLog {
  readonly #logger: Logger;
  readonly #nowMs: () => number;
  readonly #lines = new Map<number, Line>();

  constructor(logger: Logger, nowMs: () => number) {
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  note(ruleIds: readonly number[], hit: DryRunHit): void {
    const nowMs = this.#nowMs();
    for (const ruleId of ruleIds) {
      const line = this.#lineOf(ruleId);
      line.hitsSince += 1;
      if (nowMs - line.loggedAtMs < dryRunLogIntervalMs) continue;
      this.#logger.info({ ruleId, hits: line.hitsSince, ...hit }, 'dry run: the rule matches and would have acted');
      line.loggedAtMs = nowMs;
      line.hitsSince = 0;
    }
  }

  #lineOf(ruleId: number): Line {
    const known = this.#lines.get(ruleId);
    if (known !== undefined) return known;
    if (this.#lines.size >= RULES_REMEMBERED_MAX) this.#lines.clear();
    const line = { loggedAtMs: Number.NEGATIVE_INFINITY, hitsSince: 0 };
    this.#lines.set(ruleId, line);
    return line;
  }
}
