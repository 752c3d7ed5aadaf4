/**
 * Processes that die or are told to go: workers come back, nothing of a killed sluice is left, a drain loses no answer.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { descendants } from '../helpers/sluice-process.ts';
import { BACKEND_ID, Stage, scalar } from '../helpers/stage.ts';
import { eventually, within } from '../helpers/wait.ts';

describe('processes', () => {
  let stage: Stage;

  afterEach(() => stage?.stop());

  const workersOf = (): number[] => descendants(stage.sluice.pid);

  const threadOf = async (client: Connection): Promise<string> => {
    const port = clientPort(client);
    const [row] = await stage.sluice.admin(
      `SELECT ThreadID AS id FROM stats_mysql_processlist WHERE cli_port = '${port}'`,
    );
    return String(row?.id);
  };

  test('a killed worker is replaced and takes nobody else’s sessions along', async () => {
    stage = await Stage.start({ workers: 2 });
    const workers = workersOf();
    assert.equal(workers.length, 2);
    const clients = await Promise.all(Array.from({ length: 8 }, () => stage.connect()));
    for (const client of clients) client.on('error', () => undefined);
    const threads = await Promise.all(clients.map(threadOf));
    assert.equal(new Set(threads).size, 2, `both workers serve sessions: ${threads.join()}`);

    // The other one accepts who comes now, and passes some of them on to the worker, which does not take them any more.
    process.kill(workers[0] as number, 'SIGSTOP');
    let greeted = 0;
    const newcomers = Array.from({ length: 12 }, () => connect(stage.sluice.mysqlPort, '127.0.0.1'));
    for (const newcomer of newcomers) newcomer.once('data', () => (greeted += 1));
    const greetings = (enough: (count: number) => boolean) => eventually('clients are greeted', () => greeted, enough);
    await greetings((count) => count >= 6);
    process.kill(workers[0] as number, 'SIGKILL');
    await greetings((count) => count === 12);
    for (const newcomer of newcomers) newcomer.destroy();
    const answers = await Promise.allSettled(clients.map((client) => scalar(client, 'SELECT 1')));
    const alive = threads.filter((_, index) => answers[index]?.status === 'fulfilled');
    const dead = threads.filter((_, index) => answers[index]?.status === 'rejected');
    assert.equal(new Set(alive).size, 1);
    assert.equal(new Set(dead).size, 1);

    await eventually(
      'there are two workers again, and they serve',
      () => ({
        workers: workersOf(),
        served: stage.sluice.log.lines.filter((line) => line.includes('worker serves')).length,
      }),
      (now) => now.workers.length === 2 && now.served === 3,
    );
    await stage.sluice.admin("UPDATE mysql_users SET comment = 'after the crash'", 'LOAD MYSQL USERS TO RUNTIME');
    const next = await Promise.all(Array.from({ length: 8 }, () => stage.connect()));
    for (const client of next) assert.equal(await scalar(client, 'SELECT 1'), '1');
    assert.equal(new Set(await Promise.all(next.map(threadOf))).size, 2);
    for (const client of [...clients, ...next]) client.destroy();
  });

  test('kill -9 of the primary leaves no worker and no listener behind', async () => {
    stage = await Stage.start({ workers: 2 });
    const { mysqlPort } = stage.sluice;
    const workers = workersOf();
    await stage.sluice.killHard();
    await eventually(
      'the workers are gone',
      () => workers.filter((pid) => existsSync(`/proc/${pid}`)),
      (left) => left.length === 0,
    );
    await assert.rejects(within(opened(mysqlPort), 'an answer'), /ECONNREFUSED/);
  });

  for (const workers of [0, 2]) {
    test(`SIGTERM lets the running statements end and exits with 0 (${workers} workers)`, async () => {
      stage = await Stage.start({ workers });
      const client = await stage.connect();
      const idle = await stage.connect();
      for (const each of [client, idle]) each.on('error', () => undefined);
      const answer = scalar(client, 'SELECT 42 + SLEEP(1)');
      await eventually(
        'the query runs',
        () => stage.connectionsUsed(),
        (used) => used === 1,
      );
      const exitCode = stage.sluice.terminate();
      assert.equal(await answer, '42');
      assert.equal(await within(exitCode, 'sluice has ended', 10_000), 0);
      await assert.rejects(opened(stage.sluice.mysqlPort), /ECONNREFUSED/);
    });
  }

  test('a second SIGTERM ends it at once', async () => {
    stage = await Stage.start({ workers: 1 });
    const client = await stage.connect();
    client.on('error', () => undefined);
    const query = client.query('SELECT SLEEP(600)').catch(() => undefined);
    await eventually(
      'the query runs',
      () => stage.connectionsUsed(),
      (used) => used === 1,
    );
    const gone = stage.sluice.terminate();
    await stage.sluice.log.waitFor((line) => /drain|SIGTERM|stopp|shut/i.test(line));
    process.kill(stage.sluice.pid, 'SIGTERM');
    await within(gone, 'sluice has ended', 5_000);
    await query;
  });

  test('sessions that come back after a restart find connections that know nothing of before', async () => {
    stage = await Stage.start();
    await stage
      .withClient(async (client) => {
        await client.query("SET @before = 'restart'");
        await stage.sluice.killHard();
      })
      .catch(() => undefined);
    await stage.sluice.startAgain();
    await stage.withClient(async (client) => {
      assert.equal(await scalar(client, 'SELECT @before'), null);
      assert.notEqual(await scalar(client, BACKEND_ID), null);
    });
  });
});

/** Resolves when somebody listens on the port. */
function opened(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

/** Our end of a client's connection, as the processlist names it. */
function clientPort(client: Connection): number {
  return (client as unknown as { connection: { stream: { localPort: number } } }).connection.stream.localPort;
}
