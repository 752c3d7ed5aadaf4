/**
 * The tests of MariaDB's own suite (Debian's packages mariadb-test and mariadb-test-data) as MariaDB runs them, directly
 * and through sluice: what passes directly must pass through sluice. A program, not a test of the suite:
 *
 *   node dist/test/suites/mtr.js [NAME…]      tests whose name contains a word; all of the suite `main` without one
 *
 * MariaDB's test runner starts the servers a test wants, in network and process namespaces of their own, so it needs
 * root. Only the program `mysqltest` is led elsewhere: to sluice, whose server is the runner's.
 * SLUICE_MTR_EVERY=8 takes every eighth test. SLUICE_MTR_STATE names a file with what is known already: a run goes on where
 * the last one ended, after SLUICE_MTR_SECONDS at the latest. SLUICE_MTR_AGAIN=1 repeats what failed only through sluice.
 */
import { execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { removeFolder, temporaryFolder } from '../helpers/reaper.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';

const SUITE = '/usr/share/mysql/mysql-test';
const NAMESPACES = ['--net', '--pid', '--fork', '--kill-child=KILL', '--mount-proc'];
/** The runner numbers its ports by build thread: 10000 + 30 × this is the first server's. */
const BUILD_THREAD = 600;
const SERVER_PORT = 10_000 + 30 * BUILD_THREAD;
/** Tests of one run of the runner, which takes seconds to begin. */
const BATCH = Number(process.env.SLUICE_MTR_BATCH ?? 25);
const OUTPUT_BYTES_MAX = 1 << 28;
const DETAIL_BYTES_MAX = 3000;
/** Servers for replication and clusters, which no proxy stands in front of. */
const NOT_FOR_PROXIES = /rpl|wsrep|galera|shutdown|crash|mysqld--help|bootstrap|mysql_install|upgrade|large_tests/;

type Verdict = 'pass' | 'fail' | 'skip';
interface Outcome {
  readonly direct: Verdict;
  readonly through?: Verdict;
  /** What the runner says about a failure through sluice. */
  readonly detail?: string;
}

async function main(): Promise<void> {
  const statePath = process.env.SLUICE_MTR_STATE;
  const state = new Map<string, Outcome>(
    statePath !== undefined && existsSync(statePath)
      ? Object.entries(JSON.parse(readFileSync(statePath, 'utf8')) as Record<string, Outcome>)
      : [],
  );
  const wanted = testNames();
  const again = process.env.SLUICE_MTR_AGAIN !== undefined;
  const left = wanted.filter((name) => {
    const known = state.get(name);
    return again ? known?.direct === 'pass' && known.through !== 'pass' : known === undefined;
  });
  const deadline = Date.now() + 1000 * Number(process.env.SLUICE_MTR_SECONDS ?? 86_400);
  const folder = temporaryFolder('mtr');
  const sluice = await SluiceProcess.start({
    mysqlVariables: {
      enable_load_data_local_infile: 'true',
      server_version: '10.11.19-MariaDB',
      max_connections: '2000',
    },
    users: [{ username: 'root', password: '', default_hostgroup: 0, max_connections: 2000 }],
    servers: [{ address: '127.0.0.1', port: SERVER_PORT, hostgroup: 0, max_connections: 500 }],
  });
  try {
    const clients = { direct: clientFolder(folder, SERVER_PORT), through: clientFolder(folder, sluice.mysqlPort) };
    while (left.length > 0 && Date.now() < deadline) {
      const batch = left.splice(0, BATCH);
      const direct = again ? new Map(batch.map((name) => [name, PASSED])) : await play(batch, clients.direct, folder);
      const passing = batch.filter((name) => direct.get(name)?.verdict === 'pass');
      const through = await play(passing, clients.through, folder);
      for (const name of batch) {
        const alone = direct.get(name)?.verdict ?? 'skip';
        const { verdict, detail } = through.get(name) ?? { verdict: 'skip' as const, detail: 'not played' };
        state.set(name, alone === 'pass' ? { direct: alone, through: verdict, detail } : { direct: alone });
        if (alone === 'pass' && verdict !== 'pass') console.log(`${name}: ${verdict} through sluice\n${detail}\n`);
      }
      if (statePath !== undefined) writeFileSync(statePath, JSON.stringify(Object.fromEntries(state), null, 1));
    }
  } finally {
    await sluice.stop();
    removeFolder(folder);
  }
  summarise(wanted, state);
}

const PASSED = { verdict: 'pass', detail: '' } as const;

/** Tests that want a server with options of their own come last: each costs a restart. */
function testNames(): string[] {
  const words = process.argv.slice(2);
  const files = readdirSync(join(SUITE, 'main'));
  const all = new Set(files);
  const restarts = (file: string): number => {
    const stem = file.slice(0, -'.test'.length);
    return ['-master.opt', '.opt', '.cnf', '.combinations'].some((ending) => all.has(stem + ending)) ? 1 : 0;
  };
  return files
    .filter((file) => file.endsWith('.test') && !NOT_FOR_PROXIES.test(file))
    .sort((a, b) => restarts(a) - restarts(b))
    .map((file) => `main.${file.slice(0, -'.test'.length)}`)
    .filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
    .filter((_, index) => index % Number(process.env.SLUICE_MTR_EVERY ?? 1) === 0);
}

/** All of MariaDB's programs, and a `mysqltest` that goes to this port. */
function clientFolder(folder: string, port: number): string {
  const bin = join(folder, `bin-${port}`);
  mkdirSync(bin);
  for (const name of readdirSync('/usr/bin')) {
    if (/^(mariadb|mysql|my_print|aria|myisam|perror|replace|resolve|wsrep|galera|innochecksum|garb)/.test(name)) {
      if (!/^(mariadb-test|mysqltest)$/.test(name)) symlinkSync(join('/usr/bin', name), join(bin, name));
    }
  }
  const script = `#!/bin/sh\nexec /usr/bin/mariadb-test "$@" --protocol=tcp --host=127.0.0.1 --port=${port}\n`;
  for (const name of ['mariadb-test', 'mysqltest']) {
    writeFileSync(join(bin, name), script);
    chmodSync(join(bin, name), 0o755);
  }
  return bin;
}

interface Played {
  readonly verdict: Verdict;
  readonly detail: string;
}

async function play(names: readonly string[], clients: string, folder: string): Promise<Map<string, Played>> {
  if (names.length === 0) return new Map();
  const running = promisify(execFile)(
    'perl',
    [
      './mariadb-test-run.pl',
      '--force',
      '--max-test-fail=0',
      '--retry=0',
      '--nowarnings',
      '--nocheck-testcases',
      '--skip-rpl',
      '--testcase-timeout=2',
      `--vardir=${join(folder, 'var')}`,
      `--client-bindir=${clients}`,
      ...names,
    ],
    {
      cwd: SUITE,
      maxBuffer: OUTPUT_BYTES_MAX,
      env: { ...process.env, MTR_BUILD_THREAD: `${BUILD_THREAD}` },
    },
  );
  const { stdout } = await running.catch((error: { stdout: string }) => error);
  return outcomes(stdout);
}

const RESULT_LINE = /^(\S+\.\S+)(?: '[^']*')?(?: w\d+)?\s+\[ (pass|fail|skipped|disabled|exp-fail) \]/;

/** A test with several combinations of options passes when each does. */
function outcomes(output: string): Map<string, Played> {
  const played = new Map<string, Played>();
  let current: string | undefined;
  for (const line of output.split('\n')) {
    const [, name, word] = RESULT_LINE.exec(line) ?? [];
    if (name === undefined) {
      const known = current === undefined ? undefined : played.get(current);
      if (current !== undefined && known?.verdict === 'fail' && known.detail.length < DETAIL_BYTES_MAX) {
        played.set(current, { verdict: 'fail', detail: `${known.detail}\n${line}` });
      }
      continue;
    }
    const before = played.get(name);
    const verdict = word === 'pass' ? 'pass' : word === 'fail' ? 'fail' : 'skip';
    current = verdict === 'fail' ? name : undefined;
    if (before === undefined || verdict === 'fail' || before.verdict === 'skip') {
      played.set(name, { verdict, detail: verdict === 'fail' ? line : '' });
    }
  }
  return played;
}

/** What no proxy of this kind can do, by the traces it leaves; README.md says more. */
const REASONS: readonly (readonly [string, RegExp])[] = [
  ['an account that only the server knows', /ProxySQL Error: Access denied/],
  ['the server is restarted under its clients', /shutdown_server|restart_mysqld|wait_until_(dis)?connected/],
  ["numbers of the server's threads", /connection_id|thread_id|processlist/i],
  ['a login without a schema is in mysql-default_schema', /^[-+].*information_schema|ER_NO_DB_ERROR/m],
];

function summarise(names: readonly string[], state: ReadonlyMap<string, Outcome>): void {
  const known = names.flatMap((name) => {
    const outcome = state.get(name);
    return outcome === undefined ? [] : [{ name, ...outcome }];
  });
  const passing = known.filter(({ direct }) => direct === 'pass');
  const lost = passing.filter(({ through }) => through !== 'pass');
  const count = (verdict: Verdict): number => known.filter(({ direct }) => direct === verdict).length;
  console.log(`${names.length} tests, ${known.length} played`);
  console.log(`directly: ${passing.length} pass, ${count('fail')} fail, ${count('skip')} do not apply`);
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
