/**
 * From an accepted socket to a session: login under the runtime of the moment, limits, what the login teaches about
 * backend logins. It does not run commands.
 */
import type { Socket } from 'node:net';
import { SESSION_ID_BITS } from '../../runtime/messages.ts';
import type { UserEntry } from '../../runtime/snapshot.ts';
import type { MysqlVariables, SluiceVariables } from '../../runtime/variables.ts';
import { mirroredState } from '../backend/mirrored-state.ts';
import type { AuthenticatedLogin, LoginPolicy } from '../connection-phase/login-policy.ts';
import { type ChangeUserContext, reauthenticate, serverLogin } from '../connection-phase/server-login.ts';
import type { BackendSecret } from '../hostgroup/connector.ts';
import { fullSocket } from '../net/bare-socket.ts';
import { compressedSocket, isCompressed } from '../net/compressed-socket.ts';
import { type Compression, zlibCompression, zstdCompression } from '../net/compression.ts';
import type { TlsIdentity } from '../net/tls.ts';
import { trustedNetworks } from '../net/trusted-networks.ts';
import { ANY_COMPRESSION, Capability, SERVING_CAPABILITIES } from '../protocol/capabilities.ts';
import { charsetById, collationByName, isParseable } from '../protocol/charsets.ts';
import { errors, type ProtocolError } from '../protocol/errors.ts';
import { StatusFlag } from '../protocol/status-flags.ts';
import { decodeText, notDecoded } from '../session/client-text.ts';
import type { WorkerContext, WorkerRuntime } from '../session/context.ts';
import { Session } from '../session/session.ts';
import { askForSchema } from '../session/use-schema.ts';
import { ClientConnection } from './client-connection.ts';
import type { FairShare } from './fair-share.ts';
import { ClientPlaces } from './places.ts';
import { type ClientHost, type LoginTerms, ServedClient } from './served-client.ts';

/** ProxySQL announces these two as well, which mean nothing. */
const OFFERED_CAPABILITIES =
  SERVING_CAPABILITIES | Capability.SESSION_TRACK | Capability.IGNORE_SIGPIPE | Capability.RESERVED;

/** What the variables let clients have besides. */
function offeredCapabilities(variables: MysqlVariables, sluice: SluiceVariables): number {
  let offered = OFFERED_CAPABILITIES;
  if (sluice.queryAttributes) offered |= Capability.QUERY_ATTRIBUTES;
  if (variables.enableLoadDataLocalInfile) offered |= Capability.LOCAL_FILES;
  if (!variables.enableClientDeprecateEof) offered &= ~Capability.DEPRECATE_EOF;
  if (variables.haveCompress) offered |= Capability.COMPRESS | Capability.ZSTD_COMPRESSION_ALGORITHM;
  return offered >>> 0;
}

/** What ProxySQL's greeting does not have: with sluice-strict off it looks like ProxySQL's, and clients may use them all the same. */
const UNTOLD_CAPABILITIES =
  Capability.IGNORE_SPACE |
  Capability.LOCAL_FILES |
  Capability.CONNECT_ATTRS |
  Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA |
  Capability.ZSTD_COMPRESSION_ALGORITHM;

/** What both sides agreed on, unless the connection has it already: COM_CHANGE_USER changes nothing about it. */
function compressionOf({
  capabilities,
  socket,
}: AuthenticatedLogin): Compression | undefined | Promise<Compression | undefined> {
  if ((capabilities & ANY_COMPRESSION) === 0 || isCompressed(socket)) return undefined;
  return (capabilities & Capability.COMPRESS) !== 0 ? zlibCompression : zstdCompression();
}

const NOTHING = Buffer.alloc(0);

/** Collation announced in the greeting when mysql-default_collation_connection is unknown: utf8_general_ci. */
const GREETING_COLLATION_ID = 33;

/** A clear password seen in a full login, valid as long as the stored one it proved is the same. */
interface Learned {
  readonly stored: string;
  readonly clear: string;
}

export class Frontend implements ClientHost {
  readonly #context: WorkerContext;
  readonly #tls: () => TlsIdentity;
  readonly #learned = new Map<string, Learned>();
  readonly #places: ClientPlaces;
  #lastConnectionId = 0;
  #loggingIn = 0;
  readonly #share: FairShare | undefined;
  draining = false;

  /** @param share learns who comes and goes; there is none where there is one worker */
  constructor(context: WorkerContext, tls: () => TlsIdentity, share?: FairShare) {
    this.#context = context;
    this.#tls = tls;
    this.#share = share;
    this.#places = new ClientPlaces(context.quotas);
  }

  /** Clients in all and by user. */
  get places(): ClientPlaces {
    return this.#places;
  }

