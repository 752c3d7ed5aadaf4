/**
 * Digests seen before, with their facts: what is known of a statement without looking at it twice. Bounded in entries
 * and bytes; it never decides anything, but keeps a `slot` in which the session layer may.
 */
import { type ClassifyOptions, classify } from './classify.ts';
import { DEFAULT_DIGEST_OPTIONS, DigestComputer, type DigestOptions } from './digest.ts';
import type { StatementFacts } from './facts.ts';
import { formatDigest } from './spooky-hash.ts';

export interface DigestEntry {
  /** As rules match it: latin1, one character per byte. */
  readonly digestText: string;
  /** As stats_mysql_query_digest shows it: cut at mysql-query_digests_max_digest_length. */
  readonly shownText: string;
  readonly digest: bigint;
  /** `0x%016X` */
  readonly digestHex: string;
  /** Of one statement with this digest. `factsOf` tells those of another. */
  readonly facts: StatementFacts;
  /** Free for the session layer, such as for a decision and the generation it belongs to. */
  slot: unknown;
}

export interface DigestCacheOptions {
  /** Default 10,000. */
  readonly entriesMax?: number;
  /** Bytes of digest text held, default 16 MiB. */
  readonly bytesMax?: number;
  /** mysql-query_digests_*; a change of them needs a new cache. */
  readonly digest?: DigestOptions;
}

export const DIGEST_CACHE_ENTRIES_MAX = 10_000;
export const DIGEST_CACHE_BYTES_MAX = 16 * 1024 * 1024;

class CachedEntry implements DigestEntry {
  readonly digestText: string;
  readonly shownText: string;
  readonly digest: bigint;
  readonly digestHex: string;
  facts: StatementFacts;
  slot: unknown = undefined;
  /** Digest text to compare with; the hash alone proves nothing. */
  readonly bytes: Buffer;
  readonly fastHash: number;
  /** The facts are those of a statement whose digest determines them. */
  faithful: boolean;
  /** The next entry with the same fast hash. */
  next: CachedEntry | undefined;
  /** Used since the eviction hand passed. */
  used = false;

  constructor(computer: DigestComputer, facts: StatementFacts, next: CachedEntry | undefined) {
    this.bytes = Buffer.from(computer.output.subarray(0, computer.length));
    this.digestText = this.bytes.toString('latin1');
    this.shownText =
      computer.shownLength === computer.length ? this.digestText : this.digestText.slice(0, computer.shownLength);
    this.digest = computer.hash();
    this.digestHex = formatDigest(this.digest);
    this.facts = facts;
    this.fastHash = computer.fastHash;
    this.faithful = computer.faithful;
    this.next = next;
  }
}

export class DigestCache {
  readonly #computer: DigestComputer;
  readonly #entriesMax: number;
  readonly #bytesMax: number;
  readonly #byHash = new Map<number, CachedEntry>();
  // All entries in the order they came; #hand goes round and evicts what was not used since it last passed (CLOCK):
  // a hit then costs one store, not a change of order.
  readonly #ring: CachedEntry[] = [];
  #hand = 0;
  #bytes = 0;

  constructor(options: DigestCacheOptions = {}) {
    this.#computer = new DigestComputer(options.digest ?? DEFAULT_DIGEST_OPTIONS);
    this.#entriesMax = options.entriesMax ?? DIGEST_CACHE_ENTRIES_MAX;
    this.#bytesMax = options.bytesMax ?? DIGEST_CACHE_BYTES_MAX;
  }

  get size(): number {
    return this.#ring.length;
  }

  /** Bytes of digest text held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The first comment of the statement looked up last. See DigestComputer.firstComment. */
  get firstComment(): string | undefined {
    return this.#computer.firstComment;
  }

  /** The digest of the statement looked up last tells all its tokens but literals. See DigestComputer.faithful. */
  get faithful(): boolean {
    return this.#computer.faithful;
  }

  /** The entry of the statement's digest, made when it is new. `factsOf` may be asked about the same statement next. */
  lookup(buffer: Uint8Array, start: number, end: number): DigestEntry {
    const computer = this.#computer;
    computer.compute(buffer, start, end);
    const first = this.#byHash.get(computer.fastHash);
    for (let entry = first; entry !== undefined; entry = entry.next) {
      if (sameText(entry.bytes, computer)) {
        entry.used = true;
        return entry;
      }
    }
    return this.#add(new CachedEntry(computer, classify(buffer, start, end), first));
  }

  /**
   * The facts of the statement just looked up, of which `entry` is the answer: those of the entry when the digest
   * determines them, otherwise found afresh. What is known of the session in `options` makes them more precise.
   */
  factsOf(
    entry: DigestEntry,
    buffer: Uint8Array,
    start: number,
    end: number,
    options?: ClassifyOptions,
  ): StatementFacts {
    const cached = entry as CachedEntry;
    if (!this.#computer.faithful || options?.asciiTrailBytes === true) return classify(buffer, start, end, options);
    if (!cached.faithful) {
      cached.facts = classify(buffer, start, end);
      cached.faithful = true;
    }
    return cached.facts;
  }

  clear(): void {
    this.#byHash.clear();
    this.#ring.length = 0;
    this.#hand = 0;
    this.#bytes = 0;
  }

  #add(entry: CachedEntry): CachedEntry {
    // One that would push out a good part of the others is not worth its place.
    if (entry.bytes.length > this.#bytesMax / 64) return entry;
    while (
      this.#ring.length > 0 &&
      (this.#ring.length >= this.#entriesMax || this.#bytes + entry.bytes.length > this.#bytesMax)
    ) {
      this.#evictOne();
    }
    entry.next = this.#byHash.get(entry.fastHash);
    this.#byHash.set(entry.fastHash, entry);
    this.#ring.push(entry);
    this.#bytes += entry.bytes.length;
    return entry;
  }

  #evictOne(): void {
    for (;;) {
      if (this.#hand >= this.#ring.length) this.#hand = 0;
      const entry = this.#ring[this.#hand] as CachedEntry;
      if (!entry.used) break;
      entry.used = false;
      this.#hand += 1;
    }
    const victim = this.#ring[this.#hand] as CachedEntry;
    const last = this.#ring.pop() as CachedEntry;
    if (last !== victim) this.#ring[this.#hand] = last;
    this.#bytes -= victim.bytes.length;
    this.#unlink(victim);
  }

  #unlink(victim: CachedEntry): void {
    const first = this.#byHash.get(victim.fastHash);
    if (first === victim) {
      if (victim.next === undefined) this.#byHash.delete(victim.fastHash);
      else this.#byHash.set(victim.fastHash, victim.next);
      return;
    }
    for (let entry = first; entry !== undefined; entry = entry.next) {
      if (entry.next === victim) {
        entry.next = victim.next;
        return;
      }
    }
  }
}

function sameText(bytes: Buffer, computer: DigestComputer): boolean {
  if (bytes.length !== computer.length) return false;
  // Short texts are compared quicker here than by a call into native code.
  if (bytes.length > 128) return computer.output.compare(bytes, 0, bytes.length, 0, bytes.length) === 0;
  for (let i = 0; i < bytes.length; i += 1) if (bytes[i] !== computer.output[i]) return false;
  return true;
}
