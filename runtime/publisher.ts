/**
 * The primary's side of a publish: one new generation at a time, to every worker, and an answer only when each has
 * it. It keeps the current runtime, from which a worker that joins late is brought up to date. It does not start
 * processes (supervisor.ts) and builds no rows (admin/modules).
 */

import { packFastRouting } from './fast-routing-directory.ts';
import { mergeRows } from './merge-stats.ts';
import type {
  CollectKind,
  KillOrder,
  KillVerdict,
  ListPartName,
  PrimaryToWorker,
  PublishSlice,
  WorkerToPrimary,
} from './messages.ts';
import { sessionWorkerOf } from './messages.ts';
import { unpackDigests } from './packed-digests.ts';
import type { DataPlane } from './plane.ts';
import { QuotaLedger } from './quota/ledger.ts';
import { QuotaLimits } from './quota/limits.ts';
import type { QuotaToPrimary } from './quota/messages.ts';
import type { RouteExplanation, RouteQuestion } from './route.ts';
import {
  EMPTY_SNAPSHOT,
  type Generation,
  generation,
  type RuntimeSnapshot,
  type SnapshotParts,
  variablePartsOf,
} from './snapshot.ts';
import type { QueryDigestRow, StatsKind, StatsRows } from './stats.ts';
import { packUsers } from './user-directory.ts';
import type { WorkerOrder } from './worker-order.ts';

/** Rows in one publish message: what a worker takes in without being held up (about 1 ms). */
export const publishSliceRowsMax = 256;

/** Slices sent before the primary looks after its admin sessions again (about 2 ms). */
const SLICES_IN_ONE_TURN = 8;

/** How long a worker may take to acknowledge a generation before it is replaced, in ms. */
export const snapshotAckTimeoutMs = 10_000;

/** How long a worker may take to answer a question about its counters, in ms. Its rows are left out after that. */
export const collectTimeoutMs = 5_000;

/** How long a worker may take to explain a route, in ms: its rules may need the thread with the long deadline. */
export const explainRouteTimeoutMs = 5_000;

/** How long a worker may take to obey an order, in ms. */
export const orderTimeoutMs = 5_000;

const LIST_PARTS: readonly ListPartName[] = [
  'users',
  'servers',
  'replicationHostgroups',
  'hostgroupAttributes',
  'serverSslParams',
  'queryRules',
  'fastRouting',
  'firewallUsers',
  'firewallRules',
  'maskingColumns',
  'maskingUsers',
];

/** One worker as the publisher sees it; transports implement it. */
export interface WorkerLink {
  readonly index: number;
  send(message: PrimaryToWorker): void;
  /** Ends a worker that no longer answers; the supervisor starts another. */
  abandon(reason: string): void;
}

interface Waiter {
  resolve(message: WorkerToPrimary | undefined): void;
  readonly timer: NodeJS.Timeout;
}

export class Publisher implements DataPlane {
  current: RuntimeSnapshot = EMPTY_SNAPSHOT;
  readonly #links = new Map<WorkerLink, Map<string, Waiter>>();
  readonly #limits = new QuotaLimits();
  /** What is being published counts already: a worker that has it may ask for places before the others have it. */
  #newest: RuntimeSnapshot = EMPTY_SNAPSHOT;
  readonly #ledger = new QuotaLedger({ limitOf: (key) => this.#limits.limitOf(this.#newest, key) });
  #requests = 0;
  /**
   * Where workers listen, as they were told: a worker that joins late is told the same. A port 0 stays 0, by which
   * node:cluster finds the port the others share.
   */
  #interfaces: readonly string[] = [];
  #tail: Promise<unknown> = Promise.resolve();

  publish(parts: Partial<SnapshotParts>): Promise<Generation> {
    const run = this.#tail.then(() => this.#publishNow(parts));
    this.#tail = run.catch(() => undefined);
    return run;
  }

  async collect<K extends StatsKind>(
    kind: K,
    options: { readonly reset?: boolean } = {},
  ): Promise<readonly StatsRows[K][]> {
    const reset = options.reset ?? false;
    if (kind === 'query-digest') {
      const rows: QueryDigestRow[] = [];
      await this.collectDigests({ reset }, (packed) => rows.push(...unpackDigests(packed)));
      return mergeRows('query-digest', this.#links.size > 1 ? [[], rows] : [rows]) as readonly StatsRows[K][];
    }
    const requestId = ++this.#requests;
    const answers = await Promise.all(
      [...this.#links.keys()].map((link) => {
        const answer = this.#wait(link, `rows:${requestId}`, collectTimeoutMs);
        link.send({ type: 'collect', requestId, kind: kind as CollectKind, reset });
        return answer;
      }),
    );
    const lists = answers.map((answer) => (answer?.type === 'rows' ? (answer.rows as readonly StatsRows[K][]) : []));
    return mergeRows(kind, lists);
  }

