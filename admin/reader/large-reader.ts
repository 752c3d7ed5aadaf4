/**
 * Reads that are not small, out of the way of everybody else: rows go to a reader process slice by slice, which runs the
 * statement on them and gives the encoded answer. It owns the processes and the answers under way, and knows no table.
 *
 * A process has one statement at a time, and whatever that does, it can be ended: when it takes too long, when it is killed,
 * and when its client has gone. An answer is complete before its client gets the first byte, so a client that reads slowly
 * holds up nobody.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { SqlRefused } from '../db/execute.ts';
import type { SqlParameter } from '../db/parameters.ts';
import { largeReadsMax, readerIdleMs, readerMemoryBytesMax } from './limits.ts';
import type { FromReader, ToReader } from './messages.ts';

/** A statement, and how its reader gets what it reads. */
export interface LargeRead {
  readonly sql: string;
  readonly parameters: readonly SqlParameter[];
  /** Rows as COM_STMT_EXECUTE wants them, as text, or nothing but to see that the statement ends. */
  readonly answer: 'binary' | 'text' | 'none';
  /** Sends definitions and rows; rejects with what collecting failed of. */
  readonly fill: (reader: ReaderInput) => Promise<void>;
  /** How long all of it may take, in ms. */
  readonly timeoutMs: number;
  /** Nobody wants the answer any more. */
  readonly signal: AbortSignal | undefined;
}

export interface ReaderInput {
  /** Resolves when the reader can take more. */
  readonly send: (message: ToReader) => Promise<void>;
}

/** An answer, from its first packet (sequence 1) to its last. */
export interface EncodedRows {
  readonly columns: readonly string[];
  readonly chunks: readonly Buffer[];
}

/** The read took longer than it may. */
export class ReadTimedOut extends Error {
  override readonly name = 'ReadTimedOut';
  readonly timeoutMs: number;
  constructor(timeoutMs: number) {
    super(`a read was ended after ${timeoutMs} ms`);
    this.timeoutMs = timeoutMs;
  }
}

/** Somebody ended it, or its client has gone. */
export class ReadInterrupted extends Error {
  override readonly name = 'ReadInterrupted';
}

export class LargeReader {
  readonly #queue: (() => void)[] = [];
  readonly #busy = new Set<ChildProcess>();
  #idle: ChildProcess | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #running = 0;

  /** Rejects with SqlRefused, ReadTimedOut, ReadInterrupted, or with what collecting failed of. */
  async read(read: LargeRead): Promise<EncodedRows> {
    if (this.#running >= largeReadsMax) await this.#turn(read.signal);
    this.#running += 1;
    try {
      return await this.#read(read);
    } finally {
      this.#running -= 1;
      this.#queue.shift()?.();
    }
  }

  /** Rejects with ReadInterrupted when nobody wants to wait any longer. */
  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#queue.splice(this.#queue.indexOf(begin), 1);
        reject(new ReadInterrupted());
      };
      signal?.addEventListener('abort', leave);
      this.#queue.push(begin);
    });
  }

  close(): void {
    clearTimeout(this.#idleTimer);
    for (const reader of [this.#idle, ...this.#busy]) reader?.kill('SIGKILL');
    this.#idle = undefined;
  }

  async #read(read: LargeRead): Promise<EncodedRows> {
    const reader = this.#take();
    let usable = false;
    try {
      const rows = await answerOf(reader, read);
      usable = true;
      return rows;
    } catch (error) {
      usable = error instanceof SqlRefused;
      throw error;
    } finally {
      this.#giveBack(reader, usable);
    }
  }

  #take(): ChildProcess {
    clearTimeout(this.#idleTimer);
    const reader = this.#idle ?? startReader();
    this.#idle = undefined;
    reader.ref();
    reader.channel?.ref();
    this.#busy.add(reader);
    return reader;
  }

  /** One is kept for the next read, for a while. */
  #giveBack(reader: ChildProcess, usable: boolean): void {
    this.#busy.delete(reader);
    if (!usable || this.#idle !== undefined || !reader.connected) {
      reader.kill('SIGKILL');
      return;
    }
    // It must not keep a process alive that is done otherwise.
    reader.unref();
    reader.channel?.unref();
    this.#idle = reader;
    this.#idleTimer = setTimeout(() => {
      this.#idle?.kill('SIGKILL');
      this.#idle = undefined;
    }, readerIdleMs).unref();
  }
}

function startReader(): ChildProcess {
  const reader = fork(new URL('./reader-process.js', import.meta.url), {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  // What happens to it is seen by the read it has; without one nobody needs it.
  reader.on('error', () => undefined);
  return reader;
}

function answerOf(reader: ChildProcess, read: LargeRead): Promise<EncodedRows> {
  const { sql, parameters, answer, signal, timeoutMs } = read;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let over = false;
    const end = (): void => {
      over = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      reader.off('message', onMessage);
      reader.off('exit', onExit);
    };
    const fail = (error: Error): void => {
      end();
      reject(error);
    };
    const onMessage = (message: FromReader): void => {
      if (message.kind === 'chunk') {
        const { buffer, byteOffset, byteLength } = message.bytes;
        chunks.push(Buffer.from(buffer, byteOffset, byteLength));
        return;
      }
      end();
      if (message.kind === 'done') resolve({ columns: message.columns, chunks });
      else reject(new SqlRefused(message.message, message.code, undefined));
    };
    const onAbort = (): void => fail(new ReadInterrupted());
    const onExit = (): void =>
      fail(new Error(`the reader process has ended; a statement may take ${readerMemoryBytesMax} bytes of memory`));
    const timer = setTimeout(() => fail(new ReadTimedOut(timeoutMs)), timeoutMs).unref();
    reader.on('message', onMessage);
    reader.on('exit', onExit);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) onAbort();

    const send = (message: ToReader): Promise<void> =>
      new Promise((sent, notSent) => {
        // Collecting goes on to the end of its slice; then it learns that nobody wants more.
        if (over) notSent(new ReadInterrupted());
        else reader.send(message, (error) => (error === null ? sent() : notSent(error)));
      });
    read
      .fill({ send })
      .then(() =>
        send(
          answer === 'none'
            ? { kind: 'try', sql, parameters }
            : { kind: 'run', sql, parameters, binary: answer === 'binary' },
        ),
      )
      .catch((error: Error) => {
        if (!over) fail(error);
      });
  });
}
