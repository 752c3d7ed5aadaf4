/**
 * What a client asks for in the first comment of its statement: `hostgroup=1;cache_ttl=500`. Source: ProxySQL, surface of
 * comment annotations. Whether it is listened to at all is not decided here.
 */
import { parseGtidSet } from '../gtid/gtid-set.ts';
import type { AsOf, Decision } from './decision.ts';

/** Absent: not asked for. Times in milliseconds. */
export interface Annotations {
  readonly hostgroup?: number;
  readonly cacheTtlMs?: number;
  readonly delayMs?: number;
  readonly retries?: number;
  readonly timeoutMs?: number;
  readonly mirrorHostgroup?: number;
  readonly createNewConnection?: boolean;
  readonly maxLagMs?: number;
  /** Milliseconds since the epoch. */
  readonly minEpochMs?: number;
  /** As it was written: a set of transaction ids, or what was meant as one. */
  readonly minGtid?: string;
}

type Key =
  | 'hostgroup'
  | 'cacheTtlMs'
  | 'delayMs'
  | 'retries'
  | 'timeoutMs'
  | 'mirrorHostgroup'
  | 'maxLagMs'
  | 'minEpochMs';

const NUMBER_MAX = 2_147_483_647;

/** The longest max_lag_ms, as in ProxySQL: a longer one is not listened to, nor a min_epoch_ms that is longer ago. */
export const maxLagMsMax = 600_000;

/** With the largest value that is listened to. */
const NUMBERS: ReadonlyMap<string, readonly [Key, max: number]> = new Map([
  ['hostgroup', ['hostgroup', NUMBER_MAX]],
  ['cache_ttl', ['cacheTtlMs', NUMBER_MAX]],
  ['query_delay', ['delayMs', NUMBER_MAX]],
  ['query_retries', ['retries', NUMBER_MAX]],
  ['query_timeout', ['timeoutMs', NUMBER_MAX]],
  ['mirror', ['mirrorHostgroup', NUMBER_MAX]],
  ['max_lag_ms', ['maxLagMs', maxLagMsMax]],
  ['min_epoch_ms', ['minEpochMs', Number.MAX_SAFE_INTEGER]],
]);

/** Reads `key=value` parts between semicolons; undefined when there is none that is known. Others are skipped. */
export function parseAnnotations(comment: string): Annotations | undefined {
  if (!comment.includes('=')) return undefined;
  const found: { -readonly [K in keyof Annotations]: Annotations[K] } = {};
  let any = false;
  for (const part of comment.split(';')) {
    const equals = part.indexOf('=');
    if (equals < 0) continue;
    const name = part.slice(0, equals).trim().toLowerCase();
    const text = part.slice(equals + 1).trim();
    if (name === 'min_gtid' && text !== '') {
      found.minGtid = text;
      any = true;
      continue;
    }
    // Like atoi: a value must begin with a digit, and what follows its digits is not looked at.
    const digits = /^\d+/.exec(text)?.[0];
    if (digits === undefined) continue;
    const value = Number(digits);
    const number = NUMBERS.get(name);
    if (number !== undefined && value <= number[1]) found[number[0]] = value;
    else if (name === 'create_new_connection') found.createNewConnection = value === 1;
    else continue;
    any = true;
  }
  return any ? found : undefined;
}

/** They come after the rules and win over them. */
export function annotated(decision: Decision, asked: Annotations): Decision {
  const asOf = asOfAsked(asked);
  // Who asks for what nobody understands would read something else.
  const errorMsg = decision.errorMsg ?? (asOf === 'unreadable' ? NO_GTIDS : undefined);
  return {
    ...decision,
    errorMsg,
    asOf: asOf === 'unreadable' ? undefined : asOf,
    destinationHostgroup: asked.hostgroup ?? decision.destinationHostgroup,
    cacheTtlMs: asked.cacheTtlMs ?? decision.cacheTtlMs,
    delayMs: asked.delayMs ?? decision.delayMs,
    retries: asked.retries ?? decision.retries,
    timeoutMs: asked.timeoutMs ?? decision.timeoutMs,
    mirrorHostgroup: asked.mirrorHostgroup ?? decision.mirrorHostgroup,
    createNewConnection: asked.createNewConnection ?? decision.createNewConnection,
  };
}

const NO_GTIDS = "min_gtid in the statement's comment is no set of transaction ids";

function asOfAsked({ minGtid, maxLagMs, minEpochMs }: Annotations): AsOf | 'unreadable' | undefined {
  if (minGtid === undefined && maxLagMs === undefined && minEpochMs === undefined) return undefined;
  const gtids = minGtid === undefined ? undefined : parseGtidSet(minGtid);
  if (minGtid !== undefined && gtids === undefined) return 'unreadable';
  return { gtids, maxLagMs, minEpochMs };
}

/** mysql_users.attributes: `{"query_annotations": false}` forbids a user what the variable allows, and `true` the reverse. */
export function mayAnnotate(attributes: string): boolean | undefined {
  if (!attributes.includes('query_annotations')) return undefined;
  try {
    const parsed: unknown = JSON.parse(attributes);
    if (typeof parsed !== 'object' || parsed === null || !('query_annotations' in parsed)) return undefined;
    // Who wrote anything but true meant to restrict the user.
    return parsed.query_annotations === true;
  } catch {
    return false;
  }
}
