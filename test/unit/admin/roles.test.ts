/** Admin accounts with fewer rights, and those who try to get round them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { SessionContext } from '../../../admin/context.ts';
import { readRoles } from '../../../admin/roles/roles.ts';
import { adminSession, DispatchStage } from './dispatch-stage.ts';

const DENIED = /^1227 42000 ProxySQL Admin Error: Access denied; /;

let it: DispatchStage;
const jenkins: SessionContext = adminSession({ username: 'jenkins' });
const grafana: SessionContext = adminSession({ username: 'grafana' });

before(async () => {
  it = await DispatchStage.start();
  await it.all(
    "SET sluice-admin_roles='jenkins=users-only; grafana=read-only'",
    'LOAD SLUICE VARIABLES TO RUNTIME',
    "SET mysql-monitor_password='hunter2'",
    "SET admin-admin_credentials='admin:hunter2;jenkins:hunter2'",
    'LOAD ADMIN VARIABLES TO RUNTIME',
    "INSERT INTO mysql_users (username, password, attributes) VALUES ('app', 'hunter2', '{\"additional_password\":\"hunter2\"}')",
    "INSERT INTO scheduler (id, interval_ms, filename, arg1) VALUES (1, 1000, '/x', '--password=hunter2')",
    'LOAD MYSQL USERS TO RUNTIME',
    'LOAD SCHEDULER TO RUNTIME',
    'SAVE MYSQL USERS TO DISK',
    'CREATE VIEW everything AS SELECT * FROM global_variables',
    'CREATE TABLE copied AS SELECT * FROM mysql_users',
    'CREATE VIEW users_view AS SELECT * FROM mysql_users',
  );
});
after(() => it.stop());

describe('the list of roles', () => {
  test('gives the least rights where it is wrong, and says what is', () => {
    const { roles, problem } = readRoles('a=users-only;b=nosuch;c;a=full; d = full ');
    assert.deepEqual(
      [...roles],
      [
        ['a', 'read-only'],
        ['b', 'read-only'],
        ['c', 'read-only'],
        ['d', 'full'],
      ],
    );
    assert.match(problem ?? '', /^'b=nosuch' is not name=role/);
  });

  test('that is wrong is taken with a warning', async () => {
    const reply = await it.run("SET sluice-admin_roles='jenkins=users-only;grafana=read-only;x=root'");
    assert.equal(reply.kind === 'ok' ? reply.warnings : -1, 1);
    assert.match(String((await it.rows('SHOW WARNINGS'))[0]?.[2]), /it may only read/);
    await it.all("SET sluice-admin_roles='jenkins=users-only; grafana=read-only'");
  });
});

/** What neither role may do, each in disguise. */
const FORBIDDEN: readonly string[] = [
  'SET admin-admin_credentials="x:y"',
  'LOAD ADMIN VARIABLES TO RUNTIME',
  'SAVE MYSQL SERVERS TO DISK',
  'LOAD SLUICE VARIABLES FROM HISTORY 1',
  'PROXYSQL SHUTDOWN',
  'PROXYSQL READONLY',
  'TRUNCATE stats_mysql_query_digest',
  "ATTACH '/tmp/x.db' AS x",
  "/* c */ ATTACH ':memory:' AS x",
  'DETACH disk',
  'DROP TABLE mysql_users',
  'DROP TABLE mysql_servers',
  'CREATE TABLE t (a)',
  'CREATE TEMP TABLE mysql_users (a)',
  'CREATE VIEW v AS SELECT * FROM global_variables',
  'CREATE TRIGGER t AFTER INSERT ON mysql_users BEGIN DELETE FROM mysql_servers; END',
  'ALTER TABLE mysql_users ADD COLUMN x',
  'PRAGMA writable_schema=1',
  'PRAGMA main.writable_schema = ON',
  'PRAGMA table_info = 5',
  'PRAGMA query_only(0)',
  'VACUUM',
  "VACUUM INTO '/tmp/x.db'",
  'REINDEX',
  'EXPLAIN SELECT * FROM global_variables',
  'UPDATE global_variables SET variable_value=1',
  "UPDATE sqlite_master SET sql=''",
  'DELETE FROM mysql_servers',
  'DELETE FROM disk.mysql_users',
  'INSERT INTO mysql_users (username) SELECT hostname FROM disk.mysql_servers WHERE 1; DELETE FROM disk.mysql_servers',
  'INSERT INTO mysql_servers (hostname) VALUES (1)',
  'REPLACE INTO runtime_mysql_users (username) VALUES (1)',
  'WITH x AS (SELECT 1) DELETE FROM mysql_servers',
  'SELECT * FROM copied',
  'SELECT * FROM stats_mysql_query_digest_reset',
  'SELECT * FROM "stats_mysql_connection_pool_reset"',
  "SELECT * FROM pragma_table_info('mysql_users')",
  'SELECT * FROM disk.global_variables',
  'SELECT load_extension(1)',
];

