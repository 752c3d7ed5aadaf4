/**
 * SpookyHash V2 (Bob Jenkins, public domain): the hash behind ProxySQL's digests and configuration checksums.
 * It knows nothing of either. Source: http://burtleburtle.net/bob/hash/spooky.html
 *
 * 64-bit words are kept as two 32-bit halves in typed arrays: BigInt arithmetic is about fifteen times slower.
 */

const LANES = 12;
const BLOCK_BYTES = LANES * 8;
/** Texts below this length take the short form, which has four words of state and not twelve. */
const SHORT_BYTES_MAX = 2 * BLOCK_BYTES;
/** 0xdeadbeefdeadbeef: "not zero, odd, and a not-very-regular mix of ones and zeros". */
const FILL = 0xdeadbeef | 0;

const MIX_ROTATIONS = [11, 32, 43, 31, 17, 28, 39, 57, 55, 54, 22, 46] as const;
const END_ROTATIONS = [44, 15, 34, 21, 38, 33, 10, 13, 38, 53, 42, 54] as const;
const SHORT_MIX_ROTATIONS = [50, 52, 30, 41, 54, 48, 38, 37, 62, 34, 5, 36] as const;
const SHORT_END_ROTATIONS = [15, 52, 26, 51, 28, 9, 47, 54, 32, 25, 63] as const;

/** State words; index i is the low and the high half of word i. */
class Words {
  readonly low = new Int32Array(LANES);
  readonly high = new Int32Array(LANES);

  set(i: number, low: number, high: number): void {
    this.low[i] = low;
    this.high[i] = high;
  }

  addHalves(i: number, low: number, high: number): void {
    const sum = (this.low[i]! >>> 0) + (low >>> 0);
    this.low[i] = sum;
    this.high[i] = this.high[i]! + high + (sum > 0xffffffff ? 1 : 0);
  }

  /** words[to] += words[from] */
  add(to: number, from: number): void {
    this.addHalves(to, this.low[from]!, this.high[from]!);
  }

  /** words[to] ^= words[from] */
  xor(to: number, from: number): void {
    this.low[to]! ^= this.low[from]!;
    this.high[to]! ^= this.high[from]!;
  }

  /** Rotates left by 1 to 63 bits. */
  rotate(i: number, bits: number): void {
    let low = this.low[i]!;
    let high = this.high[i]!;
    if (bits >= 32) {
      const swap = low;
      low = high;
      high = swap;
      bits -= 32;
    }
    if (bits !== 0) {
      const top = low >>> (32 - bits);
      low = (low << bits) | (high >>> (32 - bits));
      high = (high << bits) | top;
    }
    this.low[i] = low;
    this.high[i] = high;
  }

  value(i: number): bigint {
    return (BigInt(this.high[i]! >>> 0) << 32n) | BigInt(this.low[i]! >>> 0);
  }
}

function readInt32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function addFromBytes(words: Words, i: number, bytes: Uint8Array, at: number): void {
  words.addHalves(i, readInt32(bytes, at), readInt32(bytes, at + 4));
}

function mixBlock(words: Words, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < LANES; i += 1) {
    const previous = (i + 11) % LANES;
    addFromBytes(words, i, bytes, at + i * 8);
    words.xor((i + 2) % LANES, (i + 10) % LANES);
    words.xor(previous, i);
    words.rotate(i, MIX_ROTATIONS[i]!);
    words.add(previous, (i + 1) % LANES);
  }
}

/** Adds the last, padded block and mixes so that every bit of it reaches words 0 and 1. */
function endLong(words: Words, bytes: Uint8Array): void {
  for (let i = 0; i < LANES; i += 1) addFromBytes(words, i, bytes, i * 8);
  for (let round = 0; round < 3; round += 1) {
    for (let i = 0; i < LANES; i += 1) {
      const previous = (i + 11) % LANES;
      const next = (i + 1) % LANES;
      words.add(previous, next);
      words.xor((i + 2) % LANES, previous);
      words.rotate(next, END_ROTATIONS[i]!);
    }
  }
}

function mixShort(words: Words): void {
  for (let step = 0; step < SHORT_MIX_ROTATIONS.length; step += 1) {
    const i = (step + 2) & 3;
    words.rotate(i, SHORT_MIX_ROTATIONS[step]!);
    words.add(i, (i + 1) & 3);
    words.xor((i + 2) & 3, i);
  }
}

function endShort(words: Words): void {
  for (let step = 0; step < SHORT_END_ROTATIONS.length; step += 1) {
    const to = (step + 3) & 3;
    const from = (step + 2) & 3;
    words.xor(to, from);
    words.rotate(from, SHORT_END_ROTATIONS[step]!);
    words.add(to, from);
  }
}

