/**
 * Sessions share backend connections between statements, but nothing one session did is ever seen by another one.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Connection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import mysql from 'mysql2/promise';
import { Command } from '../../src/protocol/commands.ts';
import { StatusFlag } from '../../src/protocol/status-flags.ts';
import { APP, BACKEND_ID, refusal, rowsOf, Stage, scalar } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';
import { WireClient } from '../helpers/wire-client.ts';

describe('multiplexing', () => {
  let stage: Stage;
  let a: Connection;
  let b: Connection;

  before(async () => {
    stage = await Stage.start({
      setup: [
        'CREATE DATABASE other',
        'CREATE TABLE test.t (id INT PRIMARY KEY, v INT)',
        'INSERT INTO test.t VALUES (1, 1)',
        'CREATE TABLE test.locked (id INT)',
        'CREATE TABLE test.numbered (id INT AUTO_INCREMENT PRIMARY KEY)',
        "GRANT GRANT OPTION ON *.* TO 'app'@'%'",
        "CREATE USER poor IDENTIFIED BY 'poor'",
      ],
      users: [{ username: 'poor', password: 'poor', default_hostgroup: 0 }],
    });
  });

  after(() => stage?.stop());

  /** Two fresh sessions for `play`, gone afterwards together with what they pinned. */
  const twoSessions = async (play: () => Promise<void>): Promise<void> => {
    [a, b] = await Promise.all([stage.connect(), stage.connect()]);
    try {
      await play();
    } finally {
      a.destroy();
      b.destroy();
      await eventually(
        'no session holds a connection',
        () => stage.connectionsUsed(),
        (used) => used === 0,
      );
    }
  };

  const onOwnConnections = async (): Promise<void> => {
    const [idOfA, idOfB] = await Promise.all([scalar(a, BACKEND_ID), scalar(b, BACKEND_ID)]);
    assert.notEqual(idOfA, idOfB);
  };

  /** Plays with variables of the data plane that are as before afterwards. */
  const withVariables = async (values: Record<string, string>, play: () => Promise<void>): Promise<void> => {
    const names = Object.keys(values).map((name) => `'mysql-${name}'`);
    const before = await stage.sluice.admin(
      `SELECT variable_name AS name, variable_value AS value FROM global_variables WHERE variable_name IN (${names})`,
    );
    const set = async (assignments: readonly (readonly [string, string])[]): Promise<void> => {
      for (const [name, value] of assignments) await stage.sluice.admin(`SET ${name} = '${value}'`);
      await stage.sluice.admin('LOAD MYSQL VARIABLES TO RUNTIME');
    };
    await set(Object.entries(values).map(([name, value]) => [`mysql-${name}`, value] as const));
    try {
      await twoSessions(play);
    } finally {
      await set(before.map(({ name, value }) => [String(name), String(value)] as const));
    }
  };

  test('mysql-auto_increment_delay_multiplex: so many statements after a new id stay on its connection', () =>
    withVariables({ auto_increment_delay_multiplex: '3' }, async () => {
      await a.query('INSERT INTO numbered VALUES ()');
      for (let statement = 1; statement <= 3; statement += 1) {
        assert.equal(await stage.connectionsUsed(), 1, `before statement ${statement}`);
        await a.query('SELECT v FROM t');
      }
      assert.equal(await stage.connectionsUsed(), 0);
      await a.query('INSERT INTO numbered VALUES ()');
      await b.query('SELECT v FROM t');
      await a.query('INSERT INTO t VALUES (7, 7)');
      await a.query('DELETE FROM t WHERE id = 7');
      await a.query('SELECT v FROM t');
      assert.equal(await stage.connectionsUsed(), 0);
    }));

  test('a connection that is only kept just in case is there for the question whether a schema is', () =>
    withVariables({ auto_increment_delay_multiplex: '3' }, async () => {
      await a.query('INSERT INTO numbered VALUES ()');
      assert.equal(await stage.connectionsUsed(), 1);
      await a.query('USE other');
      assert.equal(await stage.connectionsUsed(), 0);
      const [[row]] = await a.query<RowDataPacket[]>('SELECT LAST_INSERT_ID() = MAX(id) AS same FROM test.numbered');
      assert.equal(row?.same, 1);
    }));

  test('mysql-auto_increment_delay_multiplex_timeout_ms ends that', () =>
    withVariables({ auto_increment_delay_multiplex_timeout_ms: '200' }, async () => {
      await a.query('INSERT INTO numbered VALUES ()');
      await eventually(
        'the connection is given back',
        () => stage.connectionsUsed(),
        (used) => used === 0,
        3_000,
      );
    }));

  test('mysql-connection_delay_multiplex_ms keeps a connection for that long after its last statement', () =>
    withVariables({ connection_delay_multiplex_ms: '400' }, async () => {
      const backend = await scalar(a, BACKEND_ID);
      assert.notEqual(await scalar(b, BACKEND_ID), backend);
      assert.equal(await stage.connectionsUsed(), 2);
      for (let round = 0; round < 3; round += 1) assert.equal(await scalar(a, BACKEND_ID), backend);
      const begun = performance.now();
      await a.query('SELECT v FROM t');
      await eventually(
        'both are given back',
        () => stage.connectionsUsed(),
        (used) => used === 0,
        5_000,
      );
      assert.ok(performance.now() - begun >= 400);
    }));

  test('mysql-autocommit_false_is_transaction: without autocommit a session keeps its connection', async () => {
    const play = async (used: number): Promise<void> => {
      await a.query('SET autocommit = 0');
      await a.query('SELECT 1 + 1');
      assert.equal(await stage.connectionsUsed(), used);
      await a.query('SET autocommit = 1');
      await a.query('SELECT 1 + 1');
      assert.equal(await stage.connectionsUsed(), 0);
    };
    await twoSessions(() => play(0));
    await withVariables({ autocommit_false_is_transaction: 'true' }, () => play(1));
  });

  test('mysql-autocommit_false_not_reusable: a connection without autocommit serves nobody else', async () => {
    const play = async (): Promise<boolean> => {
      await a.query('SET autocommit = 0');
      const backend = await scalar(a, BACKEND_ID);
      a.destroy();
      await eventually(
        'nothing is held',
        () => stage.connectionsUsed(),
        (used) => used === 0,
      );
      await b.query('SET autocommit = 0');
      return (await scalar(b, BACKEND_ID)) === backend;
    };
    let reused = false;
    await twoSessions(async () => {
      reused = await play();
    });
    assert.equal(reused, true);
    await withVariables({ autocommit_false_not_reusable: 'true' }, async () => {
      reused = await play();
    });
    assert.equal(reused, false);
  });

  test('who drops the schema it is in may go on, make it anew, and has none of the data of mysql-default_schema', () =>
    withVariables({ default_schema: 'test' }, () =>
      twoSessions(async () => {
        for (const how of ['query', 'execute'] as const) {
          for (const sql of ['CREATE DATABASE gone', 'USE gone']) await a.query(sql);
          await (how === 'query' ? a.query('DROP DATABASE gone') : a.execute('DROP DATABASE `gone`'));
          await a.query('CREATE DATABASE gone');
          assert.equal(Number(await scalar(a, 'SELECT COUNT(*) FROM test.t')), 1);
          await refusal(a.query('CREATE TABLE t (id INT)'), 1044);
          await a.query('DROP DATABASE gone');
        }
      }),
    ));

  test('who logs in after a GRANT or REVOKE has the rights of now, by whatever account or role', () =>
    twoSessions(async () => {
      const poor = { user: 'poor', password: 'poor', database: '' };
      const read = () => stage.withClient((client) => client.query('SELECT id FROM test.t'), poor);
      const denied = () => refusal(read(), 1142);
      await denied();
      await a.query('GRANT SELECT ON *.* TO `poor`');
      await read();
      await a.execute('/* by prepared statement */ REVOKE SELECT ON *.* FROM poor');
      await denied();
      await a.query('CREATE ROLE readers');
      await a.query('GRANT readers TO poor');
      await a.query('SET DEFAULT ROLE readers FOR poor');
      await a.query('GRANT SELECT ON *.* TO readers');
      await read();
      await a.query('DROP ROLE readers');
      await denied();
      await a.query('GRANT SELECT ON other.* TO poor');
      const holder = await stage.connect(poor);
      await holder.query('SET @held = 1');
      await holder.query('USE other');
      await refusal(holder.query('CREATE TABLE granted (id INT)'), 1142);
      await a.query('GRANT CREATE ON other.* TO poor');
      await holder.query('USE other');
      await holder.query('CREATE TABLE granted (id INT)');
      assert.equal(await scalar(holder, 'SELECT @held'), '1');
      holder.destroy();
    }));

  test('idle sessions hold no connection, and many share few', () =>
    twoSessions(async () => {
      const clients = await Promise.all(Array.from({ length: 30 }, () => stage.connect()));
      const backends = new Set<unknown>();
      for (const client of clients) backends.add(await scalar(client, BACKEND_ID));
      assert.equal(backends.size, 1);
      assert.equal(await stage.connectionsUsed(), 0);
      for (const client of clients) client.destroy();
    }));

  test('a transaction keeps its connection and is invisible until it commits', () =>
    twoSessions(async () => {
      await a.query('BEGIN');
      const backend = await scalar(a, BACKEND_ID);
      await a.query('UPDATE t SET v = 2 WHERE id = 1');
      for (let round = 0; round < 20; round += 1) {
        assert.equal(await scalar(b, 'SELECT v FROM t WHERE id = 1'), '1');
        assert.equal(await scalar(a, 'SELECT v FROM t WHERE id = 1'), '2');
        assert.equal(await scalar(a, BACKEND_ID), backend);
        assert.notEqual(await scalar(b, BACKEND_ID), backend);
      }
      await a.query('COMMIT');
      assert.equal(await scalar(b, 'SELECT v FROM t WHERE id = 1'), '2');
      assert.equal(await stage.connectionsUsed(), 0);
      await b.query('UPDATE t SET v = 1 WHERE id = 1');
    }));

  test('a transaction of a client that vanishes is rolled back', () =>
    twoSessions(async () => {
      await a.query('START TRANSACTION');
      await a.query('UPDATE t SET v = 99 WHERE id = 1');
      a.destroy();
      await eventually(
        'the connection is given up',
        () => stage.connectionsUsed(),
        (used) => used === 0,
      );
      await b.query('UPDATE t SET v = 1 WHERE id = 1');
      assert.equal(await scalar(b, 'SELECT v FROM t WHERE id = 1'), '1');
    }));

  test('autocommit off is the session’s own', () =>
    twoSessions(async () => {
      await a.query('SET autocommit = 0');
      await a.query('UPDATE t SET v = 5 WHERE id = 1');
      assert.equal(await scalar(b, 'SELECT v FROM t WHERE id = 1'), '1');
      assert.equal(await scalar(b, 'SELECT @@autocommit'), '1');
      assert.equal(await scalar(a, 'SELECT v FROM t WHERE id = 1'), '5');
      await a.query('ROLLBACK');
      assert.equal(await scalar(a, 'SELECT v FROM t WHERE id = 1'), '1');
      await a.query('COMMIT');
    }));

  test('user variables', () =>
    twoSessions(async () => {
      await a.query("SET @who = 'a'");
      await b.query("SET @who = 'b'");
      for (let round = 0; round < 20; round += 1) {
        assert.equal(await scalar(a, 'SELECT @who'), 'a');
        assert.equal(await scalar(b, 'SELECT @who'), 'b');
      }
      await onOwnConnections();
      a.destroy();
      b.destroy();
      await eventually(
        'the connections are given up',
        () => stage.connectionsUsed(),
        (used) => used === 0,
      );
      for (let round = 0; round < 10; round += 1) {
        assert.equal(await stage.withClient((next) => scalar(next, 'SELECT @who')), null);
      }
    }));

  test('user variables set in a SELECT, in a comment for the server, in an INTO', () =>
    twoSessions(async () => {
      await scalar(a, 'SELECT @x := 1');
      await a.query('/*! SET @y = 2 */');
      await a.query('SELECT 3 INTO @z');
      for (let round = 0; round < 5; round += 1) {
        assert.equal(await scalar(a, 'SELECT CONCAT(@x, @y, @z)'), '123');
        assert.equal(await scalar(b, 'SELECT COALESCE(@x, @y, @z)'), null);
      }
    }));

  test('temporary tables', () =>
    twoSessions(async () => {
      await a.query('CREATE TEMPORARY TABLE scratch (id INT)');
      await a.query('INSERT INTO scratch VALUES (7)');
      for (let round = 0; round < 10; round += 1) {
        assert.equal(await scalar(a, 'SELECT id FROM scratch'), '7');
        await refusal(b.query('SELECT id FROM scratch'), 1146);
      }
      await b.query('/* note */ create /* note */ temporary table `scratch` (id int)');
      await b.query('INSERT INTO scratch VALUES (8)');
      assert.equal(await scalar(a, 'SELECT SUM(id) FROM scratch'), '7');
      assert.equal(await scalar(b, 'SELECT SUM(id) FROM scratch'), '8');
      a.destroy();
      b.destroy();
      await eventually(
        'the connections are given up',
        () => stage.connectionsUsed(),
        (used) => used === 0,
      );
      await stage.withClient((next) => refusal(next.query('SELECT id FROM scratch'), 1146));
    }));

  test('named locks', () =>
    twoSessions(async () => {
      assert.equal(await scalar(a, "SELECT GET_LOCK('door', 0)"), '1');
      for (let round = 0; round < 5; round += 1) {
        assert.equal(await scalar(b, "SELECT GET_LOCK('door', 0)"), '0');
        assert.equal(await scalar(a, "SELECT IS_USED_LOCK('door') = CONNECTION_ID()"), '1');
      }
      a.destroy();
      assert.equal(await scalar(b, "SELECT GET_LOCK('door', 10)"), '1');
    }));

  test('table locks', () =>
    twoSessions(async () => {
      await a.query('LOCK TABLES locked WRITE');
      const backend = await scalar(a, BACKEND_ID);
      const waiting = b.query('INSERT INTO locked VALUES (2)');
      await a.query('INSERT INTO locked VALUES (1)');
      assert.equal(await scalar(a, 'SELECT COUNT(*) FROM locked'), '1');
      assert.equal(await scalar(a, BACKEND_ID), backend);
      await refusal(a.query('SELECT * FROM t'), 1100);
      await a.query('UNLOCK TABLES');
      await waiting;
      assert.equal(await scalar(a, 'SELECT COUNT(*) FROM locked'), '2');
      // The INSERT's row count can no longer be asked for.
      await b.query('SELECT 1');
      await eventually(
        'the connection is free again',
        () => stage.connectionsUsed(),
        (used) => used === 0,
      );
    }));

  test('prepared statements in SQL', () =>
    twoSessions(async () => {
      await a.query("PREPARE s FROM 'SELECT 11'");
      await b.query("PREPARE s FROM 'SELECT 22'");
      for (let round = 0; round < 5; round += 1) {
        assert.equal(await scalar(a, 'EXECUTE s'), '11');
        assert.equal(await scalar(b, 'EXECUTE s'), '22');
      }
    }));

  test('FOUND_ROWS, LAST_INSERT_ID and SHOW WARNINGS speak of the session’s own last statement', () =>
    twoSessions(async () => {
      await a.query('CREATE TABLE IF NOT EXISTS ids (id INT AUTO_INCREMENT PRIMARY KEY)');
      await a.query('TRUNCATE ids');
      await a.query('INSERT INTO ids VALUES ()');
      await b.query('INSERT INTO ids VALUES ()');
      assert.equal(await scalar(a, 'SELECT LAST_INSERT_ID()'), '1');
      assert.equal(await scalar(b, 'SELECT LAST_INSERT_ID()'), '2');

      await a.query('SELECT SQL_CALC_FOUND_ROWS seq FROM seq_1_to_50 LIMIT 1');
      await b.query('SELECT SQL_CALC_FOUND_ROWS seq FROM seq_1_to_60 LIMIT 1');
      assert.equal(await scalar(a, 'SELECT FOUND_ROWS()'), '50');
      assert.equal(await scalar(b, 'SELECT FOUND_ROWS()'), '60');

      await a.query('DROP TABLE IF EXISTS missing_for_a');
      await b.query('DROP TABLE IF EXISTS missing_for_b');
      const [warnings] = await a.query('SHOW WARNINGS');
      assert.match(JSON.stringify(warnings), /missing_for_a/);
    }));
});

