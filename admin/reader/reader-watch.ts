/**
 * A thread that ends its reader process when there is nobody to answer any more, or when a statement takes too much memory:
 * the process itself may be in the middle of a statement and hear nothing.
 */
import { workerData } from 'node:worker_threads';

/** How often it looks, in ms. */
const WATCH_MS = 200;
const { parent, memoryBytesMax } = workerData as { readonly parent: number; readonly memoryBytesMax: number };

setInterval(() => {
  if (process.ppid !== parent || process.memoryUsage.rss() > memoryBytesMax) process.kill(process.pid, 'SIGKILL');
}, WATCH_MS);
