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

export interface MirroredState {
  readonly schema: string;
  /** Undefined while nothing is known, as after a reset of the connection: the next sync sets it. */
  readonly names: CharacterSet | undefined;
  /** Lower-case name → SQL text of its value as the client wrote it (`'ANSI'` with its quotes). */
  readonly variables: ReadonlyMap<string, string>;
  readonly key: string;
}

const NO_VARIABLES: ReadonlyMap<string, string> = new Map();

/** Builds the value; `variables` is taken over, not copied. */
export function mirroredState(
  schema: string,
  names: CharacterSet | undefined,
  variables: ReadonlyMap<string, string> = NO_VARIABLES,
): MirroredState {
  const parts = [schema, names === undefined ? '' : `${names.charset} ${names.collation}`];
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

export function withSchema(state: MirroredState, schema: string): MirroredState {
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
export function withNames(state: MirroredState, names: CharacterSet): MirroredState {
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
