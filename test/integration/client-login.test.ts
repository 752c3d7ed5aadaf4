/** clientLogin against real servers: what they ask for, in the ways they ask for it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { ConnectionOptions } from 'node:tls';
import { nativeSha1 } from '../../src/auth/native-password.ts';
import type { Secret } from '../../src/auth/stored-password.ts';
import { type ClientLogin, clientLogin } from '../../src/connection-phase/client-login.ts';
import { Capability } from '../../src/protocol/capabilities.ts';
import { commandFrame } from '../../src/protocol/command-frame.ts';
import { Command } from '../../src/protocol/commands.ts';
import { Framer } from '../../src/protocol/framer.ts';
import { PacketReader } from '../../src/protocol/packet-reader.ts';
import { ResponseWalker } from '../../src/protocol/response-walker.ts';
import { type DatabaseServer, startMariadb } from '../helpers/mariadb.ts';
import { missingMysql9, startMysql9 } from '../helpers/mysql9.ts';

const WANTED =
  Capability.LONG_PASSWORD |
  Capability.LONG_FLAG |
  Capability.PROTOCOL_41 |
  Capability.TRANSACTIONS |
  Capability.SECURE_CONNECTION |
  Capability.MULTI_RESULTS |
  Capability.PS_MULTI_RESULTS |
  Capability.PLUGIN_AUTH |
  Capability.DEPRECATE_EOF;

interface Attempt {
  readonly username: string;
  readonly secret?: Secret;
  readonly schema?: string;
  readonly charset?: number;
  readonly tls?: ConnectionOptions;
}

/** The server's certificate is its own, made at its start. */
const ANY_CERTIFICATE: ConnectionOptions = { rejectUnauthorized: false };

async function logIn(server: DatabaseServer, attempt: Attempt): Promise<ClientLogin> {
  const socket = connect(server.port, server.host);
  await once(socket, 'connect');
  return clientLogin({
    socket,
    secret: { clear: 'secret' },
    capabilities: WANTED,
    charset: 45,
    attributes: { program_name: 'sluice test' },
    loginTimeoutMs: 10_000,
    ...attempt,
  });
}

/** Logs in, asks for one row, and returns its cells. */
async function ask(server: DatabaseServer, attempt: Attempt, sql: string): Promise<(string | null)[]> {
  const { socket, capabilities } = await logIn(server, attempt);
  const walker = new ResponseWalker();
  walker.begin('query', (capabilities & Capability.DEPRECATE_EOF) !== 0);
  const packets: Buffer[] = [];
  const framer = new Framer(
    { onPacket: (buffer, start, end) => packets.push(Buffer.from(buffer.subarray(start, end))) },
    1 << 24,
  );
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('close', () => reject(new Error('closed before the answer')));
      socket.on('data', (chunk) => {
        framer.push(chunk);
        assert.equal(walker.push(chunk, 0, chunk.length), chunk.length);
        if (walker.done) resolve();
      });
      socket.resume();
      socket.write(commandFrame(Command.COM_QUERY, sql));
    });
  } finally {
    socket.destroy();
  }
  assert.deepEqual([walker.ended, walker.rows, walker.error], ['resultset', 1, undefined]);
  const row = new PacketReader(packets.at(-2)!);
  return Array.from({ length: walker.columns }, () => {
    if (row.peek() !== 0xfb) return row.lenencString();
    row.skip(1);
    return null;
  });
}

const WHO = 'SELECT CURRENT_USER(), DATABASE(), @@character_set_client';
const CIPHER = "SHOW SESSION STATUS LIKE 'Ssl_cipher'";

