/** KILL and COM_PROCESS_KILL by the ids that sluice gives its clients, whichever worker has the session. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { sessionWorkerOf } from '../../runtime/messages.ts';
import { Command } from '../../src/protocol/commands.ts';
import { APP, refusal, Stage } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';
import { WireClient } from '../helpers/wire-client.ts';

describe('KILL over two workers', () => {
  let stage: Stage;
  const clients: Connection[] = [];

  before(async () => {
    stage = await Stage.start({ workers: 2, users: [{ username: 'other', password: 'other' }] });
  });

  after(async () => {
    for (const client of clients) client.destroy();
    await stage?.stop();
  });

  /** A client of each worker. */
  const oneOfEach = async (): Promise<[Connection, Connection]> => {
    const byWorker: (Connection | undefined)[] = [undefined, undefined];
    for (let tries = 0; byWorker.includes(undefined) && tries < 100; tries++) {
      const client = await stage.connect();
      clients.push(client);
      byWorker[sessionWorkerOf(client.threadId)] ??= client;
    }
    const [first, second] = byWorker;
    assert.ok(first !== undefined && second !== undefined);
    return [first, second];
  };

  /** Sends a statement and waits until it runs; `answer` is for later. */
  const running = async (client: Connection, sql: string): Promise<{ readonly answer: Promise<unknown> }> => {
    const answer = client.query(sql);
    answer.catch(() => undefined);
    const shown = `SELECT COUNT(*) AS n FROM stats_mysql_processlist WHERE SessionID = ${client.threadId} AND command = 'Query'`;
    await eventually(
      'the statement runs',
      async () => (await stage.sluice.admin(shown))[0]?.n,
      (n) => n === '1',
    );
    return { answer };
  };

  test('KILL QUERY ends the statement, KILL the session, in the same worker and in the other', async () => {
    const [first, second] = await oneOfEach();
    const third = (await oneOfEach())[1];
    for (const victim of [second, third]) {
      const { answer } = await running(victim, 'SELECT SLEEP(20), 1 FROM mysql.user');
      await first.query(`KILL QUERY ${victim.threadId}`);
      await refusal(answer, 1317);
      await victim.query('SELECT 1');
      const gone = new Promise((resolve) => victim.once('end', resolve).once('error', resolve));
      await first.query(`KILL ${victim.threadId}`);
      await gone;
    }
    await first.query('SELECT 1');
  });

  test('a session of another user stays', async () => {
    const [first, second] = await oneOfEach();
    const other = await stage.sluice.connect({ user: 'other', password: 'other' });
    clients.push(other);
    for (const mine of [first, second]) {
      await refusal(mine.query(`KILL ${other.threadId}`), 1095);
      await other.ping();
    }
  });

  test('a number that no session has: in each worker, in one that is not there, and beyond all numbers', async () => {
    const [first, second] = await oneOfEach();
    for (const id of [first.threadId + 9000, second.threadId + 9000, 9 * 2 ** 24, Number.MAX_SAFE_INTEGER])
      assert.equal((await refusal(first.query(`KILL QUERY ${id}`), 1094)).message, `Unknown thread id: ${id}`);
    await stage.sluice.admin('SET sluice-strict = false', 'LOAD SLUICE VARIABLES TO RUNTIME');
    await first.query(`KILL ${second.threadId + 9000}`);
    await stage.sluice.admin('SET sluice-strict = true', 'LOAD SLUICE VARIABLES TO RUNTIME');
  });

  test('KILL CONNECTION_ID() ends whoever says it, and nobody else', async () => {
    const [first, second] = await oneOfEach();
    const gone = new Promise((resolve) => first.once('end', resolve).once('error', resolve));
    await first.query('KILL QUERY CONNECTION_ID()');
    await assert.rejects(first.query('KILL CONNECTION_ID()'));
    await gone;
    await second.query('SELECT 1');
  });

  test('a prepared KILL means the ids of the proxy too', async () => {
    const [first, second] = await oneOfEach();
    for (const id of [second.threadId, String(second.threadId)]) {
      const { answer } = await running(second, 'SELECT SLEEP(20), 2 FROM mysql.user');
      await first.execute('KILL QUERY ?', [id]);
      await refusal(answer, 1317);
    }
    await refusal(first.execute('KILL ?', [null]), 1148);
  });

  test('what only a server knows, a server kills', async () => {
    const [first, second] = await oneOfEach();
    const { answer } = await running(second, 'SELECT SLEEP(20), 3 FROM mysql.user');
    const found = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(20), 3%'";
    await first.query(`SET @id = (${found})`);
    await first.query('KILL QUERY @id');
    await refusal(answer, 1317);
    await refusal(first.query(`KILL QUERY (${found})`), 1970);
    await first.query('KILL USER nobody@nowhere');
    await refusal(first.query('KILL abc'), 1054);
    await refusal(first.query('KILL 0x10'), 1148);
  });

  test('a KILL in a text prepared by SQL is refused: a server would take its number for one of its own', async () => {
    const [first] = await oneOfEach();
    await refusal(first.query("PREPARE k FROM 'KILL QUERY ?'"), 1295);
    await refusal(first.query(`EXECUTE IMMEDIATE "/* it's */ kill 5"`), 1295);
    await first.query("PREPARE k FROM 'SELECT ''KILL 5'''");
    await first.query('DEALLOCATE PREPARE k');
  });

  test('COM_PROCESS_KILL', async () => {
    const [victim] = await oneOfEach();
    const killer = await WireClient.connect({ port: stage.sluice.mysqlPort, ...APP });
    try {
      const gone = new Promise((resolve) => victim.once('end', resolve).once('error', resolve));
      const id = Buffer.alloc(4);
      id.writeUInt32LE(victim.threadId);
      assert.match((await killer.command(Command.COM_PROCESS_KILL, id, 'simple')).lines.join(), /^OK/);
      await gone;
      id.writeUInt32LE(0xffff_ffff);
      assert.match((await killer.command(Command.COM_PROCESS_KILL, id, 'simple')).lines.join(), /1094/);
    } finally {
      killer.destroy();
    }
  });
});
