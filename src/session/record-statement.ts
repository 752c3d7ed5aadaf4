/** What is counted of a statement that is over: by command, by digest, and whether it was slow. */
import type { MysqlVariables } from '../../runtime/variables.ts';
import type { StatementFacts } from '../sql/facts.ts';
import type { WorkerContext } from './context.ts';
import { slotOf } from './decide.ts';
import type { Session } from './session.ts';
import type { Statement } from './statement.ts';

export type CountedStatement = Pick<Statement, 'entry' | 'facts' | 'hostgroup' | 'schema' | 'startedAt'>;

/** @param endedAt `performance.now()` at the end of the answer */
export function recordStatement(
  context: WorkerContext,
  variables: MysqlVariables,
  username: string,
  clientAddress: string,
  statement: CountedStatement,
  rowsAffected: number,
  rowsSent: number,
  endedAt: number,
): void {
  const timeUs = Math.round((endedAt - statement.startedAt) * 1000);
  if (timeUs > variables.longQueryTime * 1000) context.counters.Slow_queries += 1;
  if (variables.commandsStats) context.commandStats.record(statement.facts.command, timeUs);
  if (!variables.queryDigests) return;
  context.digestStats.record(
    statement.entry,
    slotOf(statement.entry),
    statement.hostgroup,
    statement.schema,
    username,
    variables.queryDigestsTrackHostname ? clientAddress : '',
    timeUs,
    rowsAffected,
    rowsSent,
    context.nowS,
  );
}

/**
 * A COMMIT or ROLLBACK. ProxySQL counts these before it looks whether a session is locked; a locked one's go to its server
 * uncounted.
 * @param filtered no server gets to see it
 */
export function countEnd(session: Session, { kind }: StatementFacts, filtered: boolean): void {
  if (session.lockedHostgroup >= 0) return;
  const { counters } = session.context;
  if (kind === 'commit') {
    counters.Com_commit += 1;
    if (filtered) counters.Com_commit_filtered += 1;
  } else {
    counters.Com_rollback += 1;
    if (filtered) counters.Com_rollback_filtered += 1;
  }
}
