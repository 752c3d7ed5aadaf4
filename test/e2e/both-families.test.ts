/**
 * What depends on the server's family: DDL between PREPARE and EXECUTE, long data, COM_SET_OPTION, several sessions on one
 * connection; on MariaDB and on MySQL 9.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { commandFrame } from '../../src/protocol/command-frame.ts';
import { Command } from '../../src/protocol/commands.ts';
import { type DatabaseServer, startMariadb } from '../helpers/mariadb.ts';
import { missingMysql9, startMysql9 } from '../helpers/mysql9.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';
import { APP, accountSql } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';
import { type WireAnswer, WireClient } from '../helpers/wire-client.ts';

const SETUP = [
  ...accountSql(APP.user, APP.password),
  'CREATE DATABASE test',
  'CREATE TABLE test.marks (id INT PRIMARY KEY, mark VARCHAR(20))',
  "INSERT INTO test.marks VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four')",
];
const CLIENTS = 4;

const connect = (port: number): Promise<WireClient> => WireClient.connect({ port, ...APP, schema: 'test' });

/** What two clients are told while one changes the table that the other has prepared a statement on. */
async function changingTable(port: number): Promise<string[]> {
  const [reader, changer] = await Promise.all([connect(port), connect(port)]);
  const lines: string[] = [];
  const create = 'CREATE TABLE changing (id INT, a INT)';
  await changer.query(create);
  const { statementId } = await reader.prepare('SELECT * FROM changing WHERE id = ?');
  for (const ddl of [
    'INSERT INTO changing VALUES (1, 2)',
    "ALTER TABLE changing ADD b VARCHAR(9) DEFAULT 'new'",
    'ALTER TABLE changing MODIFY a VARCHAR(9)',
    'ALTER TABLE changing DROP a',
    'ALTER TABLE changing RENAME COLUMN b TO c',
    'DROP TABLE changing',
    create,
    'DROP TABLE changing',
  ]) {
    await changer.query(ddl);
    lines.push(...(await reader.execute(statementId, ['1'])).lines, '--');
  }
  reader.destroy();
  changer.destroy();
  return lines;
}

/** The length the server sees of a parameter sent in pieces, 17 MiB in all. */
async function longData(port: number): Promise<string[]> {
  const client = await connect(port);
  const { statementId } = await client.prepare('SELECT LENGTH(?), 1');
  const head = Buffer.alloc(6);
  head.writeUInt32LE(statementId);
  const piece = Buffer.concat([head, Buffer.alloc(1024 * 1024, 'x')]);
  for (let i = 0; i < 17; i += 1) client.socket.write(commandFrame(Command.COM_STMT_SEND_LONG_DATA, piece));
  // No flags, one iteration, no parameter is NULL, types follow: a long blob, whose value came before.
  const execute = Buffer.alloc(13);
  execute.writeUInt32LE(statementId);
  execute.writeUInt32LE(1, 5);
  execute.writeUInt8(1, 10);
  execute.writeUInt8(0xfb, 11);
  const answer = await client.command(Command.COM_STMT_EXECUTE, execute, 'execute');
  client.destroy();
  return answer.lines.slice(-2);
}

/** Several statements in one text, forbidden and allowed by COM_SET_OPTION while a transaction holds the connection. */
async function severalStatements(port: number): Promise<string[]> {
  const client = await connect(port);
  const lines: string[] = [];
  await client.query('BEGIN');
  await client.query("UPDATE marks SET mark = 'ten' WHERE id = 1");
  for (const option of [1, 0, 1]) {
    await client.command(Command.COM_SET_OPTION, Buffer.from([option, 0]), 'simple');
    const { errorCode, packets } = await client.query('SELECT mark FROM marks WHERE id = 1; SELECT 2');
    lines.push(`${option}: error ${errorCode}, ${errorCode === 0 ? packets.length : 0} packets`);
    const own = await client.query('SELECT mark FROM marks WHERE id = 1');
    lines.push(String(own.packets.at(-2)?.toString('utf8', 1)));
  }
  await client.query('ROLLBACK');
  client.destroy();
  return lines;
}

/** Returns how many statements ran on a connection that others were under way on. */
async function shareConnections(sluice: SluiceProcess): Promise<number> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connect(sluice.mysqlPort)));
  const shared = await eventually(
    'statements share a connection',
    async () => {
      for (let round = 0; round < 20; round += 1) {
        const answers = await Promise.all(clients.map((c, i) => c.query(`SELECT mark FROM marks WHERE id = ${i + 1}`)));
        const marks = answers.map(({ packets }) => String(packets.at(-2)?.toString('utf8', 1)));
        assert.deepEqual(marks, ['one', 'two', 'three', 'four']);
      }
      const [row] = await sluice.admin(
        "SELECT Variable_Value AS n FROM stats_mysql_global WHERE Variable_Name = 'Sluice_pipelining_joined'",
      );
      return Number(row?.n);
    },
    (joined) => joined > 0,
  );
  for (const client of clients) client.destroy();
  return shared;
}

