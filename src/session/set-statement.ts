/**
 * A SET after the rules: what the proxy mirrors becomes part of the session's state, what it ignores is answered OK as
 * ProxySQL does, and the rest goes to the server. Pure.
 */
import { type MirroredState, withNames, withVariables } from '../backend/mirrored-state.ts';
import type { ProtocolError } from '../protocol/errors.ts';
import { parseSet } from '../sql/set-parser.ts';
import { checkNames } from './local-answers.ts';

export type SetOutcome =
  | {
      readonly kind: 'mirrored';
      readonly state: MirroredState;
      readonly endsTransaction: boolean;
      /** autocommit is among what is set. */
      readonly autocommit: boolean;
    }
  | { readonly kind: 'next-transaction' }
  | { readonly kind: 'refused'; readonly error: ProtocolError }
  | { readonly kind: 'forward' };

export function applySet(state: MirroredState, text: string): SetOutcome {
  const result = parseSet(text);
  if (result.kind === 'unknown') return { kind: 'forward' };
  if (result.kind === 'next-transaction') return { kind: 'next-transaction' };
  let next = state;
  if (result.names !== undefined) {
    const names = checkNames(result.names.charset, result.names.collation);
    if ('code' in names) return { kind: 'refused', error: names };
    next = withNames(next, names);
  }
  let endsTransaction = false;
  let autocommit = false;
  const assignments: [string, string][] = [];
  for (const { name, value } of result.assignments) {
    if (name !== 'autocommit') {
      assignments.push([name, value]);
      continue;
    }
    const on = /^'?(1|on|true|default)'?$/i.test(value);
    endsTransaction = on;
    autocommit = true;
    // On is what a fresh connection has, so it needs no memory.
    assignments.push([name, on ? 'DEFAULT' : '0']);
  }
  return { kind: 'mirrored', state: withVariables(next, assignments), endsTransaction, autocommit };
}
