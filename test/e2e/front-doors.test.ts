/**
 * Other ways in and through than plain TCP and a pool: the PROXY protocol, Unix sockets on both sides, and users whose
 * bytes are forwarded unread.
 */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import mysql, { type Connection } from 'mysql2/promise';
import { removeFolder, temporaryFolder } from '../helpers/reaper.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';
import { APP, accountSql, BACKEND_ID, refusal, Stage, scalar } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';

const V2_HEADER = Buffer.from('0d0a0d0a000d0a515549540a2111000cc00002070a000001dc041791', 'hex');

describe('ways in and through', () => {
  let stage: Stage;
  let folder: string;
  let socketPath: string;

  before(async () => {
    folder = temporaryFolder('door');
    socketPath = join(folder, 'sluice.sock');
    stage = await Stage.start({
      mysqlVariables: { proxy_protocol_networks: '127.0.0.0/8', interfaces: `127.0.0.1:0;${socketPath}` },
      users: [
        { username: 'fast', password: 'fast', default_hostgroup: 0, fast_forward: 1 },
        { username: 'nowhere', password: 'nowhere', default_hostgroup: 77, fast_forward: 1 },
      ],
      rules: [{ rule_id: 1, active: 1, match_pattern: 'forbidden', error_msg: 'no', apply: 1 }],
      setup: accountSql('fast', 'fast'),
    });
    await stage.sluice.admin('SET mysql-connect_timeout_server_max = 500', 'LOAD MYSQL VARIABLES TO RUNTIME');
  });

  after(async () => {
    await stage?.stop();
    removeFolder(folder);
  });

  /** A client behind a balancer that says `header` first. */
  const behind = (header: Buffer | string, patienceMs = 20_000): Promise<Connection> => {
    const stream = (): Socket => {
      const socket = connect(stage.sluice.mysqlPort, '127.0.0.1');
      socket.write(header);
      return socket;
    };
    return mysql.createConnection({ ...APP, stream, connectTimeout: patienceMs });
  };

  const clientsShown = async (): Promise<string[]> => {
    const rows = await stage.sluice.admin('SELECT cli_host, cli_port FROM stats_mysql_processlist ORDER BY SessionID');
    return rows.map((row) => `${row.cli_host}:${row.cli_port}`);
  };

  test('a balancer says whose connection it is, in both versions of the PROXY protocol, or nothing', async () => {
    for (const [header, shown] of [
      ['PROXY TCP4 192.0.2.9 10.0.0.1 4711 6033\r\n', '192.0.2.9:4711'],
      [V2_HEADER, '192.0.2.7:56324'],
      ['PROXY UNKNOWN\r\n', '127.0.0.1:'],
      ['', '127.0.0.1:'],
    ] as const) {
      const client = await behind(header);
      try {
        assert.equal(await scalar(client, 'SELECT 1'), '1');
        await eventually('it is shown', clientsShown, (all) => all.some((one) => one.startsWith(shown)));
        await client.changeUser({ ...APP });
        await eventually('it still is', clientsShown, (all) => all.some((one) => one.startsWith(shown)));
      } finally {
        client.destroy();
      }
    }
    await assert.rejects(behind('PROXY TCP4 nonsense\r\n'));
  });

  test('who is not trusted is not believed', async () => {
    await stage.sluice.admin("SET mysql-proxy_protocol_networks = '10.0.0.0/8'", 'LOAD MYSQL VARIABLES TO RUNTIME');
    await assert.rejects(behind('PROXY TCP4 192.0.2.9 10.0.0.1 4711 6033\r\n', 1_000));
    const client = await behind('');
    client.destroy();
  });

  test('Unix sockets, to clients and to servers', async () => {
    const serverSocket = (await stage.database.query('SELECT @@socket AS path'))[0]?.path;
    await stage.sluice.admin(
      `INSERT INTO mysql_servers (hostgroup_id, hostname, port) VALUES (5, '${serverSocket}', 0)`,
      "INSERT INTO mysql_query_rules (rule_id, active, match_digest, destination_hostgroup, apply) VALUES (5, 1, 'hg_five', 5, 1)",
      'LOAD MYSQL SERVERS TO RUNTIME',
      'LOAD MYSQL QUERY RULES TO RUNTIME',
    );
    const client = await mysql.createConnection({ ...APP, socketPath });
    try {
      assert.equal(await scalar(client, 'SELECT 1'), '1');
      assert.match(
        (await scalar(
          client,
          'SELECT host AS hg_five FROM information_schema.processlist WHERE id = CONNECTION_ID()',
        )) ?? '',
        /^localhost/,
      );
    } finally {
      client.destroy();
    }
  });

  test('fast_forward: no rule looks, everything works, the connection is its own and ends with it', async () => {
    const client = await stage.sluice.connect({
      user: 'fast',
      password: 'fast',
      database: 'test',
      multipleStatements: true,
    });
    const id = await scalar(client, BACKEND_ID);
    assert.equal(await scalar(client, "SELECT 'forbidden'"), 'forbidden');
    await client.query('SET @a = 1; CREATE TEMPORARY TABLE own (n INT)');
    assert.equal(await scalar(client, 'SELECT CONCAT(@a, DATABASE())'), '1test');
    const [rows] = await client.execute('SELECT ? AS n', [5]);
    assert.deepEqual(rows, [{ n: 5 }]);
    const [many] = await client.query("SELECT REPEAT('x', 100) FROM seq_1_to_100000");
    assert.equal((many as unknown[]).length, 100_000);
    await client.query('SELECT ?', ['y'.repeat(17_000_000)]);
    assert.equal(await scalar(client, BACKEND_ID), id);
    client.destroy();
    await eventually(
      'its connection is gone',
      async () =>
        (await stage.database.query(`SELECT COUNT(*) AS n FROM information_schema.processlist WHERE id = ${id}`))[0]?.n,
      (n) => Number(n) === 0,
    );
  });

  test('fast_forward: the client gets no more bytes in a second than mysql-throttle_max_bytes_per_second_to_client says', async () => {
    const throttle = (bytes: number) =>
      stage.sluice.admin(
        `SET mysql-throttle_max_bytes_per_second_to_client = ${bytes}`,
        'LOAD MYSQL VARIABLES TO RUNTIME',
      );
    const client = await stage.sluice.connect({ user: 'fast', password: 'fast', database: 'test' });
    const rows = async (sql: string) => ((await client.query(sql))[0] as unknown[]).length;
    assert.equal(await rows('SELECT 1'), 1);
    // It holds for connections that are forwarded already.
    await throttle(3_000_000);
    const begun = performance.now();
    assert.equal(await rows("SELECT REPEAT('x', 1000) FROM seq_1_to_4000"), 4000);
    assert.ok(performance.now() - begun > 300, 'four megabytes take a third of a second more');
    await throttle(0);
    assert.equal(await rows("SELECT REPEAT('x', 1000) FROM seq_1_to_4000"), 4000);
    client.destroy();
  });

  test('fast_forward to a hostgroup without servers', async () => {
    const client = await stage.sluice.connect({ user: 'nowhere', password: 'nowhere' });
    await refusal(client.query('SELECT 1'), 9001);
    client.destroy();
  });
});

test('several workers share a Unix socket', async () => {
  const folder = temporaryFolder('door');
  const socketPath = join(folder, 'sluice.sock');
  const sluice = await SluiceProcess.start({
    workers: 2,
    mysqlVariables: { interfaces: `127.0.0.1:0;${socketPath}` },
    users: [{ username: APP.user, password: APP.password }],
  });
  try {
    const clients = await Promise.all(Array.from({ length: 8 }, () => mysql.createConnection({ ...APP, socketPath })));
    await Promise.all(clients.map((client) => client.ping()));
    for (const client of clients) client.destroy();
  } finally {
    await sluice.stop();
    removeFolder(folder);
  }
});
