/**
 * Which statements go to the events log, and what it says of them. A rule's `log` decides, otherwise
 * mysql-eventslog_default_log. Of statements that carry passwords only the digest is written; the literals of all others
 * are, as in ProxySQL. Parameters of prepared statements are never logged.
 */
import type { LoggedStatement } from '../events-log/event-formats.ts';
import { HEADER_BYTES } from '../protocol/framer.ts';
import type { StatementOutcome } from './run/statement-outcome.ts';
import type { Session } from './session.ts';
import type { Statement } from './statement.ts';

/** Statements about accounts and replication: their strings are secrets. */
const SECRETS =
  /\b(IDENTIFIED|PASSWORD|AUTHENTICATION|MASTER_PASSWORD|SOURCE_PASSWORD|ENCRYPT|AES_ENCRYPT|AES_DECRYPT)\b/i;

/** @param server `host:port`, or '' when none was asked */
export function logStatement(
  session: Session,
  statement: Statement,
  outcome: Pick<StatementOutcome, 'rowsAffected' | 'rowsSent' | 'lastInsertId'>,
  server: string,
): void {
  const { context, variables, client, user } = session;
  const { command, decision, entry, startedAt } = statement;
  const wanted = decision.log === 1 || (decision.log < 0 && variables.eventslogDefaultLog === 1);
  if (!wanted || command === 'fetch' || command === 'field-list') return;
  const endUs = Date.now() * 1000;
  const logged: LoggedStatement = {
    command,
    sessionId: session.connectionId,
    username: user.username,
    schema: statement.schema,
    client: `${client.address}:${client.port}`,
    hostgroup: server === '' ? -1 : statement.hostgroup,
    server,
    startUs: endUs - Math.round((performance.now() - startedAt) * 1000),
    endUs,
    statementId: statement.prepared?.id ?? 0,
    rowsAffected: outcome.rowsAffected,
    lastInsertId: outcome.lastInsertId,
    rowsSent: outcome.rowsSent,
    digest: entry.digest,
    text: SECRETS.test(entry.digestText) ? entry.shownText : textOf(statement),
  };
  context.eventsLog.add(logged);
}

/** As the client sent it, but for what rules rewrote. */
function textOf({ frame, prepared, preparing }: Statement): string {
  const text = prepared?.originalText ?? preparing?.originalText;
  return text === undefined ? frame.toString('utf8', HEADER_BYTES + 1) : text.toString('utf8');
}
