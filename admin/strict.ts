/**
 * `sluice-strict`, as it is in force: whether the operator is told what ProxySQL keeps quiet about. Every command that asks
 * this has a row in docs/COMPATIBILITY.md.
 */
import { readSluiceVariables } from '../runtime/variables.ts';
import type { AdminContext } from './context.ts';

export function isStrict({ plane }: Pick<AdminContext, 'plane'>): boolean {
  return readSluiceVariables(plane.current.sluiceVariables).strict;
}
