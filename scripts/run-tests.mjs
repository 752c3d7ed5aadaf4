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
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundle } from './bundle.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const testsDir = join(root, 'dist', 'test');

/** A file that has not ended by then is stuck: the whole suite is meant to take less than this. */
const FILE_TIMEOUT_MS = 280_000;

/** Test files wait for something a good part of their time. */
const PROCESSES_PER_CORE = 2.5;

/**
 * How many files of a folder share a process, as a process costs as much as half a second of tests. Files of one process
 * follow each other, so it is few where they take seconds: unit tests that start an admin plane, and what starts servers.
 * Of other unit tests those of one folder share one, and other files have their own.
 */
const FILES_PER_PROCESS = new Map([
  [join('unit', 'admin'), 4],
  ['integration', 2],
  ['e2e', 2],
]);

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

// What several files need once lives here and goes with the run.
const runDir = mkdtempSync(join(temporaryRoot(), 'sluice-test-run-'));
// Debian keeps servers in sbin, which is not in the path of ordinary users.
process.env.PATH = `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin`;
process.env.TMPDIR = runDir;
process.env.SLUICE_TEST_RUN_DIR = runDir;
try {
  await Promise.all([
    bundle(),
    ...(files.some((file) => !isUnit(file)) ? [prepareCertificate(), prepareMariadb()] : []),
  ]);
  process.exitCode = run(inProcesses(files, runDir));
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

function isUnit(file) {
  return file.startsWith(join('unit', '/'));
}

/** Otherwise each of the first files makes one: keys take a second of work. */
async function prepareCertificate() {
  const { loadOrCreateTls } = await import(pathToFileURL(join(root, 'dist', 'src', 'net', 'tls.js')).href);
  const folder = join(runDir, 'certificate');
  mkdirSync(folder);
  await loadOrCreateTls(folder);
}

async function prepareMariadb() {
  const { dataDirectoryTemplate } = await import(pathToFileURL(join(testsDir, 'helpers', 'mariadb.js')).href);
  await dataDirectoryTemplate();
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
 * The runner starts a process for each file of the list; an entry may stand for several files, which have nothing in common
 * but the modules they load. A file with hooks outside of any describe(), which are for a whole process, has its own, as
 * has one that the environment may tell to run for minutes.
 */
function inProcesses(list, directory) {
  const alone = [];
  const folders = new Map();
  for (const file of list) {
    const folder = dirname(file);
    if (hasHooks(file) || mayTakeMinutes(file)) alone.push([file]);
    else folders.set(folder, [...(folders.get(folder) ?? []), file]);
  }
  const together = [...folders].flatMap(([folder, members]) => {
    const most = FILES_PER_PROCESS.get(folder) ?? (isUnit(members[0]) ? members.length : 1);
    return Array.from({ length: Math.ceil(members.length / most) }, (_, i) => members.slice(i * most, (i + 1) * most));
  });
  // Unit tests, which are short, come last, so that all processors are busy to the end.
  return [...alone, ...together]
    .sort(([a], [b]) => Number(isUnit(a)) - Number(isUnit(b)) || (a < b ? -1 : 1))
    .map((members, index) => entryOf(members, index, directory));
}

/** Its name begins with its place, because Node sorts the list it is given. */
function entryOf(members, index, directory) {
  const name = `${String(index).padStart(3, '0')}-${members[0].replaceAll('/', '-').replace(/\.test\.js$/, '')}.mjs`;
  const entry = join(directory, 'entries', name);
  mkdirSync(dirname(entry), { recursive: true });
  const imports = members.map((file) => `await import(${JSON.stringify(pathToFileURL(join(testsDir, file)).href)});`);
  writeFileSync(entry, `${imports.join('\n')}\n`);
  return entry;
}

function hasHooks(file) {
  return /^(?:before|after)(?:Each)?\(/m.test(readFileSync(join(testsDir, file), 'utf8'));
}

function mayTakeMinutes(file) {
  return !isUnit(file) && readFileSync(join(testsDir, file), 'utf8').includes('process.env.SLUICE_');
}

function run(list) {
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
    },
  );
  if (result.error !== undefined) throw result.error;
  return result.status ?? 1;
}
