/**
 * Weighted choice among the servers of a hostgroup. ProxySQL throws dice; sluice walks a low-discrepancy sequence
 * (multiples of the golden ratio modulo 1), so that shares are near their weights after tens of picks, not thousands,
 * and yet no period lines up with a client that alternates between two statements, as round robin would.
 */

const GOLDEN_RATIO_FRACTION = 0.6180339887498949;

export class ServerPicker<S extends { readonly entry: { readonly weight: number } }> {
  #position: number;

  /** @param start where the sequence begins, in [0, 1): workers begin at different places. */
  constructor(start: number) {
    this.#position = start;
  }

  /** One of `candidates` (all with weight > 0) by weight; undefined when there is none. */
  pick(candidates: readonly S[]): S | undefined {
    let total = 0;
    for (const candidate of candidates) total += candidate.entry.weight;
    if (total === 0) return undefined;
    this.#position = (this.#position + GOLDEN_RATIO_FRACTION) % 1;
    let rest = this.#position * total;
    for (const candidate of candidates) {
      rest -= candidate.entry.weight;
      if (rest < 0) return candidate;
    }
    return candidates[candidates.length - 1];
  }
}
