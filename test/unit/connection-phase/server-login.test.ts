import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import mysql, { type ConnectionOptions } from 'mysql2/promise';
import { cachingSha2Hash, sha2Scramble } from '../../../src/auth/caching-sha2.ts';
import { nativeHash, nativeScramble, nativeSha1 } from '../../../src/auth/native-password.ts';
import type { AuthenticatedLogin, LoginPolicy } from '../../../src/connection-phase/login-policy.ts';
import { reauthenticate } from '../../../src/connection-phase/server-login.ts';
import { loadOrCreateTls, type TlsIdentity } from '../../../src/net/tls.ts';
import { Capability } from '../../../src/protocol/capabilities.ts';
import { Command } from '../../../src/protocol/commands.ts';
import { errors } from '../../../src/protocol/errors.ts';
import { decodeAttributes, writeSslRequest } from '../../../src/protocol/handshake.ts';
import { decodeErr } from '../../../src/protocol/ok-err-eof.ts';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';
import { startCuttingRelay } from './cutting-relay.ts';
import { type LoginServer, type LoginServerOptions, policyFor, serveOks, startLoginServer } from './login-server.ts';
import { RAW_CAPABILITIES, rawClient } from './raw-client.ts';

let tls: TlsIdentity;
let dataDir: string;
let users: Record<string, string>;
const servers: LoginServer[] = [];

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sluice-login-'));
  tls = await loadOrCreateTls(dataDir);
  users = {
    plain: 'secret',
    hashed: nativeHash('secret'),
    sha2: await cachingSha2Hash('secret'),
    emptypw: '',
    star: '*',
    utf: 'pässwörd',
  };
});
after(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await rm(dataDir, { recursive: true });
});

async function serve(changes: Partial<LoginPolicy> = {}, options: LoginServerOptions = {}): Promise<LoginServer> {
  const server = await startLoginServer(policyFor(users, changes), options);
  servers.push(server);
  return server;
}

const withTls = () => ({ secureContext: () => tls.secureContext });
const withRsa = () => ({ rsaKeys: () => tls.rsaKeys });
const SHA2 = { defaultAuthPlugin: 'caching_sha2_password' } as const;

/** Logs in by mysql2, runs a command, and returns what the server saw. */
async function drive(server: LoginServer, options: ConnectionOptions): Promise<AuthenticatedLogin> {
  const connection = await mysql.createConnection({ host: '127.0.0.1', port: server.port, ...options });
  try {
    await connection.ping();
  } finally {
    connection.destroy();
  }
  return server.logins.at(-1)!;
}

/** What a login of the raw client is answered: packets by first byte and sequence id, the auth switch by plugin. */
async function events(
  server: LoginServer,
  user: string,
  password: string,
  options: { plugin?: string; capabilities?: number } = {},
): Promise<string[]> {
  const client = await rawClient(server.port);
  const greeting = await client.greeting();
  const plugin = options.plugin ?? greeting.authPlugin;
  client.respond({
    username: user,
    authPlugin: plugin,
    authResponse: scramble(plugin, password, greeting.nonce),
    capabilities: options.capabilities ?? RAW_CAPABILITIES,
  });
  const seen: string[] = [];
  for (let packet = await client.read(); packet !== undefined; packet = await client.read()) {
    const { payload, sequenceId } = packet;
    if (payload[0] === 0xfe) {
      const end = payload.indexOf(0);
      seen.push(`${sequenceId} switch ${payload.toString('utf8', 1, end)} ${payload.length - end - 1}`);
      client.send(sequenceId + 1, nativeScramble(password, payload.subarray(end + 1, end + 21)));
    } else if (payload[0] === 0x01) {
      seen.push(`${sequenceId} more ${payload.toString('hex', 1)}`);
      if (payload[1] === 4) client.send(sequenceId + 1, Buffer.of(2));
    } else if (payload[0] === 0xff) {
      seen.push(`${sequenceId} ${decodeErr(payload, 0, payload.length).message}`);
    } else {
      seen.push(`${sequenceId} ok`);
      client.close();
    }
  }
  return seen;
}

function scramble(plugin: string, password: string, nonce: Buffer): Buffer {
  if (plugin === 'caching_sha2_password') return sha2Scramble(password, nonce);
  if (plugin === 'mysql_clear_password') return Buffer.from(`${password}\0`);
  return nativeScramble(password, nonce);
}

function denied(user: string, usingPassword: boolean): string {
  return `ProxySQL Error: Access denied for user '${user}'@'127.0.0.1' (using password: ${usingPassword ? 'YES' : 'NO'})`;
}

