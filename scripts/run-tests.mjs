/**
 * Runs the compiled tests with Node's own test runner; `node scripts/run-tests.mjs story unit/sql` runs only the files
 * whose path contains one of the words. It builds and installs nothing: that is scripts/bootstrap.mjs.
 *
 * Node 20's `--test` takes no patterns, hence the list of files. The closing lines are the runner's own.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const testsDir = join(root, 'dist', 'test');

/** A file that has not ended by then is stuck: the whole suite is meant to take less than this. */
const FILE_TIMEOUT_MS = 280_000;

const words = process.argv.slice(2);
const files = listTests()
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .map((file) => join('dist', 'test', file));

if (files.length === 0) {
  console.error(
    words.length === 0
      ? 'No compiled tests in dist/test: run `npm run build` first.'
      : `No test file matches ${words.join(', ')}.`,
  );
  process.exit(1);
}

// What several files need once (an initialised MariaDB data directory) lives here and goes with the run.
const runDir = mkdtempSync(join(tmpdir(), 'sluice-test-run-'));
try {
  process.exitCode = run(files, runDir);
} finally {
  rmSync(runDir, { recursive: true, force: true });
}

function listTests() {
  try {
    return readdirSync(testsDir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.test.js'))
      .map((entry) => relative(testsDir, join(entry.path, entry.name)))
      .sort();
  } catch {
    return [];
  }
}

function run(list, directory) {
  // Debian keeps servers in sbin, which is not in the path of ordinary users.
  const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin`;
  const result = spawnSync(
    process.execPath,
    [
      '--enable-source-maps',
      '--test',
      // Node hands execArgv on to the processes of the test files.
      '--import',
      './dist/test/helpers/fixed-seed.js',
      '--test-reporter=spec',
      `--test-concurrency=${Math.max(2, availableParallelism())}`,
      `--test-timeout=${FILE_TIMEOUT_MS}`,
      ...list,
    ],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, PATH, SLUICE_TEST_RUN_DIR: directory },
    },
  );
  if (result.error !== undefined) throw result.error;
  return result.status ?? 1;
}
