/**
 * One client's life after its login: reads a command, decides what becomes of it, and answers or has it run. This file
 * is the list of stages; each stage lives in a file of its own. It owns no socket and no pool.
 */
import { performance } from 'node:perf_hooks';
import type { UserEntry } from '../../runtime/snapshot.ts';
import type { ProcesslistRow } from '../../runtime/stats.ts';
import type { MysqlVariables } from '../../runtime/variables.ts';
import type { BackendConnection } from '../backend/backend-connection.ts';
import {
  type CharacterSet,
  loginState,
  type MirroredState,
  mirroredState,
  withSchema,
} from '../backend/mirrored-state.ts';
import type { ClientConnection } from '../frontend/client-connection.ts';
import { type BackendUser, SHAPE_CAPABILITIES } from '../hostgroup/connector.ts';
import type { HostgroupManager } from '../hostgroup/hostgroup-manager.ts';
import { AnswerFilter } from '../masks/answer-filter.ts';
import type { Counters } from '../observe/counters.ts';
import { Capability } from '../protocol/capabilities.ts';
import { charsetById, defaultCollationOf } from '../protocol/charsets.ts';
import { Command } from '../protocol/commands.ts';
import { errors, type ProtocolError } from '../protocol/errors.ts';
import { HEADER_BYTES } from '../protocol/framer.ts';
import { writeErr, writeOk } from '../protocol/ok-err-eof.ts';
import { MalformedPacket } from '../protocol/packet-reader.ts';
import { PacketWriter } from '../protocol/packet-writer.ts';
import { type QueryAttributes, splitQuery } from '../protocol/query-attributes.ts';
import type { CachedAnswer } from '../query-cache/query-cache.ts';
import type { ClassifyOptions } from '../sql/classify.ts';
import { SessionEffect } from '../sql/facts.ts';
import { tellOthers } from './aftermath.ts';
import { answerLocal, answerUnasked } from './answered-here.ts';
import { AtWork } from './at-work.ts';
import { throughCache } from './cached-statement.ts';
import type { WorkerContext, WorkerRuntime } from './context.ts';
import { Cursors } from './cursors.ts';
import { hostgroupOf, refusalOf } from './destination.ts';
import { FastForward } from './fast-forward.ts';
import { onFieldList } from './field-list.ts';
import { isPreparedKill, onKill, onProcessKill } from './kill-statement.ts';
import { Leases } from './leases.ts';
import { answerLocally, answerLocallyAfterRules } from './local-answers.ts';
import { logStatement } from './log-statement.ts';
import { isIndexGone, isStalePrepared } from './masking/error-texts.ts';
import { Guard } from './masking/guard.ts';
import { sayOwnId } from './own-connection-id.ts';
import { isInOrder } from './packet-order.ts';
import { PreparedStatements } from './prepared-statements.ts';
import { processlistRow } from './processlist-row.ts';
import { type CountedStatement, countEnd, recordStatement } from './record-statement.ts';
import { rewrite } from './rewritten.ts';
import { RuleStage } from './rule-stage.ts';
import type { RunOwner } from './run/run-owner.ts';
import type { StatementOutcome } from './run/statement-outcome.ts';
import { StatementRun } from './run/statement-run.ts';
import { sessionFlags } from './session-flags.ts';
import { sessionInfo } from './session-info.ts';
import { SetStage } from './set-stage.ts';
import { onInitDb, onSetOption, onStatistics, onUnknownCommand } from './small-commands.ts';
import { type Draft, draftOf, type Statement } from './statement.ts';
import {
  answerPrepare,
  onExecute,
  onFetch,
  onLongData,
  onPrepare,
  onStatementClose,
  onStatementReset,
} from './statement-commands.ts';
import { frameOf, isBlank, payloadFrame } from './statement-frames.ts';
import { Throttle } from './throttle.ts';
import { TimeLimits } from './time-limits.ts';
import { UnmirroredSets } from './unmirrored-sets.ts';

export interface SessionLogin {
  readonly connectionId: number;
  readonly user: UserEntry;
  readonly backendUser: BackendUser;
  readonly capabilities: number;
  readonly collationId: number;
  readonly schema: string;
}

