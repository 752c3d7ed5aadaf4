/**
 * Verdicts of texts judged before. A verdict belongs to one text, byte for byte, and one context: literals do change it
 * (ORDER BY 2), so a digest would not do. Bounded in entries and bytes; it judges nothing.
 */
import type { Verdict } from '../../masking/verdict.ts';

/** Texts whose verdict is kept; half of them go when there are more. */
export const verdictCacheEntriesMax = 8_192;

/** Longer texts are judged each time, in bytes. */
export const verdictTextBytesMax = 8 * 1024;

/** What one judgement came to. */
export interface Judgement {
  readonly verdicts: readonly Verdict[];
  /** The servers of the hostgroup do not agree. */
  readonly disagreement: boolean;
}

export class VerdictCache {
  // Two generations: what is found in the old one moves to the young one, and when that is full the old one goes.
  #young = new Map<string, Judgement>();
  #old = new Map<string, Judgement>();

  get(key: string): Judgement | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, judgement: Judgement): void {
    if (this.#young.size >= verdictCacheEntriesMax / 2) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, judgement);
  }
}
