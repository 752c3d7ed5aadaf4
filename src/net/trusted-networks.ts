/**
 * From which addresses a PROXY header is believed: mysql-proxy_protocol_networks, `*` for all or a list of networks. It
 * reads no header.
 */
import { BlockList, isIPv6 } from 'node:net';

export type TrustedNetworks = (address: string) => boolean;

const NOBODY: TrustedNetworks = () => false;

/** @param text `''`, `*`, or `10.0.0.0/8, fd00::/8, 192.0.2.7`; what is none of these trusts nobody */
export function trustedNetworks(text: string): TrustedNetworks {
  const pieces = text
    .split(',')
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '');
  if (pieces.length === 0) return NOBODY;
  if (pieces.includes('*')) return () => true;
  const list = new BlockList();
  for (const piece of pieces) {
    const [network = '', bits] = piece.split('/');
    const family = isIPv6(network) ? 'ipv6' : 'ipv4';
    try {
      list.addSubnet(network, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family);
    } catch {
      // The variable's own check lets no such piece through.
    }
  }
  return (address) => {
    try {
      return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
    } catch {
      return false;
    }
  };
}
