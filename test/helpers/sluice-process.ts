/**
 * sluice as its users run it: the built command line as a child process, on free ports, with its own data folder.
 * It knows the command line, the configuration file and the `ready` log line; nothing of what is inside.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import mysql, { type Connection, type ConnectionOptions } from 'mysql2/promise';
import { OutputLines } from './output-lines.ts';
import { endProcess, reapProcess, removeFolder, temporaryFolder } from './reaper.ts';
import { repositoryRoot } from './repository.ts';
import { within } from './wait.ts';

type Scalar = string | number | boolean;
export type ConfigRow = Readonly<Record<string, Scalar>>;

export interface SluiceOptions {
  /** Without the `admin-` prefix. */
  readonly adminVariables?: ConfigRow;
  /** Without the `mysql-` prefix. */
  readonly mysqlVariables?: ConfigRow;
  readonly servers?: readonly ConfigRow[];
  readonly users?: readonly ConfigRow[];
  readonly rules?: readonly ConfigRow[];
  /** Worker processes. Not said: 0, which serves traffic inside the primary and starts quickest. */
  readonly workers?: number | 'as by default';
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Let it make its own certificate, which takes a second, instead of the one all tests of a run share. */
  readonly ownCertificate?: boolean;
}

/** Address of one plane. */
export interface Ports {
  readonly admin: number;
  readonly mysql: number;
}

const CONFIG_FILE = 'sluice.cnf';

/** The built command line. */
export const CLI: string = join(repositoryRoot, 'dist', 'bin', 'sluice.js');

/** How long a start may take on a machine that is busy with other tests. */
const START_PATIENCE_MS = 30_000;

export class SluiceProcess {
  readonly host = '127.0.0.1';
  readonly dataDir: string;
  readonly #args: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess;
  #output: OutputLines;
  #ports: Ports = { admin: 0, mysql: 0 };

  private constructor(dataDir: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.dataDir = dataDir;
    this.#args = args;
    this.#env = env;
    this.#child = this.#spawn();
    this.#output = new OutputLines(this.#child);
  }

  /** Starts sluice and waits until both planes accept connections. */
  static async start(options: SluiceOptions = {}): Promise<SluiceProcess> {
    const dataDir = temporaryFolder('data');
    const configFile = join(dataDir, CONFIG_FILE);
    await writeFile(configFile, configText(options));
    if (options.ownCertificate !== true) await borrowCertificate(dataDir);
    const sluice = new SluiceProcess(
      dataDir,
      ['-f', '-M', '-c', configFile, '-D', dataDir, ...workersOption(options.workers), ...(options.args ?? [])],
      options.env ?? {},
    );
    await sluice.#untilReady();
    if (options.ownCertificate !== true) await lendCertificate(dataDir);
    return sluice;
  }

  get adminPort(): number {
    return this.#ports.admin;
  }

