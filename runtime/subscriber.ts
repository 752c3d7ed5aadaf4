/**
 * The worker's side of a publish: gathers slices and swaps in one new runtime at the commit. It knows nothing of
 * sockets or processes; a transport feeds it messages.
 */
import { FastRoutingDirectory } from './fast-routing-directory.ts';
import type { ListPartName, PackedPartName, PrimaryToWorker, PublishSlice } from './messages.ts';
import {
  EMPTY_SNAPSHOT,
  generation,
  type RuntimeSnapshot,
  type SnapshotParts,
  type VariableParts,
  variablePartsOf,
} from './snapshot.ts';
import { UserDirectory } from './user-directory.ts';

type PublishMessage = Extract<PrimaryToWorker, { type: 'publish-begin' | 'publish-slice' | 'publish-commit' }>;

/** The runtime as a worker has it: the long lists as directories, which grow slice by slice. */
export interface WorkerSnapshot extends Omit<RuntimeSnapshot, PackedPartName> {
  readonly users: UserDirectory;
  readonly fastRouting: FastRoutingDirectory;
}

/** What a worker serves before the first publish. */
export function emptyWorkerSnapshot(): WorkerSnapshot {
  return { ...EMPTY_SNAPSHOT, users: new UserDirectory(), fastRouting: new FastRoutingDirectory() };
}

interface Pending {
  readonly generation: number;
  readonly rows: Map<Exclude<ListPartName, PackedPartName>, unknown[]>;
  readonly users: UserDirectory | undefined;
  readonly fastRouting: FastRoutingDirectory | undefined;
  readonly variables: VariableParts;
}

/** What changed, so that the data plane rebuilds only the views that depend on it. */
export type AppliedParts = ReadonlySet<keyof SnapshotParts>;

export class Subscriber {
  current: WorkerSnapshot = emptyWorkerSnapshot();
  readonly #onApply: (snapshot: WorkerSnapshot, changed: AppliedParts) => void;
  #pending: Pending | undefined;

  /** `onApply` runs synchronously inside the commit: when it returns, every later command sees the new runtime. */
  constructor(onApply: (snapshot: WorkerSnapshot, changed: AppliedParts) => void) {
    this.#onApply = onApply;
  }

  /** Takes one publish message; returns the generation when it was the commit. */
  handle(message: PublishMessage): number | undefined {
    switch (message.type) {
      case 'publish-begin':
        this.#pending = {
          generation: message.generation,
          rows: new Map(message.listParts.filter(isPlain).map((part) => [part, []])),
          users: message.listParts.includes('users') ? new UserDirectory() : undefined,
          fastRouting: message.listParts.includes('fastRouting') ? new FastRoutingDirectory() : undefined,
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
    const pending = this.#expect(slice.generation);
    if ('packed' in slice) {
      const directory = pending[slice.part];
      if (directory === undefined) throw notAnnounced(slice);
      directory.add(slice.packed);
      return;
    }
    const rows = pending.rows.get(slice.part);
    if (rows === undefined) throw notAnnounced(slice);
    for (const row of slice.rows) rows.push(row);
  }

  #commit(n: number): number {
    const pending = this.#expect(n);
    const { users, fastRouting } = pending;
    const changed = new Set<keyof SnapshotParts>(pending.rows.keys());
    if (users !== undefined) changed.add('users');
    if (fastRouting !== undefined) changed.add('fastRouting');
    for (const part of Object.keys(pending.variables)) changed.add(part as keyof VariableParts);
    this.current = {
      ...this.current,
      ...(Object.fromEntries(pending.rows) as Partial<Omit<SnapshotParts, PackedPartName>>),
      ...(users === undefined ? {} : { users }),
      ...(fastRouting === undefined ? {} : { fastRouting }),
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

function isPlain(part: ListPartName): part is Exclude<ListPartName, PackedPartName> {
  return part !== 'users' && part !== 'fastRouting';
}

function notAnnounced(slice: PublishSlice): Error {
  return new Error(`slice of a part that was not announced: ${slice.part}`);
}
