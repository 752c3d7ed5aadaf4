/**
 * How far is the statement at work? A session's statements run one at a time: connection, sync, prepare where needed,
 * send, relay. Owns the phase, the statement and its connection, and hears what becomes of answers; each of its parts owns
 * what one question is about. It decides nothing about rules or hostgroups (session.ts did).
 *
 *   idle ─▶ waiting-for-backend ─▶ syncing* ─▶ preparing? ─▶ relaying ─▶ awaiting-kill? ─▶ idle
 *                ▲                     │            │            │
 *                └── lost, moved ──────┴────────────┴────────────┘
 */
import { performance } from 'node:perf_hooks';
import type { BackendConnection } from '../../backend/backend-connection.ts';
import { errors, type ProtocolError } from '../../protocol/errors.ts';
import type { ResponseWalker } from '../../protocol/response-walker.ts';
import { SessionEffect } from '../../sql/facts.ts';
import type { Statement } from '../statement.ts';
import { Acquisition, type ConnectionSeeker } from './acquire-connection.ts';
import { learnFrom } from './answer-lessons.ts';
import { AnswerRelay } from './answer-relay.ts';
import { RetryBudget } from './backend-loss.ts';
import { Backpressure } from './backpressure.ts';
import { CausalReads } from './causal-reads.ts';
import { ConnectionSync } from './connection-sync.ts';
import type { KillReason } from './killed-answer.ts';
import { LaneMembership } from './lane-membership.ts';
import { OverwrittenDiagnostics } from './overwritten-diagnostics.ts';
import type { RunOwner } from './run-owner.ts';
import { noteAnswered } from './server-statements.ts';
import { type DispatchOwner, type Phase, StatementDispatch } from './statement-dispatch.ts';
import { StatementEffects } from './statement-effects.ts';
import { killError, StatementKill } from './statement-kill.ts';
import { outcomeOf, type StatementOutcome } from './statement-outcome.ts';

export class StatementRun implements DispatchOwner, ConnectionSeeker {
  phase: Phase = 'idle';
  /** The connection at work, for the processlist. */
  connection: BackendConnection | undefined;
  statement: Statement | undefined;
  readonly #owner: RunOwner;
  readonly #diagnostics = new OverwrittenDiagnostics();
  readonly #retries = new RetryBudget();
  readonly #causal: CausalReads;
  readonly #sync: ConnectionSync;
  readonly #acquisition: Acquisition;
  readonly #lane: LaneMembership;
  readonly #kill: StatementKill;
  readonly #backpressure: Backpressure;
  readonly #relay: AnswerRelay;
  readonly #effects: StatementEffects;
  readonly #dispatch: StatementDispatch;

