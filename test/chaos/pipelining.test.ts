/**
 * Many clients whose statements share connections, each statement with a mark that its answer must bear, while servers,
 * their connections and workers are killed, servers stall, statements are killed on the server and through sluice or run
 * out of time, clients leave in the middle of an answer and others do not read theirs: nobody ever sees another's row, no
 * answer comes twice, no transaction is split, no write happens twice, and a worker takes nobody else's sessions along.
 *
 * SLUICE_PIPELINING_STATEMENTS=1000000 is how many statements a run has (from 100,000 on servers are killed, too),
 * SLUICE_PIPELINING_CLIENTS=256 how many clients, SLUICE_PIPELINING_SECONDS=600 ends it after that time at the latest,
 * SLUICE_FUZZ_SEED=7 takes that seed.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Attackers } from '../helpers/attackers.ts';
import { MarkedClient, markedTables, noMarkedCounts } from '../helpers/marked-client.ts';
import { Random } from '../helpers/random.ts';
import { rowsOf, Stage } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';

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
const SERVER_KILL_MS = 15_000;
const STALL_MS = 1_000;
const PROGRESS_MS = 60_000;
/** Lines of sluice's log that are shown when something was wrong. */
const LOG_LINES = 20;

describe('shared connections under attack', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      workers: WORKERS,
      databases: DATABASES,
      mysqlVariables: { show_processlist_extended: 1 },
      // What was committed must be there after a server was killed, and no page may be torn.
      ...(LONG && { databaseArgs: ['--innodb-flush-log-at-trx-commit=2', '--innodb-doublewrite=1'] }),
      setup: markedTables,
    });
  });
  after(() => stage.stop());

  test('every answer is its asker’s own', { timeout: 36_000_000 }, async (t) => {
    const begunMs = performance.now();
    const counts = noMarkedCounts();
    let over = false;
    const goesOn = (): boolean =>
      !over && counts.statements < STATEMENTS && performance.now() - begunMs < SECONDS_MAX * 1_000;
    const port = stage.sluice.mysqlPort;
    const clients = Array.from(
      { length: CLIENTS },
      (_, index) => new MarkedClient({ index, seed: SEED, port, counts, goesOn }),
    );
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
        stallMs: STALL_MS,
        ...(LONG && { serverMs: SERVER_KILL_MS }),
      });
      await Promise.race([Promise.all(clients.map((client) => client.work())), attacks]);
      await attackers.stop();
      await attacks;
    } catch (error) {
      t.diagnostic(summary());
      const rows = await stage.sluice.admin('SELECT * FROM stats_mysql_processlist').catch(() => []);
      for (const row of rows) t.diagnostic(JSON.stringify(row));
      for (const line of stage.sluice.log.lines.slice(-LOG_LINES)) t.diagnostic(line);
      throw error;
    } finally {
      clearInterval(progress);
      over = true;
      await attackers.stop();
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
