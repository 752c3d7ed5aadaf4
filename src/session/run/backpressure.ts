/**
 * Who is not read from, and why? A server while the client does not keep up or has had its share of bytes for now; the
 * client while the server does not keep up. Owns who is paused because of the statement at work, and resumes them when it
 * is over at the latest.
 */
import type { BackendConnection } from '../../backend/backend-connection.ts';
import type { Statement } from '../statement.ts';
import type { Throttle } from '../throttle.ts';
import type { LaneMembership } from './lane-membership.ts';
import type { RunOwner } from './run-owner.ts';
import type { StatementKill } from './statement-kill.ts';

/** Bytes of answers on a lane that are kept for a client which does not read, before others have to leave the lane. */
export const unreadOnLaneBytesMax = 256 * 1024;

export class Backpressure {
  readonly #owner: RunOwner;
  readonly #lane: LaneMembership;
  readonly #kill: StatementKill;
  /** Not read from because of the client. */
  #pausedConnection: BackendConnection | undefined;
  /** Set while clients get only so many bytes in a second. */
  #throttle: Throttle | undefined;
  /** The statement whose client has had its share for now; `#pausedConnection` is paused for that. */
  #throttled: Statement | undefined;
  /** Not read from because the server does not keep up. */
  #clientPaused = false;

  constructor(owner: RunOwner, lane: LaneMembership, kill: StatementKill) {
    this.#owner = owner;
    this.#lane = lane;
    this.#kill = kill;
  }

  /** A statement begins, under whatever limit of bytes there is now. */
  begin(): void {
    this.#throttle = this.#owner.throttle;
  }

  /** Bytes of the statement's answer are about to go to the client: mysql-throttle_max_bytes_per_second_to_client. */
  meter(bytes: number, statement: Statement, connection: BackendConnection): void {
    if (this.#throttle !== undefined) this.#pauseAfter(bytes, statement, connection, this.#throttle);
  }

  #pauseAfter(bytes: number, statement: Statement, connection: BackendConnection, throttle: Throttle): void {
    const waitMs = throttle.note(bytes, this.#owner.variables.throttleMaxBytesPerSecondToClient);
    if (waitMs === 0 || this.#pausedConnection !== undefined || this.#kill.underWay) return;
    if (this.#lane.onLane) this.#lane.makeOwn(connection);
    this.#throttled = statement;
    this.#pausedConnection = connection;
    connection.pause();
    throttle.after(waitMs, () => {
      if (this.#throttled === statement) this.#resumeConnection();
    });
  }

  /** The client does not keep up: no more from the server until it does. */
  clientIsFull(connection: BackendConnection): void {
    if (this.#pausedConnection !== undefined) return;
    const { client } = this.#owner;
    if (this.#lane.onLane) {
      // A client that does not read must not hold up those behind it.
      if (connection.depth > 1 && client.socket.writableLength < unreadOnLaneBytesMax) return;
      this.#lane.makeOwn(connection);
    }
    this.#pausedConnection = connection;
    connection.pause();
    client.onceDrained(() => this.#resumeConnection());
  }

  /** The server does not keep up: no more from the client until it does, or until the statement is over. */
  serverIsFull(connection: BackendConnection): void {
    this.#clientPaused = true;
    this.#owner.client.socket.pause();
    connection.onceDrained(() => this.#resumeClient());
  }

  /** The statement is being ended: what is left of its answer goes out as fast as it can. */
  endThrottling(): void {
    if (this.#throttled !== undefined) this.#resumeConnection();
  }

  /** The statement is over. */
  release(): void {
    this.#resumeConnection();
    this.#resumeClient();
  }

  #resumeConnection(): void {
    this.#pausedConnection?.resume();
    this.#pausedConnection = undefined;
    this.#throttled = undefined;
  }

  #resumeClient(): void {
    if (!this.#clientPaused) return;
    this.#clientPaused = false;
    this.#owner.client.socket.resume();
  }
}
