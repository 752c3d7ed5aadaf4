/**
 * The contract between the admin plane and the data plane, whoever carries it (in-process or worker processes).
 * It holds interfaces only; publisher.ts, subscriber.ts and transports/ implement them.
 */

import type { RouteExplanation, RouteQuestion } from './route.ts';
import type { Generation, RuntimeSnapshot, SnapshotParts } from './snapshot.ts';
import type { StatsKind, StatsRows } from './stats.ts';
import type { WorkerOrder } from './worker-order.ts';

/** The admin plane's side. */
export interface DataPlane {
  /** The runtime as it was last published. */
  readonly current: RuntimeSnapshot;

  /**
   * Replaces the given parts of the runtime; the others stay. Resolves when every worker serves the new generation.
   * A worker that does not acknowledge in time (snapshotAckTimeoutMs) is replaced, and the new one starts with it.
   */
  publish(parts: Partial<SnapshotParts>): Promise<Generation>;

  /** Rows of all workers merged. `reset` sets the counters to zero in the same step. */
  collect<K extends StatsKind>(kind: K, options?: { readonly reset?: boolean }): Promise<readonly StatsRows[K][]>;

  /**
   * The digest table in slices as they come, workers one beside the other and not merged; see packed-digests.ts.
   * Resolves after the last slice.
   */
  collectDigests(options: { readonly reset: boolean }, onSlice: (packed: string) => void): Promise<void>;

  /** What a worker would do with a statement, without doing it. */
  explainRoute(question: RouteQuestion): Promise<RouteExplanation>;

  /**
   * Tells every worker; resolves when each has obeyed, or has not answered in time, with whether one of them found
   * something to do it to.
   */
  order(order: WorkerOrder): Promise<boolean>;
}
