/**
 * The SET statements of a session that the proxy does not understand but can say again: in order, with how many of them
 * each of the session's connections has seen. A connection that serves the session later is told the others first.
 */
import type { BackendConnection } from '../backend/backend-connection.ts';

/** SETs remembered of one session; with more it is bound to the connection that has them. */
export const unmirroredSetsMax = 100;

export class UnmirroredSets {
  #texts: string[] = [];
  #seen = new WeakMap<BackendConnection, number>();

  /** A SET was carried out there, or nowhere yet. False when there are too many to remember. */
  add(text: string, connection: BackendConnection | undefined): boolean {
    const seen = connection === undefined ? 0 : this.#seen.get(connection);
    // Some tools say the same over and over.
    if (this.#texts.at(-1) === text && seen === this.#texts.length) return true;
    if (this.#texts.length >= unmirroredSetsMax) return false;
    this.#texts.push(text);
    if (connection !== undefined) this.#seen.set(connection, this.#texts.length);
    return true;
  }

  /** What the connection has not seen yet; from now on it counts as seen. */
  takeFor(connection: BackendConnection): readonly string[] {
    const { length } = this.#texts;
    const from = this.#seen.get(connection) ?? 0;
    if (from === length) return NONE;
    this.#seen.set(connection, length);
    return this.#texts.slice(from);
  }

  clear(): void {
    if (this.#texts.length === 0) return;
    this.#texts = [];
    this.#seen = new WeakMap();
  }
}

const NONE: readonly string[] = [];