  get mysqlPort(): number {
    return this.#ports.mysql;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it logged since its last start. */
  get log(): OutputLines {
    return this.#output;
  }

  /** Runs statements on the admin plane, one command each, and returns the rows of the last one. */
  async admin(...statements: readonly string[]): Promise<Record<string, string | null>[]> {
    const connection = await this.connectAdmin();
    try {
      let answer: unknown = [];
      for (const statement of statements) [answer] = await connection.query(statement);
      return Array.isArray(answer) ? (answer as Record<string, string | null>[]) : [];
    } finally {
      await connection.end();
    }
  }

  /** A connection to the admin plane; the caller ends it. */
  connectAdmin(): Promise<Connection> {
    return mysql.createConnection({ host: this.host, port: this.adminPort, user: 'admin', password: 'admin' });
  }

  /** A client connection through the data plane; the caller ends it. */
  connect(options: ConnectionOptions): Promise<Connection> {
    return mysql.createConnection({ host: this.host, port: this.mysqlPort, ...options });
  }

  /** The process and its workers. */
  pids(): number[] {
    return [this.pid, ...descendants(this.pid)];
  }

  /** Resident memory of the process and its workers, in bytes. */
  residentBytes(): number {
    return this.pids().reduce((sum, pid) => sum + residentBytesOf(pid), 0);
  }

  /** `kill -9`: nothing of it gets to say goodbye. */
  async killHard(): Promise<void> {
    await endProcess(this.#child, 'SIGKILL');
  }

  /** Sends SIGTERM and returns the exit code. */
  terminate(): Promise<number | null> {
    return endProcess(this.#child, 'SIGTERM');
  }

  /** Replaces what the configuration file says; a running sluice does not notice. */
  async configure(options: SluiceOptions): Promise<void> {
    await writeFile(join(this.dataDir, CONFIG_FILE), configText(options));
  }

  /** Starts it again with the same command line, plus `args`, and data folder. The ports change. */
  async startAgain(...args: readonly string[]): Promise<void> {
    if (this.running) throw new Error('sluice is still running');
    this.#child = this.#spawn(args);
    this.#output = new OutputLines(this.#child);
    await this.#untilReady();
  }

  /** Ends it and removes its data. */
  async stop(): Promise<void> {
    await endProcess(this.#child, 'SIGTERM');
    removeFolder(this.dataDir);
  }

  #spawn(args: readonly string[] = []): ChildProcess {
    const child = spawn(process.execPath, [CLI, ...this.#args, ...args], {
      cwd: this.dataDir,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, SLUICE_OVERWRITE_LENT_READS: '1', ...this.#env },
      detached: true,
    });
    reapProcess(child);
    child.unref();
    return child;
  }

  async #untilReady(): Promise<void> {
    const line = await within(this.#output.waitFor(isReadyLine), 'sluice is ready', START_PATIENCE_MS).catch(
      async (error: unknown) => {
        await endProcess(this.#child, 'SIGKILL');
        throw new Error(`sluice did not start: ${String(error)}\n${this.#output}`);
      },
    );
    const ready = JSON.parse(line) as { admin: readonly string[]; mysql: readonly string[] };
    this.#ports = { admin: portOf(ready.admin[0]), mysql: ready.mysql.length === 0 ? 0 : portOf(ready.mysql[0]) };
  }
}

const CERTIFICATE_FILES = ['proxysql-ca.pem', 'proxysql-cert.pem', 'proxysql-key.pem'];

/** Takes the certificate of an earlier sluice of this run, when the runner names a folder and there is one. */
export async function borrowCertificate(dataDir: string): Promise<void> {
  const shared = sharedCertificateFolder();
  if (shared === undefined || !existsSync(shared)) return;
  await Promise.all(CERTIFICATE_FILES.map((file) => copyFile(join(shared, file), join(dataDir, file))));
}

/** Leaves the certificate for later ones, all files at once. */
async function lendCertificate(dataDir: string): Promise<void> {
  const shared = sharedCertificateFolder();
  if (shared === undefined || existsSync(shared)) return;
  const folder = await mkdtemp(`${shared}-`);
  await Promise.all(CERTIFICATE_FILES.map((file) => copyFile(join(dataDir, file), join(folder, file))));
  // Of two that get here at once the first one wins, which is as good.
  await rename(folder, shared).catch(() => undefined);
}

/** Where the certificate of this run is once there is one; undefined without a runner. */
export function sharedCertificateFolder(): string | undefined {
  const run = process.env.SLUICE_TEST_RUN_DIR;
  return run === undefined ? undefined : join(run, 'certificate');
}

function workersOption(workers: SluiceOptions['workers'] = 0): string[] {
  return workers === 'as by default' ? [] : ['--workers', `${workers}`];
}

function isReadyLine(line: string): boolean {
  return line.startsWith('{') && line.includes('"msg":"ready"');
}

function portOf(address: string | undefined): number {
  const port = Number(address?.slice(address.lastIndexOf(':') + 1));
  if (!Number.isInteger(port)) throw new Error(`no port in the address ${address}`);
  return port;
}

/** The configuration file; every interface on a port of the kernel's choice. */
function configText(options: SluiceOptions): string {
  const admin = { admin_credentials: 'admin:admin', mysql_ifaces: '127.0.0.1:0', ...options.adminVariables };
  const mysqlVariables = { interfaces: '127.0.0.1:0', ...options.mysqlVariables };
  return [
    `admin_variables = ${group(admin)}`,
    `mysql_variables = ${group(mysqlVariables)}`,
    `mysql_servers = ${list(options.servers ?? [])}`,
    `mysql_users = ${list(options.users ?? [])}`,
    `mysql_query_rules = ${list(options.rules ?? [])}`,
    '',
  ].join('\n');
}

function list(rows: readonly ConfigRow[]): string {
  return `( ${rows.map(group).join(',\n  ')} )`;
}

function group(row: ConfigRow): string {
  const settings = Object.entries(row).map(
    ([name, value]) => `${name} = ${typeof value === 'string' ? quoted(value) : value};`,
  );
  return `{ ${settings.join(' ')} }`;
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** Processes below one, all generations. Linux only, as are the servers the tests need. */
export function descendants(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  if (children === '') return [];
  return children.split(' ').flatMap((child) => [Number(child), ...descendants(Number(child))]);
}

/** Resident memory of one process, in bytes. */
export function residentBytesOf(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1024;
}
