/**
 * Does the statement see what it has to see? Writes of its own session (gtid_from_hostgroup) or what its comment asks for:
 * owns the session's last write in each hostgroup, what the statement at work has to see, and the session state by which
 * servers tell the ids of transactions. sight.ts says what a statement has to see, gtid/ what each server has executed.
 */
import type { BackendConnection } from '../../backend/backend-connection.ts';
import { type ConnectionState, type MirroredState, withVariables } from '../../backend/mirrored-state.ts';
import { type GtidSet, parseGtidSet } from '../../gtid/gtid-set.ts';
import type { Server, Sight } from '../../hostgroup/server.ts';
import { Capability } from '../../protocol/capabilities.ts';
import { sightOf } from '../sight.ts';
import type { Statement } from '../statement.ts';
import type { RunOwner } from './run-owner.ts';

/** By it MySQL tells the id of each transaction with its OK. */
const TRACKING = ['session_track_gtids', "'OWN_GTID'"] as const;

export class CausalReads {
  /** What the statement at work has to see; undefined: any server will do. */
  sees: Sight | undefined;
  readonly #owner: RunOwner;
  /** The session's last write, by hostgroup. */
  #written: Map<number, GtidSet> | undefined;
  #tracked: { readonly of: MirroredState; readonly state: MirroredState } | undefined;

  constructor(owner: RunOwner) {
    this.#owner = owner;
  }

  /** The session begins anew: nothing of what it wrote has to be seen. */
  forget(): void {
    this.#written = undefined;
  }

  /** A statement needs a connection. */
  begin(statement: Statement): void {
    this.sees = sightOf(statement, this.#written, this.#owner);
  }

  /**
   * Gives back a held connection whose server may not have executed what the statement has to see; false when the
   * statement runs there: it has been executed, or the session cannot leave.
   */
  leave(held: BackendConnection): boolean {
    if (this.sees === undefined || this.#owner.hostgroups.shows(held, this.sees)) return false;
    if (this.#owner.leases.letGo(held)) return true;
    this.sees = undefined;
    return false;
  }

  /** Some rule wants to know what the session writes in that hostgroup. */
  tracks(hostgroup: number): boolean {
    const { gtidSources } = this.#owner;
    return gtidSources.size !== 0 && gtidSources.has(hostgroup);
  }

  /** The shape of a connection that tells what is written. */
  trackingShape(shape: number): number {
    return (shape | Capability.SESSION_TRACK) >>> 0;
  }

  /** The state of a connection that tells what is written. */
  trackingState(state: MirroredState): MirroredState {
    if (this.#tracked?.of !== state) this.#tracked = { of: state, state: withVariables(state, [TRACKING]) };
    return this.#tracked.state;
  }

  /** The statement at work goes to a server that was chosen for what it has executed. */
  noteSent(connection: BackendConnection): void {
    if (this.sees?.gtids === undefined) return;
    this.#owner.counters.GTID_consistent_queries += 1;
    (connection.home as Server).noteGtidSync();
  }

  /** What reads after this write have to see. @param text as the server's OK told it */
  noteWritten({ home }: BackendConnection, text: string): void {
    if (!this.#owner.gtidSources.has(home.hostgroup)) return;
    const gtids = parseGtidSet(text);
    if (gtids === undefined || gtids.empty) return;
    this.#written ??= new Map();
    this.#written.set(home.hostgroup, gtids);
    this.#owner.counters.GTID_session_collected += 1;
  }
}

/** Within a transaction a server does not take it: what the connection tells stays as it is. */
export function trackingLike(wanted: MirroredState, actual: ConnectionState): MirroredState {
  const [name] = TRACKING;
  return withVariables(wanted, [[name, actual.variables.get(name) ?? 'DEFAULT']]);
}
