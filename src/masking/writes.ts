/**
 * INSERT, REPLACE, UPDATE and DELETE: nothing protected may be copied by them, decide what they change, or be given a
 * value whose rejection or effect confirms a guess.
 */
import { tableKey } from './catalog.ts';
import type { ComparedColumns } from './confirming-writes.ts';
import { fold } from './identifiers.ts';
import { DOT, Kind } from './lexer.ts';
import type { ColumnName, Expression, JoinTree, TableName } from './query-ast.ts';
import { find, newScope, type Relation, type Scope, type ScopeColumn } from './scope.ts';
import type { StatementReader } from './statements.ts';
import type { Columns } from './tables.ts';
import { CLOSE, COMMA, OPEN, STAR } from './token-cursor.ts';
import { isProtected, Refused, refuse, USES, type Use } from './uses.ts';
import { Reason, refuseColumn, refuseStatement, type Verdict } from './verdict.ts';

const EQUALS = 0x3d;

const COPIED: Use = { code: Reason.COPY, words: 'copied into a table' };
const UPDATED: Use = { code: Reason.COPY, words: 'used for a new value' };
const WRITTEN: Use = { code: Reason.WRITE, words: 'given a value by UPDATE, whose effect confirms guesses' };
const CONFIRMED: Use = { code: Reason.WRITE, words: 'compared by a constraint with what is written' };
const KEYED: Use = { code: Reason.WRITE, words: 'given a value that a key compares with those of other rows' };

/** Before WHERE: the priority and what follows the verb. */
const MODIFIERS = ['LOW_PRIORITY', 'HIGH_PRIORITY', 'DELAYED', 'QUICK', 'IGNORE'] as const;

export function judgeInsert(reader: StatementReader): Verdict {
  reader.at += 1;
  while (reader.takeWord(...MODIFIERS));
  reader.takeWord('INTO');
  const name = reader.tableName();
  if (reader.word() === 'PARTITION') {
    reader.at += 1;
    reader.nameList();
  }
  const scope = newScope(undefined);
  const target = reader.resolver.table(name);
  scope.relations.push(target);
  refuseTriggers(reader, name);
  const columns = reader.kind() === OPEN && !reader.atQuery() ? insertColumns(reader) : undefined;
  const source = insertSource(reader, scope);
  if (source !== undefined) {
    const shown = source.columns.find(isProtected);
    if (shown !== undefined) refuse(shown, COPIED);
  }
  refuseKeyed(reader, name, target, columns ?? source?.assigned);
  if (reader.takeWord('AS')) {
    // The new row's name: its columns hold what is being written.
    reader.name();
    if (reader.kind() === OPEN) reader.nameList();
  }
  if (reader.takeWord('ON')) {
    reader.needWord('DUPLICATE');
    reader.needWord('KEY');
    reader.needWord('UPDATE');
    if (source?.scope !== undefined) scope.relations.push(...source.scope.relations);
    assignments(reader, scope);
  }
  return returning(reader, target, scope);
}

/** `(a, t.b)` */
function insertColumns(reader: StatementReader): ColumnName[] {
  const columns: ColumnName[] = [];
  reader.need(OPEN);
  while (reader.kind() !== CLOSE) {
    const column = reader.tryColumnName() ?? reader.fail();
    columns.push(column);
    if (!reader.take(COMMA)) break;
  }
  reader.need(CLOSE);
  return columns;
}

interface Source extends Columns {
  /** Columns that SET names. */
  readonly assigned?: readonly ColumnName[];
}

function insertSource(reader: StatementReader, scope: Scope): Source | undefined {
  if (reader.takeWord('SET')) {
    const assigned: ColumnName[] = [];
    do {
      assigned.push(reader.tryColumnName() ?? reader.fail());
      if (!reader.take(EQUALS)) reader.need(Kind.ASSIGN);
      newValue(reader, scope, USES.values);
    } while (reader.take(COMMA));
    return { columns: [], open: false, scope: undefined, assigned };
  }
  if (reader.word() === 'VALUE' || (reader.word() === 'VALUES' && reader.word(1) !== 'ROW')) {
    reader.at += 1;
    do {
      reader.need(OPEN);
      while (reader.kind() !== CLOSE) {
        newValue(reader, scope, USES.values);
        if (!reader.take(COMMA)) break;
      }
      reader.need(CLOSE);
    } while (reader.take(COMMA));
    return undefined;
  }
  return reader.resolver.query(reader.query(), undefined);
}

