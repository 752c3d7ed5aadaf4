/**
 * The tests that drivers and frameworks bring along, through sluice and without it: what passes directly must pass through
 * sluice. A program, not a test of the suite:
 *
 *   SLUICE_SUITE_SOURCES=FOLDER node dist/test/suites/drivers.js [SUITE[:PART]…]
 *
 * Of mysqli, pdo_mysql and Connector/J a part can be played: `mysqli:2/6`, the second sixth of its files, or
 * `connector-j:MultiTest,CatalogTest`, the files whose name contains a word.
 *
 * FOLDER holds the unpacked Debian sources of the suites that need them (`apt-get source`); README.md says which. A suite
 * whose folder is not there is left out, with a line that says so. SLUICE_SUITE_LOGS names a folder that keeps what was
 * printed.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DatabaseServer, startMariadb } from '../helpers/mariadb.ts';
import { removeFolder, temporaryFolder } from '../helpers/reaper.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';

/** A suite that hangs is ended after this, in seconds. */
const PATIENCE_S = Number(process.env.SLUICE_SUITE_SECONDS ?? 600);

/** Where a run of a suite connects to; the account is root without a password, the schema `test`. */
interface Target {
  readonly port: number;
  /** For what the suite wants to write. */
  readonly scratch: string;
  /** The suite's own folder among the sources. */
  readonly source: string;
  /** The files to play, of a suite that has `files`. */
  readonly files: readonly string[];
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

interface Suite {
  readonly name: string;
  /** The folder of its source begins like this; undefined when an installed package holds all of it. */
  readonly source?: RegExp;
  /** The test files in its source, when a part of them can be played. */
  files?(source: string): readonly string[];
  /** What has to be there before the first run. */
  prepare?(target: Target): void;
  command(target: Target): Command;
  /** Name → passed, from all that the command printed. */
  results(output: string): Map<string, boolean>;
}

const HOST = '127.0.0.1';
const GO_DRIVER = '/usr/share/gocode/src/github.com/go-sql-driver/mysql';

/** TAP of several files, as `prove --verbose` prints it. Numbers in texts (ports, threads) differ from run to run. */
function tapResults(output: string): Map<string, boolean> {
  const results = new Map<string, boolean>();
  let file = '';
  for (const line of output.split('\n')) {
    const [, next] = /^(t\/\S+\.t) \.+/.exec(line) ?? [];
    if (next !== undefined) file = next;
    const [, not, number] = /^(not )?ok (\d+)/.exec(line) ?? [];
    if (number !== undefined) results.set(`${file} ${number}`, not === undefined);
  }
  return results;
}

function lineResults(output: string, pattern: RegExp, passes: (word: string) => boolean): Map<string, boolean> {
  return new Map(
    [...output.matchAll(pattern)].map(({ groups }) => [groups?.name ?? '', passes(groups?.word ?? '')] as const),
  );
}

/** unittest with two verbose flags: `test_x (module.Class) ... ok`, with a docstring between on a line of its own. */
function unittestResults(output: string): Map<string, boolean> {
  const pattern = /^(?<name>\w+ \([\w.]+\))(?:\n[^\n]*)? \.\.\.(?<word>[^\n]*(?:ok|FAIL|ERROR|skipped|failure))/gm;
  return lineResults(output, pattern, (word) => !/(FAIL|ERROR)$/.test(word));
}

const perl = (name: string, source: RegExp, driver: string): Suite => ({
  name,
  source,
  command: ({ port, source: cwd }) => ({
    program: 'prove',
    args: ['--merge', '--verbose', 't/'],
    env: { DBI_DSN: `DBI:${driver}:database=test;host=${HOST};port=${port}`, DBI_USER: 'root', DBI_PASS: '' },
    cwd,
  }),
  results: tapResults,
});

const php = (extension: string): Suite => ({
  name: extension,
  source: /^php/,
  files: (source) =>
    readdirSync(join(source, `ext/${extension}/tests`))
      .filter((file) => file.endsWith('.phpt'))
      .map((file) => `ext/${extension}/tests/${file}`),
  command: ({ port, source: cwd, files }) => ({
    program: 'php',
    args: ['run-tests.php', '-q', '--no-color', '--offline', '-p', '/usr/bin/php', '--set-timeout', '60', ...files],
    env: {
      TEST_PHP_EXECUTABLE: '/usr/bin/php',
      MYSQL_TEST_HOST: HOST,
      MYSQL_TEST_PORT: `${port}`,
      MYSQL_TEST_USER: 'root',
      MYSQL_TEST_SKIP_CONNECT_FAILURE: '0',
      PDO_MYSQL_TEST_DSN: `mysql:host=${HOST};port=${port};dbname=test`,
      PDO_MYSQL_TEST_HOST: HOST,
      PDO_MYSQL_TEST_PORT: `${port}`,
      PDO_MYSQL_TEST_USER: 'root',
      PDO_MYSQL_TEST_PASS: '',
    },
    cwd,
  }),
  results: (output) =>
    lineResults(output, /(?<word>PASS|FAIL|XFAIL|BORK) [^\n[]*\[(?<name>ext\/\S+)\]/g, (word) => word === 'PASS'),
});

/** As mysqljs has it run; mysql2 chooses a reporter that tells no names. */
const URUN = `require('urun')(process.cwd() + '/test', {include: /integration.*\\.js$/, reporter: 'BashTapReporter', verbose: true})`;

/** Tests of packages for Node that are run by `urun`. */
const urun = (name: string, source: RegExp): Suite => ({
  name,
  source,
  prepare: ({ source: cwd }) => {
    if (!existsSync(join(cwd, 'node_modules'))) execFileSync('npm', ['install', '--no-save'], { cwd });
  },
  command: ({ port, source: cwd }) => ({
    program: process.execPath,
    args: ['-e', URUN],
    env: {
      MYSQL_HOST: HOST,
      MYSQL_PORT: `${port}`,
      MYSQL_USER: 'root',
      MYSQL_DATABASE: 'test',
    },
    cwd,
  }),
  results: (output) => lineResults(output, /^(?<word>not ok|ok) \d+ (?<name>\S+)/gm, (word) => word === 'ok'),
});

const JAVA_TESTS = 'src/test/java/org/mariadb/jdbc';
const JARS = ['mariadb-java-client', 'junit4', 'hamcrest-all', 'HikariCP', 'jna', 'slf4j-api', 'slf4j-nop']
  .map((name) => `/usr/share/java/${name}.jar`)
  .join(':');

/** JUnit's own tells of failures alone. */
const TELLING_RUNNER = `
import org.junit.runner.*;
import org.junit.runner.notification.*;
public class TellingRunner extends RunListener {
  private boolean good;
  private long begun;
  public static void main(String[] names) throws Exception {
    JUnitCore core = new JUnitCore();
    core.addListener(new TellingRunner());
    for (String name : names) core.run(Class.forName(name));
    System.exit(0);
  }
  private static String nameOf(Description test) {
    return test.getClassName() + "." + test.getMethodName();
  }
  public void testStarted(Description test) {
    good = true;
    begun = System.currentTimeMillis();
  }
  public void testFailure(Failure failure) {
    good = false;
    Description test = failure.getDescription();
    System.out.println("\\n" + nameOf(test) + " " + (System.currentTimeMillis() - begun) + " ms: " + failure.getTrace());
  }
  public void testAssumptionFailure(Failure failure) {
    good = false;
  }
  public void testFinished(Description test) {
    System.out.println("\\nTOLD " + (good ? "pass " : "fail ") + nameOf(test));
  }
}
`;

const SUITES: readonly Suite[] = [
  {
    name: 'go-sql-driver',
    prepare: ({ scratch }) => {
      execFileSync('go', ['test', '-c', '-o', join(scratch, 'go.test'), '.'], {
        cwd: GO_DRIVER,
        env: { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode' },
      });
    },
    command: ({ port, scratch }) => ({
      program: join(scratch, 'go.test'),
      args: ['-test.v'],
      env: {
        MYSQL_TEST_USER: 'root',
        MYSQL_TEST_PASS: '',
        MYSQL_TEST_PROT: 'tcp',
        MYSQL_TEST_ADDR: `${HOST}:${port}`,
        MYSQL_TEST_DBNAME: 'test',
        MYSQL_TEST_CONCURRENT: '1',
      },
      cwd: GO_DRIVER,
    }),
    results: (output) =>
      lineResults(output, /^ *--- (?<word>PASS|FAIL|SKIP): (?<name>\S+)/gm, (word) => word === 'PASS'),
  },
  perl('DBD::mysql', /^DBD-mysql-/, 'mysql'),
  perl('DBD::MariaDB', /^DBD-MariaDB-/, 'MariaDB'),
  php('mysqli'),
  php('pdo_mysql'),
  urun('mysqljs', /^mysql-2/),
  urun('mysql2', /^mysql2-/),
  {
    name: 'connector-j',
    source: /^mariadb-connector-j-/,
    prepare: ({ scratch, source }) => {
      writeFileSync(join(scratch, 'TellingRunner.java'), TELLING_RUNNER);
      const tests = execFileSync('find', [join(source, 'src/test/java'), '-name', '*.java'], { encoding: 'utf8' });
      execFileSync('javac', [
        ...['-nowarn', '-encoding', 'UTF-8', '-cp', JARS, '-d', scratch],
        ...tests.trim().split('\n'),
        join(scratch, 'TellingRunner.java'),
      ]);
    },
    files: (source) =>
      readdirSync(join(source, JAVA_TESTS))
        .filter((file) => file.endsWith('Test.java') && file !== 'BaseTest.java')
        .map((file) => `org.mariadb.jdbc.${file.slice(0, -'.java'.length)}`),
    command: ({ port, scratch, source, files }) => ({
      program: 'java',
      args: [
        `-DdbUrl=jdbc:mariadb://${HOST}:${port}/test?user=root`,
        ...['-cp', `${JARS}:${scratch}:${join(source, 'src/test/resources')}`, 'TellingRunner'],
        ...files,
      ],
      cwd: source,
    }),
    results: (output) => lineResults(output, /^TOLD (?<word>\w+) (?<name>\S+)/gm, (word) => word === 'pass'),
  },
  {
    name: 'mysqlclient',
    source: /^mysqlclient-/,
    command: ({ port, scratch, source }) => {
      const options = join(scratch, `mysqlclient-${port}.cnf`);
      writeFileSync(
        options,
        `[MySQLdb-tests]\nhost=${HOST}\nport=${port}\nuser=root\ndatabase=test\ndefault-character-set=utf8mb4\n`,
      );
      return {
        program: '/usr/bin/python3',
        args: ['-m', 'pytest', '-v', '--tb=short', '-p', 'no:cacheprovider', '.'],
        env: { TESTDB: options },
        cwd: join(source, 'tests'),
      };
    },
    results: (output) =>
      lineResults(
        output,
        /^(?<name>\S+::\S+) (?<word>PASSED|FAILED|ERROR|SKIPPED|XFAIL)/gm,
        (word) => word === 'PASSED',
      ),
  },
  {
    name: 'django',
    source: /^Django-/,
    command: ({ port, scratch, source }) => {
      const database = (name: string): string =>
        `{'ENGINE': 'django.db.backends.mysql', 'HOST': '${HOST}', 'PORT': '${port}', 'USER': 'root', 'NAME': '${name}', 'TEST': {'CHARSET': 'utf8mb4'}}`;
      writeFileSync(
        join(scratch, `settings_${port}.py`),
        `DATABASES = {'default': ${database('dj1')}, 'other': ${database('dj2')}}\nSECRET_KEY = 'x'\nPASSWORD_HASHERS = ['django.contrib.auth.hashers.MD5PasswordHasher']\nDEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\nUSE_TZ = False\n`,
      );
      return {
        program: '/usr/bin/python3',
        args: ['runtests.py', '-v2', '--noinput', '--parallel=1', `--settings=settings_${port}`, ...DJANGO_APPS],
        env: { PYTHONPATH: `${scratch}:${source}`, PYTHONDONTWRITEBYTECODE: '1' },
        cwd: join(source, 'tests'),
      };
    },
    results: unittestResults,
  },
  {
    name: 'peewee',
    source: /^peewee-/,
    command: ({ port, source: cwd }) => ({
      program: '/usr/bin/python3',
      args: [
        'runtests.py',
        '-e',
        'mysql',
        '-v',
        '2',
        '--mysql-host',
        HOST,
        '--mysql-port',
        `${port}`,
        '--mysql-user',
        'root',
      ],
      env: { PYTHONDONTWRITEBYTECODE: '1' },
      cwd,
    }),
    results: unittestResults,
  },
];

/** The apps of Django's suite that are about databases. */
const DJANGO_APPS = (
  process.env.SLUICE_DJANGO_APPS ??
  'backends basic transactions transaction_hooks select_for_update bulk_create aggregation introspection inspectdb queries schema'
).split(' ');

interface Run {
  readonly results: ReadonlyMap<string, boolean>;
  readonly ended: boolean;
}

async function play(suite: Suite, target: Target, side: string): Promise<Run> {
  const { program, args, env, cwd } = suite.command(target);
  const child = spawn('timeout', [`${PATIENCE_S}`, program, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const parts: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => parts.push(chunk));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const output = Buffer.concat(parts).toString('latin1');
  const logs = process.env.SLUICE_SUITE_LOGS;
  if (logs !== undefined) {
    mkdirSync(logs, { recursive: true });
    writeFileSync(join(logs, `${suite.name.replaceAll(':', '-')}.${side}.log`), output);
  }
  return { results: suite.results(output), ended: code !== 124 };
}

/** The files a part names: `2/6` or words, all without one. */
function partOf(files: readonly string[], part: string | undefined): readonly string[] {
  if (part === undefined) return files;
  const [, nth, of] = /^(\d+)\/(\d+)$/.exec(part) ?? [];
  if (nth !== undefined && of !== undefined) {
    return files.slice(
      Math.floor(((Number(nth) - 1) * files.length) / Number(of)),
      Math.floor((Number(nth) * files.length) / Number(of)),
    );
  }
  return files.filter((file) => part.split(',').some((word) => file.includes(word)));
}

async function compare(suite: Suite, sources: string, scratch: string, part: string | undefined): Promise<void> {
  const folder = suite.source === undefined ? '' : readdirSync(sources).find((name) => suite.source?.test(name));
  if (folder === undefined) {
    console.log(`${suite.name}: its source is not in ${sources}`);
    return;
  }
  const source = join(sources, folder);
  const files = partOf([...(suite.files?.(source) ?? [])].sort(), part);
  suite.prepare?.({ port: 0, scratch, source, files });
  const setup = ['test', 'dj1', 'dj2', 'peewee_test'].map(
    (name) => `CREATE DATABASE IF NOT EXISTS ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`,
  );
  const server: DatabaseServer = await startMariadb({ setup, args: ['--local-infile=1', '--max-connections=200'] });
  const sluice = await SluiceProcess.start({
    mysqlVariables: {
      enable_load_data_local_infile: 'true',
      server_version: '10.11.19-MariaDB',
      default_schema: '',
    },
    users: [{ username: 'root', password: '', default_hostgroup: 0 }],
    servers: [{ address: server.host, port: server.port, hostgroup: 0, max_connections: 190 }],
  });
  try {
    const direct = await play(suite, { port: server.port, scratch, source, files }, 'direct');
    await server.query('DROP DATABASE test', ...setup);
    const through = await play(suite, { port: sluice.mysqlPort, scratch, source, files }, 'through');
    report(part === undefined ? suite.name : `${suite.name}:${part}`, direct, through);
  } finally {
    await sluice.stop();
    await server.stop();
  }
}

function report(name: string, direct: Run, through: Run): void {
  const passed = (run: Run): string[] => [...run.results].flatMap(([test, good]) => (good ? [test] : []));
  const lost = passed(direct).filter((test) => through.results.get(test) !== true);
  const gained = passed(through).filter((test) => direct.results.get(test) !== true);
  const count = (run: Run): string =>
    `${passed(run).length} of ${run.results.size} pass${run.ended ? '' : ' (ended after its time)'}`;
  console.log(`${name}: directly ${count(direct)}, through sluice ${count(through)}`);
  if (lost.length > 0) console.log(`  only through sluice do not pass:\n    ${lost.join('\n    ')}`);
  if (gained.length > 0) console.log(`  only through sluice pass: ${gained.length}, ${gained.slice(0, 10).join(', ')}`);
}

const sources = process.env.SLUICE_SUITE_SOURCES ?? '.';
const words = process.argv.slice(2);
const scratch = temporaryFolder('drivers');
try {
  for (const suite of SUITES) {
    if (words.length === 0) await compare(suite, sources, scratch, undefined);
    for (const word of words) {
      if (word === suite.name) await compare(suite, sources, scratch, undefined);
      else if (word.startsWith(`${suite.name}:`)) {
        await compare(suite, sources, scratch, word.slice(suite.name.length + 1));
      }
    }
  }
} finally {
  removeFolder(scratch);
}
process.exit(0);
