/**
 * How many processors this process may use, and how many workers that makes when the command line does not say.
 * It starts nothing.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Reads a file of the kernel; undefined when there is none. */
type ReadText = (path: string) => string | undefined;

/**
 * Worker processes for mysql-threads when `--workers` does not say: as many as there are threads, but one processor is
 * left to the primary and to the kernel's part of the network, and a worker without a processor of its own only splits
 * what could have shared a write (docs/adr/0002).
 */
export function workersFor(threads: number, processors: number = usableProcessors()): number {
  return Math.max(1, Math.min(threads, processors - 1));
}

/** Processors this process may use: what its CPU mask has, or the quota of its control group when that is less. At least 1. */
export function usableProcessors(mask: number = availableParallelism(), read: ReadText = readIfThere): number {
  return Math.max(1, Math.min(mask, Math.floor(quotaOf(read) ?? mask)));
}

/** Processors the control group may use on average; undefined when there is no limit, or none that can be seen. */
function quotaOf(read: ReadText): number | undefined {
  const groups = read('/proc/self/cgroup') ?? '';
  // Lines are `number:controllers:path`. Inside a container the group is usually the root of what is mounted.
  const unified = /^0::(.*)$/m.exec(groups)?.[1] ?? '/';
  for (const folder of [`/sys/fs/cgroup${unified}`, '/sys/fs/cgroup']) {
    const [quota, period] = (read(`${folder}/cpu.max`) ?? '').trim().split(' ');
    if (quota !== undefined && quota !== '') return ratio(quota, period);
  }
  const own = /^\d+:(?:\w+,)*cpu(?:,\w+)*:(.*)$/m.exec(groups)?.[1] ?? '/';
  for (const folder of [`/sys/fs/cgroup/cpu${own}`, '/sys/fs/cgroup/cpu']) {
    const quota = read(`${folder}/cpu.cfs_quota_us`);
    if (quota !== undefined) return ratio(quota, read(`${folder}/cpu.cfs_period_us`));
  }
  return undefined;
}

/** `max` and -1 mean: no limit. */
function ratio(quota: string, period: string | undefined): number | undefined {
  const share = Number(quota) / Number(period);
  return share > 0 && Number.isFinite(share) ? share : undefined;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
