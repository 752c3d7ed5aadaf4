/**
 * Problem: what was wrong with one row or value of the configuration. Problems are collected in lists and reported;
 * they are never thrown.
 */

export interface Problem {
  /** Table of the memory schema, e.g. `mysql_query_rules`. */
  readonly table: string;
  /** The row within the table, e.g. the rule_id, `hostgroup:host:port`, or a variable's name. */
  readonly key: string;
  readonly column: string;
  /** A sentence for the operator. It never holds a value that could be a secret. */
  readonly reason: string;
  /** error: the row or value was not taken. warning: it was taken, in the way the reason says. */
  readonly severity: 'error' | 'warning';
}

/** One line for a log or a terminal. */
export function formatProblem(problem: Problem): string {
  return `${problem.table} ${problem.key}: ${problem.column}: ${problem.reason}`;
}
