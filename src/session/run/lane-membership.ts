/**
 * How does a statement share a connection with others'? It joins a lane or opens one, and leaves it: with its answer, by
 * making the lane its session's own connection, or by asking elsewhere. Owns whether the statement at work may share and
 * whether it does. sharing.ts decides who may; hostgroup/ knows which lanes there are.
 *
 *   admit ─▶ join | enter ─▶ leave (answered) | slipOut, makeOwn (killed, slow client) | part (moved, lost)
 */
import type { AnswerOwner, BackendConnection } from '../../backend/backend-connection.ts';
import { whyNotShared } from '../sharing.ts';
import type { Statement } from '../statement.ts';
import type { OverwrittenDiagnostics } from './overwritten-diagnostics.ts';
import type { RunOwner } from './run-owner.ts';

export class LaneMembership {
  /** The statement may queue with others' on one connection; see sharing.ts. */
  shares = false;
  /** It does: the connection is a lane and not this session's. */
  onLane = false;
  readonly #owner: RunOwner;

  readonly #diagnostics: OverwrittenDiagnostics;

  constructor(owner: RunOwner, diagnostics: OverwrittenDiagnostics) {
    this.#owner = owner;
    this.#diagnostics = diagnostics;
  }

  /** A statement begins. One that runs once more has to be on a connection of its session's own. */
  admit(statement: Statement): void {
    if (this.#diagnostics.replaying) {
      this.shares = false;
      return;
    }
    const why = whyNotShared(this.#owner, statement);
    if (why !== undefined) this.#owner.counters[why] += 1;
    this.shares = why === undefined;
  }

  /** It queues behind other sessions' statements. */
  join(connection: BackendConnection): void {
    const { counters } = this.#owner;
    this.onLane = true;
    counters.Sluice_pipelining_joined += 1;
    if (connection.depth >= counters.Sluice_pipelining_depth_max)
      counters.Sluice_pipelining_depth_max = connection.depth + 1;
  }

  /**
   * It is about to be sent: a connection that is no lane yet becomes one. False when it may not share, or the
   * connection's server is not to have several statements at once.
   */
  enter(connection: BackendConnection): boolean {
    if (!this.shares) return false;
    const { leases, hostgroups, counters } = this.#owner;
    if (!this.onLane) {
      if (!hostgroups.openLane(connection)) {
        counters.Sluice_pipelining_not_probed += 1;
        return false;
      }
      this.onLane = true;
      leases.forget(connection);
    }
    counters.Sluice_pipelining_statements += 1;
    return true;
  }

  /** From now on the lane is this session's connection: nobody joins, those behind the statement ask elsewhere. */
  makeOwn(connection: BackendConnection): void {
    const { hostgroups, leases, counters } = this.#owner;
    hostgroups.closeLane(connection);
    connection.shared = false;
    this.onLane = false;
    leases.hold(connection);
    counters.Sluice_pipelining_moved += connection.moveOthers();
  }

  /** Its answer comes from elsewhere, if at all. */
  part(): void {
    this.onLane = false;
  }

  /**
   * Leaves when the server has not begun with it, or nobody knows: what it answers is swallowed, and others are not
   * disturbed. False when it is the one that the server is at.
   */
  slipOut(connection: BackendConnection, owner: AnswerOwner): boolean {
    if (connection.heads(owner)) return false;
    connection.detach(owner);
    return true;
  }

  /** It was answered. The last one gives the lane back; behind another's nobody can ask any more for what this one left. */
  leave(connection: BackendConnection, statement: Statement, mayBeAskedFor: boolean): void {
    if (connection.idle) this.giveBack(connection, mayBeAskedFor);
    else if (mayBeAskedFor) this.#diagnostics.remember(statement);
  }

  /** Nothing is under way on it any more: it goes back as any connection, unless somebody may ask for what was left. */
  giveBack(connection: BackendConnection, mayBeAskedFor: boolean): void {
    const { leases, hostgroups } = this.#owner;
    if (mayBeAskedFor) leases.linger(connection, 1);
    hostgroups.closeLane(connection);
    connection.shared = false;
    leases.hold(connection);
    leases.settle(connection);
  }
}
