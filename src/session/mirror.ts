/**
 * Mirroring: a copy of a client's statement runs on another hostgroup, and what comes of it interests nobody. It is
 * dropped rather than waited for: the client never notices. Source: ProxySQL, surface of mirroring.
 */
import { performance } from 'node:perf_hooks';
import type { MysqlVariables } from '../../runtime/variables.ts';
import type { BackendConnection } from '../backend/backend-connection.ts';
import { type MirroredState, mirroredState } from '../backend/mirrored-state.ts';
import { errors } from '../protocol/errors.ts';
import { type Decision, NO_DECISION } from '../rules/decision.ts';
import { SessionEffect } from '../sql/facts.ts';
import { RingQueue } from '../util/ring-queue.ts';
import { afterRules } from './after-rules.ts';
import type { WorkerContext } from './context.ts';
import { Cursors } from './cursors.ts';
import { classMemo, isInput, tryDecide } from './decide.ts';
import { Leases } from './leases.ts';
import { recordStatement } from './record-statement.ts';
import { rewrite } from './rewritten.ts';
import type { Session } from './session.ts';
import type { Draft, Statement } from './statement.ts';
import { textRange } from './statement-frames.ts';
import { type RunClient, type RunOwner, type StatementOutcome, StatementRun } from './statement-run.ts';
import { UnmirroredSets } from './unmirrored-sets.ts';

/** Longer statements are not mirrored, in bytes; ProxySQL's limit is about the same. */
export const mirroredStatementBytesMax = 15 * 1024 * 1024;

/** Bytes of statements that may wait to be mirrored in a worker, however few they are. */
export const mirrorQueueBytesMax = 64 * 1024 * 1024;

/** Answers that nobody reads have no particular shape. */
const SHAPE = 0;

const NOBODY: RunClient = {
  socket: { pause: () => undefined, resume: () => undefined, writableLength: 0 },
  write: () => true,
  sentAll: true,
  onceDrained: () => undefined,
  destroy: () => undefined,
  takeFile: () => undefined,
};

interface Copy {
  readonly statement: Statement;
  /** Of the client that sent it; only what does not change. */
  readonly session: Pick<Session, 'user' | 'backendUser'> & { readonly clientAddress: string };
  readonly state: MirroredState;
}

export class Mirror {
  readonly #contextOf: () => WorkerContext;
  readonly #queue = new RingQueue<Copy>();
  readonly #running = new Set<MirrorRun>();
  #queuedBytes = 0;

  /** The context holds the mirror, and so is not there before it. */
  constructor(contextOf: () => WorkerContext) {
    this.#contextOf = contextOf;
  }

