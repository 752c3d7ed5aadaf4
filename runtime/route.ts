/**
 * EXPLAIN ROUTE as it crosses from the admin plane to a worker and back: a question, and an explanation in steps.
 * Plain data; src/session/explain-route.ts finds the answer and admin/commands/explain-route.ts shows it.
 */

/** A statement somebody might send. What is undefined is assumed, and the explanation says what was. */
export interface RouteQuestion {
  readonly username: string;
  readonly sql: string;
  /** Of the client, without a port. */
  readonly clientAddress: string | undefined;
  readonly schema: string | undefined;
  /** Of the proxy, to which the client is connected. */
  readonly proxyPort: number | undefined;
}

/** The chapters of an explanation, in their order. */
export type RouteStepKind =
  | 'statement'
  | 'session'
  /** Answered by the proxy itself, before or after the rules. */
  | 'answer'
  | 'rule'
  | 'decision'
  /** What masking makes of it: verdict, and a row for each output column. */
  | 'masking'
  | 'server'
  | 'pin';

/** One line of an explanation. */
export interface RouteStep {
  readonly step: RouteStepKind;
  /** What the line is about: a rule_id, `host:port`, the name of a setting. */
  readonly item: string;
  readonly result: string;
  readonly detail: string;
}

/** `error`: the question cannot be answered, as when there is no such user. */
export type RouteExplanation = { readonly steps: readonly RouteStep[] } | { readonly error: string };
