/**
 * Encodes and decodes the packets of the connection phase and COM_CHANGE_USER. It does not decide who may log in
 * (connection-phase/) nor compute scrambles (auth/).
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets.html
 */
import { isAscii } from 'node:buffer';
import { Capability, hasCapability } from './capabilities.ts';
import { Command } from './commands.ts';
import { EOF_HEADER } from './ok-err-eof.ts';
import { MalformedPacket, PacketReader } from './packet-reader.ts';
import { PacketWriter } from './packet-writer.ts';

export const PROTOCOL_VERSION = 10;
/** Length of the random bytes a scramble is made with. */
export const NONCE_BYTES = 20;
/** A client's first packet of exactly this length, with CLIENT_SSL set, asks for TLS. */
export const SSL_REQUEST_BYTES = 32;
export const AUTH_MORE_DATA_HEADER = 0x01;

const NONCE_FIRST_PART_BYTES = 8;
/** The nonce and the zero byte that has always followed it. */
const AUTH_DATA_BYTES = NONCE_BYTES + 1;
const GREETING_FILLER_BYTES = 10;
const RESPONSE_FILLER_BYTES = 23;
/** MariaDB puts this in front of its version, so that old replicas accept a major version of 10 and above. */
const MARIADB_VERSION_PREFIX = '5.5.5-';

export interface Greeting {
  readonly serverVersion: string;
  readonly connectionId: number;
  /** NONCE_BYTES bytes, none of them zero. */
  readonly nonce: Buffer;
  readonly capabilities: number;
  /** Collation id; the packet has room for its low byte only. */
  readonly charset: number;
  readonly statusFlags: number;
  readonly authPlugin: string;
}

/** The packet by which a client switches to TLS before it says who it is. */
export interface SslRequest {
  readonly kind: 'ssl-request';
  readonly capabilities: number;
  readonly maxPacketBytes: number;
  readonly charset: number;
}

export interface HandshakeResponse {
  readonly kind: 'response';
  readonly capabilities: number;
  readonly maxPacketBytes: number;
  readonly charset: number;
  readonly username: string;
  readonly authResponse: Buffer;
  readonly schema: string;
  /** The same as it came, in the client's character set; undefined where that makes no difference. */
  readonly schemaBytes: Buffer | undefined;
  /** `undefined` when the client has no CLIENT_PLUGIN_AUTH; it then means mysql_native_password. */
  readonly authPlugin: string | undefined;
  /** The connection attributes as they came, for `decodeAttributes`; empty when there are none. */
  readonly attributes: Buffer;
}

/** The same as a client has it to send. */
export interface OutgoingResponse extends Omit<HandshakeResponse, 'kind' | 'schemaBytes' | 'attributes'> {
  readonly attributes: ReadonlyMap<string, string>;
}

/** A client older than protocol 4.1; nothing else of its packet is of use. */
export interface ObsoleteResponse {
  readonly kind: 'obsolete';
}

export interface AuthSwitchRequest {
  readonly plugin: string;
  /** Without the zero byte that ends it. */
  readonly data: Buffer;
}

export interface ChangeUser {
  readonly username: string;
  readonly authResponse: Buffer;
  readonly schema: string;
  /** The same as it came, in the character set that the client names; undefined where that makes no difference. */
  readonly schemaBytes: Buffer | undefined;
  /** `undefined` when the packet ends before it. */
  readonly charset: number | undefined;
  readonly authPlugin: string | undefined;
  /** As in HandshakeResponse. */
  readonly attributes: Buffer;
}

/** The same as a client has it to send. */
export interface OutgoingChangeUser extends Omit<ChangeUser, 'schemaBytes' | 'attributes'> {
  readonly attributes: ReadonlyMap<string, string>;
}

