/**
 * Private MariaDB servers for a test: initialised once per run, copied per server, gone afterwards.
 * It knows nothing of sluice.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import mysql, { type Connection } from 'mysql2/promise';
import { OutputLines } from './output-lines.ts';
import { freePort } from './ports.ts';
import { endProcess, reapProcess, removeFolder, temporaryFolder } from './reaper.ts';
import { within } from './wait.ts';

export interface MariadbOptions {
  /** Statements run as root when the server is up; accounts, schemas, rows. */
  readonly setup?: readonly string[];
  /** More options of mariadbd, e.g. `--max-connections=5`. */
  readonly args?: readonly string[];
}

export interface DatabaseServer {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** A connection as root, past any proxy. The caller ends it. */
  connect(database?: string): Promise<Connection>;
  /** Runs statements as root and returns the rows of the last one. */
  query(...statements: string[]): Promise<Record<string, unknown>[]>;
  /** Stops it at once, as a crash would; a backend that dies. */
  kill(): Promise<void>;
  /** Kills it and starts it again on the same port and data; of MariaDB only. */
  restart(): Promise<void>;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

/** Options that must be the same when the data directory is made and when it is used. */
const FORMAT_ARGS = ['--innodb-log-file-size=4M'];

/** A server that forgets at once and takes little: nothing here must survive a crash of the machine. */
const LEAN_ARGS = [
  '--bind-address=127.0.0.1',
  '--skip-name-resolve',
  '--character-set-server=utf8mb4',
  '--skip-log-bin',
  '--performance-schema=OFF',
  '--innodb-buffer-pool-size=32M',
  // The default ones take a third of a start: mariadbd touches all of their memory.
  '--key-buffer-size=1M',
  '--aria-pagecache-buffer-size=1M',
  '--innodb-flush-log-at-trx-commit=0',
  '--innodb-doublewrite=0',
  '--innodb-fast-shutdown=2',
  '--max-allowed-packet=256M',
  '--max-connections=500',
];

const CONFLICT_RETRIES = 5;

function asRoot(): string[] {
  return process.getuid?.() === 0 ? ['--user=root'] : [];
}

/** Starts one server. About 150 ms, plus the copy of the data directory. */
export async function startMariadb(options: MariadbOptions = {}): Promise<DatabaseServer> {
  const folder = await prepareMariadbFolder();
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      const start = (): Promise<ChildProcess> => launch(folder, port, options.args ?? []);
      const server = databaseServer(await start(), port, folder, start);
      if (options.setup !== undefined) await server.query(...options.setup);
      return server;
    } catch (error) {
      if (attempt === CONFLICT_RETRIES || !String(error).includes('Address already in use')) throw error;
    }
  }
}

/** Starts several servers at once; when one fails the others are stopped. */
export async function startMariadbs(count: number, options: MariadbOptions = {}): Promise<DatabaseServer[]> {
  await dataDirectoryTemplate();
  const started = await Promise.allSettled(Array.from({ length: count }, () => startMariadb(options)));
  const failed = started.find((result) => result.status === 'rejected');
  const servers = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  if (failed === undefined) return servers;
  await Promise.all(servers.map((server) => server.stop()));
  throw failed.reason;
}

/** A folder with a data directory of its own, for mariadbdArgs. */
export async function prepareMariadbFolder(): Promise<string> {
  const template = await dataDirectoryTemplate();
  const folder = temporaryFolder('mariadb');
  await cp(template, join(folder, 'data'), { recursive: true });
  return folder;
}

/** How mariadbd is started on a prepared folder; its socket is `mariadb.sock` there. */
export function mariadbdArgs(folder: string, port: number, args: readonly string[] = []): readonly string[] {
  return [
    '--no-defaults',
    ...asRoot(),
    `--datadir=${join(folder, 'data')}`,
    `--socket=${join(folder, 'mariadb.sock')}`,
    `--pid-file=${join(folder, 'mariadb.pid')}`,
    `--tmpdir=${folder}`,
    `--port=${port}`,
    ...FORMAT_ARGS,
    ...LEAN_ARGS,
    ...args,
  ];
}

async function launch(folder: string, port: number, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn('mariadbd', mariadbdArgs(folder, port, args), {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  reapProcess(child);
  const output = new OutputLines(child);
  try {
    await within(
      output.waitFor((line) => line.includes('ready for connections')),
      'mariadbd is up',
      60_000,
    );
  } catch (error) {
    await endProcess(child, 'SIGKILL');
    throw error;
  }
  child.unref();
  return child;
}

/** The operations every kind of server has; also used for MySQL 9. */
export function databaseServer(
  first: ChildProcess,
  port: number,
  folder: string,
  startAgain?: () => Promise<ChildProcess>,
): DatabaseServer {
  let child = first;
  const host = '127.0.0.1';
  const connect = (database?: string): Promise<Connection> =>
    mysql.createConnection({ host, port, user: 'root', multipleStatements: true, ...(database && { database }) });
  return {
    host,
    port,
    get pid() {
      return child.pid ?? 0;
    },
    connect,
    async query(...statements) {
      const connection = await connect();
      try {
        let rows: unknown = [];
        for (const statement of statements) [rows] = await connection.query(statement);
        return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
      } finally {
        await connection.end();
      }
    },
    async kill() {
      await endProcess(child, 'SIGKILL');
    },
    async restart() {
      if (startAgain === undefined) throw new Error('this server cannot be started again');
      await endProcess(child, 'SIGKILL');
      child = await startAgain();
    },
    async stop() {
      await endProcess(child, 'SIGKILL');
      removeFolder(folder);
    },
  };
}

let template: Promise<string> | undefined;

/**
 * An initialised data directory to copy. It is shared by the files of a run when the runner names a folder; otherwise it is
 * this process's own.
 */
export function dataDirectoryTemplate(): Promise<string> {
  template ??= makeTemplate();
  return template;
}

async function makeTemplate(): Promise<string> {
  const shared = process.env.SLUICE_TEST_RUN_DIR;
  const ready = shared === undefined ? undefined : join(shared, 'mariadb-template');
  if (ready !== undefined && existsSync(ready)) return ready;
  const folder = temporaryFolder('mariadb-template');
  const mine = join(folder, 'data');
  await promisify(execFile)(
    'mariadb-install-db',
    [
      '--no-defaults',
      ...asRoot(),
      `--datadir=${mine}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      ...FORMAT_ARGS,
    ],
    // Two of them at once would trip over each other's temporary tables in a shared folder.
    { env: { ...process.env, TMPDIR: folder } },
  );
  if (shared === undefined || ready === undefined) return mine;
  // Two files may get here at once: the first rename wins, the other one keeps its own.
  await mkdir(shared, { recursive: true });
  try {
    await rename(mine, ready);
    return ready;
  } catch {
    return existsSync(ready) ? ready : mine;
  }
}
