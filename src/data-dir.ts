/**
 * The data directory and the pid file in it: made when they are not there, with a sentence that says what is wrong when
 * they cannot be used. It does not know what else lies there; the lock is admin/db/lock.ts.
 */
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { systemErrorText } from './util/system-error.ts';

/** ProxySQL's name. */
export const PID_FILE = 'proxysql.pid';

const DIRECTORY_MODE = 0o700;

/** Makes the directory when it is not there. Throws with one sentence when it cannot be made or written to. */
export function openDataDir(path: string): string {
  const dataDir = resolve(path);
  try {
    makeFolders(dataDir);
    if (!statSync(dataDir).isDirectory()) throw new Error('it is a file');
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Error(`cannot use the data directory ${dataDir}: ${systemErrorText(error)}`, { cause: error });
  }
  return dataDir;
}

/** Not mkdir's own `recursive`, which never returns for a path below /proc in Node 20. */
function makeFolders(path: string): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolders(dirname(path));
  mkdirSync(path, { mode: DIRECTORY_MODE });
}

/** Writes this process's number; returns what removes the file again. Throws with one sentence. */
export function writePidFile(dataDir: string, chosen: string | undefined): () => void {
  const path = resolve(dataDir, chosen ?? PID_FILE);
  try {
    writeFileSync(path, `${process.pid}\n`, { mode: 0o644 });
  } catch (error) {
    throw new Error(`cannot write the pid file ${path}: ${systemErrorText(error)}`, { cause: error });
  }
  return () => rmSync(path, { force: true });
}

/** The number in the pid file, whoever wrote it. */
export function readPid(dataDir: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(dataDir, PID_FILE), 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
