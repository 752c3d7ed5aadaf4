/**
 * The clients people have, each through the data plane and the admin plane.
 */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { mysqlCli } from '../helpers/mysql-cli.ts';
import { missingMysql9, mysql9Client } from '../helpers/mysql9.ts';
import { repositoryRoot } from '../helpers/repository.ts';
import { APP, Stage } from '../helpers/stage.ts';

const run = promisify(execFile);

const PYTHON = '/usr/bin/python3';
const missingPyMysql =
  spawnSync(PYTHON, ['-c', 'import pymysql'], { stdio: 'ignore' }).status === 0 ? false : 'PyMySQL is not installed';

describe('clients', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      setup: [
        'CREATE DATABASE shop',
        'CREATE TABLE shop.customers (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL, photo BLOB, KEY (name))',
        `INSERT INTO shop.customers (name, photo) VALUES ('Ann O''Hara', NULL), ('Łukasz', X'00FF0A27'), ('', '')`,
        'CREATE TABLE shop.orders (id INT PRIMARY KEY, customer INT, total DECIMAL(10,2), FOREIGN KEY (customer) REFERENCES shop.customers (id))',
        'INSERT INTO shop.orders SELECT seq, 1 + seq % 3, seq / 7 FROM test.seq_1_to_2000',
        'CREATE VIEW shop.totals AS SELECT customer, SUM(total) AS total FROM shop.orders GROUP BY customer',
      ],
    });
  });

  after(() => stage?.stop());

  test('the mysql client: statements, schema, tabs and line ends in values, its status', async () => {
    const client = { port: stage.sluice.mysqlPort, ...APP, database: 'shop' };
    const select = await mysqlCli(
      client,
      'SELECT name, HEX(photo) FROM customers ORDER BY id; SELECT "a\\tb\\nc", NULL',
    );
    assert.equal(select.exitCode, 0, select.stderr);
    assert.deepEqual(select.rows, [
      ["Ann O'Hara", null],
      ['Łukasz', '00FF0A27'],
      ['', ''],
      ['a\tb\nc', null],
    ]);
    const script = await mysqlCli({ ...client, input: 'use test\nselect database();\n\\s\n' });
    assert.equal(script.exitCode, 0, script.stderr);
    assert.equal(script.rows[0]?.[0], 'test');
    assert.match(script.stdout, /Current user:\s+app@/);
    const wrong = await mysqlCli(client, 'SELECT nothing');
    assert.equal(wrong.exitCode, 1);
    assert.match(wrong.stderr, /^ERROR 1054 \(42S22\) at line 1: Unknown column 'nothing' in 'SELECT'/m);
  });

  test('the mysql client on the admin plane', async () => {
    const admin = { port: stage.sluice.adminPort, user: 'admin', password: 'admin' };
    const result = await mysqlCli({ ...admin, input: 'SHOW DATABASES;\nSELECT username FROM mysql_users;\n' });
    assert.equal(result.exitCode, 0, result.stderr);
    const names = result.rows.map((row) => row.join(' '));
    assert.ok(names.some((name) => name.includes('disk')) && names.includes('app'), result.stdout);
    const wrong = await mysqlCli(admin, 'SELECT * FROM no_such_table');
    assert.match(wrong.stderr, /^ERROR 1045 \(28000\).*: ProxySQL Admin Error: no such table: no_such_table/m);
  });

  test('PyMySQL', { skip: missingPyMysql }, async () => {
    const script = join(repositoryRoot, 'test', 'e2e', 'clients', 'pymysql_client.py');
    const { stdout } = await run(PYTHON, [script, `${stage.sluice.mysqlPort}`, `${stage.sluice.adminPort}`]);
    assert.equal(stdout.trim(), 'ok');
  });

  test('mysqldump gives the same dump through sluice, and the dump loads through it', async () => {
    const dump = async (port: number, user: string, ...password: string[]): Promise<string> => {
      const args = ['--no-defaults', '-h127.0.0.1', `-P${port}`, `-u${user}`, ...password];
      const { stdout } = await run('mysqldump', [...args, '--skip-dump-date', '--skip-comments', 'shop'], {
        maxBuffer: 64 * 1024 * 1024,
      });
      return stdout;
    };
    const direct = await dump(stage.database.port, 'root');
    const through = await dump(stage.sluice.mysqlPort, APP.user, `-p${APP.password}`);
    assert.equal(through, direct);

    await stage.database.query('CREATE DATABASE restored');
    const restored = await mysqlCli({ port: stage.sluice.mysqlPort, ...APP, database: 'restored', input: through });
    assert.equal(restored.exitCode, 0, restored.stderr);
    const [sums] = await stage.database.query(
      'SELECT (SELECT COUNT(*) FROM restored.orders) AS n, (SELECT SUM(total) FROM restored.totals) = (SELECT SUM(total) FROM shop.totals) AS same',
    );
    assert.deepEqual(sums, { n: 2000, same: 1 });
  });

  test('a single-transaction dump with routines', async () => {
    const { stdout } = await run('mysqldump', [
      '--no-defaults',
      '-h127.0.0.1',
      `-P${stage.sluice.mysqlPort}`,
      `-u${APP.user}`,
      `-p${APP.password}`,
      '--single-transaction',
      '--routines',
      '--triggers',
      'shop',
      'orders',
    ]);
    assert.match(stdout, /INSERT INTO `orders` VALUES/);
    assert.match(stdout, /Dump completed/);
  });

  test('the client of MySQL 9', { skip: missingMysql9() }, async () => {
    const client = { command: mysql9Client(), ...APP, port: stage.sluice.mysqlPort, database: 'shop' };
    const result = await mysqlCli(client, 'SELECT COUNT(*) FROM orders; SHOW TABLES');
    assert.equal(result.exitCode, 0, result.stderr);
    assert.deepEqual(result.rows, [['2000'], ['customers'], ['orders'], ['totals']]);
    const admin = { ...client, port: stage.sluice.adminPort, user: 'admin', password: 'admin', database: 'main' };
    const users = await mysqlCli(admin, 'SELECT username FROM mysql_users');
    assert.equal(users.exitCode, 0, users.stderr);
    assert.deepEqual(users.rows, [['app']]);
  });
});
