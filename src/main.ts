/**
 * Composition root: which planes run in this process, what they are given, and how they end. The only file that
 * imports all three planes; it does so lazily, so that `sluice check` does not load the data plane.
 */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AdminPlane } from '../admin/index.ts';
import type { Publisher } from '../runtime/publisher.ts';
import type { Supervisor } from '../runtime/supervisor.ts';
import type { InProcessWorker } from '../runtime/transports/in-process.ts';
import { type CliOptions, DEFAULT_DATA_DIR, type FileProblem } from './cli-options.ts';
import type { TlsIdentity } from './net/tls.ts';
import { createLogger, type Logger } from './observe/logger.ts';

/** How long SIGTERM lets statements and transactions go on, in ms; Kubernetes kills after 30 s by default. */
export const drainDeadlineMs = 25_000;

/** Worker processes when the command line does not say (docs/adr/0002). */
export const DEFAULT_WORKERS = 1;

/** The data plane, in this process or in children. */
interface Workers {
  stop(): Promise<void>;
}

/** What runs, so that it can be ended in order. */
interface Running {
  readonly publisher: Publisher;
  readonly workers: Workers;
  readonly admin: AdminPlane;
  /** Of --sqlite3-server. */
  readonly sqlite3Server: { close(): Promise<void> } | undefined;
}

/** Runs sluice until it is told to stop; resolves after the drain. Rejects when it cannot start. */
export async function run(options: CliOptions): Promise<void> {
  const logger = createLogger();
  const stopping = stopOnSignals(logger);
  const running = await start(options, logger, stopping.request);
  const addresses = { admin: running.admin.adminAddresses(), mysql: await listenForClients(running, options) };
  logger.info(addresses, 'ready');
  const deadlineMs = await stopping.requested;
  await stop(running, deadlineMs);
  logger.info('stopped');
}

/** Problems of a config file in the order of the file; none when it is good. Rejects when the file cannot be read. */
export async function checkConfigFile(path: string): Promise<readonly FileProblem[]> {
  const [check, { checkRules }] = await Promise.all([
    import('../admin/config-file/check.ts'),
    import('../admin/modules/check-rules.ts'),
  ]);
  return check.checkConfigFile(path, checkRules);
}

async function start(options: CliOptions, logger: Logger, requestStop: StopRequest): Promise<Running> {
  const [{ startAdminPlane }, { checkRules }, { Publisher }, { loadOrCreateTls }, configFiles] = await Promise.all([
    import('../admin/index.ts'),
    import('../admin/modules/check-rules.ts'),
    import('../runtime/publisher.ts'),
    import('./net/tls.ts'),
    import('../admin/config-file/config-file.ts'),
  ]);
  const configFile = options.configFile === undefined ? undefined : configFiles.openConfigFile(options.configFile);
  const parsed = configFile?.read();
  if (parsed !== undefined && 'error' in parsed) throw new Error(parsed.error);
  const settings = parsed === undefined ? undefined : configFiles.readTopLevelSettings(parsed.root);
  const dataDir = options.dataDir ?? settings?.datadir ?? DEFAULT_DATA_DIR;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const tls = await loadOrCreateTls(dataDir);
  const publisher = new Publisher();
  const workers = options.noStart ? NO_WORKERS : await startWorkers(options, publisher, tls, logger);
  const admin = await startAdminPlane({
    dataDir,
    configFile,
    initial: options.initial,
    reload: options.reload,
    adminSocket: options.adminSocket,
    uuid: options.uuid ?? settings?.uuid,
    plane: publisher,
    tls,
    logger,
    checkRules,
    onShutdown: (mode) => requestStop(mode === 'slow' ? drainDeadlineMs : 0),
  });
  const sqlite3Server = options.sqlite3Server ? await startSqlite3(dataDir, publisher) : undefined;
  return { publisher, workers, admin, sqlite3Server };
}

/** Its users are those who may log in to the data plane. */
async function startSqlite3(dataDir: string, publisher: Publisher): Promise<{ close(): Promise<void> }> {
  const { startSqlite3Server } = await import('./embedded/sqlite3-server.ts');
  const passwordOf = (username: string) =>
    publisher.current.users.find((user) => user.username === username && user.frontend)?.password;
  return startSqlite3Server({ dataDir, passwordOf });
}

const NO_WORKERS: Workers = { stop: async () => undefined };

async function startWorkers(
  options: CliOptions,
  publisher: Publisher,
  tls: TlsIdentity,
  logger: Logger,
): Promise<Workers> {
  const count = options.workers ?? DEFAULT_WORKERS;
  if (count === 0) return startInProcess(publisher, tls, logger);
  const { Supervisor } = await import('../runtime/supervisor.ts');
  const workerModule = join(dirname(fileURLToPath(import.meta.url)), 'worker-process.js');
  const { caPem, certPem, keyPem } = tls;
  const supervisor: Supervisor = new Supervisor({
    publisher,
    count,
    workerModule,
    tls: { caPem, certPem, keyPem },
    logger,
  });
  await supervisor.start();
  return supervisor;
}

async function startInProcess(publisher: Publisher, tls: TlsIdentity, logger: Logger): Promise<Workers> {
  const [{ attachInProcess }, { Worker }] = await Promise.all([
    import('../runtime/transports/in-process.ts'),
    import('./worker.ts'),
  ]);
  const worker: InProcessWorker = await attachInProcess(
    publisher,
    (send) => new Worker({ index: 0, count: 1, logger, tls, send }),
  );
  return { stop: () => worker.close() };
}

/** Clients are let in last: everything they could meet is there. */
async function listenForClients(running: Running, options: CliOptions): Promise<readonly string[]> {
  if (options.noStart) return [];
  const { DEFAULT_MYSQL_INTERFACES } = await import('../runtime/variables.ts');
  const interfaces = running.admin.mysqlInterfaces();
  return running.publisher.listen(interfaces.length > 0 ? interfaces : [DEFAULT_MYSQL_INTERFACES]);
}

async function stop(running: Running, deadlineMs: number): Promise<void> {
  if (deadlineMs > 0) await running.publisher.drain(deadlineMs);
  await running.sqlite3Server?.close();
  await running.admin.close();
  await running.workers.stop();
}

/** Ends the process's run; sessions may go on for `deadlineMs`. */
type StopRequest = (deadlineMs: number) => void;

/** SIGTERM and SIGINT drain; a second one ends the process at once. */
function stopOnSignals(logger: Logger): { readonly requested: Promise<number>; readonly request: StopRequest } {
  let request: StopRequest = () => undefined;
  const requested = new Promise<number>((resolve) => {
    request = resolve;
  });
  let signals = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) process.exit(1);
      logger.info({ signal, deadlineMs: drainDeadlineMs }, 'stopping; once more ends at once');
      request(drainDeadlineMs);
    });
  }
  return { requested, request };
}
