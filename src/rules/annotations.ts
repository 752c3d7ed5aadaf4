/**
 * What a client asks for in the first comment of its statement: `hostgroup=1;cache_ttl=500`. Source: ProxySQL, surface of
 * comment annotations. Whether it is listened to at all is not decided here.
 */
import type { Decision } from './decision.ts';

/** Absent: not asked for. Times in milliseconds. */
export interface Annotations {
  readonly hostgroup?: number;
  readonly cacheTtlMs?: number;
  readonly delayMs?: number;
  readonly retries?: number;
  readonly timeoutMs?: number;
  readonly mirrorHostgroup?: number;
  readonly createNewConnection?: boolean;
}

type Key = 'hostgroup' | 'cacheTtlMs' | 'delayMs' | 'retries' | 'timeoutMs' | 'mirrorHostgroup';

const NUMBERS: ReadonlyMap<string, Key> = new Map([
  ['hostgroup', 'hostgroup'],
  ['cache_ttl', 'cacheTtlMs'],
  ['query_delay', 'delayMs'],
  ['query_retries', 'retries'],
  ['query_timeout', 'timeoutMs'],
  ['mirror', 'mirrorHostgroup'],
] as const);

const NUMBER_MAX = 2_147_483_647;

/** Reads `key=value` parts between semicolons; undefined when there is none that is known. Others are skipped. */
export function parseAnnotations(comment: string): Annotations | undefined {
  if (!comment.includes('=')) return undefined;
  const found: { -readonly [K in keyof Annotations]: Annotations[K] } = {};
  let any = false;
  for (const part of comment.split(';')) {
    const equals = part.indexOf('=');
    if (equals < 0) continue;
    const name = part.slice(0, equals).trim();
    // Like atoi: a value must begin with a digit, and what follows its digits is not looked at.
    const digits = /^\d+/.exec(part.slice(equals + 1).trim())?.[0];
    if (digits === undefined) continue;
    const value = Number(digits);
    if (value > NUMBER_MAX) continue;
    const key = NUMBERS.get(name);
    if (key !== undefined) found[key] = value;
    else if (name === 'create_new_connection') found.createNewConnection = value === 1;
    else continue;
    any = true;
  }
  return any ? found : undefined;
}

/** They come after the rules and win over them. */
export function annotated(decision: Decision, asked: Annotations): Decision {
  return {
    ...decision,
    destinationHostgroup: asked.hostgroup ?? decision.destinationHostgroup,
    cacheTtlMs: asked.cacheTtlMs ?? decision.cacheTtlMs,
    delayMs: asked.delayMs ?? decision.delayMs,
    retries: asked.retries ?? decision.retries,
    timeoutMs: asked.timeoutMs ?? decision.timeoutMs,
    mirrorHostgroup: asked.mirrorHostgroup ?? decision.mirrorHostgroup,
    createNewConnection: asked.createNewConnection ?? decision.createNewConnection,
  };
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
