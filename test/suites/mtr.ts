/**
 * The tests of MariaDB's own suites (Debian's packages mariadb-test and mariadb-test-data) as MariaDB runs them, directly
 * and through sluice: what passes directly must pass through sluice. A program, not a test of the suite:
 *
 *   node dist/test/suites/mtr.js [WORD…]      tests whose name (suite.test) contains a word; all without one
 *
 * MariaDB's test runner starts the servers a test wants, in network and process namespaces of their own, so it needs
 * root. Only the program `mysqltest` is led elsewhere: to sluice, whose server is the runner's. The accounts a test logs in
 * with are read from its `connect` commands and given to sluice before it, as an operator has to.
 *
 * SLUICE_MTR_SUITES=main,sys_vars names the suites, `main` without it. SLUICE_MTR_EVERY=8 takes every eighth test,
 * SLUICE_MTR_FROM=990 leaves out the first 990.
 * SLUICE_MTR_STATE names a file with what is known already: a run goes on where the last one ended, and begins nothing new
 * after SLUICE_MTR_SECONDS. SLUICE_MTR_AGAIN=1 repeats what failed only through sluice. What takes more than
 * SLUICE_MTR_QUICK milliseconds directly is not played through sluice.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { removeFolder, temporaryFolder } from '../helpers/reaper.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';

const ROOT = '/usr/share/mysql/mysql-test';
const NAMESPACES = ['--net', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];
/** The runner numbers its ports by build thread: 10000 + 30 × this is the first server's. Both sides run at once. */
const BUILD_THREAD = { direct: 600, through: 640 } as const;
const portOf = (side: Side): number => 10_000 + 30 * BUILD_THREAD[side];
/** Tests of one run of the runner, which takes seconds to begin. */
const BATCH = Number(process.env.SLUICE_MTR_BATCH ?? 60);
const DETAIL_BYTES_MAX = 4000;
/** Servers for replication and clusters, which no proxy stands in front of. */
const NOT_FOR_PROXIES = /rpl|wsrep|galera|shutdown|crash|mysqld--help|bootstrap|mysql_install|upgrade|large_tests/;

type Side = 'direct' | 'through';
type Verdict = 'pass' | 'fail' | 'skip';
interface Outcome {
  direct?: Verdict;
  /** How long it took directly. */
  ms?: number;
  through?: Verdict;
  /** What the runner says about a failure through sluice. */
  detail?: string;
}
interface Test {
  /** As the runner calls it: suite.test. */
  readonly name: string;
  readonly file: string;
}

