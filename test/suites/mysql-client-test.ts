/**
 * MariaDB's test of its C client library (`mysql_client_test` of Debian's package mariadb-test) through sluice and without
 * it, each of its tests in a process of its own. A program, not a test of the suite:
 *
 *   node dist/test/suites/mysql-client-test.js [WORD…]
 */
import { execFileSync, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { type DatabaseServer, startMariadbs } from '../helpers/mariadb.ts';
import { removeFolder, temporaryFolder } from '../helpers/reaper.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';

const PROGRAM = 'mysql_client_test';
const PATIENCE_S = 60;

interface Outcome {
  readonly passed: boolean;
  readonly detail: string;
}

async function run(name: string, port: number, folder: string): Promise<Outcome> {
  const child = spawn(
    'timeout',
    [
      `${PATIENCE_S}`,
      PROGRAM,
      '--no-defaults',
      '--silent',
      '--testcase',
      '--getopt-ll-test=25600M',
      '--user=root',
      '--host=127.0.0.1',
      `--port=${port}`,
      `--vardir=${folder}`,
      name,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, MYSQL_TMP_DIR: folder, MYSQLTEST_VARDIR: folder } },
  );
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [code, out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  const said = `${out}${err}`.trim().split('\n').slice(-3).join(' | ');
  return { passed: code === 0, detail: code === 124 ? `hangs: ${said}` : said };
}

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  const names = execFileSync(PROGRAM, ['--no-defaults', '--show-tests'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.startsWith('test_'))
    .filter((name) => words.length === 0 || words.some((word) => name.includes(word)));
  const folder = temporaryFolder('mysql-client-test');
  const servers = await startMariadbs(2, {
    setup: ['CREATE DATABASE test'],
    args: [
      '--character-set-server=latin1',
      '--collation-server=latin1_swedish_ci',
      '--max-allowed-packet=32000000',
      '--general-log',
      `--general-log-file=${folder}/master.log`,
      '--log-output=FILE,TABLE',
      '--proxy-protocol-networks=*',
      '--secure-file-priv=',
      '--local-infile=1',
    ],
  });
  const [direct, behind] = servers as [DatabaseServer, DatabaseServer];
  const sluice = await SluiceProcess.start({
    mysqlVariables: {
      enable_load_data_local_infile: 'true',
      server_version: '10.11.19-MariaDB',
      proxy_protocol_networks: '*',
      default_schema: '',
    },
    users: [
      { username: 'root', password: '', default_hostgroup: 0 },
      // Made by test_change_user.
      { username: 'mysqltest_pw', password: 'password', default_hostgroup: 0 },
      { username: 'mysqltest_no_pw', password: '', default_hostgroup: 0 },
    ],
    servers: [{ address: behind.host, port: behind.port, hostgroup: 0, max_connections: 200 }],
  });
  let both = 0;
  let neither = 0;
  const lost: string[] = [];
  const gained: string[] = [];
  try {
    for (const name of names) {
      // A test that fails leaves its tables.
      for (const server of servers) await server.query('DROP DATABASE IF EXISTS client_test_db');
      const alone = await run(name, direct.port, folder);
      const through = await run(name, sluice.mysqlPort, folder);
      if (alone.passed && through.passed) both += 1;
      else if (alone.passed) {
        lost.push(`${name}: ${through.detail}`);
        console.log(`${name}: ${through.detail}`);
      } else if (through.passed) gained.push(name);
      else neither += 1;
    }
  } finally {
    await sluice.stop();
    await Promise.all(servers.map((server) => server.stop()));
    removeFolder(folder);
  }
  console.log(`${names.length} tests: ${both} pass both ways, ${neither} fail both ways`);
  console.log(`only through sluice ${lost.length} fail, ${gained.length} pass ${gained.join(' ')}`);
  for (const line of lost) console.log(`  ${line}`);
}

await main();
process.exit(0);
