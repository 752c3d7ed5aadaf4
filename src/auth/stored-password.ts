/**
 * Checks what a client sent against the password column of a user, whatever form it has. It does not know packets.
 *
 *   column         kind          native response   sha2 response        clear password
 *   ''             empty         only empty        only empty           only empty
 *   secret         clear         yes               yes                  yes
 *   *6BB4837E…     native        yes               once learned         yes
 *   $A$005$…       caching-sha2  once learned      once learned         yes
 *   *other         unusable      no                no                   no
 */
import { sameBytes, sameText } from './bytes.ts';
import { isCachingSha2Hash, sha256OfSha256, verifyCachedSha2Hash, verifySha2Fast } from './caching-sha2.ts';
import { matchesNativeHash, nativeScramble, nativeSha1, verifyNative } from './native-password.ts';

export type StoredPasswordKind = 'empty' | 'clear' | 'native' | 'caching-sha2' | 'unusable';

const NATIVE_HASH = /^\*[0-9A-F]{40}$/i;

/** What the text of a password column is. Text that starts with `*` and is no hash can never log in, as in ProxySQL. */
export function classifyStoredPassword(text: string): StoredPasswordKind {
  if (text === '') return 'empty';
  if (text.startsWith('*')) return NATIVE_HASH.test(text) ? 'native' : 'unusable';
  return isCachingSha2Hash(text) ? 'caching-sha2' : 'clear';
}

/** A user's password: the column, and the clear text if an earlier full login revealed it. */
export interface StoredPassword {
  readonly stored: string;
  /** Only to be given while it belongs to `stored`: it is not checked against it again. */
  readonly learned?: string | undefined;
}

/** What a login taught us; enough to log in elsewhere as the same user. */
export interface Secret {
  readonly clear?: string;
  /** SHA1(password). */
  readonly sha1?: Buffer;
}

/** The secret when the response is right, else `undefined`. */
export function checkNativeResponse(response: Buffer, nonce: Buffer, password: StoredPassword): Secret | undefined {
  const kind = classifyStoredPassword(password.stored);
  if (kind === 'native') {
    const { sha1 } = verifyNative(response, nonce, password.stored);
    return sha1 === undefined ? undefined : withClear({ sha1 }, password.learned);
  }
  const clear = knownClear(kind, password);
  if (clear === undefined) return undefined;
  return sameBytes(response, nativeScramble(clear, nonce)) ? { clear } : undefined;
}

/** The secret when the response is right; 'full' when only the password itself can tell; else `undefined`. */
export function checkSha2Response(
  response: Buffer,
  nonce: Buffer,
  password: StoredPassword,
): Secret | 'full' | undefined {
  const kind = classifyStoredPassword(password.stored);
  const clear = knownClear(kind, password);
  if (response.length === 0) return clear === '' ? { clear } : undefined;
  if (clear === undefined) return kind === 'unusable' ? undefined : 'full';
  return verifySha2Fast(response, nonce, sha256OfSha256(clear)) ? { clear } : undefined;
}

/** The secret when the clear password is right, else `undefined`. */
export async function checkClearPassword(clear: string, password: StoredPassword): Promise<Secret | undefined> {
  switch (classifyStoredPassword(password.stored)) {
    case 'native': {
      const sha1 = nativeSha1(clear);
      return matchesNativeHash(sha1, password.stored) ? { clear, sha1 } : undefined;
    }
    case 'caching-sha2':
      return (await verifyCachedSha2Hash(clear, password.stored)) ? { clear } : undefined;
    case 'unusable':
      return undefined;
    default:
      return sameText(clear, password.stored) ? { clear } : undefined;
  }
}

function knownClear(kind: StoredPasswordKind, password: StoredPassword): string | undefined {
  if (kind === 'unusable') return undefined;
  return kind === 'clear' || kind === 'empty' ? password.stored : password.learned;
}

function withClear(secret: Secret, clear: string | undefined): Secret {
  return clear === undefined ? secret : { ...secret, clear };
}
