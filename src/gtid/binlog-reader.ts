/**
 * A connection to the reader of one server's binary log, which is opened again whenever it ends. It knows what the server
 * has executed, and nothing of hostgroups or sessions.
 */
import { connect, type Socket } from 'node:net';
import type { GtidInterval } from './gtid-set.ts';
import { ReaderState, readerLineBytesMax } from './reader-protocol.ts';

/** The pause before a reader is asked again doubles from mysql-binlog_reader_connect_retry_msec up to this, in ms. */
export const readerRetryMsMax = 30_000;

const NEWLINE = 0x0a;
const NOTHING = Buffer.alloc(0);

export interface BinlogReaderOptions {
  readonly hostname: string;
  /** gtid_port of mysql_servers. */
  readonly port: number;
  warn(fields: object, message: string): void;
  /** Milliseconds: mysql-binlog_reader_connect_retry_msec as it is now. */
  retryMs(): number;
  /** The server has executed this. */
  onRun(source: string, interval: GtidInterval): void;
  /** The server has executed more; after the runs that are told at once. */
  onExecuted(): void;
}

export class BinlogReader {
  readonly #options: BinlogReaderOptions;
  readonly #state: ReaderState;
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The line under way. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #failures = 0;
  #closed = false;

  constructor(options: BinlogReaderOptions) {
    this.#options = options;
    this.#state = new ReaderState((source, interval) => options.onRun(source, interval));
    this.#open();
  }

  get state(): ReaderState {
    return this.#state;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  #open(): void {
    const { hostname, port } = this.#options;
    const socket = connect({ host: hostname, port, keepAlive: true });
    this.#socket = socket;
    this.#held = [];
    this.#heldBytes = 0;
    let problem: string | undefined;
    socket.on('data', (chunk) => {
      problem ??= this.#take(chunk);
      if (problem !== undefined) socket.destroy();
    });
    socket.on('error', (error) => {
      problem ??= error.message;
    });
    socket.on('close', () => this.#ended(problem ?? 'the reader has closed the connection'));
    // It must not keep a worker alive that has nothing else to do.
    socket.unref();
  }

  /** What was executed stays executed: the set is kept until the next connection brings another. */
  #ended(reason: string): void {
    if (this.#closed) return;
    const { hostname, port, retryMs } = this.#options;
    const pauseMs = Math.min(Math.max(readerRetryMsMax, retryMs()), retryMs() * 2 ** Math.min(this.#failures, 10));
    if (this.#failures === 0) this.#options.warn({ reader: `${hostname}:${port}`, reason }, 'no reader of binary logs');
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#open(), pauseMs);
    this.#timer.unref();
  }

  /** What is wrong with the bytes, if anything. */
  #take(chunk: Buffer): string | undefined {
    const { events } = this.#state;
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = this.#held.length === 0 ? NOTHING : Buffer.concat(this.#held);
      const text = Buffer.concat([line, chunk.subarray(start, end)]).toString('latin1');
      this.#held = [];
      this.#heldBytes = 0;
      start = end + 1;
      if (text.length > readerLineBytesMax) return 'a line is too long';
      if (!this.#state.line(text.trimEnd())) return 'a line makes no sense';
    }
    const rest = chunk.subarray(start);
    this.#heldBytes += rest.length;
    if (this.#heldBytes > readerLineBytesMax) return 'a line is too long';
    if (rest.length > 0) this.#held.push(rest);
    if (this.#state.events !== events) {
      this.#failures = 0;
      this.#options.onExecuted();
    }
    return undefined;
  }
}
