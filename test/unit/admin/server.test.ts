/** The admin port: who gets in, commands besides queries, interfaces that change, several statements in one packet. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import mysql from 'mysql2/promise';
import { mayConnectFrom, readAccounts } from '../../../admin/credentials.ts';
import { Sha2Message, sha2Scramble } from '../../../src/auth/caching-sha2.ts';
import { clientLogin } from '../../../src/connection-phase/client-login.ts';
import { parseInterfaces } from '../../../src/net/listener.ts';
import { Capability } from '../../../src/protocol/capabilities.ts';
import { Command } from '../../../src/protocol/commands.ts';
import { decodeAuthSwitchRequest } from '../../../src/protocol/handshake.ts';
import { decodeErr } from '../../../src/protocol/ok-err-eof.ts';
import { RawClient } from '../connection-phase/raw-client.ts';
import { startTestAdminPlane, type TestAdminPlane } from './admin-plane.ts';

describe('accounts', () => {
  test('come from the credentials and the monitor user; admin wins over stats', () => {
    const admin = { admin_credentials: 'admin:a:b;second: x ', stats_credentials: 'stats:s;second:y;nocolon' };
    const accounts = readAccounts(admin, { monitor_username: 'monitor', monitor_password: 'm' });
    assert.deepEqual(
      [...accounts.values()].map(({ username, password, role }) => `${username}/${password}/${role}`),
      ['admin/a:b/admin', 'second/ x /admin', 'stats/s/stats', 'monitor/m/stats'],
    );
  });

  test('with well-known names work from this machine only', () => {
    const cases: readonly [string, string | undefined, boolean][] = [
      ['admin', '127.0.0.1', true],
      ['admin', '::ffff:127.0.0.1', true],
      ['stats', '::1', true],
      ['admin', undefined, true],
      ['admin', '10.0.0.1', false],
      ['monitor', '2001:db8::1', false],
      ['second', '10.0.0.1', true],
    ];
    for (const [user, address, expected] of cases)
      assert.equal(mayConnectFrom(user, address), expected, `${user} ${address}`);
  });
});

describe('interfaces', () => {
  test('are lists of addresses and paths', () => {
    assert.deepEqual(parseInterfaces('0.0.0.0:6032; [::1]:6033 ;/tmp/a.sock;'), [
      { kind: 'tcp', host: '0.0.0.0', port: 6032 },
      { kind: 'tcp', host: '::1', port: 6033 },
      { kind: 'unix', path: '/tmp/a.sock' },
    ]);
    for (const wrong of ['6032', 'host', '1.2.3.4:99999', '::1:6032'])
      assert.throws(() => parseInterfaces(wrong), wrong);
  });
});

describe('the admin port', () => {
  let it: TestAdminPlane;
  before(async () => {
    it = await startTestAdminPlane({ admin_credentials: 'admin:admin;second:other' });
  });
  after(() => it.stop());

  const login = (user: string, password: string, more: mysql.ConnectionOptions = {}): Promise<mysql.Connection> =>
    mysql.createConnection({ host: '127.0.0.1', port: it.port, user, password, ...more });

  test('lets admin and stats users in, each into their own database', async () => {
    for (const [user, password, database] of [
      ['admin', 'admin', 'admin'],
      ['second', 'other', 'admin'],
      ['stats', 'stats', 'stats'],
    ] as const) {
      const connection = await login(user, password, { database: 'whatever' });
      const [rows] = await connection.query('SELECT DATABASE() AS name');
      assert.deepEqual(rows, [{ name: database }]);
      await connection.end();
    }
  });

  test('refuses everybody else in ProxySQL’s words', async () => {
    await assert.rejects(login('admin', 'wrong'), {
      errno: 1045,
      message: "ProxySQL Error: Access denied for user 'admin'@'127.0.0.1' (using password: YES)",
    });
    await assert.rejects(login('nobody', ''), { message: /Access denied for user 'nobody'.*using password: NO/ });
  });

  test('listens on a Unix socket as well, and speaks TLS', async () => {
    const local = await mysql.createConnection({ socketPath: it.socketPath, user: 'admin', password: 'admin' });
    const [rows] = await local.query('SELECT USER() ');
    assert.deepEqual(rows, [{ 'user()': 'admin@localhost' }]);
    await local.end();
    const secure = await login('admin', 'admin', { ssl: { ca: it.tls.caPem, verifyIdentity: false } });
    assert.deepEqual((await secure.query('SELECT 1 AS one'))[0], [{ one: '1' }]);
    await secure.end();
  });

  test('lets clients in that know no other plugin than caching_sha2_password, where nobody can listen', async () => {
    for (const [password, first] of [
      ['admin', 'OK'],
      ['wrong', 'ERR'],
    ] as const) {
      const client = new RawClient(connect(it.socketPath));
      const { nonce } = await client.greeting();
      client.respond({ username: 'admin', authPlugin: 'caching_sha2_password' });
      const switched = (await client.read())?.payload ?? Buffer.alloc(0);
      assert.equal(decodeAuthSwitchRequest(switched, 0, switched.length).plugin, 'caching_sha2_password');
      client.send(3, sha2Scramble(password, nonce));
      const answer = await client.read();
      if (first === 'OK') {
        assert.deepEqual(answer?.payload, Buffer.from([1, Sha2Message.FAST_AUTH_OK]));
        assert.equal((await client.read())?.payload[0], 0x00);
      } else {
        assert.equal(answer?.payload[0], 0xff);
      }
      client.close();
    }
    const listenedTo = new RawClient(connect(it.port, '127.0.0.1'));
    await listenedTo.greeting();
    listenedTo.respond({ username: 'admin', authPlugin: 'caching_sha2_password' });
    const native = (await listenedTo.read())?.payload ?? Buffer.alloc(0);
    assert.equal(decodeAuthSwitchRequest(native, 0, native.length).plugin, 'mysql_native_password', 'as ProxySQL');
    listenedTo.close();
  });

  test('runs all statements of a packet when the client announced that, the first otherwise', async () => {
    const script = "INSERT INTO mysql_users (username) VALUES ('m1'); SELECT username FROM mysql_users; SELECT 2;";
    const several = await login('admin', 'admin', { multipleStatements: true });
    const [results] = await several.query(script);
    assert.equal((results as unknown[]).length, 3);
    assert.equal((results as { affectedRows: number }[])[0]?.affectedRows, 1);
    assert.deepEqual((results as unknown[])[1], [{ username: 'm1' }]);
    await assert.rejects(several.query('SELECT 1; SELECT nosuch; DELETE FROM mysql_users'), /no such column: nosuch/);
    assert.deepEqual((await several.query('SELECT COUNT(*) AS n FROM mysql_users'))[0], [{ n: '1' }]);
    await several.end();
    const one = await login('admin', 'admin', { multipleStatements: false });
    assert.deepEqual((await one.query('SELECT 1 AS a; DELETE FROM mysql_users'))[0], [{ a: '1' }]);
    assert.deepEqual((await one.query('SELECT COUNT(*) AS n FROM mysql_users'))[0], [{ n: '1' }]);
    await one.query('DELETE FROM mysql_users');
    await one.end();
  });

  test('answers commands of the protocol as ProxySQL does', async () => {
    const raw = await RawAdmin.open(it.port);
    assert.equal((await raw.send([Command.COM_PING]))[0], 0x00);
    assert.equal((await raw.send([Command.COM_INIT_DB, ...Buffer.from('nosuch')]))[0], 0x00);
    assert.match((await raw.send([Command.COM_STATISTICS])).toString(), /^Uptime: \d+ Threads: 0 {2}Questions: 0/);
    assert.equal((await raw.send([Command.COM_SET_OPTION, 0, 0]))[0], 0xfe);
    // Here ProxySQL answers 1047.
    assert.equal((await raw.send([Command.COM_RESET_CONNECTION]))[0], 0x00);
    const refusals: readonly [command: number[], code: number, message: string][] = [
      [[Command.COM_FIELD_LIST, 0x78, 0], 1045, 'Command not supported'],
      [[Command.COM_PROCESS_KILL, 1, 0, 0, 0], 9003, 'Command not supported'],
      [[Command.COM_QUERY, ...Buffer.from(';')], 1045, 'ProxySQL Admin Error: not an error'],
    ];
    for (const [command, code, message] of refusals) {
      const packet = await raw.send(command);
      assert.deepEqual(decodeErr(packet, 0, packet.length), { code, sqlState: '28000', message });
    }
    for (const command of [[Command.COM_STMT_EXECUTE], [Command.COM_STMT_EXECUTE, 9, 0, 0, 0, 0, 1, 0, 0, 0]]) {
      const packet = await raw.send(command);
      assert.ok([1243, 1045].includes(decodeErr(packet, 0, packet.length).code));
    }
    raw.socket.write(Buffer.concat([frame([Command.COM_STMT_CLOSE, 1]), frame([Command.COM_STMT_SEND_LONG_DATA, 1])]));
    assert.equal((await raw.send([Command.COM_PING]))[0], 0x00, 'still there');
    raw.socket.write(Buffer.from([1, 0, 0, 0, 0x7f]));
    await once(raw.socket, 'close');
  });

  test('answers commands that were sent ahead in their order', async () => {
    const raw = await RawAdmin.open(it.port);
    const count = 200;
    const commands = Array.from({ length: count }, (_, i) => frame([Command.COM_QUERY, ...Buffer.from(`x${i}`)]));
    const answers = raw.read(count);
    raw.socket.write(Buffer.concat(commands));
    for (const [i, packet] of (await answers).entries())
      assert.equal(decodeErr(packet, 0, packet.length).message, `ProxySQL Admin Error: near "x${i}": syntax error`);
    raw.socket.destroy();
  });

  test('follows admin-mysql_ifaces without dropping a session', async () => {
    const tcp = (): string[] => it.admin.adminAddresses().filter((address) => address.startsWith('127.'));
    const load = async (session: mysql.Connection, interfaces: string): Promise<void> => {
      await session.query(`SET admin-mysql_ifaces='${interfaces}'`);
      await session.query('LOAD ADMIN VARIABLES TO RUNTIME');
    };
    const [original = ''] = tcp();
    const first = await login('admin', 'admin');
    await load(first, `${original};127.0.0.2:0`);
    assert.equal(tcp().length, 2, tcp().join());
    const [host, port] = tcp()[1]?.split(':') ?? [];
    assert.ok(host);
    const second = await login('admin', 'admin', { host, port: Number(port) });
    await load(second, original);
    assert.deepEqual(tcp(), [original]);
    for (const session of [first, second]) assert.deepEqual((await session.query('SELECT 1 AS a'))[0], [{ a: '1' }]);

    await assert.rejects(load(first, 'nonsense'), /'nonsense' is no interface/);
    await assert.rejects(load(first, '192.0.2.1:1'), /this machine has no such address/);
    assert.deepEqual(tcp(), [original], 'a list that cannot be had changes nothing');
    await first.end();
    await second.end();
  });

  test('two sessions that insert 500 users each lose none', async () => {
    const sessions = await Promise.all([login('admin', 'admin'), login('admin', 'admin')]);
    await Promise.all(
      sessions.map(async (session, who) => {
        for (let i = 0; i < 500; i++) {
          await session.query(`INSERT INTO mysql_users (username, password) VALUES ("s${who}_${i}", "p")`);
          if (i % 100 === 0) await session.query('LOAD MYSQL USERS TO RUNTIME');
        }
      }),
    );
    await sessions[0]?.query('LOAD MYSQL USERS TO RUNTIME');
    assert.equal(it.plane.current.users.length, 1000);
    for (const session of sessions) await session.end();
  });

  test('PROXYSQL SHUTDOWN asks the process to end and hangs up', async () => {
    const connection = await login('admin', 'admin');
    await assert.rejects(connection.query('PROXYSQL SHUTDOWN SLOW'), /Connection lost|closed/i);
    assert.deepEqual(it.process.shutdowns, ['slow']);
    connection.destroy();
  });
});

function frame(payload: readonly number[]): Buffer {
  return Buffer.from([payload.length & 0xff, payload.length >> 8, 0, 0, ...payload]);
}

/** A logged-in connection that sends any command and reads single packets. */
class RawAdmin {
  readonly socket: Socket;
  private buffered = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  static async open(port: number): Promise<RawAdmin> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const capabilities = Capability.PROTOCOL_41 | Capability.SECURE_CONNECTION | Capability.PLUGIN_AUTH;
    const session = await clientLogin({
      socket,
      username: 'admin',
      secret: { clear: 'admin' },
      capabilities,
      charset: 33,
      loginTimeoutMs: 5000,
    });
    return new RawAdmin(session.socket);
  }

  async send(payload: readonly number[]): Promise<Buffer> {
    const answer = this.read(1);
    this.socket.write(frame(payload));
    return (await answer)[0] ?? Buffer.alloc(0);
  }

  /** The payloads of the next packets. */
  async read(count: number): Promise<Buffer[]> {
    const packets: Buffer[] = [];
    for (;;) {
      while (this.buffered.length >= 4 && this.buffered.length >= 4 + this.buffered.readUIntLE(0, 3)) {
        const end = 4 + this.buffered.readUIntLE(0, 3);
        packets.push(this.buffered.subarray(4, end));
        this.buffered = this.buffered.subarray(end);
        if (packets.length === count) return packets;
      }
      this.socket.resume();
      const [chunk] = (await once(this.socket, 'data')) as [Buffer];
      this.buffered = Buffer.concat([this.buffered, chunk]);
    }
  }
}
