/**
 * The admin sessions that are open, by the connection id their greeting told, so that one can end another or what it runs.
 */

/** What others may do to a session. */
export interface OpenSession {
  /** Ends the statement that runs, if it is one that can be ended. */
  interrupt(): void;
  /** Ends the session. */
  end(): void;
}

export class OpenSessions {
  readonly #sessions = new Map<number, OpenSession>();

  /** Returns what takes it out again. */
  add(id: number, session: OpenSession): () => void {
    this.#sessions.set(id, session);
    return () => {
      if (this.#sessions.get(id) === session) this.#sessions.delete(id);
    };
  }

  find(id: number): OpenSession | undefined {
    return this.#sessions.get(id);
  }
}
