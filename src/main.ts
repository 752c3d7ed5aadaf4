/**
 * Composition root: which planes run in this process, what they are given, and how they end. The only file that
 * imports all three planes; it does so lazily, so that `sluice check` does not load the data plane.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ConfigFile, TopLevelSettings } from '../admin/config-file/config-file.ts';
import type { AdminPlane } from '../admin/index.ts';
import type { MysqlModule } from '../runtime/mysql-module.ts';
import { formatProblem, type Problem } from '../runtime/problem.ts';
import type { Publisher } from '../runtime/publisher.ts';
import type { TlsPems } from '../runtime/tls-pems.ts';
import { readMysqlVariables } from '../runtime/variables.ts';
import { type CliOptions, DEFAULT_DATA_DIR, type FileProblem } from './cli-options.ts';
import { openDataDir, readPid, writePidFile } from './data-dir.ts';
import type { TlsIdentity } from './net/tls.ts';
import { createLogger, type Logger } from './observe/logger.ts';
import { workersFor } from './processors.ts';
import { Closers } from './util/closers.ts';

/** How long SIGTERM lets statements and transactions go on, in ms; Kubernetes kills after 30 s by default. */
export const drainDeadlineMs = 25_000;

/** What runs. */
interface Running {
  readonly publisher: Publisher;
  readonly mysqlModule: MysqlModule;
  readonly admin: AdminPlane;
}

/** How a run is to end. */
interface Ending {
  /** Sessions may go on for so long, in ms. */
  readonly deadlineMs: number;
  readonly restart: boolean;
}

/**
 * Runs sluice until it is told to stop; resolves after the drain. Rejects with one sentence when it cannot start, and
 * leaves nothing running then.
 */
export async function run(options: CliOptions): Promise<void> {
  const logger = createLogger();
  const endings = new EndRequests();
  stopOnSignals(logger, endings);
  logUncaught(logger);
  let ending = await runOnce(options, logger, endings);
  while (ending.restart) {
    logger.info('starting again');
    // What was asked of the first start is done: the database stays.
    ending = await runOnce({ ...options, initial: false, reload: false }, logger, endings);
  }
  logger.info('stopped');
}

async function runOnce(options: CliOptions, logger: Logger, endings: EndRequests): Promise<Ending> {
  const closers = new Closers();
  try {
    const { admin, publisher, mysqlModule } = await start(options, logger, endings, closers);
    // Clients are let in last: everything they could meet is there.
    const mysql = options.noStart ? [] : await mysqlModule.start();
    logger.info({ admin: admin.adminAddresses(), mysql }, 'ready');
    const ending = await endings.next();
    if (ending.deadlineMs > 0) await publisher.drain(ending.deadlineMs);
    return ending;
  } finally {
    await closers.closeAll();
  }
}

/** Problems of a config file in the order of the file; none when it is good. Rejects when the file cannot be read. */
export async function checkConfigFile(path: string): Promise<readonly FileProblem[]> {
  const [check, { checkRules }] = await Promise.all([
    import('../admin/config-file/check.ts'),
    import('../admin/modules/check-rules.ts'),
  ]);
  return check.checkConfigFile(path, checkRules);
}

async function start(options: CliOptions, logger: Logger, endings: EndRequests, closers: Closers): Promise<Running> {
  const [{ startAdminPlane }, { checkRules }, { Publisher }, { MysqlModule }, { loadOrCreateTls }] = await Promise.all([
    import('../admin/index.ts'),
    import('../admin/modules/check-rules.ts'),
    import('../runtime/publisher.ts'),
    import('../runtime/mysql-module.ts'),
    import('./net/tls.ts'),
  ]);
  const { configFile, settings } = await readConfigFile(options.configFile);
  if (settings?.errorlog !== undefined) {
    logger.warn({ errorlog: settings.errorlog }, 'errorlog is not used: logs go to standard error');
  }
  const dataDir = openDataDir(options.dataDir ?? settings?.datadir ?? DEFAULT_DATA_DIR);
  await takeDataDir(dataDir, settings?.pidfile, closers);
  let tls = await loadOrCreateTls(dataDir);
  const publisher = new Publisher();
  const mysqlModule = new MysqlModule({
    publisher,
    startWorkers: () => startWorkers(options, publisher, () => tls, dataDir, logger, closers),
  });
  const admin = await startAdminPlane({
    dataDir,
    configFile,
    initial: options.initial,
    reload: options.reload,
    adminSocket: options.adminSocket,
    uuid: options.uuid ?? settings?.uuid,
    plane: publisher,
    tls: () => tls,
    logger,
    checkRules,
    process: {
      shutdown: (mode) =>
        endings.request({ deadlineMs: mode === 'slow' ? drainDeadlineMs : 0, restart: mode === 'restart' }),
      async reloadTls() {
        tls = await loadOrCreateTls(dataDir);
        await publisher.order({ kind: 'use-certificate', tls: pemsOf(tls) });
      },
      mysqlModule,
    },
  });
  closers.add(() => admin.close());
  if (options.exitOnError) refuseProblems(admin.startUpProblems);
  // How many workers is one of the variables; what was published before they came they are told when they come.
  if (!options.noStart) await mysqlModule.prepare();
  if (options.sqlite3Server) {
    const sqlite3Server = await startSqlite3(dataDir, publisher);
    closers.add(() => sqlite3Server.close());
  }
  return { publisher, mysqlModule, admin };
}

