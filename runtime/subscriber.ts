/**
 * The worker's side of a publish: gathers slices and swaps in one new runtime at the commit. It knows nothing of
 * sockets or processes; a transport feeds it messages.
 */
import type { ListPartName, PrimaryToWorker, PublishSlice } from './messages.ts';
import {
  EMPTY_SNAPSHOT,
  generation,
  type RuntimeSnapshot,
  type SnapshotParts,
  type VariableParts,
  variablePartsOf,
} from './snapshot.ts';

type PublishMessage = Extract<PrimaryToWorker, { type: 'publish-begin' | 'publish-slice' | 'publish-commit' }>;

interface Pending {
  readonly generation: number;
  readonly rows: Map<ListPartName, unknown[]>;
  readonly variables: VariableParts;
}

/** What changed, so that the data plane rebuilds only the views that depend on it. */
export type AppliedParts = ReadonlySet<keyof SnapshotParts>;

export class Subscriber {
  current: RuntimeSnapshot = EMPTY_SNAPSHOT;
  readonly #onApply: (snapshot: RuntimeSnapshot, changed: AppliedParts) => void;
  #pending: Pending | undefined;

  /** `onApply` runs synchronously inside the commit: when it returns, every later command sees the new runtime. */
  constructor(onApply: (snapshot: RuntimeSnapshot, changed: AppliedParts) => void) {
    this.#onApply = onApply;
  }

  /** Takes one publish message; returns the generation when it was the commit. */
  handle(message: PublishMessage): number | undefined {
    switch (message.type) {
      case 'publish-begin':
        this.#pending = {
          generation: message.generation,
          rows: new Map(message.listParts.map((part) => [part, []])),
          // Only what is there: a part that says undefined would replace what is in force.
          variables: variablePartsOf(message.variables),
        };
        return undefined;
      case 'publish-slice':
        this.#append(message);
        return undefined;
      case 'publish-commit':
        return this.#commit(message.generation);
    }
  }

  #append(slice: PublishSlice): void {
    const rows = this.#expect(slice.generation).rows.get(slice.part);
    if (rows === undefined) throw new Error(`slice of a part that was not announced: ${slice.part}`);
    for (const row of slice.rows) rows.push(row);
  }

  #commit(n: number): number {
    const pending = this.#expect(n);
    const changed = new Set<keyof SnapshotParts>(pending.rows.keys());
    for (const part of Object.keys(pending.variables)) changed.add(part as keyof VariableParts);
    this.current = {
      ...this.current,
      ...(Object.fromEntries(pending.rows) as Partial<SnapshotParts>),
      ...pending.variables,
      generation: generation(n),
    };
    this.#pending = undefined;
    this.#onApply(this.current, changed);
    return n;
  }

  #expect(n: number): Pending {
    if (this.#pending?.generation !== n) throw new Error(`publish ${n} was not begun`);
    return this.#pending;
  }
}
