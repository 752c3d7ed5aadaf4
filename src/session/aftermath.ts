/**
 * What a statement that has run on a server means to others than its client: pools whose connections know old rights,
 * what is believed of schemas and definitions, the session that has left or entered a schema.
 */
import { SCHEMA_OF_EVERY_SERVER, withSchema } from '../backend/mirrored-state.ts';
import { SessionEffect } from '../sql/facts.ts';
import { accountsChanged } from './changed-rights.ts';
import { mayDefine } from './masking/definitions.ts';
import { dropsSchema, enteredSchema } from './schema-changes.ts';
import type { Session } from './session.ts';
import type { Statement } from './statement.ts';

/** @param ok the server took it; one that failed may have done a part */
export function tellOthers(session: Session, statement: Statement, ok: boolean): void {
  const { context } = session;
  if (mayDefine(statement)) context.masking.definitionsChanged();
  if (!ok) return;
  const accounts = accountsChanged(statement, session.user.username, context.runtime.backendUsers);
  if (accounts !== undefined) context.rightsChanged(accounts);
  const { effects } = statement.facts;
  if ((effects & SessionEffect.SCHEMA) !== 0) {
    const schema = enteredSchema(statement, session.state);
    if (schema !== undefined) session.state = withSchema(session.state, schema);
  }
  if ((effects & SessionEffect.DROP_SCHEMA) === 0) return;
  context.schemas.forget();
  leaveDropped(session, statement);
}

/**
 * Who drops the schema it is in is in none on a server, and here where sessions may be: with mysql-default_schema ''. Otherwise it
 * is where no table can be written or dropped by a name without a schema: mysql-default_schema may be one with data, and the
 * schema that is gone would make every statement fail.
 */
function leaveDropped(session: Session, statement: Statement): void {
  const { state, variables } = session;
  if (!dropsSchema(statement, state, state.schema)) return;
  session.state = withSchema(state, variables.defaultSchema === '' ? '' : SCHEMA_OF_EVERY_SERVER);
}
