/**
 * The client's side of the connection phase: how the proxy logs in to a server. It does not open the TCP connection
 * nor keep the one it made.
 */
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { encryptPassword, Sha2Message, sha2Scramble } from '../auth/caching-sha2.ts';
import { nativeScramble } from '../auth/native-password.ts';
import type { Secret } from '../auth/stored-password.ts';
import { Capability, commonCapabilities, hasCapability } from '../protocol/capabilities.ts';
import { defaultCollationOf } from '../protocol/charsets.ts';
import type { ProtocolError } from '../protocol/errors.ts';
import {
  AUTH_MORE_DATA_HEADER,
  decodeAuthSwitchRequest,
  decodeGreeting,
  type Greeting,
  writeAuthData,
  writeHandshakeResponse,
  writeSslRequest,
} from '../protocol/handshake.ts';
import { decodeErr, decodeOk, EOF_HEADER, ERR_HEADER, OK_HEADER } from '../protocol/ok-err-eof.ts';
import { MalformedPacket } from '../protocol/packet-reader.ts';
import { ChannelFailure, closeSocket, PacketChannel } from './packet-channel.ts';

export interface ClientLoginOptions {
  /** Connected. It is destroyed when the login fails. */
  readonly socket: Socket;
  readonly username: string;
  /** The clear password, or SHA1 of it, which is enough for mysql_native_password only. */
  readonly secret: Secret;
  readonly schema?: string | undefined;
  /** What is wanted; the result is what the server has of it. */
  readonly capabilities: number;
  /** Collation id. The packet has one byte for it: with a larger one utf8mb4's default is asked for instead. */
  readonly charset: number;
  /** TLS is demanded when given. */
  readonly tls?: ConnectionOptions | undefined;
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  /** From now to the server's OK. */
  readonly loginTimeoutMs: number;
}

export interface ClientLogin {
  /** The TLSSocket when upgraded. Paused: attach handlers, then `resume()`. */
  readonly socket: Socket;
  readonly serverVersion: string;
  readonly threadId: number;
  readonly capabilities: number;
  /** The server could tell of its sessions' state; whether it was asked to is in `capabilities`. */
  readonly offersSessionTrack: boolean;
  readonly statusFlags: number;
  /** The collation id the server was told. */
  readonly charset: number;
}

/** The server refused the login, or asked for what cannot be given. */
export class LoginRefused extends Error implements ProtocolError {
  readonly code: number;
  readonly sqlState: string;
  constructor(error: ProtocolError) {
    super(error.message);
    this.name = 'LoginRefused';
    this.code = error.code;
    this.sqlState = error.sqlState;
  }
}

const NATIVE = 'mysql_native_password';
const CACHING_SHA2 = 'caching_sha2_password';
const SHA256 = 'sha256_password';
const CLEAR = 'mysql_clear_password';

/** Clients made with MariaDB's library show errors from 2000 to 2999 that a server sends as 2027, without their text. */
const NOT_SUPPORTED_AUTH_MODE = 1251;

/** Always asked for: the answers below are encoded that way. */
const ALWAYS_WANTED = Capability.PROTOCOL_41 | Capability.SECURE_CONNECTION | Capability.PLUGIN_AUTH;
const MAX_PACKET_BYTES = 0x4000_0000;
const CHARSET_MAX = 255;
/** sha256_password's way to ask for the public key; caching_sha2_password has its own. */
const SHA256_REQUEST_PUBLIC_KEY = 0x01;

/**
 * Logs in.
 * @throws LoginRefused the server's ERR, or one of ours (2026 TLS, 1251 plugin)
 * @throws ChannelFailure the connection was lost, or the time is up
 * @throws MalformedPacket
 */
export async function clientLogin(options: ClientLoginOptions): Promise<ClientLogin> {
  const channel = new PacketChannel(options.socket, { timeoutMs: options.loginTimeoutMs });
  try {
    return await new ClientExchange(channel, options).run();
  } catch (error) {
    channel.close();
    closeSocket(options.socket);
    throw error;
  }
}

/** One login: what was negotiated so far, and the plugin in use. */
class ClientExchange {
  private readonly channel: PacketChannel;
  private readonly options: ClientLoginOptions;
  private plugin = NATIVE;
  private nonce: Buffer = Buffer.alloc(0);
  private capabilities = 0;

  constructor(channel: PacketChannel, options: ClientLoginOptions) {
    this.channel = channel;
    this.options = options;
  }

  async run(): Promise<ClientLogin> {
    const greeting = await this.readGreeting();
    const charset = this.options.charset > CHARSET_MAX ? defaultCollationOf('utf8mb4')!.id : this.options.charset;
    this.capabilities = this.negotiate(greeting);
    if (this.options.tls !== undefined) await this.startTls(this.options.tls, charset);
    this.plugin = this.firstPlugin(greeting.authPlugin);
    this.nonce = greeting.nonce;
    this.sendResponse(charset);
    const statusFlags = await this.finish();
    this.channel.release();
    return {
      socket: this.channel.socket,
      serverVersion: greeting.serverVersion,
      threadId: greeting.connectionId,
      capabilities: this.capabilities,
      offersSessionTrack: hasCapability(greeting.capabilities, Capability.SESSION_TRACK),
      statusFlags,
      charset,
    };
  }

  /** A server that is full or has blocked us says so in place of the greeting. */
  private async readGreeting(): Promise<Greeting> {
    const payload = await this.channel.read();
    if (payload[0] === ERR_HEADER) throw new LoginRefused(decodeErr(payload, 0, payload.length));
    return decodeGreeting(payload, 0, payload.length);
  }

