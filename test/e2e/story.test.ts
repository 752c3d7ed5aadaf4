/**
 * The story that must work, on a real primary and two real replicas, with the real `mysql` client as Jenkins and a
 * driver as the developer. The steps build on one another.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { quickestOf, watchLatency } from '../helpers/latency.ts';
import { type DatabaseServer, startMariadb } from '../helpers/mariadb.ts';
import { type MysqlCliResult, mysqlCli } from '../helpers/mysql-cli.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';
import { accountSql, refusal, rowsOf, scalar } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';

const PRIMARY = 10;
const REPLICAS = 20;
const SERVERS = 120;
/** A query under way may wait this long for a LOAD, in ms. */
const LOAD_LIMIT_MS = 100;
const DEVELOPER = { user: 'dev_anna', password: 'k7-Anna' };

const CLINIC = [
  'CREATE DATABASE clinic',
  `CREATE TABLE clinic.patients (
     id INT PRIMARY KEY, name VARCHAR(80) NOT NULL, bank_account_number VARCHAR(34) NOT NULL, fee DECIMAL(8,2) NOT NULL)`,
  `INSERT INTO clinic.patients
     SELECT seq, CONCAT('patient ', seq), CONCAT('DE44500105175407', LPAD(seq, 6, '0')), seq FROM clinic.seq_1_to_500`,
];

const WRITES_MESSAGE = 'Developers read only: ask for a change request';
const SUM_MESSAGE = 'Sums of bank_account_number are not allowed';
const FILTER_MESSAGE = 'Filters on bank_account_number are not allowed';
const MASK = "CONCAT('****', RIGHT(bank_account_number, 4)) AS bank_account_number";

const RULES = [
  `(100, 1, '^\\s*(INSERT|UPDATE|DELETE|REPLACE|CREATE|ALTER|DROP|TRUNCATE)\\b', NULL, NULL, '${WRITES_MESSAGE}', 1)`,
  `(110, 1, '(?i)\\bsum\\s*\\(\\s*bank_account_number', NULL, NULL, '${SUM_MESSAGE}', 1)`,
  `(120, 1, '(?i)\\b(where|having|on)\\b.*\\bbank_account_number\\b', NULL, NULL, '${FILTER_MESSAGE}', 1)`,
  `(130, 1, NULL, '\\bbank_account_number\\b', '${MASK.replaceAll("'", "''")}', NULL, 1)`,
];

