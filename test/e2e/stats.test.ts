/**
 * What the admin plane tells about traffic: pools, digests, users, sessions; and the limits on clients it can see.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { BACKEND_ID, refusal, Stage, scalar } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';

for (const workers of [0, 2]) {
  describe(`statistics (${workers} workers)`, () => {
    let stage: Stage;

    before(async () => {
      stage = await Stage.start({ workers, setup: ['CREATE TABLE test.t (id INT, name VARCHAR(20))'] });
    });

    after(() => stage?.stop());

    test('digests are counted with ProxySQL’s text and hash, and can be reset', async () => {
      await stage.sluice.admin('SELECT * FROM stats_mysql_query_digest_reset');
      const clients = await Promise.all(Array.from({ length: 6 }, () => stage.connect()));
      for (const client of clients) {
        await client.query('SELECT 1');
        await client.query("INSERT INTO t VALUES (1, 'x'), (2, 'y')");
        client.destroy();
      }
      const rows = await stage.sluice.admin(
        `SELECT hostgroup, schemaname, username, digest, digest_text, count_star, sum_rows_affected, sum_rows_sent
           FROM stats_mysql_query_digest ORDER BY digest_text`,
      );
      assert.deepEqual(rows, [
        {
          hostgroup: '0',
          schemaname: 'test',
          username: 'app',
          digest: rows[0]?.digest,
          digest_text: 'INSERT INTO t VALUES (?,?),(?,?)',
          count_star: '6',
          sum_rows_affected: '12',
          sum_rows_sent: '0',
        },
        {
          hostgroup: '0',
          schemaname: 'test',
          username: 'app',
          digest: '0x1C46AE529DD5A40E',
          digest_text: 'SELECT ?',
          count_star: '6',
          sum_rows_affected: '0',
          sum_rows_sent: '6',
        },
      ]);
      assert.equal((await stage.sluice.admin('SELECT * FROM stats_mysql_query_digest_reset')).length, 2);
      assert.equal((await stage.sluice.admin('SELECT * FROM stats_mysql_query_digest')).length, 0);
    });

    test('the pool knows connections in use, free ones, queries and bytes', async () => {
      const client = await stage.connect();
      await client.query('BEGIN');
      const pool = async (): Promise<Record<string, string | null>> =>
        (await stage.sluice.admin('SELECT * FROM stats_mysql_connection_pool WHERE hostgroup = 0'))[0] ?? {};
      await client.query('SELECT 1');
      const during = await pool();
      assert.equal(during.srv_port, String(stage.database.port));
      assert.equal(during.status, 'ONLINE');
      assert.equal(during.ConnUsed, '1');
      for (let n = 0; n < 10; n += 1) await client.query("SELECT REPEAT('x', 1000)");
      await client.query('COMMIT');
      const later = await pool();
      assert.equal(later.ConnUsed, '0');
      assert.ok(Number(later.ConnFree) >= 1);
      assert.ok(Number(later.Queries) - Number(during.Queries) >= 10);
      assert.ok(Number(later.Bytes_data_recv) - Number(during.Bytes_data_recv) >= 10_000);
      client.destroy();
    });

    test('what the proxy answers itself is counted, once each', async () => {
      const names = ['Com_frontend_use_db', 'Com_frontend_set_names', 'Com_rollback_filtered'];
      const counts = async (): Promise<number[]> => {
        const rows = await stage.sluice.admin('SELECT Variable_Name AS n, Variable_Value AS v FROM stats_mysql_global');
        return names.map((name) => Number(rows.find(({ n }) => n === name)?.v));
      };
      const before = await counts();
      await stage.withClient(async (client) => {
        for (const text of ['USE test', 'USE mysql', 'SET NAMES utf8mb4', 'ROLLBACK']) await client.query(text);
      });
      assert.deepEqual(
        (await counts()).map((count, index) => count - (before[index] ?? 0)),
        [2, 1, 1],
      );
    });

    test('the processlist shows sessions, what they run and where', async () => {
      const client = await stage.connect();
      const running = client.query('SELECT SLEEP(1) AS nap');
      const [row] = await eventually(
        'the query is seen',
        () => stage.sluice.admin("SELECT * FROM stats_mysql_processlist WHERE command = 'Query'"),
        (rows) => rows.length === 1,
      );
      assert.equal(row?.user, 'app');
      assert.equal(row?.db, 'test');
      assert.equal(row?.hostgroup, '0');
      assert.equal(row?.srv_port, String(stage.database.port));
      assert.equal(row?.info, 'SELECT SLEEP(1) AS nap');
      const shown = await stage.sluice.admin('SHOW PROCESSLIST');
      assert.ok(shown.some((each) => Object.values(each).includes('SELECT SLEEP(1) AS nap')));
      await running;
      client.destroy();
    });

    test('users and their connections', async () => {
      const clients = await Promise.all(Array.from({ length: 5 }, () => stage.connect()));
      const users = await eventually(
        'five connections are counted',
        () => stage.sluice.admin("SELECT * FROM stats_mysql_users WHERE username = 'app'"),
        (rows) => rows[0]?.frontend_connections === '5',
      );
      assert.equal(users[0]?.frontend_max_connections, '10000');
      for (const client of clients) client.destroy();
    });

    test('a user’s max_connections, and everybody’s', async () => {
      await stage.sluice.admin('UPDATE mysql_users SET max_connections = 2', 'LOAD MYSQL USERS TO RUNTIME');
      await eventually(
        'earlier clients are gone',
        () => stage.sluice.admin("SELECT * FROM stats_mysql_users WHERE username = 'app'"),
        (rows) => rows[0]?.frontend_connections === '0',
      );
      const clients = [await stage.connect(), await stage.connect()];
      if (workers === 0) {
        const error = await refusal(stage.connect(), 1226);
        assert.equal(error.message, "User 'app' has exceeded the 'max_user_connections' resource (current value: 2)");
      }
      await stage.sluice.admin('UPDATE mysql_users SET max_connections = 10000', 'LOAD MYSQL USERS TO RUNTIME');
      if (workers === 0) {
        await stage.sluice.admin('SET mysql-max_connections = 2', 'LOAD MYSQL VARIABLES TO RUNTIME');
        assert.equal((await refusal(stage.connect(), 1040)).message, 'Too many connections');
        await stage.sluice.admin('SET mysql-max_connections = 2048', 'LOAD MYSQL VARIABLES TO RUNTIME');
      }
      for (const client of clients) {
        assert.equal(await scalar(client, 'SELECT 1'), '1');
        client.destroy();
      }
    });

    test('SELECT CONNECTION_ID() is the session’s id, unlike the server’s', async () => {
      const client = await stage.connect();
      const id = await scalar(client, 'SELECT CONNECTION_ID()');
      assert.notEqual(await scalar(client, BACKEND_ID), id);
      const rows = await stage.sluice.admin(`SELECT user FROM stats_mysql_processlist WHERE SessionID = ${id}`);
      assert.deepEqual(rows, [{ user: 'app' }]);
      for (const sql of ['select connection_id() as id;', 'SELECT CONNECTION_ID() AS `id`']) {
        assert.deepEqual((await client.query(sql))[0], [{ id: Number(id) }]);
        assert.deepEqual((await client.execute(sql))[0], [{ id: Number(id) }]);
      }
      const other = await stage.connect();
      const several = 'SELECT VERSION(), CONNECTION_ID( ), @@wait_timeout IS NULL';
      for (const asks of [client, other, client, other]) {
        for (const [rows, fields] of [await asks.query(several), await asks.execute(several)]) {
          assert.equal((rows as Record<string, unknown>[])[0]?.['CONNECTION_ID( )'], asks.threadId);
          assert.equal(fields[1]?.name, 'CONNECTION_ID( )');
        }
      }
      const digests =
        "SELECT count_star FROM stats_mysql_query_digest WHERE digest_text LIKE 'SELECT VERSION(),CONNECTION_ID(%'";
      assert.deepEqual(await stage.sluice.admin(digests), [{ count_star: '10' }]);
      other.destroy();
      client.destroy();
    });
  });
}
