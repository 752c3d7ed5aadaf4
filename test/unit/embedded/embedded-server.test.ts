import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createConnection as connectTcp } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import mysql, { type Connection, type ConnectionOptions } from 'mysql2/promise';
import { createEmbeddedServer, type EmbeddedServer } from '../../../src/embedded/embedded-server.ts';
import { mysqlCli } from '../../helpers/mysql-cli.ts';
import { eventually } from '../../helpers/wait.ts';

const SCHEMA = `
  CREATE TABLE clinic.patients (id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL, weight DOUBLE, photo BLOB);
  INSERT INTO clinic.patients VALUES (1, 'Ada', 61.5, X'00ff'), (2, 'Zoë', NULL, NULL);
  CREATE TABLE clinic.numbers (n INTEGER PRIMARY KEY, filler VARCHAR(200));
  WITH RECURSIVE counter(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM counter WHERE i < 20000)
    INSERT INTO clinic.numbers SELECT i, printf('%0200d', i) FROM counter;
`;

let server: EmbeddedServer;
let replica: EmbeddedServer;
const connections: Connection[] = [];

before(async () => {
  const passwords: Readonly<Record<string, string>> = { dev: 'secret', ops: 'hidden', nobody: '' };
  const common = {
    schemas: { clinic: 'memory' },
    passwordOf: (user: string) => passwords[user],
    initialSql: SCHEMA,
  } as const;
  server = await createEmbeddedServer({ ...common, name: 'primary' });
  replica = await createEmbeddedServer({ ...common, name: 'replica', readOnly: true });
});
after(async () => {
  await server.close();
  await replica.close();
});
afterEach(async () => {
  for (const connection of connections.splice(0)) await connection.end().catch(() => connection.destroy());
});

async function connect(options: ConnectionOptions = {}): Promise<Connection> {
  const account = { host: '127.0.0.1', port: server.port, user: 'dev', password: 'secret', database: 'clinic' };
  const connection = await mysql.createConnection({ ...account, ...options });
  connections.push(connection);
  return connection;
}

async function codeOf(promise: Promise<unknown>): Promise<number | undefined> {
  return promise.then(
    () => undefined,
    (error: { errno?: number }) => error.errno,
  );
}

/** mysql2 knows no CLIENT_DEPRECATE_EOF switch of its own: the flag is taken away. */
for (const flags of [['DEPRECATE_EOF'], ['-DEPRECATE_EOF']]) {
  describe(`mysql2 with ${flags[0]}`, () => {
    it('reads typed rows by the text and the binary protocol', async () => {
      const connection = await connect({ flags });
      const expected = [
        { id: 1, name: 'Ada', weight: 61.5, photo: Buffer.from([0, 255]) },
        { id: 2, name: 'Zoë', weight: null, photo: null },
      ];
      assert.deepEqual((await connection.query('SELECT * FROM patients'))[0], expected);
      assert.deepEqual((await connection.execute('SELECT * FROM patients'))[0], expected);
      assert.deepEqual((await connection.execute('SELECT * FROM patients WHERE id = ?', [2]))[0], expected.slice(1));
    });

    it('reads a result far larger than the buffers of a socket', async () => {
      const connection = await connect({ flags });
      const [rows] = await connection.query<mysql.RowDataPacket[]>('SELECT * FROM numbers ORDER BY n');
      assert.equal(rows.length, 20_000);
      assert.deepEqual({ ...rows.at(-1) }, { n: 20_000, filler: '20000'.padStart(200, '0') });
    });

    it('writes, in transactions', async () => {
      const connection = await connect({ flags });
      await connection.beginTransaction();
      const [result] = await connection.execute<mysql.ResultSetHeader>('INSERT INTO patients (name) VALUES (?)', [
        'Cy',
      ]);
      assert.deepEqual([result.affectedRows, result.insertId], [1, 3]);
      const other = await connect({ flags });
      assert.equal((await other.query<mysql.RowDataPacket[]>('SELECT * FROM patients'))[0].length, 2);
      await connection.rollback();
      assert.equal((await connection.query<mysql.RowDataPacket[]>('SELECT * FROM patients'))[0].length, 2);
    });

    it('gets errors with code, state and text', async () => {
      const connection = await connect({ flags });
      await assert.rejects(connection.query('SELECT * FROM nowhere'), {
        errno: 1146,
        sqlState: '42S02',
        message: "Table 'clinic.nowhere' doesn't exist",
      });
      assert.equal(await codeOf(connection.execute('SELECT nope FROM patients')), 1054);
      assert.deepEqual((await connection.query('SELECT 1 AS one'))[0], [{ one: 1 }]);
    });

    it('runs several statements of one text, up to the first error', async () => {
      const connection = await connect({ flags, multipleStatements: true });
      const [results] = await connection.query("SELECT ';' AS a; SET @x = 2; SELECT @x AS b;");
      const [first, second, third] = results as unknown as [unknown, mysql.ResultSetHeader, unknown];
      assert.deepEqual(first, [{ a: ';' }]);
      assert.equal(second.affectedRows, 0);
      assert.deepEqual(third, [{ b: 2 }]);
      assert.equal(await codeOf(connection.query('SELECT 1; SELECT nope')), 1054);
    });
  });
}

