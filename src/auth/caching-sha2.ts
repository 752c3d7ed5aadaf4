/**
 * caching_sha2_password, both sides: the fast exchange by scramble, the full exchange by password (over TLS or RSA),
 * and the stored hash. It does not know packets or users.
 *
 *   response  SHA256(password) xor SHA256(SHA256(SHA256(password)) + nonce)
 *   stored    '$A$' + rounds / 1000 as three hex digits + '$' + 20 bytes of salt + 43 characters of SHA-crypt
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
 */
import { constants, type KeyObject, privateDecrypt, publicEncrypt } from 'node:crypto';
import { digest, sameBytes, xor } from './bytes.ts';
import { createNonce } from './nonce.ts';
import { shaCrypt, shaCryptSync } from './sha-crypt.ts';

const SHA256_BYTES = 32;
const SALT_BYTES = 20;
/** MySQL 8's default; MySQL 9 stores hashes of 10,000 rounds. */
const ROUNDS = 5000;
/** Longer passwords are refused by the server too; they would only serve to burn time. */
const PASSWORD_BYTES_MAX = 256;
/** `$A$`, three hex digits, `$`, 20 of salt, 43 of hash. */
const STORED_HASH = /^\$A\$([0-9A-F]{3})\$([\s\S]{20})([./0-9A-Za-z]{43})$/;

/** Bytes of the plugin's own messages. */
export const Sha2Message = {
  /** Client: send me your RSA public key. */
  REQUEST_PUBLIC_KEY: 0x02,
  /** Server: the scramble was right, OK follows. */
  FAST_AUTH_OK: 0x03,
  /** Server: send the password itself. */
  FULL_AUTH: 0x04,
} as const;

/** SHA256(SHA256(password)): what the server needs to check a scramble. */
export function sha256OfSha256(password: string): Buffer {
  return digest('sha256', digest('sha256', Buffer.from(password)));
}

/** The client's response; empty for the empty password. */
export function sha2Scramble(password: string, nonce: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const sha256 = digest('sha256', Buffer.from(password));
  return xor(sha256, digest('sha256', digest('sha256', sha256), nonce));
}

/** Checks a response against SHA256(SHA256(password)). */
export function verifySha2Fast(response: Buffer, nonce: Buffer, expected: Buffer): boolean {
  if (response.length !== SHA256_BYTES) return false;
  const sha256 = xor(response, digest('sha256', expected, nonce));
  return sameBytes(digest('sha256', sha256), expected);
}

/** True for text in the form of a stored hash. */
export function isCachingSha2Hash(text: string): boolean {
  return STORED_HASH.test(text);
}

/**
 * The hash as servers store it. `salt` is 20 bytes of 7 bits without zero and `$`, random by default; `rounds` a
 * multiple of 1000.
 */
export async function cachingSha2Hash(
  password: string,
  salt: Buffer = createNonce(),
  rounds = ROUNDS,
): Promise<string> {
  if (salt.length !== SALT_BYTES) throw new RangeError(`the salt has ${salt.length} bytes, not ${SALT_BYTES}`);
  return storedHash(salt, rounds, await shaCrypt(Buffer.from(password), salt, rounds));
}

/** The same for SQL functions, which cannot wait; takes about 10 ms. The salt may be shorter, as ProxySQL allows. */
export function cachingSha2HashSync(password: string, salt: Buffer = createNonce()): string {
  return storedHash(salt, ROUNDS, shaCryptSync(Buffer.from(password), salt, ROUNDS));
}

function storedHash(salt: Buffer, rounds: number, hash: string): string {
  const thousands = (rounds / 1000).toString(16).toUpperCase().padStart(3, '0');
  return `$A$${thousands}$${salt.toString('latin1')}${hash}`;
}

/** Checks a clear password against a stored hash. Takes 10 ms and more, in pieces of about 1 ms. */
export async function verifyCachedSha2Hash(password: string, stored: string): Promise<boolean> {
  const parts = STORED_HASH.exec(stored);
  const bytes = Buffer.from(password);
  if (parts === null || bytes.length > PASSWORD_BYTES_MAX) return false;
  const rounds = Number.parseInt(parts[1]!, 16) * 1000;
  const hash = await shaCrypt(bytes, Buffer.from(parts[2]!, 'latin1'), rounds);
  return sameBytes(Buffer.from(hash), Buffer.from(parts[3]!));
}

/** The client's side of the RSA exchange: the password, zero-terminated and masked, under the server's public key. */
export function encryptPassword(password: string, nonce: Buffer, publicKeyPem: string): Buffer {
  const masked = xor(Buffer.from(`${password}\0`), nonce);
  return publicEncrypt({ key: publicKeyPem, padding: constants.RSA_PKCS1_OAEP_PADDING }, masked);
}

/** The server's side of it; `undefined` when the bytes were not made for this key. */
export function decryptPassword(encrypted: Buffer, nonce: Buffer, privateKey: KeyObject): string | undefined {
  try {
    const masked = privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING }, encrypted);
    return withoutNul(xor(masked, nonce));
  } catch {
    return undefined;
  }
}

/** A password as clients send it in clear: up to its zero byte. */
export function withoutNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}
