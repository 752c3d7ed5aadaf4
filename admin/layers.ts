/**
 * The words of promotion: the edges between the layers and what a promotion answers. No behaviour.
 */
import type { Database } from 'better-sqlite3';
import type { Problem } from '../runtime/problem.ts';

/** From one layer to another. CONFIG is the config file. */
export type Edge = 'disk>memory' | 'memory>disk' | 'config>memory' | 'memory>runtime' | 'runtime>memory';

export interface PromotionResult {
  /** What the OK packet says: rows for variables moved to or from disk and for entries read from the file, else 0. */
  readonly affectedRows: number;
  /** Rows and values that were not taken, or not as they were written. Already logged. */
  readonly problems: readonly Problem[];
}

/** A promotion that could not be done at all; nothing was changed. The message is for the operator. */
export class PromotionRefused extends Error {
  override readonly name: string = 'PromotionRefused';
}

/** The file of the DISK layer did not do what it should; what it held before, it still holds. */
export class DiskTrouble extends PromotionRefused {
  override readonly name = 'DiskTrouble';
  /** Of MySQL, for the answer. */
  readonly code: number;

  private constructor(message: string, code: number, cause: unknown) {
    super(message);
    this.code = code;
    this.cause = cause;
  }

  /** The error as DiskTrouble when SQLite says that of the file; undefined for others, which are ours. */
  static of(error: unknown, edge: Edge): DiskTrouble | undefined {
    if (!(error instanceof Error) || !('code' in error)) return undefined;
    const [family] =
      /^SQLITE_(FULL|READONLY|IOERR|CANTOPEN|CORRUPT|NOTADB|BUSY|LOCKED)/.exec(String(error.code))?.slice(1) ?? [];
    if (family === undefined) return undefined;
    const outcome = edge === 'memory>disk' ? 'nothing was saved, and proxysql.db is as it was' : 'memory is as it was';
    return new DiskTrouble(
      `proxysql.db: ${error.message}; ${outcome}`,
      DISK_TROUBLE_CODES[family] ?? ERROR_ON_WRITE,
      error,
    );
  }
}

/** MySQL's ER_ERROR_ON_WRITE. */
const ERROR_ON_WRITE = 1026;
/** MySQL's ER_DISK_FULL, ER_OPTION_PREVENTS_STATEMENT, ER_NOT_KEYFILE, ER_LOCK_WAIT_TIMEOUT. */
const DISK_TROUBLE_CODES: Readonly<Record<string, number>> = {
  FULL: 1021,
  READONLY: 1290,
  CORRUPT: 1034,
  NOTADB: 1034,
  BUSY: 1205,
  LOCKED: 1205,
};

export interface PromotionDatabase {
  /** Schema `main` is MEMORY; `disk` is attached. */
  readonly handle: Database;
  /** There was no database file when it was opened. */
  readonly diskWasCreated: boolean;
}
