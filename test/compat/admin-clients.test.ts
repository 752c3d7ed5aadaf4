/** Programs people administer ProxySQL with, on the admin port. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import mysql from 'mysql2/promise';
import { mysqlCli } from '../helpers/mysql-cli.ts';
import { missingMysql9, mysql9Client } from '../helpers/mysql9.ts';
import { startTestAdminPlane, type TestAdminPlane } from '../unit/admin/admin-plane.ts';

const run = promisify(execFile);
const PYTHON = '/usr/bin/python3';
const has = (program: string, args: readonly string[]): boolean =>
  spawnSync(program, args, { stdio: 'ignore' }).status === 0;
const missingMysql = has('mysql', ['--version']) ? false : 'the mysql client is not installed';
const missingPyMysql = has(PYTHON, ['-c', 'import pymysql']) ? false : 'PyMySQL is not installed';

describe('clients of the admin port', () => {
  let it: TestAdminPlane;
  before(async () => {
    it = await startTestAdminPlane();
  });
  after(() => it.stop());

  test('mysql -e with three statements creates a user, as a build server does', { skip: missingMysql }, async () => {
    const admin = { port: it.port, user: 'admin', password: 'admin' };
    const sql = `INSERT INTO mysql_users (username,password,default_hostgroup,comment)
      VALUES ("ann", "it's; secret", 20, 'created=2026-11-23;expires=2026-12-24');
      LOAD MYSQL USERS TO RUNTIME; SAVE MYSQL USERS TO DISK;`;
    const created = await mysqlCli(admin, sql);
    assert.equal(created.exitCode, 0, created.stderr);
    assert.deepEqual(
      it.plane.current.users.map(({ username, password, defaultHostgroup }) => [username, password, defaultHostgroup]),
      [['ann', "it's; secret", 20]],
    );
    const saved = await mysqlCli(admin, 'SELECT username, comment FROM disk.mysql_users');
    assert.deepEqual(saved.rows, [['ann', 'created=2026-11-23;expires=2026-12-24']]);
    const gone = await mysqlCli(
      admin,
      'DELETE FROM mysql_users; LOAD MYSQL USERS TO RUNTIME; SAVE MYSQL USERS TO DISK',
    );
    assert.equal(gone.exitCode, 0, gone.stderr);
  });

  test('mysql with its start-up queries, completion of names, status and warnings', {
    skip: missingMysql,
  }, async () => {
    const input = 'SET mysql-max_connections="12x";\nSHOW WARNINGS;\nSELECT @@mysql-max_connections;\n\\s\n';
    const options = { port: it.port, user: 'admin', password: 'admin', database: 'main', input };
    const result = await mysqlCli({ ...options, args: ['--auto-rehash', '--show-warnings'] });
    assert.equal(result.exitCode, 0, result.stderr);
    assert.match(result.stdout, /is not a whole number; 12 is used/);
    assert.match(result.stdout, /Server version:\s+8\.0\.11 \(ProxySQL Admin Module\)/);
  });

  test('mysql that sends several statements in one packet', { skip: missingMysql }, async () => {
    const args = ['--delimiter=//'];
    const admin = { port: it.port, user: 'admin', password: 'admin', args };
    const result = await mysqlCli(
      admin,
      "SELECT 1; INSERT INTO mysql_servers (hostname) VALUES ('h'); SELECT hostname FROM mysql_servers//",
    );
    assert.deepEqual(result.rows, [['1'], ['h']], result.stderr);
  });

  test('the client of MySQL 9, which knows caching_sha2_password alone', { skip: missingMysql9() }, async () => {
    const client = { command: mysql9Client(), port: it.port, user: 'admin', password: 'admin' };
    const result = await mysqlCli(client, "SHOW TABLES LIKE 'mysql_users'");
    assert.deepEqual(result.rows, [['mysql_users']], result.stderr);
  });

  test('PyMySQL, quotes in parameters included', { skip: missingPyMysql }, async () => {
    const script = `
import pymysql, sys
c = pymysql.connect(host='127.0.0.1', port=int(sys.argv[1]), user='admin', password='admin', database='main')
k = c.cursor(pymysql.cursors.DictCursor)
name = 'py\\'"\\\\;--'
k.execute('INSERT INTO mysql_users (username, password) VALUES (%s, %s)', (name, 'p'))
assert k.rowcount == 1, k.rowcount
k.execute('SELECT username, max_connections FROM mysql_users WHERE username = %s', (name,))
assert k.fetchall() == [{'username': name, 'max_connections': '10000'}]
c.commit()
k.execute('LOAD MYSQL USERS TO RUNTIME')
try:
    k.execute('SELECT nosuch')
    raise SystemExit('no error')
except pymysql.err.OperationalError as e:
    assert e.args == (1045, 'ProxySQL Admin Error: no such column: nosuch'), e.args
c.ping()
k.execute('DELETE FROM mysql_users')
c.close()
print('ok')
`;
    const { stdout } = await run(PYTHON, ['-c', script, `${it.port}`]);
    assert.equal(stdout.trim(), 'ok');
  });

  test('mysql2, with a pool', async () => {
    const pool = mysql.createPool({ host: '127.0.0.1', port: it.port, user: 'stats', password: 'stats' });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => pool.query('SELECT Variable_Value AS n FROM stats_mysql_global LIMIT 1')),
    );
    for (const [rows] of answers) assert.equal((rows as unknown[]).length, 1);
    const [rows] = await pool.execute('SELECT 1 AS one');
    assert.deepEqual(rows, [{ one: '1' }]);
    await pool.end();
  });

  test('a SELECT without end is ended by KILL QUERY, by KILL CONNECTION, and when its client leaves', async () => {
    const connect = (): Promise<mysql.Connection> =>
      mysql.createConnection({ host: '127.0.0.1', port: it.port, user: 'admin', password: 'admin' });
    const [admin, victim] = await Promise.all([connect(), connect()]);
    const endless = 'WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c) SELECT COUNT(*) FROM c';
    const one = async (client: mysql.Connection): Promise<unknown> => (await client.query('SELECT 1 AS one'))[0];
    for (const end of [`KILL QUERY ${victim.threadId}`, `KILL /*!50000 QUERY */ ${victim.threadId}`]) {
      const refused = assert.rejects(victim.execute(endless), { errno: 1317 });
      assert.deepEqual(await one(admin), [{ one: '1' }]);
      await admin.query(end);
      await refused;
      assert.deepEqual(await one(victim), [{ one: '1' }], 'its session goes on');
    }
    it.plane.found = false;
    const lost = assert.rejects(victim.query(endless), { fatal: true });
    await one(admin);
    await admin.query(`KILL CONNECTION ${victim.threadId}`);
    await lost;
    await assert.rejects(admin.query('KILL QUERY 999999'), { message: /Unknown thread id: 999999/ });
    // One more than run at a time: they would wait for ever if those before them were not ended.
    for (let i = 0; i < 5; i += 1) {
      const client = await connect();
      client.query(endless).catch(() => undefined);
      await one(admin);
      client.destroy();
    }
    await admin.query("SELECT replace('is read by a process', 'a', 'b')");
    await admin.end();
  });
});
