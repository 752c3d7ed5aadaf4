/**
 * Assertions for states that only a bug can reach. Not for input from the network: that is refused, not asserted.
 */

/** A broken invariant: a bug in sluice, never something a client or an operator did. */
export class AssertionFailed extends Error {
  override readonly name = 'AssertionFailed';
}

/** Throws {@link AssertionFailed} unless `condition` holds. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailed(message);
}

/** Ends an exhaustive `switch`: does not compile while a case is missing, and throws if one arrives anyway. */
export function assertNever(value: never, what = 'value'): never {
  throw new AssertionFailed(`unexpected ${what}: ${JSON.stringify(value)}`);
}
