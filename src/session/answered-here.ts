/**
 * Gives the client what local-answers.ts has found, and does to the session what it says.
 */
import { withNames } from '../backend/mirrored-state.ts';
import { Capability } from '../protocol/capabilities.ts';
import type { DigestEntry } from '../sql/digest-cache.ts';
import type { StatementFacts } from '../sql/facts.ts';
import type { LocalAnswer } from './local-answers.ts';
import type { Session } from './session.ts';
import { useSchema } from './use-schema.ts';

/** What the rules do not get to see counts as a statement all the same, in the schema it leaves. */
export function answerUnasked(
  session: Session,
  local: LocalAnswer,
  entry: DigestEntry,
  facts: StatementFacts,
  startedAt: number,
): void {
  const count = (): void => {
    const hostgroup = session.leases.inTransaction()?.home.hostgroup ?? session.user.defaultHostgroup;
    session.record({ entry, facts, hostgroup, schema: session.state.schema, startedAt }, 0, 0);
  };
  answerLocal(session, local, count);
}

/** @param answered called when the client has its answer */
export function answerLocal(session: Session, answer: LocalAnswer, answered?: () => void): void {
  if (answer.kind === 'schema') {
    session.context.counters.Com_frontend_use_db += 1;
    return useSchema(session, answer.schema, answered);
  }
  give(session, answer);
  answered?.();
}

function give(session: Session, answer: Exclude<LocalAnswer, { readonly kind: 'schema' }>): void {
  switch (answer.kind) {
    case 'ok':
      session.sets.forgetNextTransaction();
      return session.answerOk();
    case 'error':
      return session.answerError(answer.error);
    case 'names':
      session.context.counters.Com_frontend_set_names += 1;
      session.state = withNames(session.state, answer.names);
      return session.answerOk();
    case 'resultset': {
      const deprecateEof = (session.shape & Capability.DEPRECATE_EOF) !== 0;
      return session.answer((writer, id) => answer.write(writer, id, session.statusFlags(), deprecateEof));
    }
  }
}
