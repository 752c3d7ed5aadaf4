/**
 * The PROXY protocol, versions 1 and 2: what a load balancer puts in front of a client's bytes to say whose they are.
 * Pure; whether a peer may say so is net/trusted-networks.ts's.
 *
 * @see https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
 */

/** The client as the balancer saw it. */
export interface ProxiedClient {
  readonly address: string;
  readonly port: number;
}

export type ProxyHeader =
  /** More bytes decide. */
  | { readonly kind: 'incomplete' }
  /** The bytes are none; they belong to the protocol that follows. */
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed' }
  /** `client` is undefined when the balancer speaks for itself (health checks) or does not say. */
  | { readonly kind: 'header'; readonly bytes: number; readonly client: ProxiedClient | undefined };

const V1_PREFIX = Buffer.from('PROXY ');
/** Longest line of version 1, its end included. */
const V1_BYTES_MAX = 107;
const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_HEAD_BYTES = 16;
/** Addresses and additional values; no balancer sends more. */
const V2_BODY_BYTES_MAX = 4096;

const INCOMPLETE: ProxyHeader = { kind: 'incomplete' };
const NONE: ProxyHeader = { kind: 'none' };
const MALFORMED: ProxyHeader = { kind: 'malformed' };

/** Looks at the first bytes of a connection. No packet of a MySQL login begins as either version does. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (begins(bytes, V1_PREFIX)) return bytes.length < V1_PREFIX.length ? INCOMPLETE : parseLine(bytes);
  if (begins(bytes, V2_SIGNATURE)) return bytes.length < V2_HEAD_BYTES ? INCOMPLETE : parseBinary(bytes);
  return NONE;
}

function begins(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length);
  return bytes.compare(prefix, 0, length, 0, length) === 0;
}

function parseLine(bytes: Buffer): ProxyHeader {
  const end = bytes.indexOf('\r\n');
  if (end < 0) return bytes.length < V1_BYTES_MAX ? INCOMPLETE : MALFORMED;
  const [, family, source = '', , port = ''] = bytes.toString('latin1', 0, end).split(' ');
  const length = end + 2;
  if (family === 'UNKNOWN') return { kind: 'header', bytes: length, client: undefined };
  const address = family === 'TCP4' ? ipv4Of(source) : family === 'TCP6' ? ipv6Of(source) : undefined;
  if (address === undefined || !/^\d{1,5}$/.test(port) || Number(port) > 0xffff) return MALFORMED;
  return { kind: 'header', bytes: length, client: { address, port: Number(port) } };
}

function parseBinary(bytes: Buffer): ProxyHeader {
  const versionAndCommand = bytes[12] ?? 0;
  const family = (bytes[13] ?? 0) >> 4;
  const bodyBytes = bytes.readUInt16BE(14);
  if (versionAndCommand >> 4 !== 2 || (versionAndCommand & 0x0f) > 1 || bodyBytes > V2_BODY_BYTES_MAX) return MALFORMED;
  const length = V2_HEAD_BYTES + bodyBytes;
  if (bytes.length < length) return INCOMPLETE;
  const local = (versionAndCommand & 0x0f) === 0;
  const body = bytes.subarray(V2_HEAD_BYTES, length);
  if (!local && family === 1) {
    if (bodyBytes < 12) return MALFORMED;
    const address = [...body.subarray(0, 4)].join('.');
    return { kind: 'header', bytes: length, client: { address, port: body.readUInt16BE(8) } };
  }
  if (!local && family === 2) {
    if (bodyBytes < 36) return MALFORMED;
    return { kind: 'header', bytes: length, client: { address: ipv6Text(body), port: body.readUInt16BE(32) } };
  }
  return { kind: 'header', bytes: length, client: undefined };
}

function ipv4Of(text: string): string | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  return match?.slice(1).every((part) => Number(part) <= 255) === true ? text : undefined;
}

function ipv6Of(text: string): string | undefined {
  return /^[0-9a-fA-F:.]{2,45}$/.test(text) && text.includes(':') ? text.toLowerCase() : undefined;
}

/** Sixteen bytes as text, the longest run of zeros left out; an IPv4 address in its own form. */
function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return [...bytes.subarray(12, 16)].join('.');
  }
  const text = groups.map((group) => group.toString(16)).join(':');
  const zeros = (text.match(/(?:^|:)0(?::0)+(?=:|$)/g) ?? []).sort((a, b) => b.length - a.length)[0];
  if (zeros === undefined) return text;
  return text.replace(zeros, '::').replace(/:{3,}/, '::');
}
