/**
 * What CONNECTION_ID() is to a client: the id of its session, with which KILL works here. Puts it into the text for the
 * server, whichever connection that goes to; rules, masking and statistics have the client's own text.
 */
import { HEADER_BYTES, MAX_FRAME_BYTES } from '../protocol/framer.ts';
import { withConnectionId } from '../sql/connection-id.ts';
import { SessionEffect } from '../sql/facts.ts';
import type { Statement } from './statement.ts';

/**
 * The id is part of the text under which servers' prepared statements are shared: sessions that prepare the same get
 * each their own.
 */
export function sayOwnId(statement: Statement, sessionId: number): void {
  const { facts, frame } = statement;
  if (facts.kind !== 'select' || facts.multiStatement) return;
  // A variable is for the server: KILL of one goes there.
  if ((facts.effects & (SessionEffect.INTO_VARIABLE | SessionEffect.OPAQUE)) !== 0) return;
  const own = statement.sentText ?? statement.prepared?.text ?? statement.preparing?.text;
  if (own === undefined && frame.length >= MAX_FRAME_BYTES) return;
  const sent = withConnectionId(own ?? frame.subarray(HEADER_BYTES + 1), sessionId);
  if (sent !== undefined) statement.sentText = sent;
}
