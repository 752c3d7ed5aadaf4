/**
 * What sluice-strict off means to clients: ProxySQL's manners, each beside what is done by default. That replicas register
 * only where nobody is kept from anything is here as well.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { Capability, hasCapability } from '../../src/protocol/capabilities.ts';
import { ColumnFlag, ColumnType } from '../../src/protocol/column-types.ts';
import { commandFrame } from '../../src/protocol/command-frame.ts';
import { Command } from '../../src/protocol/commands.ts';
import { HEADER_BYTES } from '../../src/protocol/framer.ts';
import { decodeErr } from '../../src/protocol/ok-err-eof.ts';
import { StatusFlag } from '../../src/protocol/status-flags.ts';
import { APP, accountSql, Stage } from '../helpers/stage.ts';
import { within } from '../helpers/wait.ts';
import { ConnectionEnded, WireClient } from '../helpers/wire-client.ts';
import { type RawClient, rawClient } from '../unit/connection-phase/raw-client.ts';

const CLERK = { user: 'clerk', password: 'clerk' } as const;
const EOF_BYTES = 5;

/** COM_REGISTER_SLAVE: server_id 7, no names, port and ranks 0. */
const REGISTER = Buffer.from([7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
/** COM_BINLOG_DUMP: from position 4 of a file that is not there, and no waiting. */
const DUMP = Buffer.concat([Buffer.from([4, 0, 0, 0, 1, 0, 7, 0, 0, 0]), Buffer.from('binlog.000001')]);

describe('sluice-strict', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({
      setup: accountSql(CLERK.user, CLERK.password),
      users: [{ username: CLERK.user, password: CLERK.password, default_hostgroup: 0 }],
    });
  });

  after(() => stage?.stop());

  const strict = (on: boolean) => stage.sluice.admin(`SET sluice-strict = ${on}`, 'LOAD SLUICE VARIABLES TO RUNTIME');

  /** The same with it on, as by default, and off. */
  async function onAndOff<T>(look: () => Promise<T>): Promise<readonly [T, T]> {
    const on = await look();
    await strict(false);
    try {
      return [on, await look()];
    } finally {
      await strict(true);
    }
  }

  async function withRaw<T>(use: (client: RawClient) => Promise<T>): Promise<T> {
    const client = await rawClient(stage.sluice.mysqlPort);
    try {
      return await use(client);
    } finally {
      client.close();
    }
  }

  test('the greeting tells of everything a client may use; off: of what ProxySQL tells of', async () => {
    const { CONNECT_ATTRS, IGNORE_SPACE, ZSTD_COMPRESSION_ALGORITHM, REMEMBER_OPTIONS } = Capability;
    const ours = CONNECT_ATTRS | IGNORE_SPACE | ZSTD_COMPRESSION_ALGORITHM;
    const [on, off] = await onAndOff(() => withRaw(async (client) => (await client.greeting()).capabilities));
    assert.deepEqual([on & ours, hasCapability(on, REMEMBER_OPTIONS)], [ours, false]);
    assert.deepEqual([off & ours, hasCapability(off, REMEMBER_OPTIONS)], [0, true]);
  });

  /** What a client that names a plugin and sends this is answered first, over an open line. */
  const named = (authPlugin: string, authResponse: string) =>
    withRaw(async (client) => {
      await client.greeting();
      client.respond({ username: APP.user, authPlugin, authResponse: Buffer.from(authResponse) });
      const payload = (await client.read())?.payload ?? Buffer.alloc(0);
      if (payload[0] === 0xfe) return payload.toString('latin1', 1, payload.indexOf(0));
      if (payload[0] === 0xff) return String(decodeErr(payload, 0, payload.length).code);
      return payload[0] === 0 ? 'ok' : payload.toString('latin1');
    });

  test('mysql_clear_password over an open line is switched away from; off: it works', async () => {
    assert.deepEqual(await onAndOff(() => named('mysql_clear_password', `${APP.password}\0`)), [
      'mysql_native_password',
      'ok',
    ]);
    assert.deepEqual(await onAndOff(() => named('mysql_clear_password', 'wrong\0')), ['mysql_native_password', '1045']);
  });

  test('sha256_password over an open line is served under our RSA key; off: it is switched away from', async () => {
    assert.deepEqual(await onAndOff(() => named('sha256_password', '\x01')), [
      'sha256_password',
      'mysql_native_password',
    ]);
  });

  test('after an error on a connection that is kept, OKs of the proxy say what is true; off: that a transaction is open', async () => {
    const flags = await onAndOff(async () => {
      const client = await WireClient.connect({ port: stage.sluice.mysqlPort, ...APP, schema: 'test' });
      await client.query('CREATE TEMPORARY TABLE kept (id INT)');
      const before = (await client.query('USE test')).statusFlags;
      assert.equal((await client.query('SELECT nothing')).errorCode, 1054);
      const after = (await client.query('USE test')).statusFlags;
      client.destroy();
      return [before & StatusFlag.IN_TRANS, after & StatusFlag.IN_TRANS];
    });
    assert.deepEqual(flags, [
      [0, 0],
      [0, StatusFlag.IN_TRANS],
    ]);
  });

  test('the answer to a PREPARE says what is true; off: that a transaction is open', async () => {
    const flags = await onAndOff(async () => {
      const client = await WireClient.connect({ port: stage.sluice.mysqlPort, ...APP, deprecateEof: false });
      const { packets } = await client.command(Command.COM_STMT_PREPARE, 'SELECT ?', 'prepare');
      client.destroy();
      const ends = packets.filter((packet) => packet[0] === 0xfe && packet.length === EOF_BYTES);
      return ends.map((packet) => packet.readUInt16LE(3) & StatusFlag.IN_TRANS);
    });
    assert.deepEqual(flags, [
      [0, 0],
      [StatusFlag.IN_TRANS, StatusFlag.IN_TRANS],
    ]);
  });

  test('metadata is as the server sends it; off: as ProxySQL’s client library makes it', async () => {
    const seen = await onAndOff(async () => {
      const client = await WireClient.connect({ port: stage.sluice.mysqlPort, ...APP, deprecateEof: false });
      const look = async () => {
        const { packets } = await client.query("SELECT 1 AS n, 'x' AS s");
        const flagsOf = (packet: Buffer | undefined) => packet?.readUInt16LE(packet.length - 5);
        return [flagsOf(packets[1]), flagsOf(packets[2]), packets[3]?.readUInt16LE(3)];
      };
      const first = await look();
      await client.query('USE mysql');
      const afterUse = await look();
      client.destroy();
      return [...first.slice(0, 2), afterUse[2]];
    });
    const NUMBER = ColumnFlag.NOT_NULL | ColumnFlag.BINARY;
    assert.deepEqual(seen, [
      [NUMBER, ColumnFlag.NOT_NULL, StatusFlag.AUTOCOMMIT],
      [
        NUMBER | ColumnFlag.NUM,
        ColumnFlag.NOT_NULL,
        // Of the statement that changed the schema.
        StatusFlag.AUTOCOMMIT | StatusFlag.SESSION_STATE_CHANGED,
      ],
    ]);
  });

  test('SHOW WARNINGS tells of an error; off: of warnings alone, and their number is the proxy’s', async () => {
    const told = await onAndOff(async () => {
      const client = await WireClient.connect({ port: stage.sluice.mysqlPort, ...APP, deprecateEof: false });
      const rowsOf = async (sql: string) => {
        const { packets } = await client.query(sql);
        const ends = packets.flatMap((packet, index) =>
          packet[0] === 0xfe && packet.length === EOF_BYTES ? index : [],
        );
        return (ends[1] ?? 0) - (ends[0] ?? 0) - 1;
      };
      assert.equal((await client.query('SELECT nothing')).errorCode, 1054);
      const afterError = await rowsOf('SHOW WARNINGS');
      await client.query("SELECT CAST('abc' AS SIGNED)");
      const afterWarning = [await rowsOf('SHOW WARNINGS'), await rowsOf('show warnings ;')];
      const { packets } = await client.query('SHOW COUNT(*) WARNINGS');
      const column = packets[1] as Buffer;
      const answer = [afterError, afterWarning, column[column.length - 6], packets[3]?.toString('latin1', 1)];
      client.destroy();
      return answer;
    });
    assert.deepEqual(told, [
      [1, [1, 1], ColumnType.LONGLONG, '1'],
      [0, [1, 1], ColumnType.VAR_STRING, '1'],
    ]);
  });

  test('FETCH of an unknown statement is an error; off: the connection ends', async () => {
    const fetched = await onAndOff(async () => {
      const client = await WireClient.connect({ port: stage.sluice.mysqlPort, ...APP });
      const unknown = Buffer.from([99, 0, 0, 0, 1, 0, 0, 0]);
      return client.command(Command.COM_STMT_FETCH, unknown, 'fetch').then(
        ({ errorCode }) => {
          client.destroy();
          return errorCode;
        },
        (error) => error instanceof ConnectionEnded,
      );
    });
    assert.deepEqual(fetched, [1243, true]);
  });

  test('packets out of order are refused before a server sees them, and nothing behind them is looked at', async () => {
    const opened = async () =>
      (await stage.sluice.admin('SELECT SUM(ConnOK) AS n FROM stats_mysql_connection_pool'))[0]?.n;
    const said = await onAndOff(async () => {
      const client = await WireClient.connect({ port: stage.sluice.mysqlPort, ...APP });
      await client.query('SELECT 1');
      const before = await opened();
      const chunks: Buffer[] = [];
      client.socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      const late = commandFrame(Command.COM_QUERY, 'SELECT 2');
      late[3] = 5;
      client.socket.write(Buffer.concat([late, commandFrame(Command.COM_QUERY, 'CREATE DATABASE behind')]));
      await within(once(client.socket, 'close'), 'the end of the connection', 5_000);
      const bytes = Buffer.concat(chunks);
      assert.equal(await opened(), before);
      return bytes.length === 0 ? 'nothing' : decodeErr(bytes, HEADER_BYTES, bytes.length).code;
    });
    assert.deepEqual(said, [1156, 'nothing']);
    assert.deepEqual(await stage.databases[0]?.query("SHOW DATABASES LIKE 'behind'"), []);
  });

  test('COM_PROCESS_KILL ends a session, if it is there; off: it is refused', async () => {
    const codes = await onAndOff(async () => {
      const client = await WireClient.connect({ port: stage.sluice.mysqlPort, ...APP });
      const { errorCode } = await client.command(
        Command.COM_PROCESS_KILL,
        Buffer.from([0xff, 0xff, 0xff, 0]),
        'simple',
      );
      client.destroy();
      return errorCode;
    });
    assert.deepEqual(codes, [1094, 9003]);
  });

  describe('replicas', () => {
    const registered = async (user: { user: string; password: string } = APP) => {
      const client = await WireClient.connect({ port: stage.sluice.mysqlPort, ...user });
      const answers: number[] = [];
      for (const [command, payload] of [
        [Command.COM_REGISTER_SLAVE, REGISTER],
        [Command.COM_QUERY, 'SELECT 1'],
        // A server that has no such file ends the connection.
        [Command.COM_BINLOG_DUMP, DUMP],
      ] as const)
        answers.push(
          (await client.command(command, payload, command === Command.COM_QUERY ? 'query' : 'simple')).errorCode,
        );
      client.destroy();
      return answers;
    };
    /** Refused by sluice, and the session goes on. */
    const REFUSED = [1047, 0, 1047];

    test('are refused; off: what they send reaches the server', async () => {
      const [on, off] = await onAndOff(() => registered());
      assert.deepEqual(on, REFUSED);
      assert.deepEqual(off, [0, 0, 1236]);
    });

    for (const [what, begin, end] of [
      [
        'a query rule',
        [
          "INSERT INTO mysql_query_rules (rule_id, active, match_digest, apply) VALUES (1, 1, 'nothing', 1)",
          'LOAD MYSQL QUERY RULES TO RUNTIME',
        ],
        ['DELETE FROM mysql_query_rules', 'LOAD MYSQL QUERY RULES TO RUNTIME'],
      ],
      [
        'a row of fast routing',
        [
          "INSERT INTO mysql_query_rules_fast_routing VALUES ('app', 'elsewhere', 0, 0, '')",
          'LOAD MYSQL QUERY RULES TO RUNTIME',
        ],
        ['DELETE FROM mysql_query_rules_fast_routing', 'LOAD MYSQL QUERY RULES TO RUNTIME'],
      ],
      [
        'the firewall',
        [
          "INSERT INTO mysql_firewall_whitelist_users VALUES (1, 'app', '', 'OFF', '')",
          'LOAD MYSQL FIREWALL TO RUNTIME',
          'SET mysql-firewall_whitelist_enabled = true',
          'LOAD MYSQL VARIABLES TO RUNTIME',
        ],
        ['SET mysql-firewall_whitelist_enabled = false', 'LOAD MYSQL VARIABLES TO RUNTIME'],
      ],
    ] as const) {
      test(`are refused with it off as well, once there is ${what}`, async () => {
        await stage.sluice.admin(...begin);
        try {
          assert.deepEqual(await onAndOff(() => registered()), [REFUSED, REFUSED]);
        } finally {
          await stage.sluice.admin(...end);
        }
      });
    }

    test('are refused to a masked user, and to no other', async () => {
      await stage.sluice.admin(
        "INSERT INTO mysql_masking_columns (schemaname, tablename, columnname, mask) VALUES ('test', 't', 'secret', 'full')",
        `INSERT INTO mysql_masking_users (username) VALUES ('${CLERK.user}')`,
        'LOAD MYSQL MASKING TO RUNTIME',
      );
      const [, off] = await onAndOff(async () => [await registered(CLERK), await registered()]);
      assert.deepEqual(off, [REFUSED, [0, 0, 1236]]);
    });
  });
});
