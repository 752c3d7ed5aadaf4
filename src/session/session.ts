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
  type MirroredState,
  mirroredState,
  withNames,
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
import { StatusFlag } from '../protocol/status-flags.ts';
import type { CachedAnswer } from '../query-cache/query-cache.ts';
import { type Annotations, annotated, mayAnnotate, parseAnnotations } from '../rules/annotations.ts';
import type { Decision } from '../rules/decision.ts';
import { RuleTimeout } from '../rules/matcher-thread.ts';
import type { ClassifyOptions } from '../sql/classify.ts';
import type { DigestEntry } from '../sql/digest-cache.ts';
import { droppedSchemas } from '../sql/dropped-schemas.ts';
import { SessionEffect, type StatementFacts } from '../sql/facts.ts';
import { afterRules } from './after-rules.ts';
import { throughCache } from './cached-statement.ts';
import { accountsChanged } from './changed-rights.ts';
import { decodeText } from './client-text.ts';
import type { WorkerContext, WorkerRuntime } from './context.ts';
import { Cursors } from './cursors.ts';
import { classMemo, isInput, tryDecide } from './decide.ts';
import { hostgroupOf, locksSession, reachOf, refusalOf } from './destination.ts';
import { FastForward } from './fast-forward.ts';
import { onFieldList } from './field-list.ts';
import { onKill, onProcessKill } from './kill-statement.ts';
import { Leases, pinNames } from './leases.ts';
import { answerLocally, answerLocallyAfterRules, type LocalAnswer } from './local-answers.ts';
import { logStatement } from './log-statement.ts';
import { mayDefine } from './masking/definitions.ts';
import { isIndexGone, isStalePrepared } from './masking/error-texts.ts';
import { Guard } from './masking/guard.ts';
import { PreparedStatements } from './prepared-statements.ts';
import { connectionFlags } from './processlist-row.ts';
import { type CountedStatement, recordStatement } from './record-statement.ts';
import { rewrite } from './rewritten.ts';
import { sessionInfo } from './session-info.ts';
import { applySet } from './set-statement.ts';
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
import { frameOf, isBlank, payloadFrame, textOf } from './statement-frames.ts';
import { type RunOwner, type StatementOutcome, StatementRun } from './statement-run.ts';
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

