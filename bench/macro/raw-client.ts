/**
 * A client that costs next to nothing: it logs in, sends one statement at a time and counts the answer's bytes. Nothing
 * is decoded and no packet is kept.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { clientLogin } from '../../src/connection-phase/client-login.ts';
import { SERVING_CAPABILITIES } from '../../src/protocol/capabilities.ts';
import { commandFrame } from '../../src/protocol/command-frame.ts';
import { Command } from '../../src/protocol/commands.ts';
import { ResponseWalker } from '../../src/protocol/response-walker.ts';
import { APP } from '../../test/helpers/stage.ts';

const COLLATION_ID = 45;

export class RawClient {
  readonly socket: Socket;
  bytes = 0;
  /** Called with every chunk's length, while an answer comes. */
  onBytes: (bytes: number) => void = () => undefined;
  readonly #walker = new ResponseWalker();
  #done: ((error?: Error) => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length;
      this.#walker.push(chunk, 0, chunk.length);
      this.onBytes(chunk.length);
      if (!this.#walker.done) return;
      this.#done?.(this.#walker.ended === 'error' ? new Error(this.#walker.error?.message) : undefined);
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#done?.(new Error('the connection was lost')));
    socket.resume();
  }

  static async connect(port: number, schema = 'sbtest'): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const login = await clientLogin({
      socket,
      username: APP.user,
      secret: { clear: APP.password },
      schema,
      capabilities: SERVING_CAPABILITIES,
      charset: COLLATION_ID,
      loginTimeoutMs: 30_000,
    });
    return new RawClient(login.socket);
  }

  /** Resolves with the number of bytes of the answer. */
  query(sql: string): Promise<number> {
    this.#walker.begin('query', true);
    const before = this.bytes;
    return new Promise((resolve, reject) => {
      this.#done = (error) => {
        this.#done = undefined;
        if (error === undefined) resolve(this.bytes - before);
        else reject(error);
      };
      this.socket.write(commandFrame(Command.COM_QUERY, sql));
    });
  }

  destroy(): void {
    this.socket.destroy();
  }
}
