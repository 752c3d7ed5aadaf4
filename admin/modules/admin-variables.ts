/**
 * ADMIN VARIABLES: the rows of global_variables the admin plane itself obeys. Their table is variables/admin-spec.ts.
 */
import type { VariablesModule } from './module.ts';

export const adminVariables = {
  kind: 'variables',
  name: 'ADMIN VARIABLES',
  prefix: 'admin-',
} as const satisfies VariablesModule;
