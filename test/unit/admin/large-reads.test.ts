/**
 * Which SELECTs a reader process answers, that it answers what the shared connection would, and that it can be ended.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { decodeRows } from './decode-rows.ts';
import { adminSession, DispatchStage } from './dispatch-stage.ts';

const USERS = 2_500;

describe('large reads', () => {
  let it: DispatchStage;

  before(async () => {
    it = await DispatchStage.start();
    const users = Array.from({ length: USERS }, (_, i) => `('u${i}','x',${i % 2})`);
    await it.all(
      `INSERT INTO mysql_users (username, password, default_hostgroup) VALUES ${users.join(',')}`,
      "INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (1, 'a')",
      'LOAD MYSQL USERS TO RUNTIME',
      'LOAD MYSQL SERVERS TO RUNTIME',
      "INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (1, 'not loaded')",
    );
  });
  after(() => it.stop());

  const kind = async (sql: string): Promise<string> => (await it.run(sql)).kind;

  test('all rows of a large table of MEMORY are read elsewhere', async () => {
    assert.equal(await kind('SELECT * FROM mysql_users'), 'encoded');
    const rows = await it.rows('SELECT username, default_hostgroup FROM main.mysql_users ORDER BY rowid');
    assert.deepEqual(rows[0], ['u0', '0']);
    assert.equal(rows.length, USERS);
  });

  test('some rows, and small tables, are read where they are', async () => {
    for (const sql of [
      'SELECT 1',
      "SELECT * FROM mysql_users WHERE username='u7'",
      "SELECT * FROM mysql_users WHERE username IN ('u7', 'u8') AND active=1",
      'SELECT COUNT(*) FROM mysql_users',
      'SELECT * FROM mysql_servers',
      "SELECT * FROM global_variables WHERE variable_name LIKE 'mysql-%' ORDER BY 1",
      'SELECT * FROM stats_mysql_global UNION ALL SELECT * FROM stats_memory_metrics',
      'SELECT a.* FROM mysql_servers a JOIN mysql_servers b USING (hostgroup_id) GROUP BY a.hostname HAVING COUNT(*) > 1',
      "SELECT p.name FROM pragma_table_info('mysql_users') p",
      'SELECT * FROM sqlite_master',
      'WITH s AS (SELECT hostname FROM mysql_servers) SELECT COUNT(*) FROM s',
      "SELECT MYSQL_NATIVE_PASSWORD('x'), LOWER('X')",
    ])
      assert.equal(await kind(sql), 'rows', sql);
  });

  test('whatever could take long is read elsewhere', async () => {
    await it.all('SAVE MYSQL USERS TO DISK', 'CREATE VIEW everybody AS SELECT * FROM mysql_users');
    for (const [sql, rows] of [
      ['SELECT username FROM disk.mysql_users', USERS],
      ['SELECT * FROM everybody', USERS],
      ["SELECT COUNT(*) FROM everybody a, main.mysql_users b WHERE a.username = 'u1' AND b.active = 1", 1],
      ['SELECT COUNT(*) FROM disk.mysql_users d JOIN mysql_users m USING (username)', 1],
      [
        "SELECT d.username FROM disk.mysql_users d WHERE d.password LIKE '%x%' EXCEPT SELECT username FROM mysql_users",
        0,
      ],
      ['WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < 30) SELECT n FROM c', 30],
      ["SELECT replace('aaa', 'a', 'bb')", 1],
      ['SELECT COUNT(*) FROM sqlite_master a, sqlite_master b, sqlite_master c WHERE a.type IS NULL', 1],
    ] as const) {
      const reply = await it.run(sql);
      assert.equal(reply.kind === 'encoded' ? decodeRows(reply).length : reply.kind, rows, sql);
    }
    await it.all('DROP VIEW everybody');
  });

  test('rows and errors are those of the shared connection', async () => {
    await it.all(
      'CREATE TABLE odd (a, b REAL, c BLOB, "d e" TEXT)',
      "INSERT INTO odd VALUES (9007199254740993, 1, x'00ff', NULL)",
    );
    const odd = 'SELECT * FROM odd';
    const elsewhere = `${odd} WHERE replace('a', 'b', 'c') = 'a'`;
    assert.deepEqual([await kind(odd), await kind(elsewhere)], ['rows', 'encoded']);
    assert.deepEqual((await it.rows(elsewhere)).map(String), (await it.rows(odd)).map(String));
    assert.match(
      await it.error('SELECT nosuch FROM mysql_users'),
      /1045 28000 ProxySQL Admin Error: no such column: nosuch/,
    );
    assert.match(await it.error('SELECT json(password) FROM mysql_users'), /malformed JSON/);
    await it.all('DROP TABLE odd');
  });

  test('a large table is joined with tables of MEMORY and of the runtime', async () => {
    for (const [other, servers] of [
      ['mysql_servers', 2],
      ['runtime_mysql_servers', 1],
    ] as const) {
      const sql = `SELECT COUNT(*) FROM runtime_mysql_users u JOIN ${other} s ON s.hostgroup_id = u.default_hostgroup`;
      assert.equal(await kind(sql), 'encoded', sql);
      // Every account is there twice, as frontend and as backend; half of them are in the hostgroup.
      assert.deepEqual(await it.rows(sql), [[`${USERS * servers}`]], sql);
      const digests = `SELECT s.hostname FROM ${other} s LEFT JOIN stats_mysql_query_digest d ON d.hostgroup = s.hostgroup_id`;
      assert.equal(await kind(digests), 'encoded', digests);
      assert.equal((await it.rows(digests)).length, servers, digests);
    }
  });

  test('a table that an operator has changed is shown as he has it', async () => {
    await it.all('ALTER TABLE runtime_mysql_users ADD COLUMN extra DEFAULT 7');
    const sql =
      'SELECT u.extra FROM runtime_mysql_users u JOIN mysql_servers s ON s.hostgroup_id = u.default_hostgroup';
    const rows = await it.rows(sql);
    assert.deepEqual([rows.length, rows[0]], [2 * USERS, ['7']]);
  });

  test('tables of statistics and of the runtime go together', async () => {
    const users = 'SELECT COUNT(*) FROM stats_mysql_users s JOIN runtime_mysql_users r USING (username)';
    assert.deepEqual(await it.rows(users), [[`${2 * USERS}`]]);
    const digests = 'SELECT COUNT(*) FROM stats_mysql_query_digest d LEFT JOIN stats_mysql_global';
    assert.equal(await kind(digests), 'encoded');
  });

  test('rows that change while they are read come once', async () => {
    const reading = it.rows('SELECT username, COUNT(*) FROM mysql_users GROUP BY 1');
    for (let i = 0; i < 40; i += 1) {
      await it.all(`REPLACE INTO mysql_users (username, password, default_hostgroup) VALUES ('u${i * 50}','x',0)`);
      await new Promise(setImmediate);
    }
    const rows = await reading;
    assert.equal(rows.length, USERS);
    assert.ok(rows.every(([, count]) => count === '1'));
  });

  test('what has no end is ended by the clock, by KILL QUERY, and when its client leaves', async () => {
    const endless = 'WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c) SELECT COUNT(*) FROM c';
    await it.all('SET sluice-admin_read_timeout=300', 'LOAD SLUICE VARIABLES TO RUNTIME');
    assert.equal(
      await it.error(endless),
      '3024 HY000 ProxySQL Admin Error: the statement was ended after 300 ms (sluice-admin_read_timeout)',
    );
    const fill = (end: string): string =>
      `INSERT INTO mysql_servers (hostgroup_id, hostname) WITH RECURSIVE c(n) AS
         (VALUES (1) UNION ALL SELECT n + 1 FROM c ${end}) SELECT 77, 'h' || n FROM c`;
    assert.match(await it.error(fill('')), /^3024 HY000 .* after 300 ms/);
    assert.deepEqual(await it.rows('SELECT COUNT(*) FROM mysql_servers WHERE hostgroup_id=77'), [['0']]);
    await it.all('SET sluice-admin_read_timeout=60000', 'LOAD SLUICE VARIABLES TO RUNTIME');
    assert.deepEqual(await it.run(fill('WHERE n < 50')), { kind: 'ok', affectedRows: 50 });
    const running = new AbortController();
    const session = adminSession({ signal: running.signal });
    const answers = ['SELECT COUNT(*) FROM mysql_users a, mysql_users b, mysql_users c, mysql_users d', endless].map(
      (sql) => it.error(sql, session),
    );
    assert.equal(await kind('SELECT * FROM mysql_users'), 'encoded', 'others are answered meanwhile');
    // The fifth waits for its turn, and need not wait any longer.
    answers.push(...[endless, endless, endless].map((sql) => it.error(sql, session)));
    await it.run('SELECT 1');
    running.abort();
    const interrupted = '1317 70100 ProxySQL Admin Error: Query execution was interrupted';
    assert.deepEqual([...new Set(await Promise.all(answers))], [interrupted]);
    assert.equal(await kind('SELECT * FROM mysql_users'), 'encoded');
  });
});
