/**
 * How many clients there are, in all and of each user, against mysql-max_connections and mysql_users.max_connections.
 * A place is taken before the session exists and released when it ends. With several workers the limits hold over all
 * of them (runtime/quota).
 */
import type { QuotaHolder } from '../../runtime/quota/holder.ts';
import { CLIENTS_KEY, type QuotaKey, userKey, usernameOf } from '../../runtime/quota/messages.ts';

/** Which limit is reached. */
export type PlaceRefusal = 'clients' | 'user';

export class ClientPlaces {
  readonly #quotas: QuotaHolder;
  readonly #byUser = new Map<string, number>();
  #all = 0;

  constructor(quotas: QuotaHolder) {
    this.#quotas = quotas;
  }

  /** Places taken by user name, for stats_mysql_users. */
  get byUser(): ReadonlyMap<string, number> {
    return this.#byUser;
  }

  /** Places of a key in use; undefined when the key is not about clients. */
  usedOf(key: QuotaKey): number | undefined {
    if (key === CLIENTS_KEY) return this.#all;
    const username = usernameOf(key);
    return username === undefined ? undefined : (this.#byUser.get(username) ?? 0);
  }

  /** Takes a place for a client of the user, or says which limit leaves none. */
  take(username: string): PlaceRefusal | undefined | Promise<PlaceRefusal | undefined> {
    return this.#takeNow(username) ? undefined : this.#ask(username);
  }

  #takeNow(username: string): boolean {
    if (!this.#quotas.take(CLIENTS_KEY, () => this.#count(1))) return false;
    if (this.#quotas.take(userKey(username), () => this.#countUser(username, 1))) return true;
    this.#count(-1);
    return false;
  }

  /** The same, where other workers may have places to spare. */
  async #ask(username: string): Promise<PlaceRefusal | undefined> {
    if (!(await this.#quotas.takeOrAsk(CLIENTS_KEY, () => this.#count(1)))) return 'clients';
    if (await this.#quotas.takeOrAsk(userKey(username), () => this.#countUser(username, 1))) return undefined;
    this.#count(-1);
    return 'user';
  }

  release(username: string): void {
    this.#count(-1);
    this.#countUser(username, -1);
  }

  #count(by: 1 | -1): void {
    this.#all += by;
    if (by < 0) this.#quotas.released(CLIENTS_KEY);
  }

  #countUser(username: string, by: 1 | -1): void {
    const count = (this.#byUser.get(username) ?? 0) + by;
    if (count > 0) this.#byUser.set(username, count);
    else this.#byUser.delete(username);
    if (by < 0) this.#quotas.released(userKey(username));
  }
}
