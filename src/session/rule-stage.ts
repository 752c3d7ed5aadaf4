/**
 * What the query rules say of a session's statements: in this thread, or in the matcher thread when it could take long.
 * It counts hits and keeps what one statement leaves for the next (next_query_flagIN); what becomes of a decision is
 * session.ts's.
 */
import { errors } from '../protocol/errors.ts';
import { type Annotations, annotated, mayAnnotate, parseAnnotations } from '../rules/annotations.ts';
import type { Decision } from '../rules/decision.ts';
import { RuleTimeout } from '../rules/matcher-thread.ts';
import type { DigestEntry } from '../sql/digest-cache.ts';
import { afterRules } from './after-rules.ts';
import { classMemo, isInput, tryDecide } from './decide.ts';
import type { Session } from './session.ts';
import type { Draft } from './statement.ts';

export class RuleStage {
  readonly #session: Session;
  readonly #onDecided: (draft: Draft) => void;
  readonly #classMemo = classMemo();
  /** What the user's own attributes say of comment annotations; undefined: the variable holds. */
  readonly #mayAnnotate: boolean | undefined;
  #nextFlagIn = -1;

  constructor(session: Session, onDecided: (draft: Draft) => void) {
    this.#session = session;
    this.#onDecided = onDecided;
    this.#mayAnnotate = mayAnnotate(session.user.attributes);
  }

  /** COM_RESET_CONNECTION: the next statement is the first one. */
  reset(): void {
    this.#nextFlagIn = -1;
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
    const session = this.#session;
    const { runtime } = session;
    const flagIn = Math.max(this.#nextFlagIn, 0);
    const decided = tryDecide(runtime, session, this.#classMemo, entry, buffer, start, end, flagIn, mayRewrite);
    if (!isInput(decided)) return this.#decided(draft, entry, decided, annotations);
    this.#session.context.matcher.decide(decided, runtime.rulesGeneration).then(
      (decision) => {
        if (this.#session.client.closed) return;
        this.#decided(draft, entry, afterRules(runtime, entry, session, flagIn, decision), annotations);
      },
      (error: unknown) => {
        if (this.#session.client.closed) return;
        const rule = error instanceof RuleTimeout ? ` (rule ${error.ruleId})` : '';
        this.#session.context.logger.warn(
          { err: error, user: this.#session.user.username },
          'query rules could not be evaluated',
        );
        this.#session.answerError(
          errors.notAllowed(`Query refused: the query rules could not be evaluated in time${rule}`),
        );
      },
    );
  }

  #decided(draft: Draft, entry: DigestEntry, decision: Decision, annotations: Annotations | undefined): void {
    if (decision.hitRules.length > 0) this.#countHits(decision.hitRules);
    if (decision.dryRunRules.length > 0) this.#noteDryRun(entry, decision.dryRunRules);
    if (decision.firewall !== undefined) this.#noteFirewall(entry, decision.firewall);
    this.#nextFlagIn = decision.nextQueryFlagIn;
    draft.decision = annotations === undefined ? decision : annotated(decision, annotations);
    this.#onDecided(draft);
  }

  #countHits(ruleIds: readonly number[]): void {
    const { ruleHits } = this.#session.context;
    for (const ruleId of ruleIds) ruleHits.set(ruleId, (ruleHits.get(ruleId) ?? 0) + 1);
  }

  /** What the comment of the statement just looked up asks for, as far as this user may ask. */
  annotations(): Annotations | undefined {
    const comment = this.#session.runtime.digests.firstComment;
    return comment === undefined || !this.mayAnnotate ? undefined : parseAnnotations(comment);
  }

  get mayAnnotate(): boolean {
    return this.#mayAnnotate ?? this.#session.runtime.sluice.queryAnnotations;
  }

  /** The words are ProxySQL's. */
  #noteFirewall({ digestHex }: DigestEntry, verdict: 'unknown' | 'blocked'): void {
    const what = verdict === 'blocked' ? 'blocked query' : 'detected unknown query';
    const { username } = this.#session.user;
    this.#session.context.logger.warn(
      `Firewall ${what} with digest ${digestHex} from user ${username}@${this.#session.client.address}`,
    );
  }

  #noteDryRun({ digestHex, shownText }: DigestEntry, ruleIds: readonly number[]): void {
    const { username } = this.#session.user;
    this.#session.context.dryRunLog.note(ruleIds, {
      username,
      schema: this.#session.state.schema,
      digest: digestHex,
      digestText: shownText,
    });
  }
}
