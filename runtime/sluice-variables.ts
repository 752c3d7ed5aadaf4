/**
 * Every `sluice-` variable, without the prefix: what sluice has beyond ProxySQL, so that `mysql-` and `admin-` variables
 * stay ProxySQL's to the letter. Type, default, range and a sentence for docs/OPERATIONS.md, which a test compares.
 * A new variable is a line here; workers read it as `runtime.sluice.<camelCase>` (variables.ts). Nothing here is a current
 * value.
 */
import { bool, oneOf, type VariableSpec } from './variable-spec.ts';

const ACTS = { effect: 'yes' } as const;

/** A variable and what it does, for the operator's table. */
export type DescribedSpec = VariableSpec & { readonly description: string };

function described<Spec extends VariableSpec>(spec: Spec, description: string): Spec & { description: string } {
  return { ...spec, description };
}

export const SLUICE_VARIABLES = {
  strict: described(
    bool(true, ACTS),
    'SET of an unknown variable or a bad value is an error, and LOAD … TO RUNTIME counts warnings; off: silence, as ProxySQL',
  ),
  pipelining: described(
    bool(true, ACTS),
    'statements of several clients may be under way on one connection to a server',
  ),
  query_annotations: described(
    bool(true, ACTS),
    'comments in front of a statement such as `/* hostgroup=1 */` are obeyed as ProxySQL does',
  ),
  masking_default_policy: described(
    oneOf('exempt', ['exempt', 'masked', 'deny'], ACTS),
    'what masking does with a user that mysql_masking_users does not name',
  ),
} as const satisfies Record<string, DescribedSpec>;

/** Name of a `sluice-` variable, without the prefix. */
export type SluiceVariableName = keyof typeof SLUICE_VARIABLES;
