import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { createEmbeddedServer, type EmbeddedServer } from '../../../src/embedded/embedded-server.ts';
import { mysqlCli } from '../../helpers/mysql-cli.ts';
import { repositoryRoot } from '../../helpers/repository.ts';
import { eventually } from '../../helpers/wait.ts';

const CLI = join(repositoryRoot, 'dist', 'bin', 'sluice.js');

/** An embedded server stands in for the admin plane: the console speaks plain MySQL. */
let server: EmbeddedServer;
before(async () => {
  server = await createEmbeddedServer({
    schemas: { main: 'memory' },
    passwordOf: (user) => (user === 'admin' ? 'secret' : undefined),
    initialSql: `CREATE TABLE hosts (id INTEGER PRIMARY KEY, name VARCHAR(20), comment TEXT);
      INSERT INTO hosts VALUES (1, 'primary', NULL), (20, '副本', 'a;b')`,
  });
});
after(() => server.close());

interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], environment: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = [CLI, 'admin', '-P', String(server.port), ...args];
  return spawn(process.execPath, child, { env: { ...process.env, SLUICE_ADMIN_PASSWORD: 'secret', ...environment } });
}

async function run(args: readonly string[], input = '', environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const child = start(args, environment);
  const { stdin, stdout, stderr } = child;
  assert.ok(stdin && stdout && stderr);
  stdin.end(input);
  const exitCode = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err] = await Promise.all([text(stdout), text(stderr)]);
  return { exitCode: await exitCode, stdout: out, stderr: err };
}

describe('sluice admin -e', () => {
  it('writes tab-separated lines when nobody watches', async () => {
    const { exitCode, stdout } = await run([
      '-e',
      "SELECT * FROM hosts; UPDATE hosts SET comment = 'a;b' WHERE id = 20",
    ]);
    assert.equal(exitCode, 0);
    assert.equal(stdout, 'id\tname\tcomment\n1\tprimary\tNULL\n20\t副本\ta;b\n');
  });

  it('writes JSON', async () => {
    const { stdout } = await run(['--json', '-e', 'SELECT * FROM hosts']);
    assert.deepEqual(JSON.parse(stdout), [
      { id: '1', name: 'primary', comment: null },
      { id: '20', name: '副本', comment: 'a;b' },
    ]);
  });

  it('draws the tables of the mysql client', async () => {
    const sql = "SELECT id, name, comment FROM hosts; SELECT 1.5 AS x, 'é' AS y, NULL AS z; SELECT 1 WHERE 0";
    const account = { port: server.port, user: 'admin', password: 'secret' };
    const theirs = await mysqlCli(
      { ...account, args: ['-t', '--column-names', '--default-character-set=utf8mb4'] },
      sql,
    );
    assert.equal((await run(['-t', '-e', sql])).stdout, theirs.stdout);
    const vertical = await mysqlCli({ ...account, args: ['-E', '--column-names'] }, 'SELECT * FROM hosts');
    assert.equal((await run(['-e', 'SELECT * FROM hosts\\G'])).stdout, vertical.stdout);
  });

  it('stops at an error, names it, and exits 1', async () => {
    const { exitCode, stdout, stderr } = await run(['-e', 'SELECT 1;\nSELECT nope;\nSELECT 2']);
    assert.equal(exitCode, 1);
    assert.equal(stdout, '1\n1\n');
    assert.equal(stderr, "ERROR 1054 (42S22) at line 2: Unknown column 'nope' in 'field list'\n");
  });

  it('goes on after an error with --force, and exits 1 all the same', async () => {
    const { exitCode, stdout } = await run(['-f', '-N', '-e', 'SELECT nope; SELECT 2']);
    assert.deepEqual([exitCode, stdout], [1, '2\n']);
  });
});

