/**
 * A session whose statements go to two hostgroups finds its state wherever they run, and no statement is refused for
 * what a SET did before.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import mysql, { type Connection } from 'mysql2/promise';
import { Command } from '../../src/protocol/commands.ts';
import { repositoryRoot } from '../helpers/repository.ts';
import { APP, type MysqlError, refusal, Stage, scalar } from '../helpers/stage.ts';
import { WireClient } from '../helpers/wire-client.ts';

interface Tool {
  readonly tool: string;
  readonly statements: readonly string[];
}

const TOOLS = JSON.parse(
  readFileSync(join(repositoryRoot, 'test', 'golden', 'tool-startup.json'), 'utf8'),
) as readonly Tool[];

/** What tools set, as it is in the end; with FOR UPDATE it is asked of the server of writes. */
const SETTINGS = `SELECT @@sql_mode, @@time_zone, @@autocommit, @@tx_isolation, @@foreign_key_checks, @@unique_checks,
  @@sql_safe_updates, @@sql_select_limit, @@profiling, @@sql_notes, @@character_set_client, @@character_set_results,
  @@collation_connection, @@max_statement_time, @@lc_messages, @@sql_quote_show_create`;

/** The server a statement ran on: 1 is that of writes, 2 that of reads. */
const WHERE = 'SELECT @@server_id';

/** The number of the error a statement ends with, or 0. */
async function errorOf(client: Connection, sql: string): Promise<number> {
  try {
    await client.query(sql);
    return 0;
  } catch (error) {
    return (error as MysqlError).errno;
  }
}

