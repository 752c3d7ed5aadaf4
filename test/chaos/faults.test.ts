/**
 * Many clients on few connections while connections are killed, servers are taken out and put back, everything is
 * loaded again and clients leave in the middle of an answer: nothing hangs, runs twice, leaks or reaches somebody else.
 *
 * SLUICE_FUZZ_SECONDS=200 makes it run that long; SLUICE_FUZZ_SEED=7 takes that seed.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from 'mysql2/promise';
import { Random } from '../helpers/random.ts';
import { APP, rowsOf, Stage } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';
import { ConnectionEnded, type WireAnswer, WireClient } from '../helpers/wire-client.ts';

const CLIENTS = 8;
const MAX_CONNECTIONS = 3;
const SECONDS = Number(process.env.SLUICE_FUZZ_SECONDS ?? 3);
const SEED = Number(process.env.SLUICE_FUZZ_SEED ?? 1);

/** What a client wrote, with a mark in each statement that nobody else has. */
class Worker {
  /** Marks whose INSERT was answered OK, alone or with its COMMIT. */
  readonly acknowledged: string[] = [];
  readonly #random: Random;
  readonly #name: string;
  readonly #port: number;
  #client: WireClient | undefined;

  constructor(index: number, port: number) {
    this.#random = new Random(SEED * 1000 + index);
    this.#name = `client_${index}`;
    this.#port = port;
  }

  async work(untilMs: number): Promise<void> {
    for (let round = 0; Date.now() < untilMs; round += 1) {
      try {
        await this.#once(`${this.#name}_${round}`);
      } catch (error) {
        // Part of an answer was there when its connection was killed. Anything else is a failure.
        if (!(error instanceof ConnectionEnded)) throw error;
        this.#leave();
      }
    }
    this.#leave();
  }

  async #once(mark: string): Promise<void> {
    this.#client ??= await WireClient.connect({ port: this.#port, ...APP, schema: 'test' });
    const client = this.#client;
    const insert = `INSERT INTO log VALUES ('${mark}')`;
    switch (this.#random.below(5)) {
      case 0:
      case 1:
        if (isOk(await client.query(insert))) this.acknowledged.push(mark);
        return;
      case 2: {
        const answers = [await client.query('BEGIN'), await client.query(insert), await client.query('COMMIT')];
        if (answers.every(isOk)) this.acknowledged.push(mark);
        return;
      }
      case 3:
        return this.#read(client, mark);
      default:
        return this.#remember(client, mark);
    }
  }

  async #read(client: WireClient, mark: string): Promise<void> {
    if (this.#random.chance(50)) {
      onlyMine(await client.query(`SELECT '${mark}'`), mark);
      return;
    }
    const answer = client.query('SELECT * FROM big');
    if (this.#random.chance(50)) return void (await answer);
    answer.catch(() => undefined);
    await delay(this.#random.below(8));
    this.#leave();
  }

  async #remember(client: WireClient, mark: string): Promise<void> {
    if (isOk(await client.query(`SET @mark = '${mark}'`))) onlyMine(await client.query('SELECT @mark'), mark);
    await client.reset();
  }

  #leave(): void {
    this.#client?.destroy();
    this.#client = undefined;
  }
}

function isOk(answer: WireAnswer): boolean {
  return answer.errorCode === 0;
}

/** An error is an answer; a row must be the one that was asked for. */
function onlyMine(answer: WireAnswer, mark: string): void {
  assert.ok(!isOk(answer) || answer.lines.some((line) => line.includes(mark)), `no ${mark}: ${answer.lines.join('|')}`);
}

describe('faults', () => {
  let stage: Stage;
  let root: Connection;

  before(async () => {
    stage = await Stage.start({
      setup: [
        'CREATE TABLE test.log (mark VARCHAR(40))',
        'USE test',
        'CREATE TABLE big AS SELECT seq, REPEAT("x", 200) AS filler FROM seq_1_to_20000',
      ],
      serverColumns: { max_connections: MAX_CONNECTIONS },
    });
    root = await stage.database.connect();
  });

  after(async () => {
    root?.destroy();
    await stage?.stop();
  });

  const killOne = async (random: Random): Promise<void> => {
    const rows = await rowsOf(root, `SELECT id FROM information_schema.processlist WHERE user = '${APP.user}'`);
    // It may have ended by itself in the meantime: error 1094.
    if (rows.length > 0) await root.query(`KILL ${Number(random.pick(rows).id)}`).catch(() => undefined);
  };

  const takeOut = async (status: string): Promise<void> => {
    const load = 'LOAD MYSQL SERVERS TO RUNTIME';
    await stage.sluice.admin(`UPDATE mysql_servers SET status = '${status}'`, load);
    await delay(30);
    await stage.sluice.admin("UPDATE mysql_servers SET status = 'ONLINE'", load);
  };

  const loadAll = (): Promise<unknown> =>
    stage.sluice.admin(
      ...['SERVERS', 'USERS', 'QUERY RULES', 'VARIABLES'].map((module) => `LOAD MYSQL ${module} TO RUNTIME`),
    );

  const trouble = async (untilMs: number): Promise<void> => {
    const random = new Random(SEED);
    while (Date.now() < untilMs) {
      await delay(10 + random.below(40));
      const kind = random.below(6);
      if (kind < 3) await killOne(random);
      else if (kind === 3) await loadAll();
      else await takeOut(random.pick(['OFFLINE_SOFT', 'OFFLINE_HARD']));
    }
  };

  test(`${SECONDS} seconds of everything`, async () => {
    const untilMs = Date.now() + SECONDS * 1000;
    const workers = Array.from({ length: CLIENTS }, (_, index) => new Worker(index, stage.sluice.mysqlPort));
    await Promise.all([trouble(untilMs), ...workers.map((worker) => worker.work(untilMs))]);
    await eventually(
      'no session holds a connection',
      () => stage.connectionsUsed(),
      (used) => used === 0,
    );

    const acknowledged = workers.flatMap((worker) => worker.acknowledged);
    assert.ok(acknowledged.length > CLIENTS, 'hardly anything was written');
    const rows = await rowsOf(root, 'SELECT mark, COUNT(*) AS times FROM test.log GROUP BY mark');
    assert.deepEqual(
      rows.filter((row) => Number(row.times) > 1),
      [],
      'ran more than once',
    );
    const written = new Set(rows.map((row) => String(row.mark)));
    assert.deepEqual(
      acknowledged.filter((mark) => !written.has(mark)),
      [],
      'answered OK, and lost',
    );
    const bugs = stage.sluice.log.lines.filter((line) => /a bug ended a session|"level":[56]0/.test(line));
    assert.deepEqual(bugs, []);
  });
});
