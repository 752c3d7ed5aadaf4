/**
 * Runs one statement at a time for a session: connection, sync, prepare where needed, send, relay.
 *
 *   idle ─▶ waiting-for-backend ─▶ syncing* ─▶ preparing? ─▶ relaying ─▶ awaiting-kill? ─▶ idle
 *
 * It decides nothing about rules or hostgroups (session.ts did) and keeps nothing between statements (leases.ts does).
 */
import { performance } from 'node:perf_hooks';
import type { MysqlVariables } from '../../runtime/variables.ts';
import type { AnswerOwner, BackendConnection } from '../backend/backend-connection.ts';
import { planSync, type SyncStep, stepAnswer, stepFrame, stepsInstead } from '../backend/backend-sync.ts';
import { type MirroredState, withSchema, withVariables } from '../backend/mirrored-state.ts';
import type { ClientConnection } from '../frontend/client-connection.ts';
import { type GtidSet, parseGtidSet } from '../gtid/gtid-set.ts';
import type { GtidSources } from '../gtid/gtid-sources.ts';
import type { BackendUser } from '../hostgroup/connector.ts';
import type { HostgroupManager } from '../hostgroup/hostgroup-manager.ts';
import type { ConnectionWish, Server, Sight } from '../hostgroup/server.ts';
import type { Counters } from '../observe/counters.ts';
import { Capability } from '../protocol/capabilities.ts';
import { commandFrame } from '../protocol/command-frame.ts';
import { Command } from '../protocol/commands.ts';
import { errors, type ProtocolError } from '../protocol/errors.ts';
import type { ResponseKind, ResponseWalker } from '../protocol/response-walker.ts';
import { SessionStateStripper } from '../protocol/session-state.ts';
import { StatusFlag } from '../protocol/status-flags.ts';
import { SessionEffect, type StatementFacts } from '../sql/facts.ts';
import { type Cursors, closeFrame } from './cursors.ts';
import { slotOf } from './decide.ts';
import { KilledAnswer, type KillReason } from './killed-answer.ts';
import { KILL_PIN, type Leases, NEXT_TRANSACTION_PIN, NO_MULTIPLEX_PIN, pinsOf } from './leases.ts';
import {
  answerKindOf,
  dropLongData,
  type PreparedStatement,
  patchStatementId,
  wantsCursor,
} from './prepared-statements.ts';
import { whyNotShared } from './sharing.ts';
import { sightOf } from './sight.ts';
import type { Statement } from './statement.ts';
import type { Throttle } from './throttle.ts';
import type { UnmirroredSets } from './unmirrored-sets.ts';

/** What a finished statement tells its session. */
export interface StatementOutcome {
  readonly ok: boolean;
  readonly errorCode: number;
  readonly rowsAffected: number;
  readonly rowsSent: number;
  readonly lastInsertId: number | bigint;
  readonly warnings: number;
  /** What the server said when it refused. */
  readonly error: ProtocolError | undefined;
}

/** Where answers go, and what a run asks of it. */
export interface RunClient
  extends Pick<ClientConnection, 'write' | 'sentAll' | 'onceDrained' | 'destroy' | 'takeFile'> {
  readonly socket: { pause(): unknown; resume(): unknown; readonly writableLength: number };
}

/** What the run needs of its session. */
export interface RunOwner {
  readonly client: RunClient;
  readonly leases: Leases;
  readonly cursors: Cursors;
  readonly unmirroredSets: UnmirroredSets;
  readonly hostgroups: HostgroupManager;
  readonly variables: MysqlVariables;
  readonly state: MirroredState;
  readonly backendUser: BackendUser;
  readonly shape: number;
  readonly lastInsertId: number | bigint;
  readonly counters: Counters;
  /** Hostgroups of which a session has to know its last write; see gtid_from_hostgroup. */
  readonly gtidSources: GtidSources;
  /** An error of a SET that comes with another statement is explained; ProxySQL passes it on as it is. */
  readonly explains: boolean;
  /** Statements may share connections, as far as the configuration goes. */
  readonly pipelining: boolean;
  /** Nothing of the session is on a connection, nor has to be on the next. */
  readonly sharesNothing: boolean;
  /** Set while clients get only so many bytes in a second. */
  readonly throttle: Throttle | undefined;
  /** Each `SET TRANSACTION …` that waits for the next transaction. */
  takeNextTransaction(): readonly string[];
  /** Ends what runs on the connection, and nothing else; settles when the server has taken it, or never will. */
  killQuery(connection: BackendConnection): Promise<void>;
  /** The answer is with the client, except for a PREPARE, whose raw answer comes along. */
  statementDone(
    statement: Statement,
    outcome: StatementOutcome,
    prepareAnswer: Buffer | undefined,
    connection: BackendConnection,
  ): void;
  /** A server answered with an error, or was lost; it counts for the server. */
  serverRefused(statement: Statement, connection: BackendConnection, error: ProtocolError): void;
  /** Nothing of an answer is with the client yet. */
  statementFailed(statement: Statement, error: ProtocolError): void;
}

type Phase = 'idle' | 'waiting-for-backend' | 'syncing' | 'preparing' | 'relaying' | 'awaiting-kill';

