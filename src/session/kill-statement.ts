/** KILL of a proxy session, by the id the proxy told its client. Source: ProxySQL, surface document §4.6. */
import { errors } from '../protocol/errors.ts';
import { parseKill } from '../sql/kill-parser.ts';
import type { Session } from './session.ts';
import type { Statement } from './statement.ts';
import { textOf } from './statement-frames.ts';

/** OK in any case but that of a text which names no id; only sessions of the same user can be killed. */
export function onKill(session: Session, statement: Statement): void {
  const order = parseKill(textOf(statement));
  if (order === undefined)
    return session.answerError(errors.notAllowed('Unable to parse KILL: a connection id is needed'));
  session.record(statement, 0, 0);
  const victim = session.context.sessions.get(order.id);
  if (victim !== undefined && victim.user.username === session.user.username)
    victim.killed(order.target === 'query' ? 'QUERY' : 'CONNECTION');
  session.answerOk();
}
