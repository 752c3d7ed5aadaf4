/**
 * The SHA-256 crypt function as MySQL uses it for caching_sha2_password: like glibc's `$5$`, with 20 bytes of salt.
 * It does not know how the result is stored (caching-sha2.ts).
 *
 * @see https://www.akkadia.org/drepper/SHA-crypt.txt
 */
import { digest } from './bytes.ts';

const DIGEST_BYTES = 32;
/** About a millisecond of rounds; then other sessions get their turn. */
const ROUNDS_PER_TURN = 400;
const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The 43 characters that follow the salt. Gives the event loop its turn every millisecond or so. */
export async function shaCrypt(password: Buffer, salt: Buffer, rounds: number): Promise<string> {
  let { current, passwordPart, saltPart } = begin(password, salt);
  for (let round = 0; round < rounds; round++) {
    if (round % ROUNDS_PER_TURN === ROUNDS_PER_TURN - 1) await turn();
    current = nextDigest(current, passwordPart, saltPart, round);
  }
  return encode(current);
}

/** The same at one go, for callers that cannot wait: about 2 ms of everybody's time per thousand rounds. */
export function shaCryptSync(password: Buffer, salt: Buffer, rounds: number): string {
  let { current, passwordPart, saltPart } = begin(password, salt);
  for (let round = 0; round < rounds; round++) current = nextDigest(current, passwordPart, saltPart, round);
  return encode(current);
}

/** Steps 1 to 20 of the specification: the digest the rounds begin with, and what they mix in. */
function begin(password: Buffer, salt: Buffer): { current: Buffer; passwordPart: Buffer; saltPart: Buffer } {
  const current = firstDigest(password, salt);
  const passwordPart = repeat(digest('sha256', ...times(password, password.length)), password.length);
  const saltPart = repeat(digest('sha256', ...times(salt, 16 + current[0]!)), salt.length);
  return { current, passwordPart, saltPart };
}

/** Steps 1 to 12 of the specification. */
function firstDigest(password: Buffer, salt: Buffer): Buffer {
  const alternate = digest('sha256', password, salt, password);
  const parts: Buffer[] = [password, salt, repeat(alternate, password.length)];
  for (let bits = password.length; bits > 0; bits >>= 1) parts.push((bits & 1) === 1 ? alternate : password);
  return digest('sha256', ...parts);
}

/** Step 21 of the specification, once. */
function nextDigest(current: Buffer, password: Buffer, salt: Buffer, round: number): Buffer {
  const odd = (round & 1) === 1;
  const parts: Buffer[] = [odd ? password : current];
  if (round % 3 !== 0) parts.push(salt);
  if (round % 7 !== 0) parts.push(password);
  parts.push(odd ? current : password);
  return digest('sha256', ...parts);
}

/** Step 22: groups of three bytes, least significant six bits first. */
function encode(bytes: Buffer): string {
  let text = '';
  for (let group = 0; group < 10; group++) {
    // The specification lists the triples (0,10,20), (21,1,11), (12,22,2) …: each is the one before, turned, plus one.
    const turned = [(group * 21) % 30, (group * 21 + 10) % 30, (group * 21 + 20) % 30];
    text += encodeBits((bytes[turned[0]!]! << 16) | (bytes[turned[1]!]! << 8) | bytes[turned[2]!]!, 4);
  }
  return text + encodeBits((bytes[31]! << 8) | bytes[30]!, 3);
}

function encodeBits(value: number, characters: number): string {
  let text = '';
  for (let index = 0; index < characters; index++) text += ALPHABET[(value >>> (6 * index)) & 0x3f];
  return text;
}

/** `bytes` repeated and cut to `length`. */
function repeat(bytes: Buffer, length: number): Buffer {
  const result = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at += DIGEST_BYTES) bytes.copy(result, at, 0, Math.min(DIGEST_BYTES, length - at));
  return result;
}

function times(bytes: Buffer, count: number): Buffer[] {
  return new Array<Buffer>(count).fill(bytes);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
