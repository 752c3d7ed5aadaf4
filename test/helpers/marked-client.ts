/**
 * A client whose every statement has a mark that its answer must bear: reads by text and prepared, one at a time or many
 * in one write, writes, transactions, answers that are read slowly or not at all, statements that run out of time. It
 * tells nobody what to attack and reads no table of results; the test does.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ChannelFailure } from '../../src/connection-phase/packet-channel.ts';
import { commandFrame } from '../../src/protocol/command-frame.ts';
import { Command } from '../../src/protocol/commands.ts';
import type { ResponseKind, ResponseWalker } from '../../src/protocol/response-walker.ts';
import { executePayload } from './execute-payload.ts';
import { errorCodeOf, type LeanAnswer, LeanClient, rowAt } from './lean-client.ts';
import { Random } from './random.ts';
import { APP } from './stage.ts';
import { ConnectionEnded } from './wire-client.ts';

/** Rows of the table `marks`: id and `mark <id>`. */
export const markedRows = 1_000;
/** What a client works on. */
export const markedTables: readonly string[] = [
  'CREATE TABLE test.marks (id INT PRIMARY KEY, mark VARCHAR(20))',
  `INSERT INTO test.marks SELECT seq, CONCAT('mark ', seq) FROM test.seq_1_to_${markedRows}`,
  'CREATE TABLE test.log (mark VARCHAR(40), KEY (mark))',
  'CREATE TABLE test.pairs (mark VARCHAR(40), KEY (mark))',
];

const LARGE_BYTES = 40_000;
const BURST_MAX = 16;
const LOGIN_PAUSE_MS = 20;
/** Packets of an answer besides its columns: their number, one row, the end. */
const PACKETS = 3;
/** Before the values of a binary row: its header and the bits of NULLs. */
const BINARY_ROW_HEAD = 2;

/** Shutdown, interrupted, out of time, killed, lost connection, no connection in time. */
const ALLOWED_ERRORS: ReadonlySet<number> = new Set([1053, 1317, 1907, 1927, 2013, 9001]);

export interface MarkedCounts {
  statements: number;
  /** Answers whose mark was checked; text and prepared together. */
  answers: number;
  prepared: number;
  bursts: number;
  errors: number;
  ended: number;
  left: number;
  slowReads: number;
  timeLimits: number;
  writes: number;
  transactions: number;
}

export function noMarkedCounts(): MarkedCounts {
  return {
    statements: 0,
    answers: 0,
    prepared: 0,
    bursts: 0,
    errors: 0,
    ended: 0,
    left: 0,
    slowReads: 0,
    timeLimits: 0,
    writes: 0,
    transactions: 0,
  };
}

export interface MarkedClientOptions {
  readonly index: number;
  readonly seed: number;
  readonly port: number;
  /** Shared by all clients. */
  readonly counts: MarkedCounts;
  /** Asked before each step. */
  goesOn(): boolean;
}

/** One command of a burst, and what its answer must be. */
interface Marked {
  readonly kind: 'text' | 'prepared' | 'write';
  readonly mark: string;
  readonly id: number;
}

export class MarkedClient {
  /** Marks whose write was acknowledged; the others may be there or not. */
  readonly acknowledged = new Set<string>();
  /** What became of transactions that were not committed with an OK: the answers in order. */
  readonly broken = new Map<string, string[]>();
  readonly #options: MarkedClientOptions;
  readonly #random: Random;
  readonly #counts: MarkedCounts;
  #client: LeanClient | undefined;
  #prepared = 0;
  #serial = 0;

  constructor(options: MarkedClientOptions) {
    this.#options = options;
    this.#counts = options.counts;
    this.#random = new Random(options.seed * 10_000 + options.index);
  }

  get threadId(): number {
    return this.#client?.threadId ?? 0;
  }

