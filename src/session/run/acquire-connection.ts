/**
 * How does a statement get its connection? The one its session holds in the hostgroup, else a lane or a free connection,
 * else it waits: the pool calls back, or gives up at its deadline. It decides where a statement asks, not who is served
 * first (hostgroup/), and does nothing with what it gets.
 *
 *   held? ─▶ (may share) lane or free ─▶ (else) free ─▶ request … connection | failure | cancelled
 */
import type { BackendConnection } from '../../backend/backend-connection.ts';
import { canReachSchema } from '../../backend/backend-sync.ts';
import type { ConnectionWish, Server } from '../../hostgroup/server.ts';
import { errors, type ProtocolError } from '../../protocol/errors.ts';
import type { Statement } from '../statement.ts';
import type { CausalReads } from './causal-reads.ts';
import type { ConnectionSync } from './connection-sync.ts';
import type { RunOwner } from './run-owner.ts';
import { ASKS_BACK } from './statement-effects.ts';

/** Who needs the connection; hears of exactly one of these for each `acquire` that is not cancelled. */
export interface ConnectionSeeker {
  /** It is this session's alone. */
  haveConnection(connection: BackendConnection): void;
  /** Others' statements are under way on it. */
  haveLane(connection: BackendConnection): void;
  noConnection(error: ProtocolError): void;
}

export class Acquisition {
  readonly #owner: RunOwner;
  readonly #causal: CausalReads;
  readonly #sync: ConnectionSync;
  readonly #seeker: ConnectionSeeker;
  #cancelRequest: (() => void) | undefined;

  constructor(owner: RunOwner, causal: CausalReads, sync: ConnectionSync, seeker: ConnectionSeeker) {
    this.#owner = owner;
    this.#causal = causal;
    this.#sync = sync;
    this.#seeker = seeker;
  }

  /**
   * Finds a connection, now or later.
   * @param shares the statement may run on a lane
   * @param lost with it the statement was lost; if it cannot run again at once, that is the client's answer
   */
  acquire(statement: Statement, shares: boolean, lost: BackendConnection | undefined): void {
    const { leases, hostgroups } = this.#owner;
    this.#causal.begin(statement);
    const held = leases.find(statement.hostgroup);
    if (held !== undefined && !this.#causal.leave(held) && !this.#leaveSchema(held, statement)) {
      // A server that was taken out of service finishes nothing more, transactions included.
      if ((held.home as Server).status === 'OFFLINE_HARD' && held.idle) held.destroy();
      if (!held.lost) return this.#seeker.haveConnection(held);
      leases.forget(held);
      if (!held.clean) return this.#seeker.noConnection(held.lostError ?? errors.lostConnection());
    }
    const wish = this.#wishOf(statement);
    if (shares && lost === undefined) {
      const connection = hostgroups.takeLane(statement.hostgroup, wish);
      if (connection?.lane === true) return this.#seeker.haveLane(connection);
      if (connection !== undefined) return this.#seeker.haveConnection(connection);
      // Asking another time after takeLane would draw another server, one that has something free: shares would be wrong.
    } else {
      const free = hostgroups.take(statement.hostgroup, wish);
      if (free !== undefined) return this.#seeker.haveConnection(free);
    }
    this.#request(statement, wish, lost);
  }

  /** Nobody waits any more. */
  cancel(): void {
    this.#cancelRequest?.();
    this.#cancelRequest = undefined;
  }

  /** Gives back a connection that is only kept just in case, and cannot be brought to having no schema. */
  #leaveSchema(held: BackendConnection, statement: Statement): boolean {
    const schema = statement.prepared?.schema ?? this.#owner.state.schema;
    if (canReachSchema(held.state, schema) || (statement.facts.effects & ASKS_BACK) !== 0) return false;
    return this.#owner.leases.letGo(held);
  }

  #request(statement: Statement, wish: ConnectionWish, lost: BackendConnection | undefined): void {
    let answered = false;
    const cancel = this.#owner.hostgroups.request({
      hostgroup: statement.hostgroup,
      user: this.#owner.backendUser,
      wish,
      after: lost,
      onConnection: (connection) => {
        answered = true;
        this.#cancelRequest = undefined;
        this.#seeker.haveConnection(connection);
      },
      onFailure: (error) => {
        answered = true;
        this.#cancelRequest = undefined;
        this.#seeker.noConnection(lost?.lostError ?? error);
      },
    });
    // What was answered at once may have led to the next request.
    if (!answered) this.#cancelRequest = cancel;
  }

  #wishOf(statement: Statement): ConnectionWish {
    const { shape, backendUser } = this.#owner;
    const wanted = this.#sync.wantedState(statement);
    return {
      username: backendUser.username,
      shape: this.#causal.tracks(statement.hostgroup) ? this.#causal.trackingShape(shape) : shape,
      sees: this.#causal.sees,
      stateKey: wanted.key,
      schemaless: wanted.schema === '',
      fresh: statement.decision.createNewConnection,
    };
  }
}
