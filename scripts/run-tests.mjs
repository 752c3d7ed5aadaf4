/**
 * Runs the compiled tests with Node's own test runner; `node scripts/run-tests.mjs story unit/sql` runs only the files
 * whose path contains one of the words. It installs and compiles nothing: that is scripts/bootstrap.mjs. Only
 * the program they start is put together here each time, which is quick, so that no test runs an old one.
 *
 * Node 20's `--test` takes no patterns, hence the list of files. The closing lines are the runner's own.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundle } from './bundle.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const testsDir = join(root, 'dist', 'test');

/** A file that has not ended by then is stuck: the whole suite is meant to take less than this. */
const FILE_TIMEOUT_MS = 280_000;

/** Test files wait for something a good part of their time. */
const PROCESSES_PER_CORE = 2;

/** Unit tests that start an admin plane or more take seconds each. */
const LONG_UNITS = join('unit', 'admin');

/** Memory that must be free for the data directories of databases, a few at a time, to be kept there. */
const MEMORY_BYTES_MIN = 2 * 1024 ** 3;

const words = process.argv.slice(2);
const files = listTests().filter((file) => words.length === 0 || words.some((word) => file.includes(word)));

if (files.length === 0) {
  console.error(
    words.length === 0
      ? 'No compiled tests in dist/test: run `npm run build` first.'
      : `No test file matches ${words.join(', ')}.`,
  );
  process.exit(1);
}

await bundle();

// What several files need once (an initialised MariaDB data directory) lives here and goes with the run.
const runDir = mkdtempSync(join(temporaryRoot(), 'sluice-test-run-'));
try {
  process.exitCode = run(inProcesses(files, runDir), runDir);
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

/** In memory when there is room: nothing of a test outlives the machine, and syncing disks is a good part of a start. */
function temporaryRoot() {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    return bavail * bsize >= MEMORY_BYTES_MIN ? '/dev/shm' : tmpdir();
  } catch {
    return tmpdir();
  }
}

/**
 * The runner starts a process for each file of the list. Unit tests of one folder take less time than their process takes
 * to start, so they share one; they have nothing in common but the modules they load. Hooks outside of any describe() are
 * for a whole process: a file with such ones has its own.
 */
function inProcesses(list, directory) {
  const processes = [];
  const units = new Map();
  for (const file of list) {
    const folder = dirname(file);
    if (!folder.startsWith(join('unit', '/')) || folder === LONG_UNITS || hasHooks(file))
      processes.push(join('dist', 'test', file));
    else units.set(folder, [...(units.get(folder) ?? []), file]);
  }
  for (const [folder, members] of units) {
    const entry = join(directory, 'units', `${basename(folder)}.mjs`);
    mkdirSync(dirname(entry), { recursive: true });
    const imports = members.map((file) => `await import(${JSON.stringify(pathToFileURL(join(testsDir, file)).href)});`);
    writeFileSync(entry, `${imports.join('\n')}\n`);
    processes.push(entry);
  }
  return processes;
}

function hasHooks(file) {
  return /^(?:before|after)(?:Each)?\(/m.test(readFileSync(join(testsDir, file), 'utf8'));
}

function run(list, directory) {
  // Debian keeps servers in sbin, which is not in the path of ordinary users.
  const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin`;
  const result = spawnSync(
    process.execPath,
    [
      '--enable-source-maps',
      '--test',
      '--test-reporter=spec',
      `--test-concurrency=${Math.max(2, Math.ceil(PROCESSES_PER_CORE * availableParallelism()))}`,
      `--test-timeout=${FILE_TIMEOUT_MS}`,
      ...list,
    ],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, PATH, TMPDIR: directory, SLUICE_TEST_RUN_DIR: directory },
    },
  );
  if (result.error !== undefined) throw result.error;
  return result.status ?? 1;
}
