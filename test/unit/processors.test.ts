import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { usableProcessors, workersFor } from '../../src/processors.ts';

const reading =
  (files: Readonly<Record<string, string>>) =>
  (path: string): string | undefined =>
    files[path];

describe('processors', () => {
  for (const [what, files, expected] of [
    ['no control group', {}, 8],
    ['version 2 without a limit', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' }, 8],
    [
      'version 2 with a limit, of the own group',
      {
        '/proc/self/cgroup': '0::/a.slice/b\n',
        '/sys/fs/cgroup/a.slice/b/cpu.max': '250000 100000\n',
        '/sys/fs/cgroup/cpu.max': 'max 100000\n',
      },
      2,
    ],
    [
      'version 2 in a container that sees its group as the root',
      { '/proc/self/cgroup': '0::/docker/1\n', '/sys/fs/cgroup/cpu.max': '400000 100000\n' },
      4,
    ],
    ['less than one', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '50000 100000\n' }, 1],
    ['more than the mask', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '6400000 100000\n' }, 8],
    [
      'version 1',
      {
        '/proc/self/cgroup': '4:memory:/m\n2:cpu,cpuacct:/c\n0::/\n',
        '/sys/fs/cgroup/cpu/c/cpu.cfs_quota_us': '300000\n',
        '/sys/fs/cgroup/cpu/c/cpu.cfs_period_us': '100000\n',
      },
      3,
    ],
    [
      'version 1 without a limit',
      {
        '/proc/self/cgroup': '1:cpu:/\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      8,
    ],
  ] as const) {
    test(`are counted: ${what}`, () => assert.equal(usableProcessors(8, reading(files)), expected));
  }

  test('one of them is left to the primary, and mysql-threads is the limit', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 5, 64].map((processors) => workersFor(4, processors)),
      [1, 1, 2, 3, 4, 4],
    );
    assert.equal(workersFor(1, 64), 1);
  });
});
