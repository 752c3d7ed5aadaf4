import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { MysqlError } from '../../../src/embedded/mysql-errors.ts';
import type { Outcome } from '../../../src/embedded/outcome.ts';
import type { Scalar } from '../../../src/embedded/session-variables.ts';
import { type EngineOptions, StatementEngine } from '../../../src/embedded/statement-engine.ts';
import { Storage } from '../../../src/embedded/storage.ts';
import { ColumnType } from '../../../src/protocol/column-types.ts';

let storage: Storage;
let engines: StatementEngine[];
let nowMs: number;

/** The clock stands still except where a statement waits, which takes no real time. */
function newEngine(options: Partial<EngineOptions> & { readOnly?: boolean } = {}): StatementEngine {
  const engine = new StatementEngine({
    storage,
    identity: { name: 'primary', serverVersion: '8.0.36', port: 3306, readOnly: options.readOnly ?? false },
    user: 'dev',
    connectionId: 7,
    schema: 'clinic',
    processes: () => [],
    kill: (id) => id === 8,
    nowMs: () => nowMs,
    delay: async (ms, signal) => {
      nowMs += ms;
      await delay(0, undefined, { signal });
    },
    ...options,
  });
  engines.push(engine);
  return engine;
}

beforeEach(async () => {
  nowMs = Date.UTC(2026, 0, 31, 12, 34, 56);
  engines = [];
  storage = new Storage({ clinic: 'memory', archive: 'memory' });
  const engine = newEngine();
  await engine.execute(
    'CREATE TABLE patients (id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL UNIQUE, weight DOUBLE, photo BLOB) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4',
  );
  await engine.execute(`INSERT INTO patients (id, name, weight) VALUES (1, "Ada", 61.5), (2, 'Bo''b', NULL)`);
});
afterEach(() => {
  for (const engine of engines) engine.close();
  storage.close();
});

async function rowsOf(sql: string, parameters: readonly Scalar[] = [], engine = newEngine()): Promise<Scalar[][]> {
  const outcome = await engine.execute(sql, parameters);
  assert.equal(outcome.kind, 'rows');
  return [...(outcome as Extract<Outcome, { kind: 'rows' }>).rows].map((row) =>
    row.map((value) => (typeof value === 'bigint' ? Number(value) : value)),
  );
}

async function columnsOf(sql: string) {
  const outcome = await newEngine().execute(sql);
  assert.equal(outcome.kind, 'rows');
  const { columns, rows } = outcome as Extract<Outcome, { kind: 'rows' }>;
  assert.ok([...rows].length >= 0);
  return columns;
}

async function errorOf(sql: string, engine = newEngine()): Promise<MysqlError> {
  const error: unknown = await engine.execute(sql).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof MysqlError, `${sql}: ${String(error)}`);
  return error;
}

