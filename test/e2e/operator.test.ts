/**
 * What an operator sees when sluice is started wrongly, started twice, signalled, and ended: one clear sentence, an exit
 * code, and nothing left behind.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { reapProcess, removeFolder, temporaryFolder } from '../helpers/reaper.ts';
import { borrowCertificate, CLI, descendants, SluiceProcess } from '../helpers/sluice-process.ts';
import { within } from '../helpers/wait.ts';

const ADMIN_PASSWORD = 'hush-admin-1';
const USER_PASSWORD = 'hush-user-2';
const MONITOR_PASSWORD = 'hush-monitor-3';

/** Runs a start that is expected to fail; rejects when it has not ended in time. */
async function failedStart(args: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  reapProcess(child);
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  return { code, stderr };
}

function config(adminInterface: string, mysqlInterface: string, more = ''): string {
  return `
    admin_variables = { admin_credentials = "admin:${ADMIN_PASSWORD}"; mysql_ifaces = "${adminInterface}"; }
    mysql_variables = { interfaces = "${mysqlInterface}"; monitor_password = "${MONITOR_PASSWORD}"; ${more} }
    mysql_users = ( { username = "u"; password = "${USER_PASSWORD}"; default_hostgroup = 1; } )
  `;
}

describe('a start that fails says why in one line and exits with 1', () => {
  const folder = temporaryFolder('operator');
  const blocker = createServer();
  let taken = '';
  let count = 0;

  before(async () => {
    blocker.listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const address = blocker.address();
    taken = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  });
  after(() => {
    blocker.close();
    removeFolder(folder);
  });

  const free = '127.0.0.1:0';
  const put = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const fresh = async (files: Readonly<Record<string, string>> = {}): Promise<string> => {
    count += 1;
    const dataDir = join(folder, `data-${count}`);
    mkdirSync(dataDir);
    if (!Object.keys(files).some((name) => name.endsWith('.pem'))) await borrowCertificate(dataDir);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dataDir, name), text);
    return dataDir;
  };
  const good = (): string => put('good.cnf', config(free, free));

  const cases: readonly (readonly [title: string, args: () => string[] | Promise<string[]>, expected: () => RegExp])[] =
    [
      [
        'the config file ends too early',
        async () => ['-c', put('short.cnf', 'mysql_users = ('), '-D', await fresh()],
        () => /short\.cnf:1:\d+: /,
      ],
      [
        'the data directory is a file',
        () => ['-c', good(), '-D', put('file', '')],
        () => /cannot use the data directory \S+\/file: it is a file/,
      ],
      [
        'the data directory cannot be made',
        () => ['-c', good(), '-D', '/proc/sluice/data'],
        () => /cannot use the data directory \/proc\/sluice\/data: no such file or directory/,
      ],
      [
        'proxysql.db is something else',
        async () => ['-c', good(), '-D', await fresh({ 'proxysql.db': 'Dear diary, '.repeat(100) })],
        () => /cannot use \S+\/proxysql\.db: file is not a database; .*--initial/,
      ],
      [
        'a part of the certificate is missing',
        async () => ['-c', good(), '-D', await fresh({ 'proxysql-key.pem': 'x' })],
        () => /proxysql-ca\.pem, proxysql-cert\.pem missing/,
      ],
      [
        'the certificate is none',
        async () => [
          '-c',
          good(),
          '-D',
          await fresh({ 'proxysql-ca.pem': 'x', 'proxysql-cert.pem': 'x', 'proxysql-key.pem': 'x' }),
        ],
        () => /proxysql-cert\.pem, proxysql-key\.pem: /,
      ],
      [
        'the admin port is taken',
        async () => ['-c', put('admin.cnf', config(taken, free)), '-D', await fresh()],
        () => new RegExp(`admin-mysql_ifaces: cannot listen on ${taken}: another program uses this address`),
      ],
      [
        'the MySQL port is taken',
        async () => ['-c', put('mysql.cnf', config(free, taken)), '-D', await fresh()],
        () => new RegExp(`mysql-interfaces: cannot listen on ${taken}: another program uses this address`),
      ],
      [
        'an interface is no interface',
        async () => ['-c', put('word.cnf', config(free, 'everywhere')), '-D', await fresh()],
        () => /mysql-interfaces: 'everywhere' is no interface/,
      ],
      [
        'the machine has no such address',
        async () => ['-c', put('far.cnf', config('192.0.2.1:0', free)), '-D', await fresh()],
        () => /admin-mysql_ifaces: cannot listen on 192\.0\.2\.1:0: this machine has no such address/,
      ],
      [
        'a value is wrong and -e is given',
        async () => [
          '-e',
          '-c',
          put('value.cnf', config(free, free, 'max_connections = "many";')),
          '-D',
          await fresh(),
        ],
        () => /mysql-max_connections/,
      ],
    ];
  for (const [title, args, expected] of cases) {
    test(title, async () => {
      const { code, stderr } = await failedStart(await args());
      assert.equal(code, 1, stderr);
      const spoken = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
      assert.equal(spoken.length, 1, stderr);
      assert.match(spoken[0] ?? '', /^sluice: /);
      assert.match(spoken[0] ?? '', expected());
      assert.doesNotMatch(stderr, /hush-|\n\s+at /);
    });
  }
});

