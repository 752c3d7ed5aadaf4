/**
 * Many clients whose statements share connections, each statement with a mark that its answer must bear, while servers,
 * their connections and workers are killed, statements are killed on the server and through sluice or run out of time,
 * clients leave in the middle of an answer and others do not read theirs: nobody ever sees another's row, no transaction
 * is split, no write happens twice, and a worker takes nobody else's sessions along.
 *
 * SLUICE_PIPELINING_STATEMENTS=1000000 is how many statements a run has (from 100,000 on servers are killed, too),
 * SLUICE_PIPELINING_CLIENTS=256 how many clients, SLUICE_PIPELINING_SECONDS=600 ends it after that time at the latest,
 * SLUICE_FUZZ_SEED=7 takes that seed.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ChannelFailure } from '../../src/connection-phase/packet-channel.ts';
import { commandFrame } from '../../src/protocol/command-frame.ts';
import { Command } from '../../src/protocol/commands.ts';
import { Attackers } from '../helpers/attackers.ts';
import { executePayload } from '../helpers/execute-payload.ts';
import { type LeanAnswer, LeanClient, rowAt } from '../helpers/lean-client.ts';
import { Random } from '../helpers/random.ts';
import { APP, rowsOf, Stage } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';
import { ConnectionEnded } from '../helpers/wire-client.ts';

const STATEMENTS = Number(process.env.SLUICE_PIPELINING_STATEMENTS ?? 6_000);
const CLIENTS = Number(process.env.SLUICE_PIPELINING_CLIENTS ?? 64);
const SECONDS_MAX = Number(process.env.SLUICE_PIPELINING_SECONDS ?? Number.POSITIVE_INFINITY);
const SEED = Number(process.env.SLUICE_FUZZ_SEED ?? 1);
const LONG = STATEMENTS >= 100_000;
const WORKERS = 2;
const DATABASES = LONG ? 2 : 1;
/** A worker that lived for less than a minute is replaced more slowly each time. */
const WORKER_KILL_MS = LONG ? 35_000 : 300;
const WORKER_KILLS_MAX = LONG ? Number.POSITIVE_INFINITY : 1;
const SERVER_KILL_MS = 45_000;
const PROGRESS_MS = 60_000;
const LOGIN_PAUSE_MS = 20;

const ROWS = 1_000;
const LARGE_BYTES = 40_000;
/** Packets of an answer besides its columns: their number, one row, the end. */
const PACKETS = 3;
/** Before the values of a binary row: its header and the bits of NULLs. */
const BINARY_ROW_HEAD = 2;

/** Shutdown, interrupted, out of time, killed, lost connection, no connection in time. */
const ALLOWED_ERRORS: ReadonlySet<number> = new Set([1053, 1317, 1907, 1927, 2013, 9001]);

const counts = {
  statements: 0,
  answers: 0,
  errors: 0,
  ended: 0,
  left: 0,
  slowReads: 0,
  timeLimits: 0,
  writes: 0,
  transactions: 0,
};

/** One statement after another, whatever becomes of the one before. */
class MarkedClient {
  /** Marks whose write was acknowledged; the others may be there or not. */
  readonly acknowledged = new Set<string>();
  /** What became of transactions that were not committed with an OK: the answers in order. */
  readonly broken = new Map<string, string[]>();
  readonly #random: Random;
  readonly #index: number;
  readonly #port: number;
  #client: LeanClient | undefined;
  #prepared = 0;
  #serial = 0;

  constructor(index: number, port: number) {
    this.#random = new Random(SEED * 10_000 + index);
    this.#index = index;
    this.#port = port;
  }

  get threadId(): number {
    return this.#client?.threadId ?? 0;
  }

  async work(): Promise<void> {
    while (counts.statements < STATEMENTS && performance.now() < SECONDS_MAX * 1_000) {
      try {
        if (this.#client === undefined) await this.#login();
        await this.#step(this.#client as LeanClient);
      } catch (error) {
        if (!(error instanceof ConnectionEnded)) throw error;
        counts.ended += 1;
        this.#leave();
      }
    }
    this.#leave();
  }

  /** Tries until it succeeds: its worker may just have been killed, or hundreds log in at once. */
  async #login(): Promise<void> {
    for (;;) {
      try {
        this.#client = await LeanClient.connect({ port: this.#port, ...APP, schema: 'test' });
        this.#prepared = 0;
        return;
      } catch (error) {
        if (!isNetworkError(error)) throw error;
        await delay(LOGIN_PAUSE_MS);
      }
    }
  }

