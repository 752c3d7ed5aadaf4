/**
 * What rules with gtid_from_hostgroup and servers without a gtid_port make of each other. The data plane acts on it
 * (src/gtid); here operators are told, by whichever LOAD brings the two together.
 */
import type { Problem } from '../../runtime/problem.ts';
import type { QueryRuleEntry, ServerEntry } from '../../runtime/snapshot.ts';

/** Names that one problem lists; the rest are counted. */
const NAMED_MAX = 5;

/** Servers by hostgroup; those that are OFFLINE_HARD are as good as removed. */
function byHostgroup(servers: readonly ServerEntry[]): ReadonlyMap<number, readonly ServerEntry[]> {
  const groups = new Map<number, ServerEntry[]>();
  for (const server of servers) {
    if (server.status === 'OFFLINE_HARD') continue;
    const group = groups.get(server.hostgroup);
    if (group === undefined) groups.set(server.hostgroup, [server]);
    else group.push(server);
  }
  return groups;
}

/** Rules whose reads cannot wait for writes, or pass some servers over. */
export function rulesWithoutGtidPorts(
  rules: readonly QueryRuleEntry[],
  servers: readonly ServerEntry[],
): readonly Problem[] {
  const groups = byHostgroup(servers);
  const problems: Problem[] = [];
  for (const { ruleId, gtidFromHostgroup, destinationHostgroup } of rules) {
    if (gtidFromHostgroup === null || destinationHostgroup === null) continue;
    const group = groups.get(destinationHostgroup) ?? [];
    const silent = group.filter(({ gtidPort }) => gtidPort === 0);
    if (silent.length === 0) continue;
    const names = listed(silent.map(nameOf));
    const where = `hostgroup ${destinationHostgroup}`;
    const reason =
      silent.length === group.length
        ? `no server of ${where} has a gtid_port (${names}): statements do not wait there for the session's writes`
        : `of ${where} without a gtid_port: ${names}; once a session has written, its statements by this rule do not go there`;
    problems.push({
      table: 'mysql_query_rules',
      key: String(ruleId),
      column: 'gtid_from_hostgroup',
      reason,
      severity: 'warning',
    });
  }
  return problems;
}

/** The same, said of the servers. */
export function serversWithoutGtidPorts(
  servers: readonly ServerEntry[],
  rules: readonly QueryRuleEntry[],
): readonly Problem[] {
  const ruleIds = new Map<number, number[]>();
  for (const { ruleId, gtidFromHostgroup, destinationHostgroup } of rules) {
    if (gtidFromHostgroup === null || destinationHostgroup === null) continue;
    const ids = ruleIds.get(destinationHostgroup);
    if (ids === undefined) ruleIds.set(destinationHostgroup, [ruleId]);
    else ids.push(ruleId);
  }
  const problems: Problem[] = [];
  for (const [hostgroup, group] of byHostgroup(servers)) {
    const ids = ruleIds.get(hostgroup);
    if (ids === undefined) continue;
    const by = `query rule ${listed(ids.map(String))}`;
    const none = group.every(({ gtidPort }) => gtidPort === 0);
    const reason = none
      ? `is 0, as for all of hostgroup ${hostgroup}: statements by ${by} do not wait there for the session's writes`
      : `is 0: once a session has written, its statements by ${by} do not go there`;
    for (const server of group)
      if (server.gtidPort === 0)
        problems.push({
          table: 'mysql_servers',
          key: `${hostgroup}:${nameOf(server)}`,
          column: 'gtid_port',
          reason,
          severity: 'warning',
        });
  }
  return problems;
}

function nameOf({ hostname, port }: ServerEntry): string {
  return `${hostname}:${port}`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMED_MAX).join(', ');
  return names.length > NAMED_MAX ? `${shown} and ${names.length - NAMED_MAX} more` : shown;
}
