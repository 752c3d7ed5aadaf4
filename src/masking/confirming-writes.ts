/**
 * Columns that are not protected themselves, but whose new value a constraint compares with a protected one: whether the
 * server takes the value tells what the other one is. It reads the catalog's constraints and judges no statement.
 */
import { type Catalog, type CatalogTable, columnsIn, tableKey } from './catalog.ts';
import { fold } from './identifiers.ts';
import type { CompiledPolicy } from './policy.ts';
import type { SourceColumn } from './verdict.ts';

/** By table and folded column: the protected column that a write of it is compared with. */
export type ComparedColumns = ReadonlyMap<string, ReadonlyMap<string, SourceColumn>>;

export interface ConfirmingWrites {
  /** By foreign keys: a new row confirms a guess. */
  readonly inserted: ComparedColumns;
  /** By those, and by unique keys and CHECKs, which compare with what the row or its neighbours have already. */
  readonly updated: ComparedColumns;
  /** Folded names of the tables concerned. */
  readonly tables: ReadonlySet<string>;
}

type Draft = Map<string, Map<string, SourceColumn>>;

export function confirmingWritesOf(policy: CompiledPolicy, catalog: Catalog): ConfirmingWrites {
  const inserted: Draft = new Map();
  const updated: Draft = new Map();
  const note = (draft: Draft, table: CatalogTable, column: string, with_: SourceColumn): void => {
    const key = tableKey(table.schema, table.name);
    const columns = draft.get(key) ?? new Map<string, SourceColumn>();
    columns.set(fold(column), with_);
    draft.set(key, columns);
  };
  const isProtected = (table: CatalogTable, column: string): boolean =>
    policy.protects(table.schema, table.name, column) >= 0;
  for (const table of catalog.tables) {
    for (const { column, schema, table: parent, of } of table.references ?? []) {
      if (policy.protects(schema, parent, of) < 0) continue;
      note(inserted, table, column, { schema, table: parent, column: of });
      note(updated, table, column, { schema, table: parent, column: of });
    }
    if (!policy.touchesTable(table.schema, table.name)) continue;
    const compared = [
      ...(table.indexes ?? []).filter(({ unique }) => unique === true).map(({ columns }) => columns),
      ...(table.checks ?? []).map((clause) => columnsIn(clause, table)),
    ];
    for (const columns of compared) {
      const secret = columns.find((column) => isProtected(table, column));
      if (secret === undefined) continue;
      const source = { schema: table.schema, table: table.name, column: secret };
      for (const column of columns) if (!isProtected(table, column)) note(updated, table, column, source);
    }
  }
  const tables = new Set([...updated.keys()].map((key) => key.slice(key.indexOf('\0') + 1)));
  return { inserted, updated, tables };
}
