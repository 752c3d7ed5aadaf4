/**
 * A private MySQL 9 from an unpacked root file system (environment variable SLUICE_MYSQL9_ROOT), started by chroot.
 * Tests that want one are left out where there is none.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { type DatabaseServer, databaseServer, type MariadbOptions } from './mariadb.ts';
import { OutputLines } from './output-lines.ts';
import { freePort } from './ports.ts';
import { endProcess, reapProcess, removeFolder, temporaryFolder } from './reaper.ts';
import { within } from './wait.ts';

/** Why the tests with MySQL 9 are left out here, or false when they are not; for the `skip` option of a test. */
export function missingMysql9(): string | false {
  const root = process.env.SLUICE_MYSQL9_ROOT;
  if (root === undefined || !existsSync(join(root, 'usr/sbin/mysqld'))) return 'SLUICE_MYSQL9_ROOT names no MySQL 9';
  return process.getuid?.() === 0 ? false : 'chroot needs root';
}

/** The `mysql` client of that root, as a command with its leading arguments. */
export function mysql9Client(): string[] {
  return ['chroot', requiredRoot(), 'mysql'];
}

const LEAN_ARGS = [
  '--bind-address=127.0.0.1',
  '--skip-name-resolve',
  '--skip-log-bin',
  '--mysqlx=OFF',
  '--performance-schema=OFF',
  '--secure-file-priv=',
  '--innodb-buffer-pool-size=64M',
  '--innodb-flush-log-at-trx-commit=0',
  '--innodb-doublewrite=0',
  '--innodb-fast-shutdown=2',
  '--max-allowed-packet=256M',
  '--max-connections=500',
];
const FORMAT_ARGS = ['--innodb-redo-log-capacity=8M'];

/** root may log in over TCP, which a fresh data directory does not allow. */
const INIT_SQL = `CREATE USER IF NOT EXISTS root@'%'; GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;`;

/** Starts one server with TLS on (it makes its certificate itself). About two seconds. */
export async function startMysql9(options: MariadbOptions = {}): Promise<DatabaseServer> {
  const root = requiredRoot();
  const folder = temporaryFolder('mysql9', join(root, 'var/lib'));
  await cp(await dataDirectoryTemplate(root), join(folder, 'data'), {
    recursive: true,
    // Without it a server gives itself a server_uuid, which no other one has.
    filter: (source) => basename(source) !== 'auto.cnf',
  });
  await writeFile(join(folder, 'init.sql'), `${INIT_SQL}\n`);
  const inside = folder.slice(root.length);
  const port = await freePort();
  const child = spawn(
    'chroot',
    [
      root,
      'mysqld',
      '--no-defaults',
      '--user=root',
      `--datadir=${inside}/data`,
      `--socket=${inside}/mysql.sock`,
      `--pid-file=${inside}/mysql.pid`,
      `--init-file=${inside}/init.sql`,
      // Not the one of this process, which is outside.
      `--tmpdir=${inside}`,
      `--port=${port}`,
      ...FORMAT_ARGS,
      ...LEAN_ARGS,
      ...(options.args ?? []),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  );
  reapProcess(child);
  const output = new OutputLines(child);
  try {
    await within(
      output.waitFor((line) => line.includes('ready for connections')),
      'MySQL 9 is up',
      60_000,
    );
  } catch (error) {
    await endProcess(child, 'SIGKILL');
    throw error;
  }
  child.unref();
  const server = databaseServer(child, port, folder);
  if (options.setup !== undefined) await server.query(...options.setup);
  return server;
}

/** Initialising takes several seconds, so the result stays in the unpacked root for later runs. */
async function dataDirectoryTemplate(root: string): Promise<string> {
  const ready = join(root, 'var/lib/sluice-template');
  if (existsSync(ready)) return ready;
  const folder = await mkdtemp(join(root, 'var/lib/sluice-initialising-'));
  const inside = folder.slice(root.length);
  await promisify(execFile)('chroot', [
    root,
    'mysqld',
    '--no-defaults',
    '--initialize-insecure',
    '--user=root',
    `--datadir=${inside}/data`,
    ...FORMAT_ARGS,
  ]);
  await rename(join(folder, 'data'), ready).catch((error: unknown) => {
    if (!existsSync(ready)) throw error;
  });
  removeFolder(folder);
  return ready;
}

function requiredRoot(): string {
  const root = process.env.SLUICE_MYSQL9_ROOT;
  if (root === undefined) throw new Error('SLUICE_MYSQL9_ROOT is not set');
  return root.replace(/\/+$/, '');
}
