/**
 * Prepared statements of the binary protocol: every kind of parameter, and statements that follow their session from one
 * backend connection to the next.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { BACKEND_ID, refusal, Stage, scalar } from '../helpers/stage.ts';

describe('prepared statements', () => {
  let stage: Stage;
  let client: Connection;

  before(async () => {
    stage = await Stage.start({
      setup: [
        'CREATE TABLE test.kinds (id INT AUTO_INCREMENT PRIMARY KEY, i BIGINT, d DOUBLE, s LONGTEXT, b LONGBLOB, t DATETIME(3), z INT)',
      ],
    });
    client = await stage.connect({ supportBigNumbers: true, bigNumberStrings: true });
  });

  after(async () => {
    client?.destroy();
    await stage?.stop();
  });

  const execute = async (connection: Connection, sql: string, values?: Parameter[]): Promise<RowDataPacket[]> =>
    (await connection.execute<RowDataPacket[]>(sql, values))[0];

  test('parameters and results of every type', async () => {
    const when = new Date('2026-11-23T12:34:56.789Z');
    const bytes = Buffer.from([0, 1, 0xfe, 0xff, 0x27, 0x5c]);
    await client.execute('INSERT INTO kinds (i, d, s, b, t, z) VALUES (?, ?, ?, ?, ?, ?)', [
      '-9223372036854775808',
      -0.1,
      'zażółć 🚰 \' " \\',
      bytes,
      when,
      null,
    ]);
    const rows = await execute(client, 'SELECT i, d, s, b, t, z FROM kinds WHERE s = ? AND z IS NULL', [
      'zażółć 🚰 \' " \\',
    ]);
    assert.equal(rows.length, 1);
    assert.equal(rows[0]?.i, '-9223372036854775808');
    assert.equal(rows[0]?.d, -0.1);
    assert.deepEqual(rows[0]?.b, bytes);
    assert.deepEqual(rows[0]?.t, when);
    assert.equal(rows[0]?.z, null);
    assert.deepEqual(await execute(client, 'SELECT ? AS t, ? AS n', [true, 12]), [{ t: 1, n: 12 }]);
  });

  test('no parameter, a thousand parameters', async () => {
    assert.deepEqual(await execute(client, 'SELECT 1 AS one'), [{ one: 1 }]);
    const values = Array.from({ length: 1000 }, (_, index) => index);
    const marks = values.map(() => '?').join(', ');
    const [row] = await execute(client, `SELECT SUM(seq) AS total FROM seq_0_to_2000 WHERE seq IN (${marks})`, values);
    assert.equal(Number(row?.total), 499_500);
  });

  test('a parameter and a row longer than 16 MB', async () => {
    const long = 'p'.repeat(17 * 1024 * 1024);
    const [row] = await execute(client, 'SELECT ? AS echo, LENGTH(?) AS length', [long, long]);
    assert.equal(row?.echo === long, true);
    assert.equal(row?.length, long.length);
  });

  test('ten thousand binary rows', async () => {
    const rows = await execute(client, 'SELECT seq, CONCAT(seq, ?) AS text, NULL AS nothing FROM seq_1_to_10000', [
      'x',
    ]);
    assert.equal(rows.length, 10_000);
    assert.deepEqual(rows[9_999], { seq: '10000', text: '10000x', nothing: null });
  });

  test('an error at prepare and an error at execute leave the session usable', async () => {
    assert.match((await refusal(client.execute('SELECT FROM'), 1064)).message, /syntax/);
    await refusal(client.execute('SELECT * FROM no_such_table WHERE id = ?', [1]), 1146);
    await client.execute('INSERT INTO kinds (id) VALUES (?)', [1000]);
    await refusal(client.execute('INSERT INTO kinds (id) VALUES (?)', [1000]), 1062);
    assert.deepEqual(await execute(client, 'SELECT ? AS v', [5]), [{ v: 5 }]);
  });

  test('statements follow their session to other backend connections', async () => {
    const sessions = await Promise.all(Array.from({ length: 6 }, () => stage.connect()));
    const backends = new Set<unknown>();
    for (const [index, session] of sessions.entries()) await execute(session, `SELECT ${index} AS who, ? AS v`, [0]);
    // Transactions of others take the connections away in changing order.
    for (let round = 1; round <= 12; round += 1) {
      const blockers = sessions.filter((_, index) => (index + round) % 3 === 0);
      for (const blocker of blockers) {
        await blocker.query('BEGIN');
        await blocker.query('SELECT 1');
      }
      for (const [index, session] of sessions.entries()) {
        const [row] = await execute(session, `SELECT ${index} AS who, ? AS v`, [round]);
        assert.deepEqual(row, { who: index, v: round });
        backends.add(await scalar(session, BACKEND_ID));
      }
      for (const blocker of blockers) await blocker.query('ROLLBACK');
    }
    assert.ok(backends.size > 1, 'the sessions were on several backend connections');
    for (const session of sessions) session.destroy();
  });

  test('the same text prepared by many sessions, closed by some', async () => {
    const sessions = await Promise.all(Array.from({ length: 20 }, () => stage.connect()));
    await Promise.all(
      sessions.map(async (session, index) => {
        for (let round = 0; round < 10; round += 1) {
          const rows = await execute(session, 'SELECT ? AS v', [index * 100 + round]);
          assert.deepEqual(rows, [{ v: index * 100 + round }]);
          if (index % 2 === 0) session.unprepare('SELECT ? AS v');
        }
      }),
    );
    for (const session of sessions) session.destroy();
  });

  test('a server that takes no more statements: those that clients have closed make room', async () => {
    const limit = (count: number) => stage.database.query(`SET GLOBAL max_prepared_stmt_count = ${count}`);
    const other = await stage.connect();
    await limit(4);
    try {
      // Each on a connection of its own, which keeps what was prepared there.
      for (const [round, each] of [client, other, client].entries()) {
        await each.query('BEGIN');
        for (let i = 0; i < 6; i += 1) {
          const statement = await each.prepare(`SELECT ${i} + ? AS r${round}`);
          assert.equal(Object.values(((await statement.execute([1]))[0] as RowDataPacket[])[0] ?? {})[0], i + 1);
          await statement.close();
        }
        await each.query('COMMIT');
      }
      await limit(0);
      await refusal(client.prepare('SELECT 99'), 1461);
    } finally {
      await limit(16_382);
      other.destroy();
    }
  });

  test('rules refuse a prepared statement with their message', async () => {
    await stage.sluice.admin(
      "INSERT INTO mysql_query_rules (rule_id, active, match_digest, error_msg, apply) VALUES (1, 1, '^SELECT forbidden', 'no prepared secrets', 1)",
      'LOAD MYSQL QUERY RULES TO RUNTIME',
    );
    assert.equal(
      (await refusal(client.execute('SELECT forbidden FROM t WHERE a = ?', [1]), 1148)).message,
      'no prepared secrets',
    );
    assert.deepEqual(await execute(client, 'SELECT ? AS v', [6]), [{ v: 6 }]);
  });
});

/** What mysql2 sends as a parameter. */
type Parameter = string | number | boolean | Date | Buffer | null;