describe('clientLogin with MariaDB', () => {
  let server: DatabaseServer;
  before(async () => {
    server = await startMariadb({
      setup: [
        'CREATE SCHEMA clinic',
        "CREATE USER native@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('secret')",
        "CREATE USER nobody@'%'",
        'GRANT ALL ON clinic.* TO native',
      ],
    });
  });
  after(() => server.stop());

  test('by password, by its SHA1, and without one', async () => {
    const native = { username: 'native', schema: 'clinic' };
    assert.deepEqual(await ask(server, native, WHO), ['native@%', 'clinic', 'utf8mb4']);
    const bySha1 = { ...native, secret: { sha1: nativeSha1('secret') } };
    assert.deepEqual(await ask(server, bySha1, WHO), ['native@%', 'clinic', 'utf8mb4']);
    const nobody = { username: 'nobody', secret: { clear: '' }, charset: 8 };
    assert.deepEqual(await ask(server, nobody, WHO), ['nobody@%', null, 'latin1']);
  });

  test('learns the version without its prefix, and the thread id', async () => {
    const login = await logIn(server, { username: 'native' });
    assert.match(login.serverVersion, /^1\d\.\d+\.\d+-MariaDB/);
    assert.ok(login.threadId > 0);
    assert.equal(login.statusFlags & 2, 2);
    login.socket.destroy();
  });

  test('is refused with its words', async () => {
    await assert.rejects(logIn(server, { username: 'native', secret: { clear: 'wrong' } }), {
      name: 'LoginRefused',
      code: 1045,
      sqlState: '28000',
      message: /^Access denied for user 'native'@/,
    });
    await assert.rejects(logIn(server, { username: 'native', schema: 'nosuch' }), { name: 'LoginRefused' });
    await assert.rejects(logIn(server, { username: 'native', tls: ANY_CERTIFICATE }), { code: 2026 });
  });
});

describe('clientLogin with MySQL 9', { skip: missingMysql9() }, () => {
  let server: DatabaseServer;
  before(async () => {
    server = await startMysql9({
      setup: [
        'CREATE SCHEMA clinic',
        "CREATE USER sha2@'%' IDENTIFIED WITH caching_sha2_password BY 'secret'",
        "CREATE USER sha256@'%' IDENTIFIED WITH sha256_password BY 'secret'",
        "CREATE USER nobody@'%' IDENTIFIED WITH caching_sha2_password BY ''",
        'GRANT ALL ON clinic.* TO sha2, sha256',
      ],
    });
  });
  after(() => server.stop());

  for (const [way, tls] of [
    ['RSA', undefined],
    ['TLS', ANY_CERTIFICATE],
  ] as const) {
    test(`caching_sha2_password in full over ${way}, then fast`, async () => {
      // Makes the server forget the password it has cached.
      await server.query('FLUSH PRIVILEGES');
      const attempt = { username: 'sha2', schema: 'clinic', ...(tls && { tls }) };
      for (let round = 0; round < 2; round++) {
        assert.deepEqual(await ask(server, attempt, WHO), ['sha2@%', 'clinic', 'utf8mb4']);
      }
      const [, cipher] = await ask(server, attempt, CIPHER);
      assert.equal(cipher !== '', tls !== undefined);
    });

    test(`sha256_password over ${way}`, async () => {
      const attempt = { username: 'sha256', ...(tls && { tls }) };
      assert.deepEqual(await ask(server, attempt, WHO), ['sha256@%', null, 'utf8mb4']);
    });

    test(`a wrong password over ${way}`, async () => {
      await server.query('FLUSH PRIVILEGES');
      const attempt = { username: 'sha2', secret: { clear: 'wrong' }, ...(tls && { tls }) };
      await assert.rejects(logIn(server, attempt), { name: 'LoginRefused', code: 1045, sqlState: '28000' });
    });
  }

  test('no password, and a collation only MySQL has', async () => {
    const attempt = { username: 'nobody', secret: { clear: '' }, charset: 255 };
    assert.deepEqual(await ask(server, attempt, 'SELECT CURRENT_USER(), @@collation_connection'), [
      'nobody@%',
      'utf8mb4_0900_ai_ci',
    ]);
  });

  test('only SHA1 of the password is not enough, and the error says so', async () => {
    const attempt = { username: 'sha2', secret: { sha1: nativeSha1('secret') } };
    await assert.rejects(logIn(server, attempt), { code: 1251, message: /only a hash of the password is known/ });
  });
});
