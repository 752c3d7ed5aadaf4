/**
 * Mirroring: a copy of a client's statement runs on another hostgroup, and what comes of it interests nobody. It is
 * dropped rather than waited for: the client never notices. Source: ProxySQL, surface of mirroring.
 */
import { performance } from 'node:perf_hooks';
import { type MirroredState, mirroredState } from '../backend/mirrored-state.ts';
import { type Decision, NO_DECISION } from '../rules/decision.ts';
import { SessionEffect } from '../sql/facts.ts';
import { RingQueue } from '../util/ring-queue.ts';
import { afterRules } from './after-rules.ts';
import type { WorkerContext } from './context.ts';
import { classMemo, isInput, tryDecide } from './decide.ts';
import { type DetachedEnd, DetachedRun, type DetachedUser } from './detached-run.ts';
import { recordStatement } from './record-statement.ts';
import { rewrite } from './rewritten.ts';
import type { Session } from './session.ts';
import type { Draft, Statement } from './statement.ts';
import { textRange } from './statement-frames.ts';

/** Longer statements are not mirrored, in bytes; ProxySQL's limit is about the same. */
export const mirroredStatementBytesMax = 15 * 1024 * 1024;

/** Bytes of statements that may wait to be mirrored in a worker, however few they are. */
export const mirrorQueueBytesMax = 64 * 1024 * 1024;

/** Answers that nobody reads have no particular shape. */
const SHAPE = 0;

interface Copy {
  readonly statement: Statement;
  /** Of the client that sent it; only what does not change. */
  readonly who: DetachedUser;
  readonly state: MirroredState;
}

export class Mirror {
  readonly #contextOf: () => WorkerContext;
  readonly #queue = new RingQueue<Copy>();
  readonly #running = new Set<DetachedRun>();
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
    statement.decision = { ...decision, cacheTtlMs: -1, mirrorHostgroup: -1, mirrorFlagOut: -1, asOf: undefined };
    const copy: Copy = {
      statement,
      who: { user: session.user, backendUser: session.backendUser, clientAddress: session.client.address },
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
    const run = new DetachedRun(this.#context, copy.who, copy.state, SHAPE, (end) => {
      this.#record(copy, end);
      this.#running.delete(run);
      this.#count();
      this.#next();
    });
    this.#running.add(run);
    this.#count();
    run.start(copy.statement);
  }

  #record({ statement, who }: Copy, { outcome }: DetachedEnd): void {
    const { user, clientAddress } = who;
    recordStatement(
      this.#context,
      this.#context.runtime.variables,
      user.username,
      clientAddress,
      statement,
      outcome?.rowsAffected ?? 0,
      outcome?.rowsSent ?? 0,
      performance.now(),
    );
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

/** What looks at the answer of the original has no business with that of the copy. */
const NO_HOOKS = { tee: undefined, filter: undefined, viewKey: undefined } as const;
