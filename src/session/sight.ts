/**
 * What a statement has to see: writes of its own session (gtid_from_hostgroup), or what its comment asks for (min_gtid,
 * max_lag_ms, min_epoch_ms). Which servers show it is known elsewhere (src/gtid, src/hostgroup).
 */
import type { GtidSet } from '../gtid/gtid-set.ts';
import type { HostgroupManager } from '../hostgroup/hostgroup-manager.ts';
import type { Sight } from '../hostgroup/server.ts';
import { maxLagMsMax } from '../rules/annotations.ts';
import type { RunOwner } from './run/run-owner.ts';
import type { Statement } from './statement.ts';

interface Asking extends Pick<RunOwner, 'gtidSources' | 'counters'> {
  readonly hostgroups: Pick<HostgroupManager, 'nowMs' | 'tellsGtids'>;
}

/**
 * Undefined when any server will do.
 * @param written the session's last write, by hostgroup
 */
export function sightOf(
  { command, decision, hostgroup }: Pick<Statement, 'command' | 'decision' | 'hostgroup'>,
  written: ReadonlyMap<number, GtidSet> | undefined,
  { gtidSources, hostgroups, counters }: Asking,
): Sight | undefined {
  const { asOf, gtidFromHostgroup: from } = decision;
  if ((asOf === undefined && from < 0) || command === 'prepare') return undefined;
  const nowMs = hostgroups.nowMs();
  let sinceMs = asOf?.maxLagMs === undefined ? undefined : nowMs - asOf.maxLagMs;
  const epochMs = asOf?.minEpochMs;
  if (epochMs !== undefined && epochMs <= nowMs && epochMs >= nowMs - maxLagMsMax) sinceMs = epochMs;
  if (sinceMs !== undefined) counters.queries_with_max_lag_ms += 1;
  // In a hostgroup where nobody tells what servers have executed a rule has no effect; a comment is answered with an error.
  const own = gtidSources.has(from) && hostgroups.tellsGtids(hostgroup) ? written?.get(from) : undefined;
  const gtids = asOf?.gtids ?? own;
  return gtids === undefined && sinceMs === undefined ? undefined : { gtids, sinceMs };
}
