/**
 * Variables as the data plane wants them: parsed once per snapshot into numbers, booleans and strings.
 * It does not judge values; the admin plane publishes normalised ones only.
 */
import { MYSQL_VARIABLES } from './mysql-variables.ts';
import { SLUICE_VARIABLES } from './sluice-variables.ts';
import type { VariableValues } from './snapshot.ts';
import type { BoolSpec, IntSpec, VariableSpec } from './variable-spec.ts';

type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

type ValueOf<Spec> = Spec extends IntSpec ? number : Spec extends BoolSpec ? boolean : string;

type Parsed<Specs extends Readonly<Record<string, VariableSpec>>> = {
  readonly [Name in keyof Specs & string as CamelCase<Name>]: ValueOf<Specs[Name]>;
};

/** All `mysql-` variables in camelCase: `mysql-connect_timeout_server` (ms) is `connectTimeoutServer`. */
export type MysqlVariables = Parsed<typeof MYSQL_VARIABLES>;

/** All `sluice-` variables in camelCase. */
export type SluiceVariables = Parsed<typeof SLUICE_VARIABLES>;

/** Where the proxy listens when mysql-interfaces is empty. */
export const DEFAULT_MYSQL_INTERFACES = '0.0.0.0:6033';

interface Field {
  readonly name: string;
  readonly key: string;
  readonly spec: VariableSpec;
}

function fieldsOf(specs: Readonly<Record<string, VariableSpec>>): readonly Field[] {
  return Object.entries(specs).map(([name, spec]) => ({
    name,
    key: name.replace(/_(.)/g, (_match, letter: string) => letter.toUpperCase()),
    spec,
  }));
}

const MYSQL_FIELDS = fieldsOf(MYSQL_VARIABLES);
const SLUICE_FIELDS = fieldsOf(SLUICE_VARIABLES);

/** Reads normalised values; a variable that is missing has its default. The result is plain data. */
export function readMysqlVariables(values: VariableValues): MysqlVariables {
  // parse() fills exactly the keys of the type: both come from MYSQL_VARIABLES.
  return parse(MYSQL_FIELDS, values) as unknown as MysqlVariables;
}

/** As readMysqlVariables. */
export function readSluiceVariables(values: VariableValues): SluiceVariables {
  return parse(SLUICE_FIELDS, values) as unknown as SluiceVariables;
}

function parse(fields: readonly Field[], values: VariableValues): Record<string, number | boolean | string> {
  const result: Record<string, number | boolean | string> = {};
  for (const { name, key, spec } of fields) {
    const value = values[name];
    if (value === undefined) result[key] = spec.default;
    else if (spec.type === 'int') result[key] = Number(value);
    else if (spec.type === 'bool') result[key] = value === 'true';
    else result[key] = value;
  }
  return result;
}

/** The addresses of a `;` list such as mysql-interfaces or admin-mysql_ifaces. */
export function splitInterfaces(list: string): readonly string[] {
  return list
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
