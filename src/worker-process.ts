/**
 * Entry point of a worker process: one Worker, fed by the primary's messages over IPC. It ends with its primary.
 */
import type { SendHandle } from 'node:child_process';
import type { PrimaryToWorker, WorkerToPrimary } from '../runtime/messages.ts';
import type { StreamHandle } from './net/stream-binding.ts';
import { tlsFromPem } from './net/tls.ts';
import { createLogger } from './observe/logger.ts';
import { Worker } from './worker.ts';

const logger = createLogger();
let worker: Worker | undefined;

function send(message: WorkerToPrimary): void {
  if (process.connected) process.send?.(message);
}

/** Ours is closed when it is under way: the primary has its own then. */
function passClient(to: number, client: StreamHandle): void {
  if (!process.connected) return client.close();
  process.send?.({ type: 'pass-client', to } satisfies WorkerToPrimary, client as unknown as SendHandle, {}, () =>
    client.close(),
  );
}

process.on('message', (message: PrimaryToWorker, handle?: unknown) => {
  if (message.type === 'init') {
    const { workerIndex: index, workerCount: count, dataDir } = message;
    worker = new Worker({ index, count, logger, tls: tlsFromPem(message.tls), dataDir, send, passClient });
    send({ type: 'started' });
  } else if (message.type === 'client') {
    // Without: its client left on the way.
    if (handle !== undefined) worker?.takeClient(handle as StreamHandle);
    send({ type: 'client-taken', ticket: message.ticket });
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