async function main(): Promise<void> {
  const statePath = process.env.SLUICE_MTR_STATE;
  const state = new Map<string, Outcome>(
    statePath !== undefined && existsSync(statePath)
      ? Object.entries(JSON.parse(readFileSync(statePath, 'utf8')) as Record<string, Outcome>)
      : [],
  );
  const wanted = tests();
  const folder = temporaryFolder('mtr', existsSync('/dev/shm') ? '/dev/shm' : undefined);
  const sluice = await SluiceProcess.start({
    mysqlVariables: {
      enable_load_data_local_infile: 'true',
      server_version: '10.11.19-MariaDB',
      max_connections: '2000',
      // Most tests begin without a schema.
      default_schema: '',
      // Many tests wait until the server's sessions are as few as before.
      connection_max_age_ms: '500',
    },
    users: [{ username: 'root', password: '', default_hostgroup: 0, max_connections: 2000 }],
    servers: [{ address: '127.0.0.1', port: portOf('through'), hostgroup: 0, max_connections: 500 }],
  });
  try {
    await useCertificates(sluice);
    writeAccounts(folder, wanted);
    const clients = {
      direct: clientFolder(folder, portOf('direct')),
      through: clientFolder(folder, sluice.mysqlPort, sluice.adminPort),
    };
    const again = process.env.SLUICE_MTR_AGAIN !== undefined;
    const quick = Number(process.env.SLUICE_MTR_QUICK ?? Number.POSITIVE_INFINITY);
    const repeated = new Set<string>();
    const left = {
      direct: ({ name }: Test): boolean => !again && state.get(name)?.direct === undefined,
      through: ({ name }: Test): boolean => {
        const { direct, ms = 0, through } = state.get(name) ?? {};
        if (direct !== 'pass' || ms > quick) return false;
        return again ? through !== undefined && through !== 'pass' && !repeated.has(name) : through === undefined;
      },
    };
    const deadline = Date.now() + 1000 * Number(process.env.SLUICE_MTR_SECONDS ?? 86_400);
    const playBatch = async (side: Side): Promise<boolean> => {
      const duration = ({ name }: Test): number => state.get(name)?.ms ?? 0;
      const names = wanted
        .filter(left[side])
        .sort((a, b) => duration(a) - duration(b))
        .slice(0, BATCH);
      if (names.length === 0) return false;
      const played = await play(
        names.map(({ name }) => name),
        clients[side],
        side,
        folder,
      );
      for (const [name, { verdict, ms, detail }] of played) {
        const outcome = { ...state.get(name), [side]: verdict };
        state.set(name, side === 'direct' ? { ...outcome, ms } : { ...outcome, detail });
        repeated.add(name);
      }
      if (statePath !== undefined) writeFileSync(statePath, JSON.stringify(Object.fromEntries(state), null, 1));
      return true;
    };
    let directly = true;
    const playDirect = async (): Promise<void> => {
      while (Date.now() < deadline) {
        if (wanted.filter(left.through).length > 2 * BATCH) await setTimeout(1000);
        else if (!(await playBatch('direct'))) break;
      }
      directly = false;
    };
    const playThrough = async (): Promise<void> => {
      while (Date.now() < deadline) {
        if (await playBatch('through')) continue;
        if (!directly) return;
        await setTimeout(1000);
      }
    };
    await Promise.all([playDirect(), playThrough()]);
  } finally {
    await sluice.stop();
    removeFolder(folder);
    for (const suite of suites()) removeRejects(suite);
  }
  summarise(
    wanted.map(({ name }) => name),
    state,
  );
}

/** mysqltest trusts the runner's authority alone. */
async function useCertificates(sluice: SluiceProcess): Promise<void> {
  const files = { ca: 'cacert', cert: 'server-cert', key: 'server-key' };
  for (const [kind, file] of Object.entries(files)) {
    copyFileSync(join(ROOT, 'std_data', `${file}.pem`), join(sluice.dataDir, `proxysql-${kind}.pem`));
  }
  await sluice.admin('PROXYSQL RELOAD TLS');
}

const suites = (): readonly string[] => (process.env.SLUICE_MTR_SUITES ?? 'main').split(',');

/** Where the tests of a suite are: two layouts are in use. */
function suiteFolder(suite: string): string {
  if (suite === 'main') return join(ROOT, 'main');
  const folder = join(ROOT, 'suite', suite);
  return existsSync(join(folder, 't')) ? join(folder, 't') : folder;
}

/** Tests that want a server with options of their own come last: each costs a restart. */
function tests(): Test[] {
  const words = process.argv.slice(2);
  return suites()
    .flatMap((suite) => {
      const folder = suiteFolder(suite);
      const files = readdirSync(folder);
      const all = new Set(files);
      const restarts = (file: string): number => {
        const stem = file.slice(0, -'.test'.length);
        return ['-master.opt', '.opt', '.cnf', '.combinations'].some((ending) => all.has(stem + ending)) ? 1 : 0;
      };
      return files
        .filter((file) => file.endsWith('.test') && !NOT_FOR_PROXIES.test(file))
        .sort((a, b) => restarts(a) - restarts(b))
        .map((file) => ({ name: `${suite}.${file.slice(0, -'.test'.length)}`, file: join(folder, file) }));
    })
    .filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
    .filter((_, index) => index % Number(process.env.SLUICE_MTR_EVERY ?? 1) === 0)
    .slice(Number(process.env.SLUICE_MTR_FROM ?? 0));
}

