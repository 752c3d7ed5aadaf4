/**
 * The demo: a primary and two replicas made of embedded servers, and sluice in front of them, started from a config file
 * as anybody would. It owns the order of starting and ending; nothing of sluice is different because of it.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import type { CliOptions, DemoOptions } from '../src/cli-options.ts';
import { createEmbeddedServer, type EmbeddedServer } from '../src/embedded/embedded-server.ts';
import { run } from '../src/main.ts';
import { clinicSql } from './clinic.ts';
import { ACCOUNTS, demoConfig } from './config.ts';
import { guide } from './guide.ts';

/** How long sluice may take until a query goes through it. */
const READY_TIMEOUT_MS = 30_000;
const READY_POLL_INTERVAL_MS = 50;

const REPLICAS = ['replica-1', 'replica-2'];

/** Runs the demo until it is stopped; returns the exit code. */
export async function runDemo(options: DemoOptions): Promise<number> {
  // The guide is to stay in sight; whoever wants the log asks for it.
  process.env.SLUICE_LOG_LEVEL ??= 'warn';
  const adminPort = await claimPort(options.adminPort);
  const mysqlPort = await claimPort(options.mysqlPort);
  if (adminPort === undefined) return portTaken(options.adminPort);
  if (mysqlPort === undefined) return portTaken(options.mysqlPort);

  const dataDir = openDataDir(options.dataDir);
  const servers = await startServers(join(dataDir, 'clinic.db'));
  try {
    const [primary, ...replicas] = servers;
    const configFile = join(dataDir, 'demo.cnf');
    const ports = { primaryPort: primary?.port ?? 0, replicaPorts: replicas.map(({ port }) => port) };
    writeFileSync(configFile, demoConfig({ dataDir, adminPort, mysqlPort, ...ports }), { mode: 0o600 });
    const running = run(runOptions(configFile, dataDir));
    const ended = new AbortController();
    const ready = untilReady(mysqlPort, ended.signal);
    const first = await Promise.race([ready, running.then(() => 'ended')]).finally(() => ended.abort());
    if (first === 'ready') process.stdout.write(guide({ adminPort, mysqlPort }));
    await running;
    return 0;
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
}

/** The port itself, a free one for 0, or undefined when somebody else has it. */
function claimPort(port: number): Promise<number | undefined> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once('error', () => done(undefined));
    probe.listen(port, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => done(typeof address === 'object' && address !== null ? address.port : undefined));
    });
  });
}

function portTaken(port: number): number {
  process.stderr.write(
    `Port ${port} of 127.0.0.1 is taken, perhaps by another sluice or ProxySQL: stop it, or let the demo take free ports:\n` +
      '  SLUICE_DEMO_ADMIN_PORT=0 SLUICE_DEMO_MYSQL_PORT=0 npm start\n',
  );
  return 1;
}

/** A temporary directory goes at the end, whichever way the process ends. */
function openDataDir(chosen: string | undefined): string {
  if (chosen !== undefined) {
    const dataDir = resolve(chosen);
    mkdirSync(dataDir, { recursive: true });
    for (const file of ['clinic.db', 'clinic.db-wal', 'clinic.db-shm']) rmSync(join(dataDir, file), { force: true });
    return dataDir;
  }
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-demo-'));
  process.once('exit', () => rmSync(dataDir, { recursive: true, force: true }));
  return dataDir;
}

/** The replicas read the primary's file: the fastest replication there is. */
async function startServers(file: string): Promise<readonly EmbeddedServer[]> {
  const shared = { schemas: { clinic: { file } }, passwordOf: (username: string) => ACCOUNTS[username] };
  const primary = await createEmbeddedServer({ ...shared, name: 'primary', initialSql: clinicSql() });
  const replicas = REPLICAS.map((name) => createEmbeddedServer({ ...shared, name, readOnly: true }));
  return [primary, ...(await Promise.all(replicas))];
}

function runOptions(configFile: string, dataDir: string): CliOptions {
  return Object.freeze({
    foreground: true,
    configFile,
    dataDir,
    // Every start is the first one: the backends have new ports.
    initial: true,
    reload: false,
    noStart: false,
    noMonitor: true,
    exitOnError: true,
    adminSocket: undefined,
    uuid: undefined,
    idleThreads: false,
    noVersionCheck: true,
    reusePort: false,
    sqlite3Server: false,
    workers: undefined,
  });
}

/** Resolves when the developer gets an answer through sluice, or nobody waits any more; rejects when it takes too long. */
async function untilReady(port: number, ended: AbortSignal): Promise<'ready' | 'ended'> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!ended.aborted) {
    try {
      const connection = await createConnection({ host: '127.0.0.1', port, user: 'developer', password: 'developer' });
      await connection.query('SELECT 1').finally(() => connection.end());
      return 'ready';
    } catch (error) {
      if (performance.now() > deadline) throw new Error('sluice did not become ready', { cause: error });
      await delay(READY_POLL_INTERVAL_MS);
    }
  }
  return 'ended';
}
