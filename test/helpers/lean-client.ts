/**
 * A client for millions of statements: it keeps the bytes of an answer as they came and decodes nothing but where the
 * answer ends. For a look at packets take wire-client.ts.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { clientLogin } from '../../src/connection-phase/client-login.ts';
import { Capability, SERVING_CAPABILITIES } from '../../src/protocol/capabilities.ts';
import { HEADER_BYTES } from '../../src/protocol/framer.ts';
import { type ResponseKind, ResponseWalker } from '../../src/protocol/response-walker.ts';
import { ConnectionEnded } from './wire-client.ts';

/** Valid until the client's next command. */
export interface LeanAnswer {
  /** Headers and payloads. */
  readonly bytes: Buffer;
  readonly errorCode: number;
  readonly statementId: number;
}

export interface LeanClientOptions {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly schema: string;
}

const COLLATION_ID = 45;
const LOGIN_TIMEOUT_MS = 10_000;
/** No answer within this time is a fault. */
const ANSWER_TIMEOUT_MS = 30_000;
const SWEEP_MS = 1_000;

interface Asking {
  readonly sinceMs: number;
  resolve(answer: LeanAnswer): void;
  reject(error: Error): void;
}

export class LeanClient {
  readonly socket: Socket;
  readonly threadId: number;
  readonly #walker = new ResponseWalker();
  readonly #chunks: Buffer[] = [];
  #asking: Asking | undefined;
  #ended = false;

  private constructor(socket: Socket, threadId: number) {
    this.socket = socket;
    this.threadId = threadId;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#end(new ConnectionEnded('the connection ended instead of an answer')));
    socket.resume();
    waiting.add(this);
  }

  static async connect(options: LeanClientOptions): Promise<LeanClient> {
    const socket = connect(options.port, '127.0.0.1');
    await once(socket, 'connect');
    const login = await clientLogin({
      socket,
      username: options.user,
      secret: { clear: options.password },
      schema: options.schema,
      capabilities: (SERVING_CAPABILITIES & ~(Capability.FOUND_ROWS | Capability.IGNORE_SPACE)) >>> 0,
      charset: COLLATION_ID,
      loginTimeoutMs: LOGIN_TIMEOUT_MS,
    });
    return new LeanClient(login.socket, login.threadId);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Sends a command; rejects with ConnectionEnded. One at a time. */
  ask(frame: Buffer, kind: ResponseKind): Promise<LeanAnswer> {
    if (this.#ended) return Promise.reject(new ConnectionEnded('the connection has ended'));
    this.#walker.begin(kind, true);
    this.#chunks.length = 0;
    this.socket.write(frame);
    return new Promise((resolve, reject) => {
      this.#asking = { sinceMs: performance.now(), resolve, reject };
    });
  }

  /** Gives up a question that is not answered. */
  sweep(nowMs: number): void {
    const asking = this.#asking;
    if (asking === undefined || nowMs - asking.sinceMs < ANSWER_TIMEOUT_MS) return;
    this.#asking = undefined;
    asking.reject(new Error(`no answer to client ${this.threadId} within ${ANSWER_TIMEOUT_MS} ms`));
  }

  destroy(): void {
    this.socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    const asking = this.#asking;
    if (asking === undefined) return;
    const walker = this.#walker;
    const end = walker.push(chunk, 0, chunk.length);
    if (!walker.done) return;
    this.#asking = undefined;
    if (end !== chunk.length) return asking.reject(new Error(`more than an answer: ${chunk.toString('latin1')}`));
    asking.resolve({
      bytes: this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks),
      errorCode: walker.ended === 'error' ? walker.errorCode : 0,
      statementId: walker.statementId,
    });
  }

  #end(error: Error): void {
    this.#ended = true;
    waiting.delete(this);
    this.#asking?.reject(error);
    this.#asking = undefined;
  }
}

/** One timer for all of them. */
const waiting = new Set<LeanClient>();
setInterval(() => {
  const nowMs = performance.now();
  for (const client of waiting) client.sweep(nowMs);
}, SWEEP_MS).unref();

/** The offset of the last packet but one, when there are so many; -1 otherwise. */
export function rowAt(bytes: Buffer, packets: number): number {
  let row = -1;
  let last = -1;
  let count = 0;
  for (let at = 0; at + HEADER_BYTES <= bytes.length; at += HEADER_BYTES + bytes.readUIntLE(at, 3)) {
    row = last;
    last = at;
    count += 1;
  }
  return count === packets ? row + HEADER_BYTES : -1;
}
