/**
 * Reads of tables that can be large, out of the way of everybody else: rows go to a thread slice by slice, which runs the
 * statement on them and gives the encoded answer. It owns the thread and the answers under way, and knows no table.
 *
 * An answer is complete before its client gets the first byte, so a client that reads slowly holds up nobody.
 */
import { Worker } from 'node:worker_threads';
import { SqlRefused } from '../db/execute.ts';
import type { AdminRole } from '../grammar/statement.ts';
import type { FromReader, ReaderTable, ToReader } from './messages.ts';

/** Large reads at a time; more wait for their turn. */
export const largeReadsMax = 4;

export interface LargeTable extends ReaderTable {
  /** Gives all rows, packed; resolves after the last slice. */
  readonly collect: (onSlice: (packed: string) => void) => Promise<void>;
}

/** What a statement is given to read. */
export interface LargeRead {
  readonly tables: readonly LargeTable[];
  /** Gives an image of MEMORY, which costs a copy of its pages; undefined when no table of it is read. */
  readonly memory: (() => Uint8Array) | undefined;
  /** Tables of the image that have to be brought up to date first. */
  readonly twins: ReadonlySet<string>;
}

/** An answer of the text protocol, from its first packet (sequence 1) to its last. */
export interface EncodedRows {
  readonly columns: readonly string[];
  readonly chunks: readonly Buffer[];
}

interface Waiting {
  readonly chunks: Buffer[];
  readonly resolve: (rows: EncodedRows) => void;
  readonly reject: (error: Error) => void;
}

export class LargeReader {
  readonly #waiting = new Map<number, Waiting>();
  readonly #queue: (() => void)[] = [];
  #thread: Worker | undefined;
  #lastId = 0;
  #running = 0;

  /** Rejects with SqlRefused, or with what collecting failed of. */
  async read(role: AdminRole, sql: string, read: LargeRead): Promise<EncodedRows> {
    if (this.#running >= largeReadsMax) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#running += 1;
    try {
      return await this.#read(role, sql, read);
    } finally {
      this.#running -= 1;
      this.#queue.shift()?.();
    }
  }

  async close(): Promise<void> {
    await this.#thread?.terminate();
  }

  async #read(role: AdminRole, sql: string, { tables, memory }: LargeRead): Promise<EncodedRows> {
    const thread = this.#startedThread();
    const id = ++this.#lastId;
    const post = (message: ToReader): void => thread.postMessage(message);
    const answer = new Promise<EncodedRows>((resolve, reject) => {
      this.#waiting.set(id, { chunks: [], resolve, reject });
    });
    // Until it is awaited: the thread may end while rows are still collected.
    answer.catch(() => undefined);
    try {
      const places = tables.map(({ schema, name }) => ({ schema, name }));
      post({ kind: 'open', id, role, tables: places, memory: memory?.() });
      for (const { name, collect } of tables) {
        await collect((packed) => post({ kind: 'rows', id, table: name, packed }));
      }
    } catch (error) {
      this.#waiting.delete(id);
      post({ kind: 'drop', id });
      throw error;
    }
    post({ kind: 'run', id, sql });
    return answer;
  }

  #startedThread(): Worker {
    if (this.#thread !== undefined) return this.#thread;
    const thread = new Worker(new URL('./reader-thread.js', import.meta.url));
    // It must not keep a process alive that is done otherwise.
    thread.unref();
    thread.on('message', (message: FromReader) => this.#receive(message));
    thread.on('error', (error) => this.#lost(error instanceof Error ? error : new Error(String(error))));
    thread.on('exit', () => this.#lost(new Error('the reader thread ended')));
    this.#thread = thread;
    return thread;
  }

  #receive(message: FromReader): void {
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    if (message.kind === 'chunk') {
      const { buffer, byteOffset, byteLength } = message.bytes;
      waiting.chunks.push(Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength));
      return;
    }
    this.#waiting.delete(message.id);
    if (message.kind === 'done') waiting.resolve({ columns: message.columns, chunks: waiting.chunks });
    else waiting.reject(new SqlRefused(message.message, message.code, undefined));
  }

  /** The next read gets another thread. */
  #lost(error: Error): void {
    this.#thread = undefined;
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}
