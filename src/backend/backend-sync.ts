/**
 * The statements that make a backend connection look like a session: schema, then SET NAMES, then one SET of every
 * variable that differs. Pure: it plans, the statement runner sends and waits, because a query must never run under a
 * state that could not be set.
 */
import { commandFrame } from '../protocol/command-frame.ts';
import { Command } from '../protocol/commands.ts';
import {
  BIG_SELECTS,
  CHARSET_VARIABLES,
  type CharacterSet,
  type ConnectionState,
  JOIN_LIMIT,
  type MirroredState,
  mirroredState,
  withNames,
} from './mirrored-state.ts';

export type SyncStep =
  | { readonly kind: 'init-db'; readonly schema: string; readonly reached: ConnectionState }
  | { readonly kind: 'query'; readonly sql: string; readonly reached: ConnectionState }
  | { readonly kind: 'set'; readonly assignments: readonly string[]; readonly reached: ConnectionState }
  | { readonly kind: 'set-option'; readonly multiStatements: boolean; readonly reached: ConnectionState };

/**
 * Errors by which a server says that it does not have a variable, or not like this. Source: ProxySQL ignores these, so
 * that clients which set what only one server family knows can use both.
 */
const ABSENT_VARIABLE_ERRORS: ReadonlySet<number> = new Set([1193, 1064, 1651, 1210]);

/** What to do instead of a step that failed: nothing or its assignments one by one; undefined when it has to succeed. */
export function stepsInstead(step: SyncStep, errorCode: number): SyncStep[] | undefined {
  if (step.kind !== 'set' || !ABSENT_VARIABLE_ERRORS.has(errorCode)) return undefined;
  if (step.assignments.length === 1) return [];
  return step.assignments.map((assignment) => ({ ...step, assignments: [assignment] }));
}

/** The command of a step. */
export function stepFrame(step: SyncStep): Buffer {
  switch (step.kind) {
    case 'init-db':
      return commandFrame(Command.COM_INIT_DB, step.schema);
    case 'set-option':
      // 16 bits: MYSQL_OPTION_MULTI_STATEMENTS_ON is 0, _OFF is 1.
      return commandFrame(Command.COM_SET_OPTION, step.multiStatements ? '\0\0' : '\x01\0');
    default:
      return commandFrame(Command.COM_QUERY, stepSql(step));
  }
}

/** What answers a step. */
export function stepAnswer(step: SyncStep): 'query' | 'simple' {
  return step.kind === 'set-option' ? 'simple' : 'query';
}

/** Session state that servers announce unless they are told otherwise; see session_track_system_variables. */
const ANNOUNCED = /^SESSION (?:autocommit|time_zone|character_set_(?:client|connection|results)) /;

/** A server that is asked for it says in its OK that session state has changed. */
export function announces(step: SyncStep): boolean {
  if (step.kind === 'set') return step.assignments.some((assignment) => ANNOUNCED.test(assignment));
  return step.kind === 'init-db' || (step.kind === 'query' && step.sql.startsWith('SET NAMES '));
}

/** The text of a step that is a statement. */
export function stepSql(step: Extract<SyncStep, { kind: 'query' | 'set' }>): string {
  return step.kind === 'query' ? step.sql : `SET ${step.assignments.join(', ')}`;
}

/** What of a server and its connection decides how a state is reached. */
export interface SyncTarget {
  readonly mariadb: boolean;
  /** The login said CLIENT_IGNORE_SPACE, which servers keep as a part of sql_mode. */
  readonly ignoreSpace: boolean;
}

/** Statements lead into a schema; no statement leads out of all of them. */
export function canReachSchema(actual: ConnectionState, schema: string): boolean {
  return schema !== '' || actual.schema === '';
}

/**
 * Steps from `actual` to `wanted`, which it can reach; each carries the state the connection has once the server has
 * answered OK.
 */