describe('state over two hostgroups', () => {
  let stage: Stage;
  const clients: Connection[] = [];

  before(async () => {
    stage = await Stage.start({
      databases: 2,
      setup: ['CREATE TABLE test.t (id INT PRIMARY KEY)'],
      hostgroups: [0, 1],
      rules: [
        { rule_id: 1, active: 1, match_digest: '^SELECT .*FOR UPDATE', destination_hostgroup: 0, apply: 1 },
        { rule_id: 2, active: 1, match_digest: '^SELECT', destination_hostgroup: 1, apply: 1 },
      ],
    });
    await stage.databases[0]?.query('SET GLOBAL server_id = 1');
    await stage.databases[1]?.query('SET GLOBAL server_id = 2');
  });

  after(async () => {
    for (const client of clients) client.destroy();
    await stage?.stop();
  });

  test('a SET that one hostgroup takes and another does not is told as that, and is taken back by another SET', async () => {
    for (const sql of [
      "INSERT INTO mysql.time_zone (Time_zone_id, Use_leap_seconds) VALUES (77, 'N')",
      "INSERT INTO mysql.time_zone_name (Name, Time_zone_id) VALUES ('Test/Zone', 77)",
      "INSERT INTO mysql.time_zone_transition_type VALUES (77, 0, 3600, 0, 'TST')",
    ])
      await stage.databases[0]?.query(sql);
    const client = await stage.connect();
    await client.query("SET time_zone = 'Test/Zone'");
    assert.equal(await scalar(client, 'SELECT @@time_zone FOR UPDATE'), 'Test/Zone');
    const { message } = await refusal(client.query('SELECT @@time_zone'), 1298);
    assert.match(message, /^Unknown or incorrect time zone: 'Test\/Zone' \(a SET made earlier .* hostgroup 1: /);
    assert.equal(await scalar(client, 'SELECT @@time_zone FOR UPDATE'), 'Test/Zone');
    await client.query('SET time_zone = DEFAULT');
    assert.equal(await scalar(client, 'SELECT @@time_zone'), 'SYSTEM');
    client.destroy();
  });

  describe('a schema that a client wants to be in', () => {
    const everywhere = async (sql: string) => {
      for (const database of stage.databases) await database.query(sql);
    };

    before(async () => {
      await stage.databases[1]?.query('CREATE DATABASE reports');
      await everywhere("CREATE USER guest@'%' IDENTIFIED BY 'guest'");
      await everywhere("GRANT SELECT ON test.* TO guest@'%'");
      await stage.sluice.admin(
        "INSERT INTO mysql_users (username, password, default_hostgroup) VALUES ('guest', 'guest', 0), ('lost', 'lost', 7)",
        'LOAD MYSQL USERS TO RUNTIME',
      );
    });

    test('is refused at once where no server has it, and the session stays in its own', () =>
      stage.withClient(async (client) => {
        const { message } = await refusal(client.query('USE nowhere'), 1049);
        assert.equal(message, "Unknown database 'nowhere'");
        assert.equal(await scalar(client, 'SELECT DATABASE()'), 'test');
        await refusal(client.query('USE ``'), 1046);
        await refusal(client.query('USE `ends with a space `'), 1102);
        await refusal(stage.connect({ database: 'nowhere' }), 1049);
        await refusal(client.changeUser({ ...APP, database: 'nowhere' }), 1049);
      }));

    test('is the one that its USE is counted in, and with a refused USE the one before', () =>
      stage.withClient(async (client) => {
        await client.query('USE information_schema');
        await refusal(client.query('USE not_there'), 1049);
        const counted = await stage.sluice.admin(
          "SELECT digest_text, schemaname FROM stats_mysql_query_digest WHERE digest_text IN ('USE information_schema', 'USE not_there') ORDER BY digest_text",
        );
        assert.deepEqual(
          counted.map(({ schemaname }) => schemaname),
          ['information_schema', 'information_schema'],
        );
      }));

    test('is refused to whom it is forbidden, as COM_INIT_DB too', async () => {
      const guest = { user: 'guest', password: 'guest', database: 'test' };
      const address = { host: stage.sluice.host, port: stage.sluice.mysqlPort };
      const client = await WireClient.connect({ ...address, ...guest });
      assert.equal((await client.command(Command.COM_INIT_DB, Buffer.from('reports'))).errorCode, 1044);
      assert.equal((await client.command(Command.COM_INIT_DB, Buffer.from('test'))).errorCode, 0);
      client.destroy();
      await refusal(stage.connect({ ...guest, database: 'mysql' }), 1044);
    });

    test('may be one that only a hostgroup of a rule has', () =>
      stage.withClient(
        async (client) => {
          assert.equal(await scalar(client, 'SELECT DATABASE()'), 'reports');
          await client.query('USE test');
          await client.query('USE reports');
          assert.equal(await scalar(client, 'SELECT @@server_id'), '2');
        },
        { database: 'reports' },
      ));

    test('is unknown again as soon as it is dropped', () =>
      stage.withClient(async (client) => {
        await everywhere('CREATE DATABASE brief');
        await client.query('USE brief');
        await client.query('USE test');
        await stage.databases[1]?.query('DROP DATABASE brief');
        await client.query('DROP DATABASE brief');
        await refusal(client.query('USE brief'), 1049);
      }));

    test('is believed in where no server can be asked, and with sluice-strict off', async () => {
      const lost = await stage.sluice.connect({ user: 'lost', password: 'lost', database: 'nowhere' });
      lost.destroy();
      await stage.sluice.admin('SET sluice-strict = false', 'LOAD SLUICE VARIABLES TO RUNTIME');
      await stage.withClient(async (client) => {
        await client.query('USE nowhere');
        await refusal(client.query('SELECT 1'), 1049);
      });
      await stage.sluice.admin('SET sluice-strict = true', 'LOAD SLUICE VARIABLES TO RUNTIME');
    });
  });

  for (const { tool, statements } of TOOLS) {
    test(`start-up statements: ${tool}`, async () => {
      const through = await stage.connect({ multipleStatements: true });
      const direct = await mysql.createConnection({
        ...APP,
        host: stage.database.host,
        port: stage.database.port,
        database: 'test',
        multipleStatements: true,
      });
      try {
        for (const sql of statements) {
          assert.equal(await errorOf(through, sql), await errorOf(direct, sql), sql);
        }
        for (const sql of [SETTINGS, `${SETTINGS} FOR UPDATE`]) {
          const [ours] = await through.query({ sql, rowsAsArray: true });
          const [theirs] = await direct.query({ sql, rowsAsArray: true });
          assert.deepEqual(ours, theirs);
        }
      } finally {
        through.destroy();
        direct.destroy();
      }
    });
  }

  const connect = async (): Promise<Connection> => {
    const client = await stage.connect({ multipleStatements: true });
    clients.push(client);
    return client;
  };

  test('a SET nobody mirrors is said again where the next statement goes', async () => {
    const client = await connect();
    await client.query('SET max_error_count = 7, div_precision_increment = 2');
    await client.query('SET SESSION profiling = 1');
    assert.equal(await scalar(client, WHERE), '2');
    assert.equal(
      await scalar(client, 'SELECT CONCAT(@@max_error_count, @@div_precision_increment, @@profiling)'),
      '72ON',
    );
    await client.query('SET /* a tool */ max_error_count = 8');
    assert.equal(await scalar(client, 'SELECT CONCAT(@@server_id, @@max_error_count)'), '28');
    assert.equal(await scalar(client, 'SELECT CONCAT(@@server_id, @@max_error_count) FOR UPDATE'), '18');
  });

  test('user variables are read where they were set', async () => {
    const client = await connect();
    assert.equal(await scalar(client, WHERE), '2');
    await client.query("SET @ApplicationName = 'tool', @n := 1 + (SELECT 41)");
    assert.equal(await scalar(client, 'SELECT CONCAT(@ApplicationName, @n, @@server_id)'), 'tool421');
    assert.equal(await scalar(client, WHERE), '1');
  });

  test('temporary tables, locks and prepared text are where they were made', async () => {
    const client = await connect();
    await client.query('CREATE TEMPORARY TABLE scratch (n INT); INSERT INTO scratch VALUES (5)');
    assert.equal(await scalar(client, 'SELECT n FROM scratch'), '5');
    const other = await connect();
    await other.query("PREPARE p FROM 'SELECT ?'");
    assert.equal(await scalar(other, WHERE), '2');
    await other.query('SET @five = 5');
    assert.equal(await scalar(other, 'EXECUTE p USING @five'), '5');
    const third = await connect();
    await third.query("DO GET_LOCK('a lock', 0)");
    assert.equal(await scalar(third, "SELECT RELEASE_LOCK('a lock')"), '1');
  });

  test('a SET that cannot be repeated keeps the session where it ran', async () => {
    const client = await connect();
    await client.query('SET max_error_count = LENGTH(CONNECTION_ID()) + 10, @x = 1');
    assert.equal(await scalar(client, WHERE), '1');
    await client.query('SET @y = 1; SET max_error_count = 9');
    assert.equal(await scalar(client, 'SELECT CONCAT(@@server_id, @@max_error_count)'), '19');
  });

  test('SET GLOBAL and SET PASSWORD leave nothing', async () => {
    const client = await connect();
    await client.query('SET GLOBAL max_error_count = 64');
    assert.equal(await scalar(client, WHERE), '2');
  });
});
