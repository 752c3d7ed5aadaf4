/** The databases of the admin plane: schema, SQL as ProxySQL's SQLite understands it, values as texts. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { realText } from '../../../admin/db/cell-text.ts';
import { executeSql, SqlRefused, type SqlResult } from '../../../admin/db/execute.ts';
import { type AdminDatabase, openAdminDatabase } from '../../../admin/db/open.ts';
import { laidOut, parseSchema, readSchemaFile } from '../../../admin/db/schema.ts';
import { namesIn, splitStatements, tokenize } from '../../../admin/db/sql-tokens.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'sluice-admin-db-'));
let db: AdminDatabase;
const run = (sql: string): SqlResult => executeSql(db.handle, sql);
const rows = (sql: string): readonly (readonly unknown[])[] => {
  const result = run(sql);
  assert.equal(result.kind, 'rows');
  return result.kind === 'rows' ? result.rows : [];
};
const columns = (sql: string): readonly string[] => {
  const result = run(sql);
  return result.kind === 'rows' ? result.columns : [];
};
const refusal = (sql: string): string => {
  try {
    run(sql);
  } catch (error) {
    assert.ok(error instanceof SqlRefused, String(error));
    return error.message;
  }
  return 'not refused';
};

before(() => {
  db = openAdminDatabase({ dataDir, initial: false });
});
after(() => {
  db.close();
  rmSync(dataDir, { recursive: true });
});
beforeEach(() => {
  db.handle.exec('DELETE FROM mysql_users; DELETE FROM disk.mysql_users; DELETE FROM mysql_servers');
});

describe('the schema', () => {
  test('puts each table into its schemas and makes the twins', () => {
    const names = parseSchema(readSchemaFile()).map(({ schema, name }) => `${schema}.${name}`);
    for (const name of ['main.mysql_users', 'disk.mysql_users', 'main.runtime_mysql_users', 'disk.global_settings'])
      assert.ok(names.includes(name), name);
    for (const name of ['stats.stats_mysql_query_digest_reset', 'stats_history.mysql_connections_day'])
      assert.ok(names.includes(name), name);
    assert.ok(!names.includes('main.global_settings'));
    assert.ok(!names.includes('main.runtime_mysql_collations'));
    assert.equal(new Set(names).size, names.length, 'no object twice');
  });

  test('shows a table as schema.sql lays it out', () => {
    const stored = rows("SELECT sql FROM sqlite_master WHERE name='coredump_filters'")[0]?.[0];
    assert.equal(
      stored,
      'CREATE TABLE coredump_filters (filename VARCHAR NOT NULL , line INT NOT NULL , PRIMARY KEY (filename, line) )',
    );
    assert.ok(readSchemaFile().includes(laidOut('coredump_filters', String(stored))));
  });

  test('attaches the databases in the order of ProxySQL', () => {
    assert.deepEqual(
      rows('PRAGMA database_list').map(([seq, name]) => [seq, name]),
      [
        ['0', 'main'],
        ['2', 'disk'],
        ['3', 'stats'],
        ['4', 'monitor'],
        ['5', 'stats_history'],
      ],
    );
  });

  test('keeps what is on disk when it is opened again, unless it is to begin anew', () => {
    const folder = mkdtempSync(join(dataDir, 'again-'));
    const first = openAdminDatabase({ dataDir: folder, initial: false });
    assert.equal(first.diskWasCreated, true);
    executeSql(first.handle, "INSERT INTO disk.mysql_users (username) VALUES ('kept')");
    first.close();
    const second = openAdminDatabase({ dataDir: folder, initial: false });
    assert.equal(second.diskWasCreated, false);
    assert.deepEqual(second.handle.prepare('SELECT username FROM disk.mysql_users').pluck().all(), ['kept']);
    second.close();
    const third = openAdminDatabase({ dataDir: folder, initial: true });
    assert.equal(third.diskWasCreated, true);
    assert.deepEqual(third.handle.prepare('SELECT username FROM disk.mysql_users').all(), []);
    third.close();
  });
});

describe('double-quoted words', () => {
  const insert = 'INSERT INTO mysql_users (username, password, comment) VALUES';

  test('are strings in VALUES, in every row, with quotes inside', () => {
    run(`${insert} ("app","secret","it's ""quoted"""),("b","se""cret","")`);
    assert.deepEqual(rows('SELECT username, password, comment FROM mysql_users ORDER BY 1'), [
      ['app', 'secret', 'it\'s "quoted"'],
      ['b', 'se"cret', ''],
    ]);
  });

  test('are columns where they resolve', () => {
    run(`${insert} ('a','p','x'),('password','q','y')`);
    assert.deepEqual(rows('SELECT "username" FROM mysql_users WHERE "comment"=\'x\''), [['a']]);
    assert.deepEqual(rows('SELECT username FROM mysql_users WHERE username="a"'), [['a']]);
    assert.deepEqual(
      rows('SELECT username FROM mysql_users WHERE username="password"'),
      [],
      'as in ProxySQL: a column',
    );
  });

  const cases: readonly [title: string, sql: string, expected: unknown][] = [
    ['the right side of =', 'SELECT username FROM mysql_users WHERE username="u1"', [['u1']]],
    ['IN', 'SELECT username FROM mysql_users WHERE username IN ("u1","zz")', [['u1']]],
    ['LIKE', 'SELECT username FROM mysql_users WHERE username LIKE "u%" ORDER BY 1', [['u1'], ['u2']]],
    ['a function', 'SELECT IFNULL(default_schema,"none") FROM mysql_users WHERE username="u1"', [['none']]],
    [
      'a join',
      'SELECT a."username" FROM mysql_users a JOIN mysql_users b USING ("username") WHERE b.username="u2"',
      [['u2']],
    ],
    ['a quoted table', 'SELECT COUNT(*) FROM "main"."mysql_users" WHERE "active" = "1"', [['2']]],
    ['an alias', 'SELECT "zz" AS "k" FROM mysql_users WHERE username="u1" ORDER BY "k"', [['zz']]],
    [
      'UNION over a table without the column',
      'SELECT "username" FROM mysql_servers UNION SELECT "username" FROM mysql_users WHERE username="u2"',
      [['u2'], ['username']],
    ],
    ['a sub-query', 'SELECT username FROM mysql_users WHERE comment IN (SELECT "c1") AND "username" <> "c1"', [['u1']]],
    [
      'CASE',
      'SELECT CASE WHEN username="u1" THEN "one" ELSE "other" END FROM mysql_users ORDER BY username',
      [['one'], ['other']],
    ],
    ['comments in between', 'SELECT username FROM mysql_users WHERE username /* "u2" */ = -- "x"\n "u1"', [['u1']]],
  ];
  for (const [title, sql, expected] of cases) {
    test(`are told apart: ${title}`, () => {
      run(`${insert} ('u1','p','c1'),('u2','q','c2')`);
      run("INSERT INTO mysql_servers (hostname) VALUES ('h')");
      assert.deepEqual(rows(sql), expected);
    });
  }

  test('work in UPDATE, DELETE, ON CONFLICT and INSERT … SELECT', () => {
    run(`${insert} ("u1","p","c1")`);
    run('UPDATE mysql_users SET comment="new" WHERE username="u1"');
    assert.deepEqual(rows('SELECT comment FROM mysql_users'), [['new']]);
    run(`${insert} ("u1","p","comment") ON CONFLICT("username","backend") DO UPDATE SET comment="comment" || "!"`);
    assert.deepEqual(rows('SELECT comment FROM mysql_users'), [['new!']], 'the second "comment" is the column');
    run('INSERT INTO mysql_users ("username", password) SELECT "x" || username, "pw" FROM mysql_users');
    assert.deepEqual(rows('SELECT username, password FROM mysql_users WHERE username="xu1"'), [['xu1', 'pw']]);
    run('DELETE FROM mysql_users WHERE username IN ("u1", "xu1")');
    assert.deepEqual(rows('SELECT COUNT(*) FROM mysql_users'), [['0']]);
  });

  test('work in DEFAULT and CHECK of a new table', () => {
    run('CREATE TABLE dq (a VARCHAR DEFAULT "dflt", b VARCHAR CHECK (b IN ("x","y")))');
    run('INSERT INTO dq (b) VALUES ("x")');
    assert.deepEqual(rows('SELECT a, b FROM dq'), [['dflt', 'x']]);
    assert.match(refusal('INSERT INTO dq (b) VALUES ("z")'), /^CHECK constraint failed/);
    run('DROP TABLE dq');
  });

  test('name a column as it was written', () => {
    assert.deepEqual(columns('SELECT "nosuchcol", "a""b", 1 AS "c d"'), ['"nosuchcol"', '"a""b"', 'c d']);
  });

  test('never turn a wrong identifier into a string', () => {
    assert.equal(refusal('SELECT abc FROM mysql_users'), 'no such column: abc');
    assert.equal(refusal('SELECT u."abc" FROM mysql_users u'), 'no such column: u.abc');
    assert.equal(refusal('SELECT "unterminated'), 'unrecognized token: ""unterminated"');
  });

  test('in thousands of rows cost no more than a moment', () => {
    const values = Array.from({ length: 5000 }, (_, i) => `("user${i}","password${i}","c")`);
    const started = performance.now();
    run(`${insert} ${values.join(',')}`);
    assert.deepEqual(rows('SELECT COUNT(*) FROM mysql_users'), [['5000']]);
    assert.ok(performance.now() - started < 3000);
  });
});

