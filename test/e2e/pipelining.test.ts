import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { ScriptedBackend } from '../helpers/scripted-backend.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';
import { APP, refusal, rowsOf, Stage, scalar } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';

const CLIENTS = 16;

/** The pipelining counters of a sluice, without their common beginning. */
async function countersOf(sluice: SluiceProcess): Promise<Record<string, number>> {
  const rows = await sluice.admin(
    "SELECT Variable_Name AS name, Variable_Value AS value FROM stats_mysql_global WHERE Variable_Name LIKE 'Sluice_pipelining_%'",
  );
  return Object.fromEntries(rows.map(({ name, value }) => [String(name).slice(18), Number(value)]));
}

describe('statements of several sessions on one connection', () => {
  let stage: Stage;
  let clients: Connection[];

  before(async () => {
    stage = await Stage.start({
      setup: [
        'CREATE TABLE test.marks (id INT PRIMARY KEY, mark VARCHAR(20))',
        "INSERT INTO test.marks SELECT seq, CONCAT('mark ', seq) FROM test.seq_1_to_1000",
        'CREATE TABLE test.slow (id INT PRIMARY KEY)',
        'INSERT INTO test.slow VALUES (1), (2)',
      ],
      rules: [{ rule_id: 1, active: 1, match_digest: 'alone', apply: 0, attributes: '{"pipelining": false}' }],
    });
    clients = await Promise.all(Array.from({ length: CLIENTS }, () => stage.connect()));
    await teach('SELECT mark FROM marks WHERE id = 1');
  });
  after(async () => {
    for (const client of clients) client.destroy();
    await stage.stop();
  });

  /** Lets sluice see that a statement is quick, and its server that it takes two at once. */
  async function teach(sql: string): Promise<void> {
    const [client] = clients as [Connection];
    for (let i = 0; i < 8; i += 1) await client.query(sql);
    await eventually(
      'the server is known',
      async () => {
        await client.query(sql);
        return (await countersOf(stage.sluice)).statements ?? 0;
      },
      (count) => count > 0,
    );
  }

  /** Each client asks for its own marks, over and over. */
  async function askAll(rounds: number, use: (client: Connection, id: number) => Promise<unknown>): Promise<void> {
    await Promise.all(
      clients.map(async (client, index) => {
        for (let round = 0; round < rounds; round += 1) {
          const id = 1 + ((index * 61 + round * 7) % 1000);
          assert.equal(await use(client, id), `mark ${id}`);
        }
      }),
    );
  }

  it('have their own answers, by text', async () => {
    const before = await countersOf(stage.sluice);
    await askAll(50, (client, id) => scalar(client, `SELECT mark FROM marks WHERE id = ${id}`));
    const counters = await countersOf(stage.sluice);
    assert.ok(counters.joined! > before.joined!, 'some shared');
    assert.ok(counters.depth_max! > 1);
  });

  it('have their own answers, prepared', async () => {
    const before = await countersOf(stage.sluice);
    await askAll(50, async (client, id) => {
      const [rows] = await client.execute('SELECT mark FROM marks WHERE id = ?', [id]);
      return (rows as { mark: string }[])[0]?.mark;
    });
    const counters = await countersOf(stage.sluice);
    assert.ok(counters.joined! > before.joined!, 'some shared');
  });

  it('keep a connection of their own when a rule says so', async () => {
    const sql = 'SELECT mark FROM marks AS alone WHERE id = 1';
    for (let i = 0; i < 8; i += 1) await scalar(clients[0]!, sql);
    const before = await countersOf(stage.sluice);
    await scalar(clients[0]!, sql);
    const counters = await countersOf(stage.sluice);
    assert.equal(counters.not_by_rule, before.not_by_rule! + 1);
    assert.equal(counters.statements, before.statements);
  });

  it('keep a connection of their own when they may leave something behind', async () => {
    const before = await countersOf(stage.sluice);
    await stage.withClient(async (client) => {
      await scalar(client, 'SELECT @mine := 5');
      for (let i = 0; i < 4; i += 1) await scalar(client, 'SELECT mark FROM marks WHERE id = 1');
      assert.equal(await scalar(client, 'SELECT @mine'), '5');
    });
    const counters = await countersOf(stage.sluice);
    assert.equal(counters.not_free, before.not_free! + 4);
    assert.equal(counters.statements, before.statements);
  });

  it('tell their own warnings afterwards, whatever ran behind them', async () => {
    const sql = (id: number, text: string) => `SELECT mark + ${id} FROM marks WHERE mark = '${text}'`;
    // Without a row there is no warning, so the digest seems to be harmless.
    for (let i = 0; i < 8; i += 1) await scalar(clients[0]!, sql(1, 'none'));
    await Promise.all(
      clients.map(async (client, index) => {
        const id = index + 1;
        await scalar(client, sql(id, `mark ${id}`));
        const warnings = await rowsOf(client, 'SHOW WARNINGS');
        assert.deepEqual(
          warnings.map(({ Message }) => Message),
          [`Truncated incorrect DOUBLE value: 'mark ${id}'`],
        );
      }),
    );
  });

  it('do not wait behind one that takes long', async () => {
    const slow = (client: Connection, id: number) => scalar(client, `SELECT id FROM slow WHERE id = ${id}`);
    for (let i = 0; i < 20; i += 1) await slow(clients[0]!, 2);
    const locker = await stage.database.connect('test');
    await locker.query('LOCK TABLES slow WRITE');
    const [first, ...others] = clients as [Connection, ...Connection[]];
    let answered = false;
    const waiting = slow(first, 1).then((id) => {
      answered = true;
      return id;
    });
    await Promise.all(
      others.map(async (client, index) => {
        for (let round = 0; round < 20; round += 1)
          assert.equal(await scalar(client, `SELECT mark FROM marks WHERE id = ${index + 1}`), `mark ${index + 1}`);
      }),
    );
    assert.equal(answered, false);
    await locker.query('UNLOCK TABLES');
    locker.destroy();
    assert.equal(await waiting, '1');
  });

  it('are killed one by one', async () => {
    const sql = 'SELECT id FROM slow WHERE id = 2';
    for (let i = 0; i < 100; i += 1) await scalar(clients[0]!, sql);
    const locker = await stage.database.connect('test');
    await locker.query('LOCK TABLES slow WRITE');
    const [first, second, ...others] = clients as [Connection, Connection, ...Connection[]];
    const killed = refusal(first.query(sql), 1317);
    const waiting = scalar(second, sql);
    await stage.withClient((client) => client.query(`KILL QUERY ${first.threadId}`));
    await killed;
    assert.equal(await scalar(others[0]!, 'SELECT mark FROM marks WHERE id = 9'), 'mark 9');
    await locker.query('UNLOCK TABLES');
    locker.destroy();
    assert.equal(await waiting, '2');
    assert.equal(await scalar(first, 'SELECT mark FROM marks WHERE id = 8'), 'mark 8');
  });

  it('go on when the client of one of them leaves', async () => {
    const leaving = await Promise.all(Array.from({ length: 8 }, () => stage.connect()));
    // Their promises never settle: the driver forgets them with the connection.
    for (const client of leaving) void scalar(client, 'SELECT mark FROM marks WHERE id = 5').catch(() => undefined);
    const asked = askAll(10, (client, id) => scalar(client, `SELECT mark FROM marks WHERE id = ${id}`));
    for (const client of leaving) client.destroy();
    await asked;
    await eventually(
      'no connection is in use',
      () => stage.connectionsUsed(),
      (used) => used === 0,
    );
  });

  it('have connections of their own when pipelining is switched off', async () => {
    await stage.sluice.admin("SET sluice-pipelining='false'");
    await stage.sluice.admin('LOAD SLUICE VARIABLES TO RUNTIME');
    const before = await countersOf(stage.sluice);
    await askAll(5, (client, id) => scalar(client, `SELECT mark FROM marks WHERE id = ${id}`));
    const counters = await countersOf(stage.sluice);
    assert.equal(counters.statements, before.statements);
    assert.equal(counters.not_enabled, before.not_enabled! + 5 * CLIENTS);
    await stage.sluice.admin("SET sluice-pipelining='true'");
    await stage.sluice.admin('LOAD SLUICE VARIABLES TO RUNTIME');
  });

  it('have connections of their own in a hostgroup that is said to be so', async () => {
    await stage.sluice.admin(
      `INSERT INTO mysql_hostgroup_attributes (hostgroup_id, hostgroup_settings) VALUES (0, '{"pipelining": 0}')`,
    );
    await stage.sluice.admin('LOAD MYSQL SERVERS TO RUNTIME');
    const before = await countersOf(stage.sluice);
    await askAll(5, (client, id) => scalar(client, `SELECT mark FROM marks WHERE id = ${id}`));
    const counters = await countersOf(stage.sluice);
    assert.equal(counters.joined, before.joined);
    assert.ok(counters.not_probed! > before.not_probed!, 'by hand');
    await stage.sluice.admin('DELETE FROM mysql_hostgroup_attributes');
    await stage.sluice.admin('LOAD MYSQL SERVERS TO RUNTIME');
  });
});

