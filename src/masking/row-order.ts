/**
 * Which indexes of a table give rows in an order that tells of protected columns, and which ones a masked user is left.
 * It reads the catalog and writes no text (text-edits.ts does).
 */
import { type Catalog, type CatalogIndex, type CatalogTable, columnsIn, tableKey } from './catalog.ts';
import { fold } from './identifiers.ts';
import type { CompiledPolicy } from './policy.ts';

/** `leading`: only indexes that begin with a protected column. */
export type HidesIndexes = 'all' | 'leading' | 'off';

export interface TableIndexes {
  /** Names of those that may be used. */
  readonly open: readonly string[];
  /** Names of those that may not, as far as a hint may name them. */
  readonly hidden: readonly string[];
  /** One of these that begins with another column, and the protected column in it. */
  readonly mixed: { readonly index: string; readonly column: string } | undefined;
}

/** No index at all: what is safe where nothing is known of a table's. */
const NONE: TableIndexes = { open: [], hidden: [], mixed: undefined };

/** Undefined: the table has no index that has to be hidden. */
export function indexesOf(policy: CompiledPolicy, table: CatalogTable, hides: HidesIndexes): TableIndexes | undefined {
  if (hides === 'off' || table.view !== undefined) return undefined;
  const secrets = secretsOf(policy, table);
  if (secrets.size === 0) return undefined;
  if (table.indexes === undefined) return NONE;
  const open: string[] = [];
  const hidden: string[] = [];
  let mixed: TableIndexes['mixed'];
  let any = false;
  for (const index of table.indexes) {
    const place = isPrimary(index) || index.unordered === true ? 'none' : placeOf(index, secrets);
    if (place === 'none' || (place === 'later' && hides === 'leading')) {
      if (index.unseen !== true) open.push(index.name);
      continue;
    }
    any = true;
    if (index.unseen !== true) hidden.push(index.name);
    if (place === 'later') mixed ??= { index: index.name, column: secretIn(index, secrets) ?? '' };
  }
  return any ? { open, hidden, mixed } : undefined;
}

/** An index that may be named by a statement: none of a protected column, nor one of which nothing is known. */
export function isHarmlessIndex(policy: CompiledPolicy, table: CatalogTable, name: string): boolean {
  const index = table.indexes?.find((candidate) => fold(candidate.name) === fold(name));
  if (fold(name) === 'primary') return true;
  return index !== undefined && placeOf(index, secretsOf(policy, table)) === 'none';
}

/** What no hint to a server hides, a sentence each. Views that may read such a table are told by their words. */
export function ordersThatStay(policy: CompiledPolicy, catalog: Catalog, hides: HidesIndexes): string[] {
  const sentences: string[] = [];
  const hiding = new Map<string, string>();
  for (const table of catalog.tables) {
    if (!policy.touchesTable(table.schema, table.name) || table.view !== undefined) continue;
    const name = `${table.schema}.${table.name}`;
    const secrets = secretsOf(policy, table);
    const stored = secrets.size === 0 ? undefined : clusteredOf(table);
    const column = stored === undefined ? undefined : secretIn(stored, secrets);
    if (stored !== undefined && column !== undefined) {
      sentences.push(`rows of ${name} may come in the order of ${column}: they are stored by its index ${stored.name}`);
    }
    if (indexesOf(policy, table, hides) !== undefined) hiding.set(fold(table.name), name);
  }
  if (hiding.size === 0) return sentences;
  for (const { schema, name, view } of catalog.tables) {
    if (view === undefined || HINTED.test(view.definition)) continue;
    const words = new Set((view.definition.match(/`[^`]+`/g) ?? []).map((word) => fold(word.slice(1, -1))));
    const table = [...hiding].find(([folded]) => words.has(folded))?.[1];
    if (table === undefined) continue;
    sentences.push(
      `rows of view ${schema}.${name} may come in the order of a protected column of ${table}: a view takes no index hint, its definition may`,
    );
  }
  return sentences;
}

const HINTED = /\b(USE|FORCE|IGNORE) (INDEX|KEY)\b/i;

/** The index by which InnoDB stores the rows. */
function clusteredOf({ indexes = [] }: CatalogTable): CatalogIndex | undefined {
  return indexes.find(isPrimary) ?? indexes.find(({ unique }) => unique === true);
}

function isPrimary({ name }: CatalogIndex): boolean {
  return fold(name) === 'primary';
}

/** Folded names of columns that are protected or made of such, and which protected one that is. */
function secretsOf(policy: CompiledPolicy, table: CatalogTable): ReadonlyMap<string, string> {
  const secrets = new Map<string, string>();
  if (!policy.touchesTable(table.schema, table.name)) return secrets;
  for (const column of [...table.columns, ...(table.invisible ?? [])]) {
    if (policy.protects(table.schema, table.name, column) >= 0) secrets.set(fold(column), column);
  }
  for (let before = -1; before !== secrets.size; ) {
    before = secrets.size;
    for (const { column, expression } of table.generated ?? []) {
      const from = columnsIn(expression, table).find((part) => secrets.has(fold(part)));
      if (from !== undefined && !secrets.has(fold(column))) secrets.set(fold(column), secrets.get(fold(from)) ?? from);
    }
  }
  return secrets;
}

function placeOf(index: CatalogIndex, secrets: ReadonlyMap<string, string>): 'first' | 'later' | 'none' {
  const first = index.leading ?? index.columns.slice(0, 1);
  if (first.some((column) => secrets.has(fold(column)))) return 'first';
  return secretIn(index, secrets) === undefined ? 'none' : 'later';
}

function secretIn({ columns }: CatalogIndex, secrets: ReadonlyMap<string, string>): string | undefined {
  const column = columns.find((candidate) => secrets.has(fold(candidate)));
  return column === undefined ? undefined : secrets.get(fold(column));
}

/** What is known of the tables that statements name, worked out once for each. */
export class IndexHiding {
  readonly #policy: CompiledPolicy;
  readonly #catalog: Catalog;
  readonly #hides: HidesIndexes;
  readonly #tables = new Map<string, TableIndexes | undefined>();

  constructor(policy: CompiledPolicy, catalog: Catalog, hides: HidesIndexes) {
    this.#policy = policy;
    this.#catalog = catalog;
    this.#hides = hides;
  }

  of(schema: string, name: string): TableIndexes | undefined {
    if (this.#hides === 'off' || !this.#policy.touchesTable(schema, name)) return undefined;
    const table = this.#catalog.table(schema, name);
    // Names of tables nobody has told about come from statements: they are not kept.
    if (table === undefined) return undefined;
    const key = tableKey(schema, name);
    if (this.#tables.has(key)) return this.#tables.get(key);
    const indexes = indexesOf(this.#policy, table, this.#hides);
    this.#tables.set(key, indexes);
    return indexes;
  }
}
