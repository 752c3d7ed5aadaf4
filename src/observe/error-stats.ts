/**
 * stats_mysql_errors of this worker: what servers refused, by server, user, client, schema and error number.
 * Limits itself to errorStatsEntriesMax combinations; texts of errors may hold values of statements, and are shown to
 * operators only, as in ProxySQL.
 */
import type { ErrorRow } from '../../runtime/stats.ts';
import type { ProtocolError } from '../protocol/errors.ts';

/** Combinations kept; further new ones are left out until the next reset. */
export const errorStatsEntriesMax = 20_000;

type Stat = { -readonly [Column in keyof ErrorRow]: ErrorRow[Column] };

export interface ErrorPlace {
  readonly hostgroup: number;
  readonly hostname: string;
  readonly port: number;
}

export class ErrorStats {
  #stats = new Map<string, Stat>();

  record(place: ErrorPlace, username: string, clientAddress: string, schemaname: string, error: ProtocolError): void {
    const { hostgroup, hostname, port } = place;
    const key = [hostgroup, hostname, port, username, clientAddress, schemaname, error.code].join('\0');
    const nowS = Math.floor(Date.now() / 1000);
    let stat = this.#stats.get(key);
    if (stat === undefined) {
      if (this.#stats.size >= errorStatsEntriesMax) return;
      stat = {
        hostgroup,
        hostname,
        port,
        username,
        clientAddress,
        schemaname,
        errno: error.code,
        countStar: 0,
        firstSeen: nowS,
        lastSeen: nowS,
        lastError: '',
      };
      this.#stats.set(key, stat);
    }
    stat.countStar += 1;
    stat.lastSeen = nowS;
    stat.lastError = error.message;
  }

  rows(reset: boolean): ErrorRow[] {
    const rows = [...this.#stats.values()];
    if (reset) this.#stats = new Map();
    return rows;
  }
}
