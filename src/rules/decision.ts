/**
 * The types at the border of the query rules: what is matched, what comes out, and what is wrong with a rule.
 * It holds no algorithm; compile.ts and match.ts do.
 */

import type { GtidSet } from '../gtid/gtid-set.ts';

/**
 * One statement and its session. Texts are latin1 strings, one character per byte: PCRE matches bytes, and so does
 * this. Names a client sent as UTF-8 (`username`, `schemaname`) are its bytes, too.
 */
export interface MatchInput {
  readonly username: string;
  readonly schemaname: string;
  readonly clientAddress: string;
  readonly proxyAddress: string;
  readonly proxyPort: number;
  /** 0, or what the previous statement's `next_query_flagIN` left. */
  readonly flagIn: number;
  /** undefined when digests are off: the criterion `digest` then passes, as in ProxySQL. */
  readonly digest: bigint | undefined;
  /** undefined when digests are off: `match_digest` then passes, as in ProxySQL. */
  readonly digestText: string | undefined;
  readonly query: string;
  /** false for COM_STMT_EXECUTE: the server has the text already. */
  readonly rewrite: boolean;
}

/** How current the data has to be that a statement reads, as its comment asks. */
export interface AsOf {
  /** Transactions that the server has to have executed. */
  readonly gtids: GtidSet | undefined;
  /** The server may lack only what others have executed in the last so many ms. */
  readonly maxLagMs: number | undefined;
  /** The server may lack only what others have executed after this time, in ms since the epoch. */
  readonly minEpochMs: number | undefined;
}

/** What the rules say about one statement. Numbers are -1 when no rule set them. */
export interface Decision {
  /** Ids of the rules that matched, in order; with iterations one id may come twice. */
  readonly hitRules: readonly number[];
  /** Those of them that are tried out (attributes: dry_run) and did nothing. */
  readonly dryRunRules: readonly number[];
  readonly destinationHostgroup: number;
  /** The last flagOUT taken; -1 when the walk never left `flagIn`. */
  readonly flagOut: number;
  /** latin1, as the input; undefined when no rule changed the text. */
  readonly rewrittenQuery: string | undefined;
  /** As the operator wrote it (not latin1). '' also refuses. OK_msg wins over error_msg. */
  readonly errorMsg: string | undefined;
  readonly okMsg: string | undefined;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly delayMs: number;
  readonly cacheTtlMs: number;
  readonly cacheEmptyResult: number;
  readonly multiplex: number;
  readonly mirrorHostgroup: number;
  readonly mirrorFlagOut: number;
  readonly nextQueryFlagIn: number;
  readonly gtidFromHostgroup: number;
  readonly log: number;
  readonly stickyConn: number;
  readonly reconnect: number;
  /** A comment wants a connection that nobody has used before. */
  readonly createNewConnection: boolean;
  readonly asOf: AsOf | undefined;
  /** What the firewall says of the statement; undefined when it says nothing. */
  readonly firewall: 'unknown' | 'blocked' | undefined;
  /** false when a rule's attributes keep the statement from sharing a connection. */
  readonly pipelining: boolean;
  /**
   * No rule on the way looked at the query text and none drew lots: the same digest with the same user, schema,
   * addresses, flagIn and `rewrite` always gives this decision, so it may be kept with the digest.
   */
  readonly cacheable: boolean;
  /**
   * The same, but for statements only in which the prefilter finds no rule: all rules on the way that look at the query
   * text were left out because of it.
   */
  readonly cacheableUnlessFound: boolean;
  /**
   * The walk ended at a rule with apply=1, or looked at all rules and the last one has it: fast routing is not asked.
   * Source: ProxySQL, surface of fast routing, "as coded".
   */
  readonly lastApplies: boolean;
}

/** Something in a rule that cannot be done as written. */
export interface RuleProblem {
  readonly ruleId: number;
  /** The column of mysql_query_rules. */
  readonly column: string;
  readonly reason: string;
  /** The rule never matches because of this; otherwise only the column's effect is reduced, as `reason` says. */
  readonly disablesRule: boolean;
}

const NO_RULES: readonly number[] = Object.freeze([]);

/** The decision when no rule matches. */
export const NO_DECISION: Decision = Object.freeze({
  hitRules: NO_RULES,
  dryRunRules: NO_RULES,
  destinationHostgroup: -1,
  flagOut: -1,
  rewrittenQuery: undefined,
  errorMsg: undefined,
  okMsg: undefined,
  timeoutMs: -1,
  retries: -1,
  delayMs: -1,
  cacheTtlMs: -1,
  cacheEmptyResult: -1,
  multiplex: -1,
  mirrorHostgroup: -1,
  mirrorFlagOut: -1,
  nextQueryFlagIn: -1,
  gtidFromHostgroup: -1,
  log: -1,
  stickyConn: -1,
  reconnect: -1,
  createNewConnection: false,
  asOf: undefined,
  firewall: undefined,
  pipelining: true,
  cacheable: true,
  cacheableUnlessFound: true,
  lastApplies: false,
});
