/**
 * mysql_native_password, both sides. It does not know packets or users.
 *
 *   stored    '*' + hex(SHA1(SHA1(password)))
 *   response  SHA1(password) xor SHA1(nonce + SHA1(SHA1(password)))
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_authentication_methods_native_password_authentication.html
 */
import { digest, sameBytes, xor } from './bytes.ts';

const SHA1_BYTES = 20;

/** SHA1(password): enough to log in by this plugin, and what a correct response reveals. */
export function nativeSha1(password: string): Buffer {
  return digest('sha1', Buffer.from(password));
}

/** The hash as servers store it: `*` and 40 capital hex digits; '' for the empty password. */
export function nativeHash(password: string): string {
  return password === '' ? '' : hashOfSha1(nativeSha1(password));
}

/** The client's response; empty for the empty password. `secret` is the password or its SHA1. */
export function nativeScramble(secret: string | Buffer, nonce: Buffer): Buffer {
  if (secret === '') return Buffer.alloc(0);
  const { sha1, twice } =
    typeof secret === 'string' ? digestsOf(secret) : { sha1: secret, twice: digest('sha1', secret) };
  return xor(sha1, digest('sha1', nonce, twice));
}

interface PasswordDigests {
  readonly sha1: Buffer;
  /** SHA1(SHA1(password)). */
  readonly twice: Buffer;
}

/** Passwords whose digests are remembered: those that are in memory in clear anyway, and log in often. */
const REMEMBERED_MAX = 256;
const remembered = new Map<string, PasswordDigests>();

function digestsOf(password: string): PasswordDigests {
  const known = remembered.get(password);
  if (known !== undefined) return known;
  if (remembered.size >= REMEMBERED_MAX) remembered.clear();
  const sha1 = nativeSha1(password);
  const digests = { sha1, twice: digest('sha1', sha1) };
  remembered.set(password, digests);
  return digests;
}

export interface NativeVerdict {
  readonly ok: boolean;
  /** SHA1(password), only when `ok`. */
  readonly sha1?: Buffer;
}

/** Checks a response against a stored hash (`*` and 40 hex digits in either case). */
export function verifyNative(response: Buffer, nonce: Buffer, stored: string): NativeVerdict {
  if (response.length !== SHA1_BYTES) return { ok: false };
  const storedHash = Buffer.from(stored.slice(1), 'hex');
  const sha1 = xor(response, digest('sha1', nonce, storedHash));
  return sameBytes(digest('sha1', sha1), storedHash) ? { ok: true, sha1 } : { ok: false };
}

/** Checks SHA1(password) against a stored hash. */
export function matchesNativeHash(sha1: Buffer, stored: string): boolean {
  return sameBytes(digest('sha1', sha1), Buffer.from(stored.slice(1), 'hex'));
}

function hashOfSha1(sha1: Buffer): string {
  return `*${digest('sha1', sha1).toString('hex').toUpperCase()}`;
}
