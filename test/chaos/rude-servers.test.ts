/**
 * Servers that stall, hang up or talk nonsense at every stage: their client is told or let go, nobody hangs, and no byte
 * of it reaches somebody else.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import {
  errorPacket,
  okPacket,
  ScriptedBackend,
  type ScriptedBackendOptions,
  type ScriptedCommand,
  valueResultset,
} from '../helpers/scripted-backend.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';
import { type MysqlError, refusal, scalar } from '../helpers/stage.ts';
import { eventually, within } from '../helpers/wait.ts';

const CONNECT_PATIENCE_MS = 500;

describe('rude servers', () => {
  let backend: ScriptedBackend;
  let sluice: SluiceProcess;

  before(async () => {
    sluice = await SluiceProcess.start({
      users: [{ username: 'app', password: 'app', default_hostgroup: 0 }],
      mysqlVariables: { connect_timeout_server: CONNECT_PATIENCE_MS, connect_timeout_server_max: CONNECT_PATIENCE_MS },
    });
  });

  after(() => sluice?.stop());

  const play = async (options: ScriptedBackendOptions): Promise<void> => {
    backend = await ScriptedBackend.start(options);
    await sluice.admin(
      'DELETE FROM mysql_servers',
      `INSERT INTO mysql_servers (hostgroup_id, hostname, port) VALUES (0, '${backend.host}', ${backend.port})`,
      'LOAD MYSQL SERVERS TO RUNTIME',
    );
  };

  afterEach(() => backend?.stop());

  const client = async (): Promise<Connection> => {
    const connection = await sluice.connect({ user: 'app', password: 'app' });
    connection.on('error', () => undefined);
    return connection;
  };

  /** How a query ended that cannot end well; a client that waits for ever fails the test. */
  const failureOf = async (connection: Connection, sql: string): Promise<MysqlError> => {
    const answer = connection.query(sql).then(
      ([rows]) => assert.fail(`an answer: ${JSON.stringify(rows)}`),
      (error: MysqlError) => error,
    );
    return await within(answer, `the end of ${sql}`, 5_000);
  };

  for (const [what, onConnect] of [
    ['never greets', () => undefined],
    ['hangs up instead of a greeting', (socket) => socket.destroy()],
    ['greets with nonsense', (socket) => void socket.write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))],
    ['sends half a greeting', (socket) => void socket.write(Buffer.from([0x50, 0, 0, 0, 10, 0x38]))],
  ] satisfies [string, NonNullable<ScriptedBackendOptions['onConnect']>][]) {
    test(`a server that ${what}`, async () => {
      await play({ onConnect });
      const connection = await client();
      const begun = performance.now();
      const error = await refusal(connection.query('SELECT 1'), 9001);
      assert.match(error.message, /^Max connect timeout reached while reaching hostgroup 0 after \d+ms$/);
      assert.ok(performance.now() - begun < 10 * CONNECT_PATIENCE_MS);
      connection.destroy();
    });
  }

  const whole = valueResultset('whole');
  for (const [what, bytes] of [
    ['nothing', Buffer.alloc(0)],
    ['the beginning of a header', whole.subarray(0, 3)],
    ['the number of columns', whole.subarray(0, 5)],
    ['half a column', whole.subarray(0, 20)],
    ['half a row', whole.subarray(0, whole.length - 14)],
    ['everything but the end', whole.subarray(0, whole.length - 1)],
  ] as const) {
    test(`a server that hangs up after ${what}`, async () => {
      await play({
        onCommand: (command) => {
          if (command.text !== 'SELECT broken') return command.value(command.text);
          command.raw(Buffer.from(bytes));
          command.hangUp();
        },
      });
      const connection = await client();
      const error = await failureOf(connection, 'SELECT broken');
      assert.ok(error.errno === 2013 || error.code === 'PROTOCOL_CONNECTION_LOST', `${error.errno} ${error.message}`);
      const next = await client();
      assert.equal(await scalar(next, 'SELECT fine'), 'SELECT fine');
      for (const each of [connection, next]) each.destroy();
    });
  }

  test('an answer that is no answer ends the session, not the proxy', async () => {
    const nonsense: readonly Buffer[] = [
      Buffer.from([0, 0, 0, 1]),
      Buffer.from([1, 0, 0, 1, 0xfe]),
      Buffer.from([3, 0, 0, 1, 0xfc, 0xff, 0xff]),
      Buffer.from([9, 0, 0, 1, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
      Buffer.from([2, 0, 0, 1, 0xff, 0x10]),
      Buffer.from([2, 0, 0, 1, 0, 0xfe]),
    ];
    await play({
      onCommand: (command) => {
        const index = /^SELECT nonsense (\d)/.exec(command.text)?.[1];
        if (index === undefined) return command.value(command.text);
        command.raw(nonsense[Number(index)] as Buffer);
        setImmediate(() => command.hangUp());
      },
    });
    for (const index of nonsense.keys()) {
      const connection = await client();
      await failureOf(connection, `SELECT nonsense ${index}`);
      connection.destroy();
      const next = await client();
      assert.equal(await scalar(next, 'SELECT fine'), 'SELECT fine');
      next.destroy();
    }
    assert.ok(sluice.running);
  });

  test('what a server says unasked is never taken for an answer', async () => {
    await play({});
    const first = await client();
    assert.equal(await scalar(first, 'SELECT first'), 'SELECT first');
    for (const unasked of [errorPacket(0, 1927, 'Connection was killed'), okPacket(1), valueResultset('unasked')]) {
      const connections = backend.connections;
      backend.sendToAll(unasked);
      await eventually(
        'the connection is given up',
        () => sluice.admin('SELECT SUM(ConnFree) AS free FROM stats_mysql_connection_pool'),
        ([row]) => Number(row?.free) === 0,
      );
      assert.equal(await scalar(first, 'SELECT again'), 'SELECT again');
      assert.equal(backend.connections, connections + 1);
    }
    first.destroy();
  });

  test('why a server left is told to who had something on its connection, whether it asked since or not', async () => {
    await play({
      onCommand: (command) => {
        if (!command.text.startsWith('INSERT')) return command.value(command.text);
        command.raw(errorPacket(0, 1927, 'Connection was killed'));
        command.hangUp();
      },
    });
    const connection = await client();
    await connection.query('SET @a = 1');
    backend.sendToAll(errorPacket(0, 1927, 'idle_transaction_timeout'));
    await eventually(
      'the connection is given up',
      () => sluice.admin('SELECT SUM(ConnUsed) + SUM(ConnFree) AS all_of_them FROM stats_mysql_connection_pool'),
      ([row]) => Number(row?.all_of_them) === 0,
    );
    assert.match((await refusal(connection.query('SELECT @a'), 1927)).message, /idle_transaction_timeout/);
    assert.equal(await scalar(connection, 'SELECT again'), 'SELECT again');
    // It left before it saw the command: that has the number of an answer, which a client would take for a gap.
    assert.match((await refusal(connection.query('INSERT INTO t'), 1927)).message, /Connection was killed/);
    assert.equal(await scalar(connection, 'SELECT again'), 'SELECT again');
    connection.destroy();
  });

  test('a second answer to one command does not reach the next session', async () => {
    const twice = (command: ScriptedCommand): void => {
      const answer = valueResultset(command.text);
      if (command.text === 'SELECT twice') command.raw(Buffer.concat([answer, valueResultset('stolen')]));
      else command.raw(answer);
    };
    await play({ onCommand: twice });
    const [first, second] = [await client(), await client()];
    await first.query('SELECT twice').catch(() => undefined);
    for (let round = 0; round < 5; round += 1) assert.equal(await scalar(second, `SELECT ${round}`), `SELECT ${round}`);
    for (const each of [first, second]) each.destroy();
  });

  test('a byte at a time is as good as all at once', async () => {
    await play({
      onCommand: (command) => {
        const bytes = valueResultset(command.text);
        const sendFrom = (at: number): void => {
          if (at === bytes.length) return;
          command.raw(bytes.subarray(at, at + 1));
          setImmediate(sendFrom, at + 1);
        };
        sendFrom(0);
      },
    });
    const connection = await client();
    for (let round = 0; round < 5; round += 1) {
      assert.equal(await scalar(connection, `SELECT ${round}`), `SELECT ${round}`);
    }
    connection.destroy();
  });
});