/**
 * A connection that is lost this soon after a statement was sent was dead before, in ms; a statement is not sent again
 * later than that, since somebody may have ended it on purpose.
 */
export const staleConnectionMs = 1_000;

/**
 * A server gets this long, in ms, to answer a KILL QUERY; then its connection is given up. One sweep more or less.
 */
export const killGraceMs = 3_000;

/** Reading statements: running one twice is harmless. */
const RETRYABLE_KINDS: ReadonlySet<string> = new Set(['select', 'show', 'explain']);

/** Reads the last insert id, or may read or set it in what cannot be seen. */
const INSERT_ID_EFFECTS =
  SessionEffect.LAST_INSERT_ID | SessionEffect.CALL | SessionEffect.SQL_PREPARE | SessionEffect.OPAQUE;

/** Interrupted, query_timeout exceeded, killed: no errors of the statement itself. */
const INTERRUPTIONS: ReadonlySet<number> = new Set([1317, 1907, 1927, 1969, 3024]);

/** Asks for what the statement before left. */
const ASKS_BACK = SessionEffect.WARNINGS | SessionEffect.ROW_COUNT;

/** Bytes of answers on a lane that are kept for a client which does not read, before others have to leave the lane. */
export const unreadOnLaneBytesMax = 256 * 1024;

export class StatementRun implements AnswerOwner {
  phase: Phase = 'idle';
  /** The connection at work, for the processlist. */
  connection: BackendConnection | undefined;
  statement: Statement | undefined;
  readonly #owner: RunOwner;
  #steps: SyncStep[] = [];
  /** What the connection at work looks like after the steps. */
  #target!: MirroredState;
  /** The session's last write, by hostgroup. */
  #gtids: Map<number, GtidSet> | undefined;
  /** What the statement has to see. */
  #sees: Sight | undefined;
  #tracked: { readonly of: MirroredState; readonly state: MirroredState } | undefined;
  /** Takes out of answers what is meant for the proxy alone; in use while `#strips`. */
  #stripper: SessionStateStripper | undefined;
  #strips = false;
  /** Answers that are not for the client as they are: of injected statements, and of PREPARE. */
  #captured: Buffer[] = [];
  #cancelRequest: (() => void) | undefined;
  #retriesLeft = 0;
  /** The server's id of the prepared statement at work. */
  #serverId = 0;
  /** Pins that this statement brought, and takes along when it turns out to have done nothing. */
  #newPins = 0;
  /** What ROW_COUNT() says once the connection is another one: 0 after a statement without rows, otherwise -1. */
  #rowCountIsZero = false;
  /** The statement may queue with others' on one connection; see sharing.ts. */
  #shares = false;
  /** It does: the connection is a lane and not this session's. */
  #onLane = false;
  #answerBytes = 0;
  /** What the last statement of ours before the client's warned of. */
  #syncWarnings = 0;
  /** Its warnings or error were overwritten by another session's statement behind it, should somebody ask for them. */
  #unheard: Statement | undefined;
  /** What asks for them, while that statement runs once more and nobody sees its answer. */
  #afterUnheard: Statement | undefined;
  /** Paused because the client does not keep up. */
  #pausedConnection: BackendConnection | undefined;
  #throttle: Throttle | undefined;
  /** Paused because the client has had its share for now. */
  #throttled = false;
  /** Not read from because the server does not keep up. */
  #clientPaused = false;
  /** A KILL QUERY is on its way to the server, or was. */
  #killed: KilledAnswer | undefined;
  /** What there is to tell of a complete answer when the KILL that came too late for it is out of the way. */
  #afterKill: (() => void) | undefined;

  constructor(owner: RunOwner) {
    this.#owner = owner;
  }

  /** Runs a statement; the owner hears how it ended. Only when idle. */
  run(statement: Statement): void {
    const unheard = this.#unheard;
    if (unheard !== undefined && statement.command !== 'prepare') {
      this.#unheard = undefined;
      if ((statement.facts.effects & ASKS_BACK) !== 0) {
        this.#afterUnheard = { ...statement, hostgroup: unheard.hostgroup };
        return this.#begin(unheard);
      }
    }
    this.#begin(statement);
  }

  #begin(statement: Statement): void {
    this.statement = statement;
    const why = this.#afterUnheard === undefined ? whyNotShared(this.#owner, statement) : undefined;
    if (why !== undefined) this.#owner.counters[why] += 1;
    this.#shares = why === undefined && this.#afterUnheard === undefined;
    this.#answerBytes = 0;
    this.#syncWarnings = 0;
    this.#throttle = this.#owner.throttle;
    const retries = statement.decision.retries;
    this.#retriesLeft = retries >= 0 ? retries : this.#owner.variables.queryRetriesOnFailure;
    // What happens to another session's statement on the same connection is not to be felt.
    if (this.#shares && this.#retriesLeft === 0) this.#retriesLeft = 1;
    this.#acquire(statement);
  }

  /** The session begins anew: nobody asks any more for what its last statement left, or has to see it. */
  forget(): void {
    this.#unheard = undefined;
    this.#gtids = undefined;
  }

