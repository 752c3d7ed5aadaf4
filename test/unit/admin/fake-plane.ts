/**
 * A data plane without traffic: remembers what was published and answers collect() with rows a test sets.
 */
import { packDigests } from '../../../runtime/packed-digests.ts';
import type { DataPlane } from '../../../runtime/plane.ts';
import type { RouteExplanation, RouteQuestion } from '../../../runtime/route.ts';
import { EMPTY_SNAPSHOT, generation, type RuntimeSnapshot } from '../../../runtime/snapshot.ts';
import type { StatsKind, StatsRows } from '../../../runtime/stats.ts';
import type { WorkerOrder } from '../../../runtime/worker-order.ts';

export class FakePlane implements DataPlane {
  /** Everything workers were ordered, in order. */
  readonly orders: WorkerOrder[] = [];
  /** Whether a worker finds something to do an order to. */
  found = true;

  current: RuntimeSnapshot = EMPTY_SNAPSHOT;
  readonly rows: { [K in StatsKind]?: readonly StatsRows[K][] } = {};
  /** What was collected so far, in order, e.g. `users` or `query-digest:reset`. */
  readonly collected: string[] = [];
  readonly questions: RouteQuestion[] = [];
  explanation: RouteExplanation = { steps: [] };
  /** Set it to hold answers back until it resolves. */
  gate: Promise<void> = Promise.resolve();

  async publish(parts: Partial<RuntimeSnapshot>): Promise<RuntimeSnapshot['generation']> {
    await this.gate;
    this.current = { ...this.current, ...parts, generation: generation(this.current.generation + 1) };
    return this.current.generation;
  }

  async order(order: WorkerOrder): Promise<boolean> {
    this.orders.push(order);
    return this.found;
  }

  async explainRoute(question: RouteQuestion): Promise<RouteExplanation> {
    this.questions.push(question);
    return this.explanation;
  }

  async collectDigests(options: { readonly reset: boolean }, onSlice: (packed: string) => void): Promise<void> {
    onSlice(packDigests(await this.collect('query-digest', options)));
  }

  async collect<K extends StatsKind>(
    kind: K,
    options: { readonly reset?: boolean } = {},
  ): Promise<readonly StatsRows[K][]> {
    this.collected.push(options.reset === true ? `${kind}:reset` : kind);
    await this.gate;
    const rows: readonly StatsRows[K][] = this.rows[kind] ?? [];
    if (options.reset === true) this.rows[kind] = [] as (typeof this.rows)[K];
    return rows;
  }
}
