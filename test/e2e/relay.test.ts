/**
 * Answers of every size and shape come through sluice as the server gave them, whatever the client's pace.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { refusal, rowsOf, Stage, scalar } from '../helpers/stage.ts';
import { eventually, within } from '../helpers/wait.ts';

const MIB = 1024 * 1024;

describe('relay of answers', () => {
  let stage: Stage;
  let direct: Connection;
  let client: Connection;

  before(async () => {
    stage = await Stage.start({
      setup: [
        'CREATE TABLE test.kinds (i INT, u BIGINT UNSIGNED, d DOUBLE, m DECIMAL(20,6), t DATETIME(6), s TEXT, b BLOB, j JSON, z INT)',
        `INSERT INTO test.kinds VALUES
           (-1, 18446744073709551615, 0.1, 12345678901234.567890, '2026-11-23 12:34:56.789012', 'zażółć 🚰', X'00FF27225C', '{"a": [1, null]}', NULL),
           (NULL, NULL, NULL, NULL, NULL, '', '', NULL, 0)`,
        'CREATE PROCEDURE test.several() BEGIN SELECT 1 AS a; SELECT seq FROM seq_1_to_3; SELECT 2 AS b, 3 AS c; END',
      ],
    });
    direct = await stage.database.connect('test');
    client = await stage.connect({ multipleStatements: true });
  });

  after(async () => {
    direct?.destroy();
    client?.destroy();
    await stage?.stop();
  });

  const sameAsDirect = async (sql: string): Promise<void> => {
    const [expected, actual] = await Promise.all([fingerprint(direct, sql), fingerprint(client, sql)]);
    assert.deepEqual(actual, expected, sql);
  };

  test('results of no row, one row and a hundred thousand rows', async () => {
    for (const rows of [1, 2, 1000, 100_000]) {
      await sameAsDirect(`SELECT seq, seq * 7 AS b, CONCAT('row ', seq) AS c FROM seq_1_to_${rows}`);
    }
    await sameAsDirect('SELECT seq FROM seq_1_to_10 WHERE seq > 10');
  });

  test('results out of a loop over a cursor of the server’s', async () => {
    const loop = 'FOR r IN (SELECT 1 AS a UNION SELECT 2) DO SELECT r.a; END FOR';
    const [[expected], [actual]] = await Promise.all([direct.query(loop), client.query(loop)]);
    assert.deepEqual(actual, expected);
  });

  test('values of every kind, NULL, empty and not text', () => sameAsDirect('SELECT * FROM kinds'));

  test('a result of 30 MB', () =>
    sameAsDirect('SELECT seq, REPEAT(CHAR(65 + seq % 26), 30720) AS s FROM seq_1_to_1024'));

  test('rows around the 16 MB at which a packet is continued in the next one', async () => {
    // A row of one value this long has a header of four bytes: the payload is the length plus four.
    for (const bytes of [0xffffff - 5, 0xffffff - 4, 0xffffff - 3, 17 * MIB, 2 * 0xffffff - 4]) {
      await sameAsDirect(`SELECT REPEAT('x', ${bytes}) AS big`);
      await sameAsDirect(`SELECT REPEAT('y', ${bytes}) AS big UNION ALL SELECT 'small'`);
    }
  });

  test('a statement longer than 16 MB', async () => {
    assert.equal(await scalar(client, `SELECT LENGTH('${'x'.repeat(17 * MIB)}')`), `${17 * MIB}`);
    assert.equal(await scalar(client, 'SELECT 1'), '1');
  });

  test('several results to one command', async () => {
    const [several] = await client.query<RowDataPacket[][]>('SELECT 1 AS a; SELECT 2 AS b; SELECT seq FROM seq_1_to_3');
    assert.deepEqual(several, [[{ a: 1 }], [{ b: 2 }], [{ seq: 1 }, { seq: 2 }, { seq: 3 }]]);
    const [fromProcedure] = await client.query<RowDataPacket[][]>('CALL several()');
    assert.deepEqual(fromProcedure.slice(0, 3), [[{ a: 1 }], [{ seq: 1 }, { seq: 2 }, { seq: 3 }], [{ b: 2, c: 3 }]]);
    assert.equal(await scalar(client, 'SELECT 7'), '7');
  });

  test('counts and ids of writes', async () => {
    await client.query('CREATE TABLE IF NOT EXISTS counted (id INT AUTO_INCREMENT PRIMARY KEY, v INT)');
    const [inserted] = await client.query('INSERT INTO counted (v) VALUES (1), (2), (3)');
    assert.deepEqual(pick(inserted, 'affectedRows', 'insertId'), { affectedRows: 3, insertId: 1 });
    const [updated] = await client.query('UPDATE counted SET v = 9 WHERE v > 1');
    assert.deepEqual(pick(updated, 'affectedRows', 'changedRows'), { affectedRows: 2, changedRows: 2 });
    const [warned] = await client.query('DROP TABLE IF EXISTS no_such_table');
    assert.deepEqual(pick(warned, 'warningStatus'), { warningStatus: 1 });
  });

  test('an error instead of a result, word for word', async () => {
    const error = await refusal(client.query('SELECT * FROM no_such_table'), 1146);
    assert.equal(error.message, "Table 'test.no_such_table' doesn't exist");
    assert.equal(error.sqlState, '42S02');
  });

  test('an error in the middle of the rows', async () => {
    const sql = 'SELECT seq, (SELECT 1 UNION SELECT IF(seq > 20000, 2, 1)) AS one FROM seq_1_to_30000';
    const error = await refusal(client.query(sql), 1242);
    assert.equal(error.message, 'Subquery returns more than 1 row');
    assert.equal(await scalar(client, 'SELECT 5'), '5');
  });

  test('a client that does not read is not buffered for, and gets everything when it reads again', async () => {
    const megabytes = 100;
    const sql = `SELECT REPEAT('z', ${MIB}) AS z FROM seq_1_to_${megabytes}`;
    const slow = await stage.connect();
    const before = stage.sluice.residentBytes();
    const { socket, received } = pausable(slow, sql);
    await eventually(
      'the server waits for somebody to read',
      () =>
        stage.database.query(`SELECT STATE FROM information_schema.PROCESSLIST WHERE INFO LIKE "SELECT REPEAT('z'%"`),
      (rows) => rows[0]?.STATE === 'Sending data' || rows[0]?.STATE === 'Writing to net',
    );
    // Others go on meanwhile; enough of them that whatever still flows has arrived.
    for (let round = 0; round < 200; round += 1) assert.equal(await scalar(client, 'SELECT 1'), '1');
    const grownMib = (stage.sluice.residentBytes() - before) / MIB;
    assert.ok(grownMib < 50, `sluice grew by ${grownMib.toFixed(0)} MiB for a client that does not read`);
    socket.resume();
    assert.equal(await within(received, 'the slow client has everything', 60_000), megabytes * MIB);
    slow.destroy();
  });

  test('a hundred clients at once each get their own answer', async () => {
    const clients = await Promise.all(Array.from({ length: 100 }, () => stage.connect()));
    await Promise.all(
      clients.map(async (each, index) => {
        for (let round = 0; round < 20; round += 1) {
          const rows = await rowsOf(
            each,
            `SELECT ${index} AS who, ${round} AS round, seq FROM seq_1_to_${1 + (index % 7)}`,
          );
          assert.equal(rows.length, 1 + (index % 7));
          for (const row of rows) assert.deepEqual([row.who, row.round], [index, round]);
        }
      }),
    );
    for (const each of clients) each.destroy();
  });
});

/** Number of rows, columns and a hash of everything, so that a difference of 30 MB is readable. */
async function fingerprint(connection: Connection, sql: string): Promise<unknown> {
  const [rows, fields] = await connection.query({ sql, rowsAsArray: true, dateStrings: true, typeCast: false });
  const hash = createHash('sha256');
  for (const row of rows as (Buffer | null)[][]) {
    for (const value of row) hash.update(value === null ? 'null;' : `${value.length}:`).update(value ?? '');
  }
  return {
    rows: (rows as unknown[]).length,
    columns: fields.map((field) => [field.name, field.type, field.flags]),
    sha256: hash.digest('hex'),
  };
}

/** Starts a query whose socket is paused before the answer comes; `received` adds up the values' bytes. */
function pausable(connection: Connection, sql: string): { socket: { resume(): void }; received: Promise<number> } {
  const core = (connection as unknown as { connection: CallbackConnection }).connection;
  const query = core.query({ sql, typeCast: false });
  core.stream.pause();
  const received = new Promise<number>((resolve, reject) => {
    let bytes = 0;
    query.on('result', (row: { z: Buffer }) => {
      bytes += row.z.length;
    });
    query.on('error', reject);
    query.on('end', () => resolve(bytes));
  });
  return { socket: core.stream, received };
}

/** What lies below mysql2's promises. */
interface CallbackConnection {
  readonly stream: { pause(): void; resume(): void };
  query(options: object): { on(event: string, listener: (value: never) => void): unknown };
}

function pick(source: object, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, (source as Record<string, unknown>)[name]]));
}
