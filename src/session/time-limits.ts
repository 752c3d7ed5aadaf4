/**
 * How long a session may be idle and a transaction may last: mysql-wait_timeout, mysql-max_transaction_time,
 * mysql-max_transaction_idle_time, and the wait_timeout a session has set for itself. Looked at by the worker's sweep; no statement reads a clock for it.
 * Source: ProxySQL, surface of transactions (session caps); a limit of 0 is none.
 */
import type { MysqlVariables } from '../../runtime/variables.ts';
import type { Leases } from './leases.ts';

export interface Limited {
  readonly leases: Leases;
  /** Milliseconds since the epoch; undefined while a command is at work. */
  readonly idleSinceMs: number | undefined;
}

export class TimeLimits {
  /** When a sweep first saw the transaction that is open; 0 without one. */
  #transactionSeenMs = 0;
  /** The session's own wait_timeout, in ms; 0 when it has set none. As on a server it holds in a transaction too. */
  waitTimeoutMs = 0;

  /** One transaction may follow the other between two sweeps. */
  statementDone(session: Limited): void {
    if (this.#transactionSeenMs !== 0 && session.leases.inTransaction() === undefined) this.#transactionSeenMs = 0;
  }

  /** The limit the session has passed, by the name of its variable. `variables` are those of now, not of its last command. */
  overdue(session: Limited, variables: MysqlVariables, nowMs: number): string | undefined {
    const { idleSinceMs, leases } = session;
    if (this.waitTimeoutMs !== 0 && idleSinceMs !== undefined && nowMs - idleSinceMs > this.waitTimeoutMs)
      return 'wait_timeout of the session';
    if (leases.inTransaction() === undefined) {
      this.#transactionSeenMs = 0;
      const { waitTimeout } = variables;
      if (idleSinceMs === undefined || waitTimeout === 0 || nowMs - idleSinceMs <= waitTimeout) return undefined;
      return 'mysql-wait_timeout';
    }
    if (this.#transactionSeenMs === 0) this.#transactionSeenMs = nowMs;
    const { maxTransactionIdleTime, maxTransactionTime } = variables;
    if (maxTransactionTime !== 0 && nowMs - this.#transactionSeenMs > maxTransactionTime)
      return 'mysql-max_transaction_time';
    if (idleSinceMs !== undefined && maxTransactionIdleTime !== 0 && nowMs - idleSinceMs > maxTransactionIdleTime)
      return 'mysql-max_transaction_idle_time';
    return undefined;
  }
}
