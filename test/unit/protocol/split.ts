/** Cuts bytes into chunks at given places; not a test itself. */

/** Chunks of `bytes`, cut at every place of `cuts` that lies inside; each is a copy, as from a socket. */
export function splitAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const chunks: Buffer[] = [];
  let from = 0;
  for (const place of [...places, bytes.length]) {
    if (place > from) chunks.push(Buffer.from(bytes.subarray(from, place)));
    from = place;
  }
  return chunks;
}
