/**
 * The session of a user with fast_forward: with its first command it gets a connection of its default hostgroup for
 * itself, and from then on bytes go both ways unread. No rules, no digests, no multiplexing; its client gets no more bytes
 * in a second than others do. Source: ProxySQL, surface document §4.16.
 */
import type { AnswerOwner, BackendConnection } from '../backend/backend-connection.ts';
import { planSync, type SyncStep, stepAnswer, stepFrame } from '../backend/backend-sync.ts';
import { errors, type ProtocolError } from '../protocol/errors.ts';
import type { ResponseWalker } from '../protocol/response-walker.ts';
import { FAST_FORWARD_PIN } from './leases.ts';
import type { Session } from './session.ts';
import { Throttle } from './throttle.ts';

export class FastForward implements AnswerOwner {
  readonly #session: Session;
  /** The client's first command, as a server gets it. */
  readonly #first: Buffer;
  readonly #cancel: () => void;
  #steps: SyncStep[] = [];
  #forwarding = false;
  #throttle: Throttle | undefined;
  /** Why the server is not read from: the client does not keep up, or has had its share for now. */
  #pauses = 0;

  /** @param first a frame with its header, owned from here on */
  constructor(session: Session, first: Buffer) {
    this.#session = session;
    this.#first = first;
    const { hostgroups, user, backendUser, shape, state } = session;
    this.#cancel = hostgroups.request({
      hostgroup: user.defaultHostgroup,
      user: backendUser,
      wish: { username: user.username, shape, stateKey: state.key, schemaless: state.schema === '', fresh: true },
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
    const { client, context } = this.#session;
    if (!this.#forwarding) return true;
    // No command is read any more with which the session would look at the variables.
    const bytesPerSecond = context.runtime.variables.throttleMaxBytesPerSecondToClient;
    if (bytesPerSecond > 0) {
      this.#throttle ??= new Throttle(context.clock);
      const waitMs = this.#throttle.note(chunk.length, bytesPerSecond);
      if (waitMs > 0) this.#throttle.after(waitMs, this.#pause(connection));
    }
    if (!client.write(chunk)) client.onceDrained(this.#pause(connection));
    return client.sentAll;
  }

  /** @returns takes back this one reason why the server is not read from */
  #pause(connection: BackendConnection): () => void {
    if (this.#pauses === 0) connection.pause();
    this.#pauses += 1;
    return () => {
      this.#pauses -= 1;
      if (this.#pauses === 0) connection.resume();
    };
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
