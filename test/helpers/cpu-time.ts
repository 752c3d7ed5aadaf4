/**
 * The processor time of a process's main thread, which for Node is that of its event loop: what an event loop did, whatever
 * else the machine is busy with. Linux only, as are the servers the tests need.
 */
import { readFileSync } from 'node:fs';

/** So far, in ms. Other threads of the process are not counted. */
export function mainThreadCpuMs(pid: number = process.pid): number {
  // Nanoseconds on a processor, nanoseconds waited for one, times scheduled.
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}
