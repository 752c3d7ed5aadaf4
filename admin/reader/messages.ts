/**
 * What the primary and a reader process say to each other. Plain data; a reader has one read at a time.
 */
import type { SqlParameter } from '../db/parameters.ts';

/** A table that rows come for. */
export interface TableName {
  readonly schema: string;
  readonly table: string;
}

/** Rows as cells, with their columns or in the order of the table's; or packed (runtime/packed-rows.ts), all as text. */
export type RowSlice =
  | { readonly columns?: readonly string[] | undefined; readonly cells: readonly (readonly unknown[])[] }
  | { readonly packed: string };

export type ToReader =
  /** Databases of these names, besides main, and what is created in them. */
  | { readonly kind: 'open'; readonly schemas: readonly string[]; readonly definitions: readonly string[] }
  /** Forget the rows that came for a table: they come again. */
  | ({ readonly kind: 'clear' } & TableName)
  | ({ readonly kind: 'rows'; readonly slice: RowSlice } & TableName)
  | {
      readonly kind: 'run';
      readonly sql: string;
      readonly parameters: readonly SqlParameter[];
      /** Rows as COM_STMT_EXECUTE wants them, not as text. */
      readonly binary: boolean;
    }
  /** Run it, and say no more than that it ended. */
  | { readonly kind: 'try'; readonly sql: string; readonly parameters: readonly SqlParameter[] }
  /** Be ready for the next read, whatever has come for this one. */
  | { readonly kind: 'close' };

export type FromReader =
  /** Whole packets of the answer, in order. */
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array }
  | { readonly kind: 'done'; readonly columns: readonly string[] }
  /** SQLite refused the statement. */
  | { readonly kind: 'refused'; readonly message: string; readonly code: string };
