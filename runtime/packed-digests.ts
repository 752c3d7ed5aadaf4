/**
 * Rows of stats_mysql_query_digest on their way from a worker: there may be two hundred thousand, so they travel packed
 * and in slices, and whoever only passes them on does not take them apart.
 */
import { packedRowsOf, packRows, unpackRow } from './packed-rows.ts';
import type { QueryDigestRow } from './stats.ts';

/** Rows in one slice: what a worker packs without being held up (about 1 ms). */
export const digestSliceRowsMax = 256;

/** Cells in the order of the table's columns, as text. */
export function packDigests(rows: readonly QueryDigestRow[]): string {
  return packRows(
    rows.map((r) => [
      String(r.hostgroup),
      r.schemaname,
      r.username,
      r.clientAddress,
      r.digest,
      r.digestText,
      String(r.countStar),
      String(r.firstSeen),
      String(r.lastSeen),
      String(r.sumTimeUs),
      String(r.minTimeUs),
      String(r.maxTimeUs),
      String(r.sumRowsAffected),
      String(r.sumRowsSent),
    ]),
  );
}

export function unpackDigests(packed: string): QueryDigestRow[] {
  return packedRowsOf(packed).map((row) => {
    const [hostgroup, schemaname = '', username = '', clientAddress = '', digest = '', digestText = '', ...numbers] =
      unpackRow(row);
    const [countStar, firstSeen, lastSeen, sumTimeUs, minTimeUs, maxTimeUs, sumRowsAffected, sumRowsSent] = numbers.map(
      Number,
    ) as [number, number, number, number, number, number, number, number];
    return {
      hostgroup: Number(hostgroup),
      schemaname,
      username,
      clientAddress,
      digest,
      digestText,
      countStar,
      firstSeen,
      lastSeen,
      sumTimeUs,
      minTimeUs,
      maxTimeUs,
      sumRowsAffected,
      sumRowsSent,
    };
  });
}
