/** The header of the PROXY protocol: both versions, cut anywhere, and what is none. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { trustedNetworks } from '../../../src/net/trusted-networks.ts';
import { parseProxyHeader } from '../../../src/protocol/proxy-header.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const v2 = (rest: string): Buffer => Buffer.from(SIGNATURE + rest, 'hex');

const GOOD: readonly (readonly [string, Buffer, { address: string; port: number } | undefined])[] = [
  ['TCP4', Buffer.from('PROXY TCP4 192.0.2.7 10.0.0.1 56324 6033\r\n'), { address: '192.0.2.7', port: 56324 }],
  ['TCP6', Buffer.from('PROXY TCP6 2001:DB8::7 ::1 1 6033\r\n'), { address: '2001:db8::7', port: 1 }],
  ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), undefined],
  ['2, IPv4', v2('2111000cc00002070a000001dc041791'), { address: '192.0.2.7', port: 56324 }],
  [
    '2, IPv6 with a value behind',
    v2(`21210028${'20010db8000000000000000000000007'}${'0'.repeat(31)}1dc04179104000100`),
    { address: '2001:db8::7', port: 56324 },
  ],
  ['2, LOCAL', v2('20000000'), undefined],
];

describe('PROXY header', () => {
  for (const [name, bytes, client] of GOOD) {
    test(`${name}, at once and byte by byte`, () => {
      const packet = Buffer.from('login');
      for (let length = 1; length < bytes.length; length++) {
        assert.equal(parseProxyHeader(bytes.subarray(0, length)).kind, 'incomplete');
      }
      assert.deepEqual(parseProxyHeader(Buffer.concat([bytes, packet])), {
        kind: 'header',
        bytes: bytes.length,
        client,
      });
    });
  }

  test('a login is none', () => {
    for (const bytes of ['2000000185a67f00', '50524f01', 'ff']) {
      assert.equal(parseProxyHeader(Buffer.from(bytes, 'hex')).kind, 'none');
    }
  });

  test('malformed ones', () => {
    const lines = [
      'PROXY TCP4 300.0.0.1 1.1.1.1 1 2\r\n',
      'PROXY TCP4 1.1.1.1 1.1.1.1 99999 2\r\n',
      'PROXY \r\n',
      `PROXY ${'x'.repeat(200)}`,
    ];
    for (const bytes of [...lines.map((line) => Buffer.from(line)), v2('3111000c'), v2('2111ffff'), v2('21110001aa')]) {
      assert.equal(parseProxyHeader(bytes).kind, 'malformed', bytes.toString());
    }
  });

  test('whose header is believed', () => {
    const some = trustedNetworks('10.0.0.0/8, 192.0.2.7,2001:db8::/32');
    for (const address of ['10.1.2.3', '192.0.2.7', '2001:db8::1']) assert.equal(some(address), true, address);
    for (const address of ['11.0.0.1', '192.0.2.8', '2001:db9::1', 'localhost'])
      assert.equal(some(address), false, address);
    assert.equal(trustedNetworks('')('10.0.0.1'), false);
    assert.equal(trustedNetworks('*')('localhost'), true);
  });
});
