/**
 * LOAD and SAVE of every module: one road through the promotion.
 */
import type { AdminContext, SessionContext } from '../context.ts';
import type { AdminStatement } from '../grammar/statement.ts';
import { DiskTrouble, PromotionRefused, type PromotionResult } from '../layers.ts';
import type { ModuleName } from '../modules/index.ts';
import { type AdminReply, adminError, okReply } from '../reply.ts';
import { isStrict } from '../strict.ts';
import { copyVariables } from '../table-store.ts';

type CopyVariables = Extract<AdminStatement, { kind: 'copy-variables' }>;
type Promote = Extract<AdminStatement, { kind: 'promote' }>;

export function promote(
  context: AdminContext,
  session: SessionContext,
  { module, edge }: Promote,
): Promise<AdminReply> {
  return answerPromotion(context, session, { module, edge }, () =>
    context.promotion.run(module, edge, actorOf(session)),
  );
}

/** Who asked, as the history names them. */
export function actorOf({ username, clientAddress }: SessionContext): string {
  return `${username}@${clientAddress}`;
}

/**
 * Answers when the promotion is done, for the runtime: when every worker has it. Rows that were not taken do not make it
 * fail; with sluice-strict they are counted as warnings and told by SHOW WARNINGS, and they are logged always.
 */
export async function answerPromotion(
  context: AdminContext,
  session: SessionContext,
  what: { readonly module: ModuleName; readonly edge: string },
  run: () => Promise<PromotionResult>,
): Promise<AdminReply> {
  try {
    const { affectedRows, problems } = await run();
    const told = isStrict(context) ? problems : [];
    session.warnings = told;
    const by = { user: session.username, from: session.clientAddress };
    context.logger.info({ ...by, ...what, problems: problems.length }, 'promoted');
    return { kind: 'ok', affectedRows, warnings: told.length };
  } catch (error) {
    if (error instanceof DiskTrouble) return adminError(error.message, error.code, 'HY000');
    if (error instanceof PromotionRefused) return adminError(error.message);
    throw error;
  }
}

/** LOAD MYSQL USER … TO RUNTIME. Nothing happens, and it is no error, when there is no such user. */
export async function loadUser(context: AdminContext, session: SessionContext, username: string): Promise<AdminReply> {
  const { problems } = await context.promotion.loadUser(username, actorOf(session));
  const told = isStrict(context) ? problems : [];
  session.warnings = told;
  const by = { user: session.username, from: session.clientAddress };
  context.logger.info({ ...by, loaded: username, problems: problems.length }, 'user promoted');
  return { kind: 'ok', affectedRows: 0, warnings: told.length };
}

export function copyForeignVariables({ db }: AdminContext, { prefix, edge }: CopyVariables): AdminReply {
  const [from, to] = edge === 'disk>memory' ? (['disk', 'main'] as const) : (['main', 'disk'] as const);
  return okReply(copyVariables(db.handle, from, to, prefix));
}