  private negotiate(greeting: Greeting): number {
    const { schema, attributes, tls } = this.options;
    let wanted = this.options.capabilities | ALWAYS_WANTED;
    wanted &= ~(Capability.CONNECT_WITH_DB | Capability.CONNECT_ATTRS | Capability.SSL);
    if (schema !== undefined && schema !== '') wanted |= Capability.CONNECT_WITH_DB;
    if (attributes !== undefined) wanted |= Capability.CONNECT_ATTRS;
    if (tls !== undefined) wanted |= Capability.SSL;
    return commonCapabilities(wanted, greeting.capabilities);
  }

  private async startTls(tls: ConnectionOptions, charset: number): Promise<void> {
    const { capabilities } = this;
    if (!hasCapability(capabilities, Capability.SSL)) {
      throw new LoginRefused(sslError('SSL is required, but the server does not support it'));
    }
    this.channel.send((writer, id) =>
      writeSslRequest(writer, id, { capabilities, maxPacketBytes: MAX_PACKET_BYTES, charset }),
    );
    try {
      await this.channel.upgradeAsClient(tls);
    } catch (error) {
      if (error instanceof ChannelFailure && error.reason === 'closed') throw new LoginRefused(sslError(error.message));
      throw error;
    }
  }

  /** The server's default, when we know it and have what it needs; the server asks for another if it wants one. */
  private firstPlugin(offered: string): string {
    const { clear } = this.options.secret;
    return offered === CACHING_SHA2 && clear !== undefined ? CACHING_SHA2 : NATIVE;
  }

  private sendResponse(charset: number): void {
    const { username, schema, attributes } = this.options;
    this.channel.send((writer, id) =>
      writeHandshakeResponse(writer, id, {
        capabilities: this.capabilities,
        maxPacketBytes: MAX_PACKET_BYTES,
        charset,
        username,
        authResponse: this.scramble(),
        schema: schema ?? '',
        authPlugin: this.plugin,
        attributes: new Map(Object.entries(attributes ?? {})),
      }),
    );
  }

  /** The plugin's answer to the nonce. */
  private scramble(): Buffer {
    const { clear, sha1 } = this.options.secret;
    switch (this.plugin) {
      case NATIVE:
        return nativeScramble(clear ?? sha1 ?? '', this.nonce);
      case CACHING_SHA2:
        return sha2Scramble(this.clearPassword(), this.nonce);
      case CLEAR:
        if (!this.secure) throw this.pluginUnusable('it needs TLS');
        return Buffer.from(`${this.clearPassword()}\0`);
      case SHA256:
        if (this.clearPassword() === '') return Buffer.of(0);
        if (this.secure) return Buffer.from(`${this.clearPassword()}\0`);
        return Buffer.of(SHA256_REQUEST_PUBLIC_KEY);
      default:
        throw this.pluginUnusable('it is not supported');
    }
  }

  /** Answers the server until it says OK; returns its status flags. */
  private async finish(): Promise<number> {
    for (;;) {
      const payload = await this.channel.read();
      switch (payload[0]) {
        case OK_HEADER:
          return decodeOk(payload, 0, payload.length, this.capabilities).statusFlags;
        case ERR_HEADER:
          throw new LoginRefused(decodeErr(payload, 0, payload.length));
        case EOF_HEADER:
          this.switchPlugin(payload);
          break;
        case AUTH_MORE_DATA_HEADER:
          this.moreData(payload.subarray(1));
          break;
        default:
          throw new MalformedPacket('no answer to a login');
      }
    }
  }

  private switchPlugin(payload: Buffer): void {
    const request = decodeAuthSwitchRequest(payload, 0, payload.length);
    this.plugin = request.plugin;
    this.nonce = request.data;
    this.answer(this.scramble());
  }

  private moreData(data: Buffer): void {
    if (this.plugin === CACHING_SHA2 && data.length === 1) {
      if (data[0] === Sha2Message.FAST_AUTH_OK) return;
      if (data[0] !== Sha2Message.FULL_AUTH) throw new MalformedPacket('unknown message of caching_sha2_password');
      if (this.secure) this.answer(Buffer.from(`${this.clearPassword()}\0`));
      else this.answer(Buffer.of(Sha2Message.REQUEST_PUBLIC_KEY));
      return;
    }
    if (this.plugin !== CACHING_SHA2 && this.plugin !== SHA256) throw new MalformedPacket('unexpected plugin data');
    this.answer(this.encrypted(data.toString('latin1')));
  }

  private encrypted(publicKeyPem: string): Buffer {
    try {
      return encryptPassword(this.clearPassword(), this.nonce, publicKeyPem);
    } catch (error) {
      if (error instanceof LoginRefused) throw error;
      throw this.pluginUnusable('the server sent no usable public key');
    }
  }

  private answer(data: Buffer): void {
    this.channel.send((writer, id) => writeAuthData(writer, id, data));
  }

  /** TLS, or a Unix socket: nobody can listen. */
  private get secure(): boolean {
    return this.options.tls !== undefined || this.channel.socket.remoteAddress === undefined;
  }

  private clearPassword(): string {
    const { clear, sha1 } = this.options.secret;
    if (clear === undefined && sha1 !== undefined) throw this.pluginUnusable('only a hash of the password is known');
    return clear ?? '';
  }

  private pluginUnusable(reason: string): LoginRefused {
    const message = `Authentication plugin '${this.plugin}' cannot be used: ${reason}`;
    return new LoginRefused({ code: NOT_SUPPORTED_AUTH_MODE, sqlState: '08004', message });
  }
}

function sslError(message: string): ProtocolError {
  return { code: 2026, sqlState: 'HY000', message: `SSL connection error: ${message}` };
}