  constructor(owner: RunOwner) {
    const causal = new CausalReads(owner);
    const sync = new ConnectionSync(owner, causal);
    const lane = new LaneMembership(owner, this.#diagnostics);
    const kill = new StatementKill(owner);
    const backpressure = new Backpressure(owner, lane, kill);
    const relay = new AnswerRelay(owner, kill, backpressure);
    const effects = new StatementEffects(owner, lane, this.#diagnostics);
    this.#owner = owner;
    this.#causal = causal;
    this.#sync = sync;
    this.#acquisition = new Acquisition(owner, causal, sync, this);
    this.#lane = lane;
    this.#kill = kill;
    this.#backpressure = backpressure;
    this.#relay = relay;
    this.#effects = effects;
    this.#dispatch = new StatementDispatch(owner, this, { sync, causal, lane, effects, relay, backpressure });
  }

  // ---------------------------------------------------------------- what the session asks for

  /** Runs a statement; the owner hears how it ended. Only when idle. */
  run(statement: Statement): void {
    this.#begin(this.#diagnostics.first(statement));
  }

  /** The session begins anew: nobody asks any more for what its last statement left, or has to see it. */
  forget(): void {
    this.#diagnostics.forget();
    this.#causal.forget();
  }

  /** The client is gone: gives up the request, or closes the connection whose answer nobody wants, and returns it. */
  abandon(): BackendConnection | undefined {
    const { connection } = this;
    const { onLane } = this.#lane;
    this.#acquisition.cancel();
    this.#reset();
    if (connection === undefined) return undefined;
    if (onLane) {
      // Those before and behind it go on; the watch over lanes sees to it when it takes long.
      connection.detach(this);
      return undefined;
    }
    this.#owner.leases.forget(connection);
    connection.destroy();
    return connection;
  }

  /** Called now and then: a statement that has run longer than it may is ended, on the server as well. */
  sweep(): void {
    if (this.statement === undefined) return;
    const nowMs = performance.now();
    if (this.#kill.underWay) this.#kill.sweep(this.connection, nowMs);
    else if (this.#kill.isOverdue(this.statement, nowMs)) this.kill('timeout');
  }

  /** Ends the statement at work; its answer tells the client why. */
  kill(reason: KillReason): void {
    if (this.statement === undefined || this.#kill.underWay) return;
    const { connection } = this;
    if (connection === undefined) {
      this.#acquisition.cancel();
      return this.#fail(killError(reason));
    }
    if (this.#lane.onLane) {
      if (this.#lane.slipOut(connection, this)) return this.#fail(killError(reason));
      this.#lane.makeOwn(connection);
    }
    this.#backpressure.endThrottling();
    // The KILL may come late: until it is out of the way nobody else's statement is to be on the connection.
    this.#lane.shares = false;
    this.#retries.end();
    this.#kill.start(reason, connection);
  }

  // ---------------------------------------------------------------- a connection

  #begin(statement: Statement): void {
    this.statement = statement;
    this.#lane.admit(statement);
    this.#sync.warnings = 0;
    this.#backpressure.begin();
    this.#retries.begin(statement, this.#owner.variables.queryRetriesOnFailure, this.#lane.shares);
    this.#acquire(statement, undefined);
  }

  #acquire(statement: Statement, lost: BackendConnection | undefined): void {
    this.phase = 'waiting-for-backend';
    this.#acquisition.acquire(statement, this.#lane.shares, lost);
  }

  haveConnection(connection: BackendConnection): void {
    this.connection = connection;
    this.#dispatch.onConnection(connection, this.statement as Statement);
  }

  haveLane(connection: BackendConnection): void {
    this.connection = connection;
    this.#dispatch.onLane(connection, this.statement as Statement);
  }

  noConnection(error: ProtocolError): void {
    this.#fail(error);
  }

  // ---------------------------------------------------------------- what comes back

  get likeProxysql(): boolean {
    return this.#owner.likeProxysql;
  }

  answerBytes(chunk: Buffer, connection: BackendConnection): boolean {
    const { statement } = this;
    // Of what the proxy itself has sent only the end counts.
    if (this.phase !== 'relaying' || statement === undefined) return true;
    if (statement.command === 'prepare') this.#relay.collect(chunk);
    else if (this.#diagnostics.replaying) this.#relay.swallow(chunk);
    else return this.#relay.pass(chunk, statement, connection);
    return true;
  }

  /** The client's file goes to the server as it comes; what the server no longer wants is thrown away. */
  fileWanted(connection: BackendConnection): void {
    const { statement } = this;
    if (statement === undefined || (statement.facts.effects & SessionEffect.LOCAL_INFILE) === 0)
      return connection.destroy(errors.localInfileUnsupported());
    this.#owner.client.takeFile((bytes) => {
      if (this.statement === statement && this.phase === 'relaying' && !connection.write(bytes))
        this.#backpressure.serverIsFull(connection);
    });
  }

  answerDone(connection: BackendConnection, walker: ResponseWalker): void {
    switch (this.phase) {
      case 'syncing':
        return this.#dispatch.syncStepDone(connection, this.statement as Statement, walker);
      case 'preparing':
        return this.#dispatch.prepareDone(connection, this.statement as Statement, walker);
      case 'relaying':
        return this.#relayDone(connection, this.statement as Statement, walker);
      case 'awaiting-kill':
        return this.#kill.over();
      default:
        return;
    }
  }

  /** Those before it on the lane take too long. */
  answerMoved(): void {
    const { statement } = this;
    if (statement !== undefined) this.#askElsewhere(statement, undefined);
  }

  answerLost(connection: BackendConnection, error: ProtocolError, anyByteSeen: boolean): void {
    const { statement } = this;
    if (statement === undefined) return;
    if (this.phase === 'awaiting-kill') return this.#kill.over();
    this.#owner.leases.forget(connection);
    const verdict = this.#retries.judge(statement, connection, this.phase === 'relaying', anyByteSeen);
    if (verdict === 'retry') return this.#askElsewhere(statement, connection);
    if (verdict === 'fail') return this.#fail(error);
    this.#reset();
    this.#owner.client.destroy();
  }

  #askElsewhere(statement: Statement, lost: BackendConnection | undefined): void {
    this.connection = undefined;
    this.#lane.part();
    this.#acquire(statement, lost);
  }

  #relayDone(connection: BackendConnection, statement: Statement, walker: ResponseWalker): void {
    if (statement.command === 'prepare' && !this.#kill.underWay) {
      if (this.#dispatch.prepareAgain(connection, statement, walker)) return;
    }
    const outcome = outcomeOf(walker);
    this.#relay.end(statement, walker, connection);
    if (walker.gtids !== undefined) this.#causal.noteWritten(connection, walker.gtids);
    this.#sync.noteAnswer(walker);
    this.#effects.note(connection, statement, outcome);
    const answer = statement.command === 'prepare' ? this.#relay.takeCollected(statement) : undefined;
    noteAnswered(this.#owner, connection, statement, walker);
    learnFrom(connection, statement, outcome, this.#lane.onLane, this.#relay.bytes);
    if (this.#kill.underWay) this.#finishKilled(connection, statement, outcome, answer);
    else this.#finish(connection, statement, outcome, answer);
  }

  // ---------------------------------------------------------------- the end

  /** The answer is complete: what the client has not read yet is in its own socket's buffer, one chunk at the most. */
  #finish(
    connection: BackendConnection,
    statement: Statement,
    outcome: StatementOutcome,
    answer: Buffer | undefined,
  ): void {
    const { asking } = this.#diagnostics;
    const { onLane } = this.#lane;
    this.#reset();
    if (onLane) this.#lane.leave(connection, statement, !outcome.ok || outcome.warnings > 0);
    else this.#owner.leases.settleOrForget(connection);
    if (asking !== undefined) return this.#begin(asking);
    if (outcome.error !== undefined) this.#owner.serverRefused(statement, connection, outcome.error);
    this.#owner.statementDone(statement, outcome, answer, connection);
  }

  /** Apart from `#relayDone`: a function that makes a closure pays for it each time, whether it makes it or not. */
  #finishKilled(
    connection: BackendConnection,
    statement: Statement,
    outcome: StatementOutcome,
    answer: Buffer | undefined,
  ): void {
    this.#afterKill(connection, statement, () => this.#finish(connection, statement, outcome, answer));
  }

  /** The connection is as good as before. */
  refused(connection: BackendConnection, statement: Statement, walker: ResponseWalker, error: ProtocolError): void {
    const killed = this.#kill.error;
    if (killed === undefined) return this.#failUnsent(connection, error);
    this.#kill.end(walker);
    this.#afterKill(connection, statement, () => this.#failUnsent(connection, killed));
  }

  stateReached(connection: BackendConnection, statement: Statement, outcome: StatementOutcome): void {
    this.#finish(connection, statement, outcome, undefined);
  }

  #failUnsent(connection: BackendConnection, error: ProtocolError): void {
    if (!this.#lane.onLane) this.#owner.leases.settleOrForget(connection);
    else if (connection.idle) this.#lane.giveBack(connection, false);
    this.#fail(error);
  }

  #fail(error: ProtocolError): void {
    const statement = this.statement as Statement;
    this.#reset();
    this.#owner.statementFailed(statement, error);
  }

  #afterKill(connection: BackendConnection, statement: Statement, finish: () => void): void {
    if (!this.#kill.hit) this.phase = 'awaiting-kill';
    this.#kill.settle(connection, statement, this, finish);
  }

  #reset(): void {
    this.#backpressure.release();
    this.phase = 'idle';
    this.connection = undefined;
    this.statement = undefined;
    this.#lane.part();
    this.#diagnostics.over();
    this.#sync.clear();
    this.#kill.reset();
  }
}
