/**
 * Is there the schema that a client wants to be in, and may it? A login with a schema, COM_INIT_DB and USE change nothing
 * on a server before the next statement; ProxySQL answers them with OK whatever the schema, and the mistake comes to
 * light with a statement that is not to blame. Here a server is asked, once for many clients. What no server can say is
 * taken for granted, as in ProxySQL: this file refuses nothing that might work.
 */
import { performance } from 'node:perf_hooks';
import type { UserEntry } from '../../runtime/snapshot.ts';
import { type MirroredState, withSchema } from '../backend/mirrored-state.ts';
import { Command } from '../protocol/commands.ts';
import type { ProtocolError } from '../protocol/errors.ts';
import { HEADER_BYTES } from '../protocol/framer.ts';
import type { WorkerContext, WorkerRuntime } from './context.ts';
import { type DetachedEnd, DetachedRun, type DetachedUser } from './detached-run.ts';
import { draftOf, type Statement } from './statement.ts';
import { payloadFrame } from './statement-frames.ts';

/** A server gets this long, in ms, to say whether there is a schema; then the client may be in it, whether or not. */
export const schemaCheckMs = 1_000;
/** How long an answer holds for further clients of the user, in ms. What becomes of the schema meanwhile shows with the next statement. */
export const schemaTrustedMs = 10_000;
/** Who may be sent to more hostgroups than this by query rules may be in any schema: asking them all would take too long. */
export const schemaHostgroupsMax = 4;
/** Schemas of users a worker remembers. */
export const trustedSchemasMax = 10_000;

/**
 * What servers say of a schema: forbidden, unknown, its name too long or no name at all. Whatever else goes wrong says
 * nothing of it.
 */
const REFUSALS: ReadonlySet<number> = new Set([1044, 1049, 1059, 1102]);

/** Stands for the statement to come: nothing of it is sent. */
const NOTHING = Buffer.from('DO 0');

export interface SchemaQuestion {
  readonly user: UserEntry;
  readonly who: DetachedUser;
  readonly schema: string;
  /** The session's, whose connections are near at hand. */
  readonly state: MirroredState;
  /** The capabilities that the client's connections have; see SHAPE_CAPABILITIES. */
  readonly shape: number;
}

export class SchemaCheck {
  readonly #contextOf: () => WorkerContext;
  /** Until when, by `performance.now()`, a user's schema is trusted to be there. */
  readonly #trusted = new Map<string, number>();
  readonly #asking = new Map<string, Promise<ProtocolError | undefined>>();
  #generation = -1;

  /** The context holds the check, and so is not there before it. */
  constructor(contextOf: () => WorkerContext) {
    this.#contextOf = contextOf;
  }

  /**
   * @returns undefined when the client may be in the schema; else a promise, which never rejects, of the server's refusal
   * or of undefined
   */
  ask(question: SchemaQuestion): Promise<ProtocolError | undefined> | undefined {
    const { runtime } = this.#contextOf();
    const { user, schema } = question;
    const { strict, checkSchemas } = runtime.sluice;
    if (!strict || !checkSchemas || schema === '' || user.fastForward) return undefined;
    if (this.#generation !== runtime.generation) this.forget();
    this.#generation = runtime.generation;
    const key = `${user.username.length} ${user.username} ${schema}`;
    const until = this.#trusted.get(key);
    if (until !== undefined && performance.now() < until) return undefined;
    const asking = this.#asking.get(key);
    if (asking !== undefined) return asking;
    const hostgroups = this.#hostgroupsOf(runtime, user);
    if (hostgroups.length === 0) return undefined;
    const answer = this.#askAll(hostgroups, question).then((refusal) => {
      this.#asking.delete(key);
      if (refusal === undefined) this.#trust(key);
      return refusal;
    });
    this.#asking.set(key, answer);
    return answer;
  }

  /** Schemas have been dropped, or rights taken: who asks next is told anew. */
  forget(): void {
    this.#trusted.clear();
  }

  #trust(key: string): void {
    if (this.#trusted.size >= trustedSchemasMax) this.#trusted.clear();
    this.#trusted.set(key, performance.now() + schemaTrustedMs);
  }

  /** Wherever the user's statements may go; none when that cannot be said, or nobody is there to ask. */
  #hostgroupsOf(runtime: WorkerRuntime, user: UserEntry): readonly number[] {
    // Fast routing knows schemas that only their own hostgroup has.
    if (runtime.fastRouting.size > 0) return [];
    const hostgroups = new Set([user.defaultHostgroup, ...runtime.rules.destinationsOf(user.username)]);
    if (hostgroups.size > schemaHostgroupsMax) return [];
    const all = [...hostgroups];
    return all.every((hostgroup) => this.#contextOf().hostgroups.serversOf(hostgroup).length > 0) ? all : [];
  }

  /** One after the other: the first usually knows it. A schema is refused when all refuse it, in the words of the first. */
  async #askAll(hostgroups: readonly number[], question: SchemaQuestion): Promise<ProtocolError | undefined> {
    const deadline = performance.now() + schemaCheckMs;
    let refusal: ProtocolError | undefined;
    for (const hostgroup of hostgroups) {
      const { error } = await this.#askOne(hostgroup, question, deadline - performance.now());
      if (error === undefined || !REFUSALS.has(error.code)) return undefined;
      refusal ??= error;
    }
    return refusal;
  }

  /** @param limitMs after which the end is one without outcome and error */
  #askOne(hostgroup: number, question: SchemaQuestion, limitMs: number): Promise<DetachedEnd> {
    const context = this.#contextOf();
    const { who, schema, state, shape } = question;
    return new Promise((resolve) => {
      const run = new DetachedRun(context, who, withSchema(state, schema), shape, resolve);
      context.clock.after(Math.max(limitMs, 0), () => {
        run.abandon();
        resolve({});
      });
      run.start(entering(context.runtime, schema, hostgroup));
    });
  }
}

/** A statement that brings its connection into the schema, and that is all. */
function entering(runtime: WorkerRuntime, schema: string, hostgroup: number): Statement {
  const frame = payloadFrame(Command.COM_QUERY, NOTHING);
  const start = HEADER_BYTES + 1;
  const entry = runtime.digests.lookup(frame, start, frame.length);
  const facts = runtime.digests.factsOf(entry, frame, start, frame.length, undefined);
  const draft = draftOf('query', frame, entry, facts, schema, performance.now());
  return { ...draft, hostgroup, stateOnly: true };
}
