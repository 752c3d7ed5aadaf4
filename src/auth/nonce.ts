/** Random bytes for scrambles. It does not remember which were used. */
import { randomBytes } from 'node:crypto';

/** Length every plugin here expects. */
const NONCE_BYTES = 20;
/** Neither a zero (clients treat the nonce as a C string) nor `$` (it separates the parts of a stored hash). */
const DOLLAR = 0x24;

/** 20 random bytes of 7 bits, made as the server makes its own. */
export function createNonce(): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  for (let index = 0; index < NONCE_BYTES; index++) {
    const byte = nonce[index]! & 0x7f;
    nonce[index] = byte === 0 || byte === DOLLAR ? byte + 1 : byte;
  }
  return nonce;
}