describe('serverLogin with mysql2 as the client', () => {
  test('mysql_native_password: every kind of stored password it can check', async () => {
    const server = await serve();
    assert.deepEqual((await drive(server, { user: 'plain', password: 'secret' })).secret, { clear: 'secret' });
    assert.deepEqual((await drive(server, { user: 'hashed', password: 'secret' })).secret, {
      sha1: nativeSha1('secret'),
    });
    assert.deepEqual((await drive(server, { user: 'emptypw' })).secret, { clear: '' });
    assert.deepEqual((await drive(server, { user: 'utf', password: 'pässwörd' })).secret, { clear: 'pässwörd' });
  });

  test('what the client said arrives', async () => {
    const server = await serve();
    const login = await drive(server, {
      user: 'plain',
      password: 'secret',
      database: 'clinic',
      charset: 'utf8mb4_bin',
      connectAttributes: { program_name: 'test' },
    });
    assert.deepEqual([login.username, login.schema, login.charset, login.tls], ['plain', 'clinic', 46, false]);
    assert.equal(decodeAttributes(login.attributes).get('program_name'), 'test');
    assert.ok((login.capabilities & Capability.CONNECT_ATTRS) !== 0);
    assert.equal(login.capabilities & Capability.LOCAL_FILES, 0, 'only what was offered');
    assert.equal(login.remainder.length, 0);
  });

  test('mysql_native_password over TLS', async () => {
    const server = await serve(withTls());
    const ssl = { ca: tls.caPem, verifyIdentity: false };
    const login = await drive(server, { user: 'plain', password: 'secret', ssl });
    assert.deepEqual([login.tls, login.username], [true, 'plain']);
  });

  test('caching_sha2_password: fast path', async () => {
    const server = await serve(SHA2);
    assert.deepEqual((await drive(server, { user: 'plain', password: 'secret' })).secret, { clear: 'secret' });
    assert.deepEqual((await drive(server, { user: 'emptypw' })).secret, { clear: '' });
  });

  for (const [way, options, ssl] of [
    ['TLS', withTls, { rejectUnauthorized: false }],
    ['RSA', withRsa, undefined],
  ] as const) {
    test(`caching_sha2_password: full exchange over ${way}`, async () => {
      const server = await serve({ ...SHA2, ...options() });
      const extra = ssl === undefined ? {} : { ssl };
      for (const user of ['hashed', 'sha2']) {
        const login = await drive(server, { user, password: 'secret', ...extra });
        assert.equal(login.secret.clear, 'secret', user);
        await assert.rejects(drive(server, { user, password: 'wrong', ...extra }), { errno: 1045 });
      }
    });
  }

  test('caching_sha2_password: the fast path with a password learned before', async () => {
    const server = await serve({ ...SHA2, lookup: () => ({ stored: users.sha2!, learned: 'secret' }) });
    assert.deepEqual((await drive(server, { user: 'sha2', password: 'secret' })).secret, { clear: 'secret' });
    await assert.rejects(drive(server, { user: 'sha2', password: 'wrong' }), { errno: 1045 });
  });

  test('wrong, missing and unneeded passwords and unknown users are denied with one text', async () => {
    for (const plugin of [{}, SHA2]) {
      const server = await serve(plugin);
      const attempts: [string, string][] = [
        ['plain', 'wrong'],
        ['plain', ''],
        ['emptypw', 'x'],
        ['nosuch', 'x'],
        ['nosuch', ''],
        ['star', '*'],
        ['constructor', 'x'],
      ];
      for (const [user, password] of attempts) {
        await assert.rejects(drive(server, { user, password }), {
          errno: 1045,
          sqlState: '28000',
          message: denied(user, password !== ''),
        });
      }
      assert.deepEqual(
        server.failures.map(({ reason, username }) => [reason, username]),
        attempts.map(([user]) => ['denied', user]),
      );
    }
  });

  test('an error in place of the final OK reaches the client', async () => {
    const server = await serve({}, { answer: (login) => login.refuse(errors.tooManyUserConnections('plain', 1)) });
    await assert.rejects(drive(server, { user: 'plain', password: 'secret' }), {
      errno: 1226,
      sqlState: '42000',
      message: "User 'plain' has exceeded the 'max_user_connections' resource (current value: 1)",
    });
  });

  test('COM_CHANGE_USER goes by the same rules, and the session goes on as the other user', async () => {
    let changed: AuthenticatedLogin | undefined;
    const policy = policyFor(users);
    const server = await serve(
      {},
      {
        onCommand: (login, payload) => {
          if (payload[0] !== Command.COM_CHANGE_USER) return false;
          login.socket.removeAllListeners('data');
          void reauthenticate({ ...login, payload }, policy).then((again) => {
            changed = again;
            again?.accept(2);
            if (again !== undefined) serveOks(again);
          });
          return true;
        },
      },
    );
    const connection = await mysql.createConnection({
      host: '127.0.0.1',
      port: server.port,
      user: 'plain',
      password: 'secret',
    });
    await connection.changeUser({ user: 'hashed', password: 'secret', database: 'other' });
    await connection.ping();
    assert.deepEqual(
      [changed?.username, changed?.schema, changed?.secret],
      ['hashed', 'other', { sha1: nativeSha1('secret') }],
    );
    connection.destroy();

    const second = await mysql.createConnection({
      host: '127.0.0.1',
      port: server.port,
      user: 'plain',
      password: 'secret',
    });
    second.on('error', () => {});
    await assert.rejects(second.changeUser({ user: 'hashed', password: 'bad' }), {
      errno: 1045,
      message: denied('hashed', true),
    });
    second.destroy();
  });
});

