/**
 * What workers and primary say about limits that hold over all workers: connections to a server, connections of a user,
 * client connections in all. Plain data; who keeps the books is ledger.ts (primary) and holder.ts (worker).
 *
 *   worker  ─ quota-want   ─▶ primary     one place more, now or as soon as there is one
 *   worker ◀─ quota-grant  ─  primary     places, more than asked for when there are plenty; 0: there are none now
 *   worker ◀─ quota-recall ─  primary     somebody else needs places of this key: give back what is not in use
 *   worker  ─ quota-return ─▶ primary     places given back; answers a recall even when there are none
 */

/** `server:hostgroup:host:port`, `user:name` or `clients`. */
export type QuotaKey = string & { readonly __brand: 'QuotaKey' };

export type QuotaToPrimary =
  | {
      readonly type: 'quota-want';
      readonly key: QuotaKey;
      /** The want stays open until it is met or taken back; otherwise a grant of 0 answers it when there is nothing. */
      readonly wait: boolean;
    }
  | { readonly type: 'quota-want-over'; readonly key: QuotaKey }
  | {
      readonly type: 'quota-return';
      readonly key: QuotaKey;
      readonly count: number;
      /** The recall this answers; 0 when nobody asked. */
      readonly recall: number;
    };

export type QuotaToWorker =
  | { readonly type: 'quota-grant'; readonly key: QuotaKey; readonly count: number }
  | {
      readonly type: 'quota-recall';
      readonly key: QuotaKey;
      readonly recall: number;
      /** Places others wait for: idle connections are closed for no more than these. */
      readonly need: number;
      /** From now on places that become free go back as well, beyond a share of this size; -1: nobody waits any more. */
      readonly share: number;
    };

export function serverKey(server: {
  readonly hostgroup: number;
  readonly hostname: string;
  readonly port: number;
}): QuotaKey {
  return `server:${server.hostgroup}:${server.hostname}:${server.port}` as QuotaKey;
}

export function userKey(username: string): QuotaKey {
  return `user:${username}` as QuotaKey;
}

/** The user of a key; undefined when it is about something else. */
export function usernameOf(key: QuotaKey): string | undefined {
  return key.startsWith('user:') ? key.slice('user:'.length) : undefined;
}

/** mysql-max_connections. */
export const CLIENTS_KEY = 'clients' as QuotaKey;
