/**
 * What is set on a connection right before a statement? Whatever its session has set elsewhere: schema, character set and
 * variables (backend-sync plans the difference), SETs that can only be said again, the last insert id, the row count,
 * SET TRANSACTION. Owns the steps that are still to be sent. Nobody but this file sees their answers.
 *
 *   plan ─▶ sendNext ─▶ (answer) stepDone ─▶ sendNext … ─▶ reached
 */
import type { AnswerOwner, BackendConnection } from '../../backend/backend-connection.ts';
import {
  announces,
  canReachSchema,
  planSync,
  type SyncStep,
  stepAnswer,
  stepFrame,
  stepsInstead,
} from '../../backend/backend-sync.ts';
import { type MirroredState, SCHEMA_OF_EVERY_SERVER, withSchema } from '../../backend/mirrored-state.ts';
import type { Server } from '../../hostgroup/server.ts';
import { Capability } from '../../protocol/capabilities.ts';
import { errors, type ProtocolError } from '../../protocol/errors.ts';
import type { ResponseWalker } from '../../protocol/response-walker.ts';
import { StatusFlag } from '../../protocol/status-flags.ts';
import { SessionEffect } from '../../sql/facts.ts';
import { NEXT_TRANSACTION_PIN } from '../leases.ts';
import type { Statement } from '../statement.ts';
import { type CausalReads, trackingLike } from './causal-reads.ts';
import type { RunOwner } from './run-owner.ts';
import { INSERT_ID_EFFECTS } from './statement-effects.ts';

export class ConnectionSync {
  /** What the last statement of ours before the client's warned of. */
  warnings = 0;
  readonly #owner: RunOwner;
  readonly #causal: CausalReads;
  #steps: SyncStep[] = [];
  /** What the connection at work looks like after the steps. */
  #target!: MirroredState;
  /** What ROW_COUNT() says once the connection is another one: 0 after a statement without rows, otherwise -1. */
  #rowCountIsZero = false;

  constructor(owner: RunOwner, causal: CausalReads) {
    this.#owner = owner;
    this.#causal = causal;
  }

  /** What the connection has to look like: a prepared statement runs in the schema it was prepared in. */
  wantedState({ prepared, hostgroup }: Statement): MirroredState {
    const { state } = this.#owner;
    const wanted = prepared === undefined ? state : withSchema(state, prepared.schema);
    return this.#causal.tracks(hostgroup) ? this.#causal.trackingState(wanted) : wanted;
  }

