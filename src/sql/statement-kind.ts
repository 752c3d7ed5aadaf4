/**
 * What a single statement is, from its first words: its kind, its name in the command counters, and the effects that
 * follow from the kind. Effects that stand anywhere in the text are found by session-effects.ts.
 */
import { SessionEffect, type StatementKind } from './facts.ts';
import { NO_KEYWORD } from './keywords.ts';

/** The beginning of a statement, as classify.ts collects it. */
export interface StatementHead {
  /** The first tokens: keywords in capitals, `(` for an opening parenthesis, NO_KEYWORD for others and behind the end. */
  readonly words: readonly string[];
  /** How many of `words` are tokens. */
  readonly length: number;
  /** The first SELECT, INSERT, UPDATE, DELETE or REPLACE that is in no parentheses, after the first word. */
  readonly mainVerb: string;
  /** FOR UPDATE, FOR SHARE or LOCK IN SHARE MODE was seen. */
  readonly lockingRead: boolean;
  /** LOCAL was seen. */
  readonly local: boolean;
  /** EXPORT was seen. */
  readonly export: boolean;
}

export interface KindVerdict {
  readonly kind: StatementKind;
  readonly command: string;
  readonly effects: number;
}

const UNKNOWN = 'UNKNOWN';
const NOTHING_KNOWN: KindVerdict = { kind: 'other', command: UNKNOWN, effects: SessionEffect.OPAQUE };

function verdict(kind: StatementKind, command: string = UNKNOWN, effects = 0): KindVerdict {
  return { kind, command, effects };
}

const INSERT = verdict('insert', 'INSERT');
const REPLACE = verdict('replace', 'REPLACE');
const UPDATE = verdict('update', 'UPDATE');
const DELETE = verdict('delete', 'DELETE');
const BLOCK = verdict('compound', UNKNOWN, SessionEffect.OPAQUE);
const BEGIN_BLOCK = verdict('compound', 'BEGIN', SessionEffect.OPAQUE);
const EXPLAIN = verdict('explain', 'EXPLAIN');
const DESCRIBE = verdict('explain', 'DESCRIBE');
const ADMIN = verdict('admin');
const LOCK = verdict('lock-tables', 'LOCK_TABLE', SessionEffect.LOCK_TABLES);
/** LOCK INSTANCE, LOCK BINLOG, BACKUP STAGE: UNLOCK TABLES does not end these. */
const LOCK_OTHERS = verdict('lock-tables', 'LOCK_TABLE', SessionEffect.LOCK_TABLES | SessionEffect.OPAQUE);
const UNLOCK = verdict('unlock-tables', 'UNLOCK_TABLES', SessionEffect.UNLOCK_TABLES);
const UNLOCK_OTHERS = verdict('unlock-tables');

/** Statements whose first word says it all. */
const BY_FIRST_WORD: Readonly<Record<string, KindVerdict>> = {
  INSERT,
  REPLACE,
  UPDATE,
  DELETE,
  DO: verdict('do'),
  CALL: verdict('call', 'CALL', SessionEffect.CALL),
  HANDLER: verdict('handler', UNKNOWN, SessionEffect.HANDLER),
  COMMIT: verdict('commit', 'COMMIT'),
  SAVEPOINT: verdict('savepoint', 'SAVEPOINT', SessionEffect.SAVEPOINT),
  USE: verdict('use', 'USE', SessionEffect.SCHEMA),
  EXPLAIN,
  DESCRIBE,
  DESC: DESCRIBE,
  PREPARE: verdict('prepare', 'PREPARE', SessionEffect.SQL_PREPARE),
  EXECUTE: verdict('execute', 'EXECUTE', SessionEffect.SQL_PREPARE | SessionEffect.OPAQUE),
  DEALLOCATE: verdict('deallocate', 'DEALLOCATE', SessionEffect.SQL_PREPARE),
  KILL: verdict('kill', 'KILL'),
  GRANT: verdict('ddl', 'GRANT'),
  REVOKE: verdict('ddl', 'REVOKE'),
  TRUNCATE: verdict('ddl', 'TRUNCATE_TABLE'),
  OPTIMIZE: verdict('admin', 'OPTIMIZE'),
  PURGE: verdict('admin', 'PURGE'),
  REPAIR: ADMIN,
  CHECK: ADMIN,
  CHECKSUM: ADMIN,
  CACHE: ADMIN,
  CLONE: ADMIN,
  HELP: ADMIN,
  IMPORT: ADMIN,
  INSTALL: ADMIN,
  UNINSTALL: ADMIN,
  RESTART: ADMIN,
  SHUTDOWN: ADMIN,
  SIGNAL: ADMIN,
  RESIGNAL: ADMIN,
  STOP: ADMIN,
  IF: BLOCK,
  CASE: BLOCK,
  LOOP: BLOCK,
  WHILE: BLOCK,
  REPEAT: BLOCK,
  FOR: BLOCK,
  DECLARE: BLOCK,
};

