/**
 * ProxySQL's checksum of rows and how it is written. Peers of a cluster compare these, so every bit counts.
 * It does not know which rows make up a module.
 */
import { SpookyHash } from '../../src/sql/spooky-hash.ts';
import { nextTurn } from '../../src/util/turn.ts';

/** Rows hashed in one turn of the event loop. */
const ROWS_IN_ONE_TURN = 2_000;
/** Source: SQLite3_result::raw_checksum. */
const SEEDS = [19n, 3n] as const;

/** A cell as text; null adds nothing. */
export type ChecksumCell = string | Buffer | null;

/** SpookyHash over all cells without separators; 0 without rows. */
export async function rowsChecksum(rows: Iterable<readonly ChecksumCell[]>): Promise<bigint> {
  const hash = new SpookyHash(...SEEDS);
  let count = 0;
  for (const row of rows) {
    for (const cell of row) if (cell !== null) hash.update(typeof cell === 'string' ? Buffer.from(cell) : cell);
    count += 1;
    if (count % ROWS_IN_ONE_TURN === 0) await nextTurn();
  }
  return count === 0 ? 0n : hash.final()[0];
}

/** One checksum out of those of several tables; empty tables do not take part. 0 when all are empty. */
export function joinedChecksum(checksums: readonly bigint[]): bigint {
  const present = checksums.filter((checksum) => checksum !== 0n);
  if (present.length === 0) return 0n;
  const hash = new SpookyHash(...SEEDS);
  for (const checksum of present) hash.update(uint64(checksum));
  return hash.final()[0];
}

/** The eight bytes of a number, as a little-endian machine has them in memory. */
export function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
}

/** As CHECKSUM prints it: both halves, the low one first, neither padded. */
export function shortText(checksum: bigint): string {
  const half = (value: bigint): string => (value & 0xffff_ffffn).toString(16).toUpperCase();
  return `0x${half(checksum)}${half(checksum >> 32n)}`;
}

const LONG_TEXT_LENGTH = 18;

/** As runtime_checksums_values shows it: the same, filled up with zeros at the end. */
export function longText(checksum: bigint): string {
  return shortText(checksum).padEnd(LONG_TEXT_LENGTH, '0');
}
