/**
 * What happens when a backend is lost in mid-statement: does the statement run again, and how often? Owns how many times
 * the statement at work may. It changes nothing else: statement-run.ts does what it says.
 *
 *   part of an answer is with the client                  disconnect: nobody knows where in it
 *   a transaction or the like went with the connection    fail
 *   not sent yet, or a read, or a PREPARE, within a second  retry, as often as permitted
 *   everything else                                       fail: it may have been executed
 */
import { performance } from 'node:perf_hooks';
import type { BackendConnection } from '../../backend/backend-connection.ts';
import type { Statement } from '../statement.ts';

/**
 * A connection that is lost this soon after a statement was sent was dead before, in ms; a statement is not sent again
 * later than that, since somebody may have ended it on purpose.
 */
export const staleConnectionMs = 1_000;

/** Reading statements: running one twice is harmless. */
const RETRYABLE_KINDS: ReadonlySet<string> = new Set(['select', 'show', 'explain']);

export type LossVerdict = 'disconnect' | 'retry' | 'fail';

export class RetryBudget {
  #left = 0;

  /**
   * A statement begins.
   * @param byDefault mysql-query_retries_on_failure, where no rule says otherwise
   * @param shares what happens to another session's statement on the same connection is not to be felt
   */
  begin(statement: Statement, byDefault: number, shares: boolean): void {
    const { retries } = statement.decision;
    this.#left = retries >= 0 ? retries : byDefault;
    if (shares && this.#left === 0) this.#left = 1;
  }

  /** It is being ended: it is not to run again. */
  end(): void {
    this.#left = 0;
  }

  /**
   * The connection was lost with the statement.
   * @param sent the statement itself, not only what comes before it
   * @param anyByteSeen of the answer
   */
  judge(statement: Statement, lost: BackendConnection, sent: boolean, anyByteSeen: boolean): LossVerdict {
    if (sent && anyByteSeen && statement.command !== 'prepare') return 'disconnect';
    if (!lost.clean || this.#left === 0 || (sent && !mayRunTwice(statement))) return 'fail';
    this.#left -= 1;
    return 'retry';
  }
}

/** Reading again does no harm; and the connection was dead before, as far as can be told. */
function mayRunTwice(statement: Statement): boolean {
  if (performance.now() - statement.startedAt > staleConnectionMs) return false;
  return RETRYABLE_KINDS.has(statement.facts.kind) || statement.command === 'prepare';
}
