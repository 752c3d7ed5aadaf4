/**
 * A quick test for writes the judge has allowed: may the text concern a protected table, or what depends on one? It errs
 * to the safe side, and decides only whether texts of errors are withheld.
 */
import { fold } from '../../masking/identifiers.ts';
import type { CompiledPolicy } from '../../masking/policy.ts';
import type { Judges } from './catalogs.ts';

const known = new WeakMap<Judges, readonly string[] | undefined>();

/** Names of tables and views that are protected or mention what is; undefined: any may be. */
function namesOf(policy: CompiledPolicy, judges: Judges): readonly string[] | undefined {
  if (policy.hasOpenTables) return undefined;
  const names = new Set(policy.columns.map(({ table }) => fold(table)));
  // What mentions a protected table is as good as one; what mentions that, too.
  for (let size = -1; size !== names.size; ) {
    size = names.size;
    for (const { judge } of judges.list) {
      for (const { name, view } of judge.catalog.tables) {
        if (view !== undefined && mentions(fold(view.definition), names)) names.add(fold(name));
      }
      for (const { table, body } of judge.catalog.triggers) {
        if (mentions(fold(body ?? ''), names)) names.add(fold(table));
      }
      for (const { name, body } of judge.catalog.routines) {
        if (body === undefined || body === '' || mentions(fold(body), names)) names.add(fold(name));
      }
    }
  }
  return [...names];
}

function mentions(text: string, names: Iterable<string>): boolean {
  if (text === '') return true;
  for (const name of names) if (text.includes(name)) return true;
  return false;
}

export function textTouches(text: Buffer, policy: CompiledPolicy, judges: Judges): boolean {
  if (!known.has(judges)) known.set(judges, namesOf(policy, judges));
  const names = known.get(judges);
  return names === undefined || mentions(fold(text.toString('utf8')), names);
}
