/**
 * LOAD and SAVE of every module: one road through the promotion.
 */
import type { AdminContext, SessionContext } from '../context.ts';
import type { AdminStatement } from '../grammar/statement.ts';
import { PromotionRefused } from '../layers.ts';
import { type AdminReply, adminError } from '../reply.ts';
import { isStrict } from '../strict.ts';

type Promote = Extract<AdminStatement, { kind: 'promote' }>;

/**
 * Answers when the promotion is done, for the runtime: when every worker has it. Rows that were not taken do not make it
 * fail; with sluice-strict they are counted as warnings and told by SHOW WARNINGS, and they are logged always.
 */
export async function promote(context: AdminContext, session: SessionContext, what: Promote): Promise<AdminReply> {
  const { module, edge } = what;
  try {
    const { affectedRows, problems } = await context.promotion.run(module, edge);
    const told = isStrict(context) ? problems : [];
    session.warnings = told;
    const by = { user: session.username, from: session.clientAddress };
    context.logger.info({ ...by, module, edge, problems: problems.length }, 'promoted');
    return { kind: 'ok', affectedRows, warnings: told.length };
  } catch (error) {
    if (error instanceof PromotionRefused) return adminError(error.message);
    throw error;
  }
}
