/**
 * PROXYSQL …: commands to the process itself.
 */
import type { AdminContext, SessionContext } from '../context.ts';
import type { ProxysqlAction } from '../grammar/statement.ts';
import { type AdminReply, okReply } from '../reply.ts';

export async function proxysql(
  context: AdminContext,
  session: SessionContext,
  action: ProxysqlAction,
): Promise<AdminReply> {
  const { plane, promotion, logger, onShutdown } = context;
  logger.info({ user: session.username, from: session.clientAddress, action }, 'command to the process');
  switch (action) {
    case 'readonly':
    case 'readwrite':
      await promotion.setAdminVariable('read_only', action === 'readonly' ? 'true' : 'false');
      return okReply();
    case 'flush-logs':
      // The error log goes to standard error, where service managers keep it; the log of statements has files.
      await plane.order('flush-logs');
      return okReply();
    case 'flush-query-cache':
      await plane.order('flush-query-cache');
      return okReply();
    case 'shutdown':
      onShutdown('fast');
      return { kind: 'hang-up' };
    case 'shutdown-slow':
      onShutdown('slow');
      return { kind: 'hang-up' };
    case 'kill':
      onShutdown('kill');
      return { kind: 'hang-up' };
  }
}