/** Character sets in which the second byte of a character may be a quote or a backslash of ASCII. */
const ASCII_TRAIL_CHARSETS: ReadonlySet<string> = new Set(['big5', 'cp932', 'gbk', 'gb18030', 'sjis']);
const ASCII_TRAIL_BYTES: ClassifyOptions = { asciiTrailBytes: true };

const NO_OUTCOME = { rowsAffected: 0, rowsSent: 0, lastInsertId: 0 } as const;

/** Where the digest table shows statements that the query cache answered, as in ProxySQL. */
const CACHE_HOSTGROUP = -1;

/** Scratch of this worker: answers are encoded here and copied out, one at a time. */
const scratch = new PacketWriter();

export class Session implements RunOwner {
  readonly connectionId: number;
  readonly user: UserEntry;
  readonly backendUser: BackendUser;
  readonly capabilities: number;
  shape: number;
  /** Commands have the form that CLIENT_QUERY_ATTRIBUTES gives them. */
  readonly takesAttributes: boolean;
  readonly leases: Leases;
  readonly cursors: Cursors;
  client!: ClientConnection;
  state: MirroredState;
  /** A bigint beyond 2^53 - 1: a backend that takes over is told exactly this number. */
  lastInsertId: number | bigint = 0;
  /** The hostgroup whose connection has state that nobody can repeat elsewhere; -1 when there is none. */
  lockedHostgroup = -1;
  /** Warnings that the last answer counted; SHOW WARNINGS and the like do not count. */
  warned = 0;
  readonly unmirroredSets = new UnmirroredSets();
  readonly context: WorkerContext;
  readonly #loginState: MirroredState;
  readonly #run: StatementRun;
  readonly statements = new PreparedStatements();
  readonly limits = new TimeLimits();
  readonly rules: RuleStage;
  readonly atWork = new AtWork();
  readonly sets = new SetStage(this);
  readonly #connectedAtMs = Date.now();
  runtime: WorkerRuntime;
  #sequenceId = 0;
  readonly #guard = new Guard(this);
  readonly #admitted = (statement: Statement) => this.#carryOut(statement);
  #throttle: Throttle | undefined;
  /** Where the last statement failed: ProxySQL then takes a transaction for open. Only of use with sluice-strict off. */
  #failedOn: BackendConnection | undefined;
  #fastForward: FastForward | undefined;
  /** The statement that waits for its delay to be over. */
  #delayed: Statement | undefined;
  /** The statement at work was killed before it was anywhere. */
  #killedEarly = false;
  #quoting: ClassifyOptions | undefined;
  /** The character set that `#quoting` is of. */
  #quotingOf: CharacterSet | undefined;

  constructor(context: WorkerContext, login: SessionLogin) {
    this.context = context;
    this.runtime = context.runtime;
    this.connectionId = login.connectionId;
    this.user = login.user;
    this.backendUser = login.backendUser;
    this.capabilities = login.capabilities;
    this.shape = (login.capabilities & SHAPE_CAPABILITIES) >>> 0;
    this.takesAttributes = (login.capabilities & Capability.QUERY_ATTRIBUTES) !== 0;
    this.leases = new Leases(context.hostgroups, context.lingering, () => this.variables);
    this.cursors = new Cursors(this.leases);
    this.#run = new StatementRun(this);
    this.rules = new RuleStage(this, (draft) => this.#decided(draft));
    const names = charsetById(login.collationId) ?? defaultCollationOf(this.variables.defaultCharset);
    const schema = login.schema || login.user.defaultSchema || this.variables.defaultSchema;
    this.state = names === undefined ? mirroredState(schema, undefined) : loginState(schema, names.charset, names.name);
    this.#loginState = this.state;
  }

  get variables(): MysqlVariables {
    return this.runtime.variables;
  }

  get hostgroups(): HostgroupManager {
    return this.context.hostgroups;
  }

  get counters(): Counters {
    return this.context.counters;
  }

  get gtidSources(): WorkerRuntime['gtidSources'] {
    return this.runtime.gtidSources;
  }

  get pipelining(): boolean {
    const { multiplexing, connectionDelayMultiplexMs } = this.variables;
    return this.runtime.sluice.pipelining && multiplexing && connectionDelayMultiplexMs === 0;
  }

  get likeProxysql(): boolean {
    return !this.runtime.sluice.strict;
  }

  get sharesNothing(): boolean {
    return (
      this.leases.held.length === 0 &&
      this.lockedHostgroup < 0 &&
      !this.sets.awaitsTransaction &&
      this.state.variables.get('autocommit') !== '0'
    );
  }

  /** Nothing is at work and no transaction is open: a drain may end it. */
  get idle(): boolean {
    return this.atWork.idle && this.leases.inTransaction() === undefined;
  }

  /** Nobody reads what this user sends and gets; whoever is masked is read all the same. */
  get #goesUnread(): boolean {
    return this.user.fastForward && this.runtime.masking.of(this.user.username) === undefined;
  }