/** Writes the server's first packet; returns the next sequence id. */
export function writeGreeting(writer: PacketWriter, sequenceId: number, greeting: Greeting): number {
  return writer
    .begin(sequenceId)
    .u8(PROTOCOL_VERSION)
    .nulString(greeting.serverVersion)
    .u32(greeting.connectionId)
    .bytes(greeting.nonce.subarray(0, NONCE_FIRST_PART_BYTES))
    .u8(0)
    .u16(greeting.capabilities & 0xffff)
    .u8(greeting.charset & 0xff)
    .u16(greeting.statusFlags)
    .u16(greeting.capabilities >>> 16)
    .u8(AUTH_DATA_BYTES)
    .zeros(GREETING_FILLER_BYTES)
    .bytes(greeting.nonce.subarray(NONCE_FIRST_PART_BYTES, NONCE_BYTES))
    .u8(0)
    .nulString(greeting.authPlugin)
    .end();
}

/**
 * Decodes a server's first packet; MariaDB's version prefix is taken off.
 * @throws MalformedPacket also for a protocol other than 10
 */
export function decodeGreeting(buffer: Buffer, start: number, end: number): Greeting {
  const reader = new PacketReader(buffer, start, end);
  const version = reader.u8();
  if (version !== PROTOCOL_VERSION) throw new MalformedPacket(`protocol version ${version}`);
  const serverVersion = reader.nulString();
  const connectionId = reader.u32();
  const firstPart = reader.bytes(NONCE_FIRST_PART_BYTES);
  reader.skip(1);
  const lowCapabilities = reader.u16();
  const charset = reader.u8();
  const statusFlags = reader.u16();
  const capabilities = (lowCapabilities | (reader.u16() << 16)) >>> 0;
  const authDataBytes = reader.u8();
  reader.skip(GREETING_FILLER_BYTES);
  const secondPart = reader.bytes(Math.max(13, authDataBytes - NONCE_FIRST_PART_BYTES));
  return {
    serverVersion: serverVersion.startsWith(MARIADB_VERSION_PREFIX)
      ? serverVersion.slice(MARIADB_VERSION_PREFIX.length)
      : serverVersion,
    connectionId,
    nonce: Buffer.concat([firstPart, secondPart]).subarray(0, NONCE_BYTES),
    capabilities,
    charset,
    statusFlags,
    authPlugin: hasCapability(capabilities, Capability.PLUGIN_AUTH) ? readLastString(reader) : 'mysql_native_password',
  };
}

/** Writes the SSLRequest; returns the next sequence id. */
export function writeSslRequest(writer: PacketWriter, sequenceId: number, request: Omit<SslRequest, 'kind'>): number {
  return writeResponseHead(writer.begin(sequenceId), request).end();
}

/** Writes the client's login packet, in the form its `capabilities` say; returns the next sequence id. */
export function writeHandshakeResponse(writer: PacketWriter, sequenceId: number, response: OutgoingResponse): number {
  const has = (capability: number) => hasCapability(response.capabilities, capability);
  writeResponseHead(writer.begin(sequenceId), response).nulString(response.username);
  if (has(Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA)) writer.lenencBytes(response.authResponse);
  else if (has(Capability.SECURE_CONNECTION)) writer.u8(response.authResponse.length).bytes(response.authResponse);
  else writer.bytes(response.authResponse).u8(0);
  if (has(Capability.CONNECT_WITH_DB)) writer.nulString(response.schema);
  if (has(Capability.PLUGIN_AUTH)) writer.nulString(response.authPlugin ?? 'mysql_native_password');
  if (has(Capability.CONNECT_ATTRS)) writeAttributes(writer, response.attributes);
  return writer.end();
}

function writeResponseHead(writer: PacketWriter, head: Omit<SslRequest, 'kind'>): PacketWriter {
  return writer
    .u32(head.capabilities)
    .u32(head.maxPacketBytes)
    .u8(head.charset & 0xff)
    .zeros(RESPONSE_FILLER_BYTES);
}