/** The short form; the seeds are in words 0 and 1 already. */
function hashShort(words: Words, bytes: Uint8Array, start: number, end: number): void {
  words.set(2, FILL, FILL);
  words.set(3, FILL, FILL);
  let at = start;
  for (; end - at >= 32; at += 32) {
    addFromBytes(words, 2, bytes, at);
    addFromBytes(words, 3, bytes, at + 8);
    mixShort(words);
    addFromBytes(words, 0, bytes, at + 16);
    addFromBytes(words, 1, bytes, at + 24);
  }
  if (end - at >= 16) {
    addFromBytes(words, 2, bytes, at);
    addFromBytes(words, 3, bytes, at + 8);
    mixShort(words);
    at += 16;
  }
  words.addHalves(3, 0, (end - start) << 24);
  if (at === end) {
    words.addHalves(2, FILL, FILL);
    words.addHalves(3, FILL, FILL);
  } else {
    const rest = [0, 0, 0, 0];
    for (let i = 0; at + i < end; i += 1) rest[i >> 2]! |= bytes[at + i]! << ((i & 3) * 8);
    words.addHalves(2, rest[0]!, rest[1]!);
    words.addHalves(3, rest[2]!, rest[3]!);
  }
  endShort(words);
}

/** The 128-bit hash of a sequence of byte pieces; equal to the hash of the pieces joined. */
export class SpookyHash {
  readonly #words = new Words();
  readonly #seeds: readonly [number, number, number, number];
  // Bytes not mixed yet. Two blocks, because only from two blocks on it is known that the long form applies.
  readonly #pending = new Uint8Array(SHORT_BYTES_MAX);
  #pendingLength = 0;
  #long = false;

  /** @param seed1 @param seed2 64-bit seeds. */
  constructor(seed1: bigint, seed2: bigint) {
    this.#seeds = [
      Number(BigInt.asIntN(32, seed1)),
      Number(BigInt.asIntN(32, seed1 >> 32n)),
      Number(BigInt.asIntN(32, seed2)),
      Number(BigInt.asIntN(32, seed2 >> 32n)),
    ];
  }

  /** Appends `bytes`. */
  update(bytes: Uint8Array): void {
    this.updateRange(bytes, 0, bytes.length);
  }

  /** Appends bytes[start, end). */
  updateRange(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const room = SHORT_BYTES_MAX - this.#pendingLength;
      const taken = Math.min(room, end - at);
      for (let i = 0; i < taken; i += 1) this.#pending[this.#pendingLength + i] = bytes[at + i]!;
      this.#pendingLength += taken;
      at += taken;
      if (this.#pendingLength === SHORT_BYTES_MAX) this.#mixPending();
    }
  }

  /** The two 64-bit halves of the hash. The object may not be used any more. */
  final(): [bigint, bigint] {
    const words = this.#words;
    if (!this.#long) {
      const [low1, high1, low2, high2] = this.#seeds;
      words.set(0, low1, high1);
      words.set(1, low2, high2);
      hashShort(words, this.#pending, 0, this.#pendingLength);
    } else {
      let length = this.#pendingLength;
      if (length >= BLOCK_BYTES) {
        mixBlock(words, this.#pending, 0);
        this.#pending.copyWithin(0, BLOCK_BYTES, length);
        length -= BLOCK_BYTES;
      }
      this.#pending.fill(0, length, BLOCK_BYTES);
      this.#pending[BLOCK_BYTES - 1] = length;
      endLong(words, this.#pending);
    }
    return [words.value(0), words.value(1)];
  }

  #mixPending(): void {
    if (!this.#long) {
      const [low1, high1, low2, high2] = this.#seeds;
      for (let i = 0; i < LANES; i += 3) {
        this.#words.set(i, low1, high1);
        this.#words.set(i + 1, low2, high2);
        this.#words.set(i + 2, FILL, FILL);
      }
      this.#long = true;
    }
    mixBlock(this.#words, this.#pending, 0);
    mixBlock(this.#words, this.#pending, BLOCK_BYTES);
    this.#pendingLength = 0;
  }
}

/** The 64-bit SpookyHash V2 of bytes[start, end): the first half of the 128-bit hash with both seeds equal. */
export function spookyHash64(bytes: Uint8Array, start: number, end: number, seed = 0n): bigint {
  const hash = new SpookyHash(seed, seed);
  hash.updateRange(bytes, start, end);
  return hash.final()[0];
}

/** A digest as ProxySQL prints it: `0x1C46AE529DD5A40E`. */
export function formatDigest(digest: bigint): string {
  return `0x${BigInt.asUintN(64, digest).toString(16).toUpperCase().padStart(16, '0')}`;
}
