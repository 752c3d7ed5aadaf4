/**
 * COM_STMT_PREPARE on the admin port: how many parameters a statement has and which columns it gives, without running it.
 * Commands have neither; what they give is told when they are executed.
 */
import { classify } from '../classify.ts';
import type { AdminContext, SessionContext } from '../context.ts';
import { countParameters, type Description, describeSql } from '../db/describe.ts';
import { SqlRefused } from '../db/execute.ts';
import { type AdminError, adminError } from '../reply.ts';
import { rightsOf } from '../roles/rights.ts';
import { isStrict } from '../strict.ts';

const NOTHING: Description = { parameterCount: 0, columns: [] };

/** Never throws: SQL that cannot be prepared gives the error for the client. */
export function describeStatement(
  context: AdminContext,
  session: SessionContext,
  sql: string,
): Description | { readonly error: AdminError } {
  const statement = classify(sql, session.role, isStrict(context));
  switch (statement.kind) {
    case 'set':
      return { parameterCount: countParameters(statement.value), columns: [] };
    case 'rows':
    case 'fact':
      return { parameterCount: 0, columns: statement.columns };
    case 'sql':
      // Names of columns are for those who may look at them; the guard judges when the statement is executed.
      if (rightsOf(context, session) !== 'full') return { ...NOTHING, parameterCount: countParameters(statement.sql) };
      return describe(context, session, statement.sql);
    default:
      return NOTHING;
  }
}

function describe(
  { db }: AdminContext,
  session: SessionContext,
  sql: string,
): Description | { readonly error: AdminError } {
  try {
    return describeSql(session.role === 'stats' ? db.statsView : db.handle, sql);
  } catch (error) {
    if (!(error instanceof SqlRefused)) throw error;
    const reply = adminError(error.message);
    if (reply.kind !== 'error') throw error;
    return { error: reply.error };
  }
}