  get #context(): WorkerContext {
    return this.#contextOf();
  }

  /** Takes a copy of a statement whose decision says so, or lets it go. */
  offer(session: Session, statement: Statement): void {
    const { decision, facts, frame } = statement;
    if (statement.command !== 'query' || frame.length > mirroredStatementBytesMax) return;
    if ((facts.effects & SessionEffect.LOCAL_INFILE) !== 0) return;
    if (decision.mirrorFlagOut < 0) return this.#take(session, statement, NO_DECISION, decision.mirrorHostgroup);
    const { runtime } = session;
    const { buffer, start, end } = textRange(frame);
    const flagIn = decision.mirrorFlagOut;
    const { entry } = statement;
    const decided = tryDecide(runtime, session, classMemo(), entry, buffer, start, end, flagIn, true);
    if (!isInput(decided)) return this.#take(session, statement, decided, decision.mirrorHostgroup);
    this.#context.matcher.decide(decided, runtime.rulesGeneration).then(
      (late) => {
        const result = afterRules(runtime, entry, session, flagIn, late);
        this.#take(session, statement, result, decision.mirrorHostgroup);
      },
      () => undefined,
    );
  }

  /** Called now and then: mirrored statements have time limits, too. */
  sweep(): void {
    for (const run of this.#running) run.sweep();
  }

  /** Gives everything up. */
  close(): void {
    while (this.#queue.shift() !== undefined);
    for (const run of this.#running) run.abandon();
    this.#running.clear();
  }

  #take(session: Session, original: Statement, decision: Decision, mirrorHostgroup: number): void {
    if (decision.errorMsg !== undefined || decision.okMsg !== undefined) return;
    const { variables } = this.#context.runtime;
    const hostgroup =
      decision.destinationHostgroup >= 0
        ? decision.destinationHostgroup
        : mirrorHostgroup >= 0
          ? mirrorHostgroup
          : session.user.defaultHostgroup;
    const statement: Draft = { ...original, ...NO_HOOKS, hostgroup, startedAt: performance.now() };
    rewrite(statement, decision, session.runtime.digests, session.quoting());
    if (decision.rewrittenQuery !== undefined) statement.sentText = undefined;
    statement.frame = Buffer.from(statement.frame);
    statement.decision = { ...decision, cacheTtlMs: -1, mirrorHostgroup: -1, mirrorFlagOut: -1 };
    const copy: Copy = {
      statement,
      session: { user: session.user, backendUser: session.backendUser, clientAddress: session.client.address },
      state: mirroredState(session.state.schema, session.state.names),
    };
    if (this.#running.size < variables.mirrorMaxConcurrency) return this.#run(copy);
    const full = this.#queue.length >= variables.mirrorMaxQueueLength;
    if (full || this.#queuedBytes + statement.frame.length > mirrorQueueBytesMax) return;
    this.#queue.push(copy);
    this.#queuedBytes += statement.frame.length;
    this.#count();
  }

  #run(copy: Copy): void {
    const run = new MirrorRun(this.#context, copy, () => {
      this.#running.delete(run);
      this.#count();
      this.#next();
    });
    this.#running.add(run);
    this.#count();
    run.start();
  }

  /** In a turn of its own: a queue of statements that fail at once is no recursion. */
  #next(): void {
    if (this.#queue.length === 0) return;
    setImmediate(() => {
      if (this.#running.size >= this.#context.runtime.variables.mirrorMaxConcurrency) return;
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#queuedBytes -= next.statement.frame.length;
      this.#run(next);
    });
  }

  #count(): void {
    const { counters } = this.#context;
    counters.Mirror_concurrency = this.#running.size;
    counters.Mirror_queue_length = this.#queue.length;
  }
}

const NO_SOURCES: ReadonlySet<number> = new Set();

/** What looks at the answer of the original has no business with that of the copy. */
const NO_HOOKS = { tee: undefined, filter: undefined, viewKey: undefined } as const;

/** One mirrored statement and the session it would have. */
class MirrorRun implements RunOwner {
  readonly client = NOBODY;
  readonly leases: Leases;
  readonly cursors: Cursors;
  readonly unmirroredSets = new UnmirroredSets();
  /** Copies have connections of their own: they must not hold up anybody. */
  readonly pipelining = false;
  readonly sharesNothing = true;
  readonly explains = false;
  readonly throttle = undefined;
  /** Nobody reads after a copy. */
  readonly gtidSources = NO_SOURCES;
  readonly shape = SHAPE;
  readonly lastInsertId = 0;
  readonly state: MirroredState;
  readonly backendUser: Session['backendUser'];
  readonly #context: WorkerContext;
  readonly #copy: Copy;
  readonly #onOver: () => void;
  readonly #run = new StatementRun(this);

  constructor(context: WorkerContext, copy: Copy, onOver: () => void) {
    this.#context = context;
    this.#copy = copy;
    this.#onOver = onOver;
    this.leases = new Leases(context.hostgroups, context.lingering);
    this.cursors = new Cursors(this.leases);
    this.state = copy.state;
    this.backendUser = copy.session.backendUser;
  }

  get hostgroups(): WorkerContext['hostgroups'] {
    return this.#context.hostgroups;
  }

  get counters(): WorkerContext['counters'] {
    return this.#context.counters;
  }

  get variables(): MysqlVariables {
    return this.#context.runtime.variables;
  }

  start(): void {
    this.#run.run(this.#copy.statement);
  }

  sweep(): void {
    this.#run.sweep();
  }

  abandon(): void {
    this.#run.abandon();
    this.leases.endAll();
  }

  takeNextTransaction(): readonly string[] {
    return [];
  }

  killQuery(connection: BackendConnection): Promise<void> {
    return this.#context.kill(connection, 'QUERY', this.backendUser);
  }

  statementDone(statement: Statement, outcome: StatementOutcome): void {
    this.#over(statement, outcome.rowsAffected, outcome.rowsSent);
  }

  serverRefused(statement: Statement, { home }: BackendConnection, error = errors.lostConnection()): void {
    const { user, clientAddress } = this.#copy.session;
    this.#context.errorStats.record(home, user.username, clientAddress, statement.schema, error);
  }

  statementFailed(statement: Statement): void {
    this.#over(statement, 0, 0);
  }

  #over(statement: Statement, rowsAffected: number, rowsSent: number): void {
    const { user, clientAddress } = this.#copy.session;
    recordStatement(
      this.#context,
      this.variables,
      user.username,
      clientAddress,
      statement,
      rowsAffected,
      rowsSent,
      performance.now(),
    );
    // What the statement left on its connection ends here.
    this.leases.endAll();
    this.#onOver();
  }
}