/** Statements that need a look at more. */
const BY_MORE: Readonly<Record<string, (head: StatementHead) => KindVerdict>> = {
  '(': select,
  SELECT: select,
  TABLE: select,
  VALUES: select,
  WITH: (head) => ofMainVerb(head) ?? select(head),
  ANALYZE: analyze,
  BEGIN: begin,
  START: (head) => (word(head, 1) === 'TRANSACTION' ? verdict('begin', 'START_TRANSACTION') : ADMIN),
  ROLLBACK: rollback,
  RELEASE: (head) =>
    word(head, 1) === 'SAVEPOINT' ? verdict('release-savepoint', 'RELEASE_SAVEPOINT') : NOTHING_KNOWN,
  XA: (head) => verdict('xa', UNKNOWN, word(head, 1) === 'RECOVER' ? 0 : SessionEffect.XA),
  SET: () => verdict('set', 'SET', SessionEffect.SESSION_VARIABLE),
  SHOW: show,
  GET: () => verdict('get-diagnostics', UNKNOWN, SessionEffect.WARNINGS),
  LOCK: (head) => (isTables(word(head, 1)) ? LOCK : LOCK_OTHERS),
  UNLOCK: (head) => (isTables(word(head, 1)) ? UNLOCK : UNLOCK_OTHERS),
  BACKUP: (head) => (word(head, 1) === 'UNLOCK' ? UNLOCK_OTHERS : LOCK_OTHERS),
  FLUSH: (head) => verdict('flush', 'FLUSH', head.export ? SessionEffect.LOCK_TABLES : 0),
  LOAD: load,
  CREATE: create,
  ALTER: (head) => verdict('ddl', commandOf('ALTER', head, ['TABLE', 'VIEW'])),
  DROP: drop,
  RENAME: (head) => verdict('ddl', commandOf('RENAME', head, ['TABLE'])),
  RESET: (head) => verdict('admin', commandOf('RESET', head, ['MASTER', 'SLAVE'])),
  CHANGE: (head) => verdict('admin', commandOf('CHANGE', head, ['MASTER'])),
};

/** The verdict on one statement; `head.length` is at least 1. What nothing here knows may do anything. */
export function kindOf(head: StatementHead): KindVerdict {
  const first = word(head, 0);
  if (first === NO_KEYWORD) return NOTHING_KNOWN;
  return BY_FIRST_WORD[first] ?? BY_MORE[first]?.(head) ?? NOTHING_KNOWN;
}

function word(head: StatementHead, i: number): string {
  return head.words[i] ?? NO_KEYWORD;
}

function has(head: StatementHead, keyword: string): boolean {
  return head.words.includes(keyword);
}

/** `CREATE` and `TABLE` make `CREATE_TABLE`, the first of `objects` among the first words deciding. */
function commandOf(verb: string, head: StatementHead, objects: readonly string[]): string {
  for (let i = 1; i < head.length; i += 1) {
    const object = head.words[i] === 'SCHEMA' ? 'DATABASE' : (head.words[i] ?? NO_KEYWORD);
    if (objects.includes(object)) return `${verb}_${object}`;
  }
  return UNKNOWN;
}

function select(head: StatementHead): KindVerdict {
  return verdict('select', head.lockingRead ? 'SELECT_FOR_UPDATE' : 'SELECT');
}

function ofMainVerb(head: StatementHead): KindVerdict | undefined {
  return head.mainVerb === NO_KEYWORD || head.mainVerb === 'SELECT' ? undefined : BY_FIRST_WORD[head.mainVerb];
}

/** ANALYZE TABLE, or MariaDB's ANALYZE of a statement, which runs it. */
function analyze(head: StatementHead): KindVerdict {
  if (has(head, 'TABLE') && head.mainVerb === NO_KEYWORD) return verdict('admin', 'ANALYZE_TABLE');
  return ofMainVerb(head) ?? EXPLAIN;
}

function begin(head: StatementHead): KindVerdict {
  const transaction = head.length === 1 || (word(head, 1) === 'WORK' && head.length === 2);
  return transaction ? verdict('begin', 'BEGIN') : BEGIN_BLOCK;
}

function rollback(head: StatementHead): KindVerdict {
  return has(head, 'TO') ? verdict('rollback-to-savepoint', 'ROLLBACK_SAVEPOINT') : verdict('rollback', 'ROLLBACK');
}

function show(head: StatementHead): KindVerdict {
  const tableStatus = word(head, 1) === 'TABLE' && word(head, 2) === 'STATUS';
  // SHOW WARNINGS, or SHOW COUNT(*) WARNINGS.
  const diagnostics = isDiagnostics(word(head, 1)) || (word(head, 2) === '(' && isDiagnostics(word(head, 5)));
  return verdict('show', tableStatus ? 'SHOW_TABLE_STATUS' : 'SHOW', diagnostics ? SessionEffect.WARNINGS : 0);
}

function isTables(word: string): boolean {
  return word === 'TABLE' || word === 'TABLES';
}

function isDiagnostics(word: string): boolean {
  return word === 'WARNINGS' || word === 'ERRORS';
}

function load(head: StatementHead): KindVerdict {
  if (word(head, 1) === 'INDEX') return ADMIN;
  return verdict('load-data', 'LOAD', head.local ? SessionEffect.LOCAL_INFILE : 0);
}

function create(head: StatementHead): KindVerdict {
  if (has(head, 'TEMPORARY')) return verdict('ddl', 'CREATE_TEMPORARY', SessionEffect.TEMPORARY_TABLE);
  return verdict('ddl', commandOf('CREATE', head, ['DATABASE', 'INDEX', 'TABLE', 'TRIGGER', 'USER', 'VIEW']));
}

function drop(head: StatementHead): KindVerdict {
  if (word(head, 1) === 'PREPARE') return verdict('deallocate', UNKNOWN, SessionEffect.SQL_PREPARE);
  const command = commandOf('DROP', head, ['DATABASE', 'INDEX', 'TABLE', 'TRIGGER', 'USER', 'VIEW']);
  return verdict('ddl', command, command === 'DROP_DATABASE' ? SessionEffect.DROP_SCHEMA : 0);
}