/** The config file and its single settings; both undefined without a file. */
async function readConfigFile(
  path: string | undefined,
): Promise<{ readonly configFile: ConfigFile | undefined; readonly settings: TopLevelSettings | undefined }> {
  if (path === undefined) return { configFile: undefined, settings: undefined };
  const { openConfigFile, readTopLevelSettings } = await import('../admin/config-file/config-file.ts');
  const configFile = openConfigFile(path);
  const parsed = configFile.read();
  if ('error' in parsed) throw new Error(parsed.error);
  return { configFile, settings: readTopLevelSettings(parsed.root) };
}

/** Two processes on one directory would overwrite each other's configuration. */
async function takeDataDir(dataDir: string, pidFile: string | undefined, closers: Closers): Promise<void> {
  const { DataDirLocked, lockDataDir } = await import('../admin/db/lock.ts');
  try {
    closers.add(lockDataDir(dataDir));
  } catch (error) {
    const pid = error instanceof DataDirLocked ? readPid(dataDir) : undefined;
    if (pid === undefined) throw error;
    throw new Error(`${(error as Error).message}, process ${pid}`, { cause: error });
  }
  closers.add(writePidFile(dataDir, pidFile));
}

/** `-e`: what would be logged and survived ends the start. */
function refuseProblems(problems: readonly Problem[]): void {
  const [first, ...others] = problems.filter(({ severity }) => severity === 'error').map(formatProblem);
  if (first === undefined) return;
  throw new Error(`${first}${others.length > 0 ? ` (and ${others.length} more: see the log)` : ''}`);
}

/** Its users are those who may log in to the data plane. */
async function startSqlite3(dataDir: string, publisher: Publisher): Promise<{ close(): Promise<void> }> {
  const { startSqlite3Server } = await import('./embedded/sqlite3-server.ts');
  const passwordOf = (username: string) =>
    publisher.current.users.find((user) => user.username === username && user.frontend)?.password;
  return startSqlite3Server({ dataDir, passwordOf });
}

async function startWorkers(
  options: CliOptions,
  publisher: Publisher,
  tls: () => TlsIdentity,
  dataDir: string,
  logger: Logger,
  closers: Closers,
): Promise<void> {
  const count = options.workers ?? workersFor(readMysqlVariables(publisher.current.mysqlVariables).threads);
  if (count === 0) return startInProcess(publisher, tls(), dataDir, logger, closers);
  const { Supervisor } = await import('../runtime/supervisor.ts');
  const workerModule = join(dirname(fileURLToPath(import.meta.url)), 'worker-process.js');
  const supervisor = new Supervisor({ publisher, count, workerModule, tls: () => pemsOf(tls()), dataDir, logger });
  closers.add(() => supervisor.stop());
  await supervisor.start();
}

async function startInProcess(
  publisher: Publisher,
  tls: TlsIdentity,
  dataDir: string,
  logger: Logger,
  closers: Closers,
): Promise<void> {
  const [{ attachInProcess }, { Worker }] = await Promise.all([
    import('../runtime/transports/in-process.ts'),
    import('./worker.ts'),
  ]);
  const worker = await attachInProcess(
    publisher,
    (send) => new Worker({ index: 0, count: 1, logger, tls, dataDir, send }),
  );
  closers.add(() => worker.close());
}

/** The text alone: plain data for workers. */
function pemsOf({ caPem, certPem, keyPem }: TlsIdentity): TlsPems {
  return { caPem, certPem, keyPem };
}

/** What was asked for last, by a signal or an operator, waits here until the run comes to it. */
class EndRequests {
  #request: Ending | undefined;
  #tell: ((ending: Ending) => void) | undefined;

  request(ending: Ending): void {
    this.#request = ending;
    this.#tell?.(ending);
  }

  async next(): Promise<Ending> {
    const ending = this.#request ?? (await new Promise<Ending>((resolve) => (this.#tell = resolve)));
    this.#request = undefined;
    return ending;
  }
}

/** SIGTERM and SIGINT drain; a second one ends the process at once. */
function stopOnSignals(logger: Logger, endings: EndRequests): void {
  let signals = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) process.exit(1);
      logger.info({ signal, deadlineMs: drainDeadlineMs }, 'stopping; once more ends at once');
      endings.request({ deadlineMs: drainDeadlineMs, restart: false });
    });
  }
  process.on('SIGHUP', () => {
    // From a terminal that is gone it means the end; from a script that rotates logs, nothing.
    if (process.stdin.isTTY === true) process.emit('SIGTERM');
    else logger.info({ signal: 'SIGHUP' }, 'nothing to reopen: logs go to standard error');
  });
  // Node would open its debugger; ProxySQL rotates its log.
  process.on('SIGUSR1', () => logger.info({ signal: 'SIGUSR1' }, 'nothing to reopen: logs go to standard error'));
}

/** A bug of ours ends the process with one line in the log's own form. */
function logUncaught(logger: Logger): void {
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'a bug ended sluice');
    process.exit(1);
  });
}
