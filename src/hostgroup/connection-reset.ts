/**
 * Makes a connection that a session has left marks on (user variables, temporary tables, locks, an open transaction)
 * fit for anybody: COM_RESET_CONNECTION, which every MySQL since 5.7.3 and MariaDB since 10.2.4 knows. Where that
 * fails the connection is closed, never reused.
 */
import type { AnswerOwner, BackendConnection } from '../backend/backend-connection.ts';
import { mirroredState } from '../backend/mirrored-state.ts';
import { Command } from '../protocol/commands.ts';
import type { ResponseWalker } from '../protocol/response-walker.ts';
import { SessionEffect } from '../sql/facts.ts';

/** A server that does not answer a reset within this time loses the connection, in ms. */
export const resetTimeoutMs = 5_000;

/** The reset forgets what CLIENT_IGNORE_SPACE added to sql_mode at the login; the next sync puts it back. */
const NOT_AS_AT_LOGIN: ReadonlyMap<string, string> = new Map([['sql_mode', 'DEFAULT']]);

const COM_RESET_CONNECTION_FRAME = Buffer.from([1, 0, 0, 0, Command.COM_RESET_CONNECTION]);

/** What may have entered a schema where nobody saw it: MariaDB takes USE as a prepared statement, in procedures as well. */
const ENTERS_UNSEEN = SessionEffect.SQL_PREPARE | SessionEffect.CALL | SessionEffect.OPAQUE;

/** The schema has to be said again, or there is none for sure. */
function schemaAfterReset({ state, pins }: BackendConnection): '' | undefined {
  return state.schema === '' && (pins & ENTERS_UNSEEN) === 0 ? '' : undefined;
}

export function resetAndGiveBack(connection: BackendConnection, giveBack: (clean: BackendConnection) => void): void {
  const timer = setTimeout(() => connection.destroy(), resetTimeoutMs);
  const owner: AnswerOwner = {
    answerBytes: () => true,
    answerDone(_connection: BackendConnection, walker: ResponseWalker) {
      clearTimeout(timer);
      if (walker.ended === 'error') {
        connection.destroy();
        return;
      }
      // The reset forgets variables and puts the character set to what the server likes best. It keeps the schema but
      // not its collation_database, which LOAD DATA reads by, so the schema has to be said again.
      const variables = connection.ignoreSpace ? NOT_AS_AT_LOGIN : undefined;
      connection.state = mirroredState(schemaAfterReset(connection), undefined, variables);
      connection.statements.clear();
      connection.pins = 0;
      connection.lingerStatements = 0;
      connection.transactionUnknown = false;
      giveBack(connection);
    },
    answerLost() {
      clearTimeout(timer);
    },
  };
  connection.send(COM_RESET_CONNECTION_FRAME, 'simple', owner);
}
