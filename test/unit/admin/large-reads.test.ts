/**
 * Which SELECTs the reader thread answers, and that it answers what the shared connection would.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { DispatchStage } from './dispatch-stage.ts';

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
      "SELECT * FROM mysql_users WHERE username='u7'",
      'SELECT * FROM mysql_users LIMIT 3',
      'SELECT COUNT(*) FROM mysql_users',
      'SELECT * FROM mysql_servers',
      'SELECT * FROM disk.mysql_users',
    ])
      assert.equal(await kind(sql), 'rows', sql);
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

  test('a table that an operator has changed is shown as it is laid out in the product', async () => {
    await it.all('ALTER TABLE runtime_mysql_users ADD COLUMN extra');
    const sql = 'SELECT u.* FROM runtime_mysql_users u JOIN mysql_servers s ON s.hostgroup_id = u.default_hostgroup';
    assert.equal((await it.rows(sql)).length, 2 * USERS);
  });

  test('what the thread cannot have is read where it is', async () => {
    const sql = 'SELECT COUNT(*) FROM runtime_mysql_users r JOIN disk.mysql_users d USING (username)';
    assert.equal(await kind(sql), 'rows');
    assert.equal(await kind('SELECT COUNT(*) FROM stats_mysql_query_digest JOIN stats_mysql_global'), 'rows');
  });
});