/**
 * Decodes the packet a client sends after the greeting. The byte fields are copies.
 * @throws MalformedPacket
 */
export function decodeHandshakeResponse(
  buffer: Buffer,
  start: number,
  end: number,
): SslRequest | HandshakeResponse | ObsoleteResponse {
  const reader = new PacketReader(buffer, start, end);
  if (reader.remaining < 2) throw new MalformedPacket('payload ends early');
  const lowCapabilities = buffer.readUInt16LE(start);
  if (!hasCapability(lowCapabilities, Capability.PROTOCOL_41)) return { kind: 'obsolete' };
  const capabilities = reader.u32();
  const maxPacketBytes = reader.u32();
  const charset = reader.u8();
  reader.skip(RESPONSE_FILLER_BYTES);
  if (reader.remaining === 0 && hasCapability(capabilities, Capability.SSL)) {
    return { kind: 'ssl-request', capabilities, maxPacketBytes, charset };
  }
  const username = reader.nulString();
  const authResponse = readAuthResponse(reader, capabilities);
  const schemaBytes = hasCapability(capabilities, Capability.CONNECT_WITH_DB) ? readLast(reader) : NOTHING;
  return {
    kind: 'response',
    capabilities,
    maxPacketBytes,
    charset,
    username,
    authResponse,
    schema: schemaBytes.toString(),
    schemaBytes: beyondAscii(schemaBytes),
    authPlugin: hasCapability(capabilities, Capability.PLUGIN_AUTH) ? readLastString(reader) : undefined,
    attributes: readAttributes(reader, capabilities),
  };
}

function readAuthResponse(reader: PacketReader, capabilities: number): Buffer {
  if (hasCapability(capabilities, Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA)) return Buffer.from(reader.lenencBytes());
  if (hasCapability(capabilities, Capability.SECURE_CONNECTION)) return Buffer.from(reader.bytes(reader.u8()));
  // Without CLIENT_SECURE_CONNECTION a zero byte ends it, though a scramble may itself hold one: its length is known.
  const rest = reader.remaining;
  if (rest > NONCE_BYTES && reader.byteAt(NONCE_BYTES) === 0 && reader.byteAt(0) !== 0) {
    const scramble = Buffer.from(reader.bytes(NONCE_BYTES));
    reader.skip(1);
    return scramble;
  }
  return rest === 0 ? Buffer.alloc(0) : Buffer.from(reader.nulBytes());
}

/** A zero-terminated string; old clients leave out the trailing zero, or the whole string. */
function readLastString(reader: PacketReader): string {
  return readLast(reader).toString();
}

function beyondAscii(bytes: Buffer): Buffer | undefined {
  return isAscii(bytes) ? undefined : bytes;
}

const NOTHING = Buffer.alloc(0);

function readLast(reader: PacketReader): Buffer {
  if (reader.remaining === 0) return NOTHING;
  return Buffer.from(reader.hasNul() ? reader.nulBytes() : reader.rest());
}

/** Connection attributes: pairs of length-encoded strings, their total length in front. Checked, and not decoded: few ask for them. */
function readAttributes(reader: PacketReader, capabilities: number): Buffer {
  if (!hasCapability(capabilities, Capability.CONNECT_ATTRS) || reader.remaining === 0) return NOTHING;
  const left = reader.remaining;
  const bytes = reader.lenencInt();
  if (bytes > left) throw new MalformedPacket('connection attributes beyond the packet');
  const start = reader.position;
  const rest = reader.remaining;
  while (rest - reader.remaining < bytes) {
    reader.skipLenenc();
    reader.skipLenenc();
  }
  return reader.since(start);
}

/** The names and values of connection attributes. */
export function decodeAttributes(bytes: Buffer): ReadonlyMap<string, string> {
  const reader = new PacketReader(bytes);
  const attributes = new Map<string, string>();
  while (reader.remaining > 0) attributes.set(reader.lenencString(), reader.lenencString());
  return attributes;
}

