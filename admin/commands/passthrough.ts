/**
 * SQL for SQLite: brings the tables it names up to date, then runs it in the same turn of the event loop.
 */
import type { AdminContext, SessionContext } from '../context.ts';
import { executeSql, type SqlParameter, type SqlResult } from '../db/execute.ts';
import { namesIn, splitStatements } from '../db/sql-tokens.ts';
import { largeReadOf } from '../reader/large-tables.ts';
import { type AdminReply, okReply } from '../reply.ts';
import { AccessDenied, guardOf } from '../roles/guard.ts';
import { rightsOf } from '../roles/rights.ts';
import type { AdminRights } from '../roles/roles.ts';

/**
 * Runs SQL, the first statement of the text, with the rights and the view of the session. `parameters` are those of a
 * prepared statement. Rejects with SqlRefused, or with what collecting failed of.
 */
export async function passToSqlite(
  context: AdminContext,
  session: SessionContext,
  sql: string,
  parameters?: readonly SqlParameter[],
): Promise<AdminReply> {
  const names = FILLED_ON_DEMAND.test(sql) ? namesIn(sql) : NO_NAMES;
  const rights = rightsOf(context, session);
  // Collecting their rows sets counters to zero, whatever becomes of the statement.
  if (rights !== 'full' && [...names].some((name) => name.endsWith('_reset'))) {
    throw new AccessDenied(`setting counters to zero is not allowed to this account (${rights})`);
  }
  // Who may not see everything is watched by the guard of the shared connection, which also replaces secrets.
  // The rows of prepared statements are encoded differently, and drivers do not read large tables by them.
  const mayBeElsewhere =
    parameters === undefined &&
    READS.test(sql) &&
    (rights === 'full' || (rights === 'read-only' && !names.has(WITH_PASSWORDS)));
  const asked = { names, role: session.role, seesAll: rights === 'full' };
  const read = mayBeElsewhere ? largeReadOf(asked, context.plane, context.db.handle) : undefined;
  if (read === undefined) return replyOf(await queryFor(context, session, sql, names, rights, parameters));
  await context.promotion.refreshRuntimeTables(read.twins);
  const [first = sql] = splitStatements(sql);
  return { kind: 'encoded', ...(await context.reader.read(session.role, first, read)) };
}

/** The one table read elsewhere that holds secrets. */
const WITH_PASSWORDS = 'runtime_mysql_users';
/** A statement that changes nothing, by its first word. */
const READS = /^\s*select\b/i;

/**
 * How the names of tables begin that are filled just before they are read, and SELECTs of a table of MEMORY that can be
 * large; most statements need no closer look.
 */
const FILLED_ON_DEMAND = /stats_|runtime_|^\s*select\b[\s\S]*(mysql_users|_fast_routing)\b/i;
const NO_NAMES: ReadonlySet<string> = new Set();

async function queryFor(
  context: AdminContext,
  session: SessionContext,
  sql: string,
  names: ReadonlySet<string>,
  rights: AdminRights,
  parameters: readonly SqlParameter[] | undefined,
): Promise<SqlResult> {
  const { db, stats, promotion } = context;
  const fillStats = await stats.collect(names);
  if (session.role === 'stats') {
    fillStats(db.statsView, 'main');
    return executeSql(db.statsView, sql, { readOnly: true, parameters });
  }
  await promotion.refreshRuntimeTables(names);
  fillStats(db.handle, 'stats');
  const readOnly = isReadOnly(context) || rights === 'read-only';
  return executeSql(db.handle, sql, { readOnly, guard: guardOf(rights, db.isOwnTable), parameters });
}

/** admin-read_only, as it is in force. */
export function isReadOnly(context: AdminContext): boolean {
  return context.promotion.adminVariables.read_only === 'true';
}

function replyOf(result: SqlResult): AdminReply {
  return result.kind === 'count' ? okReply(result.affectedRows) : result;
}
