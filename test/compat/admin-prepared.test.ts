/** Prepared statements on the admin port, with real parameters; what drivers do that use nothing else. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import mysql, { type Connection } from 'mysql2/promise';
import { startTestAdminPlane, type TestAdminPlane } from '../unit/admin/admin-plane.ts';

describe('prepared statements on the admin port', () => {
  let it: TestAdminPlane;
  let admin: Connection;
  before(async () => {
    it = await startTestAdminPlane();
    admin = await mysql.createConnection({ host: '127.0.0.1', port: it.port, user: 'admin', password: 'admin' });
  });
  after(async () => {
    await admin.end();
    await it.stop();
  });

  const rows = async (sql: string, values: readonly unknown[] = [], client = admin): Promise<unknown> => {
    const [answer] = await client.execute(sql, values as (string | number | null)[]);
    return answer;
  };

  test('take texts, numbers, NULL, dates and bytes; rows come back as text', async () => {
    const password = `it's "; -- \u00e4`;
    const [inserted] = await admin.execute(
      'INSERT INTO mysql_users (username, password, default_hostgroup, default_schema, comment) VALUES (?, ?, ?, ?, ?)',
      ['ann', password, 20, null, Buffer.from('bytes that are text')],
    );
    assert.equal((inserted as { affectedRows: number }).affectedRows, 1);
    assert.deepEqual(await rows('SELECT * FROM mysql_users WHERE username=? AND default_hostgroup=?', ['ann', 20]), [
      {
        username: 'ann',
        password,
        active: '1',
        use_ssl: '0',
        default_hostgroup: '20',
        default_schema: null,
        schema_locked: '0',
        transaction_persistent: '1',
        fast_forward: '0',
        backend: '1',
        frontend: '1',
        max_connections: '10000',
        attributes: '',
        comment: 'bytes that are text',
      },
    ]);
    // A whole number stays one in a column of text, a large one keeps its digits, and a fraction its point.
    const values = [7, 9007199254740993n, 1.5, new Date(Date.UTC(2026, 10, 27, 8, 9, 10)), true, Buffer.from([0xff])];
    const [row] = (await rows('SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, HEX(?) AS f', values)) as Record<
      string,
      string
    >[];
    assert.deepEqual([row?.a, row?.b, row?.c, row?.e, row?.f], ['7', '9007199254740993', '1.5', '1', 'FF']);
    assert.match(row?.d ?? '', /^2026-11-2[678] \d\d:09:10/);
  });

  test('run again with other values, LIMIT included', async () => {
    const statement = await admin.prepare(
      'SELECT variable_name FROM global_variables WHERE variable_name LIKE ? LIMIT ?',
    );
    for (const [like, limit, count] of [
      ['mysql-%', 3, 3],
      ['admin-v%', 10, 2],
      ['nothing', 5, 0],
    ] as const) {
      const [found] = await statement.execute([like, limit]);
      assert.equal((found as unknown[]).length, count, like);
    }
    await statement.close();
  });

  test('may be any command, and SET with a value', async () => {
    await admin.execute('SET mysql-max_connections=?', [777]);
    assert.deepEqual(await rows('SELECT @@mysql-max_connections'), [{ '@@mysql-max_connections': '777' }]);
    await assert.rejects(admin.execute('SET mysql-max_connections=?', ['many']), { errno: 1231 });
    await admin.execute('LOAD MYSQL USERS TO RUNTIME');
    assert.deepEqual(
      it.plane.current.users.map(({ username }) => username),
      ['ann'],
    );
    assert.deepEqual(await rows('SELECT username, frontend FROM runtime_mysql_users ORDER BY frontend DESC'), [
      { username: 'ann', frontend: '1' },
      { username: 'ann', frontend: '0' },
    ]);
    assert.deepEqual(await rows("SHOW TABLES LIKE 'mysql_users'"), [{ tables: 'mysql_users' }]);
    assert.deepEqual(await rows('SELECT GLOBAL_CHECKSUM()').then((all) => (all as unknown[]).length), 1);
  });

  test('read long tables, NULL included, as they read short ones', async () => {
    const some =
      'SELECT variable_name, NULL AS no_value, LENGTH(variable_value) AS l FROM global_variables WHERE variable_name LIKE ?';
    const here = await rows(`${some} ORDER BY 1`, ['mysql-c%']);
    const elsewhere = await rows(`${some} AND replace(?, 'x', 'y') = 'y' ORDER BY 1`, ['mysql-c%', 'x']);
    assert.deepEqual(elsewhere, here);
    assert.ok((here as unknown[]).length > 3);
  });

  test('that are no SQL are refused when they are prepared', async () => {
    await assert.rejects(admin.prepare('SELEC 1'), { errno: 1045, message: /near "SELEC": syntax error/ });
    await assert.rejects(admin.execute('SELECT * FROM nosuch WHERE a=?', [1]), { message: /no such table: nosuch/ });
    await assert.rejects(admin.execute('INSERT INTO mysql_users (username, active) VALUES (?, ?)', ['x', 7]), {
      message: /CHECK constraint failed/,
    });
  });

  test('keep to the rights of the account', async () => {
    const stats = await mysql.createConnection({ host: '127.0.0.1', port: it.port, user: 'stats', password: 'stats' });
    assert.equal(
      ((await rows('SELECT * FROM stats_mysql_global WHERE Variable_Name=?', ['Questions'], stats)) as unknown[])
        .length,
      1,
    );
    await assert.rejects(stats.execute('SELECT * FROM mysql_users WHERE username=?', ['ann']), { errno: 1045 });
    await assert.rejects(stats.execute('DELETE FROM stats_mysql_global WHERE Variable_Name=?', ['x']), {
      message: /readonly database/,
    });
    await stats.end();
  });

  test('an account can be changed on an open connection, and a wrong password ends it', async () => {
    const client = await mysql.createConnection({ host: '127.0.0.1', port: it.port, user: 'stats', password: 'stats' });
    await assert.rejects(client.query('SELECT * FROM mysql_users'));
    await client.changeUser({ user: 'admin', password: 'admin' });
    assert.deepEqual(await rows('SELECT username FROM mysql_users WHERE username=?', ['ann'], client), [
      { username: 'ann' },
    ]);
    await assert.rejects(client.changeUser({ user: 'admin', password: 'wrong' }), { errno: 1045 });
    client.destroy();
  });
});
