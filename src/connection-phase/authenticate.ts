/**
 * The part of a login both COM_CHANGE_USER and a new connection go through: agree on a plugin, run its exchange, and
 * tell whether the client knows the password. It does not greet, and does not send the final OK or ERR.
 *
 *   client's plugin          what happens
 *   = the default            its response is checked
 *   mysql_clear_password     checked, where the policy allows it
 *   caching_sha2_password    AuthSwitchRequest to itself, where the policy allows it and nobody can listen
 *   sha256_password          AuthSwitchRequest to itself, where the policy allows it
 *   any other                AuthSwitchRequest to mysql_native_password
 *   none (no PLUGIN_AUTH)    taken as mysql_native_password
 */
import { randomBytes } from 'node:crypto';
import { decryptPassword, Sha2Message, withoutNul } from '../auth/caching-sha2.ts';
import {
  checkClearPassword,
  checkNativeResponse,
  checkSha2Response,
  classifyStoredPassword,
  type Secret,
  type StoredPassword,
} from '../auth/stored-password.ts';
import { writeAuthMoreData, writeAuthSwitchRequest } from '../protocol/handshake.ts';
import type { LoginPolicy } from './login-policy.ts';
import type { PacketChannel } from './packet-channel.ts';

export interface Claim {
  readonly username: string;
  readonly authPlugin: string | undefined;
  readonly authResponse: Buffer;
  readonly nonce: Buffer;
  /** TLS or a Unix socket: a password may travel in clear. */
  readonly secure: boolean;
}

export interface Verdict {
  /** `undefined`: access denied. */
  readonly secret: Secret | undefined;
  readonly usingPassword: boolean;
}

const NATIVE = 'mysql_native_password';
const CACHING_SHA2 = 'caching_sha2_password';
const SHA256 = 'sha256_password';
/** sha256_password's way to ask for the public key; caching_sha2_password has its own. */
const SHA256_REQUEST_PUBLIC_KEY = 0x01;
const CLEAR = 'mysql_clear_password';
const DENIED: Verdict = { secret: undefined, usingPassword: true };

/**
 * Runs the exchange to its end; at once where the client's first answer is all there is to it.
 * @throws ChannelFailure, or rejects with it
 */
export function authenticate(channel: PacketChannel, claim: Claim, policy: LoginPolicy): Verdict | Promise<Verdict> {
  const password = policy.lookup(claim.username) ?? decoy();
  const plugin = claim.authPlugin ?? NATIVE;
  if (plugin === CLEAR && mayBeClear(claim, policy)) return checkClear(claim.authResponse, password, policy);
  if (plugin === policy.defaultAuthPlugin && plugin === CACHING_SHA2) {
    return cachingSha2(channel, claim, password, policy);
  }
  if (plugin === NATIVE && (claim.authPlugin === undefined || policy.defaultAuthPlugin === NATIVE)) {
    return checkNative(claim.authResponse, claim.nonce, password);
  }
  if (
    plugin === SHA256 &&
    policy.cachingSha2WhenSecure === true &&
    (claim.secure || policy.sha256OnOpenLines !== false)
  )
    return sha256(channel, claim, password, policy);
  if (plugin === CACHING_SHA2 && claim.secure && policy.cachingSha2WhenSecure === true) {
    // Its first response was made for the default plugin, or not at all.
    return switchTo(channel, CACHING_SHA2, claim).then((authResponse) =>
      cachingSha2(channel, { ...claim, authResponse }, password, policy),
    );
  }
  // ProxySQL switches to native whatever its default is, even a client that offered native already.
  return switchTo(channel, NATIVE, claim).then((response) => checkNative(response, claim.nonce, password));
}

/** Asks for another plugin; returns the client's response by it. */
function switchTo(channel: PacketChannel, plugin: string, claim: Claim): Promise<Buffer> {
  channel.send((writer, id) => writeAuthSwitchRequest(writer, id, { plugin, data: claim.nonce }));
  return channel.read();
}