  /** The client is gone: gives up the request, or closes the connection whose answer nobody wants. */
  abandon(): BackendConnection | undefined {
    const connection = this.connection;
    const onLane = this.#onLane;
    this.#cancelRequest?.();
    this.#cancelRequest = undefined;
    this.#reset();
    if (connection !== undefined && onLane) {
      // Those before and behind it go on; the watch over lanes sees to it when it takes long.
      connection.detach(this);
      return undefined;
    }
    if (connection !== undefined) {
      this.#owner.leases.forget(connection);
      connection.destroy();
    }
    return connection;
  }

  /** Called now and then: a statement that has run longer than it may is ended, on the server as well. */
  sweep(): void {
    const statement = this.statement;
    if (statement === undefined) return;
    const now = performance.now();
    if (this.#killed !== undefined) {
      if (now - this.#killed.since > killGraceMs) this.#giveUpKilled(this.#killed);
      return;
    }
    const { timeoutMs } = statement.decision;
    const limitMs = timeoutMs > 0 ? timeoutMs : this.#owner.variables.defaultQueryTimeout;
    if (limitMs > 0 && now - statement.startedAt >= limitMs) this.kill('timeout');
  }

  /** The server does not even answer a KILL. */
  #giveUpKilled(killed: KilledAnswer): void {
    const connection = this.connection;
    if (connection === undefined) return;
    const answered = this.phase === 'awaiting-kill';
    // Whoever only hears of an interrupted statement goes on with the transaction that went with the connection.
    connection.destroy(answered || !connection.clean ? errors.lostConnection() : errorOf(killed));
    // With a complete answer nothing was expected of it any more.
    if (answered && this.phase === 'awaiting-kill') this.#afterKill?.();
  }