  async collectDigests({ reset }: { readonly reset: boolean }, onSlice: (packed: string) => void): Promise<void> {
    const requestId = ++this.#requests;
    await Promise.all(
      [...this.#links.keys()].map(async (link) => {
        const last = this.#wait(link, `digests:${requestId}`, collectTimeoutMs, (slice) => {
          if (slice.type === 'digests') onSlice(slice.packed);
          return slice.type === 'digests' && !slice.last;
        });
        link.send({ type: 'collect-digests', requestId, reset });
        await last;
      }),
    );
  }

  /** Asks one worker; all have the same rules, and servers may look different to each. */
  async explainRoute(question: RouteQuestion): Promise<RouteExplanation> {
    const [link] = this.#links.keys();
    if (link === undefined) return { error: 'no worker is running' };
    const requestId = ++this.#requests;
    const answer = this.#wait(link, `route:${requestId}`, explainRouteTimeoutMs);
    link.send({ type: 'explain-route', requestId, question });
    const message = await answer;
    return message?.type === 'route' ? message.explanation : { error: 'the worker did not answer in time' };
  }

  /** A client's KILL, to the worker that has the session. */
  async killSession(order: KillOrder): Promise<KillVerdict> {
    const index = sessionWorkerOf(order.sessionId);
    const link = [...this.#links.keys()].find((each) => each.index === index);
    if (link === undefined) return 'unknown';
    const requestId = ++this.#requests;
    const answer = this.#wait(link, `session-killed:${requestId}`, orderTimeoutMs);
    link.send({ type: 'kill-session', requestId, order });
    const message = await answer;
    if (message?.type === 'session-killed') return message.verdict;
    // A worker that is gone has taken its sessions along; one that is slow will do it.
    return this.#links.has(link) ? 'killed' : 'unknown';
  }

  async order(order: WorkerOrder): Promise<boolean> {
    const requestId = ++this.#requests;
    const answers = await Promise.all(
      [...this.#links.keys()].map((link) => {
        const answer = this.#wait(link, `obeyed:${requestId}`, orderTimeoutMs);
        link.send({ type: 'order', requestId, order });
        return answer;
      }),
    );
    return answers.some((answer) => answer?.type === 'obeyed' && answer.found);
  }

  /** Tells every worker where to listen; resolves with the addresses in use, rejects when one is not to be had. */
  async listen(interfaces: readonly string[]): Promise<readonly string[]> {
    const [first, ...others] = this.#links.keys();
    // One alone: it finds out whether a Unix socket's file is left over, and the others must not take it for one that is.
    const addresses = first === undefined ? [] : await this.#listenOn(first, interfaces);
    await Promise.all(others.map((link) => this.#listenOn(link, interfaces)));
    this.#interfaces = interfaces;
    return addresses;
  }

  async #listenOn(link: WorkerLink, interfaces: readonly string[]): Promise<readonly string[]> {
    const requestId = ++this.#requests;
    const answer = this.#wait(link, `listening:${requestId}`, snapshotAckTimeoutMs);
    link.send({ type: 'listen', requestId, interfaces });
    const message = await answer;
    if (message?.type !== 'listening') throw new Error('a worker did not start to listen in time');
    if (message.error !== undefined) throw new Error(message.error);
    return message.addresses;
  }

  /** Adds a worker and brings it to the current generation. */
  async attach(link: WorkerLink): Promise<void> {
    this.#links.set(link, new Map());
    this.#ledger.attach(link);
    const joined = this.#tail.then(() => this.#send([link], this.current.generation, this.current));
    this.#tail = joined.catch(() => undefined);
    await joined;
    if (this.#interfaces.length > 0) await this.#listenOn(link, this.#interfaces);
  }

  /** Asks every worker to let its sessions end; resolves when all are done. Nothing may be published after that. */
  async drain(deadlineMs: number): Promise<void> {
    await Promise.all(
      [...this.#links.keys()].map((link) => {
        const drained = this.#wait(link, 'drained', deadlineMs + snapshotAckTimeoutMs);
        link.send({ type: 'drain', deadlineMs });
        return drained;
      }),
    );
  }

  /** Removes a worker that is gone; whatever waited for it goes on without it. */
  detach(link: WorkerLink): void {
    const waiters = this.#links.get(link);
    this.#links.delete(link);
    this.#ledger.detach(link);
    for (const waiter of waiters?.values() ?? []) waiter.resolve(undefined);
  }

  /** Every message from a worker comes in here. */
  receive(link: WorkerLink, message: WorkerToPrimary): void {
    if (isQuotaMessage(message)) return this.#ledger.receive(link, message);
    if (message.type === 'kill-session') {
      const { requestId } = message;
      void this.killSession(message.order).then((verdict) => {
        if (this.#links.has(link)) link.send({ type: 'session-killed', requestId, verdict });
      });
      return;
    }
    const { type } = message;
    if (type === 'definitions-changed' || type === 'server-full' || type === 'rights-changed') {
      for (const other of this.#links.keys()) if (other !== link) other.send(message);
      return;
    }
    const key = keyOf(message);
    if (key !== undefined) this.#links.get(link)?.get(key)?.resolve(message);
  }

  async #publishNow(parts: Partial<SnapshotParts>): Promise<Generation> {
    const next = generation(this.current.generation + 1);
    this.#newest = { ...this.current, ...parts, generation: next };
    this.#ledger.limitsChanged();
    await this.#send([...this.#links.keys()], next, parts);
    this.current = this.#newest;
    return next;
  }

  /** Sends to several workers at once, so that slices are packed once, and waits until each has it or is given up. */
  async #send(links: readonly WorkerLink[], n: number, parts: Partial<SnapshotParts>): Promise<void> {
    const listParts = LIST_PARTS.filter((part) => parts[part] !== undefined);
    const tell = (message: PrimaryToWorker): void => {
      for (const link of links) link.send(message);
    };
    tell({ type: 'publish-begin', generation: n, listParts, variables: variablePartsOf(parts) });
    let slices = 0;
    for (const part of listParts) {
      const rows = parts[part] ?? [];
      for (let from = 0; from < rows.length; from += publishSliceRowsMax) {
        tell(sliceOf(n, part, rows.slice(from, from + publishSliceRowsMax) as SnapshotParts[typeof part]));
        slices += 1;
        if (slices % SLICES_IN_ONE_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const applied = links.map((link) => this.#applied(link, n));
    tell({ type: 'publish-commit', generation: n });
    await Promise.all(applied);
  }

  async #applied(link: WorkerLink, n: number): Promise<void> {
    const answer = await this.#wait(link, `applied:${n}`, snapshotAckTimeoutMs);
    if (answer !== undefined || !this.#links.has(link)) return;
    this.detach(link);
    link.abandon(`no acknowledgement of generation ${n} within ${snapshotAckTimeoutMs} ms`);
  }

  /** The answer, or undefined when there is none in time; `isMore` takes those before the last, each with its own time. */
  #wait(
    link: WorkerLink,
    key: string,
    timeoutMs: number,
    isMore: (message: WorkerToPrimary) => boolean = () => false,
  ): Promise<WorkerToPrimary | undefined> {
    const waiters = this.#links.get(link);
    if (waiters === undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const settle = (message: WorkerToPrimary | undefined) => {
        if (message !== undefined && isMore(message)) {
          timer.refresh();
          return;
        }
        clearTimeout(timer);
        waiters.delete(key);
        resolve(message);
      };
      const timer = setTimeout(settle, timeoutMs, undefined);
      waiters.set(key, { resolve: settle, timer });
    });
  }
}

function isQuotaMessage(message: WorkerToPrimary): message is QuotaToPrimary {
  return message.type === 'quota-want' || message.type === 'quota-want-over' || message.type === 'quota-return';
}

function keyOf(message: WorkerToPrimary): string | undefined {
  switch (message.type) {
    case 'applied':
      return `applied:${message.generation}`;
    case 'rows':
      return `rows:${message.requestId}`;
    case 'digests':
      return `digests:${message.requestId}`;
    case 'listening':
      return `listening:${message.requestId}`;
    case 'route':
      return `route:${message.requestId}`;
    case 'session-killed':
      return `session-killed:${message.requestId}`;
    case 'obeyed':
      return `obeyed:${message.requestId}`;
    case 'drained':
      return 'drained';
    default:
      return undefined;
  }
}

function sliceOf<P extends ListPartName>(n: number, part: P, rows: SnapshotParts[P]): PublishSlice {
  const head = { type: 'publish-slice', generation: n } as const;
  if (part === 'users') return { ...head, part: 'users', packed: packUsers(rows as SnapshotParts['users']) };
  if (part === 'fastRouting')
    return { ...head, part: 'fastRouting', packed: packFastRouting(rows as SnapshotParts['fastRouting']) };
  return { ...head, part, rows } as PublishSlice;
}
