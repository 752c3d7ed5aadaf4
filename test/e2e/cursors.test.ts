/**
 * Cursors of prepared statements and COM_FIELD_LIST: what a client is told through sluice is what the server tells it
 * directly, packet by packet, under both forms of the end of rows.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Command } from '../../src/protocol/commands.ts';
import { StatusFlag } from '../../src/protocol/status-flags.ts';
import { missingMysql9, startMysql9 } from '../helpers/mysql9.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';
import { APP, accountSql, Stage } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';
import { type WireAnswer, WireClient } from '../helpers/wire-client.ts';

const CURSOR_FLAGS = StatusFlag.CURSOR_EXISTS | StatusFlag.LAST_ROW_SENT;
const TABLE = [
  'CREATE TABLE test.numbers (n INT PRIMARY KEY, word VARCHAR(20))',
  "INSERT INTO test.numbers VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four'), (5, NULL)",
];
const NUMBERS = 'SELECT n, word FROM numbers WHERE n >= ? ORDER BY n';

const WITHOUT_CURSOR = 'a cursor, and then an execution without one';

/** What the client does, with a statement's id under a name. */
type Script = (client: WireClient, note: (answer: WireAnswer) => void) => Promise<void>;

const SCRIPTS: Readonly<Record<string, Script>> = {
  'a cursor is read in pieces to its end': async (client, note) => {
    const { statementId } = await client.prepare(NUMBERS);
    note(await client.execute(statementId, ['1'], { cursor: true }));
    for (let i = 0; i < 4; i++) note(await client.fetch(statementId, 2));
    note(await client.execute(statementId, ['4'], { cursor: true }));
    note(await client.fetch(statementId, 10));
    note(await client.fetch(statementId, 1));
  },
  'the other ways to end a cursor': async (client, note) => {
    const { statementId } = await client.prepare(NUMBERS);
    note(await client.execute(statementId, ['1'], { cursor: true }));
    note(await client.fetch(statementId, 1));
    note(await client.resetStatement(statementId));
    note(await client.fetch(statementId, 1));
    note(await client.execute(statementId, ['2'], { cursor: true }));
    note(await client.execute(statementId, ['3'], { cursor: true }));
    note(await client.fetch(statementId, 1));
    client.closeStatement(statementId);
    note(await client.query('SELECT 1'));
  },
  // Not for MySQL 9, which answers the second EXECUTE with column definitions that no rows and no end follow.
  [WITHOUT_CURSOR]: async (client, note) => {
    const { statementId } = await client.prepare(NUMBERS);
    note(await client.execute(statementId, ['1'], { cursor: true }));
    note(await client.execute(statementId, ['5']));
    note(await client.fetch(statementId, 1));
  },
  'two cursors on one text, statements in between': async (client, note) => {
    const first = await client.prepare(NUMBERS);
    const second = await client.prepare(NUMBERS);
    note(await client.execute(first.statementId, ['1'], { cursor: true }));
    note(await client.execute(second.statementId, ['4'], { cursor: true }));
    note(await client.fetch(first.statementId, 2));
    note(await client.query('SELECT COUNT(*) FROM numbers'));
    note(await client.fetch(second.statementId, 1));
    note(await client.fetch(first.statementId, 9));
    note(await client.fetch(second.statementId, 9));
  },
  'more cursors than mysql-max_stmts_per_connection': async (client, note) => {
    const ids: number[] = [];
    for (let i = 0; i < 25; i += 1) {
      const { statementId } = await client.prepare(NUMBERS);
      ids.push(statementId);
      note(await client.execute(statementId, ['1'], { cursor: true }));
    }
    for (const id of ids) note(await client.fetch(id, 9));
  },
  'a statement without rows opens no cursor': async (client, note) => {
    const { statementId } = await client.prepare('DO ?');
    note(await client.execute(statementId, ['1'], { cursor: true }));
    note(await client.fetch(statementId, 1));
  },
  'no rows': async (client, note) => {
    const { statementId } = await client.prepare(NUMBERS);
    note(await client.execute(statementId, ['9'], { cursor: true }));
    note(await client.fetch(statementId, 1));
  },
  'the columns of a table': async (client, note) => {
    note(await client.command(Command.COM_FIELD_LIST, 'numbers\0', 'field-list'));
    note(await client.command(Command.COM_FIELD_LIST, 'numbers\0w%', 'field-list'));
    note(await client.command(Command.COM_FIELD_LIST, 'missing\0', 'field-list'));
    note(await client.query('SELECT 1'));
  },
};

async function run(script: Script, port: number, deprecateEof: boolean): Promise<string[]> {
  const lines: string[] = [];
  const client = await WireClient.connect({ port, ...APP, schema: 'test', deprecateEof });
  try {
    await script(client, (answer) => {
      // Ids differ, and so do the families' full stops.
      const texts = answer.lines.map((line) =>
        line.replace(/statement \(\d+\) has no open cursor\.?/, 'no open cursor'),
      );
      lines.push(...texts, `flags ${answer.statusFlags & CURSOR_FLAGS}`);
    });
  } finally {
    client.destroy();
  }
  return lines;
}

describe('cursors and field lists', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({ setup: TABLE, mysqlVariables: { show_processlist_extended: 1 } });
  });

  after(() => stage?.stop());

  for (const [name, script] of Object.entries(SCRIPTS)) {
    test(name, async () => {
      for (const deprecateEof of [true, false]) {
        const direct = await run(script, stage.database.port, deprecateEof);
        assert.deepEqual(await run(script, stage.sluice.mysqlPort, deprecateEof), direct);
      }
    });
  }

  test('an open cursor keeps its connection, and the process list says why', async () => {
    const client = await WireClient.connect({ port: stage.sluice.mysqlPort, ...APP, schema: 'test' });
    try {
      const { statementId } = await client.prepare(NUMBERS);
      await client.execute(statementId, ['1'], { cursor: true });
      const pins = async () => {
        const rows = await stage.sluice.admin("SELECT extended_info FROM stats_mysql_processlist WHERE user = 'app'");
        return rows.map((row) => JSON.parse(row.extended_info ?? '').pinned);
      };
      await eventually('the cursor is shown', pins, (all) => JSON.stringify(all) === '[["CURSOR"]]');
      await client.fetch(statementId, 9);
      await eventually(
        'the connection is free',
        () => stage.connectionsUsed(),
        (used) => used === 0,
      );
    } finally {
      client.destroy();
    }
  });

  test('MySQL 9', { skip: missingMysql9() }, async () => {
    const server = await startMysql9({
      setup: [...accountSql(APP.user, APP.password), 'CREATE DATABASE test', ...TABLE],
    });
    const sluice = await SluiceProcess.start({
      users: [{ username: APP.user, password: APP.password }],
      servers: [{ address: server.host, port: server.port, hostgroup: 0 }],
    });
    try {
      for (const [name, script] of Object.entries(SCRIPTS)) {
        for (const deprecateEof of name === WITHOUT_CURSOR ? [] : [true, false]) {
          const direct = await run(script, server.port, deprecateEof);
          assert.deepEqual(await run(script, sluice.mysqlPort, deprecateEof), direct, name);
        }
      }
    } finally {
      await sluice.stop();
      await server.stop();
    }
  });
});
