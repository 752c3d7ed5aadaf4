import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Capability } from '../../../src/protocol/capabilities.ts';
import { HEADER_BYTES } from '../../../src/protocol/framer.ts';
import {
  decodeAttributes,
  decodeAuthSwitchRequest,
  decodeChangeUser,
  decodeGreeting,
  decodeHandshakeResponse,
  type OutgoingResponse,
  SSL_REQUEST_BYTES,
  writeAuthSwitchRequest,
  writeChangeUser,
  writeGreeting,
  writeHandshakeResponse,
  writeSslRequest,
} from '../../../src/protocol/handshake.ts';
import { MalformedPacket } from '../../../src/protocol/packet-reader.ts';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';
import { fc } from '../../helpers/properties.ts';

const NONCE = Buffer.from('abcdefgh123456789012');
/** What ProxySQL 2.7.1 announces. */
const PROXYSQL_CAPABILITIES = 2_173_696_559;
const MODERN =
  Capability.PROTOCOL_41 |
  Capability.SECURE_CONNECTION |
  Capability.PLUGIN_AUTH |
  Capability.CONNECT_WITH_DB |
  Capability.CONNECT_ATTRS |
  Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA;

function payloadOf(write: (writer: PacketWriter) => void): Buffer {
  const writer = new PacketWriter();
  write(writer);
  return writer.take().subarray(HEADER_BYTES);
}

function response(changes: Partial<OutgoingResponse> = {}): OutgoingResponse {
  return {
    capabilities: MODERN,
    maxPacketBytes: 0x100_0000,
    charset: 45,
    username: 'ada',
    authResponse: Buffer.alloc(20, 7),
    schema: 'clinic',
    authPlugin: 'mysql_native_password',
    attributes: new Map([['program_name', 'test']]),
    ...changes,
  };
}

function roundTrip(sent: OutgoingResponse) {
  const payload = payloadOf((writer) => writeHandshakeResponse(writer, 1, sent));
  const decoded = decodeHandshakeResponse(payload, 0, payload.length);
  return decoded.kind === 'response' ? { ...decoded, attributes: decodeAttributes(decoded.attributes) } : decoded;
}

describe('the greeting', () => {
  const greeting = {
    serverVersion: '8.0.11',
    connectionId: 3,
    nonce: NONCE,
    capabilities: PROXYSQL_CAPABILITIES,
    charset: 33,
    statusFlags: 2,
    authPlugin: 'mysql_native_password',
  };

  test('has the length, order and fillers of ProxySQL 2.7.1', () => {
    const payload = payloadOf((writer) => writeGreeting(writer, 0, greeting));
    assert.equal(
      payload.toString('hex'),
      [
        '0a',
        `${Buffer.from('8.0.11').toString('hex')}00`,
        '03000000',
        NONCE.subarray(0, 8).toString('hex'),
        '00',
        '2ffa',
        '21',
        '0200',
        '8f81',
        '15',
        '00'.repeat(10),
        NONCE.subarray(8).toString('hex'),
        '00',
        `${Buffer.from('mysql_native_password').toString('hex')}00`,
      ].join(''),
    );
    assert.equal(payload.length, 74);
  });

  test('decodes to what was encoded', () => {
    const payload = payloadOf((writer) => writeGreeting(writer, 0, greeting));
    assert.deepEqual(decodeGreeting(payload, 0, payload.length), greeting);
  });

  test("loses MariaDB's version prefix", () => {
    const payload = payloadOf((writer) => writeGreeting(writer, 0, { ...greeting, serverVersion: '5.5.5-10.11.18' }));
    assert.equal(decodeGreeting(payload, 0, payload.length).serverVersion, '10.11.18');
  });

  test('is refused when cut short or of another protocol', () => {
    const payload = payloadOf((writer) => writeGreeting(writer, 0, greeting));
    for (let end = 0; end < 52; end++) assert.throws(() => decodeGreeting(payload, 0, end), MalformedPacket);
    payload[0] = 9;
    assert.throws(() => decodeGreeting(payload, 0, payload.length), /protocol version 9/);
  });
});