  /** Ends the statement at work; its answer tells the client why. */
  kill(reason: KillReason): void {
    if (this.statement === undefined || this.#killed !== undefined) return;
    const connection = this.connection;
    if (connection === undefined) {
      this.#cancelRequest?.();
      this.#cancelRequest = undefined;
      return this.#fail(reason === 'timeout' ? errors.queryTimeout() : errors.queryInterrupted());
    }
    if (this.#onLane) {
      if (!connection.heads(this)) {
        // The server has not begun with it, or nobody knows: what it answers is swallowed, and others are not disturbed.
        connection.detach(this);
        return this.#fail(reason === 'timeout' ? errors.queryTimeout() : errors.queryInterrupted());
      }
      this.#makeOwn(connection);
    }
    if (this.#throttled) this.#resumePaused();
    // The KILL may come late: until it is out of the way nobody else's statement is to be on the connection.
    this.#shares = false;
    this.#retriesLeft = 0;
    this.#killed = new KilledAnswer(reason, performance.now(), this.#owner.killQuery(connection));
  }

  answerBytes(chunk: Buffer, connection: BackendConnection): boolean {
    const statement = this.statement;
    if (this.phase !== 'relaying' || statement?.command === 'prepare') {
      this.#captured.push(Buffer.from(chunk));
      return true;
    }
    this.#answerBytes += chunk.length;
    if (this.#afterUnheard !== undefined) return true;
    const told = this.#strips && this.#stripper !== undefined ? this.#stripper.push(chunk) : chunk;
    const passed = this.#killed === undefined ? told : this.#killed.pass(told);
    const bytes = statement?.filter === undefined ? passed : statement.filter.push(passed);
    if (bytes.length === 0) return true;
    statement?.tee?.take(bytes);
    const { client } = this.#owner;
    if (this.#throttle !== undefined) this.#throttleBy(bytes.length, this.#throttle, connection);
    if (!client.write(bytes) && this.#pausedConnection === undefined) this.#waitForClient(connection);
    return client.sentAll;
  }

  #throttleBy(bytes: number, throttle: Throttle, connection: BackendConnection): void {
    const waitMs = throttle.note(bytes, this.#owner.variables.throttleMaxBytesPerSecondToClient);
    if (waitMs === 0 || this.#pausedConnection !== undefined || this.#killed !== undefined) return;
    if (this.#onLane) this.#makeOwn(connection);
    this.#throttled = true;
    this.#pausedConnection = connection;
    connection.pause();
    const { statement } = this;
    throttle.after(waitMs, () => {
      if (this.statement === statement && this.#throttled) this.#resumePaused();
    });
  }

  #waitForClient(connection: BackendConnection): void {
    const { client } = this.#owner;
    if (this.#onLane) {
      // A client that does not read must not hold up those behind it.
      if (connection.depth > 1 && client.socket.writableLength < unreadOnLaneBytesMax) return;
      this.#makeOwn(connection);
    }
    this.#pausedConnection = connection;
    connection.pause();
    client.onceDrained(() => this.#resumePaused());
  }

  /** The client's file goes to the server as it comes; what the server no longer wants is thrown away. */
  fileWanted(connection: BackendConnection): void {
    const statement = this.statement;
    if (statement === undefined || (statement.facts.effects & SessionEffect.LOCAL_INFILE) === 0)
      return connection.destroy(errors.localInfileUnsupported());
    this.#owner.client.takeFile((bytes) => {
      if (this.statement === statement && this.phase === 'relaying' && !connection.write(bytes))
        this.#pauseClient(connection);
    });
  }

  answerDone(connection: BackendConnection, walker: ResponseWalker): void {
    switch (this.phase) {
      case 'syncing':
        return this.#syncStepDone(connection, walker);
      case 'preparing':
        return this.#prepareDone(connection, walker);
      case 'relaying':
        return this.#relayDone(connection, walker);
      case 'awaiting-kill':
        return this.#afterKill?.();
      default:
        return;
    }
  }

  /** From now on the lane is this session's connection: nobody joins, those behind the statement ask elsewhere. */
  #makeOwn(connection: BackendConnection): void {
    const { hostgroups, leases, counters } = this.#owner;
    hostgroups.closeLane(connection);
    connection.shared = false;
    this.#onLane = false;
    leases.hold(connection);
    counters.Sluice_pipelining_moved += connection.moveOthers();
  }

  /** Those before it on the lane take too long. */
  answerMoved(): void {
    const { statement } = this;
    if (statement === undefined) return;
    this.connection = undefined;
    this.#onLane = false;
    this.#captured = [];
    this.#acquire(statement);
  }

  answerLost(connection: BackendConnection, error: ProtocolError, anyByteSeen: boolean): void {
    const statement = this.statement;
    if (statement === undefined) return;
    if (this.phase === 'awaiting-kill') return this.#afterKill?.();
    this.#owner.leases.forget(connection);
    const stateLost = !connection.clean;
    if (this.phase === 'relaying' && anyByteSeen && statement.command !== 'prepare') {
      // Part of an answer is with the client, and nobody knows where in it: only the end of the connection is clear.
      this.#reset();
      this.#owner.client.destroy();
      return;
    }
    if (!stateLost && this.#retriesLeft > 0 && this.#mayRunAgain(statement)) {
      this.#retriesLeft -= 1;
      this.#captured = [];
      this.connection = undefined;
      this.#onLane = false;
      this.#acquire(statement, connection);
      return;
    }
    this.#fail(error);
  }

  #resumePaused(): void {
    this.#pausedConnection?.resume();
    this.#pausedConnection = undefined;
    this.#throttled = false;
  }

  /** Nothing was executed, or reading again does no harm. */
  #mayRunAgain(statement: Statement): boolean {
    if (this.phase !== 'relaying') return true;
    if (performance.now() - statement.startedAt > staleConnectionMs) return false;
    return RETRYABLE_KINDS.has(statement.facts.kind) || statement.command === 'prepare';
  }

  /** @param lost with it the statement was lost; if it cannot run again at once, that is the client's answer. */
  #acquire(statement: Statement, lost?: BackendConnection): void {
    const { leases, hostgroups } = this.#owner;
    this.#sees = sightOf(statement, this.#gtids, this.#owner);
    const held = leases.find(statement.hostgroup);
    if (held !== undefined && !this.#mayLeave(held)) {
      // A server that was taken out of service finishes nothing more, transactions included.
      if ((held.home as Server).status === 'OFFLINE_HARD' && held.idle) held.destroy();
      if (!held.lost) return this.#haveConnection(held);
      leases.forget(held);
      if (!held.clean) return this.#fail(held.lostError ?? errors.lostConnection());
    }
    const wish = this.#wish();
    const sharing = this.#shares && lost === undefined;
    if (sharing) {
      const connection = hostgroups.takeLane(statement.hostgroup, wish);
      if (connection !== undefined) return connection.lane ? this.#join(connection) : this.#haveConnection(connection);
    }
    // Asking another time after takeLane would draw another server, one that has something free: shares would be wrong.
    const free = sharing ? undefined : hostgroups.take(statement.hostgroup, wish);
    if (free !== undefined) return this.#haveConnection(free);
    this.phase = 'waiting-for-backend';
    let answered = false;
    const cancel = hostgroups.request({
      hostgroup: statement.hostgroup,
      user: this.#owner.backendUser,
      wish,
      after: lost,
      onConnection: (connection) => {
        answered = true;
        this.#cancelRequest = undefined;
        this.#haveConnection(connection);
      },
      onFailure: (error) => {
        answered = true;
        this.#cancelRequest = undefined;
        this.#fail(lost?.lostError ?? error);
      },
    });
    // What was answered at once may have led to the next request.
    if (!answered) this.#cancelRequest = cancel;
  }

  /** Its server may not have executed what the statement has to see: it is given back, unless the statement has to run there. */
  #mayLeave(held: BackendConnection): boolean {
    if (this.#sees === undefined || this.#owner.hostgroups.shows(held, this.#sees)) return false;
    if (this.#owner.leases.letGo(held)) return true;
    this.#sees = undefined;
    return false;
  }

  /** Some rule wants to know what the session writes where the statement goes. */
  get #tracks(): boolean {
    const { gtidSources } = this.#owner;
    return gtidSources.size !== 0 && gtidSources.has(this.statement?.hostgroup ?? -1);
  }

  #wish(): ConnectionWish {
    const { shape } = this.#owner;
    return {
      username: this.#owner.backendUser.username,
      shape: this.#tracks ? (shape | Capability.SESSION_TRACK) >>> 0 : shape,
      sees: this.#sees,
      stateKey: this.#wanted().key,
      fresh: this.statement?.decision.createNewConnection === true,
    };
  }

  /** What the connection has to look like: a prepared statement runs in the schema it was prepared in. */
  #wanted(): MirroredState {
    const { state } = this.#owner;
    const prepared = this.statement?.prepared;
    const wanted = prepared === undefined ? state : withSchema(state, prepared.schema);
    return this.#tracks ? this.#trackedState(wanted) : wanted;
  }

