/**
 * What a login is judged by and what it results in: the types the server's side of the connection phase shares with
 * its callers. It holds no behaviour.
 */
import type { KeyObject } from 'node:crypto';
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Secret, StoredPassword } from '../auth/stored-password.ts';
import type { ProtocolError } from '../protocol/errors.ts';
import type { ProxiedClient } from '../protocol/proxy-header.ts';

export type ServerAuthPlugin = 'mysql_native_password' | 'caching_sha2_password';

/** Why a login did not come about; for counters and logs. Holds nothing secret. */
export interface LoginFailure {
  readonly reason: 'denied' | 'timeout' | 'closed' | 'malformed' | 'tls';
  /** Once the client has said it. */
  readonly username?: string | undefined;
  readonly detail: string;
}

export interface LoginPolicy {
  readonly serverVersion: string;
  readonly defaultAuthPlugin: ServerAuthPlugin;
  /** What is offered; CLIENT_SSL is added when there is a secure context. */
  readonly capabilities: number;
  /** Those of them that the greeting does not tell of, and that a client may use all the same; none when left out. */
  readonly untold?: number;
  /** The greeting says these as well, and they mean nothing. */
  readonly meaningless?: number;
  /** Collation id of the greeting. */
  readonly charset: number;
  /** Status flags of the greeting. */
  readonly statusFlags: number;
  /** TLS is offered when this returns one; asked once per connection, so that certificates can be replaced. */
  readonly secureContext?: () => SecureContext | undefined;
  /** Keys for the full exchange of caching_sha2_password without TLS; it is refused without them. */
  readonly rsaKeys?: () => { readonly privateKey: KeyObject; readonly publicKeyPem: string } | undefined;
  /** Whether mysql_clear_password is taken: never, over TLS (and Unix sockets) only, or always. */
  readonly allowClearPassword: 'never' | 'tls' | 'always';
  /**
   * A client that names caching_sha2_password over TLS or a Unix socket is served by it, whatever the default is, and one
   * that names sha256_password always: new clients know no other plugin.
   */
  readonly cachingSha2WhenSecure?: boolean;
  /** A client that names sha256_password is served by it over an open line too, under our RSA key; true when left out. */
  readonly sha256OnOpenLines?: boolean;
  /** Whether a PROXY header from this peer is believed; it may also come without. Nobody is believed when left out. */
  readonly believesProxyOf?: (address: string) => boolean;
  /** From the greeting to the last packet of the login. */
  readonly loginTimeoutMs: number;
  /** Of the session to come. The login's own packets may be no larger either, and never above 128 kB. */
  readonly maxPacketBytes: number;
  /** The password of a user, or `undefined`; an unknown user is taken through the same steps as a known one. */
  lookup(username: string): StoredPassword | undefined;
  /** What a failed login is told. */
  accessDenied(username: string, address: string, usingPassword: boolean): ProtocolError;
  readonly onFailure?: (failure: LoginFailure) => void;
}

/** A client that has proved who it is, and waits for the final OK. */
export interface AuthenticatedLogin {
  /** The TLSSocket when upgraded. Paused: attach handlers, then `resume()`. */
  readonly socket: Socket;
  readonly username: string;
  /** '' when the client named none. */
  readonly schema: string;
  /** The same as the client sent it, in its character set; undefined where that makes no difference. */
  readonly schemaBytes: Buffer | undefined;
  /** The client a balancer spoke for, by the PROXY protocol. */
  readonly proxied: ProxiedClient | undefined;
  /** What both sides can do. */
  readonly capabilities: number;
  /** Collation id as the client sent it, known or not. */
  readonly charset: number;
  /** Connection attributes, for `decodeAttributes` of protocol/handshake.ts. */
  readonly attributes: Buffer;
  readonly tls: boolean;
  /** For a later COM_CHANGE_USER. */
  readonly nonce: Buffer;
  /** What the login taught us for backend logins. */
  readonly secret: Secret;
  /** Bytes that came after the login; normally empty. */
  readonly remainder: Buffer;
  /** Sends the final OK. */
  accept(statusFlags: number): void;
  /** Sends an error instead, and closes: for limits that are checked after authentication. */
  refuse(error: ProtocolError): void;
}
