/**
 * Byte classes as ProxySQL's normalisation sees them. They are its classes and not SQL's: scanner.ts has those.
 */

export const SPACE = 0x20;
export const BANG = 0x21;
export const HASH = 0x23;
export const OPEN = 0x28;
export const CLOSE = 0x29;
export const STAR = 0x2a;
export const PLUS = 0x2b;
export const COMMA = 0x2c;
export const DASH = 0x2d;
export const DOT = 0x2e;
export const SLASH = 0x2f;
export const ZERO = 0x30;
export const SEMICOLON = 0x3b;
export const QUESTION = 0x3f;
export const BACKSLASH = 0x5c;
export const BACKTICK = 0x60;

/** The difference between an upper-case letter and its lower-case one. */
export const CASE_BIT = 0x20;

export function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 0x39;
}

export function isHexDigit(byte: number): boolean {
  const lower = byte | CASE_BIT;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}

/** Space, tab, line feed, carriage return; not vertical tab or form feed. */
export function isSpace(byte: number): boolean {
  return byte === SPACE || byte === 0x0a || byte === 0x09 || byte === 0x0d;
}

export function isArithmetic(byte: number): boolean {
  return byte === PLUS || byte === DASH || byte === STAR || byte === SLASH || byte === 0x25;
}

/** 1 for letters, digits, `$` and `_`. Every other byte may come before a literal, and ends a number. */
export const WORD_BYTE: Uint8Array = new Uint8Array(256);
/** Any white space becomes a blank, all else stays. */
export const KEEP_CASE: Uint8Array = new Uint8Array(256);
/** As KEEP_CASE, and ASCII letters become small ones. */
export const LOWER_CASE: Uint8Array = new Uint8Array(256);

for (let byte = 0; byte < 256; byte += 1) {
  const upper = byte >= 0x41 && byte <= 0x5a;
  const lower = byte >= 0x61 && byte <= 0x7a;
  WORD_BYTE[byte] = upper || lower || isDigit(byte) || byte === 0x24 || byte === 0x5f ? 1 : 0;
  KEEP_CASE[byte] = isSpace(byte) ? SPACE : byte;
  LOWER_CASE[byte] = upper ? byte + CASE_BIT : KEEP_CASE[byte]!;
}