describe('a server that forgets the second of two commands', () => {
  it('never gets two at once', async () => {
    let pings = 0;
    const backend = await ScriptedBackend.start({
      onCommand: (command) => command.value('1'),
      onPing(command) {
        pings += 1;
        if (pings === 1) command.ok();
      },
    });
    const sluice = await SluiceProcess.start({
      users: [{ username: APP.user, password: APP.password, default_hostgroup: 0 }],
      servers: [{ address: backend.host, port: backend.port, hostgroup: 0 }],
    });
    try {
      const clients = await Promise.all(Array.from({ length: 8 }, () => sluice.connect({ ...APP })));
      const askAll = () => Promise.all(clients.map((client) => scalar(client, 'SELECT a FROM t WHERE id = 1')));
      await eventually(
        'sluice asked the server',
        async () => {
          await askAll();
          return pings;
        },
        (count) => count >= 2,
      );
      await eventually(
        'the connection of the question is closed',
        async () => {
          const [row] = await sluice.admin('SELECT SUM(ConnUsed) AS used FROM stats_mysql_connection_pool');
          return Number(row?.used);
        },
        (used) => used === 0,
      );
      for (let i = 0; i < 8; i += 1) await askAll();
      assert.equal((await countersOf(sluice)).joined, 0);
      for (const client of clients) client.destroy();
    } finally {
      await sluice.stop();
      await backend.stop();
    }
  });
});
