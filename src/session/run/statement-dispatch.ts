/**
 * How does a statement get to its server, once it has a connection? Statements of ours bring the connection to its
 * session's state, a prepared statement is prepared there if it is not yet, then the client's own packet goes out. Moves
 * the run from phase to phase until then, and takes the answers to what it has sent itself; it waits for nobody.
 *
 *   onConnection ─▶ syncing* ─┬─▶ preparing? ─▶ relaying
 *   onLane ───────────────────┘
 */
import type { AnswerOwner, BackendConnection } from '../../backend/backend-connection.ts';
import type { Server } from '../../hostgroup/server.ts';
import { commandFrame } from '../../protocol/command-frame.ts';
import { Command } from '../../protocol/commands.ts';
import { errors, type ProtocolError } from '../../protocol/errors.ts';
import type { ResponseWalker } from '../../protocol/response-walker.ts';
import { answerKindOf } from '../prepared-statements.ts';
import type { Statement } from '../statement.ts';
import { serverFrameOf } from '../statement-frames.ts';
import type { AnswerRelay } from './answer-relay.ts';
import type { Backpressure } from './backpressure.ts';
import type { CausalReads } from './causal-reads.ts';
import type { ConnectionSync } from './connection-sync.ts';
import type { LaneMembership } from './lane-membership.ts';
import type { RunOwner } from './run-owner.ts';
import { addressTo, rememberForExecute, serverIdOf } from './server-statements.ts';
import type { StatementEffects } from './statement-effects.ts';
import { outcomeOf, type StatementOutcome, stateOutcome } from './statement-outcome.ts';
import { StatementRoom, TOO_MANY_STATEMENTS } from './statement-room.ts';

/** How far a run has come. */
export type Phase = 'idle' | 'waiting-for-backend' | 'syncing' | 'preparing' | 'relaying' | 'awaiting-kill';

/** Whose statement it is: the run, which also owns all answers. */
export interface DispatchOwner extends AnswerOwner {
  phase: Phase;
  /** The connection is in the session's state, and that was all. */
  stateReached(connection: BackendConnection, statement: Statement, outcome: StatementOutcome): void;
  /** A statement of ours was refused, and the client's is not sent. */
  refused(connection: BackendConnection, statement: Statement, walker: ResponseWalker, error: ProtocolError): void;
}

/** What the statement's way touches; see the files of these parts. */
export interface DispatchParts {
  readonly sync: ConnectionSync;
  readonly causal: CausalReads;
  readonly lane: LaneMembership;
  readonly effects: StatementEffects;
  readonly relay: AnswerRelay;
  readonly backpressure: Backpressure;
}

export class StatementDispatch {
  readonly #owner: RunOwner;
  readonly #run: DispatchOwner;
  readonly #sync: ConnectionSync;
  readonly #causal: CausalReads;
  readonly #lane: LaneMembership;
  readonly #effects: StatementEffects;
  readonly #relay: AnswerRelay;
  readonly #backpressure: Backpressure;
  #room: StatementRoom | undefined;

  constructor(owner: RunOwner, run: DispatchOwner, parts: DispatchParts) {
    this.#owner = owner;
    this.#run = run;
    this.#sync = parts.sync;
    this.#causal = parts.causal;
    this.#lane = parts.lane;
    this.#effects = parts.effects;
    this.#relay = parts.relay;
    this.#backpressure = parts.backpressure;
  }

  /** On a connection that is the session's alone from now on. */
  onConnection(connection: BackendConnection, statement: Statement): void {
    const { leases } = this.#owner;
    const heldBefore = leases.held.includes(connection);
    leases.hold(connection);
    this.#sync.plan(connection, statement, heldBefore);
    this.#syncOn(connection, statement);
  }

  /** Behind other sessions' statements, on a connection that needs nothing else. */
  onLane(connection: BackendConnection, statement: Statement): void {
    this.#lane.join(connection);
    this.#prepareOrSend(connection, statement);
  }

  /** A step of the synchronisation was answered. */
  syncStepDone(connection: BackendConnection, statement: Statement, walker: ResponseWalker): void {
    const refused = this.#sync.stepDone(connection, walker);
    if (refused === undefined) return this.#syncOn(connection, statement);
    const error = this.#sync.errorOf(refused, statement, connection, walker);
    if (statement.stateOnly === true) this.#effects.note(connection, statement, outcomeOf(walker));
    this.#run.refused(connection, statement, walker, error);
  }

  /** The PREPARE before an EXECUTE was answered. */
  prepareDone(connection: BackendConnection, statement: Statement, walker: ResponseWalker): void {
    const { prepared } = statement;
    if (this.prepareAgain(connection, statement, walker)) return;
    if (walker.ended === 'error' || prepared === undefined)
      return this.#run.refused(connection, statement, walker, walker.error ?? errors.lostConnection());
    rememberForExecute(this.#owner, connection, statement, prepared, walker.statementId);
    this.#execute(connection, statement, walker.statementId);
  }

  /** A PREPARE was refused because the server has too many statements: it is sent again, if that may help. */
  prepareAgain(connection: BackendConnection, statement: Statement, walker: ResponseWalker): boolean {
    if (walker.ended !== 'error' || walker.errorCode !== TOO_MANY_STATEMENTS) return false;
    this.#room ??= new StatementRoom(this.#owner);
    if (!this.#room.make(connection, statement)) return false;
    this.#prepareOrSend(connection, statement);
    return true;
  }

  #syncOn(connection: BackendConnection, statement: Statement): void {
    this.#run.phase = 'syncing';
    if (this.#sync.sendNext(connection, this.#run)) return;
    if (statement.stateOnly !== true) return this.#prepareOrSend(connection, statement);
    // A value that was cut to a limit: the client is told of it, and may ask.
    const outcome = stateOutcome(this.#sync.warnings);
    if (outcome.warnings > 0) this.#effects.note(connection, statement, outcome);
    this.#run.stateReached(connection, statement, outcome);
  }

  #prepareOrSend(connection: BackendConnection, statement: Statement): void {
    const { prepared } = statement;
    if (prepared === undefined) return this.#send(connection, statement);
    const serverId = serverIdOf(this.#owner, connection, statement, prepared);
    if (serverId !== undefined) return this.#execute(connection, statement, serverId);
    this.#run.phase = 'preparing';
    const text = statement.sentText ?? prepared.text;
    connection.send(commandFrame(Command.COM_STMT_PREPARE, text), 'prepare', this.#run);
  }

  #execute(connection: BackendConnection, statement: Statement, serverId: number): void {
    addressTo(connection, statement, serverId);
    this.#send(connection, statement);
  }

  #send(connection: BackendConnection, statement: Statement): void {
    this.#run.phase = 'relaying';
    const onLane = this.#lane.enter(connection);
    if (!onLane) this.#effects.pin(connection, statement);
    (connection.home as Server).noteQuery();
    this.#causal.noteSent(connection);
    const kind = answerKindOf(statement);
    this.#relay.begin(connection, kind);
    const taken = connection.send(serverFrameOf(statement), kind, this.#run, statement);
    if (!taken && !onLane) this.#backpressure.serverIsFull(connection);
  }
}
