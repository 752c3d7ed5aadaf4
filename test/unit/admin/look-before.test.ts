/** SHOW DIFF, SHOW RUNTIME HISTORY and LOAD … FROM HISTORY. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { diffRows } from '../../../admin/diff/diff-rows.ts';
import { RUNTIME_HISTORY_MAX, RuntimeHistory } from '../../../admin/history/runtime-history.ts';
import type { TableRow } from '../../../runtime/build-snapshot.ts';
import { DispatchStage } from './dispatch-stage.ts';

let it: DispatchStage;
beforeEach(async () => {
  it = await DispatchStage.start();
});
afterEach(() => it.stop());

describe('SHOW DIFF', () => {
  const lines = async (sql: string): Promise<string[]> => (await it.rows(sql)).map((row) => row.slice(1).join('|'));

  test('says nothing when nothing differs, for every module', async () => {
    assert.deepEqual(await it.rows('SHOW DIFF'), []);
  });

  test('names rows added, changed by column, and removed, against the runtime and against disk', async () => {
    await it.all(
      "INSERT INTO mysql_servers (hostgroup_id, hostname, port, comment) VALUES (1, 'a', 3306, 'x'), (1, 'b', 3306, '')",
      'LOAD MYSQL SERVERS TO RUNTIME',
      'SAVE MYSQL SERVERS TO DISK',
      "UPDATE mysql_servers SET weight=7, comment='y' WHERE hostname='a'",
      "DELETE FROM mysql_servers WHERE hostname='b'",
      "INSERT INTO mysql_servers (hostgroup_id, hostname, port) VALUES (2, 'c', 3307)",
      'SAVE MYSQL SERVERS TO DISK',
    );
    const key = (host: string): string => `hostgroup_id=1, hostname=${host}, port=3306`;
    assert.deepEqual(await lines('show diff mysql servers'), [
      `runtime|changed|mysql_servers|${key('a')}|weight|1|7`,
      `runtime|changed|mysql_servers|${key('a')}|comment|x|y`,
      'runtime|added|mysql_servers|hostgroup_id=2, hostname=c, port=3307|||gtid_port=0, status=ONLINE, weight=1, compression=0, max_connections=1000, max_replication_lag=0, use_ssl=0, max_latency_ms=0',
      `runtime|removed|mysql_servers|${key('b')}||gtid_port=0, status=ONLINE, weight=1, compression=0, max_connections=1000, max_replication_lag=0, use_ssl=0, max_latency_ms=0|`,
    ]);
    await it.all('LOAD MYSQL SERVERS TO RUNTIME', "UPDATE mysql_servers SET comment='z' WHERE hostname='a'");
    assert.deepEqual(await lines('SHOW DIFF MYSQL SERVERS'), [
      `runtime|changed|mysql_servers|${key('a')}|comment|y|z`,
      `disk|changed|mysql_servers|${key('a')}|comment|y|z`,
    ]);
  });

  test('shows no secret', async () => {
    await it.all(
      "INSERT INTO mysql_users (username, password) VALUES ('app', 'hunter2')",
      'LOAD MYSQL USERS TO RUNTIME',
      "UPDATE mysql_users SET password='hunter3'",
      "INSERT INTO mysql_users (username, password) VALUES ('other', 'hunter4')",
      "SET mysql-monitor_password='hunter5'",
      "SET admin-admin_credentials='admin:hunter6'",
    );
    const told = JSON.stringify(await it.rows('SHOW DIFF'));
    assert.doesNotMatch(told, /hunter/);
    assert.match(told, /"changed","mysql_users","username=app, backend=1","password","\[secret\]","\[secret\]"/);
    assert.match(told, /"mysql-monitor_password"|variable_name=mysql-monitor_password/);
  });

  test('compares variables as the runtime takes them, and tells what a LOAD would complain about', async () => {
    await it.all(
      "UPDATE global_variables SET variable_value='10000x' WHERE variable_name='mysql-max_connections'",
      "UPDATE global_variables SET variable_value='no' WHERE variable_name='mysql-multiplexing'",
      "UPDATE global_variables SET variable_value='5' WHERE variable_name='mysql-max_stmts_per_connection'",
    );
    assert.deepEqual(
      (await lines('SHOW DIFF MYSQL VARIABLES')).filter((line) => line.startsWith('runtime')),
      [
        'runtime|changed|global_variables|variable_name=mysql-max_stmts_per_connection|variable_value|20|5',
        'runtime|warning|global_variables|mysql-max_connections|variable_value||is not a whole number; 10000 is used',
        'runtime|error|global_variables|mysql-multiplexing|variable_value||must be true or false; the last good value stays',
      ],
    );
  });

  test('finds nothing after SAVE … FROM RUNTIME, which writes two rows for a user', async () => {
    await it.all(
      "INSERT INTO mysql_users (username, password) VALUES ('app', 'x')",
      'LOAD MYSQL USERS TO RUNTIME',
      'SAVE MYSQL USERS FROM RUNTIME',
    );
    assert.deepEqual(
      (await lines('SHOW DIFF MYSQL USERS')).filter((line) => line.startsWith('runtime')),
      [],
    );
  });

  test('is refused with the list of modules when there is no such module', async () => {
    assert.match(await it.error('SHOW DIFF NOSUCH'), /The modules are MYSQL USERS, /);
    assert.match(await it.error('SHOW DIFF', { ...it.session, role: 'stats' }), /syntax error/);
  });

  test('takes numbers and texts that read the same for the same', () => {
    const rows = (port: TableRow[string]): TableRow[] => [{ id: 1, port }];
    assert.deepEqual(diffRows('t', ['id'], rows('3306'), rows(3306)), []);
    assert.equal(diffRows('t', ['id'], rows(null), rows('')).length, 1);
  });
});

describe('the history of the runtime', () => {
  const versions = async (): Promise<string[]> =>
    (await it.rows('SHOW RUNTIME HISTORY MYSQL USERS')).map(([, version, state, , by, rows]) =>
      [version, state, by, rows].join('|'),
    );
  const load = async (name: string): Promise<void> => {
    await it.all(`INSERT INTO mysql_users (username, password) VALUES ('${name}', 'x')`, 'LOAD MYSQL USERS TO RUNTIME');
    await it.context.promotion.history.settled();
  };

  test('keeps what was loaded, by whom, and brings it back to memory and runtime', async () => {
    await load('one');
    await load('two');
    assert.deepEqual(await versions(), [
      '3|in force|admin@127.0.0.1|2',
      '2|before|admin@127.0.0.1|1',
      '1|before|start-up|0',
    ]);
    await it.all('DELETE FROM mysql_users', 'LOAD MYSQL USERS FROM HISTORY 2');
    await it.context.promotion.history.settled();
    assert.deepEqual(await it.rows('SELECT username FROM mysql_users'), [['one']]);
    assert.deepEqual(
      it.plane.current.users.map(({ username }) => username),
      ['one'],
    );
    assert.equal((await versions())[0], '4|in force|admin@127.0.0.1|1');
    assert.deepEqual(await it.rows('SELECT username FROM disk.mysql_users'), [], 'disk is left alone');
  });

  test('brings variables back', async () => {
    await it.all(
      'SET mysql-max_connections=11',
      'LOAD MYSQL VARIABLES TO RUNTIME',
      'LOAD MYSQL VARIABLES FROM HISTORY 1',
    );
    assert.deepEqual(await it.rows('SELECT @@mysql-max_connections'), [['10000']]);
    assert.equal(it.plane.current.mysqlVariables.max_connections, '10000');
  });

  test('does not count a LOAD that changes nothing, and keeps ten', async () => {
    for (let i = 0; i < 3; i += 1) await it.all('LOAD MYSQL USERS TO RUNTIME');
    await it.context.promotion.history.settled();
    assert.equal((await versions()).length, 1);
    for (let i = 0; i < RUNTIME_HISTORY_MAX + 3; i += 1) await load(`u${i}`);
    const kept = await versions();
    assert.equal(kept.length, RUNTIME_HISTORY_MAX + 1);
    assert.match(await it.error('LOAD MYSQL USERS FROM HISTORY 1'), /There is no version 1 of MYSQL USERS/);
    assert.match(await it.error('LOAD NOSUCH FROM HISTORY 1'), /The modules are/);
  });

  test('shares the rows that versions have in common, wherever they stand', async () => {
    const history = new RuntimeHistory({ nowMs: () => 0, keyColumnsOf: () => ['id'] });
    const rows = (ids: readonly number[]): TableRow[] => ids.map((id) => ({ id, name: `n${id}` }));
    const ids = Array.from({ length: 10_000 }, (_, id) => id);
    history.loaded('M', new Map([['t', rows(ids)]]), 'a');
    history.loaded('M', new Map([['t', rows(ids.slice(1).concat(77_777))]]), 'b');
    await history.settled();
    const [newest, before] = history.list('M').map((entry) => new Set(entry.rows.get('t')));
    assert.equal([...(newest ?? [])].filter((row) => before?.has(row)).length, 9_999);
  });
});