describe('MySQL texts that SQLite would not take', () => {
  const cases: readonly (readonly [sql: string, rows: Scalar[][]])[] = [
    [`SELECT "it's", 'say ''hi''', 'a\\'b', "q""q"`, [["it's", "say 'hi'", "a'b", 'q"q']]],
    [`SELECT 'tab\\there', 'nul\\0x'`, [['tab\there', 'nul\0x']]],
    ['SELECT `name` FROM `clinic`.`patients` WHERE id = 1', [['Ada']]],
    ['SELECT name FROM clinic.patients p WHERE p.id = 1 FOR UPDATE', [['Ada']]],
    ['SELECT SQL_NO_CACHE 1 FROM DUAL', [[1]]],
    ['SELECT 1 # comment\n+ 1 -- comment\n', [[2]]],
    ['SELECT 1 /*!40101 + 1 */ /* + 5 */', [[2]]],
    ['SELECT 7 DIV 2, 7 / 2, 1 <=> NULL, 1 && 0, 0 || 1', [[3, 3.5, 0, 0, 1]]],
    ["SELECT CONCAT('a', NULL), CONCAT('a', 1), IFNULL(NULL, 'x'), IF(1 > 2, 'y', 'n')", [[null, 'a1', 'x', 'n']]],
    [
      "SELECT LEFT('abc', 2), RIGHT('abc', 2), LPAD('7', 3, '0'), REPEAT('*', 3), REVERSE('abc')",
      [['ab', 'bc', '007', '***', 'cba']],
    ],
    ["SELECT CHAR_LENGTH('é'), LENGTH('é'), UCASE('a'), LOCATE('c', 'abc')", [[1, 2, 'A', 3]]],
    ["SELECT CAST('12' AS SIGNED), CAST(5 AS CHAR), _utf8mb4'x'", [[12, '5', 'x']]],
    ["SELECT 'A' = 'a' COLLATE utf8mb4_general_ci", [[1]]],
    ['SELECT id FROM patients ORDER BY id LIMIT 1, 5', [[2]]],
    [
      'SELECT id, TRUNCATE(1.79, 1) FROM patients ORDER BY id DESC',
      [
        [2, 1.7],
        [1, 1.7],
      ],
    ],
    ['SELECT NOW(), CURDATE(), CURRENT_TIMESTAMP', [['2026-01-31 12:34:56', '2026-01-31', '2026-01-31 12:34:56']]],
    [
      'SELECT VERSION(), DATABASE(), SCHEMA(), USER(), CONNECTION_ID()',
      [['8.0.36', 'clinic', 'clinic', 'dev@localhost', 7]],
    ],
    ["SELECT GROUP_CONCAT(name SEPARATOR '; ') FROM patients", [["Ada; Bo'b"]]],
  ];
  for (const [sql, rows] of cases) {
    it(sql.replaceAll('\n', ' '), async () => assert.deepEqual(await rowsOf(sql), rows));
  }

  it('are named as MySQL names their columns', async () => {
    const columns = await columnsOf(
      `SELECT "text", @@hostname, @@SESSION.sql_mode, NOW(), 7/2, name AS n FROM patients`,
    );
    const names = columns.map((column) => column.name);
    assert.deepEqual(names, ['text', '@@hostname', '@@SESSION.sql_mode', 'NOW()', '7/2', 'n']);
  });

  it('are understood according to sql_mode', async () => {
    const engine = newEngine();
    await engine.execute("SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'");
    assert.deepEqual(await rowsOf(`SELECT "name", 'a\\' FROM patients WHERE id = 1`, [], engine), [['Ada', 'a\\']]);
  });
});

describe('columns', () => {
  it('have the type of their table, with its name', async () => {
    const [id, name, weight, photo] = await columnsOf('SELECT id, name AS n, weight, photo FROM patients p');
    assert.deepEqual(id, { name: 'id', type: ColumnType.LONGLONG, schema: 'clinic', table: 'patients', orgName: 'id' });
    assert.deepEqual([name?.type, name?.name, name?.orgName], [ColumnType.VAR_STRING, 'n', 'name']);
    assert.equal(weight?.type, ColumnType.DOUBLE);
    assert.equal(photo?.type, ColumnType.BLOB);
  });

  it('of expressions have the type of their values', async () => {
    const columns = await columnsOf("SELECT 1, 1.5, 'x', NULL, X'00', COUNT(*) FROM patients");
    const { LONGLONG, DOUBLE, VAR_STRING, BLOB } = ColumnType;
    assert.deepEqual(
      columns.map((column) => column.type),
      [LONGLONG, DOUBLE, VAR_STRING, VAR_STRING, BLOB, LONGLONG],
    );
  });

  it('of many rows arrive row by row, and may be given up', async () => {
    const engine = newEngine();
    const sql = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n';
    const outcome = await engine.execute(sql);
    assert.equal(outcome.kind, 'rows');
    for (const row of (outcome as Extract<Outcome, { kind: 'rows' }>).rows) {
      if (row[0] === 1_000n) break;
    }
    assert.deepEqual(await rowsOf('SELECT 1', [], engine), [[1]]);
  });
});

describe('writing', () => {
  it('says how many rows and which id', async () => {
    const engine = newEngine();
    const inserted = await engine.execute("INSERT INTO patients (name) VALUES ('Cy')");
    assert.deepEqual(inserted, { kind: 'done', affectedRows: 1, lastInsertId: 3n, info: '' });
    assert.deepEqual(await rowsOf('SELECT LAST_INSERT_ID()', [], engine), [[3]]);
    const updated = await engine.execute('UPDATE patients SET weight = 70 WHERE id > 1');
    assert.deepEqual(
      [updated.kind, (updated as { info: string }).info],
      ['done', 'Rows matched: 2  Changed: 2  Warnings: 0'],
    );
    assert.deepEqual(await rowsOf('SELECT ROW_COUNT()', [], engine), [[2]]);
  });

  it('is refused by a replica, reading is not', async () => {
    const replica = newEngine({ readOnly: true });
    for (const sql of [
      "INSERT INTO patients (name) VALUES ('x')",
      'DELETE FROM patients',
      'DROP TABLE patients',
      'CREATE TABLE t (a INT)',
    ]) {
      assert.equal((await errorOf(sql, replica)).code, 1290);
    }
    assert.deepEqual(await rowsOf('SELECT COUNT(*) FROM patients', [], replica), [[2]]);
    assert.deepEqual(await rowsOf('SELECT @@read_only, @@hostname', [], replica), [[1, 'primary']]);
  });

  it('creates tables in the current schema', async () => {
    const engine = newEngine({ schema: 'archive' });
    await engine.execute('CREATE TABLE IF NOT EXISTS notes (text VARCHAR(10))');
    await engine.execute('CREATE INDEX notes_text ON notes (text)');
    await engine.execute("INSERT INTO archive.notes VALUES ('x')");
    assert.deepEqual(await rowsOf('SELECT text FROM archive.notes'), [['x']]);
    assert.deepEqual(await rowsOf('SHOW TABLES FROM archive'), [['notes']]);
    await engine.execute('TRUNCATE TABLE notes');
    assert.deepEqual(await rowsOf('SELECT COUNT(*) FROM archive.notes'), [[0]]);
  });
});

