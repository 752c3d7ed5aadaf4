/**
 * PROXYSQL …: commands to the process itself.
 */

import { ModuleRefused } from '../../runtime/mysql-module.ts';
import type { AdminContext, SessionContext } from '../context.ts';
import type { ProxysqlAction } from '../grammar/statement.ts';
import { type AdminReply, adminError, okReply } from '../reply.ts';

export async function proxysql(
  context: AdminContext,
  session: SessionContext,
  action: ProxysqlAction,
): Promise<AdminReply> {
  context.logger.info({ user: session.username, from: session.clientAddress, action }, 'command to the process');
  try {
    return await carryOut(context, action);
  } catch (error) {
    if (error instanceof ModuleRefused) return adminError(error.message);
    throw error;
  }
}

async function carryOut(context: AdminContext, action: ProxysqlAction): Promise<AdminReply> {
  const { promotion, plane, db, process } = context;
  switch (action) {
    case 'readonly':
    case 'readwrite':
      await promotion.setAdminVariable('read_only', action === 'readonly' ? 'true' : 'false');
      return okReply();
    case 'flush-logs':
      // The error log goes to standard error, where service managers keep it; the log of statements has files.
      await plane.order({ kind: action });
      return okReply();
    case 'flush-query-cache':
    case 'flush-client-hosts':
      await plane.order({ kind: action });
      return okReply();
    case 'flush-configdb':
      db.reopenDisk();
      return okReply();
    case 'reload-tls':
      return reloadTls(context);
    case 'start':
    case 'stop':
    case 'pause':
    case 'resume':
      await process.mysqlModule[action]();
      return okReply();
    case 'shutdown':
      return ending(context, 'fast');
    case 'shutdown-slow':
      return ending(context, 'slow');
    case 'kill':
    case 'restart':
      return ending(context, action);
  }
}

function ending({ process }: AdminContext, mode: Parameters<AdminContext['process']['shutdown']>[0]): AdminReply {
  process.shutdown(mode);
  return { kind: 'hang-up' };
}

/** The old certificate stays when the new one cannot be used. */
async function reloadTls({ process, logger }: AdminContext): Promise<AdminReply> {
  try {
    await process.reloadTls();
    return okReply();
  } catch (error) {
    logger.warn({ err: error }, 'the certificate was not reloaded');
    return adminError(`RELOAD TLS failed: ${(error as Error).message}`);
  }
}
