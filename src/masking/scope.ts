/**
 * What names mean at one place of a query: tables in reach, their columns, aliases, and the scopes around. It finds
 * candidates; what follows from them is the resolver's to say.
 */
import { fold } from './identifiers.ts';
import type { ColumnName } from './query-ast.ts';
import type { SourceColumn } from './verdict.ts';

/** A column of a table, a derived table or a select list. */
export interface ScopeColumn {
  /** Folded; undefined: a label that only the server knows (an expression without an alias). */
  readonly name: string | undefined;
  readonly source: SourceColumn | undefined;
  /** Index of the mask, or -1. */
  readonly mask: number;
}

/** One element of a FROM. */
export interface Relation {
  /** Folded name under which it is known here; undefined for a derived table without a name. */
  readonly alias: string | undefined;
  /** Folded schema of a table; undefined for what has none. */
  readonly schema: string | undefined;
  readonly columns: readonly ScopeColumn[];
  readonly byName: ReadonlyMap<string, readonly ScopeColumn[]>;
  /** There are more columns than are known: what `*` gives is not known. */
  readonly open: boolean;
  /** It may have names that are not known. */
  readonly openNames: boolean;
  /** The column of that name when it is protected although it is not among `columns`. */
  readonly unknownColumn: ((name: string) => ScopeColumn | undefined) | undefined;
}

export interface Scope {
  readonly relations: Relation[];
  /** Aliases of the select list, and names of its plain columns. */
  readonly aliases: Map<string, ScopeColumn[]>;
  readonly parent: Scope | undefined;
}

export interface Found {
  readonly columns: readonly ScopeColumn[];
  /** A nearer table with unknown columns might have the name as well. */
  readonly uncertain: boolean;
  /** Tables that were looked at. */
  readonly steps: number;
}

export function newScope(parent: Scope | undefined): Scope {
  return { relations: [], aliases: new Map(), parent };
}

/** Of columns with the same name two are enough, and one that is protected. */
export function addNamed(byName: Map<string, ScopeColumn[]>, name: string, column: ScopeColumn): void {
  const same = byName.get(name);
  if (same === undefined) byName.set(name, [column]);
  else if (same.length < 2 || (same.length < 3 && column.mask >= 0)) same.push(column);
}

export function relationOf(
  alias: string | undefined,
  schema: string | undefined,
  columns: readonly ScopeColumn[],
  more: {
    readonly open?: boolean;
    /** Columns that have a name here but are not part of `*`. */
    readonly hidden?: readonly ScopeColumn[];
    readonly unknownColumn?: Relation['unknownColumn'];
  } = {},
): Relation {
  const byName = new Map<string, ScopeColumn[]>();
  let openNames = more.open ?? false;
  for (const column of more.hidden === undefined ? columns : [...columns, ...more.hidden]) {
    if (column.name === undefined) {
      openNames = true;
      continue;
    }
    addNamed(byName, column.name, column);
  }
  return { alias, schema, columns, byName, open: more.open ?? false, openNames, unknownColumn: more.unknownColumn };
}

/**
 * The columns a name may stand for, in the nearest scope that has it.
 * @param withAliases the select list's own aliases count in the innermost scope too (HAVING, ORDER BY, GROUP BY); in the
 * scopes around they always do.
 * @param first only these relations of the innermost scope, when one of them has the name (ON).
 */
export function find(scope: Scope, reference: ColumnName, withAliases: boolean, first?: readonly Relation[]): Found {
  const name = fold(reference.column);
  const table = reference.table === undefined ? undefined : fold(reference.table);
  const schema = reference.schema === undefined ? undefined : fold(reference.schema);
  if (first !== undefined) {
    const near = candidates(first, name, table, schema);
    if (near.columns.length > 0) return { ...near, steps: first.length };
  }
  let uncertain = false;
  let steps = 1;
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    const here = candidates(at.relations, name, table, schema);
    const columns = [...here.columns];
    steps += at.relations.length;
    if (table === undefined && (withAliases || at !== scope)) columns.push(...(at.aliases.get(name) ?? []));
    if (columns.length > 0) return { columns, uncertain, steps };
    uncertain ||= here.uncertain;
  }
  return { columns: [], uncertain, steps };
}

/** Relations that a qualifier may mean. */
export function relationsNamed(scope: Scope, table: string, schema: string | undefined): Relation[] {
  return scope.relations.filter((relation) => isNamed(relation, table, schema));
}

function isNamed(relation: Relation, table: string, schema: string | undefined): boolean {
  if (relation.alias !== table) return false;
  return schema === undefined || relation.schema === undefined || relation.schema === schema;
}

function candidates(
  relations: readonly Relation[],
  name: string,
  table: string | undefined,
  schema: string | undefined,
) {
  const columns: ScopeColumn[] = [];
  let uncertain = false;
  for (const relation of relations) {
    if (table !== undefined && !isNamed(relation, table, schema)) continue;
    const known = relation.byName.get(name);
    const unknown = known === undefined ? relation.unknownColumn?.(name) : undefined;
    if (known !== undefined) columns.push(...known);
    else if (unknown !== undefined) columns.push(unknown);
    else if (relation.openNames) uncertain = true;
  }
  return { columns, uncertain };
}