describe('serverLogin packet by packet, as ProxySQL 2.7.1 answers', () => {
  test('announces what ProxySQL announces', async () => {
    const server = await serve();
    const client = await rawClient(server.port);
    const { nonce, capabilities, ...rest } = await client.greeting();
    assert.deepEqual(rest, {
      serverVersion: '8.0.11',
      connectionId: 1,
      charset: 33,
      statusFlags: 2,
      authPlugin: 'mysql_native_password',
    });
    assert.equal(nonce.length, 20);
    assert.equal(capabilities & Capability.SSL, 0, 'no TLS without a certificate');
    client.close();
  });

  test('default mysql_native_password', async () => {
    const server = await serve(withTls());
    const sha2 = { plugin: 'caching_sha2_password' };
    const toNative = '2 switch mysql_native_password 21';
    assert.deepEqual(await events(server, 'plain', 'secret'), ['2 ok']);
    assert.deepEqual(await events(server, 'plain', 'secret', sha2), [toNative, '4 ok']);
    assert.deepEqual(await events(server, 'plain', 'wrong', sha2), [toNative, `4 ${denied('plain', true)}`]);
    assert.deepEqual(await events(server, 'sha2', 'secret', sha2), [toNative, `4 ${denied('sha2', true)}`]);
    assert.deepEqual(await events(server, 'nosuch', 'x', sha2), [toNative, `4 ${denied('nosuch', true)}`]);
    assert.deepEqual(await events(server, 'emptypw', '', sha2), [toNative, '4 ok']);
    assert.deepEqual(await events(server, 'plain', 'secret', { plugin: 'sha256_password' }), [toNative, '4 ok']);
    assert.deepEqual(await events(server, 'plain', 'secret', { plugin: 'mysql_clear_password' }), ['2 ok']);
    assert.deepEqual(await events(server, 'hashed', 'secret', { plugin: 'mysql_clear_password' }), ['2 ok']);
    assert.deepEqual(await events(server, 'sha2', 'secret', { plugin: 'mysql_clear_password' }), [
      `2 ${denied('sha2', true)}`,
    ]);
    assert.deepEqual(await events(server, 'plain', 'wrong', { plugin: 'mysql_clear_password' }), [
      `2 ${denied('plain', true)}`,
    ]);
    const old = (RAW_CAPABILITIES & ~Capability.PLUGIN_AUTH) >>> 0;
    assert.deepEqual(await events(server, 'plain', 'secret', { capabilities: old }), ['2 ok']);
    const older = (old & ~Capability.SECURE_CONNECTION) >>> 0;
    assert.deepEqual(await events(server, 'plain', 'secret', { capabilities: older }), ['2 ok']);
  });

  test('default caching_sha2_password', async () => {
    const server = await serve(SHA2);
    assert.deepEqual(await events(server, 'plain', 'secret'), ['2 more 03', '3 ok']);
    assert.deepEqual(await events(server, 'plain', 'wrong'), [`2 ${denied('plain', true)}`]);
    assert.deepEqual(await events(server, 'nosuch', 'x'), [`2 ${denied('nosuch', true)}`]);
    assert.deepEqual(await events(server, 'emptypw', ''), ['2 ok']);
    assert.deepEqual(await events(server, 'sha2', 'secret', { plugin: 'mysql_clear_password' }), ['2 ok']);
    assert.deepEqual(await events(server, 'hashed', 'secret'), ['2 more 04', `4 ${denied('hashed', true)}`]);
    const native = { plugin: 'mysql_native_password' };
    assert.deepEqual(await events(server, 'plain', 'secret', native), ['2 switch mysql_native_password 21', '4 ok']);
  });

  test('a policy against clear passwords switches to native', async () => {
    const clear = { plugin: 'mysql_clear_password' };
    for (const allowClearPassword of ['never', 'tls'] as const) {
      const server = await serve({ allowClearPassword });
      assert.deepEqual(await events(server, 'plain', 'secret', clear), ['2 switch mysql_native_password 21', '4 ok']);
    }
  });
});

