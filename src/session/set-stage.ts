/**
 * What a SET does to a session: mirrored and answered here, kept for the next transaction, or run on a server and
 * remembered for the session's other connections. How a SET is read is set-statement.ts's business; what state is, that of
 * the session.
 */
import type { MirroredState } from '../backend/mirrored-state.ts';
import { HEADER_BYTES } from '../protocol/framer.ts';
import { SessionEffect } from '../sql/facts.ts';
import { mayShow, SHOWN_TEXT_LENGTH_MAX } from '../sql/shown-variable.ts';
import { locksSession, reachOf } from './destination.ts';
import type { Session } from './session.ts';
import { applySet } from './set-statement.ts';
import type { Statement } from './statement.ts';
import { textOf } from './statement-frames.ts';

export class SetStage {
  readonly #session: Session;
  /** While a SET that is mirrored is with a server: the state to go back to should it fail. */
  #stateBefore: MirroredState | undefined;
  /** SET TRANSACTION statements that wait for the next transaction; each may say something else of it. */
  #nextTransaction: string[] = [];
  /** The session's own wait_timeout as its connections know it. */
  #toldWaitTimeoutMs = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Something was said of the next transaction, which has not begun. */
  get awaitsTransaction(): boolean {
    return this.#nextTransaction.length > 0;
  }

  takeNextTransaction(): readonly string[] {
    const texts = this.#nextTransaction;
    if (texts.length > 0) this.#nextTransaction = [];
    return texts;
  }

  /** COMMIT and ROLLBACK end what SET TRANSACTION said of the next transaction, with or without one. */
  forgetNextTransaction(): void {
    this.#nextTransaction = [];
  }

  /**
   * Right before a statement: who has set wait_timeout, and asks what it is, is to see that. A server would end pooled
   * connections by it, so it is told only now, and the connection stays the session's.
   */
  tellWaitTimeout({ command, facts, frame, prepared }: Statement): void {
    const { limits, unmirroredSets } = this.#session;
    if (limits.waitTimeoutMs === this.#toldWaitTimeoutMs || facts.pureRead || command === 'prepare') return;
    if (facts.kind !== 'select' && facts.kind !== 'show') return;
    const text = prepared?.text ?? frame.subarray(HEADER_BYTES + 1);
    if (text.length > SHOWN_TEXT_LENGTH_MAX || !mayShow(text.toString('latin1'), 'wait_timeout')) return;
    const value = limits.waitTimeoutMs === 0 ? 'DEFAULT' : limits.waitTimeoutMs / 1000;
    if (unmirroredSets.add(`SET SESSION wait_timeout = ${value}`, undefined))
      this.#toldWaitTimeoutMs = limits.waitTimeoutMs;
  }

  /** The session is as after its login. */
  reset(): void {
    this.forgetNextTransaction();
    this.#toldWaitTimeoutMs = 0;
  }

  /** The proxy follows what the SET does to the session. */
  mirrors(text: Buffer): boolean {
    const { state, runtime } = this.#session;
    return applySet(state, text.toString('utf8'), runtime.sluice.strict).kind === 'mirrored';
  }

  /** Answered here when the proxy mirrors what it assigns; run on a server otherwise. */
  run(statement: Statement): void {
    const session = this.#session;
    const inTransaction = session.leases.inTransaction() !== undefined;
    const text = textOf(statement);
    const result = applySet(session.state, text, session.runtime.sluice.strict);
    if (result.kind === 'forward') {
      // SET GLOBAL and its like leave nothing in the session.
      const stays = reachOf(statement, () => text) !== 'nothing';
      return session.runOnServer(stays ? statement : withoutEffects(statement, SessionEffect.SESSION_VARIABLE));
    }
    if (result.kind === 'refused') return session.answerError(result.error);
    if (result.kind === 'next-transaction') {
      // Within a transaction it is an error, which the server knows how to say; XA has none of its flags.
      if (inTransaction || session.leases.pinned) return session.runOnServer(statement);
      this.#nextTransaction.push(text);
      return session.answerOk();
    }
    const { counters } = session;
    if (result.autocommit) counters.Com_autocommit += 1;
    if (result.waitTimeoutS !== undefined) session.limits.waitTimeoutMs = 1000 * result.waitTimeoutS;
    const before = session.state;
    session.state = result.state;
    // autocommit=1 commits what is open: the server has to do that itself. So it has where a statement that was not
    // mirrored (a prepared SET, one of several) may have set the same.
    const itself = (result.endsTransaction && inTransaction) || session.leases.pinned;
    if (itself || !result.certain) {
      this.#stateBefore = before;
      // What is mirrored pins nothing.
      const unpinned = withoutEffects(statement, SessionEffect.SESSION_VARIABLE);
      return itself ? session.runOnServer(unpinned) : session.send({ ...unpinned, stateOnly: true });
    }
    if (result.autocommit) counters.Com_autocommit_filtered += 1;
    session.record(statement, 0, 0);
    session.answerOk();
  }

  /** A SET is over that a server was asked about. What it refused, or could not be asked, is not set. */
  done(statement: Statement, ok: boolean): void {
    if (statement.facts.kind !== 'set' || statement.command !== 'query') return;
    const before = this.#stateBefore;
    this.#stateBefore = undefined;
    if (ok) this.#remember(statement);
    else if (before !== undefined) this.#session.state = before;
  }

  /** A statement that leaves what nobody can say again elsewhere keeps the session in its hostgroup. */
  lockIfNeeded(statement: Statement): void {
    const session = this.#session;
    const reach = reachOf(statement, () => textOf(statement));
    if (!locksSession(session.variables, session, statement.decision, statement.facts, reach)) return;
    session.lockedHostgroup = statement.hostgroup;
    session.counters.hostgroup_locked_set_cmds += 1;
  }

  /** A SET was carried out on a server: its text is for the session's other connections, if it can be repeated. */
  #remember(statement: Statement): void {
    const { hostgroup, decision } = statement;
    const text = textOf(statement);
    const connection = this.#session.leases.find(hostgroup);
    if (connection === undefined || decision.multiplex >= 0 || reachOf(statement, () => text) !== 'repeatable') return;
    if (!this.#session.unmirroredSets.add(text, connection)) this.#session.lockedHostgroup = hostgroup;
  }
}

function withoutEffects(statement: Statement, effects: number): Statement {
  return { ...statement, facts: { ...statement.facts, effects: statement.facts.effects & ~effects } };
}
