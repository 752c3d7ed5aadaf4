/**
 * Many clients whose statements share connections, each statement with a mark that its answer must bear, while
 * connections are killed, statements are killed on the server and through sluice, clients leave in the middle of an answer
 * and others do not read theirs: nobody ever sees another's row, no transaction is split, no write happens twice.
 *
 * SLUICE_PIPELINING_STATEMENTS=1000000 is how many statements a run has, SLUICE_PIPELINING_CLIENTS=256 how many clients,
 * SLUICE_FUZZ_SEED=7 takes that seed.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from 'mysql2/promise';
import { ChannelFailure } from '../../src/connection-phase/packet-channel.ts';
import { Random } from '../helpers/random.ts';
import { APP, rowsOf, Stage } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';
import { ConnectionEnded, type WireAnswer, WireClient } from '../helpers/wire-client.ts';

const STATEMENTS = Number(process.env.SLUICE_PIPELINING_STATEMENTS ?? 6_000);
const CLIENTS = Number(process.env.SLUICE_PIPELINING_CLIENTS ?? 64);
const SEED = Number(process.env.SLUICE_FUZZ_SEED ?? 1);
const ROWS = 1_000;
const LARGE_BYTES = 40_000;
const CHAOS_INTERVAL_MS = 25;

/** Lost connection, interrupted, killed, no connection in time: what an attacked statement may answer. */
const ALLOWED_ERRORS: ReadonlySet<number> = new Set([1053, 1317, 1927, 2013, 9001]);

const counts = { statements: 0, answers: 0, errors: 0, ended: 0, left: 0, slowReads: 0, writes: 0, transactions: 0 };

/** One after another, whatever becomes of the statement before. */
class MarkedClient {
  /** Marks whose write was acknowledged; the others may be there or not. */
  readonly acknowledged = new Set<string>();
  readonly #random: Random;
  readonly #index: number;
  readonly #port: number;
  #client: WireClient | undefined;
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
    while (counts.statements < STATEMENTS) {
      try {
        await this.#step();
      } catch (error) {
        // A login may take too long where hundreds log in at once; it is tried again.
        if (!(error instanceof ConnectionEnded || error instanceof ChannelFailure)) throw error;
        counts.ended += 1;
        this.#leave();
      }
    }
    this.#leave();
  }

  async #step(): Promise<void> {
    if (this.#client === undefined) {
      this.#client = await WireClient.connect({ port: this.#port, ...APP, schema: 'test' });
      this.#prepared = 0;
    }
    const client = this.#client;
    const dice = this.#random.below(1_000);
    this.#serial += 1;
    const mark = `c${this.#index}s${this.#serial}`;
    const id = 1 + this.#random.below(ROWS);
    if (dice < 500)
      return this.#check(await this.#ask(client, `SELECT '${mark}', mark FROM marks WHERE id = ${id}`), mark, id);
    if (dice < 900) return this.#execute(client, mark, id);
    if (dice < 940) return this.#write(client, mark);
    if (dice < 960) return this.#transaction(client, mark);
    if (dice < 985) return this.#readSlowly(client, mark, id);
    counts.statements += 1;
    counts.left += 1;
    void client.query(`SELECT '${mark}', mark FROM marks WHERE id = ${id}`).catch(() => undefined);
    if (this.#random.chance(50)) await delay(1);
    this.#leave();
  }

  #ask(client: WireClient, sql: string): Promise<WireAnswer> {
    counts.statements += 1;
    return client.query(sql);
  }

  async #execute(client: WireClient, mark: string, id: number): Promise<void> {
    if (this.#prepared === 0) {
      const answer = await client.prepare('SELECT ?, mark FROM marks WHERE id = ?');
      if (answer.errorCode !== 0) return allow(answer);
      this.#prepared = answer.statementId;
    }
    counts.statements += 1;
    this.#check(await client.execute(this.#prepared, [mark, String(id)]), mark, id, 1);
  }

  async #write(client: WireClient, mark: string): Promise<void> {
    counts.writes += 1;
    const answer = await this.#ask(client, `INSERT INTO log VALUES ('${mark}')`);
    if (answer.errorCode === 0) this.acknowledged.add(mark);
    else allow(answer);
  }

  async #transaction(client: WireClient, mark: string): Promise<void> {
    counts.transactions += 1;
    for (const sql of [
      'BEGIN',
      `INSERT INTO pairs VALUES ('${mark}')`,
      `INSERT INTO pairs VALUES ('${mark}')`,
      'COMMIT',
    ]) {
      const answer = await this.#ask(client, sql);
      if (answer.errorCode === 0) continue;
      allow(answer);
      // It may have ended by itself or not: with a rollback the next statement begins afresh.
      const ended = await this.#ask(client, 'ROLLBACK');
      if (ended.errorCode !== 0) this.#leave();
      return;
    }
  }

  /** Takes more than the buffers between hold, after a while. */
  async #readSlowly(client: WireClient, mark: string, id: number): Promise<void> {
    counts.slowReads += 1;
    const sql = `SELECT '${mark}', mark, REPEAT('x', ${LARGE_BYTES}) FROM marks WHERE id = ${id}`;
    const asked = this.#ask(client, sql);
    client.socket.pause();
    setTimeout(() => client.socket.resume(), 5 + this.#random.below(30));
    this.#check(await asked, mark, id);
  }

  /** @param header bytes of a row before its values: a binary row has a null bitmap. */
  #check(answer: WireAnswer, mark: string, id: number, header = 0): void {
    if (answer.errorCode !== 0) return allow(answer);
    counts.answers += 1;
    // Count, two or three columns, one row, the end.
    const row = answer.packets.at(-2);
    const expected = [mark, `mark ${id}`].map((value) => `${String.fromCharCode(value.length)}${value}`).join('');
    const found = row?.toString('latin1', header === 0 ? 0 : 2, (header === 0 ? 0 : 2) + expected.length);
    if (found !== expected) throw new Error(`'${mark}' got ${JSON.stringify(answer.lines).slice(0, 400)}`);
  }

  #leave(): void {
    this.#client?.destroy();
    this.#client = undefined;
  }
}

