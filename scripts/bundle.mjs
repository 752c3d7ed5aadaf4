/**
 * Puts the program's modules together in few files, dist/bin: to find, read and compile several hundred modules takes Node
 * longer than all the rest of a start. Packages stay where npm put them. It reads the TypeScript sources and checks nothing:
 * that is the compiler's part (scripts/bootstrap.mjs).
 */
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const FOLDER = join(ROOT, 'dist', 'bin');

/** The command line. */
export const PROGRAM = join(FOLDER, 'sluice.js');

/**
 * What is started by its file name, as a process or thread; all of them lie side by side, as they do in the sources
 * relative to who starts them.
 */
const ENTRIES = {
  sluice: 'src/cli.ts',
  'worker-process': 'src/worker-process.ts',
  'matcher-thread-worker': 'src/rules/matcher-thread-worker.ts',
  'reader-process': 'admin/reader/reader-process.ts',
  'reader-watch': 'admin/reader/reader-watch.ts',
};

/** A file at a time and each at once: a program that starts meanwhile finds the old or the new one, never a part. */
export async function bundle() {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: ENTRIES,
    outdir: FOLDER,
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    sourcesContent: false,
    write: false,
    logLevel: 'warning',
  });
  mkdirSync(FOLDER, { recursive: true });
  // Entries last: they name the others.
  const isEntry = ({ path }) => Object.hasOwn(ENTRIES, basename(path).replace(/\.js(\.map)?$/, ''));
  for (const { path, contents } of [...outputFiles].sort((a, b) => Number(isEntry(a)) - Number(isEntry(b)))) {
    const half = `${path}.${process.pid}`;
    writeFileSync(half, contents);
    renameSync(half, path);
  }
  chmodSync(PROGRAM, 0o755);
  const current = new Set(outputFiles.map(({ path }) => basename(path)));
  for (const name of readdirSync(FOLDER)) {
    if (!current.has(name) && /\.js(\.map)?$/.test(name)) rmSync(join(FOLDER, name), { force: true });
  }
}
