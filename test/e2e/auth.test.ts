/**
 * Logging in: every form of stored password with every way a client may prove it, and sluice's own logins to servers.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { ConnectionOptions } from 'mysql2/promise';
import { clientLogin } from '../../src/connection-phase/client-login.ts';
import { SERVING_CAPABILITIES } from '../../src/protocol/capabilities.ts';
import type { DatabaseServer } from '../helpers/mariadb.ts';
import { mysqlCli } from '../helpers/mysql-cli.ts';
import { missingMysql9, mysql9Client, startMysql9 } from '../helpers/mysql9.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';
import { accountSql, refusal, Stage, scalar } from '../helpers/stage.ts';

const PASSWORD = 'secret';
const UCS2_GENERAL_CI = 35;
/** Of `secret`, as MySQL writes it: `*` SHA1(SHA1()), and caching_sha2_password with a salt that can be read. */
const NATIVE_HASH = '*14E65567ABDB5135D0CFD9A70B3032C179A49EE7';
const SHA2_HASH = '$A$005$12345678901234567890hlFtcpzc2hwpIj.tGDKcgKS6eT8Spd4wk3iRpjsRhh8';

const USERS = { clear_user: PASSWORD, native_user: NATIVE_HASH, sha2_user: SHA2_HASH, empty_user: '' } as const;
type User = keyof typeof USERS;

const TLS: ConnectionOptions = { ssl: { rejectUnauthorized: false } };

const passwordOf = (user: User): string => (user === 'empty_user' ? '' : PASSWORD);

const setup = Object.keys(USERS).flatMap((user) => accountSql(user, passwordOf(user as User)));
const users = Object.entries(USERS).map(([username, password]) => ({ username, password, default_hostgroup: 0 }));

const deniedText = (user: string): string =>
  `ProxySQL Error: Access denied for user '${user}'@'127.0.0.1' (using password: YES)`;

