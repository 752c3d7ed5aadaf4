/**
 * Servers that are full, die, or are left alone by their clients: limits hold, nobody hangs, connections come back.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { APP, BACKEND_ID, refusal, Stage, scalar } from '../helpers/stage.ts';
import { eventually, within } from '../helpers/wait.ts';

describe('limits of a server', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({ serverColumns: { max_connections: 3 } });
  });

  after(() => stage?.stop());

  test('max_connections is never exceeded, and those who wait are served', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => stage.connect()));
    let most = 0;
    let waiting = true;
    const watcher = (async () => {
      while (waiting) {
        const [row] = await stage.database.query(
          `SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE USER = '${APP.user}'`,
        );
        most = Math.max(most, Number(row?.n));
      }
    })();
    const backends = await Promise.all(clients.map((client) => scalar(client, `${BACKEND_ID} + SLEEP(0.1)`)));
    waiting = false;
    await watcher;
    assert.equal(new Set(backends).size, 3);
    assert.equal(most, 3);
    for (const client of clients) client.destroy();
  });

  test('who waits too long for a connection is told so', async () => {
    await stage.sluice.admin('SET mysql-connect_timeout_server_max = 500', 'LOAD MYSQL VARIABLES TO RUNTIME');
    const holders = await Promise.all(Array.from({ length: 3 }, () => stage.connect()));
    await Promise.all(holders.map((holder) => holder.query('BEGIN')));
    await Promise.all(holders.map((holder) => holder.query('SELECT 1')));
    await stage.withClient(async (client) => {
      const error = await refusal(client.query('SELECT 1'), 9001);
      assert.match(error.message, /^Max connect timeout reached while reaching hostgroup 0 after \d+ms$/);
      await holders[0]?.query('COMMIT');
      assert.equal(await scalar(client, 'SELECT 1'), '1');
    });
    for (const holder of holders) holder.destroy();
    await eventually(
      'the connections are given up',
      () => stage.connectionsUsed(),
      (used) => used === 0,
    );
  });

  test('a hostgroup without servers', async () => {
    await stage.sluice.admin(
      "INSERT INTO mysql_query_rules (rule_id, active, match_digest, destination_hostgroup, apply) VALUES (1, 1, '^SELECT nowhere', 77, 1)",
      'LOAD MYSQL QUERY RULES TO RUNTIME',
    );
    await stage.withClient(async (client) => {
      const error = await refusal(client.query('SELECT nowhere'), 9001);
      assert.match(error.message, /^Max connect timeout reached while reaching hostgroup 77 after \d+ms$/);
    });
  });
});

describe('clients that go away', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start();
  });

  after(() => stage?.stop());

  const backendIsFree = (): Promise<unknown> =>
    eventually(
      'the backend connection is free or gone',
      () => stage.connectionsUsed(),
      (used) => used === 0,
    );

  test('in the middle of a result', async () => {
    const client = await stage.connect();
    client.query("SELECT REPEAT('z', 1024 * 1024) FROM seq_1_to_1000").catch(() => undefined);
    await eventually(
      'the result is on its way',
      () => stage.connectionsUsed(),
      (used) => used === 1,
    );
    client.destroy();
    await backendIsFree();
    await eventually(
      'the server does not work for nobody',
      () =>
        stage.database.query(
          "SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT REPEAT%'",
        ),
      ([row]) => row?.n === 0,
    );
    assert.equal(await stage.withClient((next) => scalar(next, 'SELECT 1')), '1');
  });

  test('while the server is still thinking', async () => {
    const client = await stage.connect();
    client.query('SELECT SLEEP(600)').catch(() => undefined);
    await eventually(
      'the query runs',
      () => stage.connectionsUsed(),
      (used) => used === 1,
    );
    client.destroy();
    await backendIsFree();
    await eventually(
      'the server does not sleep for nobody',
      () =>
        stage.database.query(
          "SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP%'",
        ),
      ([row]) => row?.n === 0,
    );
  });
});

describe('servers that go away', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      databases: 2,
      hostgroups: [1, 2],
      mysqlVariables: { connect_timeout_server_max: 1000 },
    });
    await stage.sluice.admin(
      `INSERT INTO mysql_query_rules (rule_id, active, match_pattern, destination_hostgroup, apply)
         VALUES (1, 1, 'first', 1, 1), (2, 1, 'second', 2, 1)`,
      'LOAD MYSQL QUERY RULES TO RUNTIME',
    );
  });

  after(() => stage?.stop());

  test('killed in the middle of a transaction: the client learns it at once', async () => {
    const client = await stage.connect();
    await client.query('BEGIN /* first */');
    await client.query('SELECT 1 AS first');
    const query = refusal(client.query('SELECT SLEEP(600) AS first'), 2013);
    await eventually(
      'the query runs',
      () => stage.databases[0]?.query("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP%'"),
      (rows) => rows?.length === 1,
    );
    await stage.databases[0]?.kill();
    const error = await within(query, 'the client learns that its server died', 5_000);
    assert.equal(error.message, 'Lost connection to MySQL server during query');
    assert.equal(await stage.connectionsUsed(), 0);
    client.destroy();
  });

  test('other hostgroups are not touched by it', async () => {
    await stage.withClient(async (client) => {
      assert.equal(await scalar(client, 'SELECT 2 AS second'), '2');
      const error = await refusal(client.query('SELECT 1 AS first'), 9001);
      assert.match(error.message, /^Max connect timeout reached while reaching hostgroup 1 after \d+ms$/);
      assert.equal(await scalar(client, 'SELECT 2 AS second'), '2');
    });
  });

  test('idle connections of a server that restarted are replaced unseen', async () => {
    await stage.withClient(async (client) => {
      assert.equal(await scalar(client, 'SELECT 2 AS second'), '2');
      // Ended by the server, as wait_timeout does.
      const rows = (await stage.databases[1]?.query(
        `SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '${APP.user}'`,
      )) as { ID: number }[];
      for (const { ID } of rows) await stage.databases[1]?.query(`KILL ${ID}`);
      for (let round = 0; round < 5; round += 1) assert.equal(await scalar(client, 'SELECT 2 AS second'), '2');
    });
  });
});

