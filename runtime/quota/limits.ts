/**
 * The limits of one runtime by the key of their ledger account. It reads the snapshot; who enforces them is ledger.ts.
 */
import type { RuntimeSnapshot, ServerEntry, UserEntry } from '../snapshot.ts';
import { CLIENTS_KEY, type QuotaKey, serverKey, userKey } from './messages.ts';

/** Looks limits up; the tables behind it are made anew only for parts that were replaced. */
export class QuotaLimits {
  #users: readonly UserEntry[] = [];
  #servers: readonly ServerEntry[] = [];
  #byKey = new Map<QuotaKey, number>();

  /** Places of the key over all workers; 0 for what the runtime does not know. */
  limitOf(runtime: RuntimeSnapshot, key: QuotaKey): number {
    if (key === CLIENTS_KEY) return Number(runtime.mysqlVariables.max_connections ?? 0);
    if (runtime.users !== this.#users || runtime.servers !== this.#servers) this.#read(runtime);
    return this.#byKey.get(key) ?? 0;
  }

  #read({ users, servers }: RuntimeSnapshot): void {
    this.#users = users;
    this.#servers = servers;
    this.#byKey = new Map();
    for (const user of users) if (user.frontend) this.#byKey.set(userKey(user.username), user.maxConnections);
    for (const server of servers) this.#byKey.set(serverKey(server), server.maxConnections);
  }
}
