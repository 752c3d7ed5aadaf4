/**
 * What a start takes from where: the configuration file, the database on disk, the command line.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { CLI, type SluiceOptions, SluiceProcess } from '../helpers/sluice-process.ts';
import { scalar } from '../helpers/stage.ts';

const FIRST: SluiceOptions = {
  mysqlVariables: { max_connections: 111 },
  users: [{ username: 'first', password: 'x', default_hostgroup: 1 }],
  servers: [{ address: '10.0.0.1', port: 3306, hostgroup: 1, comment: 'from the file' }],
  rules: [{ rule_id: 1, active: 1, match_digest: '^SELECT', destination_hostgroup: 1, apply: 1 }],
};
const SECOND: SluiceOptions = {
  mysqlVariables: { max_connections: 222 },
  users: [{ username: 'second', password: 'x', default_hostgroup: 2 }],
};

describe('start-up', () => {
  let sluice: SluiceProcess;

  afterEach(() => sluice?.stop());

  const users = async (): Promise<unknown[]> =>
    (await sluice.admin('SELECT DISTINCT username FROM runtime_mysql_users ORDER BY username')).map(
      (row) => row.username,
    );

  const maxConnections = async (): Promise<unknown> =>
    (
      await sluice.admin(
        "SELECT variable_value AS v FROM runtime_global_variables WHERE variable_name = 'mysql-max_connections'",
      )
    )[0]?.v;

  const restart = async (...args: string[]): Promise<void> => {
    assert.equal(await sluice.terminate(), 0);
    await sluice.startAgain(...args);
  };

  test('the first start takes everything from the file, and keeps it on disk', async () => {
    sluice = await SluiceProcess.start(FIRST);
    assert.deepEqual(await users(), ['first']);
    assert.equal(await maxConnections(), '111');
    assert.deepEqual(await sluice.admin('SELECT hostname, comment FROM disk.mysql_servers'), [
      { hostname: '10.0.0.1', comment: 'from the file' },
    ]);
    assert.deepEqual(await sluice.admin('SELECT rule_id FROM runtime_mysql_query_rules'), [{ rule_id: '1' }]);
  });

  test('later starts take the disk and leave the file alone', async () => {
    sluice = await SluiceProcess.start(FIRST);
    await sluice.configure(SECOND);
    await restart();
    assert.deepEqual(await users(), ['first']);
    assert.equal(await maxConnections(), '111');
  });

  test('--reload merges the file into what is on disk', async () => {
    sluice = await SluiceProcess.start(FIRST);
    await sluice.configure(SECOND);
    await restart('--reload');
    assert.deepEqual(await users(), ['first', 'second']);
    assert.equal(await maxConnections(), '222');
  });

  test('--initial sets the database aside and begins again', async () => {
    sluice = await SluiceProcess.start(FIRST);
    await sluice.configure(SECOND);
    await restart('--initial');
    assert.deepEqual(await users(), ['second']);
    assert.ok(existsSync(join(sluice.dataDir, 'proxysql.db.bak')));
  });

  test('what is only in memory is gone after a start, what was saved is not', async () => {
    sluice = await SluiceProcess.start(FIRST);
    await sluice.admin(
      'UPDATE mysql_servers SET weight = 7',
      'SAVE MYSQL SERVERS TO DISK',
      'UPDATE mysql_servers SET weight = 8',
      'SET mysql-max_connections = 333',
      'LOAD MYSQL VARIABLES TO RUNTIME',
    );
    assert.equal(await maxConnections(), '333');
    await restart();
    assert.deepEqual(await sluice.admin('SELECT weight FROM runtime_mysql_servers'), [{ weight: '7' }]);
    assert.equal(await maxConnections(), '111');
  });

  test('-n starts the admin plane alone', async () => {
    sluice = await SluiceProcess.start(FIRST);
    const { mysqlPort } = sluice;
    assert.equal(await sluice.terminate(), 0);
    await sluice.startAgain('-n');
    assert.deepEqual(await sluice.admin('SELECT username FROM mysql_users'), [{ username: 'first' }]);
    await assert.rejects(sluice.connect({ user: 'first', password: 'x', port: mysqlPort }), /ECONNREFUSED/);
  });

  test('the key is its owner’s alone, and the certificate stays the same', async () => {
    sluice = await SluiceProcess.start({ ownCertificate: true });
    const key = join(sluice.dataDir, 'proxysql-key.pem');
    assert.equal(statSync(key).mode & 0o777, 0o600);
    const { mtimeMs } = statSync(key);
    await restart();
    assert.equal(statSync(key).mtimeMs, mtimeMs);
  });

  test('-S opens the admin plane on a Unix socket', async () => {
    sluice = await SluiceProcess.start();
    const socketPath = join(sluice.dataDir, 'admin.sock');
    await restart('-S', socketPath);
    const client = await sluice.connect({ socketPath, user: 'admin', password: 'admin' });
    assert.equal(await scalar(client, 'SELECT 1'), '1');
    client.destroy();
  });

  test('check names the line and column of every problem', async () => {
    sluice = await SluiceProcess.start();
    const file = join(sluice.dataDir, 'broken.cnf');
    writeFileSync(
      file,
      'mysql_servers =\n(\n  { address = "a"; port = "many" hostgroup = 1 },\n  { port = 3306 }\n)\n',
    );
    const broken = spawnSync(process.execPath, [CLI, 'check', file], { encoding: 'utf8' });
    assert.equal(broken.status, 1);
    assert.match(broken.stdout + broken.stderr, /broken\.cnf:3:\d+/);
    const good = spawnSync(process.execPath, [CLI, 'check', join(sluice.dataDir, 'sluice.cnf')], { encoding: 'utf8' });
    assert.equal(good.status, 0, good.stdout + good.stderr);
  });
});
