/**
 * How is a statement ended before its time, by a client's KILL or a time limit? A KILL QUERY goes to its server on another
 * connection, and its answer tells the client why. When it was answered all the same, the KILL may still be on its way, and
 * would hit the connection's next statement: the connection is kept from everybody until the server has forgotten it. Owns
 * the KILL that is under way; killed-answer.ts changes the answer.
 *
 *   start ─▶ pass, end (the answer) ─▶ settle ─▶ hit: done | sent ─▶ COM_PING ─▶ over: done
 *        └─▶ killGraceMs without an answer: the connection is given up
 */
import { performance } from 'node:perf_hooks';
import type { AnswerOwner, BackendConnection } from '../../backend/backend-connection.ts';
import { commandFrame } from '../../protocol/command-frame.ts';
import { Command } from '../../protocol/commands.ts';
import { errors, type ProtocolError } from '../../protocol/errors.ts';
import type { ResponseWalker } from '../../protocol/response-walker.ts';
import { KILL_PIN } from '../leases.ts';
import type { Statement } from '../statement.ts';
import { KilledAnswer, type KillReason } from './killed-answer.ts';
import type { RunOwner } from './run-owner.ts';

/**
 * A server gets this long, in ms, to answer a KILL QUERY; then its connection is given up. One sweep more or less.
 */
export const killGraceMs = 3_000;

export class StatementKill {
  readonly #owner: RunOwner;
  /** A KILL QUERY is on its way to the server, or was. */
  #killed: KilledAnswer | undefined;
  /** What there is to tell of a complete answer when the KILL that came too late for it is out of the way. */
  #afterKill: (() => void) | undefined;

  constructor(owner: RunOwner) {
    this.#owner = owner;
  }

  get underWay(): boolean {
    return this.#killed !== undefined;
  }

  /** What the client is told; undefined when nobody ended the statement. */
  get error(): ProtocolError | undefined {
    return this.#killed === undefined ? undefined : killError(this.#killed.reason);
  }

  /** The KILL has met its statement: nothing of it is left to hit another one. */
  get hit(): boolean {
    return this.#killed?.hit === true;
  }

  /** The statement has run longer than its rule or mysql-default_query_timeout permits. @param nowMs `performance.now()` */
  isOverdue(statement: Statement, nowMs: number): boolean {
    const { timeoutMs } = statement.decision;
    const limitMs = timeoutMs > 0 ? timeoutMs : this.#owner.variables.defaultQueryTimeout;
    return limitMs > 0 && nowMs - statement.startedAt >= limitMs;
  }

  /** Gives the connection up when the server does not even answer a KILL. @param nowMs `performance.now()` */
  sweep(connection: BackendConnection | undefined, nowMs: number): void {
    const killed = this.#killed;
    if (killed === undefined || connection === undefined || nowMs - killed.since <= killGraceMs) return;
    const answered = this.#afterKill !== undefined;
    // Whoever only hears of an interrupted statement goes on with the transaction that went with the connection.
    connection.destroy(answered || !connection.clean ? errors.lostConnection() : killError(killed.reason));
    // With a complete answer nothing was expected of it any more.
    if (answered) this.over();
  }

  /** Sends the KILL for what runs on the connection. */
  start(reason: KillReason, connection: BackendConnection): void {
    this.#killed = new KilledAnswer(reason, performance.now(), this.#owner.killQuery(connection));
  }

  /** Takes bytes of the answer; returns those that may go to the client now. */
  pass(bytes: Buffer): Buffer {
    return this.#killed === undefined ? bytes : this.#killed.pass(bytes);
  }

  /** The answer is complete. */
  end(walker: ResponseWalker): void {
    this.#killed?.end(walker);
  }

  /**
   * The statement's answer is complete: finishes once the KILL is out of the way, which is at once when it was hit.
   * @param owner of the answer that tells it is
   */
  settle(connection: BackendConnection, statement: Statement, owner: AnswerOwner, finish: () => void): void {
    const killed = this.#killed;
    if (killed === undefined) return finish();
    const done = () => {
      connection.pins &= ~KILL_PIN;
      const rest = killed.takeRest();
      const shown = statement.filter === undefined ? rest : statement.filter.push(rest);
      if (shown.length > 0) this.#owner.client.write(shown);
      finish();
    };
    if (killed.hit) return done();
    // Nothing else keeps it, and it looks idle.
    connection.pins |= KILL_PIN;
    this.#afterKill = done;
    killed.onceSent(() => {
      // A server forgets a KILL QUERY with the next command, whatever it is.
      if (this.#afterKill === done) connection.send(commandFrame(Command.COM_PING, ''), 'simple', owner);
    });
  }

  /** The KILL is out of the way: forgotten by the server, or gone with the connection. */
  over(): void {
    this.#afterKill?.();
  }

  reset(): void {
    this.#killed = undefined;
    this.#afterKill = undefined;
  }
}

/** ER_QUERY_TIMEOUT or ER_QUERY_INTERRUPTED. */
export function killError(reason: KillReason): ProtocolError {
  return reason === 'timeout' ? errors.queryTimeout() : errors.queryInterrupted();
}
