import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cachingSha2Hash } from '../../../src/auth/caching-sha2.ts';
import { nativeHash, nativeSha1 } from '../../../src/auth/native-password.ts';
import {
  type ClientLogin,
  type ClientLoginOptions,
  clientLogin,
  LoginRefused,
} from '../../../src/connection-phase/client-login.ts';
import type { LoginPolicy } from '../../../src/connection-phase/login-policy.ts';
import { ChannelFailure } from '../../../src/connection-phase/packet-channel.ts';
import { loadOrCreateTls, type TlsIdentity } from '../../../src/net/tls.ts';
import { Capability } from '../../../src/protocol/capabilities.ts';
import { errors } from '../../../src/protocol/errors.ts';
import { decodeAttributes, writeGreeting } from '../../../src/protocol/handshake.ts';
import { writeErr } from '../../../src/protocol/ok-err-eof.ts';
import { MalformedPacket } from '../../../src/protocol/packet-reader.ts';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';
import { type LoginServer, OFFERED, policyFor, startLoginServer } from './login-server.ts';

let tls: TlsIdentity;
let dataDir: string;
let users: Record<string, string>;
const cleanUps: (() => Promise<unknown>)[] = [];

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sluice-client-login-'));
  tls = await loadOrCreateTls(dataDir);
  users = { plain: 'secret', hashed: nativeHash('secret'), sha2: await cachingSha2Hash('secret'), emptypw: '' };
});
after(async () => {
  await Promise.all(cleanUps.map((cleanUp) => cleanUp()));
  await rm(dataDir, { recursive: true });
});

async function serve(changes: Partial<LoginPolicy> = {}): Promise<LoginServer> {
  const server = await startLoginServer(policyFor(users, changes));
  cleanUps.push(() => server.close());
  return server;
}

async function logIn(port: number, options: Partial<ClientLoginOptions>): Promise<ClientLogin> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const login = await clientLogin({
    socket,
    username: 'plain',
    secret: { clear: 'secret' },
    capabilities: OFFERED,
    charset: 45,
    loginTimeoutMs: 10_000,
    ...options,
  });
  await ping(login.socket);
  return login;
}

/** Shows that the socket is in order after the login: a command is answered. */
async function ping(socket: Socket): Promise<void> {
  const answer = once(socket, 'data');
  socket.resume();
  socket.write(Buffer.from('010000000e', 'hex'));
  assert.equal(((await answer)[0] as Buffer).toString('hex'), '0700000100000002000000');
  socket.destroy();
}

/** A server that sends `first` to whoever connects, then `second` once it has heard something. */
async function scripted(first: Buffer, second?: Buffer): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.write(first);
    socket.once('data', () => second !== undefined && socket.write(second));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(async () => server.close());
  return (server.address() as AddressInfo).port;
}

function packet(sequenceId: number, payload: Uint8Array): Buffer {
  const writer = new PacketWriter();
  writer.begin(sequenceId).bytes(payload).end();
  return writer.take();
}

function greeting(changes: { capabilities?: number; authPlugin?: string } = {}): Buffer {
  const writer = new PacketWriter();
  writeGreeting(writer, 0, {
    serverVersion: '9.7.4',
    connectionId: 1,
    nonce: Buffer.alloc(20, 'n'),
    capabilities: OFFERED,
    charset: 45,
    statusFlags: 2,
    authPlugin: 'mysql_native_password',
    ...changes,
  });
  return writer.take();
}