function allow(answer: WireAnswer): void {
  counts.errors += 1;
  if (!ALLOWED_ERRORS.has(answer.errorCode)) throw new Error(`unexpected: ${answer.lines.join('; ').slice(0, 300)}`);
}

describe('shared connections under attack', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      setup: [
        'CREATE TABLE test.marks (id INT PRIMARY KEY, mark VARCHAR(20))',
        `INSERT INTO test.marks SELECT seq, CONCAT('mark ', seq) FROM test.seq_1_to_${ROWS}`,
        'CREATE TABLE test.log (mark VARCHAR(40), KEY (mark))',
        'CREATE TABLE test.pairs (mark VARCHAR(40), KEY (mark))',
      ],
    });
  });
  after(() => stage.stop());

  test('every answer is its asker’s own', { timeout: 3_600_000 }, async (t) => {
    const clients = Array.from({ length: CLIENTS }, (_, index) => new MarkedClient(index, stage.sluice.mysqlPort));
    let over = false;
    const attacks = attack(stage, clients, () => over);
    await Promise.all(clients.map((client) => client.work()));
    over = true;
    const killed = await attacks;
    const global = await stage.sluice.admin(
      "SELECT Variable_Name AS name, Variable_Value AS value FROM stats_mysql_global WHERE Variable_Name LIKE 'Sluice_pipelining_%' AND Variable_Value > 0",
    );
    t.diagnostic(
      JSON.stringify({ ...counts, ...killed, ...Object.fromEntries(global.map((r) => [r.name, Number(r.value)])) }),
    );
    assert.ok(Number(global.find((row) => row.name === 'Sluice_pipelining_joined')?.value ?? 0) > 0, 'some shared');

    const server = await stage.database.connect('test');
    const marks = await rowsOf(server, 'SELECT mark, COUNT(*) AS times FROM log GROUP BY mark');
    const written = new Map(marks.map(({ mark, times }) => [String(mark), Number(times)]));
    for (const [mark, times] of written) assert.equal(times, 1, mark);
    for (const client of clients) for (const mark of client.acknowledged) assert.equal(written.get(mark), 1, mark);
    const halves = await rowsOf(server, 'SELECT mark FROM pairs GROUP BY mark HAVING COUNT(*) <> 2');
    assert.deepEqual(halves, []);
    server.destroy();
    await eventually(
      'no connection is in use',
      () => stage.connectionsUsed(),
      (used) => used === 0,
    );
  });
});

/** Kills connections and statements until it is over; returns how many. */
async function attack(stage: Stage, clients: readonly MarkedClient[], over: () => boolean) {
  const random = new Random(SEED);
  const root = await stage.database.connect();
  const killer = await stage.connect();
  const killed = { connections: 0, queries: 0, sessions: 0 };
  while (!over()) {
    await delay(CHAOS_INTERVAL_MS);
    const threads = await backendThreads(root);
    const victim = threads.length === 0 ? 0 : random.pick(threads);
    const dice = random.below(4);
    if (dice === 0 && victim !== 0) killed.connections += await kill(root, `KILL ${victim}`);
    else if (dice <= 2 && victim !== 0) killed.queries += await kill(root, `KILL QUERY ${victim}`);
    else killed.sessions += await kill(killer, `KILL QUERY ${random.pick(clients).threadId}`);
  }
  root.destroy();
  killer.destroy();
  return killed;
}

async function backendThreads(root: Connection): Promise<number[]> {
  const rows = await rowsOf(root, `SELECT id FROM information_schema.processlist WHERE user = '${APP.user}'`);
  return rows.map(({ id }) => Number(id));
}

/** 1 when there was somebody to kill. */
async function kill(connection: Connection, sql: string): Promise<number> {
  try {
    await connection.query(sql);
    return 1;
  } catch {
    return 0;
  }
}
