/** Byte operations the plugins share. It holds no secrets. */
import * as crypto from 'node:crypto';

const { createHash, timingSafeEqual } = crypto;
/** A digest of bytes at once costs half as much. Node has it since 20.12. */
const { hash: hashAtOnce } = crypto as { hash?: typeof crypto.hash };

/** The digest of the parts, one after the other. */
export function digest(algorithm: 'sha1' | 'sha256', ...parts: readonly Uint8Array[]): Buffer {
  if (hashAtOnce !== undefined) {
    const [first] = parts;
    return hashAtOnce(algorithm, parts.length === 1 && first !== undefined ? first : Buffer.concat(parts), 'buffer');
  }
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** `a` xor `b`; `b` is repeated when it is shorter. */
export function xor(a: Uint8Array, b: Uint8Array): Buffer {
  const result = Buffer.allocUnsafe(a.length);
  for (let index = 0; index < a.length; index++) result[index] = a[index]! ^ b[index % b.length]!;
  return result;
}

/** Compares in a time that depends on the lengths only, and those are no secrets here. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Compares two texts in a time that tells nothing about either, not even the length of the stored one. */
export function sameText(a: string, b: string): boolean {
  return timingSafeEqual(digest('sha256', Buffer.from(a)), digest('sha256', Buffer.from(b)));
}
