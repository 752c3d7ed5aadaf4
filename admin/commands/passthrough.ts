/**
 * SQL for SQLite: brings the tables it names up to date, then runs it in the same turn of the event loop.
 */
import type { AdminContext, SessionContext } from '../context.ts';
import { executeSql, type SqlResult } from '../db/execute.ts';
import { namesIn } from '../db/sql-tokens.ts';
import { type AdminReply, okReply } from '../reply.ts';
import { AccessDenied, guardOf } from '../roles/guard.ts';
import { rightsOf } from '../roles/rights.ts';

/** Runs SQL with the rights and the view of the session. Rejects with SqlRefused, or with what collecting failed of. */
export async function passToSqlite(context: AdminContext, session: SessionContext, sql: string): Promise<AdminReply> {
  return replyOf(await queryFor(context, session, sql));
}

/** How the names of tables begin that are filled just before they are read; most statements need no closer look. */
const FILLED_ON_DEMAND = /stats_|runtime_/i;
const NO_NAMES: ReadonlySet<string> = new Set();

async function queryFor(context: AdminContext, session: SessionContext, sql: string): Promise<SqlResult> {
  const { db, stats, promotion } = context;
  const names = FILLED_ON_DEMAND.test(sql) ? namesIn(sql) : NO_NAMES;
  const rights = rightsOf(context, session);
  // Collecting their rows sets counters to zero, whatever becomes of the statement.
  if (rights !== 'full' && [...names].some((name) => name.endsWith('_reset'))) {
    throw new AccessDenied(`setting counters to zero is not allowed to this account (${rights})`);
  }
  const fillStats = await stats.collect(names);
  if (session.role === 'stats') {
    fillStats(db.statsView, 'main');
    return executeSql(db.statsView, sql, { readOnly: true });
  }
  await promotion.refreshRuntimeTables(names);
  fillStats(db.handle, 'stats');
  const readOnly = isReadOnly(context) || rights === 'read-only';
  return executeSql(db.handle, sql, { readOnly, guard: guardOf(rights, db.isOwnTable) });
}

/** admin-read_only, as it is in force. */
export function isReadOnly(context: AdminContext): boolean {
  return context.promotion.adminVariables.read_only === 'true';
}

function replyOf(result: SqlResult): AdminReply {
  return result.kind === 'count' ? okReply(result.affectedRows) : result;
}
