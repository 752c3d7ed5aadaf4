/**
 * mysql_query_rules_fast_routing as a worker keeps it: the hostgroup of a user, a schema and a flagIN. When a statement is
 * routed by it, and what an empty schema means, is the rule engine's business (src/rules).
 */
import { packedRowsOf, packRows, unpackRow } from './packed-rows.ts';
import type { FastRoutingEntry } from './snapshot.ts';

/** Entries for a publish slice; workers have no use for comments. */
export function packFastRouting(entries: readonly FastRoutingEntry[]): string {
  return packRows(
    entries.map((entry) => [
      entry.username,
      entry.schemaname,
      String(entry.flagIn),
      String(entry.destinationHostgroup),
    ]),
  );
}

export class FastRoutingDirectory {
  readonly #hostgroups = new Map<string, number>();

  /** Takes the entries of one slice in. */
  add(packed: string): void {
    for (const row of packedRowsOf(packed)) {
      const [username = '', schemaname = '', flagIn, hostgroup] = unpackRow(row);
      this.#hostgroups.set(keyOf(username, schemaname, Number(flagIn)), Number(hostgroup));
    }
  }

  get size(): number {
    return this.#hostgroups.size;
  }

  /** The hostgroup of exactly this user, schema and flagIN. */
  find(username: string, schemaname: string, flagIn: number): number | undefined {
    return this.#hostgroups.size === 0 ? undefined : this.#hostgroups.get(keyOf(username, schemaname, flagIn));
  }
}

function keyOf(username: string, schemaname: string, flagIn: number): string {
  return `${flagIn}\0${username}\0${schemaname}`;
}
