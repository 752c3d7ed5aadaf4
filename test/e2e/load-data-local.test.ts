/**
 * LOAD DATA LOCAL: the file is the client's own, goes through sluice as it is, and only when the operator allows it.
 */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import type { Connection, ResultSetHeader } from 'mysql2/promise';
import { APP, refusal, Stage, scalar } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';
import { WireClient } from '../helpers/wire-client.ts';

const LOAD = "LOAD DATA LOCAL INFILE 'rows.txt' INTO TABLE entries (v)";

describe('LOAD DATA LOCAL', () => {
  let stage: Stage;
  let client: Connection;

  before(async () => {
    stage = await Stage.start({
      mysqlVariables: { enable_load_data_local_infile: 'true' },
      setup: ['SET GLOBAL local_infile = 1', 'CREATE TABLE test.entries (v LONGTEXT)'],
    });
    client = await stage.connect({ flags: ['+LOCAL_FILES'], multipleStatements: true });
  });

  after(async () => {
    client?.destroy();
    await stage?.stop();
  });

  const load = async (file: Readable, sql = LOAD): Promise<number> => {
    await client.query('TRUNCATE TABLE entries');
    const [result] = await client.query<ResultSetHeader>({ sql, infileStreamFactory: () => file });
    return Number(result.affectedRows);
  };

  test('no byte, one line, many lines', async () => {
    assert.equal(await load(Readable.from([])), 0);
    assert.equal(await load(Readable.from([Buffer.from('one\n')])), 1);
    const many = function* (): Generator<Buffer> {
      for (let i = 0; i < 200; i++) yield Buffer.from(`${i}\t`.padEnd(1000, 'x').concat('\n').repeat(100));
    };
    assert.equal(await load(Readable.from(many())), 20_000);
    assert.equal(await scalar(client, 'SELECT COUNT(*) FROM entries'), '20000');
  });

  test('packets of 16 MB', async () => {
    const line = Buffer.alloc(20 * 1024 * 1024, 'y');
    assert.equal(await load(Readable.from([line, Buffer.from('\nshort\n')])), 2);
    assert.equal(await scalar(client, 'SELECT MAX(LENGTH(v)) FROM entries'), `${line.length}`);
  });

  test('an error of the server, and the session goes on', async () => {
    const wrong = client.query({
      sql: "LOAD DATA LOCAL INFILE 'x' INTO TABLE missing",
      infileStreamFactory: () => Readable.from([Buffer.from('one\n')]),
    });
    await refusal(wrong, 1146);
    assert.equal(await load(Readable.from([Buffer.from('one\ntwo\n')])), 2);
  });

  test('between other statements of one text', async () => {
    await client.query('TRUNCATE TABLE entries');
    const [results] = await client.query({
      sql: `SELECT 1 AS a; ${LOAD}; SELECT COUNT(*) AS n FROM entries`,
      infileStreamFactory: () => Readable.from([Buffer.from('one\ntwo\n')]),
    });
    assert.deepEqual((results as unknown[])[0], [{ a: 1 }]);
    assert.deepEqual((results as unknown[])[2], [{ n: 2 }]);
  });

  test('a client that leaves in the middle of its file', async () => {
    await client.query('TRUNCATE TABLE entries');
    const leaving = await stage.connect({ flags: ['+LOCAL_FILES'] });
    const stuck = new Readable({ read: () => undefined });
    stuck.push('one\n');
    leaving.query({ sql: LOAD, infileStreamFactory: () => stuck }).catch(() => undefined);
    await eventually(
      'the server waits for the file',
      () => stage.connectionsUsed(),
      (used) => used === 1,
    );
    leaving.destroy();
    await eventually(
      'nothing is in use',
      () => stage.connectionsUsed(),
      (used) => used === 0,
    );
    assert.equal(await scalar(client, 'SELECT COUNT(*) FROM entries'), '0');
  });

  test('refused: to a client that did not say it has files, and where the operator did not allow it', async () => {
    const plain = await WireClient.connect({ port: stage.sluice.mysqlPort, ...APP, schema: 'test' });
    try {
      assert.equal((await plain.query(LOAD)).errorCode, 3948);
      await stage.sluice.admin("SET mysql-enable_load_data_local_infile = 'false'", 'LOAD MYSQL VARIABLES TO RUNTIME');
      assert.match((await refusal(client.query(LOAD), 1047)).message, /Unsupported 'LOAD DATA LOCAL INFILE' command/);
    } finally {
      plain.destroy();
    }
  });
});
