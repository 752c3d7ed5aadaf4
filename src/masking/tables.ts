/**
 * Tables as a statement names them: base tables, views and what a session's temporary tables hide, each with its columns and
 * their masks. It knows no queries; the texts of views are read by whoever knows how.
 */
import { type Catalog, type CatalogTable, tableKey } from './catalog.ts';
import type { Dependents } from './dependents.ts';
import { fold } from './identifiers.ts';
import type { CompiledPolicy } from './policy.ts';
import type { TableName } from './query-ast.ts';
import { type IndexHiding, isHarmlessIndex, type TableIndexes } from './row-order.ts';
import { type Relation, relationOf, type Scope, type ScopeColumn } from './scope.ts';
import { isSystemSchema, isValueBearing } from './system-objects.ts';
import { NotUnderstood } from './token-cursor.ts';
import { isProtected, Refused, refuse } from './uses.ts';
import { Reason, refuseStatement } from './verdict.ts';

/** What comes out of a query. */
export interface Columns {
  readonly columns: readonly ScopeColumn[];
  /** A star over a table whose columns are not known: positions behind it are not known either. */
  readonly open: boolean;
  /** The scope of its block, for what may refer to it from outside (ON DUPLICATE KEY UPDATE). */
  readonly scope: Scope | undefined;
}

/** A view's columns, or that it uses protected columns otherwise than by showing them. */
type ResolvedView = { readonly columns: readonly ScopeColumn[] } | 'unusable';

/** Parses and resolves the text of a view, which knows no temporary tables; throws Refused or NotUnderstood. */
export type ViewReader = (table: CatalogTable) => Columns;

/** What stays the same for all statements under one policy and one catalog. */
export interface Knowledge {
  readonly policy: CompiledPolicy;
  readonly catalog: Catalog;
  readonly dependents: Dependents;
  readonly readView: ViewReader;
  readonly hiding: IndexHiding;
  /** Base tables met so far, without an alias. */
  readonly relations: Map<string, Relation>;
  readonly views: Map<string, ResolvedView | 'in progress'>;
}

export class Tables {
  readonly #knowledge: Knowledge;
  /** Current schema, '' for none. */
  readonly #schema: string;
  readonly #temporary: ReadonlySet<string>;

  /** @param temporary folded names of the session's temporary tables, which may hide others */
  constructor(knowledge: Knowledge, schema: string, temporary: ReadonlySet<string>) {
    this.#knowledge = knowledge;
    this.#schema = schema;
    this.#temporary = temporary;
  }

  /** A table of any kind, as a relation of the given folded alias. */
  relation(name: TableName, alias: string): Relation {
    const { catalog, dependents, policy } = this.#knowledge;
    const lasting = this.#lastingTable(name, alias);
    if (!this.mayBeTemporary(name)) return lasting;
    // It is either of the two. Of the temporary one nothing is known, and nothing of it is protected.
    const schema = name.schema ?? this.#schema;
    const table = catalog.table(schema, name.name);
    const leads = policy.touchesTable(schema, name.name) || dependents.views.has(tableKey(schema, name.name));
    if (table === undefined || !leads) return relationOf(alias, fold(schema), [], { open: true });
    return { ...lasting, open: true, openNames: true };
  }

  /** Of a base table, when some of them have to be hidden. */
  indexes(name: TableName): TableIndexes | undefined {
    return this.#knowledge.hiding.of(name.schema ?? this.#schema, name.name);
  }

  mayBeTemporary(name: TableName): boolean {
    return this.#temporary.size > 0 && this.#temporary.has(fold(name.name));
  }

