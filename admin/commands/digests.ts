/**
 * TRUNCATE of the digest table: counted slice by slice, kept nowhere.
 */
import { packedRowsOf } from '../../runtime/packed-rows.ts';
import type { AdminContext } from '../context.ts';

/** Returns how many digests there were. */
export async function truncateDigests({ plane }: AdminContext): Promise<number> {
  let count = 0;
  await plane.collectDigests({ reset: true }, (packed) => {
    count += packedRowsOf(packed).length;
  });
  return count;
}