  /** What another connection would have been told is nothing to this one. @param heldBefore by the session */
  plan(connection: BackendConnection, statement: Statement, heldBefore: boolean): void {
    let wanted = this.wantedState(statement);
    if (connection.state.key !== wanted.key && connection.inTransaction && statement.stateOnly !== true)
      wanted = trackingLike(wanted, connection.state);
    // It holds what the session needs, and cannot leave its schema for none. Here a name without a schema does no harm.
    if (!canReachSchema(connection.state, wanted.schema)) wanted = withSchema(wanted, SCHEMA_OF_EVERY_SERVER);
    this.#target = wanted;
    if (connection.state.key === wanted.key) this.clear();
    else this.#steps = planSync(connection.state, wanted, connection);
    if (((connection.shape ^ this.#owner.shape) & Capability.MULTI_STATEMENTS) !== 0) this.#followOption(connection);
    if (statement.command !== 'fetch') this.#addSets(connection);
    if (statement.command !== 'fetch' && statement.command !== 'prepare')
      this.#addWhatItAsks(statement, connection, heldBefore);
  }

  /** Sends the next step; false when there is none left and the connection is as it has to be. */
  sendNext(connection: BackendConnection, owner: AnswerOwner): boolean {
    const step = this.#steps[0];
    if (step === undefined) {
      connection.state = this.#target;
      return false;
    }
    (connection.home as Server).noteSyncStep(step);
    connection.send(stepFrame(step), stepAnswer(step), owner);
    return true;
  }

  /** A step was answered. @returns the step, when the server refused it and nothing else can be said instead */
  stepDone(connection: BackendConnection, walker: ResponseWalker): SyncStep | undefined {
    const step = this.#steps.shift();
    if (step === undefined) return undefined;
    if (walker.ended === 'error') {
      const instead = stepsInstead(step, walker.errorCode);
      if (instead === undefined) return step;
      this.#steps.unshift(...instead);
      return undefined;
    }
    this.warnings = walker.warnings;
    connection.state = step.reached;
    // ProxySQL asks servers to tell, and clients can see that they did.
    if (this.#owner.likeProxysql && connection.offersSessionTrack && announces(step))
      connection.statusFlags |= StatusFlag.SESSION_STATE_CHANGED;
    if (step.kind === 'set-option') connection.shape = (connection.shape ^ Capability.MULTI_STATEMENTS) >>> 0;
    return undefined;
  }

  /** What the client is told of a refused step. */
  errorOf(step: SyncStep, statement: Statement, { home }: BackendConnection, walker: ResponseWalker): ProtocolError {
    const error = walker.error ?? errors.lostConnection();
    // A SET may be to blame itself: what it says is mirrored before it is sent.
    if (step.kind !== 'set' || statement.facts.kind === 'set' || this.#owner.likeProxysql) return error;
    // Another server took the SET, or nobody was asked: the statement itself is not to blame.
    return errors.stateRefused(error.code, error.sqlState, error.message, home.hostgroup);
  }

  /** A statement of the client's was answered: another connection would not know of its row count. */
  noteAnswer(walker: ResponseWalker): void {
    this.#rowCountIsZero = walker.ended === 'ok';
  }

  /** Nothing more is to be set. */
  clear(): void {
    if (this.#steps.length > 0) this.#steps = [];
  }

  /** COM_SET_OPTION came while this connection was held: it is the one part of a shape that a login does not fix. */
  #followOption(connection: BackendConnection): void {
    const multiStatements = (this.#owner.shape & Capability.MULTI_STATEMENTS) !== 0;
    this.#steps.unshift({ kind: 'set-option', multiStatements, reached: connection.state });
  }

  /** SETs of the session that the proxy can only repeat, as far as the connection has not seen them. */
  #addSets(connection: BackendConnection): void {
    const reached = this.#target;
    for (const sql of this.#owner.unmirroredSets.takeFor(connection)) {
      this.#steps.push({ kind: 'set', assignments: [sql.replace(/^.*?\bSET\s/is, '')], reached });
      connection.pins |= SessionEffect.SESSION_VARIABLE;
    }
  }

  /** What this very statement may ask for or use up: row count, insert id, warnings, the next transaction. */
  #addWhatItAsks(statement: Statement, connection: BackendConnection, heldBefore: boolean): void {
    const reached = this.#target;
    const { effects } = statement.facts;
    if (!heldBefore && (effects & (SessionEffect.ROW_COUNT | SessionEffect.FOUND_ROWS)) !== 0) {
      // The counts that another session's statement left there are none of this one's business.
      const rowCountIsZero = this.#rowCountIsZero && (effects & SessionEffect.FOUND_ROWS) === 0;
      this.#steps.push({ kind: 'query', sql: rowCountIsZero ? 'DO 0' : 'SELECT 1', reached });
    }
    if ((effects & INSERT_ID_EFFECTS) !== 0 && this.#owner.leases.insertIdAt !== connection) {
      // The id belongs to the session, wherever its INSERT ran.
      this.#steps.push({ kind: 'query', sql: `SET SESSION last_insert_id = ${this.#owner.lastInsertId}`, reached });
    }
    if ((effects & SessionEffect.WARNINGS) !== 0 && connection.foreignDiagnostics) {
      // What another session left there is none of this one's business; only a statement with a table clears it.
      this.#steps.push({ kind: 'query', sql: 'DO (SELECT 1 FROM (SELECT 1) AS one)', reached });
      connection.foreignDiagnostics = false;
    }
    if (connection.inTransaction) return;
    for (const sql of this.#owner.takeNextTransaction()) {
      this.#steps.push({ kind: 'query', sql, reached });
      connection.pins |= NEXT_TRANSACTION_PIN;
    }
  }
}