describe('a session', () => {
  it('answers ping, changes its schema, is reset', async () => {
    const connection = await connect();
    await connection.ping();
    assert.equal(await codeOf(connection.query('USE nowhere')), 1049);
    await connection.query('SET @a = 1');
    await connection.reset();
    assert.deepEqual((await connection.query('SELECT @a AS a'))[0], [{ a: null }]);
  });

  it('reports its transaction and autocommit in the status flags', async () => {
    const connection = await connect();
    const status = async (sql: string) => (await connection.query<mysql.ResultSetHeader>(sql))[0].serverStatus;
    assert.equal(await status('SET NAMES utf8mb4'), 2);
    assert.equal(await status('BEGIN'), 3);
    assert.equal(await status('COMMIT'), 2);
    assert.equal(await status('SET autocommit = 0'), 0);
  });

  it('may send statements ahead of the answers', async () => {
    const connection = await connect();
    const answers = Array.from({ length: 300 }, (_, n) => connection.query<mysql.RowDataPacket[]>(`SELECT ${n} AS n`));
    const rows = (await Promise.all(answers)).map(([[row]]) => Number(row?.n));
    assert.deepEqual(
      rows,
      [...rows].sort((a, b) => a - b),
    );
  });

  it('can be killed, and the statement alone', async () => {
    const [victim, killer] = [await connect(), await connect()];
    const [[row]] = await victim.query<mysql.RowDataPacket[]>('SELECT CONNECTION_ID() AS id');
    const sleeping = codeOf(victim.query('SELECT SLEEP(3000)'));
    await eventually(
      'the victim sleeps',
      async () => (await killer.query<mysql.RowDataPacket[]>('SHOW PROCESSLIST'))[0],
      (processes) => processes.some((process) => process.Id === row?.id && process.Command === 'Query'),
    );
    await killer.query(`KILL QUERY ${row?.id}`);
    assert.equal(await sleeping, 1317);
    await killer.query(`KILL ${row?.id}`);
    await assert.rejects(victim.query('SELECT 1'));
  });

  it('that leaves in the middle of a large result leaves nothing behind', async () => {
    const connection = await connect();
    const core = connection as unknown as {
      connection: { stream: import('node:net').Socket; query(sql: string): void };
    };
    core.connection.query('SELECT a.filler FROM numbers a, numbers b');
    core.connection.stream.once('data', () => connection.destroy());
    await eventually(
      'the client is forgotten',
      () => server.connectionCount,
      (count) => count === 0,
    );
  });

  it('that sends no valid packet is let go', async () => {
    const socket = connectTcp(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(Buffer.from([1, 0, 0, 0, 0x03]));
    await new Promise((resolve) => socket.once('close', resolve).resume());
  });
});

describe('login', () => {
  it('wants the right password', async () => {
    assert.equal(await codeOf(connect({ password: 'wrong' })), 1045);
    assert.equal(await codeOf(connect({ user: 'stranger' })), 1045);
    await connect({ user: 'nobody', password: '' });
  });

  it('wants a schema that exists', async () => {
    assert.equal(await codeOf(connect({ database: 'nowhere' })), 1049);
  });
});

describe('COM_CHANGE_USER', () => {
  it('makes the session that of another user, or ends it', async () => {
    const connection = await connect();
    await connection.query('SET @a = 1');
    await connection.changeUser({ user: 'ops', password: 'hidden', database: 'clinic' });
    const [rows] = await connection.query('SELECT USER() AS user, DATABASE() AS db, @a AS a');
    assert.deepEqual(rows, [{ user: 'ops@localhost', db: 'clinic', a: null }]);
    assert.equal(await codeOf(connection.changeUser({ user: 'dev', password: 'wrong' })), 1045);
  });
});

describe('a replica', () => {
  it('refuses to write', async () => {
    const connection = await connect({ port: replica.port });
    assert.equal(await codeOf(connection.query('DELETE FROM patients')), 1290);
    assert.equal(await codeOf(connection.execute('UPDATE patients SET name = ?', ['x'])), 1290);
    assert.deepEqual((await connection.query('SELECT @@hostname AS name, @@read_only AS ro'))[0], [
      { name: 'replica', ro: 1 },
    ]);
  });
});

describe('the mysql client', () => {
  const account = () => ({ port: server.port, user: 'dev', password: 'secret', database: 'clinic' });

  it('runs statements and gets rows', async () => {
    const result = await mysqlCli(
      account(),
      'SELECT id, name, weight FROM patients; SHOW TABLES; SELECT @@version_comment',
    );
    assert.equal(result.stderr, '');
    assert.deepEqual(result.rows, [
      ['1', 'Ada', '61.5'],
      ['2', 'Zoë', null],
      ['numbers'],
      ['patients'],
      ['sluice embedded server (SQLite)'],
    ]);
  });

  it('gets errors', async () => {
    const result = await mysqlCli(account(), 'SELECT nope FROM patients');
    assert.equal(result.exitCode, 1);
    assert.match(result.stderr, /^ERROR 1054 \(42S22\) at line 1: Unknown column 'nope' in 'field list'/m);
  });

  it('reads a script with DESCRIBE and status', async () => {
    const result = await mysqlCli({ ...account(), input: 'USE clinic;\nDESCRIBE patients;\nstatus;\n' });
    assert.equal(result.stderr, '');
    assert.match(result.stdout, /^id\tinteger\tNO\tPRI\tNULL\t$/m);
    assert.match(result.stdout, /Current database:\s+clinic/);
  });
});

const PYTHON = '/usr/bin/python3';
const execute = promisify(execFile);
const hasPyMysql =
  existsSync(PYTHON) &&
  (await execute(PYTHON, ['-c', 'import pymysql']).then(
    () => true,
    () => false,
  ));

describe('PyMySQL', { skip: hasPyMysql ? false : 'python3-pymysql is not installed' }, () => {
  it('reads, writes and rolls back', async () => {
    const script = `
import pymysql
c = pymysql.connect(host='127.0.0.1', port=${server.port}, user='dev', password='secret', database='clinic')
cur = c.cursor()
cur.execute("SELECT id, name, weight, photo FROM patients WHERE id = %s", (1,))
print(cur.fetchall())
cur.execute("INSERT INTO patients (name) VALUES (%s)", ("O'Neil \\\\ \\"q\\"",))
print(cur.lastrowid)
cur.execute("SELECT name FROM patients WHERE id = %s", (cur.lastrowid,))
print(cur.fetchone()[0])
c.rollback()
cur.execute("SELECT COUNT(*) FROM patients")
print(cur.fetchone()[0])
try:
    cur.execute("SELECT * FROM nowhere")
except pymysql.err.ProgrammingError as e:
    print(e.args[0])
`;
    const { stdout } = await execute(PYTHON, ['-c', script]);
    assert.deepEqual(stdout.trim().split('\n'), [
      "((1, 'Ada', 61.5, b'\\x00\\xff'),)",
      '3',
      'O\'Neil \\ "q"',
      '2',
      '1146',
    ]);
  });
});
