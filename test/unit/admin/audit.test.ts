/** The audit log: what it says of a statement, in which order, and where. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type AuditEvent, AuditLog, auditQueueMax } from '../../../admin/audit/audit-log.ts';
import { changesSomething } from '../../../admin/audit/changes.ts';
import { auditStatementCharsMax, redact } from '../../../admin/audit/redact.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { Random } from '../../helpers/random.ts';
import { DispatchStage } from './dispatch-stage.ts';

const SECRET = 'hunter2';

describe('a statement without its secrets', () => {
  /** [statement, what the log says] */
  const cases: readonly (readonly [string, string])[] = [
    [
      "INSERT INTO mysql_users (username, password, comment) VALUES ('app', 'hunter2', 'it''s')",
      "INSERT INTO mysql_users (username, password, comment) VALUES ('app', [secret], 'it''s')",
    ],
    [
      "insert or replace into main.mysql_users(username,password) values('a','hunter2'),('b',MYSQL_NATIVE_PASSWORD('hunter2'))",
      "insert or replace into main.mysql_users (username, password) values ('a', [secret]), ('b', [secret])",
    ],
    [
      "REPLACE INTO mysql_users VALUES ('a','hunter2',1,0,0,'',0,1,0,1,1,100,'{}','')",
      "REPLACE INTO mysql_users VALUES ('a', [secret], 1, 0, 0, '', 0, 1, 0, 1, 1, 100, [secret], '')",
    ],
    [
      "UPDATE mysql_users SET password = 'hunter2', active=1 WHERE username='app'",
      "UPDATE mysql_users SET password = [secret], active = 1 WHERE username = 'app'",
    ],
    ["UPDATE mysql_users SET active=0 WHERE password='hunter2'", 'UPDATE mysql_users SET active = 0 WHERE [secret]'],
    ["DELETE FROM mysql_users WHERE username='app'", "DELETE FROM mysql_users WHERE username = 'app'"],
    ["SET admin-admin_credentials='admin:hunter2'", 'SET admin-admin_credentials = [secret]'],
    ['SET mysql-monitor_password = "hunter2"', 'SET mysql-monitor_password = [secret]'],
    ["SET admin-admin_credential='admin:hunter2'", 'SET admin-admin_credential = [secret]'],
    ['SET mysql-max_connections = 5 -- hunter2', 'SET mysql-max_connections = 5'],
    [
      "UPDATE global_variables SET variable_value='admin:hunter2' WHERE variable_name='admin-admin_credentials'",
      "UPDATE global_variables SET variable_value = [secret] WHERE variable_name = 'admin-admin_credentials'",
    ],
    [
      "UPDATE global_variables SET variable_value='5' WHERE variable_name='mysql-threads'",
      "UPDATE global_variables SET variable_value = '5' WHERE variable_name = 'mysql-threads'",
    ],
    [
      "INSERT INTO global_variables VALUES ('mysql-threads','4'), ('mysql-monitor_password','hunter2')",
      "INSERT INTO global_variables VALUES ('mysql-threads', '4'), ([secret], [secret])",
    ],
    [
      "INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (1, 'db1')",
      "INSERT INTO mysql_servers (hostgroup_id, hostname) VALUES (1, 'db1')",
    ],
    ['LOAD MYSQL USERS TO RUNTIME', 'LOAD MYSQL USERS TO RUNTIME'],
    ['DELETE FROM mysql_users /* hunter2 */', 'DELETE FROM mysql_users'],
    ["ATTACH '/tmp/hunter2' AS x", 'ATTACH [secret]'],
  ];
  test('keeps what is plain and replaces what is not', () => {
    for (const [sql, expected] of cases) assert.equal(redact(sql).text, expected);
  });

  test('is the first of several', () => {
    assert.equal(
      redact("UPDATE mysql_servers SET weight=1; UPDATE mysql_users SET password='hunter2'").text,
      'UPDATE mysql_servers SET weight = 1; [secret]',
    );
    assert.equal(redact('; SET mysql-threads=2;').text, 'SET mysql-threads = 2');
    assert.equal(
      redact("SET mysql-threads=2; SET mysql-monitor_password='hunter2'").text,
      'SET mysql-threads = 2; [secret]',
    );
    assert.ok(changesSomething({ kind: 'sql', sql: '; /* c */ ;DELETE FROM mysql_users' }));
  });

  /** Forms nobody foresaw, and some that are no SQL. */
  const hostile: readonly string[] = [
    "INSERT INTO mysql_users (username, password) VALUES ('a', hunter2)",
    "INSERT INTO mysql_users (username, password) VALUES ('a', 'hunter2'",
    "INSERT INTO mysql_users (username, password) VALUES ('a', 'hunter2",
    "INSERT INTO mysql_users (username, pasword) VALUES ('a', 'hunter2')",
    "INSERT INTO mysq_users (username, password) VALUES ('a', 'hunter2')",
    "INSERT INTO mysql_users (password, username) VALUES ('hunter2', 'a')",
    "INSERT INTO mysql_users (username, password) VALUES ('a', 'x', 'hunter2')",
    "INSERT INTO mysql_users (username, password) SELECT 'a', 'hunter2'",
    "INSERT INTO mysql_users (username, password) VALUES ('a','x') ON CONFLICT DO UPDATE SET password='hunter2'",
    'INSERT INTO "mysql_users" ([username], `password`) VALUES ("a", "hunter2")',
    "WITH u(p) AS (VALUES ('hunter2')) INSERT INTO mysql_users SELECT 'a', p, 1 FROM u",
    "UPDATE mysql_users SET (username, password) = ('a', 'hunter2')",
    "UPDATE mysql_users SET password='a'||'hunter2' WHERE username='x'",
    "UPDATE mysql_users SET password = (SELECT 'hunter2')",
    "UPDATE mysql_users SET pasword='hunter2'",
    'UPDATE mysql_users SET attributes=\'{"additional_password":"hunter2"}\'',
    "UPDATE OR IGNORE disk.mysql_users SET PASSWORD='hunter2'",
    "UPDATE mysql_users PASSWORD='hunter2'",
    "UPDTE mysql_users SET password='hunter2'",
    "CREATE TABLE t AS SELECT 'hunter2' AS password",
    "CREATE TRIGGER t AFTER INSERT ON mysql_users BEGIN UPDATE mysql_users SET password='hunter2'; END",
    'SET admin-admin_credentials=hunter2',
    "SET admin-admin_credentials 'hunter2'",
    "SET admin-admin_credentials:='x:hunter2;y:z'",
    "SET  global mysql-monitor_password = 'hunter2'",
    "SET @@mysql-monitor_password='hunter2'",
    "SET PASSWORD FOR x = 'hunter2'",
    'SET password hunter2',
    "UPDATE global_variables SET variable_value='hunter2' WHERE variable_name LIKE 'mysql-monitor_pass%'",
    "UPDATE global_variables SET variable_value='hunter2' WHERE variable_name='mysql-monitor_password' AND 1",
    "UPDATE global_variables SET variable_value='hunter2'",
    "INSERT INTO global_variables (variable_value, variable_name) VALUES ('hunter2', 'mysql-monitor_password')",
    "DELETE FROM global_variables WHERE variable_value='hunter2'",
    "INSERT INTO scheduler (id, interval_ms, filename, arg1) VALUES (1, 1000, '/x', '--password=hunter2')",
    'hunter2',
    "'hunter2'",
    'SELECT hunter2 FROM password',
    "GRANT ALL ON *.* TO x IDENTIFIED BY 'hunter2'",
    "INSERT INTO mysql_users (username, comment, password) VALUES ('a', 'b''', 'hunter2')",
  ];
  test('leaves out what it does not understand', () => {
    for (const sql of hostile) assert.doesNotMatch(redact(sql).text, /hunter2/, sql);
  });

  test('shows no secret of statements that were cut to pieces', () => {
    const random = new Random(77);
    const all = [...cases.map(([sql]) => sql), ...hostile].filter(
      (sql) => /passw|credential/i.test(sql) && sql !== hostile[36],
    );
    for (let round = 0; round < 4000; round += 1) {
      const sql = random.pick(all);
      const at = random.below(sql.length);
      // The secret itself stays whole, as in a statement that somebody mistyped.
      const secretAt = sql.indexOf(SECRET);
      if (at >= secretAt && at <= secretAt + SECRET.length) continue;
      const damaged =
        random.below(2) === 0
          ? sql.slice(0, at) + sql.slice(at + 1)
          : sql.slice(0, at) + random.pick(["'", '"', '(', ')', ',', ';', ' ', 'x', '=']) + sql.slice(at);
      const text = redact(damaged).text;
      if (text.includes(SECRET)) assert.match(damaged, /comment\s*=|filename/i, `${damaged}\n${text}`);
    }
  });

  test('reads no more than the beginning of a huge one', () => {
    const rows = Array.from({ length: 100_000 }, (_, i) => `('u${i}','${SECRET}')`).join(',');
    const { text } = redact(`INSERT INTO mysql_users (username, password) VALUES ${rows}`);
    assert.ok(text.length < 3 * auditStatementCharsMax);
    assert.match(
      text,
      /^INSERT INTO mysql_users \(username, password\) VALUES \('u0', \[secret\]\), .* … \(\d+ characters\)$/,
    );
    assert.doesNotMatch(text, /hunter2/);
  });
});