for (const plugin of ['mysql_native_password', 'caching_sha2_password'] as const) {
  describe(`clients log in, greeted with ${plugin}`, () => {
    let stage: Stage;

    before(async () => {
      stage = await Stage.start({ setup, users, mysqlVariables: { default_authentication_plugin: plugin } });
    });

    after(() => stage?.stop());

    /** A login whose first query also needs a login of sluice to the server. */
    const works = async (user: User, options: ConnectionOptions = {}): Promise<void> => {
      const client = await stage.sluice.connect({ user, password: passwordOf(user), ...options });
      assert.equal(await scalar(client, 'SELECT CURRENT_USER()'), `${user}@%`);
      client.destroy();
    };

    const denied = async (user: string, password: string, options: ConnectionOptions = {}): Promise<void> => {
      const error = await refusal(stage.sluice.connect({ user, password, ...options }), 1045);
      assert.equal(error.message, deniedText(user));
      assert.equal(error.sqlState, '28000');
    };

    test('a password kept in clear', async () => {
      await works('clear_user');
      await works('clear_user', TLS);
    });

    test('not in a character set that servers cannot parse, which they refuse as well', async () => {
      for (const port of [stage.sluice.mysqlPort, stage.database.port]) {
        const socket = createConnection(port, '127.0.0.1');
        await once(socket, 'connect');
        const login = clientLogin({
          socket,
          username: 'clear_user',
          secret: { clear: PASSWORD },
          capabilities: SERVING_CAPABILITIES,
          charset: UCS2_GENERAL_CI,
          loginTimeoutMs: 10_000,
        });
        await assert.rejects(login, {
          name: 'LoginRefused',
          code: 1231,
          message: "Variable 'character_set_client' can't be set to the value of 'ucs2'",
        });
        socket.destroy();
      }
    });

    test('a password kept as *SHA1', async () => {
      await works('native_user');
      await works('native_user', TLS);
    });

    if (plugin === 'caching_sha2_password') {
      test('a password kept as $A$005$: in full over RSA, then fast, then over TLS', async () => {
        await works('sha2_user');
        await works('sha2_user');
        await works('sha2_user', TLS);
      });

      test('a password kept as $A$005$: in full over TLS at a fresh start', async () => {
        await stage.sluice.terminate();
        await stage.sluice.startAgain();
        await works('sha2_user', TLS);
        await works('sha2_user');
      });
    }

    test('no password', async () => {
      await works('empty_user');
      await works('empty_user', TLS);
    });

    test('wrong passwords and unknown names are refused alike', async () => {
      for (const options of [{}, TLS]) {
        await denied('clear_user', 'wrong', options);
        await denied('native_user', 'wrong', options);
        await denied('sha2_user', 'wrong', options);
        await denied('empty_user', 'wrong', options);
        await denied('nobody', PASSWORD, options);
        await denied('clear_user', NATIVE_HASH, options);
        await denied('native_user', NATIVE_HASH, options);
        await denied('sha2_user', SHA2_HASH, options);
      }
    });

    test('many logins at once', async () => {
      await Promise.all(Array.from({ length: 60 }, (_, n) => works(n % 2 === 0 ? 'clear_user' : 'native_user')));
    });

    test('the mysql client, with and without TLS', async () => {
      const client = { port: stage.sluice.mysqlPort, user: 'clear_user', password: PASSWORD };
      const plain = await mysqlCli({ ...client, args: ['--skip-ssl'] }, 'SELECT CURRENT_USER(); \\s');
      assert.equal(plain.exitCode, 0, plain.stderr);
      assert.match(plain.stdout, /^SSL:\s+Not in use/m);
      const encrypted = await mysqlCli({ ...client, args: ['--ssl'] }, 'SELECT CURRENT_USER(); \\s');
      assert.equal(encrypted.exitCode, 0, encrypted.stderr);
      assert.match(encrypted.stdout, /^SSL:\s+Cipher in use is TLS_/m);
    });

    test('the client of MySQL 9, with and without TLS', { skip: missingMysql9() }, async () => {
      for (const mode of ['--ssl-mode=DISABLED', '--ssl-mode=REQUIRED']) {
        const client = {
          command: mysql9Client(),
          port: stage.sluice.mysqlPort,
          user: 'clear_user',
          password: PASSWORD,
        };
        const result = await mysqlCli({ ...client, args: [mode, '--get-server-public-key'] }, 'SELECT CURRENT_USER()');
        assert.equal(result.exitCode, 0, `${mode}: ${result.stderr}`);
        assert.deepEqual(result.rows, [['clear_user@%']]);
      }
    });

    test('sha256_password, by RSA and over TLS, right and wrong', { skip: missingMysql9() }, async () => {
      for (const mode of ['--ssl-mode=DISABLED', '--ssl-mode=REQUIRED']) {
        for (const [user, password] of [
          ['clear_user', PASSWORD],
          ['native_user', PASSWORD],
          ['clear_user', 'wrong'],
        ] as const) {
          const result = await mysqlCli(
            {
              command: mysql9Client(),
              port: stage.sluice.mysqlPort,
              user,
              password,
              args: [mode, '--default-auth=sha256_password', '--get-server-public-key'],
            },
            'SELECT CURRENT_USER()',
          );
          if (password === 'wrong') assert.match(result.stderr, /1045/);
          else assert.deepEqual(result.rows, [[`${user}@%`]], `${mode} ${user}: ${result.stderr}`);
        }
      }
    });

    test('COM_CHANGE_USER becomes another user, or is refused', async () => {
      const client = await stage.sluice.connect({ user: 'clear_user', password: PASSWORD });
      assert.equal(await scalar(client, 'SELECT CURRENT_USER()'), 'clear_user@%');
      await client.changeUser({ user: 'native_user', password: PASSWORD });
      assert.equal(await scalar(client, 'SELECT CURRENT_USER()'), 'native_user@%');
      client.destroy();
      const other = await stage.sluice.connect({ user: 'clear_user', password: PASSWORD });
      await refusal(other.changeUser({ user: 'native_user', password: 'wrong' }), 1045);
      other.destroy();
    });
  });
}

