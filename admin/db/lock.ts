/**
 * One process to a data directory: a lock the operating system takes back when its holder dies, in whatever way. It does
 * not open the configuration databases.
 */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

export const LOCK_FILE = 'sluice.lock';

/** Another process has the data directory. */
export class DataDirLocked extends Error {
  readonly code = 'DATA_DIR_LOCKED';
  constructor(dataDir: string) {
    super(`the data directory ${dataDir} is in use by another sluice`);
    this.name = 'DataDirLocked';
  }
}

/**
 * Takes the lock; returns what gives it back.
 * @throws DataDirLocked when somebody has it
 */
export function lockDataDir(dataDir: string): () => void {
  const file = join(dataDir, LOCK_FILE);
  closeSync(openSync(file, 'a', 0o600));
  // SQLite's lock is the one way to an advisory lock without a native module of our own. Nothing is ever written.
  const db = new Database(file, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) throw new DataDirLocked(dataDir);
    throw new Error(`cannot lock ${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  return () => db.close();
}
