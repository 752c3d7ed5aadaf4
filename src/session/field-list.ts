/**
 * COM_FIELD_LIST: the definitions of a table's columns with their defaults. Rules see it as the SELECT that ProxySQL
 * makes of it; the server gets the client's own command.
 */
import { performance } from 'node:perf_hooks';
import { errors } from '../protocol/errors.ts';
import type { Session } from './session.ts';
import { draftOf } from './statement.ts';
import { frameOf } from './statement-frames.ts';

export function onFieldList(session: Session, buffer: Buffer, start: number, end: number): void {
  const startedAt = performance.now();
  const nameEnd = buffer.indexOf(0, start + 1);
  if (nameEnd < 0 || nameEnd >= end) return session.answerError(errors.malformedPacket());
  const table = buffer.toString('latin1', start + 1, nameEnd).replaceAll('`', '``');
  const text = Buffer.from(`SELECT * FROM \`${table}\` WHERE 1=0`, 'latin1');
  session.atWork.begin('Field list', text, 0);
  session.context.counters.Questions += 1;
  const { digests } = session.runtime;
  const entry = digests.lookup(text, 0, text.length);
  const facts = digests.factsOf(entry, text, 0, text.length, session.quoting());
  const frame = frameOf(buffer, start, end);
  const draft = draftOf('field-list', frame, entry, facts, session.state.schema, startedAt);
  draft.fieldListText = text;
  session.rules.decide(draft, entry, text, 0, text.length, false, undefined);
}
