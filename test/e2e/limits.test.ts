/**
 * Limits hold over all workers, to the number: not one too many, and not one too few because another worker has it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { Stage, scalar } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';

const TOO_MANY_USER_CONNECTIONS = 1226;

describe('connections of a server over two workers', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      workers: 2,
      users: [{ username: 'other', password: 'x', default_hostgroup: 0 }],
      setup: ["CREATE USER 'other'@'%' IDENTIFIED BY 'x'", "GRANT SELECT ON test.* TO 'other'@'%'"],
    });
  });
  after(() => stage.stop());

  /** Statements of the proxy at work; a connection that was closed is still listed for a moment, but does nothing. */
  const atWork = async (root: Connection): Promise<number> =>
    Number(await scalar(root, "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'"));

  const limit = (max: number): Promise<unknown> =>
    stage.sluice.admin(`UPDATE mysql_servers SET max_connections=${max}`, 'LOAD MYSQL SERVERS TO RUNTIME');

  test('an idle connection of one worker serves the clients of the other', async () => {
    await limit(1);
    const clients = await Promise.all(Array.from({ length: 6 }, () => stage.connect()));
    for (let round = 0; round < 3; round += 1) {
      for (const client of clients) assert.equal(await scalar(client, 'SELECT 1 FROM dual'), '1');
    }
    const threads = await stage.sluice.admin('SELECT DISTINCT ThreadID FROM stats_mysql_processlist');
    assert.equal(threads.length, 2, 'the clients are with both workers');
    await Promise.all(clients.map((client) => client.end()));
  });

  test('a server that is full of free connections takes another user, whichever worker has them', async () => {
    await limit(1000);
    const root = await stage.database.connect();
    await root.query('SET GLOBAL max_connections = 10');
    const clients = await Promise.all(Array.from({ length: 16 }, () => stage.connect()));
    await Promise.all(clients.map((client) => scalar(client, 'SELECT SLEEP(0.1)')));
    const others = await Promise.all(Array.from({ length: 4 }, () => stage.connect({ user: 'other', password: 'x' })));
    const startedAt = Date.now();
    const schemas = await Promise.all(others.map((client) => scalar(client, 'SELECT DATABASE()')));
    assert.deepEqual(schemas, ['test', 'test', 'test', 'test']);
    assert.ok(Date.now() - startedAt < 5_000, 'nobody waits until a connection is too old');
    await root.query('SET GLOBAL max_connections = 151');
    await root.query("ALTER USER 'other'@'%' WITH MAX_USER_CONNECTIONS 1");
    // Other capabilities, another shape: a connection of its own.
    const found = await stage.connect({ user: 'other', password: 'x', flags: ['-FOUND_ROWS'] });
    assert.equal(await scalar(found, 'SELECT DATABASE()'), 'test');
    await Promise.all([...clients, ...others, found, root].map((client) => client.end()));
  });

  test('never more than max_connections, and everybody has a turn', async () => {
    await limit(3);
    const root = await stage.database.connect();
    const clients = await Promise.all(Array.from({ length: 12 }, () => stage.connect()));
    let most = 0;
    let running = true;
    const watching = (async () => {
      while (running) most = Math.max(most, await atWork(root));
    })();
    await Promise.all(
      clients.map(async (client) => {
        for (let i = 0; i < 3; i += 1) {
          await client.query('BEGIN');
          assert.equal(await scalar(client, 'SELECT SLEEP(0.05)'), '0');
          await client.query('COMMIT');
        }
      }),
    );
    running = false;
    await watching;
    assert.equal(most, 3);
    await Promise.all([...clients, root].map((client) => client.end()));
  });
});

describe('limits over two workers', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({ workers: 2 });
  });
  after(() => stage.stop());

  const open = async (count: number): Promise<{ clients: Connection[]; refused: number[] }> => {
    const results = await Promise.allSettled(Array.from({ length: count }, () => stage.connect()));
    return {
      clients: results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
      refused: results.flatMap((result) => (result.status === 'rejected' ? [result.reason.errno as number] : [])),
    };
  };

  const close = async (clients: readonly Connection[]): Promise<void> => {
    await Promise.all(clients.map((client) => client.end()));
    await eventually(
      'nobody is connected any more',
      () => stage.sluice.admin("SELECT frontend_connections AS n FROM stats_mysql_users WHERE username='app'"),
      ([row]) => row?.n === '0',
    );
  };

  test('a user gets exactly max_connections, wherever the clients land', async () => {
    await stage.sluice.admin(
      "UPDATE mysql_users SET max_connections=7 WHERE username='app'",
      'LOAD MYSQL USERS TO RUNTIME',
    );
    for (let round = 0; round < 3; round += 1) {
      const { clients, refused } = await open(12);
      assert.equal(clients.length, 7);
      assert.deepEqual(refused, Array(5).fill(TOO_MANY_USER_CONNECTIONS));
      await close(clients);
    }
  });

  test('a limit that grows lets more in, one that shrinks disconnects nobody', async () => {
    const { clients } = await open(7);
    await stage.sluice.admin(
      "UPDATE mysql_users SET max_connections=9 WHERE username='app'",
      'LOAD MYSQL USERS TO RUNTIME',
    );
    const more = await open(4);
    assert.equal(more.clients.length, 2);
    await stage.sluice.admin(
      "UPDATE mysql_users SET max_connections=1 WHERE username='app'",
      'LOAD MYSQL USERS TO RUNTIME',
    );
    for (const client of [...clients, ...more.clients]) await client.query('SELECT 1');
    assert.deepEqual((await open(1)).refused, [TOO_MANY_USER_CONNECTIONS]);
    await close([...clients, ...more.clients]);
    const one = await open(2);
    assert.equal(one.clients.length, 1);
    await close(one.clients);
  });
});