const SCHEMA_OF_EVERY_SERVER = 'information_schema';

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
  readonly unmirroredSets = new UnmirroredSets();
  readonly context: WorkerContext;
  readonly #loginState: MirroredState;
  readonly #run: StatementRun;
  readonly statements = new PreparedStatements();
  readonly #limits = new TimeLimits();
  readonly #classMemo = classMemo();
  /** What the user's own attributes say of comment annotations; undefined: the variable holds. */
  readonly #mayAnnotate: boolean | undefined;
  readonly #connectedAtMs = Date.now();
  runtime: WorkerRuntime;
  #sequenceId = 0;
  readonly #guard = new Guard(this);
  readonly #admitted = (statement: Statement) => this.#carryOut(statement);
  #nextFlagIn = -1;
  /** While a SET that is mirrored is with a server: the state to go back to should it fail. */
  #stateBeforeSet: MirroredState | undefined;
  #throttle: Throttle | undefined;
  /** Where the last statement failed: ProxySQL then takes a transaction for open. Only of use with sluice-strict off. */
  #failedOn: BackendConnection | undefined;
  #fastForward: FastForward | undefined;
  /** SET TRANSACTION statements that wait for the next transaction; each may say something else of it. */
  #nextTransaction: string[] = [];
  /** What is at work, for the processlist; the text is decoded only when somebody looks. */
  #commandName = 'Sleep';
  #commandText: Buffer | undefined;
  #commandTextAt = 0;
  #quoting: ClassifyOptions | undefined;
  /** The character set that `#quoting` is of. */
  #quotingOf: CharacterSet | undefined;
  /** `performance.now()` at the last command, or at the end of its answer. */
  #commandSince = performance.now();

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
    this.#mayAnnotate = mayAnnotate(login.user.attributes);
    const names = charsetById(login.collationId) ?? defaultCollationOf(this.variables.defaultCharset);
    this.state = mirroredState(
      login.schema || login.user.defaultSchema || this.variables.defaultSchema,
      names === undefined ? undefined : { charset: names.charset, collation: names.name },
    );
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

  get gtidSources(): ReadonlySet<number> {
    return this.runtime.gtidSources;
  }

  get pipelining(): boolean {
    const { multiplexing, connectionDelayMultiplexMs } = this.variables;
    return this.runtime.sluice.pipelining && multiplexing && connectionDelayMultiplexMs === 0;
  }

  get explains(): boolean {
    return this.runtime.sluice.strict;
  }

  get sharesNothing(): boolean {
    return (
      this.leases.held.length === 0 &&
      this.lockedHostgroup < 0 &&
      this.#nextTransaction.length === 0 &&
      this.state.variables.get('autocommit') !== '0'
    );
  }

  /** Nothing is at work and no transaction is open: a drain may end it. */
  get idle(): boolean {
    return this.#commandName === 'Sleep' && this.leases.inTransaction() === undefined;
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
    this.#commandSince = performance.now();
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

  /** From this command on a connection of the default hostgroup is this client's, and nobody reads what goes over it. */
  forwardAll(first: Buffer): void {
    this.begin('Fast forward', undefined, 0);
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
    const startedAt = this.#commandSince;
    this.context.counters.Questions += 1;
    const entry = this.runtime.digests.lookup(buffer, start, end);
    const facts = this.runtime.digests.factsOf(entry, buffer, start, end, this.quoting());
    const local = answerLocally(this, facts, buffer, start, end);
    if (facts.kind === 'commit' || facts.kind === 'rollback') this.#countEnd(facts, local !== undefined);
    if (local !== undefined) return this.#answerUnasked(local, entry, facts, startedAt);
    const frame = frameOf(buffer, start - 1, end);
    this.begin('Query', frame, HEADER_BYTES + 1);
    const draft = draftOf('query', frame, entry, facts, this.state.schema, startedAt);
    draft.faithful = this.runtime.digests.faithful;
    if (attributes !== undefined) draft.attributes = attributes;
    this.decide(draft, entry, buffer, start, end, true, this.annotations());
  }

  /** ProxySQL counts these before it looks whether a session is locked; a locked one's go to its server uncounted. */
  #countEnd({ kind }: StatementFacts, filtered: boolean): void {
    if (this.lockedHostgroup >= 0) return;
    const { counters } = this.context;
    if (kind === 'commit') {
      counters.Com_commit += 1;
      if (filtered) counters.Com_commit_filtered += 1;
    } else {
      counters.Com_rollback += 1;
      if (filtered) counters.Com_rollback_filtered += 1;
    }
  }

  /**
   * Rules in this thread, or in the matcher thread when they could take long; refuses what cannot be decided. What is
   * decided goes on its way.
   * @param entry of the text in `buffer[start, end)`, which the rules look at
   * @param mayRewrite the server has not got the text yet
   * @param annotations the ones that count
   */
  decide(
    draft: Draft,
    entry: DigestEntry,
    buffer: Buffer,
    start: number,
    end: number,
    mayRewrite: boolean,
    annotations: Annotations | undefined,
  ): void {
    const { runtime } = this;
    const flagIn = Math.max(this.#nextFlagIn, 0);
    const decided = tryDecide(runtime, this, this.#classMemo, entry, buffer, start, end, flagIn, mayRewrite);
    if (!isInput(decided)) return this.#decided(draft, entry, decided, annotations);
    this.context.matcher.decide(decided, runtime.rulesGeneration).then(
      (decision) => {
        if (this.client.closed) return;
        this.#decided(draft, entry, afterRules(runtime, entry, this, flagIn, decision), annotations);
      },
      (error: unknown) => {
        if (this.client.closed) return;
        const rule = error instanceof RuleTimeout ? ` (rule ${error.ruleId})` : '';
        this.context.logger.warn({ err: error, user: this.user.username }, 'query rules could not be evaluated');
        this.answerError(errors.notAllowed(`Query refused: the query rules could not be evaluated in time${rule}`));
      },
    );
  }

  #decided(draft: Draft, entry: DigestEntry, decision: Decision, annotations: Annotations | undefined): void {
    if (decision.hitRules.length > 0) this.#countHits(decision.hitRules);
    if (decision.dryRunRules.length > 0) this.#noteDryRun(entry, decision.dryRunRules);
    if (decision.firewall !== undefined) this.#noteFirewall(entry, decision.firewall);
    this.#nextFlagIn = decision.nextQueryFlagIn;
    draft.decision = annotations === undefined ? decision : annotated(decision, annotations);
    this.#afterDecision(draft);
  }

  #countHits(ruleIds: readonly number[]): void {
    const { ruleHits } = this.context;
    for (const ruleId of ruleIds) ruleHits.set(ruleId, (ruleHits.get(ruleId) ?? 0) + 1);
  }

  /** What the comment of the statement just looked up asks for, as far as this user may ask. */
  annotations(): Annotations | undefined {
    const comment = this.runtime.digests.firstComment;
    return comment === undefined || !this.mayAnnotate ? undefined : parseAnnotations(comment);
  }

  get mayAnnotate(): boolean {
    return this.#mayAnnotate ?? this.runtime.sluice.queryAnnotations;
  }

  /** The words are ProxySQL's. */
  #noteFirewall({ digestHex }: DigestEntry, verdict: 'unknown' | 'blocked'): void {
    const what = verdict === 'blocked' ? 'blocked query' : 'detected unknown query';
    const { username } = this.user;
    this.context.logger.warn(`Firewall ${what} with digest ${digestHex} from user ${username}@${this.client.address}`);
  }

  #noteDryRun({ digestHex, shownText }: DigestEntry, ruleIds: readonly number[]): void {
    const { username } = this.user;
    this.context.dryRunLog.note(ruleIds, {
      username,
      schema: this.state.schema,
      digest: digestHex,
      digestText: shownText,
    });
  }

  #afterDecision(draft: Draft): void {
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
    if (statement.command === 'query') {
      if (facts.kind === 'set' && !facts.multiStatement) return this.#onSet(statement);
      if (facts.kind === 'kill') return onKill(this, statement);
      const local = answerLocallyAfterRules(this, facts, statement.frame);
      if (local !== undefined) {
        this.record(statement, 0, 0);
        return this.#answerLocal(local);
      }
    }
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

  /** The proxy follows what the SET does to the session. */
  mirrorsSet(text: Buffer): boolean {
    return applySet(this.state, text.toString('utf8'), this.runtime.sluice.strict).kind === 'mirrored';
  }

  runOnServer(statement: Statement): void {
    if (statement.command !== 'prepare' && statement.command !== 'fetch') this.#lockIfNeeded(statement);
    if (statement.facts.command === 'SELECT_FOR_UPDATE' && this.state.variables.get('autocommit') === '0')
      this.context.counters.Selects_for_update__autocommit0 += 1;
    // An answer may be made of the attributes.
    if (statement.decision.cacheTtlMs > 0 && statement.attributes === undefined) {
      const cached = throughCache(this, statement, this.context.queryCache);
      if ('answer' in cached) return this.#answerFromCache(statement, cached.answer);
      return this.#start(cached.statement);
    }
    this.#start(statement);
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

  #start(statement: Statement): void {
    const { mirrorHostgroup, mirrorFlagOut } = statement.decision;
    if (mirrorHostgroup >= 0 || mirrorFlagOut >= 0) this.context.mirror.offer(this, statement);
    this.leases.passBy(this.leases.find(statement.hostgroup));
    const throttledMs = this.throttle?.waitMs ?? 0;
    const delayMs = Math.max(statement.decision.delayMs, this.variables.defaultQueryDelay, throttledMs);
    if (delayMs <= 0) return this.#run.run(statement);
    const ready = { ...statement, startedAt: statement.startedAt + delayMs };
    this.context.clock.after(delayMs, () => {
      if (!this.client.closed) this.#run.run(ready);
    });
  }

  /** Answered here when the proxy mirrors what it assigns; run on a server otherwise. */
  #onSet(statement: Statement): void {
    const inTransaction = this.leases.inTransaction() !== undefined;
    const text = textOf(statement);
    const result = applySet(this.state, text, this.runtime.sluice.strict);
    if (result.kind === 'forward') {
      // SET GLOBAL and its like leave nothing in the session.
      const stays = reachOf(statement, () => text) !== 'nothing';
      return this.runOnServer(stays ? statement : withoutEffects(statement, SessionEffect.SESSION_VARIABLE));
    }
    if (result.kind === 'refused') return this.answerError(result.error);
    if (result.kind === 'next-transaction') {
      // Within a transaction it is an error, which the server knows how to say; XA has none of its flags.
      if (inTransaction || this.leases.pinned) return this.runOnServer(statement);
      this.#nextTransaction.push(text);
      return this.answerOk();
    }
    const { counters } = this.context;
    if (result.autocommit) counters.Com_autocommit += 1;
    if (result.waitTimeoutS !== undefined) this.#limits.waitTimeoutMs = 1000 * result.waitTimeoutS;
    const before = this.state;
    this.state = result.state;
    // autocommit=1 commits what is open: the server has to do that itself. So it has where a statement that was not
    // mirrored (a prepared SET, one of several) may have set the same.
    const itself = (result.endsTransaction && inTransaction) || this.leases.pinned;
    if (itself || !result.certain) {
      this.#stateBeforeSet = before;
      // What is mirrored pins nothing.
      const unpinned = withoutEffects(statement, SessionEffect.SESSION_VARIABLE);
      return itself ? this.runOnServer(unpinned) : this.#start({ ...unpinned, stateOnly: true });
    }
    if (result.autocommit) counters.Com_autocommit_filtered += 1;
    this.record(statement, 0, 0);
    this.answerOk();
  }

  /** What a server refused, or could not be asked, is not set. */
  #setDone(statement: Statement, ok: boolean): void {
    const before = this.#stateBeforeSet;
    this.#stateBeforeSet = undefined;
    if (ok) this.#remember(statement);
    else if (before !== undefined) this.state = before;
  }

  #lockIfNeeded(statement: Statement): void {
    const reach = reachOf(statement, () => textOf(statement));
    if (!locksSession(this.variables, this, statement.decision, statement.facts, reach)) return;
    this.lockedHostgroup = statement.hostgroup;
    this.context.counters.hostgroup_locked_set_cmds += 1;
  }

  /** A SET was carried out on a server: its text is for the session's other connections, if it can be repeated. */
  #remember(statement: Statement): void {
    const { hostgroup, decision } = statement;
    const text = textOf(statement);
    const connection = this.leases.find(hostgroup);
    if (connection === undefined || decision.multiplex >= 0 || reachOf(statement, () => text) !== 'repeatable') return;
    if (!this.unmirroredSets.add(text, connection)) this.lockedHostgroup = hostgroup;
  }

  /** Called now and then, for everything that is due by the clock. Costs next to nothing when nothing is. */
  sweep(nowMs: number): void {
    this.#run.sweep();
    const overdue = this.#limits.overdue(this, this.context.runtime.variables, nowMs);
    if (overdue === undefined) return;
    const { context, user, connectionId } = this;
    context.logger.warn(
      { user: user.username, session: connectionId, limit: overdue },
      'session ended by a time limit',
    );
    this.client.destroy();
  }

  /** `Date.now()` since when no command is at work; undefined while one is. */
  get idleSinceMs(): number | undefined {
    return this.#commandName === 'Sleep' ? Date.now() - (performance.now() - this.#commandSince) : undefined;
  }

  killQuery(connection: BackendConnection): Promise<void> {
    return this.context.kill(connection, 'QUERY', this.backendUser);
  }

  /** Another session of the same user killed this one, or its query. */
  killed(what: 'QUERY' | 'CONNECTION'): void {
    if (what === 'QUERY') return this.#run.kill('kill');
    const connection = this.#run.connection;
    if (connection !== undefined) void this.context.kill(connection, what, this.backendUser);
    this.client.destroy();
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
    if (mayDefine(statement)) this.context.masking.definitionsChanged();
    if (outcome.ok) this.#tellOfRights(statement);
    if (statement.facts.kind === 'set' && statement.command === 'query') this.#setDone(statement, outcome.ok);
    if (outcome.ok && (statement.facts.effects & SessionEffect.DROP_SCHEMA) !== 0) {
      this.context.schemas.forget();
      this.#afterDrop(statement);
    }
    if (prepareAnswer !== undefined) answerPrepare(this, statement, outcome, prepareAnswer);
    // Fetching is part of a statement that was counted when it opened its cursor.
    const endedAt = connection.answeredAtMs;
    if (statement.command !== 'fetch') this.record(statement, outcome.rowsAffected, outcome.rowsSent, endedAt);
    if (this.context.eventsLog.on) logStatement(this, statement, outcome, nameOf(connection));
    this.#limits.statementDone(this);
    if (statement.stateOnly) return this.answerOk({ warnings: outcome.warnings });
    this.ready(endedAt);
  }

  #tellOfRights(statement: Statement): void {
    const accounts = accountsChanged(statement, this.user.username, this.context.runtime.backendUsers);
    if (accounts !== undefined) this.context.rightsChanged(accounts);
  }

  /**
   * Who drops the schema it is in is in none on a server. Here it is where no table can be written or dropped by a name without a
   * schema: mysql-default_schema may be one with data, and the schema that is gone would make every statement fail.
   */
  #afterDrop(statement: Statement): void {
    const { command, prepared } = statement;
    if (command !== 'query' && command !== 'execute') return;
    const bytes = prepared === undefined ? statement.frame.subarray(HEADER_BYTES + 1) : prepared.text;
    const text = decodeText(bytes, 0, bytes.length, this.state) ?? bytes.toString('utf8');
    if (!droppedSchemas(text).includes(this.state.schema)) return;
    this.state = withSchema(this.state, SCHEMA_OF_EVERY_SERVER);
  }

  serverRefused(statement: Statement, { home }: BackendConnection, error: ProtocolError): void {
    if (isIndexGone(statement, error) || isStalePrepared(statement, error)) this.context.masking.definitionsChanged();
    this.context.errorStats.record(home, this.user.username, this.client.address, statement.schema, error);
  }

  statementFailed(statement: Statement, error: ProtocolError): void {
    if (statement.facts.kind === 'set' && statement.command === 'query') this.#setDone(statement, false);
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
    const texts = this.#nextTransaction;
    if (texts.length > 0) this.#nextTransaction = [];
    return texts;
  }

  /** What the rules do not get to see counts as a statement all the same, in the schema it leaves. */
  #answerUnasked(local: LocalAnswer, entry: DigestEntry, facts: StatementFacts, startedAt: number): void {
    this.#answerLocal(local);
    const hostgroup = this.leases.inTransaction()?.home.hostgroup ?? this.user.defaultHostgroup;
    this.record({ entry, facts, hostgroup, schema: this.state.schema, startedAt }, 0, 0);
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

  /** Answers when it is known whether there is such a schema, or that nobody can say; see schema-check.ts. */
  useSchema(schema: string): void {
    const asked = this.askForSchema(schema, this.client.address);
    if (asked === undefined) return this.#enterSchema(schema);
    this.begin('Init DB', undefined, 0);
    void asked.then((refusal) => {
      if (this.client.closed) return;
      if (refusal === undefined) this.#enterSchema(schema);
      else this.answerError(refusal);
    });
  }

  /** See SchemaCheck.ask. */
  askForSchema(schema: string, clientAddress: string): Promise<ProtocolError | undefined> | undefined {
    const { user, backendUser, state, shape } = this;
    return this.context.schemas.ask({ user, who: { user, backendUser, clientAddress }, schema, state, shape });
  }

  #enterSchema(schema: string): void {
    this.state = withSchema(this.state, schema);
    const tracks = (this.capabilities & Capability.SESSION_TRACK) !== 0;
    this.answerOk(tracks ? { trackedSchema: schema } : {});
  }

  #answerLocal(answer: LocalAnswer): void {
    switch (answer.kind) {
      case 'ok':
        // COMMIT and ROLLBACK end what SET TRANSACTION said of the next transaction, with or without one.
        this.#nextTransaction = [];
        return this.answerOk();
      case 'error':
        return this.answerError(answer.error);
      case 'schema':
        this.context.counters.Com_frontend_use_db += 1;
        return this.useSchema(answer.schema);
      case 'names':
        this.context.counters.Com_frontend_set_names += 1;
        this.state = withNames(this.state, answer.names);
        return this.answerOk();
      case 'resultset':
        answer.write(scratch, this.#sequenceId, this.statusFlags(), (this.shape & Capability.DEPRECATE_EOF) !== 0);
        return this.#finish();
    }
  }

  statusFlags(): number {
    // By this flag clients know how to quote: what they put in '…' must not end it.
    const quoting = /no_backslash_escapes/i.test(this.state.variables.get('sql_mode') ?? '')
      ? StatusFlag.NO_BACKSLASH_ESCAPES
      : 0;
    return quoting | this.#transactionFlags();
  }

  #transactionFlags(): number {
    if (!this.runtime.sluice.strict && (this.#failedOn?.pins ?? 0) !== 0)
      return StatusFlag.IN_TRANS | StatusFlag.AUTOCOMMIT;
    const transaction = this.leases.inTransaction();
    const inTransaction =
      transaction === undefined ? 0 : StatusFlag.IN_TRANS | (transaction.statusFlags & StatusFlag.IN_TRANS_READONLY);
    // What nobody mirrors (a prepared SET, one of several statements) is as the connection has it.
    const locked =
      this.lockedHostgroup < 0
        ? this.leases.pinnedBy(SessionEffect.SESSION_VARIABLE)
        : this.leases.find(this.lockedHostgroup);
    if (locked !== undefined && locked.state.variables.get('autocommit') === this.state.variables.get('autocommit')) {
      return (locked.statusFlags & StatusFlag.AUTOCOMMIT) | inTransaction;
    }
    return (this.state.variables.get('autocommit') === '0' ? 0 : StatusFlag.AUTOCOMMIT) | inTransaction;
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
    this.#commandName = 'Sleep';
    this.#commandText = undefined;
    this.#commandSince = now;
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

  /** A command is at work: its text, which is the session's to keep, begins at `textAt`. */
  begin(name: string, text: Buffer | undefined, textAt: number): void {
    this.#commandName = name;
    this.#commandText = text;
    this.#commandTextAt = textAt;
  }

  #resetSession(): void {
    this.#run.forget();
    this.leases.endAll();
    this.cursors.clear();
    this.statements.clear();
    this.state = this.#loginState;
    this.#guard.reset();
    this.lockedHostgroup = -1;
    this.unmirroredSets.clear();
    this.lastInsertId = 0;
    this.#nextFlagIn = -1;
    this.#nextTransaction = [];
    this.#limits.waitTimeoutMs = 0;
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
    const connection = this.#run.connection ?? this.leases.held[0];
    const pins = this.leases.held.flatMap((held) => [
      ...pinNames(held.pins),
      ...(held.inTransaction ? ['TRANSACTION'] : []),
    ]);
    return {
      threadId: this.context.workerIndex,
      sessionId: this.connectionId,
      user: this.user.username,
      db: this.state.schema,
      cliHost: this.client.address,
      cliPort: this.client.port,
      hostgroup: connection?.home.hostgroup ?? this.user.defaultHostgroup,
      lSrvHost: connection?.localAddress ?? null,
      lSrvPort: connection?.localPort ?? null,
      srvHost: connection?.home.hostname ?? null,
      srvPort: connection?.home.port ?? null,
      command: this.#commandName,
      timeMs: Math.round(performance.now() - this.#commandSince),
      info: this.#commandText?.toString('utf8', this.#commandTextAt) ?? null,
      statusFlags: connection === undefined ? null : connectionFlags(connection, this.lockedHostgroup),
      extendedInfo: this.#extendedInfo(pins),
    };
  }

  /** Why the session keeps its connection; nothing, compact or for people, by mysql-show_processlist_extended. */
  #extendedInfo(pinned: readonly string[]): string | null {
    const { showProcesslistExtended } = this.context.runtime.variables;
    if (showProcesslistExtended === 0) return null;
    const info = {
      phase: this.#run.phase,
      pinned,
      connected_ms: Date.now() - this.#connectedAtMs,
    };
    return JSON.stringify(info, null, showProcesslistExtended === 2 ? 2 : 0);
  }
}

function withoutEffects(statement: Statement, effects: number): Statement {
  return { ...statement, facts: { ...statement.facts, effects: statement.facts.effects & ~effects } };
}

function nameOf({ home }: BackendConnection): string {
  return `${home.hostname}:${home.port}`;
}