describe('a users-only account', () => {
  test('reads and writes mysql_users in any form, and moves them between the layers', async () => {
    for (const sql of [
      "INSERT INTO mysql_users (username, password) VALUES ('j1', 'x'), ('j2', 'y')",
      "UPDATE main.mysql_users SET password='z' WHERE username='j1'",
      "WITH old(u) AS (SELECT 'j2') DELETE FROM mysql_users WHERE username IN (SELECT u FROM old)",
      "INSERT OR REPLACE INTO mysql_users (username, password) SELECT username || 'x', password FROM mysql_users WHERE username='j1'",
      "DELETE FROM mysql_users WHERE username='j1x'",
      'LOAD MYSQL USERS TO RUNTIME',
      'SAVE MYSQL USERS TO DISK',
      'LOAD MYSQL USERS FROM DISK',
      'SELECT 1',
      'select @@version_comment limit 1',
      'SELECT version()',
      'SET NAMES utf8',
      'PRAGMA table_info(mysql_users)',
      'SHOW TABLES',
      'SHOW CREATE TABLE mysql_users',
      'SHOW DIFF MYSQL USERS',
      'SHOW RUNTIME HISTORY MYSQL USERS',
      'SELECT * FROM users_view',
    ]) {
      const reply = await it.run(sql, jenkins);
      assert.notEqual(reply.kind, 'error', `${sql}: ${JSON.stringify(reply)}`);
    }
    assert.deepEqual(
      await it.rows(
        "SELECT username, password FROM runtime_mysql_users WHERE username LIKE 'j%' AND frontend=1",
        jenkins,
      ),
      [['j1', 'z']],
    );
  });

  test('gets at nothing else', async () => {
    for (const sql of [
      ...FORBIDDEN,
      'SELECT * FROM global_variables',
      'SELECT * FROM main."global_variables"',
      'SELECT * FROM [everything]',
      'SELECT @@admin-admin_credentials',
      'SHOW VARIABLES',
      'SHOW MYSQL SERVERS',
      'SELECT (SELECT variable_value FROM global_variables LIMIT 1)',
      'SELECT username FROM mysql_users UNION SELECT variable_value FROM global_variables',
      'INSERT INTO mysql_users (username, password) SELECT variable_name, variable_value FROM global_variables',
      'INSERT INTO mysql_users (username, password) SELECT variable_name, variable_value FROM everything',
      'WITH g AS (SELECT * FROM global_variables) INSERT INTO mysql_users (username, password) SELECT * FROM g',
      'UPDATE mysql_users SET password=(SELECT variable_value FROM global_variables LIMIT 1)',
      'UPDATE mysql_users SET password=g.variable_value FROM global_variables g',
      'INSERT INTO mysql_users (username) VALUES (1) RETURNING (SELECT variable_value FROM global_variables LIMIT 1)',
      'DELETE FROM mysql_users WHERE EXISTS (SELECT 1 FROM scheduler)',
      'SHOW DIFF',
      'SHOW DIFF ADMIN VARIABLES',
      'SHOW RUNTIME HISTORY',
      "EXPLAIN ROUTE FOR 'app' AS 'SELECT 1'",
      'CHECKSUM MYSQL SERVERS',
      'LOAD MYSQL VARIABLES TO RUNTIME',
      'SELECT * FROM stats_mysql_global',
    ]) {
      const reply = await it.run(sql, jenkins);
      assert.equal(reply.kind, 'error', sql);
      assert.doesNotMatch(JSON.stringify(reply), /hunter2/, sql);
    }
    assert.deepEqual(it.process.shutdowns, []);
    assert.deepEqual(await it.rows("SELECT COUNT(*) FROM mysql_users WHERE password LIKE '%admin:%'"), [['0']]);
  });

  test('is stopped when a trigger would carry it further', async () => {
    await it.all('CREATE TRIGGER carry AFTER INSERT ON mysql_users BEGIN UPDATE mysql_servers SET weight=1; END');
    assert.match(await it.error("INSERT INTO mysql_users (username) VALUES ('t')", jenkins), DENIED);
    await it.all('DROP TRIGGER carry');
  });
});

