/**
 * The firewall whitelist: which statements a user may run, by digest. Source: ProxySQL, surface of the firewall
 * whitelist. It judges; what comes of a verdict is the session's business.
 */
import type { FirewallRuleEntry, FirewallUserEntry } from '../../runtime/snapshot.ts';

/** `allowed` also when the user is not watched; `unknown` passes and is logged; `blocked` is refused and logged. */
export type FirewallVerdict = 'allowed' | 'unknown' | 'blocked';

export interface FirewallQuestion {
  readonly username: string;
  readonly clientAddress: string;
  readonly schemaname: string;
  /** The flagIN with which the walk through the rules ended. */
  readonly flag: number;
  /** `0x%016X`; undefined when digests are off. */
  readonly digest: string | undefined;
}

type Mode = FirewallUserEntry['mode'];

export class Firewall {
  /** By user and address; the address '' is any. */
  readonly #modes = new Map<string, Mode>();
  readonly #digests = new Map<string, Set<string>>();

  constructor(users: readonly FirewallUserEntry[], rules: readonly FirewallRuleEntry[]) {
    for (const user of users) this.#modes.set(keyOf(user.username, user.clientAddress), user.mode);
    for (const rule of rules) {
      const key = ruleKeyOf(rule.username, rule.clientAddress, rule.schemaname, rule.flagIn);
      const digests = this.#digests.get(key);
      if (digests === undefined) this.#digests.set(key, new Set([rule.digest]));
      else digests.add(rule.digest);
    }
  }

  /** Who is not listed is protected, and has no rule: all is blocked. */
  judge({ username, clientAddress, schemaname, flag, digest }: FirewallQuestion): FirewallVerdict {
    let address = clientAddress;
    let mode = this.#modes.get(keyOf(username, address));
    if (mode === undefined) {
      // What the user's row says of the address holds for its rules as well.
      address = '';
      mode = this.#modes.get(keyOf(username, address)) ?? 'PROTECTING';
    }
    if (mode === 'OFF') return 'allowed';
    const digests = this.#digests.get(ruleKeyOf(username, address, schemaname, flag));
    if (digest !== undefined && digests?.has(digest) === true) return 'allowed';
    return mode === 'DETECTING' ? 'unknown' : 'blocked';
  }
}

function keyOf(username: string, clientAddress: string): string {
  return `${clientAddress}\0${username}`;
}

function ruleKeyOf(username: string, clientAddress: string, schemaname: string, flag: number): string {
  return `${flag}\0${clientAddress}\0${username}\0${schemaname}`;
}
