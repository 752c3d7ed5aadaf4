/**
 * What depends on the server's family: DDL between PREPARE and EXECUTE, long data, several sessions on one connection;
 * on MariaDB and on MySQL 9.
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
import { WireClient } from '../helpers/wire-client.ts';

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

async function withServer(server: DatabaseServer): Promise<void> {
  const sluice = await SluiceProcess.start({
    users: [{ username: APP.user, password: APP.password }],
    servers: [{ address: server.host, port: server.port, hostgroup: 0 }],
  });
  try {
    assert.deepEqual(await changingTable(sluice.mysqlPort), await changingTable(server.port));
    assert.deepEqual(await longData(sluice.mysqlPort), await longData(server.port));
    assert.ok((await shareConnections(sluice)) > 0);
  } finally {
    await sluice.stop();
    await server.stop();
  }
}

describe('DDL under a prepared statement, long data over 16 MB, several sessions on one connection', () => {
  test('MariaDB', async () => withServer(await startMariadb({ setup: SETUP })));
  test('MySQL 9', { skip: missingMysql9() }, async () => withServer(await startMysql9({ setup: SETUP })));
});
