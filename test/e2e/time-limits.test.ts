/**
 * Statements, transactions and sessions that last too long are ended, on the server as well, and nobody else notices.
 */
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { after, before, beforeEach, describe, test } from 'node:test';
import { BACKEND_ID, refusal, Stage, scalar } from '../helpers/stage.ts';
import { eventually, within } from '../helpers/wait.ts';

describe('time limits', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({ setup: ['CREATE TABLE test.t (id INT PRIMARY KEY)'] });
    await stage.sluice.admin(
      "INSERT INTO mysql_query_rules (rule_id, active, match_pattern, timeout, apply) VALUES (1, 1, 'hasty', 200, 1)",
      "INSERT INTO mysql_query_rules (rule_id, active, match_pattern, delay, apply) VALUES (2, 1, 'late', 150, 1)",
      'LOAD MYSQL QUERY RULES TO RUNTIME',
    );
  });

  after(() => stage?.stop());

  beforeEach(() => variables({ wait_timeout: 28800000, max_transaction_time: 14400000 }));

  const variables = async (values: Record<string, number>): Promise<void> => {
    for (const [name, value] of Object.entries(values)) await stage.sluice.admin(`SET mysql-${name} = ${value}`);
    await stage.sluice.admin('LOAD MYSQL VARIABLES TO RUNTIME');
  };

  const running = async (mark: string): Promise<number> => {
    const sql = `SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE INFO LIKE '%${mark}%' AND INFO NOT LIKE '%PROCESSLIST%'`;
    const [row] = await stage.database.query(sql);
    return Number(row?.n);
  };

  test('a rule ends its statement after `timeout` ms, and session and connection go on', () =>
    stage.withClient(async (client) => {
      const backend = await scalar(client, BACKEND_ID);
      const begun = performance.now();
      const error = await refusal(client.query('SELECT SLEEP(20) AS hasty'), 1907);
      assert.equal(error.message, 'Query execution was interrupted, query_timeout exceeded');
      assert.equal(error.sqlState, '70100');
      assert.ok(performance.now() - begun < 5_000);
      await eventually(
        'the statement ends on the server',
        () => running('hasty'),
        (n) => n === 0,
      );
      assert.equal(await scalar(client, BACKEND_ID), backend);
    }));

  test('after rows have gone to the client, too', () =>
    stage.withClient(async (client) => {
      const sql = "SELECT 'hasty', seq, REPEAT('x', 1000), SLEEP(IF(seq < 2000, 0, 0.01)) FROM seq_1_to_100000";
      await refusal(client.query(sql), 1907);
      assert.equal(await scalar(client, 'SELECT 2'), '2');
    }));

  test('mysql-throttle_max_bytes_per_second_to_client: a client gets so much, and a KILL is heard at once', async () => {
    await variables({ throttle_max_bytes_per_second_to_client: 2_000_000 });
    try {
      await stage.withClient(async (client) => {
        const begun = performance.now();
        const large = client.query("SELECT REPEAT('x', 1000) FROM seq_1_to_3000");
        await stage.withClient(async (other) => {
          for (let i = 0; i < 20; i += 1) assert.equal(await scalar(other, 'SELECT 1'), '1');
        });
        const [rows] = await large;
        assert.equal((rows as unknown[]).length, 3000);
        // A second's worth goes at once.
        assert.ok(performance.now() - begun > 450, 'three megabytes take half a second more');
        const again = refusal(client.query("SELECT REPEAT('x', 1000) FROM seq_1_to_1000000"), 1317);
        const shown = `SELECT command FROM stats_mysql_processlist WHERE SessionID = ${client.threadId}`;
        await eventually(
          'it runs',
          () => stage.sluice.admin(shown),
          (rows) => rows[0]?.command === 'Query',
        );
        const killedAt = performance.now();
        await stage.withClient((other) => other.query(`KILL QUERY ${client.threadId}`));
        await again;
        assert.ok(performance.now() - killedAt < 5_000);
      });
    } finally {
      await variables({ throttle_max_bytes_per_second_to_client: 0 });
    }
  });

  test('a prepared statement, and within a transaction that goes on', () =>
    stage.withClient(async (client) => {
      await client.query('BEGIN');
      await client.query('INSERT INTO t VALUES (1)');
      await refusal(client.execute('SELECT SLEEP(20) AS hasty'), 1907);
      assert.equal(await scalar(client, 'SELECT COUNT(*) FROM t'), '1');
      await client.query('ROLLBACK');
      assert.equal(await scalar(client, 'SELECT COUNT(*) FROM t'), '0');
    }));

  test('a KILL that comes too late hits nobody', () =>
    stage.withClient(async (client) => {
      // The statement ends by itself at about the time of the sweep that would kill it.
      for (let i = 0; i < 10; i += 1) {
        await client.query(`SELECT SLEEP(${0.19 + i / 80}) AS hasty`).catch((error: { errno: number }) => {
          assert.equal(error.errno, 1907);
        });
        assert.equal(await scalar(client, `SELECT ${i} + SLEEP(0.005)`), String(i));
      }
    }));

  test('mysql-default_query_timeout holds for the others', async () => {
    await variables({ default_query_timeout: 1000 });
    await stage.withClient((client) => refusal(client.query('SELECT SLEEP(20)'), 1907));
    await variables({ default_query_timeout: 86400000 });
  });

  test('KILL QUERY of another session of the same user', async () => {
    const victim = await stage.connect();
    const id = await scalar(victim, 'SELECT CONNECTION_ID()');
    const refused = refusal(victim.query('SELECT SLEEP(20) AS victim'), 1317);
    await eventually(
      'it runs',
      () => running('victim'),
      (n) => n === 1,
    );
    await stage.withClient((client) => client.query(`KILL QUERY ${id}`));
    await within(refused, 'the victim hears of it');
    assert.equal(await scalar(victim, 'SELECT 1'), '1');
    victim.destroy();
  });

  test('a delayed statement waits, and its delay does not count as its time', () =>
    stage.withClient(async (client) => {
      const begun = performance.now();
      await client.query("SELECT 'late'");
      assert.ok(performance.now() - begun >= 145);
    }));

  test('a delayed statement can be killed, and the next one runs', () =>
    stage.withClient(async (client) => {
      await stage.sluice.admin(
        "INSERT INTO mysql_query_rules (rule_id, active, match_pattern, delay, apply) VALUES (3, 1, 'much too', 600000, 1)",
        'LOAD MYSQL QUERY RULES TO RUNTIME',
      );
      const refused = refusal(client.query("SELECT 'much too'"), 1317);
      await eventually(
        'it waits',
        () => stage.sluice.admin(`SELECT command FROM stats_mysql_processlist WHERE SessionID = ${client.threadId}`),
        ([row]) => row?.command === 'Query',
      );
      await stage.withClient((other) => other.query(`KILL QUERY ${client.threadId}`));
      await within(refused, 'its client hears of it');
      assert.equal(await scalar(client, 'SELECT 2'), '2');
    }));

  test('who has set wait_timeout sees it; net_write_timeout reaches the server', () =>
    stage.withClient(async (client) => {
      const shown = async (sql: string): Promise<unknown> => {
        const [rows] = await client.query({ sql, rowsAsArray: true });
        return (rows as unknown[][])[0]?.at(-1);
      };
      const [before, backend] = [await shown('SELECT @@wait_timeout'), await scalar(client, BACKEND_ID)];
      await client.query('SET SESSION wait_timeout = 4321, net_write_timeout = 600');
      assert.equal(await shown('SELECT @@net_write_timeout'), 600);
      assert.equal(await scalar(client, BACKEND_ID), backend);
      for (const sql of ["SHOW SESSION VARIABLES LIKE 'wai%\\_timeout'", 'SELECT @@session.wait_timeout'])
        assert.equal(String(await shown(sql)), '4321', sql);
      assert.equal(await shown('SELECT @@global.wait_timeout'), before);
      await client.query('SET wait_timeout = 54321');
      assert.equal(await shown('SELECT @@wait_timeout'), 54321);
      await client.query('SET wait_timeout = DEFAULT');
      assert.equal(await shown('SELECT @@wait_timeout'), before);
      // Whoever has the connection next has none of it.
      await client.query('SET wait_timeout = 4321');
      await client.query('SELECT @@wait_timeout');
      await client.reset();
      assert.equal(await shown('SELECT @@wait_timeout'), before);
    }));

  test('an idle session is ended after wait_timeout, one in a transaction is not', async () => {
    const idle = await stage.connect();
    const busy = await stage.connect();
    await busy.query('BEGIN');
    await busy.query('INSERT INTO t VALUES (2)');
    const closed = new Promise<void>((resolve) => idle.on('error', () => resolve()));
    await variables({ wait_timeout: 300 });
    await within(closed, 'the idle session ends');
    await variables({ wait_timeout: 28800000 });
    assert.equal(await scalar(busy, 'SELECT COUNT(*) FROM t WHERE id = 2'), '1');
    busy.destroy();
  });

  test('a transaction that lasts too long ends with its session, and is rolled back; so does who said SET wait_timeout', async () => {
    const client = await stage.connect();
    const [brief, patient] = await Promise.all([stage.connect(), stage.connect()]);
    const ended = new Promise<void>((resolve) => brief.on('error', () => resolve()));
    for (const sql of ['SET SESSION wait_timeout = 1', 'BEGIN', 'SELECT COUNT(*) FROM t']) await brief.query(sql);
    for (const value of ['1', 'DEFAULT']) await patient.query(`SET wait_timeout = ${value}`);
    await client.query('BEGIN');
    await client.query('INSERT INTO t VALUES (3)');
    const closed = new Promise<void>((resolve) => client.on('error', () => resolve()));
    await within(ended, 'the session with a wait_timeout ends');
    await variables({ max_transaction_time: 1000 });
    await within(closed, 'the session ends');
    assert.equal(await scalar(patient, 'SELECT 1'), '1');
    patient.destroy();
    await eventually(
      'the row is gone',
      () => stage.database.query('SELECT COUNT(*) AS n FROM test.t WHERE id = 3'),
      (rows) => Number(rows[0]?.n) === 0,
    );
  });
});
