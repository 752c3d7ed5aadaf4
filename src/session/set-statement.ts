/**
 * A SET after the rules: what the proxy mirrors becomes part of the session's state, what it ignores is answered OK as
 * ProxySQL does, and the rest goes to the server. Pure.
 */
import { type MirroredState, withNames, withVariables } from '../backend/mirrored-state.ts';
import type { ProtocolError } from '../protocol/errors.ts';
import { parseSet } from '../sql/set-parser.ts';
import { areKnownNames, isKnownValue } from './known-values.ts';
import { checkNames } from './local-answers.ts';

export type SetOutcome =
  | {
      readonly kind: 'mirrored';
      readonly state: MirroredState;
      readonly endsTransaction: boolean;
      /** autocommit is among what is set. */
      readonly autocommit: boolean;
      /** Every server takes it; otherwise one has to be asked before the client is told that it is so. */
      readonly certain: boolean;
      /** wait_timeout in seconds, 0 for what it is by default; undefined: it is not among what is set. */
      readonly waitTimeoutS: number | undefined;
    }
  | { readonly kind: 'next-transaction' }
  | { readonly kind: 'refused'; readonly error: ProtocolError }
  | { readonly kind: 'forward' };

function charsetOfSchema(charset: string): [string, string][] {
  return [
    ['character_set_client', charset],
    ['character_set_results', charset],
    ['collation_connection', '@@collation_database'],
  ];
}

/** As servers cut it; what is no number counts as the default. */
function secondsOf(value: string): number {
  return /^-?\d+$/.test(value) ? Math.max(1, Number(value)) : 0;
}

/** @param strict false: SET NAMES DEFAULT is refused and every value is taken at its word, as in ProxySQL */
export function applySet(state: MirroredState, text: string, strict: boolean): SetOutcome {
  const result = parseSet(text);
  if (result.kind === 'unknown') return { kind: 'forward' };
  if (result.kind === 'next-transaction') return { kind: 'next-transaction' };
  // Whatever that is, the server knows.
  if (strict && /^default$/i.test(result.names?.charset ?? '')) return { kind: 'forward' };
  let next = state;
  let certain = true;
  if (result.names !== undefined) {
    const names = checkNames(result.names.charset, result.names.collation);
    if ('code' in names) return { kind: 'refused', error: names };
    certain = areKnownNames(result.names);
    // SET CHARACTER SET leaves the connection's own charset to the schema.
    next =
      result.names.characterSetOnly === true
        ? withVariables(next, charsetOfSchema(names.charset))
        : withNames(next, names);
  }
  let endsTransaction = false;
  let autocommit = false;
  const assignments: [string, string][] = [];
  for (const { name, value } of result.assignments) {
    certain &&= isKnownValue(name, value);
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
  const waitTimeoutS = result.waitTimeout === undefined ? undefined : secondsOf(result.waitTimeout);
  const mirrored = withVariables(next, assignments);
  return { kind: 'mirrored', state: mirrored, endsTransaction, autocommit, certain: certain || !strict, waitTimeoutS };
}