describe('answers', () => {
  test('values are the texts SQLite makes of them', () => {
    const sql = "SELECT 9223372036854775807, 1.10, 1e10, 0.1+0.2, 9223372036854775808, 1e400, NULL, x'00ff41'";
    const blob = Buffer.from([0, 255, 65]);
    assert.deepEqual(rows(sql), [
      ['9223372036854775807', '1.1', '10000000000.0', '0.3', '9.22337203685478e+18', 'Inf', null, blob],
    ]);
  });

  test('real numbers look as printf("%!.15g") prints them', () => {
    for (const value of [0.5, -1, 1e20, 0.0001, 0.00001, 1.5e-10, 123456789012345, 1e15, 1e100, 0, 1 / 3, -2.5e-7]) {
      assert.equal(realText(value), db.handle.prepare('SELECT printf(?, ?)').pluck().get('%!.15g', value));
    }
  });

  test('counts are those of the last change, also after DDL', () => {
    assert.deepEqual(run("INSERT INTO mysql_users (username) VALUES ('a'),('b')"), { kind: 'count', affectedRows: 2 });
    assert.deepEqual(run('CREATE TABLE cnt (a)'), { kind: 'count', affectedRows: 2 });
    assert.deepEqual(run('DROP TABLE cnt'), { kind: 'count', affectedRows: 2 });
    assert.deepEqual(run("UPDATE mysql_users SET active=0 WHERE username='zz'"), { kind: 'count', affectedRows: 0 });
  });

  test('a text without a statement is no error to SQLite', () => {
    for (const sql of ['', '  ', '-- only', '/* only */']) assert.equal(refusal(sql), 'not an error');
  });

  test('parameters nobody binds are NULL', () => {
    assert.deepEqual(rows('SELECT :a, ?, @b'), [[null, null, null]]);
    assert.deepEqual(rows('SELECT \'a:b\', "c?d"'), [['a:b', 'c?d']]);
  });

  test('writes are refused when it is read-only, and only then', () => {
    const readOnly = { readOnly: true };
    const write = (): SqlResult => executeSql(db.handle, 'DELETE FROM mysql_users', readOnly);
    assert.throws(write, /attempt to write a readonly database/);
    assert.equal(executeSql(db.handle, 'SELECT 1', readOnly).kind, 'rows');
    assert.equal(run('DELETE FROM mysql_users').kind, 'count');
  });

  test('no transaction stays open behind a statement', () => {
    for (const sql of ['/* c */ BEGIN', 'SAVEPOINT s1', 'RELEASE s1']) {
      run(sql);
      assert.equal(db.handle.inTransaction, false, sql);
    }
    assert.equal(refusal('END'), 'cannot commit - no transaction is active');
  });
});

