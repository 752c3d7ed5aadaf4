/**
 * Counts the refusals of each user, logs them, and slows down who is refused again and again: that may be an attack. It
 * refuses nothing itself.
 */
import type { Logger } from '../../observe/logger.ts';
import type { Clock } from '../../util/clock.ts';

/** How long the answer to a refused statement waits once its user was refused too often, in ms. */
export const refusalDelayMs = 1_000;

/** Users whose refusals are counted at a time; of more, the one refused longest ago is forgotten. */
export const refusedUsersMax = 10_000;

const MINUTE_MS = 60_000;

interface Minute {
  startedMs: number;
  refusals: number;
  /** The possible attack was logged. */
  reported: boolean;
}

export interface RefusedStatement {
  readonly username: string;
  readonly code: string;
  /** Of the column, where it can be named. Never a text of the statement: it may hold what it asks for. */
  readonly message: string;
  readonly digest: string;
  readonly client: string;
}

export class Refusals {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #byUser = new Map<string, Minute>();

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Notes a refusal; returns how long its answer is to wait, in ms. */
  note(statement: RefusedStatement, perMinuteMax: number): number {
    const { username } = statement;
    const nowMs = this.#clock.nowMs();
    let minute = this.#byUser.get(username);
    if (minute === undefined || nowMs - minute.startedMs >= MINUTE_MS) {
      minute = { startedMs: nowMs, refusals: 0, reported: false };
      this.#byUser.delete(username);
      this.#byUser.set(username, minute);
      if (this.#byUser.size > refusedUsersMax) {
        const [oldest] = this.#byUser.keys();
        if (oldest !== undefined) this.#byUser.delete(oldest);
      }
    }
    minute.refusals += 1;
    if (minute.refusals <= perMinuteMax) {
      this.#logger.info(statement, 'masking refused a statement');
      return 0;
    }
    if (!minute.reported) {
      minute.reported = true;
      this.#logger.warn(
        { ...statement, refusals: minute.refusals },
        'possible attack: masking refuses this user again and again; further refusals of this minute are delayed and not logged',
      );
    }
    return refusalDelayMs;
  }
}