describe('the audit log', () => {
  let it: DispatchStage;
  beforeEach(async () => {
    it = await DispatchStage.start();
  });
  afterEach(() => it.stop());
  const lines = async (name = 'audit.log'): Promise<Record<string, unknown>[]> => {
    await it.context.audit.settled();
    const text = readFileSync(join(it.dataDir, name), 'utf8');
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  test('has a line for each statement that changes something, in order, and none for others', async () => {
    for (const sql of [
      'SELECT 1',
      'SHOW MYSQL USERS',
      "INSERT INTO mysql_users (username, password) VALUES ('a', 'hunter2'), ('b', 'hunter2')",
      "INSERT INTO mysql_users (username, password) VALUES ('a', 'hunter2')",
      'INSERT INTO nosuch VALUES (1)',
      "SET mysql-max_connections='many'",
      'LOAD MYSQL USERS TO RUNTIME',
      'BEGIN',
      'PRAGMA table_info(mysql_users)',
      '/* x */ DELETE FROM mysql_users',
      'EXPLAIN SELECT 1',
      'PROXYSQL READONLY',
      'PROXYSQL READWRITE',
    ]) {
      await it.run(sql);
    }
    const all = await lines();
    assert.deepEqual(
      all.map(({ statement, result, affected_rows, code }) => [statement, result, affected_rows ?? code].join(' | ')),
      [
        "INSERT INTO mysql_users (username, password) VALUES ('a', [secret]), ('b', [secret]) | ok | 2",
        "INSERT INTO mysql_users (username, password) VALUES ('a', [secret]) | error | 1045",
        'INSERT INTO nosuch [secret] | error | 1045',
        "SET mysql-max_connections = 'many' | ok | 1",
        'LOAD MYSQL USERS TO RUNTIME | ok | 0',
        'DELETE FROM mysql_users | ok | 2',
        'PROXYSQL READONLY | ok | 0',
        'PROXYSQL READWRITE | ok | 0',
      ].map((line) => line.replace("'many' | ok | 1", "'many' | error | 1231")),
    );
    const [first] = all;
    assert.equal(first?.user, 'admin');
    assert.equal(first?.address, '127.0.0.1');
    assert.match(String(first?.time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.equal(typeof first?.duration_ms, 'number');
    assert.equal(statSync(join(it.dataDir, 'audit.log')).mode & 0o777, 0o600);
  });

  test('keeps the order of a thousand statements at once', async () => {
    await Promise.all(Array.from({ length: 1000 }, (_, i) => it.run(`DELETE FROM mysql_servers WHERE port=${i}`)));
    assert.deepEqual(
      (await lines()).map(({ statement }) => Number(/\d+$/.exec(String(statement))?.[0])),
      Array.from({ length: 1000 }, (_, i) => i),
    );
  });

  test('begins a new file when one is full, and keeps as many as it is told', async () => {
    it.auditSettings = { file: 'audit.log', sizeMax: 2_000, filesMax: 2 };
    for (let i = 0; i < 60; i += 1) await it.run(`DELETE FROM mysql_servers WHERE port=${i}`);
    await it.context.audit.settled();
    const numbers = ['audit.log.2', 'audit.log.1', 'audit.log'].filter((name) => existsSync(join(it.dataDir, name)));
    assert.ok(numbers.length >= 2);
    assert.ok(!existsSync(join(it.dataDir, 'audit.log.3')));
    const kept = (await Promise.all(numbers.map((name) => lines(name).catch(() => []))))
      .flat()
      .map(({ statement }) => Number(/\d+$/.exec(String(statement))?.[0]));
    assert.equal(kept.at(-1), 59);
    assert.deepEqual(
      kept,
      Array.from({ length: kept.length }, (_, i) => 60 - kept.length + i),
    );
    for (const name of numbers) assert.ok(statSync(join(it.dataDir, name)).size < 2_500);
  });

  test('writes nothing when its name is empty', async () => {
    it.auditSettings = { file: '', sizeMax: 2_000, filesMax: 2 };
    await it.run('DELETE FROM mysql_users');
    await it.context.audit.settled();
    assert.ok(!existsSync(join(it.dataDir, 'audit.log')));
  });

  test('goes on when the file cannot be written, and catches up', async () => {
    // A directory in its place; mode bits do not stop root.
    const path = join(it.dataDir, 'audit.log');
    mkdirSync(path);
    await it.run('DELETE FROM mysql_users');
    assert.deepEqual(await it.rows('SELECT 1'), [['1']]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    rmSync(path, { recursive: true });
    assert.equal((await lines())[0]?.statement, 'DELETE FROM mysql_users');
  });

  test('gives up the oldest when too many wait, and says how many', async () => {
    const path = join(it.dataDir, 'blocked');
    mkdirSync(path);
    const log = new AuditLog({
      dataDir: it.dataDir,
      logger: silentLogger(),
      settings: () => ({ file: 'blocked', sizeMax: 1e9, filesMax: 1 }),
    });
    const event = (n: number): AuditEvent => ({
      atMs: 0,
      user: 'u',
      address: 'a',
      sql: `DELETE FROM mysql_servers WHERE port=${n}`,
      error: undefined,
      affectedRows: 0,
      warnings: 0,
      durationMs: 0,
    });
    for (let n = 0; n < auditQueueMax + 5; n += 1) log.note(event(n));
    rmSync(path, { recursive: true });
    await log.close();
    const text = readFileSync(path, 'utf8').trimEnd().split('\n');
    assert.equal(text[0], '{"lost":5}');
    assert.equal(text.length, auditQueueMax + 1);
    chmodSync(path, 0o600);
  });
});
