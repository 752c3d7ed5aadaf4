/**
 * What a statement that has run on a server means to others than its client: pools whose connections know old rights,
 * what is believed of schemas and definitions, the session that dropped the schema it was in.
 */
import { withSchema } from '../backend/mirrored-state.ts';
import { HEADER_BYTES } from '../protocol/framer.ts';
import { droppedSchemas } from '../sql/dropped-schemas.ts';
import { SessionEffect } from '../sql/facts.ts';
import { accountsChanged } from './changed-rights.ts';
import { decodeText } from './client-text.ts';
import { mayDefine } from './masking/definitions.ts';
import type { Session } from './session.ts';
import type { Statement } from './statement.ts';

const SCHEMA_OF_EVERY_SERVER = 'information_schema';

/** @param ok the server took it; one that failed may have done a part */
export function tellOthers(session: Session, statement: Statement, ok: boolean): void {
  const { context } = session;
  if (mayDefine(statement)) context.masking.definitionsChanged();
  if (!ok) return;
  const accounts = accountsChanged(statement, session.user.username, context.runtime.backendUsers);
  if (accounts !== undefined) context.rightsChanged(accounts);
  if ((statement.facts.effects & SessionEffect.DROP_SCHEMA) === 0) return;
  context.schemas.forget();
  leaveDropped(session, statement);
}

/**
 * Who drops the schema it is in is in none on a server. Here it is where no table can be written or dropped by a name without a
 * schema: mysql-default_schema may be one with data, and the schema that is gone would make every statement fail.
 */
function leaveDropped(session: Session, { command, prepared, frame }: Statement): void {
  if (command !== 'query' && command !== 'execute') return;
  const bytes = prepared === undefined ? frame.subarray(HEADER_BYTES + 1) : prepared.text;
  const text = decodeText(bytes, 0, bytes.length, session.state) ?? bytes.toString('utf8');
  if (!droppedSchemas(text).includes(session.state.schema)) return;
  session.state = withSchema(session.state, SCHEMA_OF_EVERY_SERVER);
}