  get logger(): WorkerContext['logger'] {
    return this.#context.logger;
  }

  /** Ends idle sessions now and the others after their statement or transaction. */
  drain(): void {
    this.draining = true;
    for (const session of this.#context.sessions.values()) if (session.idle) session.client.end();
  }

  /** Clients that have a session or are logging in. */
  get clients(): number {
    return this.#context.sessions.size + this.#loggingIn;
  }

  async accept(socket: Socket): Promise<void> {
    const { counters } = this.#context;
    counters.Client_Connections_created += 1;
    const connectionId = this.#nextConnectionId();
    this.#loggingIn += 1;
    this.#share?.changed();
    try {
      const login = await serverLogin(socket, connectionId, this.#policy());
      if (login === undefined) counters.Client_Connections_aborted += 1;
      else await this.#admit(login, connectionId);
    } finally {
      this.#loggingIn -= 1;
      this.#share?.changed();
    }
  }

  async #admit(login: AuthenticatedLogin, connectionId: number): Promise<void> {
    const context = this.#context;
    const { username } = login;
    const { runtime, counters } = context;
    const user = runtime.frontendUsers.get(username);
    if (user === undefined || needsCertificate(user))
      return login.refuse(errors.accessDenied(username, addressOf(login), true));
    if (user.useSsl && !login.tls) return login.refuse(errors.sslRequired(username, user.password !== ''));
    const { charset = '' } = charsetById(login.charset) ?? {};
    if (!isParseable(charset)) return login.refuse(errors.clientCharset(charset));
    const schema = schemaOf(login, charset);
    if (typeof schema !== 'string') return login.refuse(schema);
    const taken = this.#places.take(username);
    const refused = taken instanceof Promise ? await taken : taken;
    if (refused === 'clients') {
      counters.Access_Denied_Max_Connections += 1;
      return login.refuse(errors.tooManyConnections());
    }
    if (refused === 'user') {
      counters.Access_Denied_Max_User_Connections += 1;
      return login.refuse(errors.tooManyUserConnections(username, user.maxConnections));
    }
    this.#learn(login, user);
    const session = new Session(context, {
      connectionId,
      user,
      backendUser: { username, secret: this.#backendSecret(login, user) },
      capabilities: login.capabilities,
      collationId: login.charset,
      schema,
    });
    const asked = askForSchema(session, schema, addressOf(login));
    const unknownSchema = asked === undefined ? undefined : await asked;
    // Other workers may have been asked for a place, and the client may have left meanwhile.
    if (login.socket.destroyed || unknownSchema !== undefined) {
      this.#places.release(username);
      if (unknownSchema !== undefined) login.refuse(unknownSchema);
      return;
    }
    const compression = compressionOf(login);
    this.#start(session, login, compression instanceof Promise ? await compression : compression);
  }

  #start(session: Session, login: AuthenticatedLogin, compression: Compression | undefined): void {
    const context = this.#context;
    // In clear: what follows it is compressed.
    login.accept(StatusFlag.AUTOCOMMIT);
    const socket =
      compression === undefined
        ? login.socket
        : compressedSocket(fullSocket(login.socket), compression, 'server', login.remainder);
    const { capabilities, charset, nonce, tls, proxied } = login;
    const served = new ServedClient(this, session, { capabilities, charset, nonce, tls, proxied });
    session.client = new ClientConnection(socket, served, {
      maxPacketBytes: context.runtime.variables.maxAllowedPacket,
      proxied,
    });
    context.sessions.set(session.connectionId, session);
    context.counters.Client_Connections_connected += 1;
    session.client.start(compression === undefined ? login.remainder : NOTHING);
  }

  ended(session: Session): void {
    this.#context.sessions.delete(session.connectionId);
    const { counters } = this.#context;
    counters.Client_Connections_connected -= 1;
    counters.Queries_frontends_bytes_recv += session.client.bytesReceived;
    counters.Queries_frontends_bytes_sent += session.client.bytesSent;
    this.#share?.left(session.ageMs);
    session.onClosed();
    this.#places.release(session.user.username);
  }

  /** By the rules of any login; the connection keeps its id. */
  changeUser(session: Session, terms: LoginTerms, payload: Buffer, early: Buffer): void {
    void this.#changeUser({ ...terms, socket: session.client.socket, payload, early }, session.connectionId);
  }

  async #changeUser(context: ChangeUserContext, connectionId: number): Promise<void> {
    const login = await reauthenticate(context, this.#policy());
    if (login !== undefined) await this.#admit(login, connectionId);
  }

  #learn(login: AuthenticatedLogin, user: UserEntry): void {
    const { clear } = login.secret;
    if (clear !== undefined && user.password !== clear)
      this.#learned.set(user.username, { stored: user.password, clear });
  }

