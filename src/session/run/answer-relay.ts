/**
 * How does an answer get from the server to the client? Almost always as it is: each chunk is written as it came. On its
 * way what is meant for the proxy alone is taken out, the end of a killed statement's answer is held back, masking has its
 * turn, and the query cache looks on, in this order. The answer to a PREPARE is collected, since its id is the proxy's.
 * Owns what of the answer at work is not with the client yet; backpressure.ts says who waits.
 */
import type { BackendConnection } from '../../backend/backend-connection.ts';
import { Capability } from '../../protocol/capabilities.ts';
import type { ResponseKind, ResponseWalker } from '../../protocol/response-walker.ts';
import { SessionStateStripper } from '../../protocol/session-state.ts';
import type { Statement } from '../statement.ts';
import type { Backpressure } from './backpressure.ts';
import type { RunOwner } from './run-owner.ts';
import type { StatementKill } from './statement-kill.ts';

export class AnswerRelay {
  /** Bytes that the server has answered so far. */
  bytes = 0;
  readonly #owner: RunOwner;
  readonly #kill: StatementKill;
  readonly #backpressure: Backpressure;
  /** Takes out of answers what is meant for the proxy alone; in use while `#strips`. */
  #stripper: SessionStateStripper | undefined;
  #strips = false;
  /** The answer to a PREPARE so far. */
  #collected: Buffer[] = [];

  constructor(owner: RunOwner, kill: StatementKill, backpressure: Backpressure) {
    this.#owner = owner;
    this.#kill = kill;
    this.#backpressure = backpressure;
  }

  /** The statement is about to be sent, and will be answered with this. */
  begin(connection: BackendConnection, kind: ResponseKind): void {
    this.bytes = 0;
    if (this.#collected.length > 0) this.#collected = [];
    // The server tells the proxy more than the client has asked for, or than it is to know.
    const { shape, variables } = this.#owner;
    const unasked = (connection.shape & ~shape & Capability.SESSION_TRACK) !== 0;
    this.#strips = unasked || (!variables.clientSessionTrackGtid && (shape & Capability.SESSION_TRACK) !== 0);
    if (!this.#strips) return;
    this.#stripper ??= new SessionStateStripper();
    this.#stripper.gtidsAlone = !unasked;
    this.#stripper.begin(kind, (connection.shape & Capability.DEPRECATE_EOF) !== 0);
  }

  /** Passes a chunk on. @returns whether its bytes are not needed any more, and may be overwritten */
  pass(chunk: Buffer, statement: Statement, connection: BackendConnection): boolean {
    this.bytes += chunk.length;
    const told = this.#strips && this.#stripper !== undefined ? this.#stripper.push(chunk) : chunk;
    const passed = this.#kill.underWay ? this.#kill.pass(told) : told;
    const bytes = statement.filter === undefined ? passed : statement.filter.push(passed);
    if (bytes.length === 0) return true;
    statement.tee?.take(bytes);
    const { client } = this.#owner;
    this.#backpressure.meter(bytes.length, statement, connection);
    if (!client.write(bytes)) this.#backpressure.clientIsFull(connection);
    return client.sentAll;
  }

  /** Nobody wants to see the answer. */
  swallow(chunk: Buffer): void {
    this.bytes += chunk.length;
  }

  /** Keeps a chunk of the answer to a PREPARE. */
  collect(chunk: Buffer): void {
    this.#collected.push(Buffer.from(chunk));
  }

  /** The answer to a PREPARE, complete. */
  takeCollected(statement: Statement): Buffer {
    const told = Buffer.concat(this.#collected);
    this.#collected = [];
    return statement.filter === undefined ? told : statement.filter.push(told);
  }

  /** The answer is complete: those who look on are told, unless masking has cut it off. */
  end(statement: Statement, walker: ResponseWalker, connection: BackendConnection): void {
    if (statement.filter?.cut === undefined) statement.tee?.end(walker, connection);
    this.#kill.end(walker);
  }
}