  /** What masking says has changed: bytes that nobody reads may not go on for a user who is masked now. */
  maskingChanged(): void {
    if (this.#fastForward === undefined || this.context.runtime.masking.of(this.user.username) === undefined) return;
    this.context.logger.info({ user: this.user.username }, 'a fast_forward session was ended: its user is masked now');
    this.client.destroy();
  }

  // ---------------------------------------------------------------- commands

  /** One command of the client; the payload is borrowed until the return: `frameOf` makes what may be kept. */
  onCommand(buffer: Buffer, start: number, end: number, sequenceId: number): void {
    this.runtime = this.context.runtime;
    this.#sequenceId = (sequenceId + 1) & 0xff;
    this.atWork.since = performance.now();
    if (sequenceId !== 0 && !isInOrder(buffer, start, end, sequenceId, this.capabilities))
      return this.#refuseDisorder();
    const command = buffer[start] ?? -1;
    if (this.#goesUnread && command !== Command.COM_QUIT && command !== Command.COM_CHANGE_USER) {
      return this.forwardAll(frameOf(buffer, start, end));
    }
    switch (command) {
      case Command.COM_QUERY:
        if (this.takesAttributes) return this.#onAttributedQuery(buffer, start + 1, end);
        return this.#onQuery(buffer, start + 1, end);
      case Command.COM_STMT_EXECUTE:
        return onExecute(this, buffer, start, end);
      case Command.COM_STMT_PREPARE:
        return onPrepare(this, buffer, start + 1, end);
      case Command.COM_STMT_CLOSE:
        return onStatementClose(this, buffer, start, end);
      case Command.COM_STMT_RESET:
        return onStatementReset(this, buffer, start, end);
      case Command.COM_STMT_FETCH:
        return onFetch(this, buffer, start, end);
      case Command.COM_STMT_SEND_LONG_DATA:
        return onLongData(this, buffer, start, end);
      case Command.COM_FIELD_LIST:
        return onFieldList(this, buffer, start, end);
      case Command.COM_PING:
        return this.answerOk();
      case Command.COM_INIT_DB:
        return onInitDb(this, buffer, start + 1, end);
      case Command.COM_SET_OPTION:
        return onSetOption(this, buffer, start, end);
      case Command.COM_RESET_CONNECTION:
        this.#resetSession();
        return this.answerOk();
      case Command.COM_STATISTICS:
        return onStatistics(this);
      case Command.COM_CHANGE_USER:
        return this.client.handOver(buffer.subarray(start, end));
      case Command.COM_QUIT:
        return this.client.quit();
      case Command.COM_PROCESS_KILL:
        return onProcessKill(this, buffer, start, end);
      default:
        return onUnknownCommand(this, command, buffer, start, end);
    }
  }

  #refuseDisorder(): void {
    this.context.logger.info({ user: this.user.username, session: this.connectionId }, 'packets out of order');
    // Not answerError: what the client has sent behind it may not be looked at.
    if (!this.likeProxysql) {
      writeErr(scratch, this.#sequenceId, errors.packetsOutOfOrder());
      this.client.write(scratch.take());
    }
    this.client.end();
  }

  /** From this command on a connection of the default hostgroup is this client's, and nobody reads what goes over it. */
  forwardAll(first: Buffer): void {
    this.atWork.begin('Fast forward', undefined, 0);
    this.#fastForward = new FastForward(this, first);
  }

  onTooLarge(sequenceId: number): void {
    this.#sequenceId = (sequenceId + 1) & 0xff;
    this.answerError(errors.packetTooLarge());
  }

  /** The client is gone: what it held goes back, what it waited for is given up. */
  onClosed(): void {
    this.#fastForward?.abandon();
    const running = this.#run.abandon();
    if (running !== undefined && this.variables.killBackendConnectionWhenDisconnect) {
      void this.context.kill(running, 'CONNECTION', this.backendUser);
    }
    this.leases.endAll();
    this.statements.clear();
  }

  // ---------------------------------------------------------------- COM_QUERY

  /** Rules, masking and all that follows see the text alone. */
  #onAttributedQuery(buffer: Buffer, start: number, end: number): void {
    let split: ReturnType<typeof splitQuery>;
    try {
      split = splitQuery(buffer, start, end);
    } catch (error) {
      if (error instanceof MalformedPacket) return this.answerError(errors.malformedPacket());
      throw error;
    }
    const { text, attributes } = split;
    const payload = payloadFrame(Command.COM_QUERY, text);
    this.#onQuery(payload, HEADER_BYTES + 1, payload.length, attributes);
  }

