/**
 * What if a server takes no more prepared statements (max_prepared_stmt_count)? Pooled connections keep the ones that
 * clients have closed, for whoever prepares the same next. Those are closed then, and the server is asked again. Owns how
 * often it was; server-statements.ts knows which statements a connection has.
 */
import type { BackendConnection } from '../../backend/backend-connection.ts';
import type { Server } from '../../hostgroup/server.ts';
import type { Statement } from '../statement.ts';
import type { RunOwner } from './run-owner.ts';
import { closeStatements } from './server-statements.ts';

/** The error that says so: ER_MAX_PREPARED_STMT_COUNT_REACHED. */
export const TOO_MANY_STATEMENTS = 1461;

/** A PREPARE is sent again so often: a server closes the statements of other connections in its own time. */
export const prepareAgainMax = 5;

export class StatementRoom {
  readonly #owner: RunOwner;
  #statement: Statement | undefined;
  #attempts = 0;

  constructor(owner: RunOwner) {
    this.#owner = owner;
  }

  /**
   * Closes what nobody needs on the connection and on the free ones of its server.
   * @returns whether the PREPARE of the statement is worth sending again
   */
  make(connection: BackendConnection, statement: Statement): boolean {
    if (this.#statement === statement) {
      this.#attempts += 1;
      if (this.#attempts < prepareAgainMax) return true;
      this.#statement = undefined;
      return false;
    }
    let closed = closeStatements(this.#owner, connection);
    for (const free of (connection.home as Server).free) closed += closeStatements(this.#owner, free);
    if (closed === 0) return false;
    this.#statement = statement;
    this.#attempts = 1;
    return true;
  }
}