describe('transactions', () => {
  it('are real, and each client has its own', async () => {
    const writer = newEngine();
    await writer.execute('START TRANSACTION');
    assert.equal(writer.inTransaction, true);
    await writer.execute('DELETE FROM patients');
    assert.deepEqual(await rowsOf('SELECT COUNT(*) FROM patients'), [[2]]);
    await writer.execute('ROLLBACK');
    assert.equal(writer.inTransaction, false);
    await writer.execute('BEGIN');
    await writer.execute('DELETE FROM patients WHERE id = 2');
    await writer.execute('COMMIT');
    assert.deepEqual(await rowsOf('SELECT COUNT(*) FROM patients'), [[1]]);
  });

  it('begin by themselves without autocommit', async () => {
    const writer = newEngine();
    await writer.execute('SET autocommit = 0');
    await writer.execute('DELETE FROM patients');
    assert.equal(writer.inTransaction, true);
    await writer.execute('SET autocommit = ON');
    assert.equal(writer.inTransaction, false);
    assert.deepEqual(await rowsOf('SELECT COUNT(*) FROM patients'), [[0]]);
  });

  it('have savepoints', async () => {
    const writer = newEngine();
    await writer.execute('SAVEPOINT outside');
    assert.equal(writer.inTransaction, false);
    await writer.execute('BEGIN');
    await writer.execute('SAVEPOINT a');
    await writer.execute('DELETE FROM patients');
    await writer.execute('ROLLBACK TO SAVEPOINT a');
    await writer.execute('RELEASE SAVEPOINT a');
    await writer.execute('COMMIT');
    assert.deepEqual(await rowsOf('SELECT COUNT(*) FROM patients'), [[2]]);
  });

  it("wait for another client's lock, and give up in the end", async () => {
    const holder = newEngine();
    await holder.execute('BEGIN');
    await holder.execute('DELETE FROM patients WHERE id = 1');
    assert.equal((await errorOf('DELETE FROM patients')).code, 1205);
    const waiting = newEngine().execute('DELETE FROM patients');
    await holder.execute('ROLLBACK');
    assert.deepEqual(await waiting, { kind: 'done', affectedRows: 2, lastInsertId: 0, info: '' });
  });
});

