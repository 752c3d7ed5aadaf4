/**
 * Which statements the query cache may answer, and under which key. A rule's cache_ttl asks for it; what the answer of a
 * statement depends on besides its text, its user and the mirrored state of its session keeps it out: transactions, held
 * session state, functions that ask for an earlier statement, locking reads, more than one statement, prepared ones.
 */

import { HEADER_BYTES } from '../protocol/framer.ts';
import { Capture } from '../query-cache/capture.ts';
import type { CachedAnswer, QueryCache } from '../query-cache/query-cache.ts';
import type { Session } from './session.ts';
import type { Statement } from './statement.ts';

/** Kinds of statements that only read. */
const READING_KINDS: ReadonlySet<string> = new Set(['select', 'show', 'explain']);

const COM_BYTES = 1;

/** The key of a statement the cache may answer; undefined for all others. */
export function cacheKeyOf(session: Session, statement: Statement): string | undefined {
  const { command, decision, facts, frame } = statement;
  if (decision.cacheTtlMs <= 0 || command !== 'query' || decision.asOf !== undefined) return undefined;
  if (!READING_KINDS.has(facts.kind) || facts.command === 'SELECT_FOR_UPDATE' || facts.effects !== 0) return undefined;
  const { leases, lockedHostgroup, shape, state, user } = session;
  if (lockedHostgroup >= 0 || leases.pinned || leases.inTransaction() !== undefined) return undefined;
  if (state.variables.get('autocommit') === '0') return undefined;
  // The lengths keep what a client may choose freely from running into what follows.
  const { username } = user;
  const text = frame.toString('latin1', HEADER_BYTES + COM_BYTES);
  const view = statement.viewKey ?? '';
  return `${view} ${shape} ${username.length} ${username} ${state.key.length} ${state.key} ${text}`;
}

/** The answer in the cache, or a statement that will be kept there. */
export function throughCache(
  session: Session,
  statement: Statement,
  cache: QueryCache,
): { readonly answer: CachedAnswer } | { readonly statement: Statement } {
  const key = cacheKeyOf(session, statement);
  if (key === undefined) return { statement };
  const { variables, context } = session;
  const { cacheTtlMs, cacheEmptyResult } = statement.decision;
  const answer = cache.get(key, cacheTtlMs, variables.queryCacheSoftTtlPct, context.clock.nowMs());
  if (answer !== undefined) return { answer };
  const tee = new Capture({
    bytesMax: variables.thresholdResultsetSize,
    keepEmpty: cacheEmptyResult < 0 ? variables.queryCacheStoresEmptyResult : cacheEmptyResult !== 0,
    keepWithWarnings: variables.queryCacheHandleWarnings === 1,
    keep: (kept) => cache.set(key, kept, cacheTtlMs, context.clock.nowMs()),
  });
  return { statement: { ...statement, tee } };
}