describe('session state on one shared connection', () => {
  let stage: Stage;

  before(async () => {
    // One backend connection serves everybody, so that whatever sticks to it would show.
    stage = await Stage.start({
      setup: ['CREATE DATABASE other'],
      serverColumns: { max_connections: 1 },
    });
  });

  after(() => stage?.stop());

  /** Sessions in turn, several times over; each must find its own value. */
  const eachKeepsItsOwn = async (read: string, sets: readonly (readonly [string, string])[]): Promise<void> => {
    const clients = await Promise.all(sets.map(() => stage.connect()));
    const backends = new Set<unknown>();
    for (const [index, [set]] of sets.entries()) await clients[index]?.query(set);
    for (let round = 0; round < 5; round += 1) {
      for (const [index, [set, expected]] of sets.entries()) {
        const client = clients[index] as Connection;
        assert.equal(await scalar(client, read), expected, `after ${set}, in round ${round}`);
        backends.add(await scalar(client, BACKEND_ID));
      }
    }
    assert.equal(backends.size, 1);
    for (const client of clients) client.destroy();
  };

  test('max_join_size, which sets sql_big_selects as well', () =>
    eachKeepsItsOwn('SELECT @@sql_big_selects', [
      ['SET max_join_size = 2', '0'],
      ['SET sql_big_selects = 1', '1'],
      ['SET max_join_size = 2', '0'],
      ['SET max_join_size = DEFAULT', '1'],
    ]));

  test('sql_mode', async () => {
    const standard = await stage.withClient((client) => scalar(client, 'SELECT @@sql_mode'));
    await eachKeepsItsOwn('SELECT @@sql_mode', [
      ["SET sql_mode = 'ANSI_QUOTES'", 'ANSI_QUOTES'],
      ['SET NAMES utf8mb4', standard ?? ''],
      ["SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'", 'PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'],
      ["SET @@session.sql_mode = ''", ''],
    ]);
    await stage.withClient(async (client) => {
      for (const [mode, flag] of [
        ['NO_BACKSLASH_ESCAPES', StatusFlag.NO_BACKSLASH_ESCAPES],
        ['', 0],
      ] as const) {
        const [ok] = await client.query<ResultSetHeader>(`SET sql_mode = '${mode}'`);
        assert.equal(ok.serverStatus & StatusFlag.NO_BACKSLASH_ESCAPES, flag, 'clients quote by it');
      }
    });
    await eachKeepsItsOwn("SELECT 'a' || 'b'", [
      ["SET sql_mode = 'PIPES_AS_CONCAT'", 'ab'],
      ["SET sql_mode = ''", '0'],
    ]);
  });

  test('time_zone', () =>
    eachKeepsItsOwn("SELECT FROM_UNIXTIME(0, '%H:%i')", [
      ["SET time_zone = '+00:00'", '00:00'],
      ["SET time_zone = '+05:30'", '05:30'],
      ["SET SESSION time_zone = '-01:00'", '23:00'],
    ]));

  test('character set and collation', () =>
    eachKeepsItsOwn(
      "SELECT CONCAT(@@character_set_client, ' ', @@character_set_results, ' ', @@collation_connection)",
      [
        ['SET NAMES latin1', 'latin1 latin1 latin1_swedish_ci'],
        ['SET NAMES utf8mb4 COLLATE utf8mb4_polish_ci', 'utf8mb4 utf8mb4 utf8mb4_polish_ci'],
        ['SET NAMES utf8mb4 COLLATE uca1400_ai_ci', 'utf8mb4 utf8mb4 utf8mb4_uca1400_ai_ci'],
        ["SET NAMES 'ascii'", 'ascii ascii ascii_general_ci'],
      ],
    ));

  test('schema, by USE and by command', async () => {
    await eachKeepsItsOwn('SELECT DATABASE()', [
      ['USE other', 'other'],
      ['use `test`', 'test'],
      ['SELECT 1', 'test'],
      ['USE `mysql`;', 'mysql'],
    ]);
    await stage.withClient(async (client) => assert.equal(await scalar(client, 'SELECT DATABASE()'), 'other'), {
      database: 'other',
    });
  });

  test('a schema whose name is beyond ASCII, in the character set of each client', async () => {
    await stage.database.query('CREATE DATABASE `café`');
    const options = { port: stage.sluice.mysqlPort, user: APP.user, password: APP.password, schema: 'test' };
    const client = await WireClient.connect(options);
    const latin1 = (text: string) => Buffer.from(text, 'latin1');
    const where = async (): Promise<string | undefined> =>
      (
        await client.query('SELECT HEX(CONVERT(DATABASE() USING utf8mb4)), @@character_set_client')
      ).packets[3]?.toString();
    // The connection has the character set of the session before, and is asked for the schema first.
    for (const [charset, encode] of [
      ['latin1', latin1],
      ['utf8mb4', Buffer.from],
      ['latin1', latin1],
    ] as const) {
      await client.query(`SET NAMES ${charset}`);
      await client.command(Command.COM_QUERY, 'USE test');
      assert.equal(await where(), `\x0874657374${String.fromCharCode(charset.length)}${charset}`);
      assert.equal((await client.command(Command.COM_QUERY, encode('USE `café`'))).errorCode, 0);
      assert.equal(await where(), `\x0a636166C3A9${String.fromCharCode(charset.length)}${charset}`);
      await client.command(Command.COM_INIT_DB, 'test', 'simple');
      assert.equal((await client.command(Command.COM_INIT_DB, encode('café'), 'simple')).errorCode, 0);
      assert.equal(await where(), `\x0a636166C3A9${String.fromCharCode(charset.length)}${charset}`);
    }
    await client.query('SET NAMES utf8mb4');
    const [refused] = (await client.command(Command.COM_INIT_DB, latin1('café'), 'simple')).lines;
    assert.match(refused ?? '', /1300.*Invalid utf8mb4 character string: 'caf\\xE9'/);
    const account = { host: '127.0.0.1', port: options.port, user: APP.user, password: APP.password };
    const named = await mysql.createConnection({ ...account, database: 'café', charset: 'LATIN1_SWEDISH_CI' });
    const hex = 'SELECT HEX(CONVERT(DATABASE() USING utf8mb4))';
    assert.equal(await scalar(named, hex), '636166C3A9', 'at its login');
    await named.changeUser({ ...account, database: 'test', charset: 'LATIN1_SWEDISH_CI' });
    assert.equal(await scalar(named, hex), '74657374');
    await named.changeUser({ ...account, database: 'café', charset: 'LATIN1_SWEDISH_CI' });
    assert.equal(await scalar(named, hex), '636166C3A9', 'when it becomes somebody');
    named.destroy();
    await client.query('SET NAMES latin1');
    assert.equal((await client.command(Command.COM_QUERY, latin1('DROP DATABASE `café`'))).errorCode, 0);
    assert.equal((await client.query('SELECT 1')).errorCode, 0);
    client.destroy();
  });

  test('a SET that a pinned connection refuses is told as its own error', () =>
    stage.withClient(async (client) => {
      await client.query('CREATE TEMPORARY TABLE pinning (id INT)');
      const { message } = await refusal(client.query("SET sql_mode = 'NOPE'"), 1231);
      assert.equal(message, "Variable 'sql_mode' can't be set to the value of 'NOPE'");
      assert.equal(await scalar(client, 'SELECT COUNT(*) FROM pinning'), '0');
    }));

  test('a command nobody knows is an error, and the session goes on', async () => {
    const client = await WireClient.connect({ ...APP, port: stage.sluice.mysqlPort });
    for (const command of [Command.COM_DEBUG, Command.COM_REFRESH, Command.COM_BINLOG_DUMP])
      assert.equal((await client.command(command, Buffer.from('x'))).errorCode, 1047);
    assert.equal((await client.query('SELECT 1')).errorCode, 0);
    client.destroy();
  });

  test('a value that the server cuts to its limit is warned of, as without a proxy', () =>
    stage.withClient(async (client) => {
      const [header] = await client.query<ResultSetHeader>('SET sort_buffer_size = 1');
      assert.equal(header.warningStatus, 1);
      const [warning] = await rowsOf(client, 'SHOW WARNINGS');
      assert.equal(warning?.Message, "Truncated incorrect sort_buffer_size value: '1'");
      const [silent] = await client.query<ResultSetHeader>('SET sort_buffer_size = 65536');
      assert.equal(silent.warningStatus, 0);
    }));

  test('isolation, foreign key checks and other variables the proxy mirrors', async () => {
    await eachKeepsItsOwn('SELECT @@foreign_key_checks', [
      ['SET foreign_key_checks = 0', '0'],
      ['SET foreign_key_checks = 1', '1'],
      ['SET FOREIGN_KEY_CHECKS=OFF', '0'],
    ]);
    await eachKeepsItsOwn('SELECT @@tx_isolation', [
      ['SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', 'READ-COMMITTED'],
      ['SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE', 'SERIALIZABLE'],
    ]);
    await eachKeepsItsOwn('SELECT @@group_concat_max_len', [
      ['SET group_concat_max_len = 4096', '4096'],
      ['SET SESSION group_concat_max_len = 8192, sql_safe_updates = 1', '8192'],
    ]);
  });

  test('a value the server refuses is an error of the SET, which sets nothing', () =>
    stage.withClient(async (client) => {
      await client.query("SET sql_mode = 'ANSI_QUOTES', NAMES latin1");
      const errorOf = async (sql: string): Promise<string> => {
        const error: unknown = await client.query(sql).catch((refused: unknown) => refused);
        const { errno, sqlMessage } = error as { errno?: number; sqlMessage?: string };
        return `${errno} ${sqlMessage}`;
      };
      for (const [sql, error] of [
        ["SET sql_mode = 'NO_SUCH_MODE'", /^1231 Variable 'sql_mode' can't be set to the value of 'NO_SUCH_MODE'/],
        ["SET default_storage_engine = 'gemini'", /^1286 Unknown storage engine 'gemini'/],
        ["SET character_set_client = 'filename'", /^1231 Variable 'character_set_client' can't be set/],
        ['SET NAMES ucs2', /^1231 Variable 'character_set_client' can't be set to the value of 'ucs2'/],
        ['SET NAMES gb18030', /^1115 Unknown character set/],
        ["SET time_zone = 'Nowhere/Land', sql_mode = ''", /^1298 Unknown or incorrect time zone/],
        ["SET optimizer_switch = 'nonsense=on'", /^1231 Variable 'optimizer_switch' can't be set/],
      ] as const) {
        assert.match(await errorOf(sql), error);
        const [warning] = await rowsOf(client, 'SHOW WARNINGS');
        // The proxy says this one itself.
        if (!sql.endsWith('ucs2')) assert.match(`${warning?.Code} ${warning?.Message}`, error);
        assert.equal(
          await scalar(client, "SELECT CONCAT(@@sql_mode, ' ', @@character_set_client)"),
          'ANSI_QUOTES latin1',
        );
      }
      await client.query("SET default_storage_engine = 'MEMORY', lc_time_names = 'de_DE'");
      assert.equal(
        await scalar(client, "SELECT CONCAT(@@default_storage_engine, ' ', @@lc_time_names)"),
        'MEMORY de_DE',
      );
      // In a transaction and on a connection of its own, the same.
      await client.query('SET @mine = 1');
      assert.match(await errorOf("SET default_storage_engine = 'gemini'"), /^1286/);
      assert.equal(await scalar(client, 'SELECT @@default_storage_engine'), 'MEMORY');
      await client.query('SET NAMES utf8mb4 COLLATE DEFAULT');
      assert.equal(await scalar(client, 'SELECT @@collation_connection'), 'utf8mb4_general_ci');
    }));

  test('COM_RESET_CONNECTION brings the defaults back', () =>
    stage.withClient(async (client) => {
      await client.query("SET sql_mode = 'ANSI_QUOTES'");
      await client.query("SET time_zone = '+05:30'");
      await client.query('SET @left = 1');
      await client.reset();
      assert.notEqual(await scalar(client, 'SELECT @@sql_mode'), 'ANSI_QUOTES');
      assert.equal(await scalar(client, 'SELECT @@time_zone'), 'SYSTEM');
      assert.equal(await scalar(client, 'SELECT @left'), null);
    }));

  test('a connection that was reset has the character set of its schema, not that of the server', async () => {
    await stage.withClient((client) => client.query('CREATE DATABASE german COLLATE latin1_german2_ci'));
    let backend: unknown;
    const collation = (client: Connection) => scalar(client, 'SELECT @@collation_database');
    await stage.withClient(
      async (client) => {
        await client.query('CREATE TEMPORARY TABLE left_over (id INT)');
        backend = await scalar(client, BACKEND_ID);
        assert.equal(await collation(client), 'latin1_german2_ci');
      },
      { database: 'german' },
    );
    await eventually(
      'the connection is reset',
      () => stage.connectionsUsed(),
      (used) => used === 0,
    );
    await stage.withClient(
      async (client) => {
        assert.equal(await scalar(client, BACKEND_ID), backend);
        assert.equal(await collation(client), 'latin1_german2_ci');
      },
      { database: 'german' },
    );
  });

  test('COM_PING is answered without a backend connection', () =>
    stage.withClient(async (holder) => {
      await holder.query('BEGIN');
      await holder.query('SELECT 1');
      await stage.withClient((client) => client.ping());
      await holder.query('ROLLBACK');
    }));
});