describe('errors', () => {
  const cases: readonly (readonly [sql: string, code: number, sqlState: string, message: RegExp])[] = [
    ['SELECT * FROM nowhere', 1146, '42S02', /^Table 'clinic\.nowhere' doesn't exist$/],
    ['SELECT nope FROM patients', 1054, '42S22', /^Unknown column 'nope'/],
    ["INSERT INTO patients (id, name) VALUES (1, 'x')", 1062, '23000', /^Duplicate entry for key 'patients\.id'$/],
    ['INSERT INTO patients (id, name) VALUES (9, NULL)', 1048, '23000', /^Column 'name' cannot be null$/],
    ['INSERT INTO patients VALUES (1)', 1136, '21S01', /Column count/],
    ['SELEC 1', 1235, '42000', /SELEC/],
    ['SELECT FROM WHERE', 1064, '42000', /near 'FROM'/],
    ["SELECT 'open", 1064, '42000', /syntax/],
    ['SELECT 1; SELECT 2', 1064, '42000', /syntax/],
    ['', 1065, '42000', /empty/],
    ['SELECT nofunction(1)', 1305, '42000', /FUNCTION clinic\.nofunction does not exist/],
    ['SELECT @@nope', 1193, 'HY000', /nope/],
    ['USE nowhere', 1049, '42000', /nowhere/],
    ['CREATE TABLE patients (a INT)', 1050, '42S01', /'patients' already exists/],
    ['KILL 99', 1094, 'HY000', /99/],
    ["ATTACH DATABASE '/etc/passwd' AS x", 1235, '42000', /ATTACH/],
    ['PRAGMA journal_mode', 1235, '42000', /PRAGMA/],
    ["SELECT REPEAT('x', 100000000)", 1105, 'HY000', /too long/],
  ];
  for (const [sql, code, sqlState, message] of cases) {
    it(`${sql || 'nothing'} is ${code}`, async () => {
      const error = await errorOf(sql);
      assert.deepEqual([error.code, error.sqlState], [code, sqlState], error.message);
      assert.match(error.message, message);
    });
  }

  it('can be asked for again', async () => {
    const engine = newEngine();
    await errorOf('SELECT * FROM nowhere', engine);
    const warnings = await rowsOf('SHOW WARNINGS', [], engine);
    assert.deepEqual(warnings, [['Error', 1146, "Table 'clinic.nowhere' doesn't exist"]]);
  });
});

describe('SHOW and DESCRIBE', () => {
  const cases: readonly (readonly [sql: string, rows: Scalar[][]])[] = [
    ['SHOW DATABASES', [['clinic'], ['archive']]],
    ["SHOW DATABASES LIKE 'cl%'", [['clinic']]],
    ['SHOW TABLES', [['patients']]],
    ['show full tables', [['patients']]],
    ["SHOW VARIABLES LIKE 'sql_mode'", [['sql_mode', 'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES']]],
    ["SHOW SESSION VARIABLES WHERE Variable_name = 'autocommit'", [['autocommit', 'ON']]],
    ['SHOW COLUMNS FROM patients LIKE "weight"', [['weight', 'double', 'YES', '', null, '']]],
    ['SHOW WARNINGS', []],
  ];
  for (const [sql, rows] of cases) {
    it(sql, async () => assert.deepEqual(await rowsOf(sql), rows));
  }

  it('describe a table in every spelling', async () => {
    const described = await rowsOf('DESCRIBE patients');
    assert.deepEqual(described[0], ['id', 'integer', 'NO', 'PRI', null, '']);
    for (const sql of ['DESC clinic.patients', 'EXPLAIN patients', 'SHOW FIELDS FROM clinic.patients']) {
      assert.deepEqual(await rowsOf(sql), described, sql);
    }
    assert.equal((await rowsOf('SHOW FULL COLUMNS FROM patients'))[0]?.length, 9);
  });

  it('give the CREATE TABLE', async () => {
    const [[name, sql] = []] = await rowsOf('SHOW CREATE TABLE patients');
    assert.equal(name, 'patients');
    assert.match(String(sql), /^CREATE TABLE .*patients/);
  });
});

describe('variables', () => {
  it('are remembered', async () => {
    const engine = newEngine();
    await engine.execute(
      "SET NAMES utf8mb4 COLLATE utf8mb4_bin, time_zone = '+02:00', @a = 1 + 1, @@session.wait_timeout := 5",
    );
    await engine.execute('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    const sql = 'SELECT @@collation_connection, @@time_zone, @a, @@wait_timeout, @@transaction_isolation, @unset';
    assert.deepEqual(await rowsOf(sql, [], engine), [['utf8mb4_bin', '+02:00', 2, 5, 'READ-COMMITTED', null]]);
    engine.reset();
    assert.deepEqual(await rowsOf('SELECT @@time_zone, @a', [], engine), [['SYSTEM', null]]);
  });
});

describe('prepared statements', () => {
  it('take parameters', async () => {
    assert.deepEqual(await rowsOf('SELECT name FROM patients WHERE id = ? AND name <> ?', [1n, 'x']), [['Ada']]);
  });

  it('are described before they run', () => {
    const description = newEngine().describe("SELECT id, '?' FROM patients WHERE id = ?");
    assert.equal(description.parameterCount, 1);
    assert.equal(description.columns.length, 2);
    assert.equal(newEngine().describe('SET autocommit = 1').columns.length, 0);
  });
});

describe('SLEEP', () => {
  it('waits and answers 0', async () => {
    assert.deepEqual(await rowsOf('SELECT SLEEP(0.5)'), [[0]]);
  });

  it('is interrupted by KILL QUERY', async () => {
    const engine = newEngine({ delay: (ms, signal) => delay(ms, undefined, { signal }) });
    const sleeping = errorOf('SELECT SLEEP(3000)', engine);
    engine.interrupt();
    assert.equal((await sleeping).code, 1317);
  });
});
