/**
 * A worker in the primary's own process, behind the same messages as one in a child: what tests run, and
 * `--workers 0`. One message a turn of the event loop, as a child would see them.
 */
import type { PrimaryToWorker, WorkerToPrimary } from '../messages.ts';
import type { Publisher, WorkerLink } from '../publisher.ts';

export interface InProcessWorker {
  receive(message: PrimaryToWorker): void;
  close(): Promise<void>;
}

/** Creates the worker with its way back to the publisher, and attaches it. */
export async function attachInProcess(
  publisher: Publisher,
  create: (send: (message: WorkerToPrimary) => void) => InProcessWorker,
): Promise<InProcessWorker> {
  let worker: InProcessWorker | undefined;
  const link: WorkerLink = {
    index: 0,
    send: (message) => void setImmediate(() => worker?.receive(message)),
    abandon: () => undefined,
  };
  worker = create((message) => void setImmediate(() => publisher.receive(link, message)));
  await publisher.attach(link);
  return worker;
}