describe('the admin plane', () => {
  let sluice: SluiceProcess;

  before(async () => {
    sluice = await SluiceProcess.start({ adminVariables: { admin_credentials: 'admin:admin;second:other' } });
  });

  after(() => sluice?.stop());

  test('takes the accounts of admin_credentials, with and without TLS', async () => {
    for (const options of [{}, TLS]) {
      for (const [user, password] of [
        ['admin', 'admin'],
        ['second', 'other'],
      ]) {
        const client = await sluice.connect({
          ...options,
          port: sluice.adminPort,
          user: user ?? '',
          password: password ?? '',
        });
        assert.equal(await scalar(client, 'SELECT 1'), '1');
        client.destroy();
      }
      await refusal(sluice.connect({ ...options, port: sluice.adminPort, user: 'admin', password: 'wrong' }), 1045);
    }
  });

  test('does not let its accounts in at the data plane', async () => {
    await refusal(sluice.connect({ user: 'admin', password: 'admin' }), 1045);
  });

  test('no password appears in the log', () => {
    assert.doesNotMatch(sluice.log.toString(), /other/);
  });
});

describe('sluice logs in to MySQL 9', { skip: missingMysql9() }, () => {
  let server: DatabaseServer;

  before(async () => {
    server = await startMysql9({ setup });
  });

  after(() => server?.stop());

  const startSluice = (useSsl: number, plugin: string): Promise<SluiceProcess> =>
    SluiceProcess.start({
      users,
      servers: [{ address: server.host, port: server.port, hostgroup: 0, use_ssl: useSsl }],
      mysqlVariables: { default_authentication_plugin: plugin },
    });

  for (const useSsl of [0, 1]) {
    test(`${useSsl === 1 ? 'over TLS' : 'without TLS'}: in full, then by the server's cache`, async () => {
      const sluice = await startSluice(useSsl, 'caching_sha2_password');
      try {
        await server.query('FLUSH PRIVILEGES');
        for (const user of ['clear_user', 'sha2_user', 'empty_user'] as const) {
          const clients = await Promise.all(
            Array.from({ length: 4 }, () => sluice.connect({ user, password: passwordOf(user) })),
          );
          // In a transaction each has a connection of its own: four logins to the server.
          for (const client of clients) {
            await client.query('BEGIN');
            assert.equal(await scalar(client, 'SELECT CURRENT_USER()'), `${user}@%`);
          }
          for (const client of clients) {
            assert.match((await scalar(client, 'SELECT VERSION()')) ?? '', /^9\./);
            const cipher = await client.query("SHOW SESSION STATUS LIKE 'Ssl_cipher'");
            assert.equal(/TLS_/.test(JSON.stringify(cipher[0])), useSsl === 1);
            client.destroy();
          }
        }
      } finally {
        await sluice.stop();
      }
    });
  }

  test('what the server refuses reaches the client with the server’s own words', async () => {
    const sluice = await startSluice(0, 'mysql_native_password');
    try {
      await sluice.admin(
        "INSERT INTO mysql_users (username, password) VALUES ('unknown_there', 'x')",
        'LOAD MYSQL USERS TO RUNTIME',
        'SET mysql-connect_timeout_server_max = 1000',
        'LOAD MYSQL VARIABLES TO RUNTIME',
      );
      const client = await sluice.connect({ user: 'unknown_there', password: 'x' });
      const error = await refusal(client.query('SELECT 1'), 1045);
      assert.match(error.message, /^Access denied for user 'unknown_there'@/);
      client.destroy();
    } finally {
      await sluice.stop();
    }
  });

  test('results, prepared statements and session state on MySQL 9', async () => {
    const sluice = await startSluice(0, 'mysql_native_password');
    try {
      const client = await sluice.connect({ user: 'clear_user', password: PASSWORD, database: 'mysql' });
      await client.query("SET NAMES utf8mb4, time_zone = '+02:00', sql_mode = 'ANSI_QUOTES'");
      assert.equal(
        await scalar(client, "SELECT CONCAT(@@time_zone, ' ', @@sql_mode, ' ', DATABASE())"),
        '+02:00 ANSI_QUOTES mysql',
      );
      const [rows] = await client.execute('SELECT ? AS a, ? AS b', [1, 'two']);
      assert.deepEqual(rows, [{ a: 1, b: 'two' }]);
      const [many] = await client.query(
        'WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n',
      );
      assert.equal((many as unknown[]).length, 1000);
      client.destroy();
    } finally {
      await sluice.stop();
    }
  });
});