  async work(): Promise<void> {
    while (this.#options.goesOn()) {
      try {
        if (this.#client === undefined) await this.#login();
        if (this.#client !== undefined) await this.#step(this.#client);
      } catch (error) {
        if (!(error instanceof ConnectionEnded)) throw error;
        this.#counts.ended += 1;
        this.#leave();
      }
    }
    this.#leave();
  }

  /** Tries until it succeeds: its worker may just have been killed, or hundreds log in at once. */
  async #login(): Promise<void> {
    while (this.#options.goesOn()) {
      try {
        this.#client = await LeanClient.connect({ port: this.#options.port, ...APP, schema: 'test' });
        this.#prepared = 0;
        return;
      } catch (error) {
        if (!isNetworkError(error)) throw error;
        await delay(LOGIN_PAUSE_MS);
      }
    }
  }

  #step(client: LeanClient): Promise<void> {
    const dice = this.#random.below(100);
    if (dice < 40) return this.#burst(client, 1);
    if (dice < 82) return this.#burst(client, 2 + this.#random.below(BURST_MAX - 1));
    if (dice < 88) return this.#transaction(client, this.#mark());
    if (dice < 94) return this.#readSlowly(client, this.#mark());
    if (dice < 96) return this.#runOutOfTime(client, this.#mark());
    return this.#vanish(client);
  }