function writeAttributes(writer: PacketWriter, attributes: ReadonlyMap<string, string>): void {
  const pairs = new PacketWriter().begin(0);
  for (const [key, value] of attributes) pairs.lenencString(key).lenencString(value);
  pairs.end();
  writer.lenencBytes(pairs.take().subarray(4));
}

/** Writes a request to log in by another plugin; `data` gets the zero byte clients expect. Returns the next id. */
export function writeAuthSwitchRequest(writer: PacketWriter, sequenceId: number, request: AuthSwitchRequest): number {
  return writer.begin(sequenceId).u8(EOF_HEADER).nulString(request.plugin).bytes(request.data).u8(0).end();
}

/**
 * Decodes an AuthSwitchRequest. A single byte is the form of servers before 4.1 and asks for mysql_old_password.
 * @throws MalformedPacket
 */
export function decodeAuthSwitchRequest(buffer: Buffer, start: number, end: number): AuthSwitchRequest {
  const reader = new PacketReader(buffer, start, end);
  if (reader.u8() !== EOF_HEADER) throw new MalformedPacket('not an AuthSwitchRequest');
  if (reader.remaining === 0) return { plugin: 'mysql_old_password', data: Buffer.alloc(0) };
  const plugin = reader.nulString();
  const data = reader.rest();
  return { plugin, data: Buffer.from(data.at(-1) === 0 ? data.subarray(0, -1) : data) };
}

/** Writes a plugin's own message to the client; returns the next sequence id. */
export function writeAuthMoreData(writer: PacketWriter, sequenceId: number, data: Uint8Array): number {
  return writer.begin(sequenceId).u8(AUTH_MORE_DATA_HEADER).bytes(data).end();
}

/** Writes a packet of bare bytes, as clients answer plugins; returns the next sequence id. */
export function writeAuthData(writer: PacketWriter, sequenceId: number, data: Uint8Array): number {
  return writer.begin(sequenceId).bytes(data).end();
}

/** Writes COM_CHANGE_USER for a server that negotiated `capabilities`; returns the next sequence id. */
export function writeChangeUser(writer: PacketWriter, change: OutgoingChangeUser, capabilities: number): number {
  writer
    .begin(0)
    .u8(Command.COM_CHANGE_USER)
    .nulString(change.username)
    .u8(change.authResponse.length)
    .bytes(change.authResponse)
    .nulString(change.schema)
    .u16(change.charset ?? 0);
  if (hasCapability(capabilities, Capability.PLUGIN_AUTH)) writer.nulString(change.authPlugin ?? '');
  if (hasCapability(capabilities, Capability.CONNECT_ATTRS)) writeAttributes(writer, change.attributes);
  return writer.end();
}

/**
 * Decodes COM_CHANGE_USER, command byte included, of a client that negotiated `capabilities`.
 * @throws MalformedPacket
 */
export function decodeChangeUser(buffer: Buffer, start: number, end: number, capabilities: number): ChangeUser {
  const reader = new PacketReader(buffer, start, end);
  if (reader.u8() !== Command.COM_CHANGE_USER) throw new MalformedPacket('not COM_CHANGE_USER');
  const username = reader.nulString();
  const secure = hasCapability(capabilities, Capability.SECURE_CONNECTION);
  const authResponse = Buffer.from(secure ? reader.bytes(reader.u8()) : reader.nulBytes());
  const schemaBytes = readLast(reader);
  const schema = schemaBytes.toString();
  const charset = reader.remaining >= 2 ? reader.u16() : undefined;
  const named = hasCapability(capabilities, Capability.PLUGIN_AUTH) && reader.remaining > 0;
  const authPlugin = named ? readLastString(reader) : undefined;
  const attributes = readAttributes(reader, capabilities);
  return { username, authResponse, schema, schemaBytes: beyondAscii(schemaBytes), charset, authPlugin, attributes };
}
