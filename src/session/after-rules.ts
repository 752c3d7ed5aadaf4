/**
 * What comes after the walk through the rules and depends on the same things: fast routing, then the firewall. Pure; a
 * decision kept with a digest has been through it. EXPLAIN ROUTE asks it as sessions do.
 */
import type { Decision } from '../rules/decision.ts';
import type { DigestEntry } from '../sql/digest-cache.ts';
import type { WorkerRuntime } from './context.ts';
import type { Decidable } from './decide.ts';

/** @param flagIn the flagIN the walk began with */
export function afterRules(
  runtime: WorkerRuntime,
  entry: DigestEntry,
  who: Decidable,
  flagIn: number,
  decision: Decision,
): Decision {
  const { fastRouting, firewall } = runtime;
  const flag = decision.flagOut >= 0 ? decision.flagOut : flagIn;
  let result = decision;
  if (fastRouting.size > 0 && !decision.lastApplies) {
    const { username } = who.user;
    const { schema } = who.state;
    const hostgroup = fastRouting.find(username, schema, flag) ?? fastRouting.find('', schema, flag);
    if (hostgroup !== undefined) result = { ...result, destinationHostgroup: hostgroup };
  }
  if (firewall === undefined) return result;
  const verdict = firewall.judge({
    username: who.user.username,
    clientAddress: who.client.address,
    schemaname: who.state.schema,
    flag,
    digest: runtime.variables.queryDigests ? entry.digestHex : undefined,
  });
  if (verdict === 'allowed') return result;
  const errorMsg = verdict === 'blocked' ? runtime.variables.firewallWhitelistErrormsg : undefined;
  return { ...result, firewall: verdict, errorMsg: result.errorMsg ?? errorMsg };
}
