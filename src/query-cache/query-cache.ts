/**
 * Answers kept for a while: bytes by key, bounded in bytes, gone by time. It does not know what a statement is; what may
 * be kept and under which key is session/cached-statement.ts's business. Writes do not invalidate anything, as in ProxySQL.
 */
import type { Counters } from '../observe/counters.ts';

/** What an entry costs besides its key and its bytes, roughly. */
const ENTRY_BYTES = 200;

/** Entries looked at in one sweep: a full cache is gone through in slices. */
const SWEPT_AT_ONCE = 2_000;

export interface CachedAnswer {
  /** A whole answer to COM_QUERY, from sequence 1 on. */
  readonly bytes: Buffer;
  readonly rows: number;
}

interface Entry extends CachedAnswer {
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly size: number;
  /** Somebody has been let through to refresh it; the others are served from it until then. */
  refreshing: boolean;
}

export class QueryCache {
  /** In the order of their last use, the oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #counters: Counters;
  #bytesMax = 0;
  #sweep: Iterator<[string, Entry]> | undefined;

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  /** Bytes it may hold, keys included; 0 keeps nothing. */
  setBytesMax(bytesMax: number): void {
    this.#bytesMax = bytesMax;
    this.#makeRoom(0);
  }

  get bytes(): number {
    return this.#counters.Query_Cache_Memory_bytes;
  }

  /**
   * The answer kept under the key, if it is younger than `ttlMs`, the time that holds now, and than the time it was kept
   * for. After `softTtlPct` percent of its time one caller gets nothing, so that it asks a server again; 0 or 100: never.
   */
  get(key: string, ttlMs: number, softTtlPct: number, nowMs: number): CachedAnswer | undefined {
    const counters = this.#counters;
    counters.Query_Cache_count_GET += 1;
    const entry = this.#entries.get(key);
    if (entry === undefined || nowMs >= entry.expiresMs || nowMs >= entry.createdMs + ttlMs) return undefined;
    if (softTtlPct > 0 && softTtlPct < 100 && !entry.refreshing) {
      const softMs = ((entry.expiresMs - entry.createdMs) * softTtlPct) / 100;
      if (nowMs >= entry.createdMs + softMs) {
        entry.refreshing = true;
        return undefined;
      }
    }
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    counters.Query_Cache_count_GET_OK += 1;
    counters.Query_Cache_bytes_OUT += entry.bytes.length;
    return entry;
  }

  set(key: string, answer: CachedAnswer, ttlMs: number, nowMs: number): void {
    const size = answer.bytes.length + 2 * key.length + ENTRY_BYTES;
    if (size > this.#bytesMax) return;
    this.#remove(key);
    this.#makeRoom(size);
    this.#entries.set(key, { ...answer, createdMs: nowMs, expiresMs: nowMs + ttlMs, size, refreshing: false });
    const counters = this.#counters;
    counters.Query_Cache_count_SET += 1;
    counters.Query_Cache_bytes_IN += answer.bytes.length;
    counters.Query_Cache_Memory_bytes += size;
    counters.Query_Cache_Entries += 1;
  }

  /** Empties it. */
  flush(): void {
    for (const key of [...this.#entries.keys()]) this.#purge(key);
    this.#sweep = undefined;
  }

  /** Called now and then: forgets what has had its time. */
  sweep(nowMs: number): void {
    if (this.#entries.size === 0) return;
    this.#sweep ??= this.#entries[Symbol.iterator]();
    for (let looked = 0; looked < SWEPT_AT_ONCE; looked += 1) {
      const next = this.#sweep.next();
      if (next.done === true) {
        this.#sweep = undefined;
        return;
      }
      const [key, entry] = next.value;
      if (nowMs >= entry.expiresMs) this.#purge(key);
    }
  }

  #makeRoom(bytes: number): void {
    for (const key of this.#entries.keys()) {
      if (this.bytes + bytes <= this.#bytesMax) return;
      this.#purge(key);
    }
  }

  #purge(key: string): void {
    if (this.#remove(key)) this.#counters.Query_Cache_Purged += 1;
  }

  #remove(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#entries.delete(key);
    this.#counters.Query_Cache_Memory_bytes -= entry.size;
    this.#counters.Query_Cache_Entries -= 1;
    return true;
  }
}