  /** What servers are shown: the backend row's password when it is clear, else what this login has proved. */
  #backendSecret(login: AuthenticatedLogin, user: UserEntry): BackendSecret {
    const stored = this.#context.runtime.backendUsers.get(user.username)?.password ?? user.password;
    const hashed = /^\*[0-9a-f]{40}$/i.test(stored) || stored.startsWith('$A$');
    if (!hashed) return { clear: stored };
    const learned = this.#learnedBy(user)?.clear ?? login.secret.clear;
    return {
      ...(learned === undefined ? {} : { clear: learned }),
      ...(login.secret.sha1 === undefined ? {} : { sha1: login.secret.sha1 }),
    };
  }

  #learnedBy(user: UserEntry): Learned | undefined {
    const learned = this.#learned.get(user.username);
    return learned?.stored === user.password ? learned : undefined;
  }

  #policyOf: { readonly runtime: WorkerRuntime; readonly policy: LoginPolicy } | undefined;

  /** What holds for logins as long as the runtime is the same. */
  #policy(): LoginPolicy {
    const { runtime } = this.#context;
    if (this.#policyOf?.runtime !== runtime) this.#policyOf = { runtime, policy: this.#makePolicy() };
    return this.#policyOf.policy;
  }

  #makePolicy(): LoginPolicy {
    const { variables, sluice, frontendUsers } = this.#context.runtime;
    const collation = collationByName(variables.defaultCollationConnection)?.id ?? GREETING_COLLATION_ID;
    return {
      serverVersion: variables.serverVersion,
      defaultAuthPlugin:
        variables.defaultAuthenticationPlugin === 'caching_sha2_password'
          ? 'caching_sha2_password'
          : 'mysql_native_password',
      capabilities: offeredCapabilities(variables, sluice),
      charset: charsetById(collation) === undefined || collation > 255 ? GREETING_COLLATION_ID : collation,
      statusFlags: StatusFlag.AUTOCOMMIT,
      secureContext: () => (variables.haveSsl ? this.#tls().secureContext : undefined),
      rsaKeys: () => this.#tls().rsaKeys,
      ...(sluice.strict ? {} : { untold: UNTOLD_CAPABILITIES, meaningless: Capability.REMEMBER_OPTIONS }),
      allowClearPassword: sluice.strict ? 'tls' : 'always',
      sha256OnOpenLines: sluice.strict,
      cachingSha2WhenSecure: true,
      believesProxyOf: trustedNetworks(variables.proxyProtocolNetworks),
      loginTimeoutMs: variables.connectTimeoutClient,
      maxPacketBytes: 1 << 20,
      lookup: (username) => {
        const user = frontendUsers.get(username);
        return user === undefined ? undefined : { stored: user.password, learned: this.#learnedBy(user)?.clear };
      },
      accessDenied: (username, address, usingPassword) => {
        this.#context.counters.Access_Denied_Wrong_Password += 1;
        return errors.accessDenied(username, address, usingPassword);
      },
    };
  }

  /** The next client gets an id one higher. */
  skipConnectionId(): void {
    this.#lastConnectionId = (this.#lastConnectionId + 1) & 0xff_ffff;
  }

  /** The worker's index in the high byte, so that ids are unique over all workers; skips ids still in use. */
  #nextConnectionId(): number {
    const high = this.#context.workerIndex << SESSION_ID_BITS;
    do this.#lastConnectionId = (this.#lastConnectionId + 1) & 0xff_ffff;
    while (this.#lastConnectionId === 0 || this.#context.sessions.has((high | this.#lastConnectionId) >>> 0));
    return (high | this.#lastConnectionId) >>> 0;
  }
}

/** attributes.spiffe_id wants a client certificate, which sluice does not check yet: nobody may come in without. */
function needsCertificate(user: UserEntry): boolean {
  return user.attributes.includes('spiffe_id');
}

/** The schema that the client names, in its own character set as servers read it; or why it cannot be read. */
function schemaOf({ schema, schemaBytes }: AuthenticatedLogin, charset: string): string | ProtocolError {
  if (schemaBytes === undefined) return schema;
  const state = mirroredState('', charset === '' ? undefined : { charset, collation: '' });
  return decodeText(schemaBytes, 0, schemaBytes.length, state) ?? notDecoded(schemaBytes, 0, schemaBytes.length, state);
}

function addressOf(login: AuthenticatedLogin): string {
  return login.proxied?.address ?? login.socket.remoteAddress ?? 'localhost';
}
