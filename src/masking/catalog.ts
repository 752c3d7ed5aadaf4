/**
 * What the judge needs to know of a backend's tables, views, routines and triggers: plain facts, as information_schema
 * tells them. It loads nothing and concludes nothing (dependents.ts does).
 */
import { fold } from './identifiers.ts';

export interface CatalogIndex {
  readonly name: string;
  /** In order; of a part that is an expression the columns it names. */
  readonly columns: readonly string[];
  readonly unique?: boolean;
  /** The columns of the first part, when that is an expression. */
  readonly leading?: readonly string[];
  /** INVISIBLE (MySQL) or IGNORED (MariaDB): a hint that names it is an error. */
  readonly unseen?: boolean;
  /** FULLTEXT, SPATIAL: rows are never read in the order of its columns. */
  readonly unordered?: boolean;
}

export interface GeneratedColumn {
  readonly column: string;
  readonly expression: string;
}

/** A column whose values have to be among those of another table's column. */
export interface CatalogReference {
  readonly column: string;
  readonly schema: string;
  readonly table: string;
  readonly of: string;
}

/** A base table, or a view when `view` is there. */
export interface CatalogTable {
  readonly schema: string;
  readonly name: string;
  /** In ordinal order, invisible columns left out: what `SELECT *` gives. */
  readonly columns: readonly string[];
  /** Columns that `*` leaves out (INVISIBLE). */
  readonly invisible?: readonly string[];
  /** Keys of every kind; undefined: not known, which counts as "any column may be in a key". */
  readonly indexes?: readonly CatalogIndex[];
  readonly generated?: readonly GeneratedColumn[];
  /** Clauses of CHECK constraints. */
  readonly checks?: readonly string[];
  /** Foreign keys. */
  readonly references?: readonly CatalogReference[];
  /** information_schema.VIEWS.VIEW_DEFINITION; '' when the account that loads the catalog may not see it. */
  readonly view?: { readonly definition: string };
}

export interface CatalogRoutine {
  readonly schema: string;
  readonly name: string;
  readonly kind: 'procedure' | 'function';
  /** ROUTINE_DEFINITION; undefined or '' when it may not be seen: it then counts as depending on everything. */
  readonly body: string | undefined;
}

export interface CatalogTrigger {
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  /** ACTION_STATEMENT. */
  readonly body: string | undefined;
}

export interface Catalog {
  /** Undefined: no such table, as far as is known. Names are compared as {@link fold} does. */
  readonly table: (schema: string, name: string) => CatalogTable | undefined;
  readonly tables: readonly CatalogTable[];
  readonly routines: readonly CatalogRoutine[];
  readonly triggers: readonly CatalogTrigger[];
}

export interface CatalogFacts {
  readonly tables: readonly CatalogTable[];
  readonly routines: readonly CatalogRoutine[];
  readonly triggers: readonly CatalogTrigger[];
}

/** Indexes the facts by name. Two tables whose names differ in case only count as not known: which is meant is not certain. */
export function catalogOf(facts: CatalogFacts): Catalog {
  const byName = new Map<string, CatalogTable | undefined>();
  for (const table of facts.tables) {
    const key = tableKey(table.schema, table.name);
    byName.set(key, byName.has(key) ? undefined : table);
  }
  return { ...facts, table: (schema, name) => byName.get(tableKey(schema, name)) };
}

/** Columns of the table that an expression of its definition names, or that have the name of something in it. */
export function columnsIn(
  expression: string,
  { columns, invisible = [] }: Pick<CatalogTable, 'columns' | 'invisible'>,
): string[] {
  const words = new Set(
    (expression.match(/`[^`]+`|[\w$\u0080-\uffff]+/g) ?? []).map((word) => fold(word.replaceAll('`', ''))),
  );
  return [...columns, ...invisible].filter((column) => words.has(fold(column)));
}

/** A key for maps; a NUL can be in no identifier. */
export function tableKey(schema: string, table: string): string {
  return `${fold(schema)}\0${fold(table)}`;
}
