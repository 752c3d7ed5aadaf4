/**
 * What does a statement leave on its connection, and for how long is the connection kept for it? Pins before it is sent,
 * as if it will succeed; what its answer tells takes some of them back, and says whether the next statements may ask for
 * its warnings, row count or insert id. Whether a connection is kept is for leases.ts to decide.
 */
import type { BackendConnection } from '../../backend/backend-connection.ts';
import { withSchema } from '../../backend/mirrored-state.ts';
import { SessionEffect, type StatementFacts } from '../../sql/facts.ts';
import { NEXT_TRANSACTION_PIN, NO_MULTIPLEX_PIN, pinsOf } from '../leases.ts';
import { schemaAfter } from '../schema-changes.ts';
import type { Statement } from '../statement.ts';
import type { LaneMembership } from './lane-membership.ts';
import type { OverwrittenDiagnostics } from './overwritten-diagnostics.ts';
import type { RunOwner } from './run-owner.ts';
import type { StatementOutcome } from './statement-outcome.ts';

/** Reads the last insert id, or may read or set it in what cannot be seen. */
export const INSERT_ID_EFFECTS =
  SessionEffect.LAST_INSERT_ID | SessionEffect.CALL | SessionEffect.SQL_PREPARE | SessionEffect.OPAQUE;

/** Asks for what the statement before left. */
export const ASKS_BACK = SessionEffect.WARNINGS | SessionEffect.ROW_COUNT;

const SYNTAX_ERROR = 1064;

export class StatementEffects {
  readonly #owner: RunOwner;
  readonly #lane: LaneMembership;
  readonly #diagnostics: OverwrittenDiagnostics;
  /** Pins that the statement at work brought, and takes along when it turns out to have done nothing. */
  #newPins = 0;

  constructor(owner: RunOwner, lane: LaneMembership, diagnostics: OverwrittenDiagnostics) {
    this.#owner = owner;
    this.#lane = lane;
    this.#diagnostics = diagnostics;
  }

  /** The statement is about to be sent on a connection of its session's own. */
  pin(connection: BackendConnection, statement: Statement): void {
    const pins = pinsOf(statement, this.#owner.variables.multiplexing);
    this.#newPins = pins & ~connection.pins;
    connection.pins |= pins;
    if (statement.decision.multiplex === 1) connection.pins &= ~NO_MULTIPLEX_PIN;
  }

  /** The statement was answered. */
  note(connection: BackendConnection, statement: Statement, outcome: StatementOutcome): void {
    const { leases } = this.#owner;
    leases.lastHostgroup = statement.hostgroup;
    if (!outcome.ok || outcome.warnings > 0) connection.foreignDiagnostics = false;
    if (statement.command === 'prepare' || statement.command === 'fetch') return;
    const { effects } = statement.facts;
    if (connection.inTransaction) connection.pins &= ~NEXT_TRANSACTION_PIN;
    const knowsInsertId = (effects & INSERT_ID_EFFECTS) !== 0;
    // An id that an INSERT was told to use is in its OK, but is not what LAST_INSERT_ID() says.
    if (knowsInsertId) leases.insertIdAt = connection;
    else if (outcome.lastInsertId !== 0 && leases.insertIdAt !== connection) leases.insertIdAt = undefined;
    if (outcome.ok && (effects & SessionEffect.UNLOCK_TABLES) !== 0) connection.pins &= ~SessionEffect.LOCK_TABLES;
    if (!outcome.ok && didNothing(statement.facts, outcome.errorCode)) connection.pins &= ~this.#newPins;
    this.#newPins = 0;
    if ((effects & (SessionEffect.SCHEMA | SessionEffect.DROP_SCHEMA)) !== 0)
      this.#noteSchema(connection, statement, outcome.ok);
    // What was asked for stays as it is; on a lane nothing of the session's is kept.
    if ((effects & ASKS_BACK) !== 0 || this.#lane.onLane) return;
    this.#linger(connection, outcome, knowsInsertId || this.#diagnostics.replaying);
  }

  /** The statement has entered or dropped schemas itself. */
  #noteSchema(connection: BackendConnection, statement: Statement, ok: boolean): void {
    const { state } = connection;
    connection.state = withSchema(state, schemaAfter(state.schema, statement, this.#owner.state, ok));
  }

  /** mysql-auto_increment_delay_multiplex statements after the one that made an id, unless another one comes before. */
  #linger(connection: BackendConnection, outcome: StatementOutcome, askedFor: boolean): void {
    const mayBeAskedFor = askedFor || !outcome.ok || outcome.warnings > 0 || outcome.rowsAffected > 0;
    const kept = Math.max(mayBeAskedFor ? 1 : 0, connection.lingerStatements - 1);
    const delayed =
      outcome.lastInsertId === 0 ? kept : Math.max(kept, this.#owner.variables.autoIncrementDelayMultiplex);
    if (delayed > 0) this.#owner.leases.linger(connection, delayed);
    else connection.lingerStatements = 0;
  }
}

/** A SET that failed has set nothing, and a text that no server could read did nothing at all. */
function didNothing(facts: StatementFacts, errorCode: number): boolean {
  return !facts.multiStatement && (facts.kind === 'set' || errorCode === SYNTAX_ERROR);
}
