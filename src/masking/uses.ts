/**
 * How a protected column may be used wrongly: the refusal that ends a judgement, and what it says of the place. It looks
 * for no uses.
 */
import type { Surroundings } from './query-ast.ts';
import type { ScopeColumn } from './scope.ts';
import { Reason, type ReasonCode, type RefuseVerdict, refuseColumn, type SourceColumn } from './verdict.ts';

/** A protected column is used in a way that is not allowed. */
export class Refused extends Error {
  readonly verdict: RefuseVerdict;

  constructor(verdict: RefuseVerdict) {
    super(verdict.refusal.message);
    this.verdict = verdict;
  }
}

/** Where an expression stands: the code and the words of a refusal. */
export interface Use {
  readonly code: ReasonCode;
  readonly words: string;
}

export const USES = {
  expression: { code: Reason.EXPRESSION, words: 'used in an expression' },
  where: { code: Reason.WHERE, words: 'used in WHERE' },
  having: { code: Reason.HAVING, words: 'used in HAVING' },
  join: { code: Reason.JOIN, words: 'used in a join condition' },
  groupBy: { code: Reason.GROUP_BY, words: 'used in GROUP BY' },
  orderBy: { code: Reason.ORDER_BY, words: 'used in ORDER BY' },
  window: { code: Reason.WINDOW, words: 'used in a window' },
  values: { code: Reason.EXPRESSION, words: 'used in VALUES' },
} as const satisfies Record<string, Use>;

export function isProtected(column: ScopeColumn): boolean {
  return column.mask >= 0;
}

/** @throws Refused */
export function refuse(column: ScopeColumn, use: Use): never {
  const source: SourceColumn = column.source ?? { schema: '?', table: '?', column: column.name ?? '?' };
  throw new Refused(refuseColumn(use.code, source, use.words));
}

/** A function around it says more than the clause. */
export function around(surroundings: Surroundings, use: Use): Use {
  if (surroundings === 'aggregate') return { code: Reason.AGGREGATE, words: 'used in an aggregate function' };
  return surroundings === 'window' ? USES.window : use;
}
