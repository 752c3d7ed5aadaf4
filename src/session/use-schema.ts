/**
 * A client wants to be in another schema, by USE or COM_INIT_DB. Whether there is one and it may, schema-check.ts finds
 * out.
 */
import { withSchema } from '../backend/mirrored-state.ts';
import { Capability } from '../protocol/capabilities.ts';
import { errors, type ProtocolError } from '../protocol/errors.ts';
import type { Session } from './session.ts';

/**
 * Answers when it is known whether there is such a schema, or that nobody can say.
 * @param answered called then
 */
export function useSchema(session: Session, schema: string, answered?: () => void): void {
  // A connection that is only kept just in case can be asked instead of a new one; a USE leaves nothing to ask for.
  session.leases.endLinger();
  const nowhere = schema === '' && session.runtime.sluice.strict;
  const asked = nowhere ? undefined : askForSchema(session, schema, session.client.address);
  const answer = (refusal: ProtocolError | undefined): void => {
    if (refusal === undefined) enterSchema(session, schema);
    else session.answerError(refusal);
    answered?.();
  };
  if (asked === undefined) return answer(nowhere ? errors.noDatabase() : undefined);
  session.atWork.begin('Init DB', undefined, 0);
  void asked.then((refusal) => {
    if (!session.client.closed) answer(refusal);
  });
}

/** See SchemaCheck.ask; at the login there is no client yet, but its address. */
export function askForSchema(
  session: Session,
  schema: string,
  clientAddress: string,
): Promise<ProtocolError | undefined> | undefined {
  const { user, backendUser, state, shape, context } = session;
  return context.schemas.ask({ user, who: { user, backendUser, clientAddress }, schema, state, shape });
}

function enterSchema(session: Session, schema: string): void {
  session.state = withSchema(session.state, schema);
  const tracks = (session.capabilities & Capability.SESSION_TRACK) !== 0;
  session.answerOk(tracks ? { trackedSchema: schema } : {});
}
