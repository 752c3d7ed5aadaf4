/**
 * Resolves a parsed query against the catalog: what every output column is, and whether a protected column is used in any
 * other way than being shown. The first such use ends it with a Refused. It reads no text and knows no statements.
 */
import { comparedColumns } from './compared-columns.ts';
import { fold } from './identifiers.ts';
import type {
  Block,
  ColumnName,
  CommonTable,
  CommonTables,
  Expression,
  IndexHint,
  Item,
  JoinTree,
  Query,
  TableName,
} from './query-ast.ts';
import type { TableIndexes } from './row-order.ts';
import {
  addNamed,
  find,
  newScope,
  type Relation,
  relationOf,
  relationsNamed,
  type Scope,
  type ScopeColumn,
} from './scope.ts';
import { isValueBearingFunction } from './system-objects.ts';
import { type Columns, type Knowledge, Tables } from './tables.ts';
import { hintBehind, selectInstead, type TokenEdit } from './text-edits.ts';
import { NOT_UNDERSTOOD, TOO_COMPLEX } from './token-cursor.ts';
import { around, isProtected, Refused, refuse, USES, type Use } from './uses.ts';
import { Reason, refuseStatement } from './verdict.ts';

/** Columns of one select list that are followed; servers give 4,096. */
export const JUDGE_COLUMNS_MAX = 8192;
/** Look-ups of names, counted by tables and columns looked at, that one statement may cost: some hundredths of a second. */
export const JUDGE_STEPS_MAX = 5_000_000;

/** The common tables in reach, nearest first. */
interface Names {
  readonly entries: Map<string, { readonly written: string; readonly relation: Columns | undefined }>;
  readonly parent: Names | undefined;
}

export class Resolver {
  /** A protected column was met, be it only shown. */
  met: ScopeColumn | undefined;
  /** The session's diagnostics are read. */
  diagnostics = false;
  /** What the text is kept as outlives the catalog: a view's. */
  lasting = false;
  /** By the token they are at: a part of a query may be resolved more than once. */
  readonly edits = new Map<number, TokenEdit>();

  readonly #knowledge: Knowledge;
  /** Current schema, '' for none. */
  readonly #schema: string;
  readonly #tables: Tables;
  #names: Names | undefined;
  #steps = 0;

  /** @param temporary folded names of the session's temporary tables, which may hide others */
  constructor(knowledge: Knowledge, schema: string, temporary: ReadonlySet<string>) {
    this.#knowledge = knowledge;
    this.#schema = schema;
    this.#tables = new Tables(knowledge, schema, temporary);
  }

  /** @param orders sort keys from around parentheses, which servers apply to the query within. */
  query(query: Query, parent: Scope | undefined, orders: readonly Expression[] = []): Columns {
    const outer = this.#names;
    try {
      if (query.commonTables.length > 0) this.#defineCommonTables(query, parent);
      const orderBy = [...query.orderBy, ...orders];
      const result = this.#body(query, orderBy, parent);
      const reach = result.scope ?? parent ?? newScope(undefined);
      for (const expression of query.rest) this.expression(expression, reach, USES.expression);
      const shown = result.columns.find(isProtected);
      if (shown !== undefined) {
        if (query.into === 'variable') refuse(shown, { code: Reason.VARIABLE, words: 'stored in a variable' });
        if (query.into === 'file') refuse(shown, { code: Reason.OUTFILE, words: 'written to a file of the server' });
        if (query.procedure) refuse(shown, { code: Reason.EXPRESSION, words: 'used by PROCEDURE' });
      }
      return result;
    } finally {
      this.#names = outer;
    }
  }

