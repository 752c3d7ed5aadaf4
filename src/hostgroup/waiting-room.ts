/**
 * Who waits for a connection, and how long? The requests of each hostgroup in the order of their arrival, each with its
 * deadline, and how one ends: with a connection, an error, or because nobody wants it any more. Which of them gets which
 * connection is for connection-broker.ts to say.
 */
import type { MysqlVariables } from '../../runtime/variables.ts';
import type { BackendConnection } from '../backend/backend-connection.ts';
import type { Counters } from '../observe/counters.ts';
import type { Logger } from '../observe/logger.ts';
import { errors, type ProtocolError } from '../protocol/errors.ts';
import type { Clock } from '../util/clock.ts';
import { busyWaitMs } from './admission.ts';
import type { ConnectionRequest, Hostgroup, Waiting } from './hostgroup.ts';

/** Sessions that may wait for a connection of one hostgroup; one more is refused at once. */
export const waitQueueLengthMax = 10_000;

export class WaitingRoom {
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #logger: Logger;

  constructor(clock: Clock, counters: Counters, logger: Logger) {
    this.#clock = clock;
    this.#counters = counters;
    this.#logger = logger;
  }

  /** A request that is in no queue yet, with its deadline. */
  admit(request: ConnectionRequest, variables: MysqlVariables): Waiting {
    const nowMs = this.#clock.nowMs();
    const { connectTimeoutServerMax, connectTimeoutServer } = variables;
    return {
      request,
      sinceMs: nowMs,
      deadlineMs: nowMs + (request.after === undefined ? connectTimeoutServerMax : connectTimeoutServer),
      failures: 0,
      connecting: false,
      over: false,
      deferred: false,
      delayed: false,
    };
  }

  /** It has waited long enough for a connection that was to be free soon. */
  hasClockedOut(waiting: Waiting): boolean {
    return waiting.request.after !== undefined || this.#clock.nowMs() - waiting.sinceMs >= busyWaitMs;
  }

  /** Ends a request whose deadline is over; false when it goes on. */
  expire(group: Hostgroup, waiting: Waiting, nowMs: number): boolean {
    if (nowMs < waiting.deadlineMs) return false;
    this.#counters.max_connect_timeouts += 1;
    this.fail(group, waiting, errors.maxConnectTimeout(group.id, nowMs - waiting.sinceMs));
    return true;
  }

  /** It has its connection. */
  satisfy(group: Hostgroup, waiting: Waiting, connection: BackendConnection): void {
    this.#counters.MyHGM_myconnpoll_get_ok += 1;
    this.#counters.ConnPool_get_conn_success += 1;
    if (waiting.request.wish.sees?.sinceMs !== undefined) this.#noteLagWait(waiting);
    this.remove(group, waiting);
    try {
      waiting.request.onConnection(connection);
    } catch (error) {
      // Not the server's fault, and not a reason to take the worker down.
      this.#logger.error({ err: error }, 'a bug ended a statement');
      connection.destroy();
      waiting.request.onFailure(errors.lostConnection());
    }
  }

  /** It gets none. */
  fail(group: Hostgroup, waiting: Waiting, error: ProtocolError): void {
    this.#counters.ConnPool_get_conn_failure += 1;
    this.remove(group, waiting);
    waiting.request.onFailure(error);
  }

  /** The request is over. */
  remove(group: Hostgroup, waiting: Waiting): void {
    waiting.over = true;
    const index = group.waiting.indexOf(waiting);
    if (index >= 0) group.waiting.splice(index, 1);
    if (group.waiting.length === 0) for (const server of group.servers) server.needsNoMore();
  }

  #noteLagWait({ sinceMs }: Waiting): void {
    this.#counters.queries_with_max_lag_ms__delayed += 1;
    this.#counters.queries_with_max_lag_ms__total_wait_time_us += (this.#clock.nowMs() - sinceMs) * 1000;
  }
}