  #trackedState(state: MirroredState): MirroredState {
    if (this.#tracked?.of !== state) this.#tracked = { of: state, state: withVariables(state, [TRACKING]) };
    return this.#tracked.state;
  }

  /** Queues behind other sessions' statements. */
  #join(connection: BackendConnection): void {
    const statement = this.statement as Statement;
    const { counters } = this.#owner;
    this.connection = connection;
    this.#onLane = true;
    counters.Sluice_pipelining_joined += 1;
    if (connection.depth >= counters.Sluice_pipelining_depth_max)
      counters.Sluice_pipelining_depth_max = connection.depth + 1;
    this.#prepareOrSend(connection, statement);
  }

  #haveConnection(connection: BackendConnection): void {
    const statement = this.statement as Statement;
    this.connection = connection;
    const { leases } = this.#owner;
    const heldBefore = leases.held.includes(connection);
    leases.hold(connection);
    let wanted = this.#wanted();
    if (connection.state.key !== wanted.key && connection.inTransaction && statement.stateOnly !== true)
      wanted = trackingLike(wanted, connection.state);
    this.#target = wanted;
    // What is left of another connection's is nothing to this one.
    this.#steps = connection.state.key === wanted.key ? [] : planSync(connection.state, wanted, connection);
    if (((connection.shape ^ this.#owner.shape) & Capability.MULTI_STATEMENTS) !== 0) this.#followOption(connection);
    this.#addSteps(statement, connection, heldBefore);
    this.#nextStep(connection);
  }

  /** COM_SET_OPTION came while this connection was held: it is the one part of a shape that a login does not fix. */
  #followOption(connection: BackendConnection): void {
    const multiStatements = (this.#owner.shape & Capability.MULTI_STATEMENTS) !== 0;
    this.#steps.unshift({ kind: 'set-option', multiStatements, reached: connection.state });
  }

  /** What must be set right before this very statement. */
  #addSteps(statement: Statement, connection: BackendConnection, heldBefore: boolean): void {
    if (statement.command === 'fetch') return;
    const reached = this.#target;
    for (const sql of this.#owner.unmirroredSets.takeFor(connection)) {
      this.#steps.push({ kind: 'set', assignments: [sql.replace(/^.*?\bSET\s/is, '')], reached });
      connection.pins |= SessionEffect.SESSION_VARIABLE;
    }
    if (statement.command === 'prepare') return;
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

  #nextStep(connection: BackendConnection): void {
    const step = this.#steps[0];
    if (step === undefined) return this.#syncDone(connection);
    this.phase = 'syncing';
    (connection.home as Server).noteSyncStep(step);
    connection.send(stepFrame(step), stepAnswer(step), this);
  }

  #syncStepDone(connection: BackendConnection, walker: ResponseWalker): void {
    const step = this.#steps.shift();
    if (walker.ended === 'error') {
      const instead = step === undefined ? undefined : stepsInstead(step, walker.errorCode);
      if (instead === undefined) return this.#answerCaptured(connection, walker, step?.kind === 'set');
      this.#steps.unshift(...instead);
    } else if (step !== undefined) {
      this.#syncWarnings = walker.warnings;
      connection.state = step.reached;
      if (step.kind === 'set-option') connection.shape = (connection.shape ^ Capability.MULTI_STATEMENTS) >>> 0;
    }
    this.#captured = [];
    this.#nextStep(connection);
  }

  #syncDone(connection: BackendConnection): void {
    connection.state = this.#target;
    const statement = this.statement as Statement;
    if (statement.stateOnly) {
      // A value that was cut to a limit: the client is told of it, and may ask.
      const outcome = this.#syncWarnings === 0 ? NO_ROWS : { ...NO_ROWS, warnings: this.#syncWarnings };
      if (outcome.warnings > 0) this.#noteEffects(connection, statement, outcome);
      return this.#finish(connection, statement, outcome, undefined);
    }
    this.#prepareOrSend(connection, statement);
  }

  #prepareOrSend(connection: BackendConnection, statement: Statement): void {
    const { prepared } = statement;
    if (prepared === undefined) return this.#send(connection, statement);
    const { cursors } = this.#owner;
    const cursor = cursors.of(prepared);
    if (statement.command === 'fetch') return this.#execute(connection, statement, cursor?.serverId ?? 0);
    // Another execution closes the cursor. Elsewhere, or without one of its own, the server is not told so by itself.
    if (cursor !== undefined && (cursor.connection !== connection || !wantsCursor(statement.frame)))
      cursors.close(prepared, connection);
    const serverId = connection.statements.get(keyOf(connection, statement, prepared));
    if (serverId !== undefined) return this.#execute(connection, statement, serverId);
    this.phase = 'preparing';
    connection.send(commandFrame(Command.COM_STMT_PREPARE, statement.sentText ?? prepared.text), 'prepare', this);
  }

  #prepareDone(connection: BackendConnection, walker: ResponseWalker): void {
    const statement = this.statement as Statement;
    if (walker.ended === 'error' || statement.prepared === undefined) return this.#answerCaptured(connection, walker);
    this.#captured = [];
    this.#remember(
      connection,
      statement.sentText ?? statement.prepared.text,
      walker.statementId,
      cursorOwner(statement),
    );
    this.#execute(connection, statement, walker.statementId);
  }

  #execute(connection: BackendConnection, statement: Statement, serverId: number): void {
    patchStatementId(statement.frame, serverId);
    this.#serverId = serverId;
    const { prepared } = statement;
    for (const frame of statement.command === 'fetch' ? [] : (prepared?.longData ?? [])) {
      patchStatementId(frame, serverId);
      connection.write(frame);
    }
    this.#send(connection, statement);
  }

  #send(connection: BackendConnection, statement: Statement): void {
    this.phase = 'relaying';
    if (this.#shares && this.#sendOnLane(connection, statement)) return;
    const pins = pinsOf(statement, this.#owner.variables.multiplexing);
    this.#newPins = pins & ~connection.pins;
    connection.pins |= pins;
    if (statement.decision.multiplex === 1) connection.pins &= ~NO_MULTIPLEX_PIN;
    (connection.home as Server).noteQuery();
    if (this.#sees?.gtids !== undefined) this.#noteGtidSync(connection);
    const kind = answerKindOf(statement);
    this.#strip(connection, kind);
    if (!connection.send(frameOf(statement), kind, this, statement)) this.#pauseClient(connection);
  }

  /** The server does not keep up: no more from the client until it does, or until the statement is over. */
  #pauseClient(connection: BackendConnection): void {
    this.#clientPaused = true;
    this.#owner.client.socket.pause();
    connection.onceDrained(() => this.#resumeClient());
  }

  /** False when the connection's server is not to have several statements at once. */
  #sendOnLane(connection: BackendConnection, statement: Statement): boolean {
    const { leases, hostgroups, counters } = this.#owner;
    if (!this.#onLane) {
      if (!hostgroups.openLane(connection)) {
        counters.Sluice_pipelining_not_probed += 1;
        return false;
      }
      this.#onLane = true;
      leases.forget(connection);
    }
    counters.Sluice_pipelining_statements += 1;
    (connection.home as Server).noteQuery();
    const kind = answerKindOf(statement);
    this.#strip(connection, kind);
    connection.send(frameOf(statement), kind, this, statement);
    return true;
  }

  /** The server tells the proxy more than the client has asked for. */
  #strip(connection: BackendConnection, kind: ResponseKind): void {
    const { shape, variables } = this.#owner;
    const unasked = (connection.shape & ~shape & Capability.SESSION_TRACK) !== 0;
    this.#strips = unasked || (!variables.clientSessionTrackGtid && (shape & Capability.SESSION_TRACK) !== 0);
    if (!this.#strips) return;
    this.#stripper ??= new SessionStateStripper();
    this.#stripper.gtidsAlone = !unasked;
    this.#stripper.begin(kind, (connection.shape & Capability.DEPRECATE_EOF) !== 0);
  }

  #noteGtidSync(connection: BackendConnection): void {
    this.#owner.counters.GTID_consistent_queries += 1;
    (connection.home as Server).noteGtidSync();
  }

  /** What reads after this write has to see. */
  #noteGtids({ home }: BackendConnection, text: string): void {
    if (!this.#owner.gtidSources.has(home.hostgroup)) return;
    const gtids = parseGtidSet(text);
    if (gtids === undefined || gtids.empty) return;
    this.#gtids ??= new Map();
    this.#gtids.set(home.hostgroup, gtids);
    this.#owner.counters.GTID_session_collected += 1;
  }

  #resumeClient(): void {
    if (!this.#clientPaused) return;
    this.#clientPaused = false;
    this.#owner.client.socket.resume();
  }

  #relayDone(connection: BackendConnection, walker: ResponseWalker): void {
    const statement = this.statement as Statement;
    const outcome = outcomeOf(walker);
    if (statement.filter?.cut === undefined) statement.tee?.end(walker, connection);
    this.#killed?.end(walker);
    if (walker.gtids !== undefined) this.#noteGtids(connection, walker.gtids);
    this.#rowCountIsZero = walker.ended === 'ok';
    this.#noteEffects(connection, statement, outcome);
    let answer: Buffer | undefined;
    if (statement.command === 'prepare') {
      const told = Buffer.concat(this.#captured);
      answer = statement.filter === undefined ? told : statement.filter.push(told);
      if (outcome.ok && statement.preparing !== undefined)
        this.#remember(connection, statement.sentText ?? statement.preparing.text, walker.statementId);
    } else if (statement.prepared !== undefined) {
      this.#noteCursor(connection, statement, statement.prepared, walker);
    }
    if (statement.facts.pureRead && statement.command !== 'prepare') {
      const { pace } = slotOf(statement.entry);
      const { admission, laneCount } = connection.home as Server;
      const ms = connection.lastAnswerMs;
      if (this.#onLane) laneCount.note(connection.answeredAtMs - statement.startedAt);
      admission.noteAnswer(ms, connection.answeredAtMs);
      pace.learn(ms, this.#answerBytes, admission.usualMs, admission.ownMs(ms));
      if (outcome.warnings > 0 || !(outcome.ok || INTERRUPTIONS.has(outcome.errorCode))) pace.punish();
    }
    const killed = this.#killed;
    if (killed !== undefined) {
      return this.#awaitKill(killed, statement, connection, () => this.#finish(connection, statement, outcome, answer));
    }
    this.#finish(connection, statement, outcome, answer);
  }

  /**
   * The answer is complete: what the client has not read yet is in its own socket's buffer, one chunk at the most.
   */
  #finish(
    connection: BackendConnection,
    statement: Statement,
    outcome: StatementOutcome,
    answer: Buffer | undefined,
  ): void {
    const asking = this.#afterUnheard;
    const onLane = this.#onLane;
    this.#reset();
    if (onLane) this.#leaveLane(connection, statement, outcome);
    else if (!connection.lost) this.#owner.leases.settle(connection);
    // What was on it, a transaction maybe, is lost: the next statement is told.
    else if (connection.clean) this.#owner.leases.forget(connection);
    if (asking !== undefined) return this.#begin(asking);
    if (outcome.error !== undefined) this.#owner.serverRefused(statement, connection, outcome.error);
    this.#owner.statementDone(statement, outcome, answer, connection);
  }

  /** The last one on a lane gives it back, or keeps it when somebody may ask for its warnings. */
  #leaveLane(connection: BackendConnection, statement: Statement, outcome: StatementOutcome): void {
    const mayBeAskedFor = !outcome.ok || outcome.warnings > 0;
    if (!connection.idle) {
      if (mayBeAskedFor) this.#unheard = { ...statement, frame: Buffer.from(statement.frame) };
      return;
    }
    if (mayBeAskedFor) this.#owner.leases.linger(connection, 1);
    this.#giveLaneBack(connection);
  }

  #giveLaneBack(connection: BackendConnection): void {
    const { leases, hostgroups } = this.#owner;
    hostgroups.closeLane(connection);
    connection.shared = false;
    leases.hold(connection);
    leases.settle(connection);
  }

  /** A KILL that comes too late would hit the connection's next statement, which may be somebody else's. */
  #awaitKill(killed: KilledAnswer, statement: Statement, connection: BackendConnection, finish: () => void): void {
    const done = () => {
      connection.pins &= ~KILL_PIN;
      const rest = killed.takeRest();
      const shown = statement.filter === undefined ? rest : statement.filter.push(rest);
      if (shown.length > 0) this.#owner.client.write(shown);
      finish();
    };
    if (killed.hit) return done();
    this.phase = 'awaiting-kill';
    // Nothing else keeps it, and it looks idle.
    connection.pins |= KILL_PIN;
    this.#afterKill = done;
    killed.onceSent(() => {
      // A server forgets a KILL QUERY with the next command, whatever it is.
      if (this.#afterKill === done) connection.send(commandFrame(Command.COM_PING, ''), 'simple', this);
    });
  }

  #noteCursor(
    connection: BackendConnection,
    statement: Statement,
    prepared: PreparedStatement,
    walker: ResponseWalker,
  ): void {
    const { cursors } = this.#owner;
    if (statement.command === 'fetch') {
      const over = walker.ended === 'error' || (walker.statusFlags & StatusFlag.LAST_ROW_SENT) !== 0;
      if (over) cursors.closed(prepared);
      return;
    }
    dropLongData(prepared);
    const opened = walker.ended !== 'error' && (walker.statusFlags & StatusFlag.CURSOR_EXISTS) !== 0;
    if (opened && wantsCursor(statement.frame)) cursors.opened(prepared, connection, this.#serverId);
    else cursors.closed(prepared);
  }

  #noteEffects(connection: BackendConnection, statement: Statement, outcome: StatementOutcome): void {
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
    if ((effects & (SessionEffect.SCHEMA | SessionEffect.DROP_SCHEMA)) !== 0)
      connection.state = { ...connection.state, schema: '', key: '\0unknown' };
    if ((effects & ASKS_BACK) !== 0) return;
    if (this.#onLane) return;
    const mayBeAskedFor =
      knowsInsertId ||
      this.#afterUnheard !== undefined ||
      !outcome.ok ||
      outcome.warnings > 0 ||
      outcome.rowsAffected > 0;
    // mysql-auto_increment_delay_multiplex statements after the one that made an id, unless another one comes before.
    const kept = Math.max(mayBeAskedFor ? 1 : 0, connection.lingerStatements - 1);
    const delayed =
      outcome.lastInsertId === 0 ? kept : Math.max(kept, this.#owner.variables.autoIncrementDelayMultiplex);
    if (delayed > 0) leases.linger(connection, delayed);
    else connection.lingerStatements = 0;
  }

  /** Passes a captured answer on: an injected statement failed, and its error is the answer to the client's own. */
  #answerCaptured(connection: BackendConnection, walker: ResponseWalker, ofState = false): void {
    const statement = this.statement as Statement;
    const killed = this.#killed;
    let error = (killed === undefined ? walker.error : errorOf(killed)) ?? errors.lostConnection();
    // Another server took the SET, or nobody was asked: the statement itself is not to blame.
    if (ofState && killed === undefined && statement.stateOnly !== true && this.#owner.explains)
      error = errors.stateRefused(error.code, error.sqlState, error.message, connection.home.hostgroup);
    if (statement.stateOnly === true) this.#noteEffects(connection, statement, outcomeOf(walker));
    if (killed === undefined) return this.#failOn(connection, error);
    killed.end(walker);
    this.#awaitKill(killed, statement, connection, () => this.#failOn(connection, error));
  }

  /** The statement was not sent, and the connection is as good as before. */
  #failOn(connection: BackendConnection, error: ProtocolError): void {
    if (this.#onLane) {
      if (connection.idle) this.#giveLaneBack(connection);
    } else if (!connection.lost) this.#owner.leases.settle(connection);
    else if (connection.clean) this.#owner.leases.forget(connection);
    this.#fail(error);
  }

  #remember(connection: BackendConnection, text: Buffer, statementId: number, cursorOf = ''): void {
    const key = statementKey(connection, text, cursorOf);
    // Two sessions on a lane may both have found it missing.
    const known = connection.statements.get(key);
    if (known !== undefined) connection.write(closeFrame(known));
    connection.statements.set(key, statementId);
    const max = this.#owner.variables.maxStmtsPerConnection;
    for (const [key, id] of connection.statements) {
      if (connection.statements.size <= max) break;
      // The newest is about to run, and may be the only one without a cursor.
      if (id === statementId || this.#owner.cursors.holds(connection, id)) continue;
      connection.statements.delete(key);
      connection.write(closeFrame(id));
      (connection.home as Server).noteStatementClosed();
    }
  }

  #fail(error: ProtocolError): void {
    const statement = this.statement as Statement;
    this.#reset();
    this.#owner.statementFailed(statement, error);
  }

  #reset(): void {
    this.#resumePaused();
    this.#resumeClient();
    this.phase = 'idle';
    this.connection = undefined;
    this.statement = undefined;
    this.#onLane = false;
    this.#afterUnheard = undefined;
    this.#steps = [];
    this.#captured = [];
    this.#killed = undefined;
    this.#afterKill = undefined;
  }
}

