/** Statements of admin sessions, from text to answer, without a network. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { AuditLog } from '../../../admin/audit/audit-log.ts';
import type { AdminContext, SessionContext } from '../../../admin/context.ts';
import { type AdminDatabase, openAdminDatabase } from '../../../admin/db/open.ts';
import { openHistory } from '../../../admin/db/open-history.ts';
import { dispatch } from '../../../admin/dispatch.ts';
import { createPromotion } from '../../../admin/promotion.ts';
import { LargeReader } from '../../../admin/reader/large-reader.ts';
import type { AdminReply } from '../../../admin/reply.ts';
import { OpenSessions } from '../../../admin/session/open-sessions.ts';
import { createStatsRefresher } from '../../../admin/stats/refresh.ts';
import { HistoryWriter } from '../../../admin/stats-history/history-writer.ts';
import { HistoryRecorder } from '../../../admin/stats-history/recorder.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { decodeRows } from './decode-rows.ts';
import { FakePlane } from './fake-plane.ts';
import { FakeProcess } from './fake-process.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'sluice-admin-dispatch-'));
let db: AdminDatabase;
let plane: FakePlane;
let context: AdminContext;
let session: SessionContext;
let process: FakeProcess;
const stats: SessionContext = { username: 'stats', role: 'stats', clientAddress: '127.0.0.1', warnings: [] };

const run = (sql: string, who: SessionContext = session): Promise<AdminReply> => dispatch(context, who, sql);
async function rowsOf(sql: string, who: SessionContext = session): Promise<readonly (readonly unknown[])[]> {
  const reply = await run(sql, who);
  if (reply.kind === 'encoded') return decodeRows(reply);
  if (reply.kind !== 'rows') assert.fail(`${sql}: ${JSON.stringify(reply)}`);
  return reply.rows;
}
async function errorOf(sql: string, who: SessionContext = session): Promise<string> {
  const reply = await run(sql, who);
  if (reply.kind !== 'error') assert.fail(`${sql}: ${JSON.stringify(reply)}`);
  return `${reply.error.code} ${reply.error.sqlState} ${reply.error.message}`;
}

before(async () => {
  db = openAdminDatabase({ dataDir, initial: false });
  plane = new FakePlane();
  process = new FakeProcess(plane);
  const logger = silentLogger();
  const promotion = createPromotion({
    db,
    plane,
    configFile: undefined,
    logger,
    checkRules: () => [],
    onAdminVariables: async () => undefined,
  });
  await promotion.startUp({ initial: false, reload: false });
  const audit = new AuditLog({ dataDir, logger, settings: () => ({ file: '', sizeMax: 1, filesMax: 0 }) });
  const refresher = createStatsRefresher({
    plane,
    nowMs: () => 1000,
    showsOwnCounters: () => true,
    facts: () => ({ serversVersion: 0, sqliteBytes: 0 }),
  });
  const reader = new LargeReader();
  const history = new HistoryRecorder({
    writer: new HistoryWriter(openHistory(dataDir)),
    plane,
    logger,
    variables: () => ({}),
    figures: (table) => refresher.figures(table),
  });
  context = {
    db,
    plane,
    promotion,
    logger,
    stats: refresher,
    reader,
    history,
    audit,
    sessions: new OpenSessions(),
    process,
  };
});
beforeEach(() => {
  session = { username: 'admin', role: 'admin', clientAddress: '127.0.0.1', warnings: [] };
});
after(async () => {
  context.reader.close();
  await context.history.close();
  db.close();
  rmSync(dataDir, { recursive: true });
});

describe('promotion by SQL', () => {
  test('makes a user of a row, and shows the runtime from then on', async () => {
    await run("INSERT INTO mysql_users (username, password) VALUES ('app', 'secret')");
    assert.deepEqual(await rowsOf('SELECT username FROM RUNTIME_MYSQL_USERS'), []);
    assert.deepEqual(await run('LOAD MYSQL USERS TO RUNTIME'), { kind: 'ok', affectedRows: 0, warnings: 0 });
    assert.deepEqual(
      plane.current.users.map(({ username }) => username),
      ['app'],
    );
    const runtime = await rowsOf('select username, frontend, backend from "Runtime_MySQL_Users"');
    assert.deepEqual(runtime, [
      ['app', '1', '0'],
      ['app', '0', '1'],
    ]);
    await run('SAVE MYSQL USERS TO DISK');
    assert.deepEqual(await rowsOf('SELECT username FROM disk.mysql_users'), [['app']]);
  });

  test('answers with the number of problems and tells them by SHOW WARNINGS', async () => {
    await run("INSERT OR REPLACE INTO global_variables VALUES ('mysql-nosuch', 'x')");
    const reply = await run('LOAD MYSQL VARIABLES TO RUNTIME');
    assert.equal(reply.kind === 'ok' ? reply.warnings : -1, 1);
    assert.deepEqual(await rowsOf('SHOW COUNT(*) WARNINGS'), [['1']]);
    const [warning] = await rowsOf('SHOW WARNINGS');
    assert.equal(warning?.[0], 'Error');
    assert.deepEqual(warning?.slice(3, 6), ['global_variables', 'mysql-nosuch', 'variable_value']);
    await run('SELECT 1');
    assert.deepEqual(await rowsOf('SHOW WARNINGS'), [], 'they are those of the statement before');
  });

  test('tells at every LOAD of protection that is not there', async () => {
    const warnings = async (): Promise<string> => JSON.stringify(await rowsOf('SHOW WARNINGS'));
    await run('SET mysql-automatic_detect_sqli=true');
    assert.match(await warnings(), /not searched for SQL injection/);
    const variables = await run('LOAD MYSQL VARIABLES TO RUNTIME');
    assert.equal(variables.kind === 'ok' ? variables.warnings : -1, 1);
    assert.match(await warnings(), /mysql-automatic_detect_sqli.*not searched for SQL injection/);
    await run('SET mysql-automatic_detect_sqli=false');
    assert.deepEqual(await run('LOAD MYSQL VARIABLES TO RUNTIME'), { kind: 'ok', affectedRows: 0, warnings: 0 });
  });

  test('FROM CONFIG without a config file is refused in ProxySQL’s words', async () => {
    assert.equal(await errorOf('LOAD MYSQL USERS FROM CONFIG'), '1045 28000 ProxySQL Admin Error: Config file unknown');
  });
});

describe('SET', () => {
  test('changes memory only', async () => {
    const value = (table: string): Promise<unknown> =>
      rowsOf(`SELECT variable_value FROM ${table} WHERE variable_name='mysql-max_connections'`);
    assert.deepEqual(await run('SET mysql-max_connections=1234'), { kind: 'ok', affectedRows: 1 });
    assert.deepEqual(await value('global_variables'), [['1234']]);
    assert.notDeepEqual(await value('runtime_global_variables'), [['1234']]);
    assert.deepEqual(await rowsOf('SELECT @@mysql-max_connections'), [['1234']]);
  });

  test('takes quoted values of any kind', async () => {
    for (const [literal, value] of [
      ["'it''s'", "it's"],
      ['"a=b;c"', 'a=b;c'],
      ["'a  b'", 'a  b'],
    ]) {
      await run(`SET mysql-default_schema=${literal}`);
      assert.deepEqual(await rowsOf('SELECT @@mysql-default_schema'), [[value]]);
    }
  });

  test('refuses unknown names and values out of range, and leaves memory as it was', async () => {
    await run('SET mysql-max_connections=77');
    assert.equal(
      await errorOf('SET mysql-max_connections=0'),
      "1231 42000 ProxySQL Admin Error: Variable 'mysql-max_connections' must be within 1..1000000",
    );
    assert.deepEqual(await rowsOf('SELECT @@mysql-max_connections'), [['77']]);
    assert.match(await errorOf('SET max_connections=5'), /^1193 HY000 .*did you mean 'mysql-max_connections'\?$/);
    assert.equal(await errorOf('SET foo=1'), "1193 HY000 ProxySQL Admin Error: Unknown system variable 'foo'");
    assert.equal(
      await errorOf('SET mysql-max_connections=abc'),
      '1045 28000 ProxySQL Admin Error: no such column: abc',
    );
  });
});

describe('stats tables', () => {
  test('are filled when a statement names them, in any case, and only then', async () => {
    plane.collected.length = 0;
    plane.rows.users = [{ username: 'app', frontendConnections: 3 }];
    await run('SELECT 1 -- stats_mysql_users');
    assert.deepEqual(plane.collected, []);
    assert.deepEqual(await rowsOf('SELECT * FROM Stats_MySQL_Users'), [['app', '3', '10000']]);
    assert.deepEqual(plane.collected, ['users']);
  });

  test('show the same to stats users, who may not write', async () => {
    assert.deepEqual(await rowsOf('SELECT * FROM stats_mysql_users', stats), [['app', '3', '10000']]);
    assert.deepEqual(await rowsOf('SELECT * FROM global_variables', stats), [['mysql-max_allowed_packet', '4194304']]);
    const prefix = '1045 28000 ProxySQL Admin Error:';
    assert.equal(
      await errorOf('DELETE FROM stats_mysql_users', stats),
      `${prefix} attempt to write a readonly database`,
    );
    assert.equal(await errorOf('SELECT * FROM mysql_users', stats), `${prefix} no such table: mysql_users`);
    assert.equal(await errorOf('LOAD MYSQL USERS TO RUNTIME', stats), `${prefix} near "LOAD": syntax error`);
    assert.equal(await errorOf('PRAGMA database_list', stats), `${prefix} Command not allowed`);
  });

  test('with _reset set the counters to zero', async () => {
    const digest = {
      hostgroup: 1,
      schemaname: 's',
      username: 'u',
      clientAddress: '',
      digest: '0x1',
      digestText: 'SELECT ?',
    };
    const counts = { countStar: 5, firstSeen: 1, lastSeen: 2, sumTimeUs: 3, minTimeUs: 1, maxTimeUs: 2 };
    plane.rows['query-digest'] = [{ ...digest, ...counts, sumRowsAffected: 0, sumRowsSent: 9 }];
    assert.deepEqual(await rowsOf('SELECT digest_text, count_star, sum_rows_sent FROM stats_mysql_query_digest'), [
      ['SELECT ?', '5', '9'],
    ]);
    assert.deepEqual(await rowsOf('SELECT COUNT(*) FROM stats_mysql_query_digest_reset'), [['1']]);
    assert.deepEqual(await rowsOf('SELECT COUNT(*) FROM stats_mysql_query_digest'), [['0']]);
  });

  test('stats_mysql_global has ProxySQL’s 108 rows', async () => {
    plane.rows.global = [{ name: 'Questions', value: 42 }];
    assert.deepEqual(await rowsOf('SELECT COUNT(*) FROM stats_mysql_global'), [['108']]);
    assert.deepEqual(await rowsOf('SELECT @@Questions'), [['42']]);
  });

  test('a session that waits for the workers does not hold up another', async () => {
    let open = (): void => undefined;
    plane.gate = new Promise((resolve) => {
      open = resolve;
    });
    const slow = run('SELECT COUNT(*) FROM stats_mysql_users');
    const other = { ...session };
    assert.deepEqual(await rowsOf('SELECT 1', other), [['1']]);
    open();
    plane.gate = Promise.resolve();
    assert.equal((await slow).kind, 'rows');
  });
});

describe('read-only', () => {
  test('refuses writes but not promotion, until PROXYSQL READWRITE', async () => {
    await run('PROXYSQL READONLY');
    const refused = '1045 28000 ProxySQL Admin Error: attempt to write a readonly database';
    assert.equal(await errorOf('DELETE FROM mysql_users'), refused);
    assert.equal(await errorOf("SET admin-read_only='false'"), refused);
    assert.equal((await run('LOAD MYSQL USERS TO RUNTIME')).kind, 'ok');
    assert.deepEqual(await rowsOf('SELECT @@global.read_only'), [['1']]);
    const runtime = "SELECT variable_value FROM runtime_global_variables WHERE variable_name='admin-read_only'";
    assert.deepEqual(await rowsOf(runtime), [['true']]);
    await run('PROXYSQL READWRITE');
    assert.equal((await run('DELETE FROM mysql_users WHERE 0')).kind, 'ok');
  });
});

describe('SHOW', () => {
  test('CREATE TABLE lays the text out, is exact about case and finds nothing otherwise', async () => {
    assert.deepEqual(await rowsOf('SHOW CREATE TABLE `main`.`global_variables`'), [
      [
        'global_variables',
        'CREATE TABLE global_variables (\n    variable_name VARCHAR NOT NULL PRIMARY KEY,\n    variable_value VARCHAR NOT NULL)',
      ],
    ]);
    assert.deepEqual(await rowsOf('SHOW CREATE TABLE GLOBAL_VARIABLES'), []);
    assert.match(await errorOf('SHOW CREATE TABLE nosuch.x'), /no such table: nosuch\.sqlite_master$/);
  });

  test('TABLES, FIELDS and TABLE STATUS', async () => {
    assert.deepEqual(await rowsOf("SHOW TABLES LIKE 'mysql_s%'"), [['mysql_servers'], ['mysql_servers_ssl_params']]);
    assert.deepEqual((await rowsOf('SHOW FIELDS FROM mysql_users'))[0], [
      'username',
      'varchar(255)',
      'NO',
      'PRI',
      '',
      '',
    ]);
    assert.equal(await errorOf('SHOW FIELDS FROM nosuch'), '1045 28000 Table does not exist');
    assert.equal((await rowsOf("SHOW TABLE STATUS LIKE 'mysql\\_users'"))[0]?.[0], 'mysql_users');
  });

  test('PROCESSLIST cuts the query, FULL PROCESSLIST does not', async () => {
    const info = 'x'.repeat(150);
    const nobody = {
      user: null,
      db: null,
      cliHost: null,
      cliPort: null,
      lSrvHost: null,
      lSrvPort: null,
      srvHost: null,
      srvPort: null,
    };
    const rest = { hostgroup: 0, command: 'Query', timeMs: 1, statusFlags: 0, extendedInfo: null };
    plane.rows.processlist = [{ threadId: 0, sessionId: 7, ...nobody, ...rest, info }];
    assert.equal(String((await rowsOf('SHOW PROCESSLIST'))[0]?.[6]).length, 99);
    assert.equal((await rowsOf('SHOW FULL PROCESSLIST'))[0]?.[13], info);
  });
});

describe('the process', () => {
  test('is asked to end in three ways', async () => {
    for (const sql of ['PROXYSQL SHUTDOWN', 'PROXYSQL SHUTDOWN SLOW', 'PROXYSQL KILL'])
      assert.deepEqual(await run(sql), { kind: 'hang-up' });
    assert.deepEqual(process.shutdowns, ['fast', 'slow', 'kill']);
  });

  test('a lone semicolon and empty texts are survived', async () => {
    for (const sql of [';', '', ' ', ';;', '/* */;'])
      assert.equal(await errorOf(sql.replace(/;/g, '')), '1045 28000 ProxySQL Admin Error: not an error');
  });
});
