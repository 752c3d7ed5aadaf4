/** What is counted of a statement that is over: by command, by digest, and whether it was slow. */
import type { MysqlVariables } from '../../runtime/variables.ts';
import type { WorkerContext } from './context.ts';
import { slotOf } from './decide.ts';
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