/** How a statement ends that was none but for the session's state. */
const NO_ROWS: StatementOutcome = {
  ok: true,
  errorCode: 0,
  rowsAffected: 0,
  rowsSent: 0,
  lastInsertId: 0,
  warnings: 0,
  error: undefined,
};

function errorOf(killed: KilledAnswer): ProtocolError {
  return killed.reason === 'timeout' ? errors.queryTimeout() : errors.queryInterrupted();
}

/** By it MySQL tells the id of each transaction with its OK. */
const TRACKING = ['session_track_gtids', "'OWN_GTID'"] as const;

/** Within a transaction a server does not take it: what the connection tells stays as it is. */
function trackingLike(wanted: MirroredState, actual: MirroredState): MirroredState {
  const [name] = TRACKING;
  return withVariables(wanted, [[name, actual.variables.get(name) ?? 'DEFAULT']]);
}

const SYNTAX_ERROR = 1064;

/** A SET that failed has set nothing, and a text that no server could read did nothing at all. */
function didNothing(facts: StatementFacts, errorCode: number): boolean {
  return !facts.multiStatement && (facts.kind === 'set' || errorCode === SYNTAX_ERROR);
}

function outcomeOf(walker: ResponseWalker): StatementOutcome {
  const ok = walker.ended !== 'error';
  return {
    ok,
    errorCode: ok ? 0 : walker.errorCode,
    rowsAffected: ok ? Number(walker.affectedRows) : 0,
    rowsSent: walker.rows,
    lastInsertId: ok ? walker.lastInsertId : 0,
    warnings: walker.warnings,
    error: ok ? undefined : walker.error,
  };
}