export function planSync(actual: ConnectionState, wanted: MirroredState, target: SyncTarget): SyncStep[] {
  const steps: SyncStep[] = [];
  let state = actual;
  const entersSchema = state.schema !== wanted.schema && wanted.schema !== '';
  if (entersSchema && !ASCII.test(wanted.schema)) {
    // A server reads the name in the connection's character set.
    if (!readsUtf8(state)) {
      state = withNames(state, UTF8);
      steps.push({ kind: 'query', sql: setNames(UTF8, target.mariadb), reached: state });
    }
  } else state = planNames(state, wanted, target, steps);
  // After the names: a refusal is read by the client.
  if (entersSchema) {
    state = mirroredState(wanted.schema, state.names, state.variables);
    steps.push({ kind: 'init-db', schema: wanted.schema, reached: state });
  }
  state = planNames(state, wanted, target, steps);
  const assignments = differences(state.variables, wanted.variables, target);
  if (assignments.length > 0) {
    steps.push({ kind: 'set', assignments, reached: wanted });
  }
  return steps;
}

/** Adds the step to the wanted character set, if there has to be one. @returns the state it leads to */
function planNames(
  state: ConnectionState,
  wanted: MirroredState,
  target: SyncTarget,
  steps: SyncStep[],
): ConnectionState {
  if (wanted.names === undefined) return state;
  if (sameNames(state.names, wanted.names) && !losesCharset(state, wanted)) return state;
  const reached = withNames(state, wanted.names);
  steps.push({ kind: 'query', sql: setNames(wanted.names, target.mariadb), reached });
  return reached;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
const ASCII = /^[\x00-\x7f]*$/;
const UTF8: CharacterSet = { charset: 'utf8mb4', collation: '' };

function readsUtf8({ names, variables }: ConnectionState): boolean {
  return !variables.has('character_set_client') && /^utf8/i.test(names?.charset ?? '');
}

/** DEFAULT of such a variable is the server's, not what SET NAMES had made of it: only SET NAMES brings that back. */
function losesCharset(actual: ConnectionState, wanted: MirroredState): boolean {
  return [...actual.variables.keys()].some((name) => CHARSET_VARIABLES.has(name) && !wanted.variables.has(name));
}

function sameNames(a: CharacterSet | undefined, b: CharacterSet): boolean {
  return a !== undefined && a.charset === b.charset && a.collation === b.collation;
}

/**
 * A client announces the default collation of its own server family, which the other family does not know: MySQL's
 * utf8mb4_0900_*, MariaDB's uca1400. There the server's own default of the character set is what a direct login gets.
 */
function setNames(names: CharacterSet, mariadb: boolean): string {
  const foreign = mariadb ? /_0900_/.test(names.collation) : /_uca1400_|_nopad_/.test(names.collation);
  const collate = names.collation === '' || foreign ? '' : ` COLLATE ${names.collation}`;
  return `SET NAMES ${names.charset}${collate}`;
}

/** MariaDB knows these two by their old names only (before 11.1). */
const MARIADB_NAMES: Readonly<Record<string, string>> = {
  transaction_isolation: 'tx_isolation',
  transaction_read_only: 'tx_read_only',
};

/** sql_mode as a fresh login has it. */
const SQL_MODE_OF_IGNORE_SPACE = "CONCAT_WS(',', NULLIF(@@GLOBAL.sql_mode, ''), 'IGNORE_SPACE')";

function defaultOf(name: string, target: SyncTarget): string {
  // The server's own default of autocommit may be off; a client that did not ask expects it on.
  if (name === 'autocommit') return '1';
  return name === 'sql_mode' && target.ignoreSpace ? SQL_MODE_OF_IGNORE_SPACE : 'DEFAULT';
}

function differences(
  actual: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
  target: SyncTarget,
): string[] {
  const values = new Map<string, string>();
  if (wanted.get(JOIN_LIMIT) !== actual.get(JOIN_LIMIT)) {
    // It sets the other one too, so that has to be said again, after it.
    for (const name of [JOIN_LIMIT, BIG_SELECTS]) values.set(name, wanted.get(name) ?? 'DEFAULT');
  }
  for (const [name, value] of wanted) if (actual.get(name) !== value) values.set(name, value);
  for (const name of actual.keys()) if (!wanted.has(name)) values.set(name, defaultOf(name, target));
  const nameOf = (name: string): string => (target.mariadb ? (MARIADB_NAMES[name] ?? name) : name);
  return [...values].map(([name, value]) => `SESSION ${nameOf(name)} = ${value}`);
}
