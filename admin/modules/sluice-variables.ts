/**
 * SLUICE VARIABLES: the rows of global_variables for what sluice has beyond ProxySQL. Their table is
 * runtime/sluice-variables.ts.
 */
import type { VariablesModule } from './module.ts';

export const sluiceVariables = {
  kind: 'variables',
  name: 'SLUICE VARIABLES',
  prefix: 'sluice-',
} as const satisfies VariablesModule;
