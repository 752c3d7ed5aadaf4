/**
 * CREATE, ALTER and RENAME: nothing may be defined that shows, copies, renames, compares or clones protected columns.
 */
import { Kind, SEMICOLON } from './lexer.ts';
import type { TableName } from './query-ast.ts';
import { find, newScope } from './scope.ts';
import type { StatementReader } from './statements.ts';
import { CLOSE, OPEN } from './token-cursor.ts';
import { isProtected, Refused, refuse, type Use } from './uses.ts';
import { PASS, Reason, refuseStatement, type Verdict } from './verdict.ts';

/** What is defined; found among the first words. */
const KINDS = [
  'TABLE',
  'VIEW',
  'INDEX',
  'PROCEDURE',
  'FUNCTION',
  'TRIGGER',
  'EVENT',
  'PACKAGE',
  'DATABASE',
  'SCHEMA',
  'USER',
  'ROLE',
  'SERVER',
  'SEQUENCE',
  'TABLESPACE',
  'LOGFILE',
  'INSTANCE',
  'RESOURCE',
  'UNDO',
  'LIBRARY',
] as const;

/** What later statements of the same text may mean depends on these. */
const REDEFINING: ReadonlySet<string> = new Set(['TABLE', 'VIEW', 'PROCEDURE', 'FUNCTION', 'TRIGGER', 'PACKAGE']);

/** Words between CREATE and its kind, definers included, at most. */
const HEAD_TOKENS_MAX = 24;

/** Engines whose tables are other tables, of other servers or of this one. */
const FOREIGN_ENGINES = /^(FEDERATED|FEDERATEDX|CONNECT|SPIDER|MERGE|MRG_MYISAM|MRG_MyISAM|S3)$/;

const FOREIGN_OPTIONS: ReadonlySet<string> = new Set(['CONNECTION', 'TABLE_TYPE', 'TABNAME']);

const COPIED: Use = { code: Reason.COPY, words: 'copied into a table' };
const VIEWED: Use = { code: Reason.DEFINITION, words: 'shown by a view' };
const INDEXED: Use = { code: Reason.DEFINITION, words: 'used for a key' };

export function judgeDefinition(reader: StatementReader): Verdict {
  const start = reader.at;
  const verb = reader.word();
  reader.at += 1;
  const kind = findKind(reader);
  // What is defined is known once it has run. Of temporary tables nothing has to be known.
  const temporary = isTemporary(reader, start);
  if (!temporary && (kind === undefined || REDEFINING.has(kind))) reader.unsettle();
  switch (kind) {
    case 'PROCEDURE':
    case 'FUNCTION':
    case 'TRIGGER':
    case 'EVENT':
    case 'PACKAGE':
      // A body may have any number of semicolons.
      reader.notInBody(start, Reason.DEFINITION, `a ${kind.toLowerCase()} may use them in any way`);
      return PASS;
    case 'VIEW':
      return view(reader);
    case 'INDEX':
      return verb === 'CREATE' ? index(reader) : changed(reader, start);
    case 'TABLE':
      if (verb === 'CREATE') return table(reader, temporary);
      return verb === 'ALTER' ? alterTable(reader) : renamed(reader, start);
    case 'SEQUENCE':
      if (verb === 'CREATE' && temporary) takeName(reader, true);
      return reader.passRest();
    case undefined:
      return verb === 'RENAME' ? renamed(reader, start) : changed(reader, start);
    default:
      return reader.passRest();
  }
}

/** The kind of object; the cursor then stands behind it. */
function findKind(reader: StatementReader): (typeof KINDS)[number] | undefined {
  const start = reader.at;
  for (let i = 0; i < HEAD_TOKENS_MAX && !reader.atEnd(); i += 1, reader.at += 1) {
    const kind = KINDS.find((word) => word === reader.word());
    // A definer may have any name, in quotes or behind the sign.
    if (kind === undefined || reader.kind(-1) === 0x3d) continue;
    reader.at += 1;
    return kind;
  }
  reader.at = start;
  return undefined;
}

function isTemporary(reader: StatementReader, from: number): boolean {
  for (let i = from; i < reader.at; i += 1) if (reader.tokens.upper(i) === 'TEMPORARY') return true;
  return false;
}

