/**
 * AdminStatement to its command, and every error to an answer. It knows no packets.
 */
import { changesSomething } from './audit/changes.ts';
import { classify } from './classify.ts';
import { globalChecksum, tableChecksum } from './commands/checksum.ts';
import { logEntry, writeReport } from './commands/diagnostics.ts';
import { truncateDigests } from './commands/digests.ts';
import { explainRoute } from './commands/explain-route.ts';
import { showConfig, writeConfig } from './commands/export-config.ts';
import { answerFact } from './commands/facts.ts';
import { copyForeignVariables, loadUser, promote } from './commands/load-save.ts';
import { passToSqlite } from './commands/passthrough.ts';
import { showPrometheusMetrics } from './commands/prometheus.ts';
import { proxysql } from './commands/proxysql.ts';
import { killConnection, killQuery, pullVersion } from './commands/sessions.ts';
import { setVariable } from './commands/set-variable.ts';
import { countWarnings, showCreateTable, showFields, showTableStatus, showWarnings } from './commands/show.ts';
import { loadFromHistory, showDiff, showRuntimeHistory } from './commands/show-diff.ts';
import type { AdminContext, SessionContext } from './context.ts';
import { type SqlParameter, SqlRefused } from './db/execute.ts';
import type { AdminStatement } from './grammar/statement.ts';
import { ReadInterrupted, ReadTimedOut } from './reader/large-reader.ts';
import { type AdminReply, adminError, okReply } from './reply.ts';
import { AccessDenied } from './roles/guard.ts';
import { checkRights } from './roles/rights.ts';
import { isStrict } from './strict.ts';

/** Runs one statement of a session. Never rejects. */
export async function dispatch(
  context: AdminContext,
  session: SessionContext,
  sql: string,
  parameters?: readonly SqlParameter[],
): Promise<AdminReply> {
  const statement = classify(sql, session.role, isStrict(context));
  if (statement.kind !== 'show-warnings') session.warnings = [];
  const beganMs = performance.now();
  const reply = await answer(context, session, statement, parameters);
  if (changesSomething(statement)) audit(context, session, sql, reply, performance.now() - beganMs);
  return reply;
}

async function answer(
  context: AdminContext,
  session: SessionContext,
  statement: AdminStatement,
  parameters: readonly SqlParameter[] | undefined,
): Promise<AdminReply> {
  try {
    checkRights(context, session, statement);
    return await carryOut(context, session, statement, parameters);
  } catch (error) {
    return refusal(context, statement, error);
  }
}

function audit(
  context: AdminContext,
  session: SessionContext,
  sql: string,
  reply: AdminReply,
  durationMs: number,
): void {
  context.audit.note({
    atMs: Date.now(),
    user: session.username,
    address: session.clientAddress,
    sql,
    error: reply.kind === 'error' ? reply.error : undefined,
    affectedRows: reply.kind === 'ok' ? (reply.affectedRows ?? 0) : 0,
    warnings: reply.kind === 'ok' ? (reply.warnings ?? 0) : 0,
    durationMs,
  });
}

async function carryOut(
  context: AdminContext,
  session: SessionContext,
  statement: AdminStatement,
  parameters: readonly SqlParameter[] | undefined,
): Promise<AdminReply> {
  switch (statement.kind) {
    case 'sql':
      return passToSqlite(context, session, statement.sql, parameters);
    case 'promote':
      return promote(context, session, statement);
    case 'ok':
      return { kind: 'ok', ...(statement.info === undefined ? {} : { info: statement.info }) };
    case 'set':
      return setVariable(context, session, statement, parameters);
    case 'rows':
      return { kind: 'rows', columns: statement.columns, rows: statement.rows };
    case 'fact':
      return answerFact(context, session, statement);
    case 'show-create-table':
      return showCreateTable(context, session, statement);
    case 'show-fields':
      return showFields(context, statement.table);
    case 'show-table-status':
      return showTableStatus(context, statement.table);
    case 'show-warnings':
      return statement.countOnly ? countWarnings(session) : showWarnings(session);
    case 'checksum':
      return tableChecksum(context, statement);
    case 'global-checksum':
      return globalChecksum(context);
    case 'show-diff':
      return showDiff(context, statement.modules);
    case 'show-runtime-history':
      return showRuntimeHistory(context, statement.modules);
    case 'load-from-history':
      return loadFromHistory(context, session, statement);
    case 'explain-route':
      return explainRoute(context, statement);
    case 'truncate-digests':
      return okReply(await truncateDigests(context));
    case 'prometheus':
      return showPrometheusMetrics(context);
    case 'save-digests':
      return okReply(await context.history.saveDigests());
    case 'load-user':
      return loadUser(context, session, statement.username);
    case 'copy-variables':
      return copyForeignVariables(context, statement);
    case 'export-config':
      return writeConfig(context, statement);
    case 'config-text':
      return showConfig(context);
    case 'diagnostic-report':
      return writeReport(context, statement);
    case 'kill-connection':
      return killConnection(context, statement.sessionId);
    case 'kill-query':
      return killQuery(context, statement.sessionId);
    case 'pull-version':
      return pullVersion(context, statement);
    case 'log-entry':
      return logEntry(context, session, statement.text);
    case 'hang-up':
      return { kind: 'hang-up' };
    case 'proxysql':
      return proxysql(context, session, statement.action);
    case 'refuse':
      return adminError(statement.message, statement.code, statement.sqlState);
  }
}

/** MySQL's ER_SPECIFIC_ACCESS_DENIED_ERROR. */
const ACCESS_DENIED = 1227;
/** MySQL's ER_LOCK_WAIT_TIMEOUT, ER_QUERY_TIMEOUT and ER_QUERY_INTERRUPTED. */
const LOCK_WAIT_TIMEOUT = 1205;
const QUERY_TIMEOUT = 3024;
const QUERY_INTERRUPTED = 1317;

function refusal(context: AdminContext, statement: AdminStatement, error: unknown): AdminReply {
  if (error instanceof AccessDenied) return adminError(`Access denied; ${error.message}`, ACCESS_DENIED, '42000');
  if (error instanceof SqlRefused) {
    const locked = /^SQLITE_(BUSY|LOCKED)/.test(error.code);
    return locked ? adminError(error.message, LOCK_WAIT_TIMEOUT, 'HY000') : adminError(error.message);
  }
  if (error instanceof ReadTimedOut) {
    const text = `the statement was ended after ${error.timeoutMs} ms (sluice-admin_read_timeout)`;
    return adminError(text, QUERY_TIMEOUT, 'HY000');
  }
  if (error instanceof ReadInterrupted)
    return adminError('Query execution was interrupted', QUERY_INTERRUPTED, '70100');
  // Not the statement's text: it may hold passwords.
  context.logger.error({ err: error, statement: statement.kind }, 'an admin command failed');
  return adminError(error instanceof Error ? error.message : String(error));
}