/** sha256_password: always the whole password, in clear where nobody can listen, else under our RSA key. */
async function sha256(
  channel: PacketChannel,
  claim: Claim,
  password: StoredPassword,
  policy: LoginPolicy,
): Promise<Verdict> {
  const answer = await switchTo(channel, SHA256, claim);
  const wantsKey = answer.length === 1 && answer[0] === SHA256_REQUEST_PUBLIC_KEY;
  const keys = wantsKey ? policy.rsaKeys?.() : undefined;
  if (!wantsKey) {
    // What came unasked over an open line is no password but a mistake, unless it is empty.
    const clear = withoutNul(answer);
    if (!claim.secure && clear !== '') return DENIED;
    return { secret: await checkClearPassword(clear, password), usingPassword: clear !== '' };
  }
  if (keys === undefined) return DENIED;
  channel.send((writer, id) => writeAuthMoreData(writer, id, Buffer.from(keys.publicKeyPem)));
  const clear = decryptPassword(await channel.read(), claim.nonce, keys.privateKey);
  return clear === undefined ? DENIED : { secret: await checkClearPassword(clear, password), usingPassword: true };
}

/** Stands in for an unknown user: a password nobody has, checked at the same cost and with the same answers. */
function decoy(): StoredPassword {
  return { stored: randomBytes(16).toString('base64') };
}

function mayBeClear(claim: Claim, policy: LoginPolicy): boolean {
  return policy.allowClearPassword === 'always' || (policy.allowClearPassword === 'tls' && claim.secure);
}

function checkNative(response: Buffer, nonce: Buffer, password: StoredPassword): Verdict {
  return { secret: checkNativeResponse(response, nonce, password), usingPassword: response.length > 0 };
}

async function checkClear(response: Buffer, password: StoredPassword, policy: LoginPolicy): Promise<Verdict> {
  const clear = withoutNul(response);
  // As in ProxySQL, a $A$ hash is of use only where caching_sha2_password is the default.
  const isSha2 = classifyStoredPassword(password.stored) === 'caching-sha2';
  if (isSha2 && policy.defaultAuthPlugin !== CACHING_SHA2) return { ...DENIED, usingPassword: clear !== '' };
  return { secret: await checkClearPassword(clear, password), usingPassword: clear !== '' };
}

async function cachingSha2(
  channel: PacketChannel,
  claim: Claim,
  password: StoredPassword,
  policy: LoginPolicy,
): Promise<Verdict> {
  const usingPassword = claim.authResponse.length > 0;
  const verdict = checkSha2Response(claim.authResponse, claim.nonce, password);
  if (verdict !== 'full') {
    if (verdict !== undefined && usingPassword) sendSha2Message(channel, Sha2Message.FAST_AUTH_OK);
    return { secret: verdict, usingPassword };
  }
  sendSha2Message(channel, Sha2Message.FULL_AUTH);
  const clear = await readPassword(channel, claim, policy);
  return clear === undefined ? DENIED : { secret: await checkClearPassword(clear, password), usingPassword };
}

/** The password of the full exchange: in clear where nobody can listen, else under our RSA key. */
async function readPassword(channel: PacketChannel, claim: Claim, policy: LoginPolicy): Promise<string | undefined> {
  const answer = await channel.read();
  if (claim.secure) return withoutNul(answer);
  const keys = policy.rsaKeys?.();
  if (keys === undefined) return undefined;
  const wantsKey = answer.length === 1 && answer[0] === Sha2Message.REQUEST_PUBLIC_KEY;
  if (!wantsKey) return decryptPassword(answer, claim.nonce, keys.privateKey);
  channel.send((writer, id) => writeAuthMoreData(writer, id, Buffer.from(keys.publicKeyPem)));
  return decryptPassword(await channel.read(), claim.nonce, keys.privateKey);
}

function sendSha2Message(channel: PacketChannel, message: number): void {
  channel.send((writer, id) => writeAuthMoreData(writer, id, Buffer.of(message)));
}