const lenenc = (text: string): Buffer => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);
/** One query attribute: no NULLs, with types, a string. */
const attribute = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.of(1, 1, 0, 1, 0xfe, 0), lenenc(name), lenenc(value)]);

/** What a server has of the attributes that come with statements, by text and prepared; NULL where there are none. */
async function queryAttributes(port: number, known: boolean): Promise<void> {
  const client = await WireClient.connect({ port, ...APP, schema: 'test', queryAttributes: true });
  const value = known ? "mysql_query_attribute_string('trace')" : 'NULL';
  const ask = async (attributes: Buffer, text: string): Promise<string | undefined> =>
    (await client.command(Command.COM_QUERY, Buffer.concat([attributes, Buffer.from(text)]))).lines.at(-2);
  const none = Buffer.of(0, 1);
  const row = ({ packets }: WireAnswer): string => packets.at(-2)?.toString('latin1') ?? '';
  await ask(none, "SET time_zone = '+00:00'");
  const asked = await ask(attribute('trace', 'abc'), `SELECT ${value}, 'text'`);
  assert.match(asked ?? '', known ? /abc.*text/ : /text/);
  assert.doesNotMatch((await ask(none, `SELECT ${value}, 'none'`)) ?? '', /abc/);
  await ask(none, 'BEGIN');
  assert.match((await ask(attribute('trace', 'within'), `SELECT ${value}`)) ?? '', known ? /within/ : /./);
  await ask(none, 'COMMIT');
  const { statementId } = await client.prepare(`SELECT ?, ${value}, ?`);
  const execute = (parts: readonly Buffer[]) => {
    const head = Buffer.alloc(9);
    head.writeUInt32LE(statementId);
    // The number of parameters follows.
    head[4] = 8;
    head[5] = 1;
    return client.command(Command.COM_STMT_EXECUTE, Buffer.concat([head, ...parts]), 'execute');
  };
  const types = Buffer.of(0xfd, 0, 0, 0xfd, 0, 0);
  const bound = [Buffer.of(2, 0, 1), types, lenenc('first'), lenenc('second')];
  assert.match(row(await execute(bound)), /first.*second/s);
  // Types as before, the second parameter NULL.
  assert.match(row(await execute([Buffer.of(2, 2, 0), lenenc('third')])), /third/);
  const named = [Buffer.of(3, 0, 1), types, Buffer.of(0xfe, 0), lenenc('trace')];
  const answer = await execute([...named, lenenc('a'), lenenc('b'), lenenc('along')]);
  assert.match(row(answer), known ? /a.*along.*b/s : /a.*b/s);
  assert.equal((await client.command(Command.COM_QUERY, Buffer.of(1))).errorCode, 1835);
  client.destroy();
}

async function withServer(server: DatabaseServer, attributes: boolean): Promise<void> {
  const sluice = await SluiceProcess.start({
    users: [{ username: APP.user, password: APP.password }],
    servers: [{ address: server.host, port: server.port, hostgroup: 0 }],
  });
  try {
    assert.deepEqual(await changingTable(sluice.mysqlPort), await changingTable(server.port));
    assert.deepEqual(await longData(sluice.mysqlPort), await longData(server.port));
    const direct = await severalStatements(server.port);
    assert.deepEqual(
      direct.map((line) => line.split(',')[0]),
      ['1: error 1064', 'ten', '0: error 0', 'ten', '1: error 1064', 'ten'],
    );
    assert.deepEqual(await severalStatements(sluice.mysqlPort), direct);
    assert.ok((await shareConnections(sluice)) > 0);
    await sluice.admin('SET sluice-query_attributes = true', 'LOAD SLUICE VARIABLES TO RUNTIME');
    await queryAttributes(sluice.mysqlPort, attributes);
    if (attributes) {
      // What clients say of themselves stays with the proxy, whose connections serve many.
      const names = await server.query(
        "SELECT DISTINCT ATTR_VALUE AS name FROM performance_schema.session_connect_attrs JOIN performance_schema.threads USING (PROCESSLIST_ID) WHERE ATTR_NAME = 'program_name' AND PROCESSLIST_USER = 'app'",
      );
      assert.deepEqual(names, [{ name: 'sluice' }]);
    }
  } finally {
    await sluice.stop();
    await server.stop();
  }
}

describe('DDL under a prepared statement, long data over 16 MB, COM_SET_OPTION, several sessions on one connection, attributes', () => {
  test('MariaDB', async () => withServer(await startMariadb({ setup: SETUP }), false));
  test('MySQL 9', { skip: missingMysql9() }, async () => {
    const setup = [...SETUP, "INSTALL COMPONENT 'file://component_query_attributes'"];
    await withServer(await startMysql9({ setup, args: ['--performance-schema=ON'] }), true);
  });
});
