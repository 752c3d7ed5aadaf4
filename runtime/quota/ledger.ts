/**
 * The primary's book of places: how many each worker holds of every limit that holds over all of them. It grants, recalls
 * what others do not use, and never grants more than the limit. It opens no connection and knows no server; limits come
 * from the runtime by `limitOf`.
 *
 * Places are granted in batches, so that a busy worker asks seldom, and recalled as soon as somebody else finds none left:
 * a place that nobody uses never keeps anybody waiting, whichever worker holds it.
 */
import type { QuotaKey, QuotaToPrimary, QuotaToWorker } from './messages.ts';

/** One worker; the ledger uses it as a name and to talk to it. */
export interface QuotaLink {
  send(message: QuotaToWorker): void;
}

export interface QuotaLedgerOptions {
  /** The limit in force; 0 or less: nobody may have a place. */
  readonly limitOf: (key: QuotaKey) => number;
}

/** A batch is at most this part of an even share, so that the first worker to come does not take all. */
const BATCHES_PER_SHARE = 4;

interface Want {
  readonly link: QuotaLink;
  readonly wait: boolean;
}

interface Account {
  readonly granted: Map<QuotaLink, number>;
  wants: Want[];
  /** Workers whose answer to the recall under way is missing, and its number. */
  readonly asked: Map<QuotaLink, number>;
  /** Somebody came to want a place after the last recall was sent. */
  unheard: boolean;
  /** Workers were told that places are scarce. */
  contested: boolean;
}

export class QuotaLedger {
  readonly #limitOf: (key: QuotaKey) => number;
  readonly #links = new Set<QuotaLink>();
  readonly #accounts = new Map<QuotaKey, Account>();
  #recalls = 0;

  constructor(options: QuotaLedgerOptions) {
    this.#limitOf = options.limitOf;
  }

  /** Places granted over all workers. */
  grantedOf(key: QuotaKey): number {
    let sum = 0;
    for (const count of this.#accounts.get(key)?.granted.values() ?? []) sum += count;
    return sum;
  }

  attach(link: QuotaLink): void {
    this.#links.add(link);
  }

  /** A worker is gone, and its places are free. */
  detach(link: QuotaLink): void {
    this.#links.delete(link);
    for (const [key, account] of this.#accounts) {
      account.granted.delete(link);
      account.asked.delete(link);
      account.wants = account.wants.filter((want) => want.link !== link);
      this.#settle(key, account);
    }
  }

  receive(link: QuotaLink, message: QuotaToPrimary): void {
    if (!this.#links.has(link)) return;
    const account = this.#account(message.key);
    switch (message.type) {
      case 'quota-want':
        account.wants.push({ link, wait: message.wait });
        account.unheard = true;
        break;
      case 'quota-want-over':
        account.wants = account.wants.filter((want) => want.link !== link || !want.wait);
        break;
      case 'quota-return': {
        const left = (account.granted.get(link) ?? 0) - message.count;
        if (left > 0) account.granted.set(link, left);
        else account.granted.delete(link);
        if (account.asked.get(link) === message.recall) account.asked.delete(link);
        break;
      }
    }
    this.#settle(message.key, account);
  }

  /** Limits may be others now: wants that can be met are, and what is granted beyond a limit is called back. */
  limitsChanged(): void {
    for (const [key, account] of this.#accounts) this.#settle(key, account);
  }

  #account(key: QuotaKey): Account {
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = { granted: new Map(), wants: [], asked: new Map(), unheard: false, contested: false };
      this.#accounts.set(key, account);
    }
    return account;
  }

  #settle(key: QuotaKey, account: Account): void {
    const limit = this.#limitOf(key);
    let room = limit - this.grantedOf(key);
    while (account.wants.length > 0 && room > 0) {
      const { link } = account.wants.shift() as Want;
      const count = Math.min(room, this.#batch(limit, account));
      room -= count;
      account.granted.set(link, (account.granted.get(link) ?? 0) + count);
      link.send({ type: 'quota-grant', key, count });
    }
    if (account.wants.length === 0 && room >= 0) this.#calm(key, account);
    else this.#recall(key, account, limit);
    if (account.wants.length === 0 && account.granted.size === 0) this.#accounts.delete(key);
  }

  /** While somebody waits, one place at a time. */
  #batch(limit: number, account: Account): number {
    if (account.wants.length > 0 || account.contested) return 1;
    return Math.max(1, Math.floor(limit / (Math.max(1, this.#links.size) * BATCHES_PER_SHARE)));
  }

  /** One recall at a time; when everybody has answered it and there is still nothing, those who do not wait hear so. */
  #recall(key: QuotaKey, account: Account, limit: number): void {
    if (account.asked.size > 0) return;
    if (account.unheard || !account.contested) this.#ask(key, account, limit);
    if (account.asked.size > 0) return;
    for (const { link } of account.wants.filter((want) => !want.wait))
      link.send({ type: 'quota-grant', key, count: 0 });
    account.wants = account.wants.filter((want) => want.wait);
    if (account.wants.length === 0 && this.grantedOf(key) <= limit) this.#calm(key, account);
  }

  #ask(key: QuotaKey, account: Account, limit: number): void {
    account.unheard = false;
    account.contested = true;
    const share = Math.floor(Math.max(0, limit) / Math.max(1, this.#links.size));
    const need = account.wants.length + Math.max(0, this.grantedOf(key) - limit);
    for (const link of account.granted.keys()) {
      const itself = account.wants.filter((want) => want.link === link).length;
      // It has nothing to spare, and there is nobody else to spare it for.
      if (itself > 0 && itself === account.wants.length) continue;
      this.#recalls += 1;
      account.asked.set(link, this.#recalls);
      link.send({ type: 'quota-recall', key, recall: this.#recalls, need: itself > 0 ? 0 : need, share });
    }
  }

  #calm(key: QuotaKey, account: Account): void {
    if (!account.contested) return;
    account.contested = false;
    account.asked.clear();
    for (const link of account.granted.keys()) link.send({ type: 'quota-recall', key, recall: 0, need: 0, share: -1 });
  }
}