  /** A base table or a view. */
  #lastingTable(name: TableName, alias: string): Relation {
    const schema = name.schema ?? this.#schema;
    // No server reads it either; nothing is guessed about the schema that it would be of.
    if (schema === '') throw new Refused(refuseStatement(Reason.NO_SCHEMA, `${name.name} is of no schema`));
    const { catalog, dependents, relations } = this.#knowledge;
    if (isSystemSchema(schema) && isValueBearing(schema, name.name)) {
      const words = `${schema}.${name.name} shows values or statements of others`;
      throw new Refused(refuseStatement(Reason.SYSTEM, words));
    }
    const key = tableKey(schema, name.name);
    const table = catalog.table(schema, name.name);
    if (table?.view !== undefined && dependents.views.has(key)) {
      const view = this.#view(table, key);
      if (view === 'unusable') {
        const words = `view ${table.schema}.${table.name} uses them otherwise than by showing them`;
        throw new Refused(refuseStatement(Reason.VIEW, words));
      }
      return relationOf(alias, fold(schema), view.columns);
    }
    let known = relations.get(key);
    if (known === undefined) {
      known = this.#baseTable(schema, name.name, table);
      // Names of tables nobody has told about come from statements: they are not kept.
      if (table !== undefined) relations.set(key, known);
    }
    return { ...known, alias };
  }

  #baseTable(schema: string, name: string, table: CatalogTable | undefined): Relation {
    const { policy } = this.#knowledge;
    const columnOf = (column: string): ScopeColumn => ({
      name: fold(column),
      source: { schema: table?.schema ?? schema, table: table?.name ?? name, column },
      mask: policy.protects(schema, name, column),
    });
    const columns = table?.columns.map(columnOf) ?? [];
    const hidden = table?.invisible?.map(columnOf) ?? [];
    const open = table === undefined;
    if (!policy.touchesTable(schema, name)) return relationOf(undefined, fold(schema), columns, { open, hidden });
    // Columns that came since the catalog was loaded, and the servers' name for a key.
    const unknownColumn = (column: string): ScopeColumn | undefined => {
      if (column === '_rowid') return rowId([...columns, ...hidden].filter(isProtected), table);
      const unknown = columnOf(column);
      return isProtected(unknown) ? unknown : undefined;
    };
    return relationOf(undefined, fold(schema), columns, { open, hidden, unknownColumn });
  }

  #view(table: CatalogTable, key: string): ResolvedView {
    const { views, readView, policy } = this.#knowledge;
    const known = views.get(key);
    if (known === 'in progress') return 'unusable';
    if (known !== undefined) return known;
    views.set(key, 'in progress');
    const resolved = this.#readView(table, readView, policy);
    views.set(key, resolved);
    return resolved;
  }

  #readView(table: CatalogTable, readView: ViewReader, policy: CompiledPolicy): ResolvedView {
    let result: Columns;
    try {
      result = readView(table);
    } catch (error) {
      if (error instanceof Refused || error instanceof NotUnderstood) return 'unusable';
      throw error;
    }
    if (result.open || result.columns.length !== table.columns.length) return 'unusable';
    const columns = table.columns.map((name, i): ScopeColumn => {
      const source = { schema: table.schema, table: table.name, column: name };
      const own = policy.protects(table.schema, table.name, name);
      const below = result.columns[i];
      if (own >= 0) return { name: fold(name), source: below?.source ?? source, mask: own };
      return { name: fold(name), source: below?.source ?? source, mask: below?.mask ?? -1 };
    });
    return { columns };
  }

  /** An index of a protected column gives rows in the column's order. */
  checkHints(name: TableName, shown: ScopeColumn, hints: readonly { indexes: readonly string[] }[]): void {
    const { catalog, policy } = this.#knowledge;
    const table = catalog.table(name.schema ?? this.#schema, name.name);
    for (const wanted of hints.flatMap(({ indexes }) => indexes)) {
      if (table === undefined || !isHarmlessIndex(policy, table, wanted))
        refuse(shown, { code: Reason.ORDER_BY, words: `rows may be read in its order by index ${wanted}` });
    }
  }
}

/** `_rowid` is another name of a column that alone is a key. */
function rowId(columns: readonly ScopeColumn[], table: CatalogTable | undefined): ScopeColumn | undefined {
  const isKey = (column: ScopeColumn): boolean =>
    table?.indexes?.some(({ columns: [only, ...more] }) => more.length === 0 && fold(only ?? '') === column.name) ??
    true;
  return columns.find(isKey);
}
