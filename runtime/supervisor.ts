/**
 * Worker processes: forks them, brings each to the current runtime, and replaces one that dies, with a growing pause
 * so that a worker that cannot live does not eat the machine. What they do is src/worker.ts; what they are told is
 * publisher.ts.
 */

import type { SendHandle } from 'node:child_process';
import cluster, { type Worker as ClusterWorker } from 'node:cluster';
import { ClientExchange, type ClientHandle, type ExchangeToWorker } from './client-exchange.ts';
import type { WorkerToPrimary } from './messages.ts';
import type { Publisher, WorkerLink } from './publisher.ts';
import type { TlsPems } from './tls-pems.ts';

/** The pause before a dead worker is replaced grows from the first to the second of these, in ms. */
export const restartPauseMinMs = 100;
export const restartPauseMaxMs = 10_000;

/**
 * Each worker's young generation has this size in MB from its start. V8 lets it grow to 16 by itself when clients log in, which
 * makes 5,000 of them look 3 KiB heavier each; a smaller one is collected so often that statements feel it.
 */
export const workerSemiSpaceMBMax = 8;

/** A worker that lived this long is forgiven its earlier deaths, in ms. */
const LIVED_LONG_MS = 60_000;

/** What the supervisor says; pino's shape, without pino. */
export interface SupervisorLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface SupervisorOptions {
  readonly publisher: Publisher;
  readonly count: number;
  /** The compiled module that a worker process runs. */
  readonly workerModule: string;
  /** The certificate of the moment. */
  readonly tls: () => TlsPems;
  readonly dataDir: string;
  readonly logger: SupervisorLog;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #workers = new Set<ClusterWorker>();
  readonly #exchange = new ClientExchange();
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    // Workers accept on the port themselves: a primary that deals clients out takes longer over each than its whole login.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    const semiSpace = [
      `--min-semi-space-size=${workerSemiSpaceMBMax}`,
      `--max-semi-space-size=${workerSemiSpaceMBMax}`,
    ];
    // What the operator has told the primary comes last, and wins.
    const execArgv = [...semiSpace, ...process.execArgv];
    cluster.setupPrimary({ exec: options.workerModule, args: [], execArgv, serialization: 'advanced' });
  }

  /** Starts all workers; resolves when each serves the current runtime. */
  async start(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.count }, (_, index) => this.#fork(index, 0)));
  }

  /** Ends all workers at once; they should have been drained. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(
      [...this.#workers].map(
        (worker) =>
          new Promise<void>((resolve) => {
            worker.once('exit', () => resolve());
            worker.process.kill('SIGKILL');
          }),
      ),
    );
  }

  async #fork(index: number, deaths: number): Promise<void> {
    const { publisher, count, tls, dataDir, logger } = this.#options;
    const worker = cluster.fork();
    this.#workers.add(worker);
    const bornMs = Date.now();
    const link: WorkerLink = {
      index,
      send: (message) => {
        if (worker.isConnected()) worker.send(message);
      },
      abandon: (reason) => {
        logger.error({ worker: index, reason }, 'worker abandoned');
        worker.process.kill('SIGKILL');
      },
    };
    worker.once('exit', (code, signal) => {
      this.#workers.delete(worker);
      this.#exchange.leave(index);
      publisher.detach(link);
      if (this.#stopping) return;
      const deathsNow = Date.now() - bornMs > LIVED_LONG_MS ? 0 : deaths + 1;
      const pauseMs = Math.min(restartPauseMaxMs, restartPauseMinMs * 2 ** Math.max(0, deathsNow - 1));
      logger.error({ worker: index, code, signal, pauseMs }, 'worker died; another one takes its place');
      setTimeout(() => {
        if (!this.#stopping) void this.#fork(index, deathsNow);
      }, pauseMs).unref();
    });
    const started = await new Promise<boolean>((resolve) => {
      worker.on('message', (message: WorkerToPrimary, handle?: unknown) => {
        if (this.#exchange.receive(index, message, handle as ClientHandle | undefined)) return;
        if (message.type === 'hello')
          worker.send({ type: 'init', workerIndex: index, workerCount: count, tls: tls(), dataDir });
        else if (message.type === 'started') resolve(true);
        else publisher.receive(link, message);
      });
      worker.once('exit', () => resolve(false));
    });
    // It died before it said anything; its replacement is on the way.
    if (!started) return;
    try {
      await publisher.attach(link);
      if (count > 1) this.#exchange.join(index, (message, handle) => sendWith(worker, message, handle));
      logger.info({ worker: index, workerPid: worker.process.pid }, 'worker serves');
    } catch (error) {
      link.abandon(`it cannot take up its work: ${(error as Error).message}`);
    }
  }
}

function sendWith(worker: ClusterWorker, message: ExchangeToWorker, handle: ClientHandle | undefined): void {
  // A worker that is gone is told so by 'exit', and what it was sent goes to another one.
  if (worker.isConnected()) worker.send(message, handle as SendHandle | undefined, () => undefined);
}