describe('a read-only account', () => {
  test('reads everything, secrets replaced', async () => {
    for (const sql of [
      'SELECT * FROM mysql_users',
      'SELECT * FROM runtime_mysql_users',
      'SELECT * FROM users_view',
      'SELECT * FROM everything',
      'SELECT * FROM global_variables',
      'SHOW VARIABLES',
      'SELECT @@admin-admin_credentials',
      'SELECT * FROM runtime_global_variables',
      'SELECT group_concat(password) FROM mysql_users',
      'SELECT * FROM scheduler',
      'SELECT * FROM runtime_scheduler',
      'WITH p AS (SELECT password FROM mysql_users) SELECT * FROM p',
      'SHOW MYSQL SERVERS',
      'SHOW DIFF',
      'SHOW RUNTIME HISTORY',
      'SHOW TABLES',
      'PRAGMA table_info(mysql_users)',
      'SELECT * FROM disk.mysql_servers',
      'SELECT * FROM stats_mysql_global',
      'SELECT name FROM sqlite_master',
    ]) {
      const reply = await it.run(sql, grafana);
      assert.equal(reply.kind, 'rows', `${sql}: ${JSON.stringify(reply)}`);
      assert.doesNotMatch(JSON.stringify(reply), /hunter2/, sql);
    }
    assert.deepEqual(await it.rows("SELECT username FROM mysql_users WHERE password LIKE 'hunter%'", grafana), []);
    assert.deepEqual(
      await it.rows("SELECT password FROM mysql_users WHERE username='app'"),
      [['hunter2']],
      'nothing has changed',
    );
    assert.deepEqual(await it.rows('SELECT @@mysql-monitor_password'), [['hunter2']]);
  });

  test('changes nothing', async () => {
    const before = JSON.stringify(await it.rows('SELECT * FROM mysql_users'));
    for (const sql of [
      ...FORBIDDEN,
      'DELETE FROM mysql_users',
      'LOAD MYSQL USERS TO RUNTIME',
      'SELECT * FROM disk.mysql_users',
      'LOAD MYSQL USERS FROM HISTORY 1',
      "INSERT INTO mysql_users (username) VALUES ('x') RETURNING password",
    ]) {
      const reply = await it.run(sql, grafana);
      assert.equal(reply.kind, 'error', sql);
    }
    assert.equal(JSON.stringify(await it.rows('SELECT * FROM mysql_users')), before);
    assert.ok(!it.plane.collected.includes('query-digest:reset'));
    assert.deepEqual(
      await it.run("INSERT INTO mysql_users (username) VALUES ('w')"),
      { kind: 'ok', affectedRows: 1 },
      'others still write',
    );
  });

  test('sees no secret of a table that is read elsewhere because it is long', async () => {
    const values = Array.from({ length: 2_500 }, (_, i) => `('long${i}', 'hunter2')`).join(',');
    await it.all(`INSERT INTO mysql_users (username, password) VALUES ${values}`, 'LOAD MYSQL USERS TO RUNTIME');
    const own = await it.run("SELECT password FROM runtime_mysql_users WHERE username='long1' AND frontend=1");
    assert.equal(own.kind, 'encoded', 'it is read elsewhere');
    for (const table of [
      'runtime_mysql_users',
      '"runtime_mysql_users"',
      "'runtime_mysql_users'",
      'main.[runtime_mysql_users]',
    ]) {
      assert.doesNotMatch(
        JSON.stringify(await it.run(`SELECT username, password FROM ${table}`, grafana)),
        /hunter2/,
        table,
      );
    }
    await it.all("DELETE FROM mysql_users WHERE username LIKE 'long%'", 'LOAD MYSQL USERS TO RUNTIME');
  });

  test('has the rights of the moment', async () => {
    await it.all("SET sluice-admin_roles=''", 'LOAD SLUICE VARIABLES TO RUNTIME');
    assert.equal((await it.run('DELETE FROM mysql_servers', grafana)).kind, 'ok');
  });
});