/** The runner leaves what a failed test printed beside its expected result. */
function removeRejects(suite: string): void {
  const folders = [suiteFolder(suite), join(ROOT, 'suite', suite, 'r')].filter((folder) => existsSync(folder));
  for (const folder of folders) {
    for (const file of readdirSync(folder)) if (file.endsWith('.reject')) rmSync(join(folder, file));
  }
}

/** A login that is to fail has `--error` on the line before. */
const CONNECT = /(?<!^\s*--\s*error[^\n]*\n)^\s*(?:--)?\s*connect\s*\(?([^);\n]*)/gim;
const CHANGE_USER = /(?<!^\s*--\s*error[^\n]*\n)^\s*(?:--)?\s*change_user\s+([^;\n]*)/gim;

/** What gives sluice the accounts of each test, as a file of admin statements named after the test's file. */
function writeAccounts(folder: string, wanted: readonly Test[]): void {
  for (const { file } of wanted) {
    const script = readFileSync(file, 'latin1');
    const accounts = new Map([['root', '']]);
    const add = (user = '', password = ''): void => {
      if (/^[\w@.-]+$/.test(user) && /^[^'$`]*$/.test(password) && !accounts.has(user)) accounts.set(user, password);
    };
    const words = (list = ''): string[] => list.split(',').map((word) => word.trim().replace(/^(["'])(.*)\1$/, '$2'));
    for (const [, list] of script.matchAll(CONNECT)) add(...words(list).slice(2, 4));
    for (const [, list] of script.matchAll(CHANGE_USER)) add(...words(list).slice(0, 2));
    const rows = [...accounts].map(([user, password]) => `('${user}','${password}',2000)`);
    const sql = `DELETE FROM mysql_users; INSERT INTO mysql_users (username,password,max_connections) VALUES ${rows}; LOAD MYSQL USERS TO RUNTIME;`;
    writeFileSync(accountsFile(folder, file), sql);
  }
}

const accountsFile = (folder: string, testFile: string): string => join(folder, `${testFile.replaceAll('/', '_')}.sql`);

/** All of MariaDB's programs, and a `mysqltest` that goes to this port, after telling this admin port of the accounts. */
function clientFolder(folder: string, port: number, adminPort?: number): string {
  const bin = join(folder, `bin-${port}`);
  mkdirSync(bin);
  for (const name of readdirSync('/usr/bin')) {
    if (/^(mariadb|mysql|my_print|aria|myisam|perror|replace|resolve|wsrep|galera|innochecksum|garb)/.test(name)) {
      if (!/^(mariadb-test|mysqltest)$/.test(name)) symlinkSync(join('/usr/bin', name), join(bin, name));
    }
  }
  const accounts = `for a in "$@"; do case $a in --test-file=*) f="${folder}/$(printf %s "\${a#--test-file=}" | tr / _).sql"; [ -f "$f" ] && mariadb --no-defaults -h127.0.0.1 -P${adminPort} -uadmin -padmin < "$f" >/dev/null;; esac; done`;
  const script = `#!/bin/sh\n${adminPort === undefined ? '' : accounts}\nexec /usr/bin/mariadb-test "$@" --protocol=tcp --host=127.0.0.1 --port=${port}\n`;
  for (const name of ['mariadb-test', 'mysqltest']) {
    writeFileSync(join(bin, name), script);
    chmodSync(join(bin, name), 0o755);
  }
  return bin;
}

interface Played {
  readonly verdict: Verdict;
  readonly ms: number;
  readonly detail: string;
}

async function play(
  names: readonly string[],
  clients: string,
  side: Side,
  folder: string,
): Promise<ReadonlyMap<string, Played>> {
  const runner = spawn(
    'perl',
    [
      './mariadb-test-run.pl',
      '--force',
      '--max-test-fail=0',
      '--retry=0',
      '--nowarnings',
      '--nocheck-testcases',
      '--skip-rpl',
      '--testcase-timeout=1',
      '--max-save-core=0',
      '--max-save-datadir=0',
      `--vardir=${join(folder, `var-${side}`)}`,
      `--client-bindir=${clients}`,
      ...names,
    ],
    {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, MTR_BUILD_THREAD: `${BUILD_THREAD[side]}` },
    },
  );
  const played = new Map<string, Played>(names.map((name) => [name, { verdict: 'skip', ms: 0, detail: 'not played' }]));
  let failing: string | undefined;
  for await (const line of createInterface({ input: runner.stdout })) failing = take(line, side, played, failing);
  if (runner.exitCode === null && runner.signalCode === null) await once(runner, 'exit');
  return played;
}

const RESULT_LINE = /^(\S+\.\S+)(?: '[^']*')?(?: w\d+)?\s+\[ (pass|fail|skipped|disabled|exp-fail) \](?:\s+(\d+))?/;

/**
 * Takes one line of what the runner says; returns the test whose failure the next lines tell about. A test with several
 * combinations of options passes when each does.
 */
function take(line: string, side: Side, played: Map<string, Played>, failing: string | undefined): string | undefined {
  const [, name, word, ms] = RESULT_LINE.exec(line) ?? [];
  if (name === undefined) {
    const known = failing === undefined ? undefined : played.get(failing);
    if (failing !== undefined && known !== undefined && known.detail.length < DETAIL_BYTES_MAX) {
      played.set(failing, { ...known, detail: `${known.detail}\n${line}` });
    }
    return failing;
  }
  const verdict = word === 'pass' ? 'pass' : word === 'fail' ? 'fail' : 'skip';
  const before = played.get(name)?.verdict ?? 'skip';
  if (before === 'skip' || verdict === 'fail') {
    if (word === 'pass' || word === 'fail') console.log(side, line);
    played.set(name, { verdict, ms: Number(ms ?? 0), detail: verdict === 'fail' ? line : '' });
  }
  return verdict === 'fail' ? name : undefined;
}

/** What no proxy of this kind can do, by the traces it leaves; README.md says more. */
const REASONS: readonly (readonly [string, RegExp])[] = [
  ['an account that only the server knows', /ProxySQL Error: Access denied/],
  ['the server is restarted under its clients', /shutdown_server|restart_mysqld|wait_until_(dis)?connected/],
  ["numbers of the server's threads", /connection_id|thread_id|processlist/i],
];

function summarise(names: readonly string[], state: ReadonlyMap<string, Outcome>): void {
  const known = names.flatMap((name) => {
    const outcome = state.get(name);
    return outcome?.direct === undefined || outcome.through === undefined ? [] : [{ name, ...outcome }];
  });
  const passing = known.filter(({ direct }) => direct === 'pass');
  const lost = passing.filter(({ through }) => through !== 'pass');
  const count = (verdict: Verdict): number => known.filter(({ direct }) => direct === verdict).length;
  const gained = known.filter(({ direct, through }) => direct === 'fail' && through === 'pass');
  console.log(`${names.length} tests, ${known.length} played`);
  console.log(`directly: ${passing.length} pass, ${count('fail')} fail, ${count('skip')} do not apply`);
  console.log(`pass through sluice alone: ${gained.length} ${gained.map(({ name }) => name).join(' ')}`);
  console.log(`through sluice: ${passing.length - lost.length} of the ${passing.length} pass, ${lost.length} do not:`);
  for (const { name, through, detail } of lost) {
    const [reason] = REASONS.find(([, pattern]) => pattern.test(detail ?? '')) ?? ['NOT EXPLAINED'];
    console.log(`  ${name} ${through}: ${reason}`);
  }
}

if (process.env.SLUICE_MTR_INSIDE === undefined) {
  const again = [
    ...NAMESPACES,
    'sh',
    '-c',
    'ip link set lo up; exec "$@"',
    'sh',
    process.execPath,
    ...process.argv.slice(1),
  ];
  const child = spawn('unshare', again, { stdio: 'inherit', env: { ...process.env, SLUICE_MTR_INSIDE: '1' } });
  // It waits for what it started and heeds no other signal.
  process.once('SIGTERM', () => child.kill('SIGKILL'));
  child.once('exit', (code) => process.exit(code ?? 1));
} else {
  await main();
  process.exit(0);
}