  #mark(): string {
    this.#serial += 1;
    return `c${this.#options.index}s${this.#serial}`;
  }

  #id(): number {
    return 1 + this.#random.below(markedRows);
  }

  #ask(client: LeanClient, sql: string): Promise<LeanAnswer> {
    this.#counts.statements += 1;
    return client.ask(commandFrame(Command.COM_QUERY, sql), 'query');
  }

  /** Commands in one write; the server has to answer them one after the other, each with its own. */
  async #burst(client: LeanClient, length: number): Promise<void> {
    if (this.#prepared === 0 && !(await this.#prepare(client))) return;
    const counts = this.#counts;
    const asked: Marked[] = [];
    const kinds: ResponseKind[] = [];
    const frames: Buffer[] = [];
    for (let i = 0; i < length; i++) {
      const dice = this.#random.below(100);
      const one: Marked = {
        kind: dice < 54 ? 'text' : dice < 96 ? 'prepared' : 'write',
        mark: this.#mark(),
        id: this.#id(),
      };
      asked.push(one);
      kinds.push(one.kind === 'prepared' ? 'execute' : 'query');
      frames.push(this.#frameOf(one));
    }
    counts.statements += length;
    if (length > 1) counts.bursts += 1;
    await client.askAll(length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames), kinds, (index, ...answer) =>
      this.#take(asked[index] as Marked, ...answer),
    );
  }

  async #prepare(client: LeanClient): Promise<boolean> {
    const text = 'SELECT ?, mark FROM marks WHERE id = ?';
    const answer = await client.ask(commandFrame(Command.COM_STMT_PREPARE, text), 'prepare');
    if (answer.errorCode === 0) this.#prepared = answer.statementId;
    else this.#allow(answer.errorCode, answer.bytes);
    return answer.errorCode === 0;
  }

  #frameOf({ kind, mark, id }: Marked): Buffer {
    if (kind === 'text') return commandFrame(Command.COM_QUERY, readOf(mark, id));
    if (kind === 'prepared')
      return commandFrame(Command.COM_STMT_EXECUTE, executePayload(this.#prepared, [mark, String(id)]));
    this.#counts.writes += 1;
    return commandFrame(Command.COM_QUERY, `INSERT INTO log VALUES ('${mark}')`);
  }

  #take({ kind, mark, id }: Marked, bytes: Buffer, start: number, end: number, walker: ResponseWalker): void {
    const errorCode = errorCodeOf(walker);
    if (errorCode !== 0) return this.#allow(errorCode, bytes.subarray(start, end));
    if (kind === 'write') {
      if (walker.ended !== 'ok') throw new Error(`the INSERT of '${mark}' got ${shown(bytes, start, end)}`);
      this.acknowledged.add(mark);
      return;
    }
    if (kind === 'prepared') this.#counts.prepared += 1;
    this.#check(2, mark, id, bytes, start, end, kind === 'prepared' ? BINARY_ROW_HEAD : 0);
  }

  async #transaction(client: LeanClient, mark: string): Promise<void> {
    this.#counts.transactions += 1;
    const insert = `INSERT INTO pairs VALUES ('${mark}')`;
    const answers: string[] = [];
    this.broken.set(mark, answers);
    for (const sql of ['BEGIN', insert, insert, 'COMMIT']) {
      const answer = await this.#ask(client, sql);
      answers.push(`${sql.slice(0, 6)} ${answer.errorCode}`);
      if (answer.errorCode === 0) continue;
      this.#allow(answer.errorCode, answer.bytes);
      // It may have ended by itself or not: with a rollback the next statement begins afresh.
      const ended = await this.#ask(client, 'ROLLBACK');
      answers.push(`ROLLBACK ${ended.errorCode}`);
      if (ended.errorCode !== 0) this.#leave();
      return;
    }
    this.broken.delete(mark);
  }

  /** Takes more than the buffers between hold, after a while, or is gone by then. */
  async #readSlowly(client: LeanClient, mark: string): Promise<void> {
    this.#counts.slowReads += 1;
    const id = this.#id();
    const asked = this.#ask(client, `SELECT '${mark}', mark, REPEAT('x', ${LARGE_BYTES}) FROM marks WHERE id = ${id}`);
    client.socket.pause();
    const gone = this.#random.chance(20);
    setTimeout(() => (gone ? client.destroy() : client.socket.resume()), 5 + this.#random.below(30));
    this.#checkOne(await asked, 3, mark, id);
  }

  /** A KILL of ours that comes too late must not hit who has the connection next. */
  async #runOutOfTime(client: LeanClient, mark: string): Promise<void> {
    this.#counts.timeLimits += 1;
    const id = this.#id();
    const seconds = (10 + this.#random.below(30)) / 1_000;
    const sql = `/* query_timeout=20 */ SELECT '${mark}', mark FROM marks WHERE id = ${id} AND SLEEP(${seconds}) = 0`;
    const answer = await this.#ask(client, sql);
    // A SLEEP() that is interrupted is 1, and need not be an error: no row. The name of the first column is the mark.
    const { bytes } = answer;
    const noRow = answer.errorCode === 0 && rowAt(bytes, 0, bytes.length, 2 + PACKETS - 1) >= 0;
    if (!noRow) return this.#checkOne(answer, 2, mark, id);
    this.#counts.errors += 1;
    if (!bytes.includes(mark)) throw new Error(`'${mark}' got ${shown(bytes, 0, bytes.length)}`);
  }

  /** Asks and is gone before it is answered, or in the middle of the answer. */
  async #vanish(client: LeanClient): Promise<void> {
    this.#counts.left += 1;
    this.#ask(client, readOf(this.#mark(), this.#id())).catch(() => undefined);
    if (this.#random.chance(50)) await delay(1);
    this.#leave();
  }

  #checkOne({ errorCode, bytes }: LeanAnswer, columns: number, mark: string, id: number): void {
    if (errorCode !== 0) this.#allow(errorCode, bytes);
    else this.#check(columns, mark, id, bytes, 0, bytes.length, 0);
  }

  /** @param head bytes of the row before its values */
  #check(columns: number, mark: string, id: number, bytes: Buffer, start: number, end: number, head: number): void {
    this.#counts.answers += 1;
    const row = rowAt(bytes, start, end, columns + PACKETS) + head;
    const text = `mark ${id}`;
    const expected = `${String.fromCharCode(mark.length)}${mark}${String.fromCharCode(text.length)}${text}`;
    if (row < head || bytes.toString('latin1', row, row + expected.length) !== expected)
      throw new Error(`'${mark}' (port ${this.#client?.port}) got ${shown(bytes, start, end)}`);
  }

  #allow(errorCode: number, bytes: Buffer): void {
    this.#counts.errors += 1;
    if (!ALLOWED_ERRORS.has(errorCode)) throw new Error(`unexpected: ${shown(bytes, 0, bytes.length)}`);
  }

  #leave(): void {
    this.#client?.destroy();
    this.#client = undefined;
  }
}

function readOf(mark: string, id: number): string {
  return `SELECT '${mark}', mark FROM marks WHERE id = ${id}`;
}

function shown(bytes: Buffer, start: number, end: number): string {
  return JSON.stringify(bytes.toString('latin1', start, Math.min(end, start + 400)));
}

/** A login that did not come to an end. */
function isNetworkError(error: unknown): boolean {
  return error instanceof ChannelFailure || error instanceof ConnectionEnded || /ECONN|EPIPE/.test(String(error));
}
