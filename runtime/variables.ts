/**
 * The `mysql-` variables as the data plane wants them: parsed once per snapshot into numbers, booleans and strings.
 * It does not judge values; the admin plane publishes normalised ones only.
 */
import { MYSQL_VARIABLES, type MysqlVariableName } from './mysql-variables.ts';
import type { VariableValues } from './snapshot.ts';
import type { BoolSpec, IntSpec, VariableSpec } from './variable-spec.ts';

type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

type ValueOf<Spec> = Spec extends IntSpec ? number : Spec extends BoolSpec ? boolean : string;

/** All variables in camelCase: `mysql-connect_timeout_server` (ms) is `connectTimeoutServer`. */
export type MysqlVariables = {
  readonly [Name in MysqlVariableName as CamelCase<Name>]: ValueOf<(typeof MYSQL_VARIABLES)[Name]>;
};

/** Where the proxy listens when mysql-interfaces is empty. */
export const DEFAULT_MYSQL_INTERFACES = '0.0.0.0:6033';

interface Field {
  readonly name: string;
  readonly key: string;
  readonly spec: VariableSpec;
}

const FIELDS: readonly Field[] = Object.entries<VariableSpec>(MYSQL_VARIABLES).map(([name, spec]) => ({
  name,
  key: name.replace(/_(.)/g, (_match, letter: string) => letter.toUpperCase()),
  spec,
}));

/** Reads normalised values; a variable that is missing has its default. The result is plain data. */
export function readMysqlVariables(values: VariableValues): MysqlVariables {
  const result: Record<string, number | boolean | string> = {};
  for (const { name, key, spec } of FIELDS) {
    const value = values[name];
    if (value === undefined) result[key] = spec.default;
    else if (spec.type === 'int') result[key] = Number(value);
    else if (spec.type === 'bool') result[key] = value === 'true';
    else result[key] = value;
  }
  // The loop fills exactly the keys of the type: both come from MYSQL_VARIABLES.
  return result as unknown as MysqlVariables;
}

/** The addresses of a `;` list such as mysql-interfaces or admin-mysql_ifaces. */
export function splitInterfaces(list: string): readonly string[] {
  return list
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