/** What is created, and whether its name hides another one's from now on. */
function takeName(reader: StatementReader, temporary: boolean): void {
  takeIfExists(reader);
  const { name } = reader.tableName();
  if (temporary) reader.makesTemporary(name);
}

/** A temporary table's new name would hide another table's. */
function refuseTemporary(reader: StatementReader, from: number): void {
  for (let i = from; i < reader.tokens.count && reader.tokens.kind(i) !== SEMICOLON; i += 1) {
    const kind = reader.tokens.kind(i);
    if (kind !== Kind.WORD && kind !== Kind.NAME) continue;
    if (!reader.mayBeTemporary(reader.tokens.name(i) ?? '')) continue;
    throw new Refused(refuseStatement(Reason.DEFINITION, 'a temporary table may be renamed'));
  }
}

/** RENAME TABLE */
function renamed(reader: StatementReader, from: number): Verdict {
  refuseTemporary(reader, from);
  return changed(reader, from);
}

/** Anything else that names a table of protected columns changes what is protected. */
function changed(reader: StatementReader, from: number): Verdict {
  const start = reader.at;
  reader.skip();
  if (reader.touches(from, reader.at)) {
    reader.at = start;
    throw new Refused(refuseStatement(Reason.DEFINITION, 'a table that has them is changed'));
  }
  return PASS;
}

function takeIfExists(reader: StatementReader): void {
  if (!reader.takeWord('IF')) return;
  reader.takeWord('NOT');
  reader.needWord('EXISTS');
}

function view(reader: StatementReader): Verdict {
  takeIfExists(reader);
  reader.tableName();
  if (reader.kind() === OPEN) reader.nameList();
  reader.needWord('AS');
  reader.resolver.lasting = true;
  const { columns } = reader.resolver.query(reader.query(), undefined);
  if (reader.takeWord('WITH')) {
    reader.takeWord('CASCADED', 'LOCAL');
    reader.needWord('CHECK');
    reader.needWord('OPTION');
  }
  const met = columns.find(isProtected) ?? reader.resolver.met;
  if (met !== undefined) refuse(met, VIEWED);
  return PASS;
}

function isForeignEngine(reader: StatementReader, from: number): boolean {
  for (let i = from; i < reader.tokens.count && reader.tokens.kind(i) !== SEMICOLON; i += 1) {
    // Options of such engines, which may be the session's default.
    const assigned = reader.tokens.kind(i + 1) === 0x3d || reader.tokens.kind(i + 1) === Kind.STRING;
    if (assigned && FOREIGN_OPTIONS.has(reader.tokens.upper(i))) return true;
    if (reader.tokens.upper(i) !== 'ENGINE' && reader.tokens.upper(i) !== 'TYPE') continue;
    const at = reader.tokens.kind(i + 1) === 0x3d ? i + 2 : i + 1;
    const kind = reader.tokens.kind(at);
    const name = kind === Kind.STRING ? reader.tokens.string(at) : reader.tokens.name(at);
    if (FOREIGN_ENGINES.test((name ?? '').toUpperCase())) return true;
  }
  return false;
}

function refuseForeignEngine(reader: StatementReader, from: number): void {
  if (!isForeignEngine(reader, from)) return;
  reader.usedLiteral = true;
  throw new Refused(refuseStatement(Reason.DEFINITION, 'tables of this engine are a way to other tables'));
}

function table(reader: StatementReader, temporary: boolean): Verdict {
  refuseForeignEngine(reader, reader.at);
  takeName(reader, temporary);
  const start = reader.at;
  reader.skip();
  const end = reader.at;
  if (!reader.touches(start, end) && !reader.knowledge.policy.hasOpenTables) return PASS;
  reader.at = start;
  if (reader.takeWord('LIKE')) return cloned(reader);
  if (reader.kind() === OPEN && reader.word(1) === 'LIKE') {
    reader.at += 2;
    const verdict = cloned(reader);
    reader.need(CLOSE);
    return verdict;
  }
  if (reader.kind() === OPEN && !reader.atQuery()) columnDefinitions(reader);
  const options = reader.at;
  while (!reader.atEnd() && !reader.atQuery()) {
    // Table options: names and values, and partitions.
    if (reader.kind() === OPEN) reader.skipParentheses();
    else reader.at += 1;
  }
  if (names(reader, options, reader.at)) reader.fail();
  if (reader.atEnd()) return PASS;
  const shown = reader.resolver.query(reader.query(), undefined).columns.find(isProtected);
  if (shown !== undefined) refuse(shown, COPIED);
  return reader.passed();
}

