/**
 * The contract between the admin plane and the data plane, whoever carries it (in-process or worker processes).
 * It holds interfaces only; publisher.ts, subscriber.ts and transports/ implement them.
 */

import type { KillOrder, WorkerOrder } from './messages.ts';
import type { RouteExplanation, RouteQuestion } from './route.ts';
import type { Generation, RuntimeSnapshot, SnapshotParts } from './snapshot.ts';
import type { StatsKind, StatsRows } from './stats.ts';

/** The admin plane's side. */
export interface DataPlane {
  /** The runtime as it was last published. */
  readonly current: RuntimeSnapshot;

  /**
   * Replaces the given parts of the runtime; the others stay. Resolves when every worker serves the new generation.
   * A worker that does not acknowledge in time (snapshotAckTimeoutMs) is replaced, and the new one starts with it.
   */
  publish(parts: Partial<SnapshotParts>): Promise<Generation>;

  /** Resolves when every worker has carried it out, or has not answered in time. */
  order(order: WorkerOrder): Promise<void>;

  /** Rows of all workers merged. `reset` sets the counters to zero in the same step. */
  collect<K extends StatsKind>(kind: K, options?: { readonly reset?: boolean }): Promise<readonly StatsRows[K][]>;

  /** What a worker would do with a statement, without doing it. */
  explainRoute(question: RouteQuestion): Promise<RouteExplanation>;

  /** Passes the order to the worker that has the session. Nobody answers: as with KILL, there may be no such session. */
  killSession(order: KillOrder): void;
}
