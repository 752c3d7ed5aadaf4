/**
 * What the proxy mirrors from a session onto whichever backend connection serves it: schema, character set and the
 * tracked variables. An immutable value with a key, so that "already in sync" is one comparison. How the difference
 * is brought to a server is backend-sync.ts.
 */

export interface CharacterSet {
  readonly charset: string;
  /** '' means the server's default collation of the character set. */
  readonly collation: string;
}

/**
 * What a connection is like, as far as is known. The schema is undefined when it may be any or none. '' is none for sure:
 * nothing but a login leads there, and DROP DATABASE of the schema it was in.
 */
export interface ConnectionState {
  readonly schema: string | undefined;
  /** Undefined while nothing is known, as after a reset of the connection: the next sync sets it. */
  readonly names: CharacterSet | undefined;
  /** Lower-case name → SQL text of its value as the client wrote it (`'ANSI'` with its quotes). */
  readonly variables: ReadonlyMap<string, string>;
  readonly key: string;
}

/** What a session is like, and so has a connection to be; in the schema '' when it is in none. */
export interface MirroredState extends ConnectionState {
  readonly schema: string;
}

/** Every server has it, and nothing can be written or dropped there by a name without a schema. */
export const SCHEMA_OF_EVERY_SERVER = 'information_schema';

const NO_VARIABLES: ReadonlyMap<string, string> = new Map();

/** Builds the value; `variables` is taken over, not copied. */
export function mirroredState(
  schema: string,
  names: CharacterSet | undefined,
  variables?: ReadonlyMap<string, string>,
): MirroredState;
export function mirroredState(
  schema: string | undefined,
  names: CharacterSet | undefined,
  variables?: ReadonlyMap<string, string>,
): ConnectionState;
export function mirroredState(
  schema: string | undefined,
  names: CharacterSet | undefined,
  variables: ReadonlyMap<string, string> = NO_VARIABLES,
): ConnectionState {
  // A client may call its schema whatever it likes.
  const known = schema === undefined ? '?' : `${schema.length} ${schema}`;
  const parts = [known, names === undefined ? '' : `${names.charset} ${names.collation}`];
  for (const name of [...variables.keys()].sort()) parts.push(`${name}=${variables.get(name)}`);
  return { schema, names, variables, key: parts.join('\0') };
}

let lastLogin = mirroredState('', { charset: '', collation: '' });

/** What a session begins with. It is one value for all that log in alike, one after the other. */
export function loginState(schema: string, charset: string, collation: string): MirroredState {
  const { names } = lastLogin;
  if (lastLogin.schema !== schema || names?.charset !== charset || names.collation !== collation)
    lastLogin = mirroredState(schema, { charset, collation });
  return lastLogin;
}

export function withSchema(state: ConnectionState, schema: string): MirroredState;
export function withSchema(state: ConnectionState, schema: string | undefined): ConnectionState;
export function withSchema(state: ConnectionState, schema: string | undefined): ConnectionState {
  return state.schema === schema ? state : mirroredState(schema, state.names, state.variables);
}

/** Variables that SET NAMES sets as well. */
export const CHARSET_VARIABLES: ReadonlySet<string> = new Set([
  'character_set_client',
  'character_set_connection',
  'character_set_results',
  'collation_connection',
]);

/** What SET NAMES leaves: the single variables of the character set are forgotten. */
export function withNames(state: MirroredState, names: CharacterSet): MirroredState;
export function withNames(state: ConnectionState, names: CharacterSet): ConnectionState;
export function withNames(state: ConnectionState, names: CharacterSet): ConnectionState {
  const variables = new Map([...state.variables].filter(([name]) => !CHARSET_VARIABLES.has(name)));
  return mirroredState(state.schema, names, variables);
}

/** What SET of this limit does to `sql_big_selects` besides: no other tracked variable sets another. */
export const JOIN_LIMIT = 'max_join_size';
export const BIG_SELECTS = 'sql_big_selects';
/** No limit. */
const JOIN_LIMIT_MAX = 2n ** 64n - 1n;

function bigSelectsAfter(limit: string): string {
  return /^\d+$/.test(limit) && BigInt(limit) >= JOIN_LIMIT_MAX ? '1' : '0';
}

/** Sets variables; the value DEFAULT makes a variable what a fresh connection has, so it is forgotten. */
export function withVariables(state: MirroredState, assignments: Iterable<readonly [string, string]>): MirroredState {
  const variables = new Map(state.variables);
  for (const [name, value] of assignments) {
    const isDefault = value.toUpperCase() === 'DEFAULT';
    if (isDefault) variables.delete(name);
    else variables.set(name, value);
    if (name !== JOIN_LIMIT) continue;
    if (isDefault) variables.delete(BIG_SELECTS);
    else variables.set(BIG_SELECTS, bigSelectsAfter(value));
  }
  return mirroredState(state.schema, state.names, variables);
}