describe('clientLogin', () => {
  test('logs in by mysql_native_password with a password or its SHA1', async () => {
    const server = await serve();
    for (const secret of [{ clear: 'secret' }, { sha1: nativeSha1('secret') }]) {
      for (const username of ['plain', 'hashed']) await logIn(server.port, { username, secret });
    }
    await logIn(server.port, { username: 'emptypw', secret: {} });
  });

  test('tells the server what it is to know, and the caller what was agreed', async () => {
    const server = await serve();
    const login = await logIn(server.port, {
      schema: 'clinic',
      charset: 255,
      capabilities: OFFERED | Capability.LOCAL_FILES,
      attributes: { program_name: 'sluice' },
    });
    const seen = server.logins[0]!;
    assert.deepEqual(
      [seen.schema, seen.charset, decodeAttributes(seen.attributes).get('program_name')],
      ['clinic', 255, 'sluice'],
    );
    assert.deepEqual([login.serverVersion, login.threadId, login.statusFlags], ['8.0.11', 1, 2]);
    assert.equal(login.capabilities & Capability.LOCAL_FILES, 0, 'the server has none of it');
    assert.equal(login.capabilities, seen.capabilities);
  });

  test("asks for utf8mb4's default when a collation id does not fit into the packet", async () => {
    const server = await serve();
    const login = await logIn(server.port, { charset: 2304 });
    assert.deepEqual([login.charset, server.logins[0]!.charset], [45, 45]);
  });

  test('logs in by caching_sha2_password: fast, over TLS, over RSA', async () => {
    const server = await serve({
      defaultAuthPlugin: 'caching_sha2_password',
      secureContext: () => tls.secureContext,
      rsaKeys: () => tls.rsaKeys,
    });
    await logIn(server.port, { username: 'plain' });
    await logIn(server.port, { username: 'emptypw', secret: { clear: '' } });
    await logIn(server.port, { username: 'sha2' });
    assert.equal(server.logins.at(-1)!.tls, false);
    await logIn(server.port, { username: 'sha2', tls: { ca: tls.caPem, checkServerIdentity: () => undefined } });
    assert.equal(server.logins.at(-1)!.tls, true);
  });

  test('follows the server to another plugin', async () => {
    const server = await serve({ defaultAuthPlugin: 'caching_sha2_password' });
    // Knowing no more than SHA1 it offers native, and is asked for native once more.
    await logIn(server.port, { username: 'hashed', secret: { sha1: nativeSha1('secret') } });
  });

  test('is refused with the text of the server', async () => {
    const server = await serve();
    await assert.rejects(logIn(server.port, { secret: { clear: 'wrong' } }), (error) => {
      assert.ok(error instanceof LoginRefused);
      assert.deepEqual([error.code, error.sqlState], [1045, '28000']);
      assert.match(error.message, /Access denied for user 'plain'@'127\.0\.0\.1'/);
      return true;
    });
  });

  test('is refused in place of a greeting', async () => {
    const writer = new PacketWriter();
    writeErr(writer, 0, errors.tooManyConnections());
    await assert.rejects(logIn(await scripted(writer.take()), {}), { name: 'LoginRefused', code: 1040 });
  });

  test('does not go on in clear when TLS was asked for', async () => {
    const server = await serve();
    await assert.rejects(logIn(server.port, { tls: { rejectUnauthorized: false } }), {
      name: 'LoginRefused',
      code: 2026,
    });
    const secured = await serve({ secureContext: () => tls.secureContext });
    await assert.rejects(logIn(secured.port, { tls: {} }), /SSL connection error: .*(certificate|self)/);
    assert.equal(server.logins.length + secured.logins.length, 0);
  });

  test('never gives the password itself to a server without TLS', async () => {
    for (const plugin of ['mysql_clear_password', 'mysql_old_password', 'client_ed25519']) {
      const request = Buffer.concat([Buffer.of(0xfe), Buffer.from(`${plugin}\0`), Buffer.alloc(20, 'n'), Buffer.of(0)]);
      await assert.rejects(logIn(await scripted(greeting(), packet(2, request)), {}), {
        name: 'LoginRefused',
        code: 1251,
      });
    }
  });

  test('says what is missing when only a hash is known', async () => {
    const request = Buffer.concat([Buffer.of(0xfe), Buffer.from('caching_sha2_password\0'), Buffer.alloc(21, 'n')]);
    const port = await scripted(greeting(), packet(2, request));
    const secret = { sha1: nativeSha1('secret') };
    await assert.rejects(logIn(port, { secret }), { code: 1251, message: /only a hash of the password is known/ });
  });

  test('fails clearly on servers that talk nonsense, hang up or say nothing', async () => {
    await assert.rejects(logIn(await scripted(packet(0, Buffer.from('HTTP/1.1 400'))), {}), MalformedPacket);
    await assert.rejects(logIn(await scripted(packet(7, Buffer.of(10))), {}), {
      name: 'ChannelFailure',
      reason: 'out-of-order',
    });
    await assert.rejects(logIn(await scripted(greeting(), packet(2, Buffer.of(0x42))), {}), MalformedPacket);
    const badKey = Buffer.concat([Buffer.of(1), Buffer.from('no key')]);
    const sha2 = greeting({ authPlugin: 'caching_sha2_password' });
    await assert.rejects(logIn(await scripted(sha2, packet(2, badKey)), {}), {
      code: 1251,
      message: /no usable public key/,
    });
    await assert.rejects(logIn(await scripted(Buffer.alloc(0)), { loginTimeoutMs: 20 }), { reason: 'timeout' });

    const hangsUp = createServer((socket) => socket.end());
    hangsUp.listen(0, '127.0.0.1');
    await once(hangsUp, 'listening');
    await assert.rejects(logIn((hangsUp.address() as AddressInfo).port, {}), (error) => {
      return error instanceof ChannelFailure && error.reason === 'closed';
    });
    hangsUp.close();
  });
});