/** What the server gets: almost always the client's own bytes. */
function frameOf({ sentText, command, frame }: Statement): Buffer {
  if (sentText === undefined || command === 'execute') return frame;
  return commandFrame(command === 'prepare' ? Command.COM_STMT_PREPARE : Command.COM_QUERY, sentText);
}

/** The same text means something else in another schema or sql_mode: the whole mirrored state is part of the key. */
function statementKey(connection: BackendConnection, text: Buffer, cursorOf = ''): string {
  return `${connection.state.key}\0${cursorOf}\0${text.toString('latin1')}`;
}

/** The key of the statement at work, made once for all its executions in the same state. */
function keyOf(connection: BackendConnection, statement: Statement, prepared: PreparedStatement): string {
  const text = statement.sentText ?? prepared.text;
  if (wantsCursor(statement.frame)) return statementKey(connection, text, cursorOwner(statement));
  const stateKey = connection.state.key;
  if (prepared.keyMemo?.stateKey !== stateKey || prepared.keyMemo.text !== text)
    prepared.keyMemo = { stateKey, text, key: statementKey(connection, text) };
  return prepared.keyMemo.key;
}

/** A statement has one cursor: two of a client's with the same text must not share the server's while one is open. */
function cursorOwner(statement: Statement): string {
  return statement.prepared !== undefined && wantsCursor(statement.frame) ? `${statement.prepared.id}` : '';
}
