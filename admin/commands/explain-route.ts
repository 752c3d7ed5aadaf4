/**
 * EXPLAIN ROUTE: what the runtime would do with a statement, without doing it. A worker answers (src/session/
 * explain-route.ts); this shows its answer as rows, or as JSON.
 */
import type { RouteQuestion } from '../../runtime/route.ts';
import type { AdminContext } from '../context.ts';
import { type AdminReply, adminError } from '../reply.ts';

/** MySQL's ER_UNKNOWN_ERROR and ER_QUERY_INTERRUPTED. */
const CANNOT_EXPLAIN = 1105;

export async function explainRoute(
  { plane }: AdminContext,
  { question, json }: { readonly question: RouteQuestion; readonly json: boolean },
): Promise<AdminReply> {
  const explanation = await plane.explainRoute(question);
  if ('error' in explanation) return adminError(explanation.error, CANNOT_EXPLAIN, 'HY000');
  const { steps } = explanation;
  if (json)
    return { kind: 'rows', columns: ['EXPLAIN'], rows: [[JSON.stringify({ ...question, steps }, undefined, 2)]] };
  return {
    kind: 'rows',
    columns: ['step', 'item', 'result', 'detail'],
    rows: steps.map(({ step, item, result, detail }) => [step, item, result, detail]),
  };
}