  async #step(client: LeanClient): Promise<void> {
    const dice = this.#random.below(1_000);
    this.#serial += 1;
    const mark = `c${this.#index}s${this.#serial}`;
    const id = 1 + this.#random.below(ROWS);
    const read = `SELECT '${mark}', mark FROM marks WHERE id = ${id}`;
    if (dice < 500) return this.#check(await this.#ask(client, read), 2, mark, id);
    if (dice < 900) return this.#execute(client, mark, id);
    if (dice < 940) return this.#write(client, mark);
    if (dice < 960) return this.#transaction(client, mark);
    if (dice < 985) return this.#readSlowly(client, mark, id);
    if (dice < 990) return this.#runOutOfTime(client, mark, id);
    counts.left += 1;
    this.#ask(client, read).catch(() => undefined);
    if (this.#random.chance(50)) await delay(1);
    this.#leave();
  }

  #ask(client: LeanClient, sql: string): Promise<LeanAnswer> {
    counts.statements += 1;
    return client.ask(commandFrame(Command.COM_QUERY, sql), 'query');
  }

  async #execute(client: LeanClient, mark: string, id: number): Promise<void> {
    if (this.#prepared === 0) {
      const text = 'SELECT ?, mark FROM marks WHERE id = ?';
      const answer = await client.ask(commandFrame(Command.COM_STMT_PREPARE, text), 'prepare');
      if (answer.errorCode !== 0) return allow(answer);
      this.#prepared = answer.statementId;
    }
    counts.statements += 1;
    const payload = executePayload(this.#prepared, [mark, String(id)]);
    const answer = await client.ask(commandFrame(Command.COM_STMT_EXECUTE, payload), 'execute');
    this.#check(answer, 2, mark, id, BINARY_ROW_HEAD);
  }

  async #write(client: LeanClient, mark: string): Promise<void> {
    counts.writes += 1;
    const answer = await this.#ask(client, `INSERT INTO log VALUES ('${mark}')`);
    if (answer.errorCode === 0) this.acknowledged.add(mark);
    else allow(answer);
  }

  async #transaction(client: LeanClient, mark: string): Promise<void> {
    counts.transactions += 1;
    const insert = `INSERT INTO pairs VALUES ('${mark}')`;
    const answers: string[] = [];
    this.broken.set(mark, answers);
    for (const sql of ['BEGIN', insert, insert, 'COMMIT']) {
      const answer = await this.#ask(client, sql);
      answers.push(`${sql.slice(0, 6)} ${answer.errorCode}`);
      if (answer.errorCode === 0) continue;
      allow(answer);
      // It may have ended by itself or not: with a rollback the next statement begins afresh.
      const ended = await this.#ask(client, 'ROLLBACK');
      answers.push(`ROLLBACK ${ended.errorCode}`);
      if (ended.errorCode !== 0) this.#leave();
      return;
    }
    this.broken.delete(mark);
  }

  /** Takes more than the buffers between hold, after a while, or is gone by then. */
  async #readSlowly(client: LeanClient, mark: string, id: number): Promise<void> {
    counts.slowReads += 1;
    const asked = this.#ask(client, `SELECT '${mark}', mark, REPEAT('x', ${LARGE_BYTES}) FROM marks WHERE id = ${id}`);
    client.socket.pause();
    const gone = this.#random.chance(20);
    setTimeout(() => (gone ? client.destroy() : client.socket.resume()), 5 + this.#random.below(30));
    this.#check(await asked, 3, mark, id);
  }

  /** A KILL of ours that comes too late must not hit who has the connection next. */
  async #runOutOfTime(client: LeanClient, mark: string, id: number): Promise<void> {
    counts.timeLimits += 1;
    const seconds = (10 + this.#random.below(30)) / 1_000;
    const sql = `/* query_timeout=20 */ SELECT '${mark}', mark FROM marks WHERE id = ${id} AND SLEEP(${seconds}) = 0`;
    const answer = await this.#ask(client, sql);
    // A SLEEP() that is interrupted is 1, and need not be an error: no row. The name of the first column is the mark.
    const noRow = answer.errorCode === 0 && rowAt(answer.bytes, 2 + PACKETS - 1) >= 0;
    if (!noRow) return this.#check(answer, 2, mark, id);
    counts.errors += 1;
    if (!answer.bytes.includes(mark)) throw new Error(`'${mark}' got ${answer.bytes.toString('latin1')}`);
  }

  /** @param head bytes of the row before its values */
  #check(answer: LeanAnswer, columns: number, mark: string, id: number, head = 0): void {
    if (answer.errorCode !== 0) return allow(answer);
    counts.answers += 1;
    const { bytes } = answer;
    const row = rowAt(bytes, columns + PACKETS) + head;
    const text = `mark ${id}`;
    const expected = `${String.fromCharCode(mark.length)}${mark}${String.fromCharCode(text.length)}${text}`;
    if (row < head || bytes.toString('latin1', row, row + expected.length) !== expected)
      throw new Error(`'${mark}' got ${JSON.stringify(bytes.toString('latin1')).slice(0, 400)}`);
  }

  #leave(): void {
    this.#client?.destroy();
    this.#client = undefined;
  }
}