function cloned(reader: StatementReader): Verdict {
  const name = reader.tableName();
  const shown = protectedColumnOf(reader, name);
  if (shown !== undefined) refuse(shown, { code: Reason.DEFINITION, words: 'cloned with its table' });
  return PASS;
}

function renames(reader: StatementReader, from: number): boolean {
  for (let i = from; i < reader.at; i += 1) if (reader.tokens.upper(i) === 'RENAME') return true;
  return false;
}

function protectedColumnOf(reader: StatementReader, name: TableName) {
  const relation = reader.resolver.table(name);
  const shown = relation.columns.find(isProtected);
  if (shown !== undefined || relation.unknownColumn === undefined) return shown;
  const schema = name.schema ?? reader.schema;
  return relation.open ? { name: '*', source: { schema, table: name.name, column: '*' }, mask: 0 } : undefined;
}

function names(reader: StatementReader, from: number, to: number): boolean {
  for (let i = from; i < to; i += 1) {
    const kind = reader.tokens.kind(i);
    if (kind !== Kind.WORD && kind !== Kind.NAME) continue;
    const name = reader.tokens.foldedName(i);
    if (name === undefined || reader.knowledge.dependents.names.has(name)) return true;
  }
  return false;
}

/** Columns and constraints; a foreign key may refer to unprotected columns only. */
function columnDefinitions(reader: StatementReader): void {
  const start = reader.at;
  let open = 0;
  let plainFrom = start;
  do {
    if (reader.atEnd() || reader.kind() === Kind.ERROR || reader.word() === 'SELECT') reader.fail();
    if (reader.takeWord('REFERENCES')) {
      if (names(reader, plainFrom, reader.at)) reader.fail();
      keyColumns(reader, reader.tableName());
      plainFrom = reader.at;
      continue;
    }
    if (reader.kind() === OPEN) open += 1;
    if (reader.kind() === CLOSE) open -= 1;
    reader.at += 1;
  } while (open > 0);
  if (names(reader, plainFrom, reader.at)) reader.fail();
}

/** `(a, b(10) DESC)` on a table: no protected column among them. */
function keyColumns(reader: StatementReader, name: TableName): void {
  const scope = newScope(undefined);
  scope.relations.push(reader.resolver.table(name));
  if (reader.kind() !== OPEN) return;
  const start = reader.at;
  reader.skipParentheses();
  for (let i = start; i < reader.at; i += 1) {
    const kind = reader.tokens.kind(i);
    if (kind !== Kind.WORD && kind !== Kind.NAME) continue;
    const column = reader.tokens.name(i) ?? reader.fail();
    const shown = find(scope, { schema: undefined, table: undefined, column }, false).columns.find(isProtected);
    if (shown !== undefined) refuse(shown, INDEXED);
  }
}

function index(reader: StatementReader): Verdict {
  takeIfExists(reader);
  while (!reader.atEnd() && reader.word() !== 'ON') reader.at += 1;
  reader.needWord('ON');
  keyColumns(reader, reader.tableName());
  return reader.passRest();
}

function alterTable(reader: StatementReader): Verdict {
  refuseForeignEngine(reader, reader.at);
  reader.takeWord('ONLINE', 'OFFLINE', 'IGNORE');
  takeIfExists(reader);
  const name = reader.tableName();
  const start = reader.at;
  reader.skip();
  if (reader.mayBeTemporary(name.name) && renames(reader, start)) {
    throw new Refused(refuseStatement(Reason.DEFINITION, 'a temporary table may be renamed'));
  }
  const shown = protectedColumnOf(reader, name);
  if (shown !== undefined) refuse(shown, { code: Reason.DEFINITION, words: 'its table is changed' });
  if (names(reader, start, reader.at)) {
    throw new Refused(refuseStatement(Reason.DEFINITION, 'a table that has them is named'));
  }
  return PASS;
}
