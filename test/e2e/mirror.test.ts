/**
 * A copy of a statement runs on another hostgroup, and its client notices nothing of it, whatever becomes of the copy.
 */
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { rowsOf, Stage, scalar } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';

describe('mirroring', () => {
  let stage: Stage;
  let client: Connection;

  before(async () => {
    stage = await Stage.start({
      databases: 2,
      hostgroups: [0, 1],
      setup: ['CREATE TABLE test.t (id INT PRIMARY KEY, s TEXT)', 'CREATE DATABASE other'],
    });
    client = await stage.connect();
  });

  after(async () => {
    client?.destroy();
    await stage?.stop();
  });

  beforeEach(async () => {
    await stage.sluice.admin('DELETE FROM mysql_query_rules');
    for (const database of stage.databases) await database.query('DELETE FROM test.t');
  });

  const rules = async (...rows: string[]): Promise<void> => {
    for (const row of rows) await stage.sluice.admin(`INSERT INTO mysql_query_rules ${row}`);
    await stage.sluice.admin('LOAD MYSQL QUERY RULES TO RUNTIME');
  };

  /** The rows of the mirror's server. */
  const mirrored = (): Promise<Record<string, unknown>[]> =>
    stage.databases[1]?.query('SELECT * FROM test.t ORDER BY id') ?? Promise.resolve([]);

  const arrives = (count: number) => eventually('the copies arrive', mirrored, (rows) => rows.length === count);

  test('mirror_hostgroup copies the statement, in its schema and character set', async () => {
    await rules("(rule_id, active, match_digest, mirror_hostgroup, apply) VALUES (1, 1, '^INSERT', 1, 1)");
    await client.query("INSERT INTO t VALUES (1, 'zażółć')");
    assert.deepEqual(await arrives(1), [{ id: 1, s: 'zażółć' }]);
    assert.deepEqual(await rowsOf(client, 'SELECT * FROM t'), [{ id: 1, s: 'zażółć' }]);
  });

  test('mirror_flagOUT sends the copy through rules of its own, which may rewrite or refuse it', async () => {
    await rules(
      "(rule_id, active, match_digest, mirror_hostgroup, mirror_flagOUT, apply) VALUES (1, 1, '^INSERT', 1, 7, 1)",
      "(rule_id, active, flagIN, match_pattern, error_msg, apply) VALUES (2, 1, 7, 'not this', 'no', 1)",
      "(rule_id, active, flagIN, match_pattern, replace_pattern, apply) VALUES (3, 1, 7, 'original', 'copy', 1)",
    );
    await client.query("INSERT INTO t VALUES (1, 'not this')");
    await client.query("INSERT INTO t VALUES (2, 'original')");
    assert.deepEqual(await arrives(1), [{ id: 2, s: 'copy' }]);
    assert.equal((await rowsOf(client, 'SELECT * FROM t')).length, 2);
  });

  test('a copy that fails, hangs or has nowhere to go does not concern the client', async () => {
    await rules(
      "(rule_id, active, match_pattern, mirror_hostgroup, apply) VALUES (1, 1, 'nowhere', 77, 1), (2, 1, 'mirrored', 1, 1)",
    );
    await stage.databases[1]?.query('DROP TABLE IF EXISTS test.only_here');
    await client.query('CREATE TABLE only_here (a INT)');
    await client.query('INSERT INTO only_here VALUES (1) /* mirrored */');
    assert.equal(await scalar(client, "SELECT 'nowhere'"), 'nowhere');
    const begun = performance.now();
    for (let i = 0; i < 40; i += 1) await client.query("SELECT SLEEP(IF(@@port = 0, 1, 0)), 'mirrored'");
    assert.ok(performance.now() - begun < 10_000);
    assert.equal(await scalar(client, 'SELECT COUNT(*) FROM only_here'), '1');
  });

  test('no more copies run at a time than mysql-mirror_max_concurrency, the others wait their turn', async () => {
    await stage.sluice.admin('SET mysql-mirror_max_concurrency = 2', 'LOAD MYSQL VARIABLES TO RUNTIME');
    await rules("(rule_id, active, match_digest, mirror_hostgroup, apply) VALUES (1, 1, '^INSERT', 1, 1)");
    const clients = await Promise.all(Array.from({ length: 6 }, () => stage.connect()));
    await Promise.all(clients.map((c, i) => c.query(`INSERT INTO t SELECT ${i} + SLEEP(0.05), 'x'`)));
    await arrives(6);
    for (const c of clients) c.destroy();
    const [row] = await stage.sluice.admin(
      "SELECT * FROM stats_mysql_global WHERE Variable_Name = 'Mirror_queue_length'",
    );
    assert.equal(row?.Variable_Value, '0');
  });
});
