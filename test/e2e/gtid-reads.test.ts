/**
 * Reads that see the session's own writes: rules with gtid_from_hostgroup, a MySQL 9 that plays writer and readers, and
 * readers of its binary log that tell of transactions only when the test says so.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { DatabaseServer } from '../helpers/mariadb.ts';
import { missingMysql9, startMysql9 } from '../helpers/mysql9.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';
import { APP, accountSql, refusal, rowsOf, scalar } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';
import { WireClient } from '../helpers/wire-client.ts';

const SETUP = [
  ...accountSql(APP.user, APP.password),
  'CREATE DATABASE test',
  'CREATE TABLE test.t (id INT PRIMARY KEY)',
];

/** Speaks as proxysql_binlog_reader does; what the server has executed since is told by `tell`. */
class HeldReader {
  readonly #database: DatabaseServer;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(database: DatabaseServer) {
    this.#database = database;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
      void this.#executed().then((set) => socket.write(`ST=${set}\n`));
    });
  }

  static async start(database: DatabaseServer): Promise<HeldReader> {
    const reader = new HeldReader(database);
    reader.#server.listen(0, '127.0.0.1');
    await once(reader.#server, 'listening');
    return reader;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async #executed(): Promise<string> {
    const [row] = await this.#database.query('SELECT @@GLOBAL.gtid_executed AS gtids');
    return String(row?.gtids);
  }

  async tell(): Promise<void> {
    const [, uuid = '', run] = /^([^:]*):(.*)$/.exec(await this.#executed()) ?? [];
    for (const socket of this.#sockets) socket.write(`I3=${uuid.replaceAll('-', '')}:${run}\n`);
  }

  say(bytes: string | Buffer): void {
    for (const socket of this.#sockets) socket.write(bytes);
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }
}

describe('gtid_from_hostgroup', { skip: missingMysql9() }, () => {
  let database: DatabaseServer;
  let reader: HeldReader;
  let late: HeldReader;
  let sluice: SluiceProcess;

  before(async () => {
    database = await startMysql9({
      setup: SETUP,
      args: ['--server-id=1', '--log-bin=binlog', '--sync-binlog=0', '--gtid-mode=ON', '--enforce-gtid-consistency=ON'],
    });
    reader = await HeldReader.start(database);
    late = await HeldReader.start(database);
    const { host, port } = database;
    sluice = await SluiceProcess.start({
      users: [{ username: APP.user, password: APP.password, default_hostgroup: 0 }],
      servers: [
        { address: host, port, hostgroup: 0 },
        { address: host, port, hostgroup: 1, gtid_port: reader.port },
        // Nobody knows what it has executed.
        { address: 'localhost', port, hostgroup: 1 },
        { address: host, port, hostgroup: 2 },
        { address: host, port, hostgroup: 3, gtid_port: reader.port },
        { address: 'localhost', port, hostgroup: 3, gtid_port: late.port },
      ],
      rules: [
        {
          rule_id: 1,
          active: 1,
          match_digest: '^SELECT id',
          destination_hostgroup: 1,
          gtid_from_hostgroup: 0,
          apply: 1,
        },
        // Nobody tells what servers there have executed.
        {
          rule_id: 2,
          active: 1,
          match_digest: '^SELECT COUNT\\(id\\)',
          destination_hostgroup: 2,
          gtid_from_hostgroup: 0,
          apply: 1,
        },
      ],
      mysqlVariables: { binlog_reader_connect_retry_msec: 200 },
    });
    await eventually('the reader is known', executed, (row) => row !== undefined && row.gtid_executed !== '');
  });

  after(async () => {
    await sluice?.stop();
    await reader?.stop();
    await late?.stop();
    await database?.stop();
  });

  const executed = async () => (await sluice.admin('SELECT * FROM stats_mysql_gtid_executed'))[0];

  const counter = async (name: string): Promise<number> => {
    const [row] = await sluice.admin(
      `SELECT Variable_Value AS v FROM stats_mysql_global WHERE Variable_Name = '${name}'`,
    );
    return Number(row?.v);
  };

  test('a read waits for a server that has executed the write before it, and goes nowhere else', async () => {
    const client = await sluice.connect({ ...APP, database: 'test' });
    await rowsOf(client, 'SELECT id FROM t');
    assert.equal(await counter('GTID_consistent_queries'), 0, 'a session that has written nothing may read anywhere');
    for (let id = 1; id <= 5; id++) {
      await client.query(`INSERT INTO t VALUES (${id})`);
      let over = false;
      const read = scalar(client, 'SELECT id FROM t ORDER BY id DESC LIMIT 1').finally(() => {
        over = true;
      });
      // Another session has no write to wait for, and finds every server.
      const other = await sluice.connect({ ...APP, database: 'test' });
      assert.equal(await scalar(other, 'SELECT id FROM t ORDER BY id DESC LIMIT 1'), String(id));
      other.destroy();
      assert.equal(over, false);
      await reader.tell();
      assert.equal(await read, String(id));
    }
    client.destroy();
    assert.equal(await counter('GTID_consistent_queries'), 5);
    assert.equal(await counter('GTID_session_collected'), 5);
    const pool = await sluice.admin('SELECT * FROM stats_mysql_connection_pool ORDER BY hostgroup, srv_host');
    assert.deepEqual(
      pool.map((row) => `${row.hostgroup} ${row.srv_host} ${row.Queries_GTID_sync}`),
      ['0 127.0.0.1 0', '1 127.0.0.1 5', '1 localhost 0', '2 127.0.0.1 0', '3 127.0.0.1 0', '3 localhost 0'],
    );
    const row = await executed();
    assert.equal(row?.hostname, database.host);
    assert.equal(row?.port, String(database.port));
    assert.match(String(row?.gtid_executed), /^[0-9a-f]{8}-[0-9a-f-]{27}:1-\d+$/);
    assert.equal(row?.events, '6');
  });

  test('a read that waits too long is refused, and one by a prepared statement waits as well', async () => {
    await sluice.admin('SET mysql-connect_timeout_server_max = 100', 'LOAD MYSQL VARIABLES TO RUNTIME');
    const client = await sluice.connect({ ...APP, database: 'test' });
    await client.execute('INSERT INTO t VALUES (?)', [100]);
    const error = await refusal(client.query('SELECT id FROM t'), 9001);
    assert.match(error.message, /Max connect timeout reached while reaching hostgroup 1 after \d+ms/);
    await refusal(client.execute('SELECT id FROM t WHERE id = ?', [100]), 9001);
    await reader.tell();
    const [rows] = await client.execute('SELECT id FROM t WHERE id = ?', [100]);
    assert.deepEqual(rows, [{ id: 100 }]);
    // A new session, on the same connection to us, has not written that.
    await client.query('INSERT INTO t VALUES (101)');
    await refusal(client.query('SELECT id FROM t'), 9001);
    await client.changeUser({ ...APP, database: 'test' });
    await client.query('SELECT id FROM t');
    client.destroy();
    await sluice.admin('SET mysql-connect_timeout_server_max = 10000', 'LOAD MYSQL VARIABLES TO RUNTIME');
  });

  test('where no server of the hostgroup has a gtid_port nothing is waited for, and the LOAD has said so', async () => {
    const before = await counter('GTID_consistent_queries');
    const client = await sluice.connect({ ...APP, database: 'test' });
    await client.query('INSERT INTO t VALUES (120)');
    assert.equal(await scalar(client, 'SELECT COUNT(id) FROM t WHERE id = 120'), '1');
    client.destroy();
    assert.equal(await counter('GTID_consistent_queries'), before);
    const said = await Promise.all(
      ['QUERY RULES', 'SERVERS'].map((module) => sluice.admin(`LOAD MYSQL ${module} TO RUNTIME`, 'SHOW WARNINGS')),
    );
    assert.deepEqual(
      said.map((rows) => rows.map((row) => `${row.Key} ${row.Column}`)),
      [
        ['1 gtid_from_hostgroup', '2 gtid_from_hostgroup'],
        [`1:localhost:${database.port} gtid_port`, `2:127.0.0.1:${database.port} gtid_port`],
      ],
      JSON.stringify(said),
    );
  });

  /** Whether it is still under way, and what comes of it. */
  function watched<T>(promise: Promise<T>): { readonly result: Promise<T>; over: boolean } {
    const watch = { over: false, result: promise };
    watch.result = promise.finally(() => {
      watch.over = true;
    });
    return watch;
  }

  test('a comment with min_gtid waits for a server that has executed that; who may not ask is not heard', async () => {
    const [writer, client] = await Promise.all([1, 2].map(() => sluice.connect({ ...APP, database: 'test' })));
    assert.ok(writer !== undefined && client !== undefined);
    const text = '/* min_gtid=' as const;
    const written = async (id: number) => {
      await writer.query(`INSERT INTO t VALUES (${id})`);
      const [row] = await database.query('SELECT @@GLOBAL.gtid_executed AS gtids');
      return String(row?.gtids).replace(/:.*-/, ':');
    };
    const before = await counter('GTID_consistent_queries');
    const query = watched(scalar(client, `${text}${await written(130)};hostgroup=1 */ SELECT MAX(id) FROM t`));
    await scalar(writer, '/* hostgroup=1 */ SELECT MAX(id) FROM t');
    assert.equal(query.over, false);
    await reader.tell();
    assert.equal(await query.result, '130');
    const execute = watched(client.execute(`${text}${await written(131)};hostgroup=1 */ SELECT MAX(id) AS id FROM t`));
    await scalar(writer, '/* hostgroup=1 */ SELECT MAX(id) FROM t');
    assert.equal(execute.over, false);
    await reader.tell();
    assert.deepEqual((await execute.result)[0], [{ id: 131 }]);
    assert.equal(await counter('GTID_consistent_queries'), before + 2);

    const untold = await refusal(client.query(`${text}${await written(132)};hostgroup=2 */ SELECT 1`), 9001);
    assert.match(untold.message, /No server of hostgroup 2 has a gtid_port/);
    const unreadable = await refusal(client.query(`${text}latest */ SELECT 1`), 1148);
    assert.match(unreadable.message, /min_gtid in the statement's comment is no set of transaction ids/);

    const may = (allowed: boolean) =>
      sluice.admin(`SET sluice-query_annotations = ${allowed}`, 'LOAD SLUICE VARIABLES TO RUNTIME');
    await may(false);
    assert.equal(await scalar(client, `${text}${await written(133)};hostgroup=1 */ SELECT MAX(id) FROM t`), '133');
    await may(true);
    await reader.tell();
    writer.destroy();
    client.destroy();
  });

  test('a comment with max_lag_ms or min_epoch_ms keeps away from servers that are further behind', async () => {
    await Promise.all([reader.tell(), late.tell()]);
    const [writer, client] = await Promise.all([1, 2].map(() => sluice.connect({ ...APP, database: 'test' })));
    assert.ok(writer !== undefined && client !== undefined);
    const used = async () => {
      const pool = await sluice.admin(
        'SELECT * FROM stats_mysql_connection_pool WHERE hostgroup = 3 ORDER BY srv_host',
      );
      return pool.map((row) => Number(row.Queries));
    };
    const known = async () => {
      const rows = await sluice.admin('SELECT * FROM stats_mysql_gtid_executed ORDER BY hostname');
      return rows.map((row) => row.gtid_executed);
    };
    await eventually('both are level', known, ([one, other]) => one === other);
    await writer.query('INSERT INTO t VALUES (140)');
    const sinceMs = Date.now();
    await reader.tell();
    await eventually('one is behind', known, ([one, other]) => one !== other && Date.now() > sinceMs + 20);
    const before = await used();
    for (const asked of ['max_lag_ms=5', `min_epoch_ms=${Date.now()}`, 'max_lag_ms=0'])
      for (let count = 0; count < 3; count++)
        assert.equal(await scalar(client, `/* hostgroup=3;${asked} */ SELECT COUNT(*) FROM t WHERE id = 140`), '1');
    assert.deepEqual(await used(), [(before[0] ?? 0) + 9, before[1]]);
    for (const asked of ['max_lag_ms=600000', `min_epoch_ms=${sinceMs - 60_000}`])
      for (let count = 0; count < 3; count++) await client.query(`/* hostgroup=3;${asked} */ SELECT 1`);
    assert.ok(((await used())[1] ?? 0) > (before[1] ?? 0), 'so far behind is near enough');

    await sluice.admin(
      "UPDATE mysql_servers SET weight = 0 WHERE hostgroup_id = 3 AND hostname <> 'localhost'",
      'LOAD MYSQL SERVERS TO RUNTIME',
    );
    const read = watched(scalar(client, '/* hostgroup=3;max_lag_ms=5 */ SELECT COUNT(*) FROM t WHERE id = 140'));
    await scalar(writer, '/* hostgroup=3 */ SELECT COUNT(*) FROM t');
    assert.equal(read.over, false);
    await late.tell();
    assert.equal(await read.result, '1');
    assert.equal(await counter('queries_with_max_lag_ms'), 16);
    assert.ok((await counter('queries_with_max_lag_ms__delayed')) > 0);
    assert.ok((await counter('queries_with_max_lag_ms__total_wait_time_us')) > 0);
    // Where nobody tells, nothing is known of lags.
    await client.query('/* hostgroup=2;max_lag_ms=0 */ SELECT 1');
    await sluice.admin('UPDATE mysql_servers SET weight = 1', 'LOAD MYSQL SERVERS TO RUNTIME');
    writer.destroy();
    client.destroy();
  });

  test('a connection that is only kept for a while does not keep the session from its write', async () => {
    const delay = (ms: number) =>
      sluice.admin(`SET mysql-connection_delay_multiplex_ms = ${ms}`, 'LOAD MYSQL VARIABLES TO RUNTIME');
    await delay(10_000);
    await sluice.admin(
      "UPDATE mysql_servers SET weight = 0 WHERE hostname <> 'localhost' AND hostgroup_id = 1",
      'LOAD MYSQL SERVERS TO RUNTIME',
    );
    const client = await sluice.connect({ ...APP, database: 'test' });
    await client.query('SELECT id FROM t');
    await sluice.admin('UPDATE mysql_servers SET weight = 1', 'LOAD MYSQL SERVERS TO RUNTIME');
    await client.query('INSERT INTO t VALUES (150)');
    const before = await counter('GTID_consistent_queries');
    await reader.tell();
    assert.equal(await scalar(client, 'SELECT id FROM t WHERE id = 150'), '150');
    assert.equal(await counter('GTID_consistent_queries'), before + 1);
    client.destroy();
    await delay(0);
  });

  test('a client that tracks no session state is told what a server tells it', async () => {
    await reader.tell();
    const answers: string[][] = [];
    for (const port of [database.port, sluice.mysqlPort]) {
      const client = await WireClient.connect({ port, ...APP, schema: 'test' });
      const told: string[] = [];
      for (const sql of [
        'INSERT INTO t VALUES (200), (201)',
        'UPDATE t SET id = id + 100 WHERE id = 201',
        'BEGIN',
        'DELETE FROM t WHERE id >= 200',
        'COMMIT',
        'SELECT 1 + 1',
      ])
        told.push(...(await client.query(sql)).packets.map((packet) => packet.toString('hex')));
      answers.push(told);
      client.destroy();
    }
    assert.deepEqual(answers[1], answers[0]);
  });

  test('mysql-default_session_track_gtids has all servers tell, mysql-client_session_track_gtid says whether clients hear it', async () => {
    const set = (name: string, value: string) =>
      sluice.admin(`SET mysql-${name} = '${value}'`, 'LOAD MYSQL VARIABLES TO RUNTIME');
    const client = await WireClient.connect({ port: sluice.mysqlPort, ...APP, schema: 'test', sessionTrack: true });
    const heard = async (sql: string) => {
      const answer = (await client.query(sql)).packets.join('');
      return { gtid: /[0-9a-f]{8}-[0-9a-f-]{27}:\d+/.test(answer), zone: answer.includes('+03:45') };
    };
    // No rule is interested in what is written in hostgroup 2.
    const insert = (id: number) => `/* hostgroup=2 */ INSERT INTO test.t VALUES (${id})`;
    const before = await counter('GTID_session_collected');
    assert.equal((await heard(insert(210))).gtid, false);
    assert.equal(await counter('GTID_session_collected'), before);
    await set('default_session_track_gtids', 'OWN_GTID');
    assert.equal((await heard(insert(211))).gtid, true);
    assert.equal(await counter('GTID_session_collected'), before + 1);
    await set('client_session_track_gtid', 'false');
    assert.equal((await heard(insert(212))).gtid, false);
    assert.equal(await counter('GTID_session_collected'), before + 2);
    const both = "DELETE FROM test.t WHERE id >= 210; SET time_zone = '+03:45'";
    assert.deepEqual(await heard(`/* hostgroup=2 */ ${both}`), { gtid: false, zone: true });
    client.destroy();
    await set('client_session_track_gtid', 'true');
    await set('default_session_track_gtids', 'OFF');
  });

  test('within a transaction a LOAD of such a rule disturbs nothing', async () => {
    const load = ['LOAD MYSQL QUERY RULES TO RUNTIME'];
    await sluice.admin('UPDATE mysql_query_rules SET active = 0', ...load);
    const client = await sluice.connect({ ...APP, database: 'test' });
    await client.query('BEGIN');
    await client.query('INSERT INTO t VALUES (300)');
    await sluice.admin('UPDATE mysql_query_rules SET active = 1', ...load);
    await client.query('INSERT INTO t VALUES (301)');
    await sluice.admin('UPDATE mysql_query_rules SET active = 0', ...load);
    await client.query('DELETE FROM t WHERE id >= 300');
    await client.query('COMMIT');
    await client.query('BEGIN');
    await sluice.admin('UPDATE mysql_query_rules SET active = 1', ...load);
    await client.query('SELECT COUNT(*) FROM t FOR UPDATE');
    await client.query('COMMIT');
    client.destroy();
  });

  test('a reader that talks nonsense is left and asked again; one that is configured no more is left alone', async () => {
    for (const nonsense of ['HTTP/1.1 400 Bad Request\r\n', Buffer.alloc(2 * 1024 * 1024, 'x')]) {
      const before = Number((await executed())?.events);
      reader.say(nonsense);
      await eventually('it is asked again', executed, (row) => Number(row?.events) > before);
    }
    const client = await sluice.connect({ ...APP, database: 'test' });
    await client.query('INSERT INTO t VALUES (400)');
    await sluice.admin('UPDATE mysql_servers SET gtid_port = 0', 'LOAD MYSQL SERVERS TO RUNTIME');
    assert.equal(await scalar(client, 'SELECT id FROM t WHERE id = 400'), '400', 'nobody could tell any more');
    client.destroy();
    await eventually(
      'it is left alone',
      () => reader.connections,
      (count) => count === 0,
    );
    assert.equal(await executed(), undefined);
  });
});
