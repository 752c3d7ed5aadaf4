/**
 * Clients that send nonsense, half of something or nothing at all, to both planes: they are let go, others notice nothing.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Stage, scalar } from '../helpers/stage.ts';
import { eventually, within } from '../helpers/wait.ts';

describe('rude clients', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({ mysqlVariables: { connect_timeout_client: 1000 } });
  });

  after(() => stage?.stop());

  /** A socket that has received the greeting. */
  const greeted = async (port: number): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    await within(once(socket, 'data'), 'the greeting');
    return socket;
  };

  /** Resolves when the other side has let go of us. */
  const letGo = async (socket: Socket): Promise<void> => {
    socket.resume();
    if (!socket.closed) await within(once(socket, 'close'), 'the connection is closed');
  };

  const stillServes = async (): Promise<void> => {
    assert.equal(await stage.withClient((client) => scalar(client, 'SELECT 1')), '1');
    assert.equal((await stage.sluice.admin('SELECT 1 AS one')).length, 1);
  };

  const portOf = (plane: 'mysql' | 'admin'): number =>
    plane === 'mysql' ? stage.sluice.mysqlPort : stage.sluice.adminPort;

  // The admin port lets nobody go before ten seconds are over.
  describe('all at once', { concurrency: true }, () => {
    for (const plane of ['mysql', 'admin'] as const) {
      test(`nonsense instead of a login (${plane})`, async () => {
        const nonsense = [
          Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
          randomBytes(4096),
          Buffer.from([0, 0, 0, 1]),
          Buffer.from([1, 0, 0, 1, 0xff]),
          Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 1]), randomBytes(1024)]),
          // A TLS request, and no TLS after it.
          Buffer.concat([Buffer.from([32, 0, 0, 1, 0x85, 0xae, 0xff, 0x19]), Buffer.alloc(28), randomBytes(512)]),
        ];
        await Promise.all(
          nonsense.map(async (bytes) => {
            const socket = await greeted(portOf(plane));
            socket.write(bytes);
            await letGo(socket);
          }),
        );
        await stillServes();
      });

      test(`silence instead of a login comes to an end (${plane})`, async () => {
        const sockets = await Promise.all([greeted(portOf(plane)), greeted(portOf(plane))]);
        sockets[1]?.write(Buffer.from([80, 0, 0]));
        await Promise.all(sockets.map(letGo));
        await stillServes();
      });
    }
  });

  for (const plane of ['mysql', 'admin'] as const) {
    test(`hundreds that hang up during the greeting (${plane})`, async () => {
      for (let round = 0; round < 5; round += 1) {
        await Promise.all(
          Array.from({ length: 100 }, async (_, index) => {
            const socket = connect(portOf(plane), '127.0.0.1');
            socket.on('error', () => undefined);
            await once(socket, 'connect');
            if (index % 2 === 0) socket.resetAndDestroy();
            else socket.end();
          }),
        );
      }
      await stillServes();
    });
  }

  test('a command that is never finished holds nobody up and goes with its client', async () => {
    const client = await stage.connect();
    const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
    stream.write(Buffer.concat([Buffer.from([0x40, 0x42, 0x0f, 0, 3]), Buffer.from('SELECT ')]));
    await stillServes();
    client.destroy();
    await eventually(
      'the session is gone',
      () => sessionCount(stage),
      (sessions) => sessions === 0,
    );
  });

  test('several commands sent at once are answered in order', async () => {
    const client = await stage.connect();
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => scalar(client, `SELECT ${n}`)));
    assert.deepEqual(
      answers,
      Array.from({ length: 200 }, (_, n) => `${n}`),
    );
    client.destroy();
  });

  test('sessions that hang up in whatever state leave nothing behind', async () => {
    const statements = [
      'SELECT SLEEP(5)',
      'BEGIN',
      "SELECT REPEAT('x', 1000000) FROM seq_1_to_50",
      "SELECT GET_LOCK('a', 0)",
    ];
    await Promise.all(
      Array.from({ length: 80 }, async (_, index) => {
        const client = await stage.connect();
        client.on('error', () => undefined);
        const running = client.query(statements[index % statements.length] as string).catch(() => undefined);
        if (index % 3 !== 0) await Promise.race([running, new Promise(setImmediate)]);
        client.destroy();
      }),
    );
    await eventually(
      'all sessions are gone',
      () => sessionCount(stage),
      (sessions) => sessions === 0,
    );
    await eventually(
      'all connections are free or gone',
      () => stage.connectionsUsed(),
      (used) => used === 0,
    );
    await stillServes();
  });
});

async function sessionCount(stage: Stage): Promise<number> {
  const [row] = await stage.sluice.admin("SELECT COUNT(*) AS n FROM stats_mysql_processlist WHERE user = 'app'");
  return Number(row?.n);
}
