/**
 * The session of a user with fast_forward: with its first command it gets a connection of its default hostgroup for
 * itself, and from then on bytes go both ways unread. No rules, no digests, no multiplexing. Source: ProxySQL, surface
 * document §4.16.
 */
import type { AnswerOwner, BackendConnection } from '../backend/backend-connection.ts';
import { planSync, type SyncStep, stepAnswer, stepFrame } from '../backend/backend-sync.ts';
import { errors, type ProtocolError } from '../protocol/errors.ts';
import type { ResponseWalker } from '../protocol/response-walker.ts';
import { FAST_FORWARD_PIN } from './leases.ts';
import type { Session } from './session.ts';

export class FastForward implements AnswerOwner {
  readonly #session: Session;
  /** The client's first command, as a server gets it. */
  readonly #first: Buffer;
  readonly #cancel: () => void;
  #steps: SyncStep[] = [];
  #forwarding = false;

  /** @param first a frame with its header, owned from here on */
  constructor(session: Session, first: Buffer) {
    this.#session = session;
    this.#first = first;
    const { hostgroups, user, backendUser, shape, state } = session;
    this.#cancel = hostgroups.request({
      hostgroup: user.defaultHostgroup,
      user: backendUser,
      wish: { username: user.username, shape, stateKey: state.key, fresh: true },
      after: undefined,
      onConnection: (connection) => this.#begin(connection),
      onFailure: (error) => this.#fail(error),
    });
  }

  /** The client is gone. */
  abandon(): void {
    this.#cancel();
  }

  answerBytes(chunk: Buffer, connection: BackendConnection): boolean {
    const { client } = this.#session;
    if (!this.#forwarding) return true;
    if (!client.write(chunk)) {
      connection.pause();
      client.onceDrained(() => connection.resume());
    }
    return client.sentAll;
  }

  answerDone(connection: BackendConnection, walker: ResponseWalker): void {
    const step = this.#steps.shift();
    if (walker.ended === 'error' && step?.kind !== 'set') return this.#fail(walker.error ?? errors.lostConnection());
    this.#next(connection);
  }

  answerLost(_connection: BackendConnection, error: ProtocolError): void {
    if (this.#forwarding) this.#session.client.end();
    else this.#fail(error);
  }

  #begin(connection: BackendConnection): void {
    const { hostgroups, takesAttributes } = this.#session;
    if (takesAttributes !== connection.queryAttributes) {
      // Every command would have a form that the server does not understand.
      hostgroups.giveBack(connection);
      return this.#fail(errors.maxConnectFailure(connection.home.hostgroup));
    }
    connection.pins |= FAST_FORWARD_PIN;
    this.#session.leases.hold(connection);
    this.#steps = planSync(connection.state, this.#session.state, connection);
    this.#next(connection);
  }

  #next(connection: BackendConnection): void {
    const step = this.#steps[0];
    if (step !== undefined) {
      connection.send(stepFrame(step), stepAnswer(step), this);
      return;
    }
    const { client } = this.#session;
    this.#forwarding = true;
    connection.forward(this);
    connection.write(this.#first);
    client.forward((bytes) => {
      if (connection.write(bytes) || client.closed) return;
      client.socket.pause();
      connection.onceDrained(() => client.socket.resume());
    });
  }

  #fail(error: ProtocolError): void {
    if (this.#session.client.closed) return;
    this.#session.answerError(error);
    this.#session.client.end();
  }
}