  #onQuery(buffer: Buffer, start: number, end: number, attributes?: QueryAttributes): void {
    const startedAt = this.atWork.since;
    this.context.counters.Questions += 1;
    const entry = this.runtime.digests.lookup(buffer, start, end);
    const facts = this.runtime.digests.factsOf(entry, buffer, start, end, this.quoting());
    const local = answerLocally(this, facts, buffer, start, end);
    if (facts.kind === 'commit' || facts.kind === 'rollback') countEnd(this, facts, local !== undefined);
    if (local !== undefined) return answerUnasked(this, local, entry, facts, startedAt);
    const frame = frameOf(buffer, start - 1, end);
    this.atWork.begin('Query', frame, HEADER_BYTES + 1);
    const draft = draftOf('query', frame, entry, facts, this.state.schema, startedAt);
    draft.faithful = this.runtime.digests.faithful;
    if (attributes !== undefined) draft.attributes = attributes;
    this.rules.decide(draft, entry, buffer, start, end, true, this.rules.annotations());
  }

  #decided(draft: Draft): void {
    const { decision } = draft;
    rewrite(draft, decision, this.runtime.digests, this.quoting());
    draft.hostgroup = hostgroupOf(this, decision, draft.facts);
    const statement: Statement = draft;
    const { facts } = statement;
    const refused = refusalOf(this, decision, facts, facts.kind === 'empty' && isBlank(statement.frame));
    if (refused !== undefined) {
      this.record(statement, 0, 0);
      if (this.context.eventsLog.on) logStatement(this, statement, NO_OUTCOME, '');
      return refused === 'ok' ? this.answerOk({ info: decision.okMsg }) : this.answerError(refused);
    }
    const view = this.runtime.masking.of(this.user.username);
    if (view === undefined) {
      this.#guard.unjudged(facts);
      return this.#carryOut(statement);
    }
    this.#guard.admit(statement, view, this.#admitted);
  }

  /** Nothing more speaks against it: answers it here or has it run. */
  #carryOut(statement: Statement): void {
    const { facts } = statement;
    if (facts.kind === 'kill' && statement.command !== 'prepare') return onKill(this, statement);
    if (!this.likeProxysql && isPreparedKill(statement)) return this.statementFailed(statement, errors.notPreparable());
    if (statement.command === 'query' && facts.kind === 'set' && !facts.multiStatement) return this.sets.run(statement);
    if (statement.command === 'query') {
      const local = answerLocallyAfterRules(this, statement);
      if (local !== undefined) {
        this.record(statement, 0, 0);
        return answerLocal(this, local);
      }
    }
    if ((facts.effects & SessionEffect.CONNECTION_ID) !== 0) sayOwnId(statement, this.connectionId);
    this.runOnServer(statement);
  }

  /** More rows of a cursor. */
  runFetch(statement: Statement): void {
    const view = this.runtime.masking.of(this.user.username);
    if (view === undefined || view.dryRun) return this.runOnServer(statement);
    const filter = this.#guard.fetchFilter(statement, view);
    if (filter instanceof AnswerFilter) return this.runOnServer({ ...statement, filter });
    this.statementFailed(statement, filter);
  }

  runOnServer(statement: Statement): void {
    if (statement.command !== 'prepare' && statement.command !== 'fetch') this.sets.lockIfNeeded(statement);
    this.sets.tellWaitTimeout(statement);
    if (statement.facts.command === 'SELECT_FOR_UPDATE' && this.state.variables.get('autocommit') === '0')
      this.context.counters.Selects_for_update__autocommit0 += 1;
    // An answer may be made of the attributes.
    if (statement.decision.cacheTtlMs > 0 && statement.attributes === undefined) {
      const cached = throughCache(this, statement, this.context.queryCache);
      if ('answer' in cached) return this.#answerFromCache(statement, cached.answer);
      return this.send(cached.statement);
    }
    this.send(statement);
  }

  /** What was asked before is forgotten with it, as with any statement. */
  #answerFromCache(statement: Statement, answer: CachedAnswer): void {
    this.leases.passBy(undefined);
    this.record({ ...statement, hostgroup: CACHE_HOSTGROUP }, 0, answer.rows);
    if (this.context.eventsLog.on) {
      logStatement(this, statement, { rowsAffected: 0, rowsSent: answer.rows, lastInsertId: 0 }, '');
    }
    this.throttle?.note(answer.bytes.length, this.variables.throttleMaxBytesPerSecondToClient);
    this.client.write(answer.bytes);
    this.ready();
  }

  /** Past the query cache. */
  send(statement: Statement): void {
    if (this.#killedEarly) return this.statementFailed(statement, errors.queryInterrupted());
    const { mirrorHostgroup, mirrorFlagOut } = statement.decision;
    if (mirrorHostgroup >= 0 || mirrorFlagOut >= 0) this.context.mirror.offer(this, statement);
    this.leases.passBy(this.leases.find(statement.hostgroup));
    const throttledMs = this.throttle?.waitMs ?? 0;
    const delayMs = Math.max(statement.decision.delayMs, this.variables.defaultQueryDelay, throttledMs);
    if (delayMs <= 0) return this.#run.run(statement);
    const ready = { ...statement, startedAt: statement.startedAt + delayMs };
    this.#delayed = ready;
    this.context.clock.after(delayMs, () => {
      if (this.#delayed !== ready) return;
      this.#delayed = undefined;
      if (!this.client.closed) this.#run.run(ready);
    });
  }

  /** Called now and then, for everything that is due by the clock. Costs next to nothing when nothing is. */
  sweep(nowMs: number): void {
    this.#run.sweep();
    const overdue = this.limits.overdue(this, this.context.runtime.variables, nowMs);
    if (overdue === undefined) return;
    const { context, user, connectionId } = this;
    context.logger.warn(
      { user: user.username, session: connectionId, limit: overdue },
      'session ended by a time limit',
    );
    this.client.destroy();
  }

  get idleSinceMs(): number | undefined {
    return this.atWork.idleSinceMs;
  }

  killQuery(connection: BackendConnection): Promise<void> {
    return this.context.kill(connection, 'QUERY', this.backendUser);
  }

  /** Another session of the same user killed this one, or its query. */
  killed(what: 'QUERY' | 'CONNECTION'): void {
    if (what === 'QUERY') return this.#killStatement();
    const connection = this.#run.connection;
    if (connection !== undefined) void this.context.kill(connection, what, this.backendUser);
    this.client.destroy();
  }

  #killStatement(): void {
    const delayed = this.#delayed;
    this.#delayed = undefined;
    if (delayed !== undefined) return this.statementFailed(delayed, errors.queryInterrupted());
    if (this.#run.statement !== undefined) return this.#run.kill('kill');
    // Rules or masking have still to say what becomes of it.
    this.#killedEarly = !this.atWork.idle;
  }

  // ---------------------------------------------------------------- the run reports

  statementDone(
    statement: Statement,
    outcome: StatementOutcome,
    prepareAnswer: Buffer | undefined,
    connection: BackendConnection,
  ): void {
    if (outcome.lastInsertId !== 0) this.lastInsertId = outcome.lastInsertId;
    this.#failedOn = outcome.ok ? undefined : connection;
    if ((statement.facts.effects & SessionEffect.WARNINGS) === 0) this.warned = outcome.ok ? outcome.warnings : 0;
    tellOthers(this, statement, outcome.ok);
    this.sets.done(statement, outcome.ok);
    if (prepareAnswer !== undefined) answerPrepare(this, statement, outcome, prepareAnswer);
    // Fetching is part of a statement that was counted when it opened its cursor.
    const endedAt = connection.answeredAtMs;
    if (statement.command !== 'fetch') this.record(statement, outcome.rowsAffected, outcome.rowsSent, endedAt);
    if (this.context.eventsLog.on) logStatement(this, statement, outcome, nameOf(connection));
    this.limits.statementDone(this);
    if (statement.stateOnly) return this.answerOk({ warnings: outcome.warnings });
    this.ready(endedAt);
  }

  serverRefused(statement: Statement, { home }: BackendConnection, error: ProtocolError): void {
    if (isIndexGone(statement, error) || isStalePrepared(statement, error)) this.context.masking.definitionsChanged();
    this.context.errorStats.record(home, this.user.username, this.client.address, statement.schema, error);
  }

  statementFailed(statement: Statement, error: ProtocolError): void {
    this.sets.done(statement, false);
    this.record(statement, 0, 0);
    if (this.context.eventsLog.on) logStatement(this, statement, NO_OUTCOME, '');
    const indexGone = isIndexGone(statement, error);
    if (indexGone) this.context.masking.definitionsChanged();
    if (!this.client.closed) this.answerError(indexGone ? errors.indexGone() : error);
  }

  get throttle(): Throttle | undefined {
    if (this.variables.throttleMaxBytesPerSecondToClient === 0) return undefined;
    this.#throttle ??= new Throttle(this.context.clock);
    return this.#throttle;
  }

  takeNextTransaction(): readonly string[] {
    return this.sets.takeNextTransaction();
  }

  /** @param endedAt `performance.now()` at the end of the answer */
  record(statement: CountedStatement, rowsAffected: number, rowsSent: number, endedAt = performance.now()): void {
    const { context, variables, user, client } = this;
    recordStatement(context, variables, user.username, client.address, statement, rowsAffected, rowsSent, endedAt);
  }

  // ---------------------------------------------------------------- answers

  answerOk(
    options: {
      readonly info?: string | undefined;
      readonly affectedRows?: number;
      readonly warnings?: number;
      readonly trackedSchema?: string;
    } = {},
  ): void {
    writeOk(scratch, this.#sequenceId, {
      affectedRows: options.affectedRows ?? 0,
      lastInsertId: 0,
      statusFlags: this.statusFlags(),
      warnings: options.warnings ?? 0,
      info: options.info ?? '',
      trackedSchema: options.trackedSchema,
    });
    this.#finish();
  }

  answerError(error: ProtocolError): void {
    this.context.counters.generated_error_packets += 1;
    writeErr(scratch, this.#sequenceId, error);
    this.#finish();
  }

  statusFlags(): number {
    return sessionFlags(this, this.#failedOn);
  }

  /** Sends what `write` encodes as the answer to the command. */
  answer(write: (writer: PacketWriter, sequenceId: number) => void): void {
    write(scratch, this.#sequenceId);
    this.#finish();
  }

  #finish(): void {
    this.client.write(scratch.take());
    this.ready();
  }

  /** @param now `performance.now()` at the end of the answer */
  ready(now = performance.now()): void {
    this.#killedEarly = false;
    this.atWork.end(now);
    this.client.ready();
  }

  /** How the server reads this client's bytes, as far as it is known; what is not, is read in every way. */
  quoting(): ClassifyOptions | undefined {
    const { names } = this.state;
    if (names !== this.#quotingOf) {
      this.#quotingOf = names;
      this.#quoting = names !== undefined && ASCII_TRAIL_CHARSETS.has(names.charset) ? ASCII_TRAIL_BYTES : undefined;
    }
    return this.#quoting;
  }

  #resetSession(): void {
    this.#run.forget();
    this.leases.endAll();
    this.cursors.clear();
    this.statements.clear();
    // Servers and ProxySQL stay in the schema.
    this.state = withSchema(this.#loginState, this.state.schema);
    this.#guard.reset();
    this.lockedHostgroup = -1;
    this.unmirroredSets.clear();
    this.lastInsertId = 0;
    this.rules.reset();
    this.sets.reset();
    this.limits.waitTimeoutMs = 0;
  }

  // ---------------------------------------------------------------- for the processlist

  /** What PROXYSQL INTERNAL SESSION shows. */
  info(): unknown {
    return sessionInfo(this);
  }

  get ageMs(): number {
    return Date.now() - this.#connectedAtMs;
  }

  row(): ProcesslistRow {
    return processlistRow(this, this.#run);
  }
}

function nameOf({ home }: BackendConnection): string {
  return `${home.hostname}:${home.port}`;
}