describe('functions of ProxySQL', () => {
  const value = (expression: string): unknown => rows(`SELECT ${expression}`)[0]?.[0];

  test('hash passwords', () => {
    assert.equal(value("MYSQL_NATIVE_PASSWORD('a')"), '*667F407DE7C6AD07358FA38DAED7828A72014B4E');
    // Recorded from ProxySQL 2.7.1.
    assert.equal(
      value("CACHING_SHA2_PASSWORD('a','12345678901234567890')"),
      '$A$005$12345678901234567890sehTBQa8MnCBCUuIRu3fYa8gbS2EUEKkenGwRZiUHM/',
    );
    assert.match(String(value('caching_sha2_password("secret")')), /^\$A\$005\$[\s\S]{20}[./0-9A-Za-z]{43}$/);
  });

  test('say what they cannot hash', () => {
    for (const call of ["CACHING_SHA2_PASSWORD('a','123456789012345678901')", "MYSQL_NATIVE_PASSWORD('')"])
      assert.equal(value(call), 'Invalid argument size');
    for (const call of ['CACHING_SHA2_PASSWORD(NULL)', 'MYSQL_NATIVE_PASSWORD(5)'])
      assert.equal(value(call), 'Invalid argument type');
  });

  test('turn seconds into dates', () => {
    assert.equal(value('FROM_UNIXTIME(86400)'), '1970-01-02 00:00:00');
    assert.equal(value("from_unixtime('x')"), null);
  });
});

