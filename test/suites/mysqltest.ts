/**
 * MariaDB's own tests (Debian's package mariadb-test) through sluice and without it: what fails only through sluice is
 * a defect of ours or a difference to be written down. A program, not a test of the suite:
 *
 *   node dist/test/suites/mysqltest.js [WORD…]      only tests whose name contains a word
 *
 * SLUICE_MYSQLTEST_LIMIT stops after so many tests, SLUICE_MYSQLTEST_EVERY takes every n-th only.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import mysql from 'mysql2/promise';
import { startMariadbs } from '../helpers/mariadb.ts';
import { removeFolder, temporaryFolder } from '../helpers/reaper.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';

const SUITE = process.env.SLUICE_MYSQLTEST_DIR ?? '/usr/share/mysql/mysql-test';
const EVERY = Number(process.env.SLUICE_MYSQLTEST_EVERY ?? 1);
const LIMIT = Number(process.env.SLUICE_MYSQLTEST_LIMIT ?? Number.POSITIVE_INFINITY);
const PATIENCE_S = 60;
/** What mysqltest exits with when a test does not apply here. */
const SKIPPED = 62;

type Verdict = 'pass' | 'skip' | 'fail';
interface Outcome {
  readonly verdict: Verdict;
  /** The last line mysqltest said. */
  readonly detail: string;
}

const USER = { user: 'root', password: '' } as const;

async function run(name: string, port: number, folder: string): Promise<Outcome> {
  await emptied(port);
  const result = join(SUITE, 'main', `${name}.result`);
  const child = spawn(
    'timeout',
    [
      `${PATIENCE_S}`,
      'mysqltest',
      '--no-defaults',
      '--silent',
      '--protocol=tcp',
      '--host=127.0.0.1',
      `--port=${port}`,
      '--user=root',
      '--database=test',
      `--tmpdir=${folder}`,
      `--logdir=${folder}`,
      `--basedir=${SUITE}`,
      `--test-file=${join(SUITE, 'main', `${name}.test`)}`,
      ...(existsSync(result) ? [`--result-file=${result}`] : []),
    ],
    {
      cwd: SUITE,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        MASTER_MYPORT: `${port}`,
        MYSQL_TEST_DIR: SUITE,
        MYSQLTEST_VARDIR: folder,
        MYSQL_TMP_DIR: folder,
      },
    },
  );
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [code, out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  const detail = `${out}${err}`.split('\n').find((line) => /mysqltest:|error|mismatch/i.test(line)) ?? `exit ${code}`;
  return { verdict: code === 0 ? 'pass' : code === SKIPPED ? 'skip' : 'fail', detail: detail.trim().slice(0, 200) };
}

/** The server as a test expects it: nothing but an empty schema test. */
async function emptied(port: number): Promise<void> {
  const connection = await mysql.createConnection({ ...USER, host: '127.0.0.1', port: serverOf.get(port) ?? port });
  try {
    const [schemas] = await connection.query<mysql.RowDataPacket[]>('SHOW DATABASES');
    for (const { Database: schema } of schemas) {
      if (/^(mysql|information_schema|performance_schema|sys)$/.test(schema)) continue;
      // What a test has left in the folder of a schema keeps it there; the next test finds it all the same.
      await connection.query(`DROP DATABASE \`${schema}\``).catch(() => undefined);
    }
    await connection.query('CREATE DATABASE IF NOT EXISTS test');
  } finally {
    await connection.end();
  }
}

/** Behind which port of sluice which server is. */
const serverOf = new Map<number, number>();

const words = process.argv.slice(2);
const names = readdirSync(join(SUITE, 'main'))
  .filter((file) => file.endsWith('.test'))
  .map((file) => file.slice(0, -'.test'.length))
  .filter((name) => existsSync(join(SUITE, 'main', `${name}.result`)))
  .filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
  .filter((_, index) => index % EVERY === 0)
  .slice(0, LIMIT);

const setup = ['CREATE DATABASE test', 'SET GLOBAL local_infile = 1'];
const [direct, behind] = await startMariadbs(2, {
  setup,
  args: [
    '--secure-file-priv=',
    '--character-set-server=latin1',
    '--collation-server=latin1_swedish_ci',
    '--default-storage-engine=MyISAM',
  ],
});
if (direct === undefined || behind === undefined) throw new Error('no servers');
const sluice = await SluiceProcess.start({
  mysqlVariables: { enable_load_data_local_infile: 'true' },
  users: [{ username: 'root', password: '', default_hostgroup: 0 }],
  servers: [{ address: behind.host, port: behind.port, hostgroup: 0, max_connections: 200 }],
});
serverOf.set(sluice.mysqlPort, behind.port);
const folder = temporaryFolder('mysqltest');
const counts = { both: 0, neither: 0, onlyDirect: [] as string[], onlyThrough: [] as string[], skipped: 0 };
try {
  for (const name of names) {
    const [alone, through] = [await run(name, direct.port, folder), await run(name, sluice.mysqlPort, folder)];
    console.log(`${name}: ${alone.verdict} directly, ${through.verdict} through sluice`);
    if (alone.verdict === 'skip') counts.skipped += 1;
    else if (alone.verdict === through.verdict) counts[alone.verdict === 'pass' ? 'both' : 'neither'] += 1;
    else if (alone.verdict === 'pass') {
      counts.onlyDirect.push(`${name}: ${through.detail}`);
      console.log(`  ${through.detail}`);
    } else counts.onlyThrough.push(name);
  }
} finally {
  await sluice.stop();
  await Promise.all([direct.stop(), behind.stop()]);
  removeFolder(folder);
}
console.log(
  `${names.length} tests: ${counts.both} pass both ways, ${counts.neither} fail both ways, ${counts.skipped} do not apply`,
);
console.log(`fail only through sluice: ${counts.onlyDirect.length}`);
for (const line of counts.onlyDirect) console.log(`  ${line}`);
console.log(`pass only through sluice: ${counts.onlyThrough.length} ${counts.onlyThrough.join(' ')}`);
process.exit(0);
