import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type Invocation, parseCommandLine } from '../../../src/cli.ts';
import { VERSION } from '../../../src/util/version.ts';
import { repositoryRoot } from '../../helpers/repository.ts';

const CLI = join(repositoryRoot, 'dist', 'bin', 'sluice.js');

function parse(
  args: string[],
  options: { variables?: Record<string, string>; files?: readonly string[] } = {},
): Invocation {
  const files = options.files ?? [];
  return parseCommandLine(args, { variables: options.variables ?? {}, fileExists: (path) => files.includes(path) });
}

function runOptionsOf(args: string[], files?: readonly string[]) {
  const invocation = parse(args, files === undefined ? {} : { files });
  assert.equal(invocation.command, 'run', JSON.stringify(invocation));
  return (invocation as Extract<Invocation, { command: 'run' }>).options;
}

function consoleOptionsOf(args: string[], variables: Record<string, string> = {}) {
  const invocation = parse(['admin', ...args], { variables });
  assert.equal(invocation.command, 'admin', JSON.stringify(invocation));
  return (invocation as Extract<Invocation, { command: 'admin' }>).options;
}

function complaintOf(args: string[]): string {
  const invocation = parse(args);
  assert.equal(invocation.command, 'print');
  const { exitCode, text } = invocation as Extract<Invocation, { command: 'print' }>;
  assert.equal(exitCode, 2, text);
  return text;
}

describe('the proxysql options', () => {
  it('are off by default', () => {
    assert.deepEqual(runOptionsOf([]), {
      foreground: false,
      configFile: undefined,
      dataDir: undefined,
      initial: false,
      reload: false,
      noStart: false,
      noMonitor: false,
      exitOnError: false,
      adminSocket: undefined,
      uuid: undefined,
      idleThreads: false,
      noVersionCheck: false,
      reusePort: false,
      sqlite3Server: false,
      workers: undefined,
    });
  });

  it('are taken as the proxysql binary takes them', () => {
    const line =
      '-f -c my.cnf -D /data --initial --reload -M -n -e -r -S /run/a.sock -U 123E4567-e89b-12d3-a456-426614174000 --idle-threads --no-version-check --sqlite3-server';
    assert.deepEqual(runOptionsOf(line.split(' '), ['my.cnf']), {
      foreground: true,
      configFile: 'my.cnf',
      dataDir: '/data',
      initial: true,
      reload: true,
      noStart: true,
      noMonitor: true,
      exitOnError: true,
      adminSocket: '/run/a.sock',
      uuid: '123e4567-e89b-12d3-a456-426614174000',
      idleThreads: true,
      noVersionCheck: true,
      reusePort: true,
      sqlite3Server: true,
      workers: undefined,
    });
  });

  it('have their long names too', () => {
    const line =
      '--foreground --config=my.cnf --datadir=/d --no-start --no-monitor --exit-on-error --reuseport --admin-socket=/s';
    const options = runOptionsOf(line.split(' '), ['my.cnf']);
    assert.equal(options.noStart && options.noMonitor && options.exitOnError && options.reusePort, true);
    assert.equal(options.dataDir, '/d');
  });

  it('come frozen', () => {
    assert.ok(Object.isFrozen(runOptionsOf([])));
  });
});

describe('the config file', () => {
  it('is looked for in the working directory first, then in /etc', () => {
    const all = ['/etc/proxysql.cfg', '/etc/proxysql.cnf', 'proxysql.cfg', 'proxysql.cnf'];
    for (let known = 1; known <= all.length; known++) {
      assert.equal(runOptionsOf([], all.slice(0, known)).configFile, all[known - 1]);
    }
  });

  it('named by -c must exist', () => {
    assert.match(complaintOf(['-c', 'nowhere.cnf']), /cannot find the config file 'nowhere\.cnf'/);
  });
});

describe('a wrong command line', () => {
  it('is answered with the nearest option', () => {
    assert.match(complaintOf(['--initail']), /unknown option '--initail'\n\(Did you mean --initial\?\)/);
    assert.match(complaintOf(['admin', '--execut', 'x']), /Did you mean --execute\?/);
  });

  it('names the commands there are', () => {
    assert.match(complaintOf(['chek', 'x.cnf']), /unknown command 'chek' \(there are admin, check and demo\)/);
  });

  it('says what a value should look like', () => {
    assert.match(complaintOf(['-U', 'x']), /It looks like 123e4567/);
    assert.match(complaintOf(['admin', '-P', '70000']), /A port is a number from 0 to 65535/);
    assert.match(complaintOf(['--workers', '-1']), /number from 0 to 256/);
    assert.match(complaintOf(['check']), /missing required argument 'file'/);
    assert.match(complaintOf(['admin', '--tsv', '--json']), /cannot be used with/);
  });
});

describe('the options of sluice admin', () => {
  it('are the letters of the mysql client', () => {
    const options = consoleOptionsOf([
      '-h',
      'db1',
      '-P6044',
      '-ustats',
      '-psecret',
      '-e',
      'SELECT 1',
      '-N',
      '-f',
      '-E',
    ]);
    assert.deepEqual(options, {
      host: 'db1',
      port: 6044,
      socketPath: undefined,
      user: 'stats',
      password: { value: 'secret' },
      execute: 'SELECT 1',
      format: 'vertical',
      skipColumnNames: true,
      force: true,
    });
  });

  it('ask for the password when -p stands alone', () => {
    assert.equal(consoleOptionsOf(['-p']).password, 'ask');
    assert.equal(consoleOptionsOf(['-p', '-e', 'SELECT 1']).password, 'ask');
  });

  it('take the password from the environment, the own variable first', () => {
    const both = { MYSQL_PWD: 'general', SLUICE_ADMIN_PASSWORD: 'own' };
    assert.deepEqual(consoleOptionsOf([], both).password, { value: 'own' });
    assert.deepEqual(consoleOptionsOf([], { MYSQL_PWD: 'general' }).password, { value: 'general' });
    assert.deepEqual(consoleOptionsOf(['-pgiven'], both).password, { value: 'given' });
  });

  it('use the shipped password only for admin on this machine', () => {
    assert.deepEqual(consoleOptionsOf([]).password, { value: 'admin' });
    assert.deepEqual(consoleOptionsOf(['-h', 'db1']).password, { value: '' });
    assert.deepEqual(consoleOptionsOf(['-u', 'stats']).password, { value: '' });
  });
});

describe('the program', () => {
  const execute = promisify(execFile);

  it('prints its version, which is that of package.json', async () => {
    const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as { version: string };
    assert.equal(VERSION, manifest.version);
    const { stdout } = await execute(process.execPath, [CLI, '-V']);
    assert.equal(stdout, `sluice version ${VERSION} (ProxySQL 2.7.1 compatible), Node ${process.version}\n`);
  });

  it('prints help to standard output and exits 0', async () => {
    const { stdout } = await execute(process.execPath, [CLI, '-h']);
    assert.match(stdout, /Usage: sluice \[options\] \[command\]/);
    assert.match(stdout, /--sqlite3-server/);
    const admin = await execute(process.execPath, [CLI, 'admin', '--help']);
    assert.match(admin.stdout, /--execute <sql>/);
  });

  it('complains on standard error and exits 2', async () => {
    await assert.rejects(
      execute(process.execPath, [CLI, '--reloda']),
      (error: Error & { code: number; stderr: string }) => {
        assert.equal(error.code, 2);
        assert.match(error.stderr, /Did you mean --reload\?/);
        return true;
      },
    );
  });
});
