/**
 * What differential.test.ts found, one test each: all sessions share a single connection.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { rowsOf, Stage, scalar } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';

describe('one connection for everybody', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      setup: [
        'CREATE TABLE test.t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)',
        'CREATE DATABASE other',
        'CREATE TABLE other.t (id INT PRIMARY KEY)',
        'INSERT INTO other.t VALUES (77)',
      ],
      serverColumns: { max_connections: 1 },
    });
  });

  after(() => stage?.stop());

  const released = () =>
    eventually(
      'no session holds the connection',
      () => stage.connectionsUsed(),
      (used) => used === 0,
    );

  test('a prepared statement runs in the schema it was prepared in', () =>
    stage.withClient(async (client) => {
      const select = await client.prepare('SELECT DATABASE() AS db, (SELECT COUNT(*) FROM t WHERE id = 77) AS n');
      await client.query('USE other');
      const [rows] = await select.execute([]);
      assert.deepEqual(rows, [{ db: 'test', n: 0 }]);
      assert.equal(await scalar(client, 'SELECT id FROM t'), '77');
    }));

  test('a client that leaves after XA PREPARE loses nothing, and the next XA transaction works', async () => {
    for (let round = 0; round < 2; round += 1) {
      await stage.withClient(async (client) => {
        for (const sql of ["XA START 'x'", 'INSERT INTO t (v) VALUES (9)', "XA END 'x'", "XA PREPARE 'x'"])
          await client.query(sql);
      });
      await released();
      const commit = () =>
        stage
          .withClient((client) => client.query("XA COMMIT 'x'"))
          .then(
            () => true,
            () => false,
          );
      await eventually('the server has seen the client leave', commit, (done) => done);
    }
    assert.equal(await stage.withClient((client) => scalar(client, 'SELECT COUNT(*) FROM t WHERE v = 9')), '2');
  });

  test('SET TRANSACTION that no transaction used up is nobody else’s', async () => {
    await stage.withClient(async (client) => {
      await client.query('SET TRANSACTION READ ONLY');
      await client.query('SELECT 1');
    });
    await stage.withClient((client) => client.query('INSERT INTO t (v) VALUES (1)'));
  });

  test('SET TRANSACTION is over with a COMMIT, even one that has nothing to end', () =>
    stage.withClient(async (client) => {
      await client.query('SET TRANSACTION READ ONLY');
      await client.query('COMMIT');
      await client.query('INSERT INTO t (v) VALUES (1)');
    }));

  test('two SET TRANSACTION add up', () =>
    stage.withClient(async (client) => {
      await client.query('SET TRANSACTION READ ONLY');
      await client.query('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE');
      await client.query('BEGIN');
      await assert.rejects(client.query('INSERT INTO t (v) VALUES (1)'), { errno: 1792 });
      await client.query('ROLLBACK');
      await client.query('INSERT INTO t (v) VALUES (1)');
    }));

  test('ROW_COUNT() and FOUND_ROWS() tell nothing of another session', async () => {
    await stage.withClient((client) => client.query('INSERT INTO t (v) VALUES (1), (2), (3), (4), (5)'));
    await released();
    assert.equal(await stage.withClient((client) => scalar(client, 'SELECT ROW_COUNT()')), '-1');
    await stage.withClient((client) => rowsOf(client, 'SELECT * FROM t LIMIT 5'));
    await released();
    assert.equal(await stage.withClient((client) => scalar(client, 'SELECT FOUND_ROWS()')), '1');
  });

  test('a SET is obeyed after a prepared SET of the same', () =>
    stage.withClient(async (client) => {
      await client.execute('SET autocommit = 0');
      await client.query('SET autocommit = 1');
      assert.equal(await scalar(client, 'SELECT @@autocommit'), '1');
      await client.execute('SET NAMES latin1');
      await client.query('SET NAMES utf8mb4');
      assert.equal(await scalar(client, 'SELECT @@character_set_client'), 'utf8mb4');
    }));

  test('SET NAMES undoes a SET of one of its variables', () =>
    stage.withClient(async (client) => {
      await client.query('SET NAMES latin1');
      await client.query('SET character_set_results = utf8mb4');
      await scalar(client, 'SELECT 1');
      await client.query('SET NAMES latin1');
      assert.equal(await scalar(client, 'SELECT @@character_set_results'), 'latin1');
    }));

  test('LAST_INSERT_ID(x) is remembered', () =>
    stage.withClient(async (client) => {
      await client.query('SELECT LAST_INSERT_ID(41)');
      assert.equal(await scalar(client, 'SELECT LAST_INSERT_ID()'), '41');
    }));
});