describe('operating', () => {
  let sluice: SluiceProcess;

  afterEach(() => sluice?.stop());

  test('a second one on the same data directory is refused, and the first one goes on', async () => {
    sluice = await SluiceProcess.start();
    const { code, stderr } = await failedStart(['-c', join(sluice.dataDir, 'sluice.cnf'), '-D', sluice.dataDir]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      new RegExp(`^sluice: the data directory \\S+ is in use by another sluice, process ${sluice.pid}$`, 'm'),
    );
    assert.equal(readFileSync(join(sluice.dataDir, 'proxysql.pid'), 'utf8'), `${sluice.pid}\n`);
    assert.equal((await sluice.admin('SELECT 1 AS one'))[0]?.one, '1');
  });

  test('after kill -9 nothing is locked', async () => {
    sluice = await SluiceProcess.start({ workers: 1 });
    await sluice.killHard();
    await sluice.startAgain();
    assert.equal((await sluice.admin('SELECT 1 AS one'))[0]?.one, '1');
  });

  test('what holds secrets is its owner’s alone, and the pid file goes with the process', async () => {
    sluice = await SluiceProcess.start();
    for (const file of ['proxysql.db', 'proxysql_stats.db', 'proxysql-key.pem', 'sluice.lock']) {
      assert.equal(statSync(join(sluice.dataDir, file)).mode & 0o777, 0o600, file);
    }
    assert.equal(await sluice.terminate(), 0);
    assert.equal(existsSync(join(sluice.dataDir, 'proxysql.pid')), false);
  });

  test('SIGHUP and SIGUSR1 are noted, end nothing and open no debugger, in workers neither', async () => {
    sluice = await SluiceProcess.start({ workers: 1 });
    const workers = descendants(sluice.pid);
    assert.equal(workers.length, 1);
    for (const signal of ['SIGHUP', 'SIGUSR1'] as const) {
      for (const pid of [...workers, sluice.pid]) process.kill(pid, signal);
      await within(
        sluice.log.waitFor((line) => line.includes(`"signal":"${signal}"`)),
        `${signal} is noted`,
      );
    }
    assert.equal((await sluice.admin('SELECT 1 AS one'))[0]?.one, '1');
    assert.deepEqual(descendants(sluice.pid), workers);
    assert.doesNotMatch(sluice.log.toString(), /[Dd]ebugger listening/);
  });

  test('errorlog is answered with where the log goes', async () => {
    sluice = await SluiceProcess.start();
    assert.equal(await sluice.terminate(), 0);
    const file = join(sluice.dataDir, 'sluice.cnf');
    writeFileSync(file, `errorlog = "/var/log/proxysql.log"\n${readFileSync(file, 'utf8')}`);
    await sluice.startAgain();
    assert.match(sluice.log.toString(), /errorlog is not used: logs go to standard error/);
  });

  test('no password reaches a log at any level, the arguments, or a file besides the database', async () => {
    sluice = await SluiceProcess.start({
      workers: 1,
      env: { SLUICE_LOG_LEVEL: 'trace' },
      mysqlVariables: { monitor_password: MONITOR_PASSWORD },
      users: [{ username: 'u', password: USER_PASSWORD, default_hostgroup: 1 }],
    });
    await sluice.admin(
      `INSERT INTO mysql_users (username, password) VALUES ('v', '${USER_PASSWORD}')`,
      `SET mysql-monitor_password = '${MONITOR_PASSWORD}'`,
      'LOAD MYSQL USERS TO RUNTIME',
      'LOAD MYSQL VARIABLES TO RUNTIME',
    );
    await assert.rejects(sluice.admin(`INSERT INTO mysql_users (username, pass) VALUES ('v', '${USER_PASSWORD}')`));
    const client = await sluice.connect({ user: 'u', password: USER_PASSWORD });
    client.destroy();
    await assert.rejects(sluice.connect({ user: 'u', password: `${USER_PASSWORD}-wrong` }));
    for (const pid of sluice.pids()) {
      assert.doesNotMatch(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), /hush-/);
    }
    assert.equal(await sluice.terminate(), 0);
    assert.doesNotMatch(sluice.log.toString(), /hush-/);
    for (const name of readdirSync(sluice.dataDir).filter((file) => !/^(proxysql\.db|sluice\.cnf)/.test(file))) {
      assert.doesNotMatch(readFileSync(join(sluice.dataDir, name), 'latin1'), /hush-/, name);
    }
  });
});