describe('the story that must work', () => {
  let primary: DatabaseServer;
  let replicas: DatabaseServer[];
  let sluice: SluiceProcess;
  let developer: Connection;

  const jenkins = (sql: string): Promise<MysqlCliResult> =>
    mysqlCli({ port: sluice.adminPort, user: 'admin', password: 'admin' }, sql);

  /** Jenkins fails the build on any other exit code. */
  const jenkinsRuns = async (sql: string): Promise<MysqlCliResult> => {
    const result = await jenkins(sql);
    assert.equal(result.exitCode, 0, `${sql}\n${result.stderr}`);
    return result;
  };

  const login = (who = DEVELOPER): Promise<Connection> => sluice.connect({ ...who, database: 'clinic' });

  before(async () => {
    const start = (serverId: number): Promise<DatabaseServer> =>
      startMariadb({
        args: [`--server-id=${serverId}`],
        setup: [...accountSql(DEVELOPER.user, DEVELOPER.password), ...CLINIC],
      });
    let others: DatabaseServer[];
    [primary, ...others] = (await Promise.all([start(1), start(2), start(3)])) as [DatabaseServer, ...DatabaseServer[]];
    replicas = others;
    sluice = await SluiceProcess.start({ workers: 2 });
  });

  after(async () => {
    developer?.destroy();
    await sluice?.stop();
    await Promise.all([primary, ...(replicas ?? [])].map((server) => server?.stop()));
  });

  test('1. a primary, two replicas and 117 more servers are configured', async () => {
    const rows = [`(${PRIMARY}, '127.0.0.1', ${primary.port}, 1)`];
    for (const replica of replicas) rows.push(`(${REPLICAS}, '127.0.0.1', ${replica.port}, 1)`);
    while (rows.length < SERVERS) rows.push(`(${1000 + rows.length}, 'db-${rows.length}.clinic.example', 3306, 1)`);
    await jenkinsRuns(
      `INSERT INTO mysql_servers (hostgroup_id, hostname, port, weight) VALUES ${rows.join(', ')};
       LOAD MYSQL SERVERS TO RUNTIME; SAVE MYSQL SERVERS TO DISK;`,
    );
    const { rows: counted } = await jenkinsRuns('SELECT COUNT(*) FROM runtime_mysql_servers');
    assert.deepEqual(counted, [[`${SERVERS}`]]);
  });

  test('2. Jenkins creates a developer with three statements in one call', async () => {
    const result = await jenkinsRuns(
      `INSERT INTO mysql_users (username,password,default_hostgroup,comment) VALUES ('${DEVELOPER.user}', '${DEVELOPER.password}', ${REPLICAS}, 'created=2026-11-23;expires=2026-12-23'); LOAD MYSQL USERS TO RUNTIME; SAVE MYSQL USERS TO DISK;`,
    );
    assert.equal(result.stdout, '');
    const { rows } = await jenkinsRuns(
      `SELECT comment FROM disk.mysql_users WHERE username = "${DEVELOPER.user}"; SELECT DISTINCT username FROM runtime_mysql_users`,
    );
    assert.deepEqual(rows, [['created=2026-11-23;expires=2026-12-23'], [DEVELOPER.user]]);
  });

  test('3a. the developer logs in at once and lands on the replicas, which share the reads', async () => {
    developer = await login();
    assert.match((await scalar(developer, 'SELECT @@server_id')) ?? '', /^[23]$/);

    const inOneSession = new Map<string, number>();
    for (let read = 0; read < 1000; read += 1) count(inOneSession, await scalar(developer, 'SELECT @@server_id'));
    assertShared(inOneSession, 1000);

    const inNewSessions = new Map<string, number>();
    const readInNewSession = async (): Promise<void> => {
      const session = await login();
      count(inNewSessions, await scalar(session, 'SELECT @@server_id'));
      await session.end();
    };
    for (let batch = 0; batch < 50; batch += 1) await Promise.all(Array.from({ length: 20 }, readInNewSession));
    assertShared(inNewSessions, 1000);
  });

  test('3b. writes are refused by a rule', async () => {
    await jenkinsRuns(
      `INSERT INTO mysql_query_rules (rule_id, active, match_digest, match_pattern, replace_pattern, error_msg, apply)
         VALUES ${RULES[0]};
       LOAD MYSQL QUERY RULES TO RUNTIME; SAVE MYSQL QUERY RULES TO DISK;`,
    );
    for (const write of [
      "INSERT INTO patients VALUES (1000, 'x', 'x', 1)",
      'update patients set fee = 0',
      'DELETE FROM patients WHERE id = 1',
      '/* a remark */ DROP TABLE patients',
    ]) {
      const error = await refusal(developer.query(write), 1148);
      assert.equal(error.message, WRITES_MESSAGE);
      assert.equal(error.sqlState, '42000');
    }
    for (const server of [primary, ...replicas]) {
      assert.deepEqual(await server.query('SELECT COUNT(*) AS n, SUM(fee) AS fees FROM clinic.patients'), [
        { n: 500, fees: '125250.00' },
      ]);
    }
  });

  test('4. bank account numbers are masked, sums of them and filters on them refused', async () => {
    await jenkinsRuns(
      `INSERT INTO mysql_query_rules (rule_id, active, match_digest, match_pattern, replace_pattern, error_msg, apply)
         VALUES ${RULES.slice(1).join(', ')};
       LOAD MYSQL QUERY RULES TO RUNTIME; SAVE MYSQL QUERY RULES TO DISK;`,
    );
    assert.deepEqual(await rowsOf(developer, 'SELECT id, bank_account_number FROM patients WHERE id = 7'), [
      { id: 7, bank_account_number: '****0007' },
    ]);
    const everyNumber = await rowsOf(developer, 'SELECT Bank_Account_Number FROM patients');
    assert.equal(everyNumber.length, 500);
    for (const row of everyNumber) assert.match(String(row.bank_account_number), /^\*{4}\d{4}$/);

    const refused = async (sql: string, message: string): Promise<void> => {
      assert.equal((await refusal(developer.query(sql), 1148)).message, message);
    };
    await refused('SELECT sum(bank_account_number) FROM patients', SUM_MESSAGE);
    await refused('SELECT SUM( bank_account_number ) FROM patients', SUM_MESSAGE);
    await refused("SELECT id FROM patients WHERE bank_account_number = 'DE44500105175407000007'", FILTER_MESSAGE);
    await refused("select id from patients where id > 5 and bank_account_number like 'DE%'", FILTER_MESSAGE);
    await refused('SELECT id FROM patients HAVING MAX(bank_account_number) > 1', FILTER_MESSAGE);
    await refused('SELECT 1 FROM patients a JOIN patients b ON a.bank_account_number = b.id', FILTER_MESSAGE);

    const hits = await eventually(
      'the hits of rules 100 to 130 are counted',
      async () => (await jenkinsRuns('SELECT rule_id, hits FROM stats_mysql_query_rules ORDER BY rule_id')).rows,
      (rows) => rows.length === 4 && rows[3]?.[1] === '2',
    );
    assert.deepEqual(hits, [
      ['100', '0'],
      ['110', '2'],
      ['120', '4'],
      ['130', '2'],
    ]);
  });

  test('5a. changed rules hold for connected sessions at their next query', async () => {
    const message = 'Sums of account numbers: ask the data protection officer';
    const sessions = await Promise.all(Array.from({ length: 8 }, () => login()));
    for (const session of sessions) await refusal(session.query('SELECT sum(bank_account_number) FROM patients'), 1148);
    await jenkinsRuns(
      `UPDATE mysql_query_rules SET error_msg = '${message}' WHERE rule_id = 110; LOAD MYSQL QUERY RULES TO RUNTIME;`,
    );
    for (const session of [...sessions, developer]) {
      const error = await refusal(session.query('SELECT sum(bank_account_number) FROM patients'), 1148);
      assert.equal(error.message, message);
    }
    for (const session of sessions) session.destroy();
  });

  test('5b. ten thousand users load without holding up running queries', async () => {
    await jenkinsRuns(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
         INSERT INTO mysql_users (username, password, default_hostgroup)
         SELECT printf('load_%05d', i), printf('secret-%d', i), ${REPLICAS} FROM n;`,
    );
    const longQuery = scalar(developer, 'SELECT SLEEP(2)');
    const slowestMs = await quickestOf({ roundsMax: 12, goodMs: LOAD_LIMIT_MS }, async () => {
      const clients = await Promise.all(Array.from({ length: 4 }, () => login()));
      const watch = watchLatency(clients, 'SELECT 1', sluice.pids());
      await jenkinsRuns('LOAD MYSQL USERS TO RUNTIME');
      return (await watch.end()).slowestMs;
    });
    assert.ok(slowestMs < LOAD_LIMIT_MS, `a query took ${slowestMs} ms while the users were loaded`);
    assert.equal(await longQuery, '0');

    const lastOne = await login({ user: 'load_10000', password: 'secret-10000' });
    await lastOne.ping();
    lastOne.destroy();
  });

  test('6. after kill -9 everything saved is there, and nothing else', async () => {
    await sluice.killHard();
    await sluice.startAgain();
    const { rows } = await jenkinsRuns(
      `SELECT COUNT(*) FROM runtime_mysql_servers; SELECT COUNT(DISTINCT username) FROM runtime_mysql_users;
       SELECT rule_id, error_msg FROM runtime_mysql_query_rules WHERE rule_id = 110;`,
    );
    assert.deepEqual(rows, [[`${SERVERS}`], ['1'], ['110', SUM_MESSAGE]]);

    developer = await login();
    assert.match((await scalar(developer, 'SELECT @@server_id')) ?? '', /^[23]$/);
    assert.equal(await scalar(developer, 'SELECT bank_account_number FROM patients WHERE id = 1'), '****0001');
    assert.equal((await refusal(developer.query('DELETE FROM patients'), 1148)).message, WRITES_MESSAGE);
    await refusal(login({ user: 'load_10000', password: 'secret-10000' }), 1045);
  });

  test('7. a deleted user is refused with the words of ProxySQL', async () => {
    await jenkinsRuns(
      `DELETE FROM mysql_users WHERE username = '${DEVELOPER.user}'; LOAD MYSQL USERS TO RUNTIME; SAVE MYSQL USERS TO DISK;`,
    );
    const words = `ProxySQL Error: Access denied for user '${DEVELOPER.user}'@'127.0.0.1' (using password: YES)`;
    const error = await refusal(login(), 1045);
    assert.equal(error.message, words);
    assert.equal(error.sqlState, '28000');

    const client = await mysqlCli({ port: sluice.mysqlPort, ...DEVELOPER }, 'SELECT 1');
    assert.equal(client.exitCode, 1);
    assert.ok(client.stderr.includes(`ERROR 1045 (28000): ${words}`), client.stderr);
  });
});

function count(shares: Map<string, number>, server: string | null | undefined): void {
  shares.set(String(server), (shares.get(String(server)) ?? 0) + 1);
}

/** Each replica between 45 and 55 per cent, and nobody else. */
function assertShared(shares: ReadonlyMap<string, number>, reads: number): void {
  assert.deepEqual([...shares.keys()].sort(), ['2', '3']);
  for (const [server, share] of shares) {
    assert.ok(share >= reads * 0.45 && share <= reads * 0.55, `server ${server} got ${share} of ${reads} reads`);
  }
}
