/**
 * KILL and COM_PROCESS_KILL of a proxy session, by the id the proxy told its client. It ends nothing itself: the order
 * goes to whichever worker has the session. Source: ProxySQL, surface document §4.6.
 */
import { errors } from '../protocol/errors.ts';
import { parseKill } from '../sql/kill-parser.ts';
import type { Session } from './session.ts';
import type { Statement } from './statement.ts';
import { textOf } from './statement-frames.ts';

/** OK in any case but that of a text which names no id; only sessions of the same user can be killed. */
export function onKill(session: Session, statement: Statement): void {
  const order = parseKill(textOf(statement), session.connectionId);
  if (order === undefined)
    return session.answerError(
      errors.notAllowed(
        'Unable to parse KILL: the id of a session of the proxy is needed, as a number or a sum of numbers and CONNECTION_ID(); ids that a server knows are others',
      ),
    );
  session.record(statement, 0, 0);
  kill(session, order.id, order.target === 'query' ? 'QUERY' : 'CONNECTION');
}

/** The command of old clients and of mysqladmin: KILL CONNECTION with the id in binary. */
export function onProcessKill(session: Session, buffer: Buffer, start: number, end: number): void {
  if (end - start < 5) return session.answerError(errors.malformedPacket());
  kill(session, buffer.readUInt32LE(start + 1), 'CONNECTION');
}

function kill(session: Session, sessionId: number, what: 'QUERY' | 'CONNECTION'): void {
  session.context.killSession({ sessionId, what, username: session.user.username });
  session.answerOk();
}
