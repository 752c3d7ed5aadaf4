/**
 * MYSQL VARIABLES: the rows of global_variables the data plane reads. Their table is runtime/mysql-variables.ts.
 */
import type { VariablesModule } from './module.ts';

export const mysqlVariables = {
  kind: 'variables',
  name: 'MYSQL VARIABLES',
  prefix: 'mysql-',
} as const satisfies VariablesModule;
