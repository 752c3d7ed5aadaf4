/**
 * Of which hostgroups sessions keep in mind what they have written last: those that rules name, or all of them. It keeps
 * nothing of what they have written.
 */
import type { QueryRuleEntry, ServerEntry } from '../../runtime/snapshot.ts';

/** Hostgroups at whose servers session_track_gtids is on. */
export interface GtidSources {
  readonly size: number;
  has(hostgroup: number): boolean;
}

const ALL_HOSTGROUPS: GtidSources = { size: Number.POSITIVE_INFINITY, has: () => true };

/**
 * Without any reader of a binary log nobody would ever be known to have executed anything: then nothing is asked for, unless
 * the operator asks for all.
 * @param all mysql-default_session_track_gtids is OWN_GTID
 */
export function gtidSourcesOf(
  rules: readonly Pick<QueryRuleEntry, 'gtidFromHostgroup'>[],
  servers: readonly Pick<ServerEntry, 'gtidPort'>[],
  all: boolean,
): GtidSources {
  if (all) return ALL_HOSTGROUPS;
  if (!servers.some(({ gtidPort }) => gtidPort > 0)) return new Set();
  return new Set(rules.flatMap(({ gtidFromHostgroup: from }) => (from === null ? [] : [from])));
}