const LITERAL_WORDS: ReadonlySet<string> = new Set(['NULL', 'DEFAULT', 'TRUE', 'FALSE']);

/** An expression, or DEFAULT. Literals are passed over quickly: bulk inserts have millions. */
function newValue(reader: StatementReader, scope: Scope, use: Use): void {
  const kind = reader.kind();
  const next = reader.kind(1);
  const isLiteral =
    kind === Kind.STRING ||
    kind === Kind.INTEGER ||
    kind === Kind.NUMBER ||
    kind === Kind.PARAMETER ||
    LITERAL_WORDS.has(reader.word());
  if (isLiteral && (next === COMMA || next === CLOSE)) {
    reader.at += 1;
    return;
  }
  reader.resolver.expression(reader.expression(), scope, use);
}

/** A value for a column in a key: 1062 tells whether it is there already, and its place in the index how it sorts. */
function refuseKeyed(
  reader: StatementReader,
  name: TableName,
  target: Relation,
  written: readonly ColumnName[] | undefined,
): void {
  const { catalog } = reader.knowledge;
  const table = catalog.table(name.schema ?? reader.schema, name.name);
  const isKeyed = (column: string): boolean =>
    table?.indexes?.some((index) => index.columns.some((part) => fold(part) === column)) ?? true;
  const names = written?.map(({ column }) => column) ?? table?.columns;
  if (names === undefined) {
    if (target.unknownColumn === undefined) return;
    throw new Refused(refuseStatement(Reason.WRITE, 'which columns are written is not known'));
  }
  const only = newScope(undefined);
  only.relations.push(target);
  for (const column of names) {
    const shown = find(only, { schema: undefined, table: undefined, column }, false).columns.find(isProtected);
    if (shown === undefined) continue;
    if (table?.view !== undefined || isKeyed(fold(column))) refuse(shown, KEYED);
  }
  const { confirming, confirmingViews } = reader.knowledge.dependents;
  refuseView(confirmingViews.has(tableKey(name.schema ?? reader.schema, name.name)), confirming.inserted.size > 0);
  for (const column of names) {
    for (const found of find(only, { schema: undefined, table: undefined, column }, false).columns) {
      refuseConfirming(found, confirming.inserted);
    }
  }
}

/** Through a view it is not certain which column is written. */
function refuseView(isConfirming: boolean, matters: boolean): void {
  if (!isConfirming || !matters) return;
  throw new Refused(refuseStatement(Reason.WRITE, 'a constraint compares what is written through the view with them'));
}

function refuseConfirming({ source }: ScopeColumn, compared: ComparedColumns): void {
  if (source === undefined || compared.size === 0) return;
  const secret = compared.get(tableKey(source.schema, source.table))?.get(fold(source.column));
  if (secret !== undefined) throw new Refused(refuseColumn(CONFIRMED.code, secret, CONFIRMED.words));
}

/** `a = expression, …` where a protected column is given no value and gives none. */
function assignments(reader: StatementReader, scope: Scope): void {
  do {
    const column = reader.tryColumnName() ?? reader.fail();
    const { columns } = find(scope, column, false);
    const shown = columns.find(isProtected);
    if (shown !== undefined) refuse(shown, WRITTEN);
    const { confirming, confirmingViews } = reader.knowledge.dependents;
    for (const found of columns) {
      const { schema, table } = found.source ?? { schema: '', table: '' };
      refuseView(confirmingViews.has(tableKey(schema, table)), true);
      refuseConfirming(found, confirming.updated);
    }
    if (!reader.take(EQUALS)) reader.need(Kind.ASSIGN);
    newValue(reader, scope, UPDATED);
  } while (reader.take(COMMA));
}

export function judgeUpdate(reader: StatementReader): Verdict {
  reader.at += 1;
  while (reader.takeWord(...MODIFIERS));
  const { scope } = joined(reader);
  reader.needWord('SET');
  assignments(reader, scope);
  conditions(reader, scope);
  return returning(reader, undefined, scope);
}

export function judgeDelete(reader: StatementReader): Verdict {
  reader.at += 1;
  while (reader.takeWord(...MODIFIERS));
  const { scope, single } = deleteTables(reader);
  const ends = conditions(reader, scope);
  // All rows are read as they are stored.
  const inOrder = ends.chosen && (ends.limited || reader.word() === 'RETURNING');
  if (single !== undefined && inOrder) refuseUnordered(reader, single, ends.orderedBy);
  return returning(reader, undefined, scope);
}