  #body(query: Query, orderBy: readonly Expression[], parent: Scope | undefined): Columns {
    const { body } = query;
    switch (body.kind) {
      case 'query':
        return this.query(body, parent, orderBy);
      case 'block':
        return this.#block(body, orderBy, parent);
      case 'values': {
        const scope = newScope(parent);
        for (const expression of body.expressions) this.expression(expression, scope, USES.values);
        const column = { name: undefined, source: undefined, mask: -1 };
        const columns = Array.from({ length: body.width }, () => column);
        return { columns, open: false, scope };
      }
      case 'operation': {
        const branches = body.branches.map((branch) => this.query(branch, parent));
        for (const { columns } of branches) {
          const shown = columns.find(isProtected);
          if (shown !== undefined) refuse(shown, { code: Reason.SET_OPERATION, words: 'used in a set operation' });
        }
        const [first] = branches;
        const columns = first?.columns ?? [];
        const open = branches.some((branch) => branch.open);
        const scope = newScope(parent);
        scope.relations.push(relationOf(undefined, undefined, columns, { open }));
        for (const expression of orderBy) this.expression(expression, scope, USES.orderBy);
        return { columns, open, scope: undefined };
      }
    }
  }

  /** Common tables of a statement that is no query: they stay in reach. */
  define(tables: CommonTables): void {
    this.#defineCommonTables(tables, undefined);
  }

  #defineCommonTables(query: CommonTables, parent: Scope | undefined): void {
    const names: Names = { entries: new Map(), parent: this.#names };
    this.#names = names;
    // MariaDB lets common tables refer to later ones when RECURSIVE is there: nothing is said about such a query.
    if (query.recursive) {
      for (const { name } of query.commonTables) names.entries.set(fold(name), { written: name, relation: undefined });
    }
    for (const table of query.commonTables) {
      const relation = this.#commonTable(table, names, query.recursive, parent);
      names.entries.set(fold(table.name), { written: table.name, relation });
    }
  }

  #commonTable(table: CommonTable, names: Names, recursive: boolean, parent: Scope | undefined): Columns {
    const { body } = table.query;
    if (!recursive || body.kind !== 'operation') {
      // Its own name is that of a base table still, and an error when it is not.
      if (recursive) names.entries.delete(fold(table.name));
      return renamed(this.query(table.query, parent), table.columns);
    }
    // The first branch gives the columns; no protected one can be among them, as it is part of a set operation.
    const [first] = body.branches;
    names.entries.delete(fold(table.name));
    const seed = first === undefined ? undefined : this.query(first, parent);
    const columns = (seed?.columns ?? []).map((column) => ({ ...column, mask: -1, source: undefined }));
    const relation = renamed({ columns, open: seed?.open ?? true, scope: undefined }, table.columns);
    names.entries.set(fold(table.name), { written: table.name, relation });
    this.query(table.query, parent);
    return relation;
  }

  #block(block: Block, orderBy: readonly Expression[], parent: Scope | undefined): Columns {
    const scope = newScope(parent);
    const conditions: (() => void)[] = [];
    const from = block.from === undefined ? undefined : this.from(block.from, scope, conditions);
    const output = this.items(block.items, scope, from);
    for (const condition of conditions) condition();
    if (block.where !== undefined) this.expression(block.where, scope, USES.where);
    for (const key of block.groupBy) this.#sortKey(key, scope, output, USES.groupBy);
    if (block.having !== undefined) this.expression(block.having, scope, USES.having, true);
    for (const window of block.windows) this.expression(window, scope, USES.window, true);
    for (const key of orderBy) this.#sortKey(key, scope, output, USES.orderBy);
    const shown = output.columns.find(isProtected);
    if (shown !== undefined && block.distinct) refuse(shown, { code: Reason.DISTINCT, words: 'used in DISTINCT' });
    return { ...output, scope };
  }

  /** The columns of a select list; its expressions are looked at. */
  items(items: readonly Item[], scope: Scope, from: { columns: readonly ScopeColumn[]; open: boolean } | undefined) {
    const columns: ScopeColumn[] = [];
    let open = false;
    for (const item of items) {
      if (item.kind === 'star') {
        const star =
          item.table === undefined ? (from ?? { columns: [], open: false }) : this.#tableStar(item.table, scope);
        for (const column of star.columns) this.#meet(column);
        this.#spend(star.columns.length);
        for (const column of star.columns) columns.push(column);
        if (columns.length > JUDGE_COLUMNS_MAX) throw TOO_COMPLEX;
        open ||= star.open;
      } else if (item.kind === 'column') {
        const column = this.#plainColumn(item.column, scope);
        const alias = item.alias ?? item.column.column;
        const output = { ...column, name: fold(alias) };
        columns.push(output);
        addAlias(scope, output);
      } else {
        const name = item.alias === undefined ? undefined : fold(item.alias);
        const output = { name, source: undefined, mask: -1 };
        columns.push(output);
        if (name !== undefined) addAlias(scope, output);
      }
    }
    for (const item of items) {
      if (item.kind !== 'expression') continue;
      const assigned = { code: Reason.VARIABLE, words: 'assigned to a variable' };
      this.expression(item.expression, scope, item.expression.assigns ? assigned : USES.expression);
    }
    return { columns, open };
  }

  #plainColumn(name: ColumnName, scope: Scope): Omit<ScopeColumn, 'name'> {
    const { columns, uncertain, steps } = find(scope, name, false);
    this.#spend(steps);
    const shown = columns.find(isProtected);
    if (shown === undefined) {
      if (columns.length === 0) this.#unresolved(name, scope);
      return { source: columns.length === 1 ? columns[0]?.source : undefined, mask: -1 };
    }
    this.#meet(shown);
    if (columns.length > 1 || uncertain) {
      refuse(shown, { code: Reason.POSITION, words: 'named in a way that may mean another column too' });
    }
    return { source: shown.source, mask: shown.mask };
  }

  #tableStar(table: TableName, scope: Scope): { columns: readonly ScopeColumn[]; open: boolean } {
    const schema = table.schema === undefined ? undefined : fold(table.schema);
    for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
      const named = relationsNamed(at, fold(table.name), schema);
      const [only] = named;
      if (only === undefined) continue;
      if (named.length === 1) return only;
      const shown = named.flatMap((relation) => relation.columns).find(isProtected);
      if (shown !== undefined) refuse(shown, { code: Reason.POSITION, words: '* may mean one of several tables' });
      return { columns: [], open: true };
    }
    return { columns: [], open: true };
  }

  /** Refuses any use of a protected column; looks into subqueries and at functions. */
  expression(expression: Expression, scope: Scope, use: Use, withAliases = false, first?: readonly Relation[]): void {
    if (expression.diagnostics) this.diagnostics = true;
    for (const reference of expression.references) {
      const { columns, steps } = find(scope, reference, withAliases, first);
      this.#spend(steps);
      const shown = columns.find(isProtected);
      if (shown !== undefined) {
        this.#meet(shown);
        refuse(shown, around(reference.around, use));
      }
      if (columns.length === 0) this.#unresolved(reference, scope);
    }
    for (const call of expression.calls) this.#call(call);
    for (const { query, exists } of expression.subqueries) {
      const shown = this.query(query, scope).columns.find(isProtected);
      if (shown !== undefined && !exists) refuse(shown, { code: Reason.SUBQUERY, words: 'the value of a subquery' });
    }
  }

  /** A name that is nowhere: an error of the server's, unless it reads letters differently. */
  #unresolved(name: ColumnName, scope: Scope): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII is meant.
    if (/^[\x00-\x7f]*$/.test(name.column)) return;
    for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
      for (const relation of at.relations) {
        if (relation.columns.some(isProtected) || relation.unknownColumn !== undefined) {
          throw new Refused(refuseStatement(Reason.UNREADABLE, `there is no column ${name.column} that is known`));
        }
      }
    }
  }

  #sortKey(key: Expression, scope: Scope, output: { columns: readonly ScopeColumn[]; open: boolean }, use: Use): void {
    if (key.position !== undefined) {
      const chosen = Number.isNaN(key.position) || output.open ? undefined : output.columns[key.position - 1];
      const shown = chosen === undefined ? output.columns.find(isProtected) : chosen;
      const sure = chosen !== undefined || (!Number.isNaN(key.position) && !output.open);
      if (shown !== undefined && isProtected(shown) && (chosen !== undefined || !sure)) refuse(shown, use);
      return;
    }
    // A bare alias of ORDER BY is the select list's, whatever the tables have.
    if (use === USES.orderBy && key.bare !== undefined && key.bare.table === undefined) {
      const aliased = scope.aliases.get(fold(key.bare.column)) ?? [];
      if (aliased.length > 0 && !aliased.some(isProtected)) return;
    }
    this.expression(key, scope, use, true);
  }

  #call(call: TableName): void {
    if (isValueBearingFunction(call.name)) {
      const code = fold(call.name) === 'load_file' ? Reason.SERVER_FILE : Reason.SYSTEM;
      throw new Refused(refuseStatement(code, `${call.name.toUpperCase()}() is not available`));
    }
    const { dependents, catalog } = this.#knowledge;
    const name = fold(call.name);
    if (!dependents.names.has(name)) return;
    const schema = fold(call.schema ?? this.#schema);
    for (const routine of catalog.routines) {
      if (routine.kind !== 'function' || fold(routine.name) !== name) continue;
      // Without a schema it could be that of any.
      if (schema !== '' && fold(routine.schema) !== schema) continue;
      if (!dependents.routineDepends(routine)) continue;
      const words = `function ${routine.schema}.${routine.name} depends on them`;
      throw new Refused(refuseStatement(Reason.ROUTINE, words));
    }
  }

  /** Adds the relations of a FROM to the scope; conditions are looked at later, when aliases are known. */
  from(tree: JoinTree, scope: Scope, conditions: (() => void)[]): { columns: readonly ScopeColumn[]; open: boolean } {
    if (tree.kind !== 'join') {
      const relation = this.#relation(tree, scope);
      scope.relations.push(relation);
      return relation;
    }
    const begin = scope.relations.length;
    const left = this.from(tree.left, scope, conditions);
    const middle = scope.relations.length;
    const right = this.from(tree.right, scope, conditions);
    const inReach = scope.relations.slice(begin);
    const { on } = tree;
    if (on !== undefined) conditions.push(() => this.expression(on, scope, USES.join, false, inReach));
    if (!tree.natural && tree.using === undefined) {
      return { columns: [...left.columns, ...right.columns], open: left.open || right.open };
    }
    const leftRelations = scope.relations.slice(begin, middle);
    const rightRelations = scope.relations.slice(middle);
    const common = comparedColumns(
      tree.using,
      { ...left, relations: leftRelations },
      { ...right, relations: rightRelations },
    );
    const [first, second] = tree.rightFirst ? [right, left] : [left, right];
    const isCommon = (column: ScopeColumn): boolean => column.name !== undefined && common.has(column.name);
    const merged = first.columns.filter(isCommon);
    const rest = [...first.columns, ...second.columns].filter((column) => !isCommon(column));
    return { columns: [...merged, ...rest], open: left.open || right.open };
  }

  #relation(tree: Exclude<JoinTree, { kind: 'join' }>, scope: Scope): Relation {
    switch (tree.kind) {
      case 'function':
        this.expression(tree.argument, scope, USES.expression);
        return relationOf(tree.alias === undefined ? undefined : fold(tree.alias), undefined, [], { open: true });
      case 'derived': {
        const result = this.query(tree.query, tree.lateral ? copyOf(scope) : scope.parent);
        const { columns, open } = renamed(result, tree.columns);
        const alias = tree.alias === undefined ? undefined : fold(tree.alias);
        return relationOf(alias, undefined, columns, { open });
      }
      case 'table':
        return this.#namedTable(tree.name, tree.alias, tree);
    }
  }

  #namedTable(name: TableName, alias: string | undefined, how: Extract<JoinTree, { kind: 'table' }>): Relation {
    const known = fold(alias ?? name.name);
    if (name.schema === undefined) {
      const common = this.#findCommonTable(name.name);
      if (common !== undefined) return relationOf(known, undefined, common.columns, { open: common.open });
    }
    const relation = this.table(name, known);
    const shown = relation.columns.find(isProtected);
    if (shown !== undefined && how.partitions) {
      refuse(shown, { code: Reason.WHERE, words: 'rows are chosen by PARTITION, which may depend on it' });
    }
    if (how.hints.length > 0) {
      // One that `*` leaves out is in indexes all the same.
      const secret = shown ?? [...relation.byName.values()].flat().find(isProtected);
      if (secret !== undefined) this.#tables.checkHints(name, secret, how.hints);
    }
    this.#hideIndexes(how);
    return relation;
  }

  /** The server may read a base table by any index: by those of protected columns it must not. */
  #hideIndexes({ name, hints, end, verb }: Extract<JoinTree, { kind: 'table' }>): void {
    const indexes = this.#tables.indexes(name);
    // Indexes that the statement names are harmless, and no other one is used.
    if (indexes === undefined || hints.some(({ scoped }) => !scoped)) return;
    if (verb !== undefined) this.edits.set(verb, selectInstead(verb));
    const form = this.#formFor(name, hints);
    if (form === 'ignore' && indexes.hidden.length === 0) return;
    this.edits.set(end, hintBehind(end, form, indexes));
  }

  #formFor(name: TableName, hints: readonly IndexHint[]): 'use' | 'ignore' | 'none' {
    if (this.#tables.mayBeTemporary(name)) {
      // A temporary table has other indexes.
      if (hints.length > 0) throw NOT_UNDERSTOOD;
      return 'none';
    }
    return hints.length > 0 || this.lasting ? 'ignore' : 'use';
  }

  /** Indexes of a base table that have to be hidden. */
  indexes(name: TableName): TableIndexes | undefined {
    return this.#tables.indexes(name);
  }

  /** A table of any kind, as a relation of the given folded alias. */
  table(name: TableName, alias = fold(name.name)): Relation {
    return this.#tables.relation(name, alias);
  }

  #findCommonTable(name: string): Columns | undefined {
    const folded = fold(name);
    for (let names = this.#names; names !== undefined; names = names.parent) {
      const entry = names.entries.get(folded);
      if (entry === undefined) continue;
      // Some servers tell names apart by case, others do not; a later common table is known to some only.
      if (entry.relation === undefined || entry.written !== name) throw NOT_UNDERSTOOD;
      return entry.relation;
    }
    return undefined;
  }

  /** Adversaries can make small texts costly. */
  #spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > JUDGE_STEPS_MAX) throw TOO_COMPLEX;
  }

  #meet(column: ScopeColumn): void {
    if (isProtected(column)) this.met ??= column;
  }
}

function renamed(result: Columns, names: readonly string[] | undefined): Columns {
  if (names === undefined) return result;
  const columns = result.columns.map((column, i) => {
    const name = names[i];
    return name === undefined ? column : { ...column, name: fold(name) };
  });
  return { ...result, columns };
}

function addAlias(scope: Scope, column: ScopeColumn): void {
  if (column.name !== undefined) addNamed(scope.aliases, column.name, column);
}

/** The scope as it is now: what comes later is out of reach. */
function copyOf(scope: Scope): Scope {
  return { relations: [...scope.relations], aliases: new Map(), parent: scope.parent };
}
