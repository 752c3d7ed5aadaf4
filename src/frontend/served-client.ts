/**
 * A client whose login is over: what its connection tells goes to its session, or ends it. It is the one object that
 * stays of a login, so it keeps no more of it than a COM_CHANGE_USER needs.
 */
import type { ChangeUserContext } from '../connection-phase/server-login.ts';
import type { WorkerContext } from '../session/context.ts';
import type { Session } from '../session/session.ts';
import type { ClientConnectionHandlers } from './client-connection.ts';

/** What was agreed on at the login and holds for the next one on the same socket. */
export type LoginTerms = Pick<ChangeUserContext, 'capabilities' | 'charset' | 'nonce' | 'tls' | 'proxied'>;

/** Who lets clients in. */
export interface ClientHost {
  readonly logger: WorkerContext['logger'];
  /** Sessions that are idle are ended. */
  readonly draining: boolean;
  /** The session is over: its client is gone, or becomes somebody else. */
  ended(session: Session): void;
  /** A new login on the session's socket. */
  changeUser(session: Session, terms: LoginTerms, payload: Buffer, early: Buffer): void;
}

export class ServedClient implements ClientConnectionHandlers {
  readonly #host: ClientHost;
  readonly #session: Session;
  readonly #terms: LoginTerms;

  constructor(host: ClientHost, session: Session, terms: LoginTerms) {
    this.#host = host;
    this.#session = session;
    this.#terms = terms;
  }

  onCommand(buffer: Buffer, start: number, end: number, sequenceId: number): void {
    try {
      this.#session.onCommand(buffer, start, end, sequenceId);
    } catch (error) {
      this.#host.logger.error({ err: error, user: this.#session.user.username }, 'a bug ended a session');
      this.#session.client.destroy();
    }
  }

  onTooLarge(_bytes: number, sequenceId: number): void {
    this.#session.onTooLarge(sequenceId);
  }

  onReady(): void {
    if (this.#host.draining && this.#session.idle) this.#session.client.end();
  }

  onChangeUser(payload: Buffer, early: Buffer): void {
    this.#host.ended(this.#session);
    this.#host.changeUser(this.#session, this.#terms, payload, early);
  }

  onClosed(): void {
    this.#host.ended(this.#session);
  }
}
