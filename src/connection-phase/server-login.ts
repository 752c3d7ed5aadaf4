/**
 * The server's side of the connection phase: greeting, TLS, authentication, and COM_CHANGE_USER. The data plane, the
 * admin plane and the embedded servers log their clients in with it. It knows no users (the policy does) and opens no
 * sessions.
 *
 *   greeting -> [SSLRequest -> TLS] -> handshake response -> [auth switch, more data] -> authenticated -> OK | ERR
 */
import type { Socket } from 'node:net';
import { createNonce } from '../auth/nonce.ts';
import type { Secret } from '../auth/stored-password.ts';
import { Capability, commonCapabilities } from '../protocol/capabilities.ts';
import { errors, type ProtocolError } from '../protocol/errors.ts';
import { decodeChangeUser, decodeHandshakeResponse, writeGreeting } from '../protocol/handshake.ts';
import { writeErr, writeOk } from '../protocol/ok-err-eof.ts';
import { MalformedPacket } from '../protocol/packet-reader.ts';
import type { ProxiedClient } from '../protocol/proxy-header.ts';
import { authenticate } from './authenticate.ts';
import type { AuthenticatedLogin, LoginFailure, LoginPolicy } from './login-policy.ts';
import { ChannelFailure, PacketChannel } from './packet-channel.ts';

export type { AuthenticatedLogin, LoginFailure, LoginPolicy } from './login-policy.ts';

/** Without these nothing else here works, so they are always offered. */
const ALWAYS_OFFERED = Capability.PROTOCOL_41 | Capability.SECURE_CONNECTION | Capability.PLUGIN_AUTH;

/** What the packet and the connection tell before authentication. */
interface Introduction {
  readonly username: string;
  readonly schema: string;
  readonly schemaBytes: Buffer | undefined;
  readonly capabilities: number;
  readonly charset: number;
  readonly attributes: Buffer;
  readonly authPlugin: string | undefined;
  readonly authResponse: Buffer;
  readonly nonce: Buffer;
  readonly tls: boolean;
  /** TLS or a Unix socket: a password may travel in clear. */
  readonly secure: boolean;
}

/** A refusal that is answered with an error packet. */
class Refused extends Error {
  readonly answer: ProtocolError;
  readonly reason: LoginFailure['reason'];
  constructor(answer: ProtocolError, reason: LoginFailure['reason']) {
    super(answer.message);
    this.answer = answer;
    this.reason = reason;
  }
}

/**
 * Logs a fresh connection in. Never throws: `undefined` means that the login failed, was answered and closed (and
 * reported to `policy.onFailure`).
 */
export function serverLogin(
  socket: Socket,
  connectionId: number,
  policy: LoginPolicy,
): Promise<AuthenticatedLogin | undefined> {
  const peer = addressOf(socket);
  const channel = new PacketChannel(socket, {
    timeoutMs: policy.loginTimeoutMs,
    maxPacketBytes: policy.maxPacketBytes,
    mayBeProxied: policy.believesProxyOf?.(peer) ?? false,
  });
  return run(channel, peer, policy, greet(channel, peer, connectionId, policy));
}

/** The connection a COM_CHANGE_USER arrives on. */
export interface ChangeUserContext {
  readonly socket: Socket;
  /** The command's payload, command byte included; copied before it is kept. */
  readonly payload: Buffer;
  /** Bytes that came after it. */
  readonly early?: Buffer;
  readonly capabilities: number;
  readonly charset: number;
  readonly nonce: Buffer;
  readonly tls: boolean;
  /** The client a balancer speaks for, as the login before learned it. */
  readonly proxied?: ProxiedClient | undefined;
}

/**
 * Handles COM_CHANGE_USER by the rules of a login. The caller takes its own handlers off the socket first and gets it
 * back paused, as after `serverLogin`. A failure is answered and closes the connection, as servers do.
 */
export function reauthenticate(
  context: ChangeUserContext,
  policy: LoginPolicy,
): Promise<AuthenticatedLogin | undefined> {
  const payload = Buffer.from(context.payload);
  const early = context.early ?? Buffer.alloc(0);
  const { loginTimeoutMs: timeoutMs, maxPacketBytes } = policy;
  const channel = new PacketChannel(context.socket, { timeoutMs, maxPacketBytes, firstSequenceId: 1, early });
  channel.proxied = context.proxied;
  const peer = addressOf(context.socket);
  return run(channel, peer, policy, introductionAnew(context, payload, peer));
}

async function introductionAnew(context: ChangeUserContext, payload: Buffer, peer: string): Promise<Introduction> {
  const { capabilities, nonce, tls } = context;
  const change = decodeChangeUser(payload, 0, payload.length, capabilities);
  const secure = tls || peer === LOCAL_ADDRESS;
  return { ...change, charset: change.charset ?? context.charset, capabilities, nonce, tls, secure };
}

/** Introduction, authentication, and whatever can go wrong in them. */
async function run(
  channel: PacketChannel,
  peer: string,
  policy: LoginPolicy,
  introducing: Promise<Introduction>,
): Promise<AuthenticatedLogin | undefined> {
  let username: string | undefined;
  try {
    const introduction = await introducing;
    username = introduction.username;
    const verdict = authenticate(channel, introduction, policy);
    const { secret, usingPassword } = verdict instanceof Promise ? await verdict : verdict;
    if (secret !== undefined) return new Authenticated(channel, introduction, secret);
    const address = channel.proxied?.address ?? peer;
    throw new Refused(policy.accessDenied(username, address, usingPassword), 'denied');
  } catch (error) {
    const failure = failureOf(error);
    channel.close(failure.answer === undefined ? undefined : (writer, id) => writeErr(writer, id, failure.answer!));
    policy.onFailure?.({ reason: failure.reason, username, detail: failure.detail });
    return undefined;
  }
}

