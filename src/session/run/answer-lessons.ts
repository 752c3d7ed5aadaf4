/**
 * What does an answer teach about its digest and its server? How long reads take, for those who decide what may share a
 * connection (digest-pace), how many connections are at work (admission) and how many lanes there are (lane-count).
 */
import type { BackendConnection } from '../../backend/backend-connection.ts';
import type { Server } from '../../hostgroup/server.ts';
import { slotOf } from '../decide.ts';
import type { Statement } from '../statement.ts';
import type { StatementOutcome } from './statement-outcome.ts';

/** Interrupted, query_timeout exceeded, killed: no errors of the statement itself. */
const INTERRUPTIONS: ReadonlySet<number> = new Set([1317, 1907, 1927, 1969, 3024]);

/** @param bytes of the answer */
export function learnFrom(
  connection: BackendConnection,
  statement: Statement,
  outcome: StatementOutcome,
  onLane: boolean,
  bytes: number,
): void {
  if (!statement.facts.pureRead || statement.command === 'prepare') return;
  const { pace } = slotOf(statement.entry);
  const { admission, laneCount } = connection.home as Server;
  const ms = connection.lastAnswerMs;
  if (onLane) laneCount.note(connection.answeredAtMs - statement.startedAt);
  admission.noteAnswer(ms, connection.answeredAtMs);
  pace.learn(ms, bytes, admission.usualMs, admission.ownMs(ms));
  if (outcome.warnings > 0 || !(outcome.ok || INTERRUPTIONS.has(outcome.errorCode))) pace.punish();
}
