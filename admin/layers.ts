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
  override readonly name = 'PromotionRefused';
}

export interface PromotionDatabase {
  /** Schema `main` is MEMORY; `disk` is attached. */
  readonly handle: Database;
  /** There was no database file when it was opened. */
  readonly diskWasCreated: boolean;
}