async function greet(
  channel: PacketChannel,
  peer: string,
  connectionId: number,
  policy: LoginPolicy,
): Promise<Introduction> {
  const nonce = createNonce();
  const secureContext = policy.secureContext?.();
  const offered =
    ((policy.capabilities | ALWAYS_OFFERED) & ~Capability.SSL) | (secureContext === undefined ? 0 : Capability.SSL);
  channel.send((writer, id) =>
    writeGreeting(writer, id, {
      serverVersion: policy.serverVersion,
      connectionId,
      nonce,
      capabilities: ((offered & ~(policy.untold ?? 0)) | (policy.meaningless ?? 0)) >>> 0,
      charset: policy.charset,
      statusFlags: policy.statusFlags,
      authPlugin: policy.defaultAuthPlugin,
    }),
  );
  let payload = await channel.read();
  let packet = decodeHandshakeResponse(payload, 0, payload.length);
  let tls = false;
  if (packet.kind === 'ssl-request' && secureContext !== undefined) {
    await upgrade(channel, secureContext);
    tls = true;
    payload = await channel.read();
    packet = decodeHandshakeResponse(payload, 0, payload.length);
  }
  if (packet.kind === 'obsolete') throw new Refused(errors.unsupportedAuthMode(), 'malformed');
  if (packet.kind === 'ssl-request') throw new Refused(errors.badHandshake(), 'malformed');
  // No spread: it would give every login's object a shape of its own.
  return {
    username: packet.username,
    schema: packet.schema,
    schemaBytes: packet.schemaBytes,
    capabilities: commonCapabilities(packet.capabilities, offered),
    charset: packet.charset,
    attributes: packet.attributes,
    authPlugin: packet.authPlugin,
    authResponse: packet.authResponse,
    nonce,
    tls,
    secure: tls || peer === LOCAL_ADDRESS,
  };
}

async function upgrade(
  channel: PacketChannel,
  context: Parameters<PacketChannel['upgradeAsServer']>[0],
): Promise<void> {
  try {
    await channel.upgradeAsServer(context);
  } catch (error) {
    if (error instanceof ChannelFailure && error.reason === 'closed') throw new TlsFailed(error.message);
    throw error;
  }
}

/** The TLS handshake failed; there is no way left to say so to the client. */
class TlsFailed extends Error {}

/** A client that is to hear OK, or why it may not stay after all. */
class Authenticated implements AuthenticatedLogin {
  readonly socket: Socket;
  readonly username: string;
  readonly schema: string;
  readonly schemaBytes: Buffer | undefined;
  readonly proxied: ProxiedClient | undefined;
  readonly capabilities: number;
  readonly charset: number;
  readonly attributes: Buffer;
  readonly tls: boolean;
  readonly nonce: Buffer;
  readonly secret: Secret;
  readonly remainder: Buffer;
  readonly #channel: PacketChannel;

  constructor(channel: PacketChannel, introduction: Introduction, secret: Secret) {
    this.remainder = channel.release();
    this.socket = channel.socket;
    this.username = introduction.username;
    this.schema = introduction.schema;
    this.schemaBytes = introduction.schemaBytes;
    this.proxied = channel.proxied;
    this.capabilities = introduction.capabilities;
    this.charset = introduction.charset;
    this.attributes = introduction.attributes;
    this.tls = introduction.tls;
    this.nonce = introduction.nonce;
    this.secret = secret;
    this.#channel = channel;
  }

  accept(statusFlags: number): void {
    this.#channel.send((writer, id) => writeOk(writer, id, { statusFlags }));
  }

  refuse(error: ProtocolError): void {
    this.#channel.close((writer, id) => writeErr(writer, id, error));
  }
}

interface Failure {
  readonly reason: LoginFailure['reason'];
  readonly detail: string;
  /** What the client is told; `undefined`: nothing, only closed. */
  readonly answer: ProtocolError | undefined;
}

function failureOf(error: unknown): Failure {
  if (error instanceof Refused) return { reason: error.reason, detail: error.message, answer: error.answer };
  if (error instanceof MalformedPacket) {
    return { reason: 'malformed', detail: error.message, answer: errors.malformedPacket() };
  }
  if (error instanceof TlsFailed) return { reason: 'tls', detail: error.message, answer: undefined };
  if (error instanceof ChannelFailure) return { detail: error.message, ...CHANNEL_FAILURES[error.reason] };
  // Anything else is a bug here or in the policy; the client is not to wait for it.
  return { reason: 'malformed', detail: `unexpected: ${String(error)}`, answer: errors.badHandshake() };
}

/** ProxySQL closes without a word when the time is up. */
const CHANNEL_FAILURES: Record<ChannelFailure['reason'], Omit<Failure, 'detail'>> = {
  closed: { reason: 'closed', answer: undefined },
  timeout: { reason: 'timeout', answer: undefined },
  'too-large': { reason: 'malformed', answer: errors.packetTooLarge() },
  'out-of-order': { reason: 'malformed', answer: errors.packetsOutOfOrder() },
};

const LOCAL_ADDRESS = 'localhost';
const IPV4_IN_IPV6 = '::ffff:';

/** The client's address as error texts show it: IPv4 in its own form, `localhost` for a Unix socket. */
function addressOf(socket: Socket): string {
  const address = socket.remoteAddress;
  if (address === undefined) return LOCAL_ADDRESS;
  return address.startsWith(IPV4_IN_IPV6) ? address.slice(IPV4_IN_IPV6.length) : address;
}
