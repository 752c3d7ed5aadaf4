/**
 * The compressed protocol: zlib and zstd to clients, zlib to servers. What arrives is what would have arrived without.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { mysqlCli } from '../helpers/mysql-cli.ts';
import { missingMysql9, mysql9Client } from '../helpers/mysql9.ts';
import { APP, Stage, scalar } from '../helpers/stage.ts';

describe('compression', () => {
  let stage: Stage;
  let client: Connection;

  before(async () => {
    stage = await Stage.start({
      serverColumns: { compression: 1 },
      setup: ['CREATE TABLE test.texts (id INT AUTO_INCREMENT PRIMARY KEY, v LONGTEXT)'],
    });
    client = await stage.connect({ compress: true });
  });

  after(async () => {
    client?.destroy();
    await stage?.stop();
  });

  test('both ends compress, and the server says so', async () => {
    const [rows] = await client.query({ sql: "SHOW SESSION STATUS LIKE 'Compression'", rowsAsArray: true });
    assert.deepEqual(rows, [['Compression', 'ON']]);
  });

  test('short and long, that compress well and not at all', async () => {
    const noise = Buffer.from(
      Array.from({ length: 100_000 }, (_, i) => (i * 7919 + (i >> 3) * 104_729) % 251),
    ).toString('hex');
    for (const text of ['', 'x', 'y'.repeat(49), 'z'.repeat(17_000_000), noise]) {
      await client.query('INSERT INTO texts (v) VALUES (?)', [text]);
      assert.equal(await scalar(client, 'SELECT v FROM texts ORDER BY id DESC LIMIT 1'), text);
    }
    const [rows] = await client.query("SELECT seq, REPEAT('a', 100) AS a FROM seq_1_to_50000");
    assert.equal((rows as unknown[]).length, 50_000);
  });

  test('prepared statements, and another user on the same connection', async () => {
    const [rows] = await client.execute('SELECT ? AS a, REPEAT(?, 1000) AS b', [1, 'b']);
    assert.deepEqual(rows, [{ a: 1, b: 'b'.repeat(1000) }]);
    await client.changeUser({ ...APP, database: 'test' });
    assert.equal(await scalar(client, "SELECT REPEAT('c', 100)"), 'c'.repeat(100));
  });

  test('the mysql client, with what it calls compression, over TLS too', async () => {
    const noise = 'SELECT GROUP_CONCAT(MD5(seq)) FROM seq_1_to_20000';
    for (const tls of ['--skip-ssl', '--ssl']) {
      const result = await mysqlCli(
        { ...APP, database: 'test', port: stage.sluice.mysqlPort, args: ['--compress', tls], patienceMs: 10_000 },
        `SELECT 1; SELECT REPEAT('d', 200); SELECT 2; SELECT 3 FROM texts WHERE FALSE; ${noise}; SHOW STATUS LIKE 'x'; SELECT 4`,
      );
      assert.equal(result.stderr, '');
      assert.deepEqual(
        result.rows.map(([value]) => value?.length),
        [1, 200, 1, 659_999, 1],
      );
    }
  });

  test('zstd, by the client of MySQL 9', { skip: missingMysql9() }, async () => {
    for (const algorithm of ['zstd', 'zlib']) {
      const result = await mysqlCli(
        {
          ...APP,
          command: mysql9Client(),
          port: stage.sluice.mysqlPort,
          args: [`--compression-algorithms=${algorithm}`],
        },
        "SELECT REPEAT('e', 200); SELECT REPEAT('f', 1000000)",
      );
      assert.match(result.stdout + result.stderr, /e{200}/);
      assert.match(result.stdout + result.stderr, /f{1000000}/);
    }
  });
});