describe('a server of several that goes away', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({ databases: 2 });
  });

  after(() => stage?.stop());

  test('a read that had no answer yet is repeated on the other one', async () => {
    const client = await stage.connect();
    const running = scalar(client, 'SELECT CONCAT(@@port, SLEEP(2))');
    const busy = await eventually(
      'the query runs on one of them',
      async () => {
        const found = await Promise.all(
          stage.databases.map((server) =>
            server.query("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT CONCAT(@@port%'"),
          ),
        );
        return found.findIndex((rows) => rows.length === 1);
      },
      (index) => index >= 0,
    );
    await stage.databases[busy]?.kill();
    assert.equal(await within(running, 'the answer of the other server'), `${stage.databases[1 - busy]?.port}0`);
    for (let round = 0; round < 20; round += 1) assert.equal(await scalar(client, 'SELECT 1'), '1');
    client.destroy();
  });

  test('the dead one is shunned, and nobody notices it any more', async () => {
    const statuses = async (): Promise<(string | null | undefined)[]> => {
      // A server is shunned for so many failures within a second: reads side by side ask for connections at once.
      const reads = Array.from({ length: 10 }, () => stage.withClient((client) => scalar(client, 'SELECT 1')));
      assert.deepEqual(new Set(await Promise.all(reads)), new Set(['1']));
      const rows = await stage.sluice.admin('SELECT status FROM stats_mysql_connection_pool ORDER BY status');
      return rows.map((row) => row.status);
    };
    await eventually('it is shunned', statuses, (now) => now.join() === 'ONLINE,SHUNNED');
    const begun = performance.now();
    for (let round = 0; round < 50; round += 1) assert.equal(await stage.withClient((c) => scalar(c, 'SELECT 1')), '1');
    assert.ok(performance.now() - begun < 5_000);
  });
});

describe('routing', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      databases: 3,
      hostgroups: [0, 1, 1],
      rules: [{ rule_id: 1, active: 1, match_digest: '^SELECT', destination_hostgroup: 1, apply: 1 }],
    });
  });

  after(() => stage?.stop());

  const port = (index: number): string => String(stage.databases[index]?.port);

  test('reads go to the readers by a rule, the rest to the writer', () =>
    stage.withClient(async (client) => {
      const seen = new Set<unknown>();
      for (let read = 0; read < 50; read += 1) seen.add(await scalar(client, 'SELECT @@port'));
      assert.deepEqual([...seen].sort(), [port(1), port(2)].sort());
      assert.equal(await scalar(client, '(SELECT @@port)'), port(0));
    }));

  test('a transaction stays where it began, whatever the rules say', () =>
    stage.withClient(async (client) => {
      await client.query('BEGIN');
      for (let read = 0; read < 20; read += 1) assert.equal(await scalar(client, 'SELECT @@port'), port(0));
      await client.query('COMMIT');
      assert.notEqual(await scalar(client, 'SELECT @@port'), port(0));
    }));

  test('weights, OFFLINE_SOFT and servers that are taken out', async () => {
    const shares = async (): Promise<Record<string, number>> => {
      const seen: Record<string, number> = {};
      await stage.withClient(async (client) => {
        for (let read = 0; read < 400; read += 1) {
          const where = String(await scalar(client, 'SELECT @@port'));
          seen[where] = (seen[where] ?? 0) + 1;
        }
      });
      return seen;
    };
    const configure = (set: string): Promise<unknown> =>
      stage.sluice.admin(`UPDATE mysql_servers SET ${set} WHERE port = ${port(1)}`, 'LOAD MYSQL SERVERS TO RUNTIME');

    await configure('weight = 3');
    const weighted = await shares();
    assert.ok((weighted[port(1)] ?? 0) > 250 && (weighted[port(1)] ?? 0) < 350, JSON.stringify(weighted));
    await configure("status = 'OFFLINE_SOFT'");
    assert.deepEqual(await shares(), { [port(2)]: 400 });
    await configure("status = 'ONLINE', weight = 0");
    assert.deepEqual(await shares(), { [port(2)]: 400 });
    await configure('weight = 1');
    await stage.sluice.admin(`DELETE FROM mysql_servers WHERE port = ${port(2)}`, 'LOAD MYSQL SERVERS TO RUNTIME');
    assert.deepEqual(await shares(), { [port(1)]: 400 });
  });
});