describe('sluice admin with a script on standard input', () => {
  it('runs it', async () => {
    const script = "-- hosts; all of them\nSELECT name FROM hosts\nWHERE comment IS NULL;\nSELECT ';' AS x";
    assert.equal((await run([], script)).stdout, 'name\nprimary\nx\n;\n');
  });

  it('hides a password of the command line from ps', async () => {
    const child = start(['-psecret'], { SLUICE_ADMIN_PASSWORD: 'wrong' });
    const commandLine = () => readFileSync(`/proc/${child.pid}/cmdline`, 'utf8');
    assert.match(
      await eventually('the title is set', commandLine, (line) => line.startsWith('sluice admin')),
      /^sluice/,
    );
    assert.doesNotMatch(commandLine(), /secret/);
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.stdin?.end();
    assert.equal(await ended, 0);
  });
});

describe('sluice admin that cannot connect', () => {
  it('says that the password is wrong', async () => {
    const { exitCode, stderr } = await run(['-pwrong', '-e', 'SELECT 1']);
    assert.equal(exitCode, 1);
    assert.match(
      stderr,
      /^ERROR 1045 \(28000\): Access denied for user 'admin'@'127\.0\.0\.1' \(using password: YES\)\n$/,
    );
  });

  it('says that nobody listens', async () => {
    const { exitCode, stderr } = await run(['-S', '/nowhere/admin.sock', '-e', 'SELECT 1']);
    assert.equal(exitCode, 1);
    assert.match(
      stderr,
      /^ERROR 2002 \(HY000\): Can't connect .* '\/nowhere\/admin\.sock' \(ENOENT\); is sluice running\?\n$/,
    );
  });

  it('says that -p needs a terminal', async () => {
    const { exitCode, stderr } = await run(['-p', '-e', 'SELECT 1']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /^sluice: -p alone asks for the password and needs a terminal/);
  });
});

/** Runs the console on a terminal of its own, by Python's pty, and types what is given. */
const TERMINAL = `
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.environ['HOME'] = os.environ['CONSOLE_HOME']
    os.execv(sys.argv[1], sys.argv[1:])
shown = b''
def until(mark):
    global shown
    end = time.time() + 20
    while mark not in shown:
        if time.time() > end: raise SystemExit('no ' + repr(mark) + ' in ' + repr(shown))
        if select.select([fd], [], [], 0.1)[0]:
            try: shown += os.read(fd, 65536)
            except OSError: break
for line in sys.stdin.read().split('\\n'):
    wait, _, keys = line.partition('|')
    until(wait.encode())
    print(shown.decode(), end='')
    shown = b''
    os.write(fd, (keys + '\\r').encode())
until(b'Bye')
print(shown.decode(), end='')
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

describe('sluice admin on a terminal', () => {
  it('talks: password without echo, tables with counts and times, several lines', async () => {
    const child = spawn(
      '/usr/bin/python3',
      ['-c', TERMINAL, process.execPath, CLI, 'admin', `-P${server.port}`, '-p'],
      {
        env: { ...process.env, CONSOLE_HOME: '/nonexistent' },
      },
    );
    const turns = [
      'Password: |secret',
      'sluice> |SELECT name FROM hosts',
      '-> |WHERE id = 20;',
      'sluice> |DELETE FROM hosts WHERE id = 99;',
      'sluice> |SELECT nope;',
      'sluice> |SELECT 1 WHERE 0;',
      'sluice> |\\q',
    ];
    child.stdin.end(turns.join('\n'));
    const [shown, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
    assert.equal(errors, '');
    const plain = shown.replaceAll('\r\n', '\n');
    assert.doesNotMatch(plain, /secret/);
    assert.match(plain, /\| name \|\n\+-+\+\n\| 副本 \|\n\+-+\+\n1 row in set \(\d+\.\d\d sec\)\n\n/);
    assert.match(plain, /Query OK, 0 rows affected \(\d+\.\d\d sec\)\n\n/);
    assert.match(plain, /ERROR 1054 \(42S22\): Unknown column 'nope'/);
    assert.match(plain, /Empty set \(\d+\.\d\d sec\)\n\n/);
    assert.match(plain, /Bye\n$/);
  });
});