describe('serverLogin and peers that misbehave', () => {
  /** Sends bytes after the greeting; returns the error the server answers, if any. */
  async function provoke(server: LoginServer, bytes: Buffer) {
    const client = await rawClient(server.port);
    await client.greeting();
    client.socket.write(bytes);
    const packet = await client.read();
    assert.equal(await client.read(), undefined, 'closed after the answer');
    return packet && decodeErr(packet.payload, 0, packet.payload.length).code;
  }

  test('are answered and closed', async () => {
    const server = await serve();
    const frame = (sequenceId: number, hex: string) => {
      const payload = Buffer.from(hex, 'hex');
      return Buffer.concat([Buffer.of(payload.length, 0, 0, sequenceId), payload]);
    };
    assert.equal(await provoke(server, frame(1, '')), 1835);
    assert.equal(await provoke(server, frame(1, '0082')), 1835);
    assert.equal(await provoke(server, frame(1, '8524000000610000')), 1251, 'before protocol 4.1');
    assert.equal(await provoke(server, frame(5, '00820000')), 1156);
    assert.equal(await provoke(server, Buffer.concat([Buffer.of(0, 0, 4, 1), Buffer.alloc(4 << 16)])), 1153);
    assert.equal(await provoke(server, frame(1, `008a0000${'00'.repeat(28)}`)), 1043, 'TLS was not offered');
    assert.deepEqual(new Set(server.failures.map((failure) => failure.reason)), new Set(['malformed']));
  });

  test('that hang up are noticed', async () => {
    const server = await serve();
    const client = await rawClient(server.port);
    await client.greeting();
    client.socket.end();
    assert.equal((await server.nextFailure()).reason, 'closed');
  });

  test('that say nothing are closed without a word when the time is up', async () => {
    const server = await serve({ loginTimeoutMs: 20 });
    const client = await rawClient(server.port);
    await client.greeting();
    assert.equal(await client.read(), undefined);
    assert.equal((await server.nextFailure()).reason, 'timeout');
  });

  test('that speak no TLS after asking for it are closed', async () => {
    const server = await serve(withTls());
    const client = await rawClient(server.port);
    await client.greeting();
    client.socket.write(sslRequest());
    client.socket.write('this is no ClientHello, and long enough to be seen as none');
    await client.read();
    assert.equal((await server.nextFailure()).reason, 'tls');
  });

  test('a policy that throws refuses the login', async () => {
    const server = await serve({
      lookup: () => {
        throw new Error('no such table');
      },
    });
    await assert.rejects(drive(server, { user: 'plain', password: 'secret' }), { errno: 1043 });
    assert.match((await server.nextFailure()).detail, /no such table/);
  });
});

function sslRequest(): Buffer {
  const writer = new PacketWriter();
  writeSslRequest(writer, 1, {
    capabilities: (RAW_CAPABILITIES | Capability.SSL) >>> 0,
    maxPacketBytes: 1 << 24,
    charset: 33,
  });
  return writer.take();
}

describe('serverLogin and TLS', () => {
  for (const cut of [0, 1, 35, 36, 37, 100]) {
    const how = cut === 0 ? 'in one segment with the SSLRequest' : `cut from it at byte ${cut}`;
    test(`takes a ClientHello that came ${how}`, async () => {
      const server = await serve({ ...withTls(), ...SHA2 });
      // The SSLRequest is 36 bytes, and every ClientHello has more than 100.
      const relay = await startCuttingRelay(server.port, 36 + 100, cut);
      const ssl = { rejectUnauthorized: false };
      try {
        const connection = await mysql.createConnection({
          host: '127.0.0.1',
          port: relay.port,
          user: 'sha2',
          password: 'secret',
          ssl,
        });
        await connection.ping();
        connection.destroy();
      } finally {
        await relay.close();
      }
      assert.ok(server.logins[0]?.tls);
    });
  }
});
