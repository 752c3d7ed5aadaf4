/**
 * stats_mysql_query_digest of this worker: how often, how long, how many rows, by hostgroup, schema, user and digest.
 * Recording costs no allocation for a combination seen before. Limits itself to digestStatsEntriesMax combinations.
 */
import type { QueryDigestRow } from '../../runtime/stats.ts';

/** Combinations kept; further new ones are counted as not recorded until the next reset. */
export const digestStatsEntriesMax = 200_000;

/** About what an entry of the table weighs without its text. */
const ENTRY_BYTES = 400;

type Stat = { -readonly [Column in keyof QueryDigestRow]: QueryDigestRow[Column] };

/** The last stat of a digest: most statements of one digest come from one user in one schema. */
interface StatMemo {
  readonly epoch: number;
  readonly stat: Stat;
}

/** Where the memo lives: one field per digest, owned by this file. */
export interface StatSlot {
  statMemo: unknown;
}

export interface DigestName {
  /** `0x%016X`. */
  readonly digestHex: string;
  /** The normalised text as latin1, byte for byte, cut at its maximum length. */
  readonly shownText: string;
}

export class DigestStats {
  #stats = new Map<string, Stat>();
  #epoch = 0;
  /** Statements that found the table full since the last reset. */
  notRecorded = 0;

  record(
    name: DigestName,
    slot: StatSlot,
    hostgroup: number,
    schemaname: string,
    username: string,
    clientAddress: string,
    timeUs: number,
    rowsAffected: number,
    rowsSent: number,
    nowS: number,
  ): void {
    const stat = this.#stat(name, slot, hostgroup, schemaname, username, clientAddress, nowS);
    if (stat === undefined) return;
    stat.countStar += 1;
    stat.lastSeen = nowS;
    stat.sumTimeUs += timeUs;
    if (timeUs < stat.minTimeUs) stat.minTimeUs = timeUs;
    if (timeUs > stat.maxTimeUs) stat.maxTimeUs = timeUs;
    stat.sumRowsAffected += rowsAffected;
    stat.sumRowsSent += rowsSent;
  }

  /** A rough figure: texts, and what an entry weighs besides. */
  get approximateBytes(): number {
    let bytes = 0;
    for (const stat of this.#stats.values()) bytes += 2 * stat.digestText.length + ENTRY_BYTES;
    return bytes;
  }

  rows(reset: boolean): QueryDigestRow[] {
    const rows = [...this.#stats.values()];
    if (reset) {
      this.#stats = new Map();
      this.#epoch += 1;
      this.notRecorded = 0;
    }
    return rows;
  }

  #stat(
    name: DigestName,
    slot: StatSlot,
    hostgroup: number,
    schemaname: string,
    username: string,
    clientAddress: string,
    nowS: number,
  ): Stat | undefined {
    const memo = slot.statMemo as StatMemo | undefined;
    if (memo !== undefined && memo.epoch === this.#epoch) {
      const s = memo.stat;
      const same = s.hostgroup === hostgroup && s.username === username && s.schemaname === schemaname;
      if (same && s.clientAddress === clientAddress) return s;
    }
    const id = `${hostgroup}\0${schemaname}\0${username}\0${clientAddress}\0${name.digestHex}`;
    let stat = this.#stats.get(id);
    if (stat === undefined) {
      if (this.#stats.size >= digestStatsEntriesMax) {
        this.notRecorded += 1;
        return undefined;
      }
      stat = {
        hostgroup,
        schemaname,
        username,
        clientAddress,
        digest: name.digestHex,
        digestText: Buffer.from(name.shownText, 'latin1').toString('utf8'),
        countStar: 0,
        firstSeen: nowS,
        lastSeen: nowS,
        sumTimeUs: 0,
        minTimeUs: Number.MAX_SAFE_INTEGER,
        maxTimeUs: 0,
        sumRowsAffected: 0,
        sumRowsSent: 0,
      };
      this.#stats.set(id, stat);
    }
    slot.statMemo = { epoch: this.#epoch, stat } satisfies StatMemo;
    return stat;
  }
}
