/**
 * What primary and worker say to each other, whatever carries it. Plain data only; both unions are closed, and a
 * message a side does not know is a bug, not an extension point (primary and workers are always the same build).
 *
 * A publish comes in slices so that a large part (ten thousand users) never holds up a worker's running queries:
 *
 *   publish-begin ─▶ publish-slice* ─▶ publish-commit ─▶ applied
 *
 * Nothing is visible before the commit, which swaps one reference.
 */

import type { ExchangeToPrimary, ExchangeToWorker } from './client-exchange.ts';
import type { QuotaToPrimary, QuotaToWorker } from './quota/messages.ts';
import type { RouteExplanation, RouteQuestion } from './route.ts';
import type { PartName, SnapshotParts, VariablePartName, VariableParts } from './snapshot.ts';
import type { StatsKind, StatsRows } from './stats.ts';
import type { TlsPems } from './tls-pems.ts';
import type { WorkerOrder } from './worker-order.ts';

/** The parts that are lists, and so may come in slices. */
export type ListPartName = Exclude<PartName, VariablePartName>;

/** The lists that may have a hundred thousand rows; they travel packed (packed-rows.ts). */
export type PackedPartName = 'users' | 'fastRouting';

export type PublishSlice =
  | {
      [P in Exclude<ListPartName, PackedPartName>]: {
        readonly type: 'publish-slice';
        readonly generation: number;
        readonly part: P;
        readonly rows: SnapshotParts[P];
      };
    }[Exclude<ListPartName, PackedPartName>]
  | {
      readonly type: 'publish-slice';
      readonly generation: number;
      readonly part: PackedPartName;
      readonly packed: string;
    };

/** An order to end a session, or what it runs. A session's id says which worker has it: sessionWorkerOf. */
export interface KillOrder {
  readonly sessionId: number;
  readonly what: 'QUERY' | 'CONNECTION';
  /** Only a session of this user; undefined means anybody's. */
  readonly username: string | undefined;
}

/** What became of it. `not-yours`: the session is another user's. */
export type KillVerdict = 'killed' | 'not-yours' | 'unknown';

/** A client's KILL of a session that is another worker's: to the primary, and from there to the worker. */
export interface KillSession {
  readonly type: 'kill-session';
  readonly requestId: number;
  readonly order: KillOrder;
}

/** The answer, on the same way back; the numbers of requests are those of the side that asked. */
export interface SessionKilled {
  readonly type: 'session-killed';
  readonly requestId: number;
  readonly verdict: KillVerdict;
}

/** Sessions of one worker have ids whose lowest bits count up and whose upper bits are the worker's index. */
export const SESSION_ID_BITS = 24;

export function sessionWorkerOf(sessionId: number): number {
  return Math.floor(sessionId / 2 ** SESSION_ID_BITS);
}

/** A server refuses connections by its own limit, or by the account's: whoever has one free for it closes it. */
export interface ServerFull {
  readonly type: 'server-full';
  readonly hostname: string;
  readonly port: number;
  /** Only connections of this user count; undefined: all do. */
  readonly username: string | undefined;
}

/** Connections that these accounts logged in with before are to log in again; an empty list: all. */
export interface RightsChanged {
  readonly type: 'rights-changed';
  readonly usernames: readonly string[];
}

/** What is answered in one message. */
export type CollectKind = Exclude<StatsKind, 'query-digest'>;

export type PrimaryToWorker =
  | {
      readonly type: 'init';
      readonly workerIndex: number;
      readonly workerCount: number;
      readonly tls: TlsPems;
      /** Where files with relative names go. */
      readonly dataDir: string;
    }
  | {
      readonly type: 'publish-begin';
      readonly generation: number;
      /** The list parts this publish replaces; the others stay as they are. */
      readonly listParts: readonly ListPartName[];
      /** The families of variables this publish replaces. */
      readonly variables: VariableParts;
    }
  | PublishSlice
  | { readonly type: 'publish-commit'; readonly generation: number }
  | { readonly type: 'listen'; readonly requestId: number; readonly interfaces: readonly string[] }
  | { readonly type: 'collect'; readonly requestId: number; readonly kind: CollectKind; readonly reset: boolean }
  /** The digest table comes in slices, see packed-digests.ts. */
  | { readonly type: 'collect-digests'; readonly requestId: number; readonly reset: boolean }
  | { readonly type: 'explain-route'; readonly requestId: number; readonly question: RouteQuestion }
  | KillSession
  | SessionKilled
  /** DDL went to a server: what is known of catalogs is old. */
  | { readonly type: 'definitions-changed' }
  | ServerFull
  | RightsChanged
  | { readonly type: 'order'; readonly requestId: number; readonly order: WorkerOrder }
  | { readonly type: 'drain'; readonly deadlineMs: number }
  | ExchangeToWorker
  | QuotaToWorker;

export type WorkerToPrimary =
  /** The process listens to messages from here on: what is sent before could be lost. */
  | { readonly type: 'hello' }
  /** There is a worker. */
  | { readonly type: 'started' }
  | { readonly type: 'applied'; readonly generation: number }
  | {
      readonly type: 'listening';
      readonly requestId: number;
      readonly addresses: readonly string[];
      readonly error: string | undefined;
    }
  | { readonly type: 'rows'; readonly requestId: number; readonly rows: readonly StatsRows[CollectKind][] }
  | { readonly type: 'digests'; readonly requestId: number; readonly packed: string; readonly last: boolean }
  | { readonly type: 'route'; readonly requestId: number; readonly explanation: RouteExplanation }
  | KillSession
  | SessionKilled
  /** DDL went to a server: what is known of catalogs is old. */
  | { readonly type: 'definitions-changed' }
  | ServerFull
  | RightsChanged
  /** `found`: there was something to do it to. */
  | { readonly type: 'obeyed'; readonly requestId: number; readonly found: boolean }
  | { readonly type: 'drained' }
  | ExchangeToPrimary
  | QuotaToPrimary;
