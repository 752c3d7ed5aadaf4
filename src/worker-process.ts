/**
 * Entry point of a worker process: one Worker, fed by the primary's messages over IPC. It ends with its primary.
 */
import type { PrimaryToWorker, WorkerToPrimary } from '../runtime/messages.ts';
import { tlsFromPem } from './net/tls.ts';
import { createLogger } from './observe/logger.ts';
import { Worker } from './worker.ts';

const logger = createLogger();
let worker: Worker | undefined;

function send(message: WorkerToPrimary): void {
  if (process.connected) process.send?.(message);
}

process.on('message', (message: PrimaryToWorker) => {
  if (message.type === 'init') {
    const { workerIndex: index, workerCount: count, dataDir } = message;
    worker = new Worker({ index, count, logger, tls: tlsFromPem(message.tls), dataDir, send });
    send({ type: 'started' });
  } else worker?.receive(message);
});

// The primary drains its workers; a signal to the whole process group must not end them before that.
// SIGUSR1 would make Node open its debugger.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', (error) => {
  logger.fatal({ err: error }, 'a bug ended this worker');
  process.exit(1);
});
send({ type: 'hello' });
