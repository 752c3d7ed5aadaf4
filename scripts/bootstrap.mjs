/**
 * What `npm run build`, `npm start`, `npm test` and `npm run bench` do on a machine that has Node 20 and nothing else:
 * dependencies, tools, compilation, then the command itself. Plain Node without dependencies; it skips what is up to
 * date and holds nothing of the product.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle, PROGRAM } from './bundle.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, '.build.json');
const NODE_MIN = [20, 11];

/** Folders that are compiled; what is not TypeScript in the first of them is copied beside the result. */
const SOURCE_FOLDERS = ['src', 'admin', 'runtime', 'demo', 'test', 'bench'];
const ASSET_FOLDERS = ['src', 'admin', 'runtime', 'demo', 'test'];
const ROOT_ASSETS = ['schema.sql'];

/** A failure that is explained by its message alone. */
class Refusal extends Error {}

const commands = {
  build: () => build(),
  start: async (args) => {
    await build();
    return passThrough([PROGRAM, ...(args.length === 0 ? ['demo'] : args)]);
  },
  test: async (args) => {
    await build();
    await ensureTestServers();
    return passThrough([join(ROOT, 'scripts', 'run-tests.mjs'), ...args]);
  },
  bench: async (args) => {
    await build();
    return passThrough([join(DIST, 'bench', 'main.js'), ...args]);
  },
};

// ---------------------------------------------------------------------------------------------- dependencies

async function ensureDependencies() {
  if (!dependenciesMatchLock()) {
    if (lstatSync(join(ROOT, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()) {
      throw new Refusal(
        'node_modules is a link and does not match package-lock.json; run `npm ci` where it points to.',
      );
    }
    await ensureCompiler();
    await step('installing dependencies (compiling SQLite takes a minute)', 'npm', ['ci', '--no-audit', '--no-fund']);
  }
  if (!nativeModuleLoads()) {
    await ensureCompiler();
    await step('compiling SQLite for this Node', 'npm', ['rebuild', 'better-sqlite3']);
    if (!nativeModuleLoads())
      throw new Refusal('better-sqlite3 was built but does not load; remove node_modules and try again.');
  }
}

/** Compares what npm noted down when it installed with the lock file, version by version. */
function dependenciesMatchLock() {
  const installed = readJson(join(ROOT, 'node_modules', '.package-lock.json'))?.packages;
  if (installed === undefined) return false;
  const wanted = readJson(join(ROOT, 'package-lock.json')).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional === true || installed[path]?.version === entry.version,
  );
}

function nativeModuleLoads() {
  try {
    const Database = createRequire(join(ROOT, 'package.json'))('better-sqlite3');
    new Database(':memory:').close();
    return true;
  } catch {
    return false;
  }
}

async function ensureCompiler() {
  const missing = ['python3', 'make', 'g++'].filter((tool) => !inPath(tool));
  if (missing.length > 0 && canUseApt()) await aptInstall('a compiler', missing);
}

/** For node-gyp: all cores, and Node's headers of this machine, if it has them, instead of a download. */
function buildEnvironment() {
  const environment = { JOBS: 'max', ...process.env };
  const prefix = resolve(dirname(process.execPath), '..');
  if (existsSync(join(prefix, 'include', 'node', 'node.h'))) environment.npm_config_nodedir ??= prefix;
  return environment;
}

// ---------------------------------------------------------------------------------------------------- build

async function build() {
  await ensureDependencies();
  const sources = listSources();
  const previous = readJson(STAMP)?.files ?? {};
  if (sameFiles(sources, previous) && existsSync(PROGRAM)) return 0;
  for (const path of Object.keys(previous)) {
    if (!(path in sources)) removeOutput(path);
  }
  rmSync(STAMP, { force: true });
  await step('compiling', process.execPath, [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')]);
  for (const path of Object.keys(sources)) {
    if (isAsset(path)) copyAsset(path);
  }
  await bundle();
  writeFileSync(STAMP, JSON.stringify({ files: sources }));
  return 0;
}

/** Every file that decides what is in dist/, with its size and time of change. */
function listSources() {
  const files = {};
  const note = (path) => {
    const info = statSync(join(ROOT, path), { throwIfNoEntry: false });
    if (info !== undefined) files[path] = `${info.size}:${info.mtimeMs}`;
  };
  const walk = (folder) => {
    for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile()) note(path);
    }
  };
  for (const folder of SOURCE_FOLDERS) {
    if (existsSync(join(ROOT, folder))) walk(folder);
  }
  for (const path of [...ROOT_ASSETS, 'package.json', 'package-lock.json', 'tsconfig.json']) note(path);
  return files;
}

function sameFiles(now, before) {
  const paths = Object.keys(now);
  return paths.length === Object.keys(before).length && paths.every((path) => now[path] === before[path]);
}

function isAsset(path) {
  if (path.endsWith('.ts')) return false;
  return ROOT_ASSETS.includes(path) || ASSET_FOLDERS.includes(path.split('/')[0]);
}

function copyAsset(path) {
  const target = join(DIST, path);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join(ROOT, path), target);
}