describe('the handshake response', () => {
  test('decodes to what was encoded, whatever the client can do', () => {
    const all = { kind: 'response' as const, schemaBytes: undefined, ...response() };
    assert.deepEqual(roundTrip(response()), all);
    const withoutLenenc = (MODERN & ~Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA) >>> 0;
    assert.deepEqual(roundTrip(response({ capabilities: withoutLenenc })), { ...all, capabilities: withoutLenenc });
    const bare = (Capability.PROTOCOL_41 | Capability.SECURE_CONNECTION) >>> 0;
    assert.deepEqual(roundTrip(response({ capabilities: bare })), {
      ...all,
      capabilities: bare,
      schema: '',
      authPlugin: undefined,
      attributes: new Map(),
    });
  });

  test('may hold zero bytes in the scramble of a client without CLIENT_SECURE_CONNECTION', () => {
    const authResponse = Buffer.from('aa00bb00ccddeeff00112233445566778899aabb', 'hex');
    const capabilities = Capability.PROTOCOL_41 | Capability.CONNECT_WITH_DB;
    const decoded = roundTrip(response({ capabilities, authResponse }));
    assert.equal(decoded.kind, 'response');
    assert.deepEqual(decoded.kind === 'response' && decoded.authResponse, authResponse);
    assert.equal(decoded.kind === 'response' && decoded.schema, 'clinic');
  });

  test('of 32 bytes with CLIENT_SSL is an SSLRequest', () => {
    const request = { capabilities: Capability.SSL | Capability.PROTOCOL_41, maxPacketBytes: 1 << 24, charset: 8 };
    const payload = payloadOf((writer) => writeSslRequest(writer, 1, request));
    assert.equal(payload.length, SSL_REQUEST_BYTES);
    assert.deepEqual(decodeHandshakeResponse(payload, 0, payload.length), { kind: 'ssl-request', ...request });
  });

  test('of a client before 4.1 is told apart', () => {
    const payload = Buffer.from([0x85, 0x24, 0, 0, 0, 0x61, 0]);
    assert.deepEqual(decodeHandshakeResponse(payload, 0, payload.length), { kind: 'obsolete' });
  });

  test('never makes the decoder do anything but answer or throw MalformedPacket', () => {
    const valid = payloadOf((writer) => writeHandshakeResponse(writer, 1, response()));
    fc.assert(
      fc.property(fc.nat({ max: valid.length }), fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 }))), (end, damage) => {
        const payload = Buffer.from(valid.subarray(0, end));
        if (payload.length > 0) for (const [at, byte] of damage) payload[at % payload.length] = byte;
        try {
          const decoded = decodeHandshakeResponse(payload, 0, payload.length);
          // What was let through can be read.
          if (decoded.kind === 'response') decodeAttributes(decoded.attributes);
        } catch (error) {
          assert.ok(error instanceof MalformedPacket);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the auth switch request', () => {
  test('carries the nonce with its zero byte, 21 bytes as ProxySQL sends it', () => {
    const request = { plugin: 'mysql_native_password', data: NONCE };
    const payload = payloadOf((writer) => writeAuthSwitchRequest(writer, 2, request));
    assert.equal(payload.length - 'mysql_native_password'.length - 2, 21);
    assert.deepEqual(decodeAuthSwitchRequest(payload, 0, payload.length), request);
  });

  test('of one byte asks for the old plugin', () => {
    assert.equal(decodeAuthSwitchRequest(Buffer.from([0xfe]), 0, 1).plugin, 'mysql_old_password');
  });
});

describe('COM_CHANGE_USER', () => {
  test('decodes to what was encoded', () => {
    const change = {
      username: 'ada',
      authResponse: Buffer.alloc(20, 3),
      schema: 'clinic',
      charset: 255,
      authPlugin: 'mysql_native_password',
      attributes: new Map([['a', 'b']]),
    };
    const payload = payloadOf((writer) => writeChangeUser(writer, change, MODERN));
    const decoded = decodeChangeUser(payload, 0, payload.length, MODERN);
    assert.deepEqual(
      { ...decoded, attributes: decodeAttributes(decoded.attributes) },
      { ...change, schemaBytes: undefined },
    );
  });

  test('may end after the schema', () => {
    const payload = Buffer.concat([Buffer.from([0x11]), Buffer.from('ada\0'), Buffer.from([0]), Buffer.from('db\0')]);
    const decoded = decodeChangeUser(payload, 0, payload.length, MODERN);
    assert.deepEqual([decoded.schema, decoded.charset, decoded.authPlugin], ['db', undefined, undefined]);
  });
});