/** DELETE FROM one table takes no index hint: rows of one value may be taken in the order of the next part of an index. */
function refuseUnordered(reader: StatementReader, name: TableName, orderedBy: ReadonlySet<string>): void {
  const mixed = reader.resolver.indexes(name)?.mixed;
  const table = reader.knowledge.catalog.table(name.schema ?? reader.schema, name.name);
  if (mixed === undefined || table === undefined) return;
  const primary = table.indexes?.find((index) => fold(index.name) === 'primary');
  if (primary?.columns.every((column) => orderedBy.has(fold(column))) === true) return;
  const { schema, name: tableName } = table;
  const words = `rows may be taken in its order by index ${mixed.index}, unless the primary key orders them`;
  throw new Refused(refuseColumn(Reason.ORDER_BY, { schema, table: tableName, column: mixed.column }, words));
}

/** DELETE FROM t …, DELETE t FROM joins …, DELETE FROM t USING joins …: the tables in reach, and the one of the first kind. */
function deleteTables(reader: StatementReader): { readonly scope: Scope; readonly single?: TableName } {
  if (!reader.takeWord('FROM')) {
    deleteTargets(reader);
    reader.needWord('FROM');
    return { scope: joined(reader).scope };
  }
  const start = reader.at;
  if (deleteTargets(reader) && reader.takeWord('USING')) return { scope: joined(reader).scope };
  reader.at = start;
  const { tree, scope } = joined(reader);
  if (tree.kind !== 'table') return { scope };
  reader.resolver.edits.delete(tree.end);
  return { scope, single: tree.name };
}

/** `t, s.t.*`; false when something else is there. */
function deleteTargets(reader: StatementReader): boolean {
  do {
    if (!reader.isName()) return false;
    reader.anyName();
    while (reader.kind() === DOT) {
      reader.at += 1;
      if (!reader.take(STAR)) reader.anyName();
    }
  } while (reader.take(COMMA));
  return true;
}

function joined(reader: StatementReader): { readonly tree: JoinTree; readonly scope: Scope } {
  const scope = newScope(undefined);
  const later: (() => void)[] = [];
  const tree = reader.joinList();
  reader.resolver.from(tree, scope, later);
  for (const condition of later) condition();
  for (const name of tablesOf(tree)) refuseTriggers(reader, name);
  return { tree, scope };
}

function tablesOf(tree: JoinTree): TableName[] {
  if (tree.kind === 'table') return [tree.name];
  return tree.kind === 'join' ? [...tablesOf(tree.left), ...tablesOf(tree.right)] : [];
}

function conditions(
  reader: StatementReader,
  scope: Scope,
): { readonly chosen: boolean; readonly limited: boolean; readonly orderedBy: ReadonlySet<string> } {
  const orderedBy = new Set<string>();
  const check = (expression: Expression, use: Use): void => reader.resolver.expression(expression, scope, use);
  const chosen = reader.word() === 'WHERE' || reader.word() === 'ORDER';
  if (reader.takeWord('WHERE')) check(reader.expression(), USES.where);
  if (reader.takeWord('ORDER')) {
    reader.needWord('BY');
    do {
      const key = reader.expression();
      check(key, USES.orderBy);
      if (key.bare !== undefined) orderedBy.add(fold(key.bare.column));
      reader.takeWord('ASC', 'DESC');
    } while (reader.take(COMMA));
  }
  const limited = reader.takeWord('LIMIT');
  if (limited) for (const expression of reader.expressions()) check(expression, USES.expression);
  return { chosen, limited, orderedBy };
}

/** MariaDB: RETURNING gives a result set of the changed rows. */
function returning(reader: StatementReader, target: Relation | undefined, scope: Scope): Verdict {
  if (!reader.takeWord('RETURNING')) return reader.passed();
  const reach = newScope(undefined);
  reach.relations.push(...(target === undefined ? scope.relations : [target]));
  const items = [];
  do items.push(reader.item());
  while (reader.take(COMMA));
  const [first] = reach.relations;
  const { columns, open } = reader.resolver.items(items, reach, reach.relations.length === 1 ? first : undefined);
  return reader.shown(columns, open);
}

/** A trigger runs with what its author may see. */
function refuseTriggers(reader: StatementReader, name: TableName): void {
  const schema = name.schema ?? reader.schema;
  if (!reader.knowledge.dependents.triggers.has(tableKey(schema, name.name))) return;
  throw new Refused(refuseStatement(Reason.TRIGGER, `a trigger of ${schema}.${name.name} depends on them`));
}