/** So that a test or module whose source is gone does not live on in dist/. */
function removeOutput(path) {
  const target = join(DIST, path);
  const outputs = path.endsWith('.ts') ? [target.replace(/ts$/, 'js'), target.replace(/ts$/, 'js.map')] : [target];
  for (const output of outputs) rmSync(output, { force: true });
}

// ------------------------------------------------------------------------------------------------ test servers

async function ensureTestServers() {
  const missing = [];
  if (!inPath('mariadbd') && !inPath('mysqld')) missing.push('mariadb-server');
  if (!inPath('mariadb') && !inPath('mysql')) missing.push('mariadb-client');
  const hasPyMysql = spawnSync('/usr/bin/python3', ['-c', 'import pymysql'], { stdio: 'ignore' }).status === 0;
  if (canUseApt()) {
    // PyMySQL is a second opinion: the tests that use it are skipped without it, so nobody has to install it.
    const packages = hasPyMysql ? missing : [...missing, 'python3-pymysql'];
    if (packages.length > 0) await aptInstall('MariaDB for the tests', packages);
  } else if (missing.length > 0) {
    throw new Refusal(
      `The tests need MariaDB: install ${missing.join(' and ')}, or run npm test as root on Debian or Ubuntu.`,
    );
  }
}

function canUseApt() {
  return process.getuid?.() === 0 && inPath('apt-get');
}

async function aptInstall(what, packages) {
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = ['-qq', '-y', '-o', 'Acquire::Retries=3'];
  const install = ['install', ...options, '--no-install-recommends', ...packages];
  const title = `installing ${what} (${packages.join(', ')})`;
  await step(title, 'sh', ['-c', 'apt-get update -qq && exec apt-get "$@"', 'sh', ...install], environment);
}

// --------------------------------------------------------------------------------------------------- running

/** Runs one long step: a line with what and how long; its output appears only when it fails. */
async function step(title, command, args, environment = buildEnvironment()) {
  const begin = process.hrtime.bigint();
  const interactive = process.stdout.isTTY === true;
  process.stdout.write(interactive ? `sluice: ${title} …` : `sluice: ${title}\n`);
  const output = [];
  const code = await new Promise((done) => {
    const child = spawn(command, args, { cwd: ROOT, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => output.push(Buffer.from(`${error.message}\n`)));
    child.on('close', (exitCode) => done(exitCode ?? 1));
  });
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  process.stdout.write(
    `${interactive ? '\r' : ''}sluice: ${title}: ${code === 0 ? '' : 'failed after '}${seconds.toFixed(1)} s\n`,
  );
  if (code === 0) return;
  process.stderr.write(Buffer.concat(output));
  throw new Refusal(`${title} failed; the output above says why.${hintAfter(command)}`);
}

function hintAfter(command) {
  const missing = ['python3', 'make', 'g++'].filter((tool) => !inPath(tool));
  if (command !== 'npm' || missing.length === 0) return '';
  return ` SQLite is compiled here and needs ${missing.join(', ')}: install them, or run this as root on Debian or Ubuntu.`;
}

/** Runs a Node program on our terminal; signals go to it, and its way of ending becomes ours. */
function passThrough(args) {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, ['--enable-source-maps', ...args], { stdio: 'inherit' });
    const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
    let lastForwardMs = Number.NEGATIVE_INFINITY;
    const forward = (signal) => {
      // A terminal delivers Ctrl-C to the whole group, the child included; npm then sends it to us a second time.
      if (signal === 'SIGINT' && onTerminal) return;
      if (performance.now() - lastForwardMs < SAME_SIGNAL_MS) return;
      lastForwardMs = performance.now();
      child.kill(signal);
    };
    for (const signal of FORWARDED_SIGNALS) process.on(signal, forward);
    child.on('error', fail);
    child.on('exit', (code, signal) => {
      for (const name of FORWARDED_SIGNALS) process.off(name, forward);
      if (signal !== null) process.kill(process.pid, signal);
      done(code ?? 1);
    });
  });
}

const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];
/** A second SIGTERM means "at once" to sluice, so one that reaches us by two ways must count once. */
const SAME_SIGNAL_MS = 200;

function inPath(program) {
  // Debian keeps servers in sbin, which is not in the path of ordinary users.
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'].some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  throw new Refusal(`sluice needs Node ${NODE_MIN.join('.')} or newer; this is ${process.versions.node}.`);
}

try {
  checkNode();
  const [name = 'build', ...args] = process.argv.slice(2);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined)
    throw new Refusal(`Unknown command '${name}': there are ${Object.keys(commands).join(', ')}.`);
  process.exitCode = await command(args);
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  process.stderr.write(`sluice: ${error.message}\n`);
  process.exitCode = 1;
}
