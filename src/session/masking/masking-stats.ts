/**
 * What masking did, for stats_mysql_masking: cells masked by column, refusals by reason, and what a dry run would have
 * done. Counts only; refusals.ts logs.
 */
import type { MaskingRow } from '../../../runtime/stats.ts';

/** Combinations counted; further new ones are not, until the next reset. */
export const maskingStatsEntriesMax = 10_000;

export class MaskingStats {
  readonly #rows = new Map<string, { row: MaskingRow; count: number; lastSeen: number }>();

  /** @param count how many; 0 counts nothing */
  add(kind: MaskingRow['kind'], item: string, username: string, count: number, nowS: number): void {
    if (count === 0) return;
    const key = `${kind}\0${item}\0${username}`;
    const known = this.#rows.get(key);
    if (known !== undefined) {
      known.count += count;
      known.lastSeen = nowS;
    } else if (this.#rows.size < maskingStatsEntriesMax) {
      const row = { kind, item, username, count, firstSeen: nowS, lastSeen: nowS };
      this.#rows.set(key, { row, count, lastSeen: nowS });
    }
  }

  rows(reset: boolean): MaskingRow[] {
    const rows = [...this.#rows.values()].map(({ row, count, lastSeen }) => ({ ...row, count, lastSeen }));
    if (reset) this.#rows.clear();
    return rows;
  }
}