describe('tokens', () => {
  test('cover the whole text', () => {
    const sql = `SELECT 'it''s', "a""b", \`c\`, [d e], x'00', 1.5e3, 0xFF, :p, ?1 /* c; */ -- d;\n FROM t WHERE a<>'; é £`;
    const tokens = tokenize(sql);
    assert.equal(tokens.map(({ start, end }) => sql.slice(start, end)).join(''), sql);
    assert.equal(tokens.at(-1)?.kind, 'illegal', 'an unclosed quote takes the rest');
  });

  test('split statements at semicolons that are code', () => {
    const trigger =
      'CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b=CASE 1 WHEN 1 THEN 2 END; DELETE FROM c; END';
    const cases: readonly [string, readonly string[]][] = [
      ['SELECT 1', ['SELECT 1']],
      ['SELECT 1; SELECT 2;', ['SELECT 1', ' SELECT 2']],
      [`SELECT ';', ";", \`;\` ; /* ; */ SELECT 2 -- ;`, [`SELECT ';', ";", \`;\` `, ' /* ; */ SELECT 2 -- ;']],
      [';', ['']],
      [';;SELECT 1', ['SELECT 1']],
      ['/* */;', ['']],
      [`${trigger}; SELECT 1`, [trigger, ' SELECT 1']],
    ];
    for (const [sql, expected] of cases) assert.deepEqual(splitStatements(sql), expected, sql);
  });

  test('names are found in any case and quoting, never in comments', () => {
    const names = namesIn('select * from STATS_MYSQL_USERS, stats."stats_mysql_global" -- stats_mysql_query_rules');
    assert.ok(names.has('stats_mysql_users'));
    assert.ok(names.has('stats_mysql_global'));
    assert.ok(!names.has('stats_mysql_query_rules'));
  });
});
