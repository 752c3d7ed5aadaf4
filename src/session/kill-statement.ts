/**
 * KILL and COM_PROCESS_KILL of a proxy session, by the id the proxy told its client. It ends nothing itself: the order
 * goes to whichever worker has the session. Source: ProxySQL, surface document §4.6.
 */
import type { KillVerdict } from '../../runtime/messages.ts';
import { errors } from '../protocol/errors.ts';
import { HEADER_BYTES } from '../protocol/framer.ts';
import { MalformedPacket } from '../protocol/packet-reader.ts';
import { decodeExecute, type ParamValue, readExecuteParams } from '../protocol/statement-packets.ts';
import { parseKill, preparesKill } from '../sql/kill-parser.ts';
import { dropLongData, type PreparedStatement } from './prepared-statements.ts';
import type { Session } from './session.ts';
import type { Statement } from './statement.ts';
import { textOf } from './statement-frames.ts';

/** By text or by EXECUTE. Only sessions of the same user can be killed. What has no id of the proxy's is a server's to kill. */
export function onKill(session: Session, statement: Statement): void {
  const { prepared, facts } = statement;
  const text = prepared === undefined ? textOf(statement) : prepared.text.toString('utf8');
  const parameters = prepared === undefined ? [] : wholeNumbers(statement.frame, prepared);
  const order = facts.multiStatement ? undefined : parseKill(text, session.connectionId, parameters);
  if (order === 'of-a-server') return session.runOnServer(statement);
  if (prepared !== undefined) dropLongData(prepared);
  if (order === undefined)
    return session.answerError(
      errors.notAllowed(
        'Unable to parse KILL: the id of a session of the proxy is needed, as a number or a sum of numbers and CONNECTION_ID(); ids that a server knows are others',
      ),
    );
  session.record(statement, 0, 0);
  kill(session, order.id, order.target === 'query' ? 'QUERY' : 'CONNECTION');
}

/** A KILL of a number within PREPARE or EXECUTE IMMEDIATE: only a server would run it, and hit whoever has the number there. */
export function isPreparedKill(statement: Statement): boolean {
  const { facts, prepared, preparing } = statement;
  if (facts.kind !== 'prepare' && facts.kind !== 'execute') return false;
  return preparesKill((prepared ?? preparing)?.text.toString('utf8') ?? textOf(statement));
}

/** The parameters of an EXECUTE, as far as they are whole numbers. */
function wholeNumbers(frame: Buffer, { paramCount, types, longData }: PreparedStatement): (number | undefined)[] {
  if (paramCount === 0 || types === undefined || longData.length > 0) return [];
  try {
    return readExecuteParams(decodeExecute(frame, HEADER_BYTES, frame.length, paramCount), types).map(wholeNumber);
  } catch (error) {
    if (error instanceof MalformedPacket) return [];
    throw error;
  }
}

function wholeNumber(value: ParamValue): number | undefined {
  const number = typeof value === 'number' ? value : /^\d{1,16}$/.test(String(value)) ? Number(value) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}

/** The command of old clients and of mysqladmin: KILL CONNECTION with the id in binary. */
export function onProcessKill(session: Session, buffer: Buffer, start: number, end: number): void {
  if (end - start < 5) return session.answerError(errors.malformedPacket());
  if (session.likeProxysql) return session.answerError(errors.processKillUnsupported());
  kill(session, buffer.readUInt32LE(start + 1), 'CONNECTION');
}

function kill(session: Session, sessionId: number, what: 'QUERY' | 'CONNECTION'): void {
  const verdict = session.context.killSession({ sessionId, what, username: session.user.username });
  // ProxySQL says OK, whoever has the number.
  if (session.likeProxysql) return session.answerOk();
  if (typeof verdict === 'string') return answer(session, sessionId, verdict);
  void verdict.then((later) => {
    if (!session.client.closed) answer(session, sessionId, later);
  });
}

/** In a server's words, to whoever may not end sessions of others. */
function answer(session: Session, sessionId: number, verdict: KillVerdict): void {
  if (verdict === 'killed') return session.answerOk();
  session.answerError(verdict === 'unknown' ? errors.unknownThread(sessionId) : errors.notYourThread(sessionId));
}
