/**
 * The complete list of variables with their prefixes, as global_variables holds them.
 * The tables themselves are runtime/mysql-variables.ts, runtime/sluice-variables.ts and admin-spec.ts.
 */
import { MYSQL_VARIABLES } from '../../runtime/mysql-variables.ts';
import { SLUICE_VARIABLES } from '../../runtime/sluice-variables.ts';
import { defaultText, type VariableSpec } from '../../runtime/variable-spec.ts';
import { ADMIN_VARIABLES } from './admin-spec.ts';

/** The families of global_variables; each is a module of its own. */
export const VARIABLE_PREFIXES = ['admin-', 'mysql-', 'sluice-'] as const;
export type VariablePrefix = (typeof VARIABLE_PREFIXES)[number];

export interface NamedVariable {
  /** With its prefix, e.g. `mysql-max_connections`. */
  readonly name: string;
  readonly prefix: VariablePrefix;
  /** Without the prefix. */
  readonly shortName: string;
  readonly spec: VariableSpec;
  /** The default as SHOW VARIABLES prints it. */
  readonly defaultText: string;
}

function named(prefix: VariablePrefix, table: Readonly<Record<string, VariableSpec>>): NamedVariable[] {
  return Object.entries(table).map(([shortName, spec]) => ({
    name: prefix + shortName,
    prefix,
    shortName,
    spec,
    defaultText: defaultText(spec),
  }));
}

/** All variables, in the order in which a new database gets them. */
export const VARIABLES: readonly NamedVariable[] = [
  ...named('admin-', ADMIN_VARIABLES),
  ...named('mysql-', MYSQL_VARIABLES),
  ...named('sluice-', SLUICE_VARIABLES),
];

const BY_NAME: ReadonlyMap<string, NamedVariable> = new Map(VARIABLES.map((variable) => [variable.name, variable]));

/** The variable with this exact name (prefix included, case counts), if there is one. */
export function findVariable(name: string): NamedVariable | undefined {
  return BY_NAME.get(name);
}

export function variablesOf(prefix: VariablePrefix): readonly NamedVariable[] {
  return VARIABLES.filter((variable) => variable.prefix === prefix);
}