function allow(answer: LeanAnswer): void {
  counts.errors += 1;
  if (!ALLOWED_ERRORS.has(answer.errorCode)) throw new Error(`unexpected: ${answer.bytes.toString('latin1', 0, 300)}`);
}

/** A login that did not come to an end. */
function isNetworkError(error: unknown): boolean {
  return error instanceof ChannelFailure || error instanceof ConnectionEnded || /ECONN|EPIPE/.test(String(error));
}

describe('shared connections under attack', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      workers: WORKERS,
      databases: DATABASES,
      // What was committed must be there after a server was killed, and no page may be torn.
      ...(LONG && { databaseArgs: ['--innodb-flush-log-at-trx-commit=2', '--innodb-doublewrite=1'] }),
      setup: [
        'CREATE TABLE test.marks (id INT PRIMARY KEY, mark VARCHAR(20))',
        `INSERT INTO test.marks SELECT seq, CONCAT('mark ', seq) FROM test.seq_1_to_${ROWS}`,
        'CREATE TABLE test.log (mark VARCHAR(40), KEY (mark))',
        'CREATE TABLE test.pairs (mark VARCHAR(40), KEY (mark))',
      ],
    });
  });
  after(() => stage.stop());

  test('every answer is its asker’s own', { timeout: 36_000_000 }, async (t) => {
    const begunMs = performance.now();
    const clients = Array.from({ length: CLIENTS }, (_, index) => new MarkedClient(index, stage.sluice.mysqlPort));
    const attackers = new Attackers(stage, new Random(SEED), () => clients.map(({ threadId }) => threadId));
    const summary = (): string => {
      const seconds = Math.round((performance.now() - begunMs) / 1_000);
      return JSON.stringify({ seconds, ...counts, ...attackers.counts });
    };
    const progress = setInterval(() => console.log(summary()), PROGRESS_MS);
    try {
      const attacks = attackers.run({
        workerMs: WORKER_KILL_MS,
        workersMax: WORKER_KILLS_MAX,
        ...(LONG && { serverMs: SERVER_KILL_MS }),
      });
      await Promise.race([Promise.all(clients.map((client) => client.work())), attacks]);
      await attackers.stop();
      await attacks;
    } finally {
      clearInterval(progress);
    }
    t.diagnostic(summary());
    t.diagnostic(JSON.stringify(attackers.figures));
    assert.ok((attackers.figures.Sluice_pipelining_joined ?? 0) > 0, 'some shared');

    const written = new Map<string, number>();
    const split: unknown[] = [];
    for (const database of stage.databases) {
      const server = await database.connect('test');
      for (const { mark, times } of await rowsOf(server, 'SELECT mark, COUNT(*) AS times FROM log GROUP BY mark'))
        written.set(String(mark), (written.get(String(mark)) ?? 0) + Number(times));
      for (const half of await rowsOf(
        server,
        'SELECT mark, COUNT(*) AS times FROM pairs GROUP BY mark HAVING times <> 2',
      ))
        split.push({
          ...half,
          port: database.port,
          saw: clients.flatMap(({ broken }) => broken.get(String(half.mark)) ?? []),
        });
      server.destroy();
    }
    assert.deepEqual(split, []);
    for (const [mark, times] of written) if (times !== 1) assert.fail(`${mark} was written ${times} times`);
    for (const client of clients)
      for (const mark of client.acknowledged) if (!written.has(mark)) assert.fail(`${mark} was lost`);
    await eventually(
      'no connection is in use',
      () => stage.connectionsUsed(),
      (used) => used === 0,
    );
  });
});
