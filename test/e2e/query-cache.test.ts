/**
 * Statements whose rule says cache_ttl are answered from memory, and only those that mean the same for whoever asks.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { accountSql, rowsOf, Stage, scalar } from '../helpers/stage.ts';

describe('query cache', () => {
  let stage: Stage;
  let client: Connection;

  before(async () => {
    stage = await Stage.start({
      setup: [...accountSql('other', 'other'), 'CREATE DATABASE test2', 'CREATE TABLE test.t (id INT)'],
      users: [{ username: 'other', password: 'other', default_hostgroup: 0 }],
    });
    await stage.sluice.admin(
      "INSERT INTO mysql_query_rules (rule_id, active, match_pattern, cache_ttl, cache_empty_result, apply) VALUES (1, 1, 'no_empty', 60000, 0, 1)",
      "INSERT INTO mysql_query_rules (rule_id, active, match_pattern, cache_ttl, apply) VALUES (2, 1, 'cached', 60000, 1), (3, 1, 'brief', 200, 1)",
      'LOAD MYSQL QUERY RULES TO RUNTIME',
    );
    client = await stage.connect();
  });

  after(async () => {
    client?.destroy();
    await stage?.stop();
  });

  /** A statement whose answer tells whether a server was asked. */
  const fresh = (mark: string): string => `SELECT UUID() AS ${mark}`;

  test('the same text is answered from memory, another one is not', async () => {
    const first = await scalar(client, fresh('cached'));
    assert.equal(await scalar(client, fresh('cached')), first);
    assert.notEqual(await scalar(client, `${fresh('cached')} `), first);
    assert.equal(await stage.withClient((another) => scalar(another, fresh('cached'))), first);
    const [row] = await stage.sluice.admin(
      "SELECT count_star FROM stats_mysql_query_digest WHERE hostgroup = -1 AND digest_text LIKE '%cached%'",
    );
    assert.equal(row?.count_star, '2');
  });

  test('not for another user, schema, character set, sql_mode or shape of answers', async () => {
    const first = await scalar(client, fresh('cached'));
    const others: [string, Promise<unknown>][] = [
      ['user', stage.withClient((c) => scalar(c, fresh('cached')), { user: 'other', password: 'other' })],
      ['schema', stage.withClient((c) => scalar(c, fresh('cached')), { database: 'test2' })],
      ['charset', stage.withClient((c) => scalar(c, fresh('cached')), { charset: 'latin1' })],
      ['shape', stage.withClient((c) => scalar(c, fresh('cached')), { flags: ['-FOUND_ROWS'] })],
      [
        'sql_mode',
        stage.withClient(async (c) => {
          await c.query("SET sql_mode = 'ANSI_QUOTES'");
          return scalar(c, fresh('cached'));
        }),
      ],
    ];
    for (const [what, value] of others) assert.notEqual(await value, first, what);
  });

  test('not in a transaction, with session state, for locking reads and prepared statements', async () => {
    const first = await scalar(client, fresh('cached'));
    const asked = async (...before: string[]) =>
      stage.withClient(async (c) => {
        for (const sql of before) await c.query(sql);
        return scalar(c, fresh('cached'));
      });
    assert.notEqual(await asked('BEGIN', 'SELECT COUNT(*) FROM t'), first);
    assert.notEqual(await asked('SET autocommit = 0'), first);
    assert.notEqual(await asked('SET @a = 1'), first);
    assert.notEqual(await asked('CREATE TEMPORARY TABLE t (a INT)'), first);
    const lock = 'SELECT UUID() AS cached FROM DUAL FOR UPDATE';
    assert.notEqual(await scalar(client, lock), await scalar(client, lock));
    const [a] = await client.execute(fresh('cached'));
    const [b] = await client.execute(fresh('cached'));
    assert.notDeepEqual(a, b);
    assert.equal(await scalar(client, fresh('cached')), first);
  });

  test('what the session itself is asked is never answered from memory', async () => {
    assert.equal(await scalar(client, 'SELECT LAST_INSERT_ID(7) AS cached'), '7');
    await client.query('INSERT INTO t VALUES (1), (2)');
    assert.equal(await scalar(client, 'SELECT ROW_COUNT() AS cached'), '2');
    await client.query('INSERT INTO t VALUES (3)');
    assert.equal(await scalar(client, 'SELECT ROW_COUNT() AS cached'), '1');
  });

  test('errors and, where a rule says so, empty results are not kept', async () => {
    await assert.rejects(client.query('SELECT * FROM cached_nowhere'));
    await client.query('CREATE TABLE cached_nowhere (a INT)');
    assert.deepEqual(await rowsOf(client, 'SELECT * FROM cached_nowhere'), []);
    await client.query('CREATE TABLE no_empty (a INT)');
    assert.deepEqual(await rowsOf(client, 'SELECT a FROM no_empty'), []);
    await client.query('INSERT INTO no_empty VALUES (5)');
    assert.equal(await scalar(client, 'SELECT a FROM no_empty'), '5');
    await client.query('DELETE FROM no_empty');
    assert.equal(await scalar(client, 'SELECT a FROM no_empty'), '5', 'a write invalidates nothing');
  });

  test('the time of the rule passes, and PROXYSQL FLUSH QUERY CACHE empties it', async () => {
    const brief = await scalar(client, fresh('brief'));
    await new Promise((resolve) => setTimeout(resolve, 250));
    assert.notEqual(await scalar(client, fresh('brief')), brief);
    const first = await scalar(client, fresh('cached'));
    await stage.sluice.admin('PROXYSQL FLUSH QUERY CACHE');
    assert.notEqual(await scalar(client, fresh('cached')), first);
    const rows = await stage.sluice.admin(
      "SELECT Variable_Name AS n, Variable_Value AS v FROM stats_mysql_global WHERE Variable_Name LIKE 'Query_Cache%'",
    );
    const value = (name: string) => Number(rows.find((row) => row.n === name)?.v);
    assert.equal(value('Query_Cache_Entries'), 1);
    assert.ok(value('Query_Cache_count_GET') > value('Query_Cache_count_GET_OK'));
    assert.ok(value('Query_Cache_Purged') > 0);
  });

  test('a large result is kept up to mysql-threshold_resultset_size', async () => {
    const sql = (kib: number) => `SELECT UUID() AS cached, REPEAT('x', ${kib * 1024}) AS x`;
    const small = await scalar(client, sql(64));
    assert.equal(await scalar(client, sql(64)), small);
    const large = await scalar(client, sql(5 * 1024));
    assert.notEqual(await scalar(client, sql(5 * 1024)), large);
  });
});
