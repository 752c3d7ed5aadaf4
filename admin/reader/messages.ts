/**
 * What the primary and its reader thread say to each other. Plain data; ids are the primary's.
 */
import type { AdminRole } from '../grammar/statement.ts';

/** A table the statement reads; its rows follow, packed (runtime/packed-rows.ts). */
export interface ReaderTable {
  readonly schema: 'main' | 'stats';
  readonly name: string;
}

export type ToReader =
  | {
      readonly kind: 'open';
      readonly id: number;
      readonly role: AdminRole;
      readonly tables: readonly ReaderTable[];
      /** An image of MEMORY, when the statement reads tables of it. */
      readonly memory: Uint8Array | undefined;
    }
  | { readonly kind: 'rows'; readonly id: number; readonly table: string; readonly packed: string }
  | { readonly kind: 'run'; readonly id: number; readonly sql: string }
  | { readonly kind: 'drop'; readonly id: number };

export type FromReader =
  /** Whole packets of the answer, in order. */
  | { readonly kind: 'chunk'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'done'; readonly id: number; readonly columns: readonly string[] }
  /** SQLite refused the statement. */
  | { readonly kind: 'refused'; readonly id: number; readonly message: string; readonly code: string };
