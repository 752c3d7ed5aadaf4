/**
 * A client for millions of statements: several commands leave in one write, what comes is read into memory that is there
 * already, and nothing is decoded but where an answer ends. For a look at packets take wire-client.ts.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { clientLogin } from '../../src/connection-phase/client-login.ts';
import { memoryOfClients } from '../../src/net/lent-memory.ts';
import { lendReads } from '../../src/net/lent-reads.ts';
import { Capability, SERVING_CAPABILITIES } from '../../src/protocol/capabilities.ts';
import { HEADER_BYTES } from '../../src/protocol/framer.ts';
import { type ResponseKind, ResponseWalker } from '../../src/protocol/response-walker.ts';
import { ConnectionEnded } from './wire-client.ts';

/** One answer, in a buffer of its own. */
export interface LeanAnswer {
  /** Headers and payloads. */
  readonly bytes: Buffer;
  readonly errorCode: number;
  readonly statementId: number;
}

/** `bytes[start, end)` is the answer to the command at `index`, headers included; all of it is borrowed. */
export type OnAnswer = (index: number, bytes: Buffer, start: number, end: number, walker: ResponseWalker) => void;

export interface LeanClientOptions {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly schema: string;
}

const COLLATION_ID = 45;
const LOGIN_TIMEOUT_MS = 10_000;
/** No answer within this time is a fault; a machine may stand still for a minute. */
const ANSWER_TIMEOUT_MS = 150_000;
const SWEEP_MS = 1_000;

interface Asking {
  readonly kinds: readonly ResponseKind[];
  readonly onAnswer: OnAnswer;
  resolve(): void;
  reject(error: Error): void;
}

export class LeanClient {
  readonly socket: Socket;
  readonly threadId: number;
  readonly #walker = new ResponseWalker();
  /** What came of an answer in earlier reads. */
  #parts: Buffer[] = [];
  #asking: Asking | undefined;
  #index = 0;
  #sinceMs = 0;
  #ended = false;
  /** What came though nothing was asked. */
  #stray: Error | undefined;

  private constructor(socket: Socket, threadId: number) {
    const lending = lendReads(socket, memoryOfClients, (buffer, bytes) => this.#take(buffer, bytes));
    this.socket = lending.socket;
    this.threadId = threadId;
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('close', () => this.#end(new ConnectionEnded('the connection ended instead of an answer')));
    if (lending.early.length > 0) this.#take(lending.early, lending.early.length);
    this.socket.resume();
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

  /** The local end's port, which the proxy knows the client by. */
  get port(): number {
    return this.socket.localPort ?? 0;
  }

  /** Sends a command; rejects with ConnectionEnded. */
  async ask(frame: Buffer, kind: ResponseKind): Promise<LeanAnswer> {
    let answer: LeanAnswer | undefined;
    await this.askAll(frame, [kind], (_index, bytes, start, end, walker) => {
      answer = {
        bytes: Buffer.from(bytes.subarray(start, end)),
        errorCode: errorCodeOf(walker),
        statementId: walker.statementId,
      };
    });
    return answer as LeanAnswer;
  }

  /**
   * Sends several commands in one write; `onAnswer` hears of each answer in order. Rejects with ConnectionEnded, or with
   * what `onAnswer` throws. Only when nothing is asked.
   */
  askAll(frames: Buffer, kinds: readonly ResponseKind[], onAnswer: OnAnswer): Promise<void> {
    if (this.#stray !== undefined) return Promise.reject(this.#stray);
    if (this.#ended) return Promise.reject(new ConnectionEnded('the connection has ended'));
    this.#index = 0;
    this.#walker.begin(kinds[0] ?? 'query', true);
    this.#parts.length = 0;
    this.#sinceMs = performance.now();
    this.socket.write(frames);
    return new Promise((resolve, reject) => {
      this.#asking = { kinds, onAnswer, resolve, reject };
    });
  }

  /** Gives up a question that is not answered. */
  sweep(nowMs: number): void {
    if (this.#asking === undefined || nowMs - this.#sinceMs < ANSWER_TIMEOUT_MS) return;
    const which = `client ${this.threadId} (port ${this.port})`;
    this.#settle(new Error(`no answer to command ${this.#index} of ${which} within ${ANSWER_TIMEOUT_MS} ms`));
  }

  destroy(): void {
    this.socket.destroy();
  }

  #take(buffer: Buffer, bytes: number): void {
    let offset = 0;
    while (offset < bytes) {
      const asking = this.#asking;
      if (asking === undefined) {
        const text = buffer.toString('latin1', offset, bytes);
        this.#stray ??= new Error(`more than an answer on port ${this.port}: ${JSON.stringify(text)}`);
        return;
      }
      const start = offset;
      offset = this.#walker.push(buffer, offset, bytes);
      if (!this.#walker.done) {
        this.#parts.push(Buffer.from(buffer.subarray(start, offset)));
        continue;
      }
      this.#answered(asking, buffer, start, offset);
    }
  }

  #answered(asking: Asking, buffer: Buffer, start: number, end: number): void {
    const walker = this.#walker;
    const index = this.#index;
    try {
      if (this.#parts.length === 0) asking.onAnswer(index, buffer, start, end, walker);
      else {
        const whole = Buffer.concat([...this.#parts, buffer.subarray(start, end)]);
        asking.onAnswer(index, whole, 0, whole.length, walker);
      }
    } catch (error) {
      return this.#settle(error as Error);
    }
    this.#parts.length = 0;
    this.#index = index + 1;
    const next = asking.kinds[index + 1];
    if (next === undefined) return this.#settle(undefined);
    walker.begin(next, true);
    this.#sinceMs = performance.now();
  }

  #settle(error: Error | undefined): void {
    const asking = this.#asking;
    this.#asking = undefined;
    if (error === undefined) asking?.resolve();
    else asking?.reject(error);
  }

  #end(error: Error): void {
    this.#ended = true;
    waiting.delete(this);
    this.#settle(error);
  }
}

/** One timer for all of them. */
const waiting = new Set<LeanClient>();
setInterval(() => {
  const nowMs = performance.now();
  for (const client of waiting) client.sweep(nowMs);
}, SWEEP_MS).unref();

/** 0 for an answer that is no error. */
export function errorCodeOf(walker: ResponseWalker): number {
  return walker.ended === 'error' ? walker.errorCode : 0;
}

/** The offset of the payload of the last packet but one in `bytes[start, end)` when there are so many; -1 otherwise. */
export function rowAt(bytes: Buffer, start: number, end: number, packets: number): number {
  let row = -1;
  let last = -1;
  let count = 0;
  for (let at = start; at + HEADER_BYTES <= end; at += HEADER_BYTES + bytes.readUIntLE(at, 3)) {
    row = last;
    last = at;
    count += 1;
  }
  return count === packets ? row + HEADER_BYTES : -1;
}
