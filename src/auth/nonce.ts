/** Random bytes for scrambles, each used once. */
import { randomFillSync } from 'node:crypto';

/** Length every plugin here expects. */
const NONCE_BYTES = 20;
/** Neither a zero (clients treat the nonce as a C string) nor `$` (it separates the parts of a stored hash). */
const DOLLAR = 0x24;

/** Bytes that are asked for at once: asking costs as much for twenty of them as for some thousands. */
const STOCK_BYTES = 200 * NONCE_BYTES;
const stock = Buffer.allocUnsafeSlow(STOCK_BYTES);
let used = STOCK_BYTES;

/** 20 random bytes of 7 bits, made as the server makes its own. */
export function createNonce(): Buffer {
  if (used === STOCK_BYTES) {
    randomFillSync(stock);
    used = 0;
  }
  const nonce = Buffer.from(stock.subarray(used, used + NONCE_BYTES));
  used += NONCE_BYTES;
  for (let index = 0; index < NONCE_BYTES; index++) {
    const byte = nonce[index]! & 0x7f;
    nonce[index] = byte === 0 || byte === DOLLAR ? byte + 1 : byte;
  }
  return nonce;
}
