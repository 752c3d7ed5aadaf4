/** Databases of other versions, and files that cannot be used. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import Database from 'better-sqlite3';
import {
  type AdminDatabase,
  DatabaseUnusable,
  DISK_FILE,
  HISTORY_FILE,
  openAdminDatabase,
} from '../../../admin/db/open.ts';
import { parseSchema, readSchemaFile } from '../../../admin/db/schema.ts';

let dataDir: string;
const opened: AdminDatabase[] = [];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-migrate-'));
});
afterEach(() => {
  for (const db of opened.splice(0)) db.close();
  rmSync(dataDir, { recursive: true });
});

const diskFile = (): string => join(dataDir, DISK_FILE);
function open(): AdminDatabase {
  const db = openAdminDatabase({ dataDir, initial: false });
  opened.push(db);
  return db;
}
/** Writes a database file as another version would have. */
function write(file: string, ...statements: readonly string[]): void {
  const db = new Database(file);
  for (const sql of statements) db.exec(sql);
  db.close();
}
const rows = (db: AdminDatabase, sql: string): unknown[] => db.handle.prepare(sql).raw().all();
const copies = (): string[] =>
  readdirSync(dataDir)
    .filter((name) => name.includes('before-migration'))
    .sort();

/** Definitions of ProxySQL 1.x and early 2.x, shortened to what differs: its disk_upgrade functions know them. */
const OLD_USERS =
  'CREATE TABLE mysql_users (username VARCHAR NOT NULL , password VARCHAR , active INT CHECK (active IN (0,1)) NOT NULL DEFAULT 1 , use_ssl INT CHECK (use_ssl IN (0,1)) NOT NULL DEFAULT 0 , default_hostgroup INT NOT NULL DEFAULT 0 , default_schema VARCHAR , schema_locked INT CHECK (schema_locked IN (0,1)) NOT NULL DEFAULT 0 , transaction_persistent INT CHECK (transaction_persistent IN (0,1)) NOT NULL DEFAULT 0 , fast_forward INT CHECK (fast_forward IN (0,1)) NOT NULL DEFAULT 0 , backend INT CHECK (backend IN (0,1)) NOT NULL DEFAULT 1 , frontend INT CHECK (frontend IN (0,1)) NOT NULL DEFAULT 1 , max_connections INT CHECK (max_connections >=0) NOT NULL DEFAULT 10000 , PRIMARY KEY (username, backend) , UNIQUE (username, frontend))';
const OLD_SERVERS =
  "CREATE TABLE mysql_servers (hostgroup_id INT NOT NULL DEFAULT 0 , hostname VARCHAR NOT NULL , port INT NOT NULL DEFAULT 3306 , status VARCHAR CHECK (UPPER(status) IN ('ONLINE','SHUNNED','OFFLINE_SOFT', 'OFFLINE_HARD')) NOT NULL DEFAULT 'ONLINE' , weight INT CHECK (weight >= 0) NOT NULL DEFAULT 1 , compression INT CHECK (compression >=0 AND compression <= 102400) NOT NULL DEFAULT 0 , max_connections INT CHECK (max_connections >=0) NOT NULL DEFAULT 1000 , PRIMARY KEY (hostgroup_id, hostname, port) )";
const OLD_REPLICATION =
  'CREATE TABLE mysql_replication_hostgroups (writer_hostgroup INT CHECK (writer_hostgroup>=0) NOT NULL PRIMARY KEY , reader_hostgroup INT NOT NULL CHECK (reader_hostgroup<>writer_hostgroup AND reader_hostgroup>0) , UNIQUE (reader_hostgroup))';
const OLD_SCHEDULER =
  'CREATE TABLE scheduler (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL , interval_ms INTEGER CHECK (interval_ms>=100 AND interval_ms<=100000000) NOT NULL , filename VARCHAR NOT NULL , arg1 VARCHAR , arg2 VARCHAR , arg3 VARCHAR , arg4 VARCHAR , arg5 VARCHAR)';
const OLD_RULES =
  'CREATE TABLE mysql_query_rules (rule_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL , active INT CHECK (active IN (0,1)) NOT NULL DEFAULT 0 , username VARCHAR , schemaname VARCHAR , flagIN INT NOT NULL DEFAULT 0 , match_pattern VARCHAR , negate_match_pattern INT CHECK (negate_match_pattern IN (0,1)) NOT NULL DEFAULT 0 , flagOUT INT , replace_pattern VARCHAR , destination_hostgroup INT DEFAULT NULL , cache_ttl INT CHECK(cache_ttl > 0) , reconnect INT CHECK (reconnect IN (0,1)) DEFAULT NULL , timeout INT UNSIGNED , delay INT UNSIGNED , apply INT CHECK(apply IN (0,1)) NOT NULL DEFAULT 0)';
const OLD_RESTAPI =
  "CREATE TABLE restapi_routes (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL , active INT CHECK (active IN (0,1)) NOT NULL DEFAULT 1 , interval_ms INTEGER CHECK (interval_ms>=100 AND interval_ms<=100000000) NOT NULL , method VARCHAR NOT NULL CHECK (UPPER(method) IN ('GET','POST')) , uri VARCHAR NOT NULL , script VARCHAR NOT NULL , comment VARCHAR NOT NULL DEFAULT '')";
const VARIABLES =
  'CREATE TABLE global_variables (variable_name VARCHAR NOT NULL PRIMARY KEY , variable_value VARCHAR NOT NULL)';

describe('a proxysql.db of an older version', () => {
  test('is carried over table by table, and kept as it was', () => {
    write(
      diskFile(),
      VARIABLES,
      OLD_USERS,
      OLD_SERVERS,
      OLD_REPLICATION,
      OLD_SCHEDULER,
      OLD_RULES,
      OLD_RESTAPI,
      "INSERT INTO mysql_users (username, password, default_hostgroup) VALUES ('app', '*HASH', 7), ('b', NULL, 0)",
      "INSERT INTO mysql_servers (hostgroup_id, hostname, weight) VALUES (1, 'db1', 5)",
      'INSERT INTO mysql_replication_hostgroups VALUES (1, 2)',
      "INSERT INTO scheduler (interval_ms, filename, arg1) VALUES (1000, '/x', 'a')",
      "INSERT INTO mysql_query_rules (rule_id, active, match_pattern, destination_hostgroup, apply) VALUES (3, 1, '^SELECT', 2, 1)",
      "INSERT INTO restapi_routes (interval_ms, method, uri, script) VALUES (5000, 'GET', 'u', 's')",
      "INSERT INTO global_variables VALUES ('mysql-threads', '2')",
    );
    const db = open();
    assert.deepEqual(
      rows(db, 'SELECT username, password, default_hostgroup, attributes, comment FROM disk.mysql_users'),
      [
        ['app', '*HASH', 7, '', ''],
        ['b', null, 0, '', ''],
      ],
    );
    assert.deepEqual(
      rows(db, 'SELECT hostname, port, gtid_port, weight, max_replication_lag, comment FROM disk.mysql_servers'),
      [['db1', 3306, 0, 5, 0, '']],
    );
    assert.deepEqual(rows(db, 'SELECT * FROM disk.mysql_replication_hostgroups'), [[1, 2, 'read_only', '']]);
    assert.deepEqual(rows(db, 'SELECT id, active, interval_ms, arg1 FROM disk.scheduler'), [[1, 1, 1000, 'a']]);
    assert.deepEqual(
      rows(db, 'SELECT rule_id, match_pattern, destination_hostgroup, re_modifiers, apply FROM disk.mysql_query_rules'),
      [[3, '^SELECT', 2, 'CASELESS', 1]],
    );
    assert.deepEqual(rows(db, 'SELECT timeout_ms, uri FROM disk.restapi_routes'), [[5000, 'u']]);
    assert.deepEqual(copies(), [`${DISK_FILE}.before-migration-1`]);
    assert.equal(statSync(join(dataDir, copies()[0] ?? '')).mode & 0o777, 0o600);
    const copy = new Database(join(dataDir, copies()[0] ?? ''), { readonly: true });
    assert.equal(copy.prepare("SELECT sql FROM sqlite_master WHERE name='mysql_users'").pluck().get(), OLD_USERS);
    assert.equal(copy.prepare('SELECT COUNT(*) FROM mysql_users').pluck().get(), 2);
    copy.close();
    assert.match(
      db.notes.map(({ text }) => text).join('\n'),
      /kept as .*before-migration-1[\s\S]*table mysql_users: 2 rows/,
    );
  });

  test('is left alone the next time, and so is one of this version', () => {
    write(diskFile(), OLD_USERS);
    open().close();
    opened.pop();
    const db = open();
    assert.deepEqual(db.notes, []);
    assert.deepEqual(copies(), [`${DISK_FILE}.before-migration-1`]);
  });

  test('may have rows our checks do not take: they are named and stay in the copy', () => {
    write(
      diskFile(),
      'CREATE TABLE mysql_servers (hostgroup_id INT, hostname VARCHAR, port INT, weight INT, extra TEXT)',
      "INSERT INTO mysql_servers VALUES (1, 'good', 3306, 1, 'x'), (-5, 'bad', 3306, 1, 'x')",
    );
    const db = open();
    assert.deepEqual(rows(db, 'SELECT hostname FROM disk.mysql_servers'), [['good']]);
    const notes = db.notes.map(({ severity, text }) => `${severity} ${text}`).join('\n');
    assert.match(notes, /error table mysql_servers: 1 rows could not be carried over: CHECK constraint failed/);
    assert.match(notes, /its columns extra have no place any more/);
  });

  test('with tables nobody knows keeps them', () => {
    write(diskFile(), 'CREATE TABLE mysql_servers_v2_5_0 (a)', 'INSERT INTO mysql_servers_v2_5_0 VALUES (1)');
    const db = open();
    assert.deepEqual(rows(db, 'SELECT a FROM disk.mysql_servers_v2_5_0'), [[1]]);
    assert.deepEqual(copies(), []);
  });
});

test('what sluice writes has ProxySQL’s definitions, to the letter', () => {
  open().close();
  opened.pop();
  const disk = new Database(diskFile(), { readonly: true });
  const stored = new Map(
    disk.prepare<[], [string, string]>("SELECT name, sql FROM sqlite_master WHERE type='table'").raw().all(),
  );
  disk.close();
  for (const { schema, type, name, rest } of parseSchema(readSchemaFile())) {
    if (schema === 'disk' && type === 'table') assert.equal(stored.get(name), `CREATE TABLE ${name}${rest}`);
  }
  // As recorded from ProxySQL 2.7.1.
  assert.equal(stored.get('global_variables'), VARIABLES);
});

describe('a file that cannot be used', () => {
  const garbage = Buffer.alloc(8192, 'this is no database ');

  test('is refused as proxysql.db, and left as it is', () => {
    writeFileSync(diskFile(), garbage);
    assert.throws(
      open,
      (error: Error) =>
        error instanceof DatabaseUnusable && /file is not a database; put a copy of it back/.test(error.message),
    );
    assert.deepEqual(readFileSync(diskFile()), garbage);
  });

  test('with a hole in the middle, too', () => {
    write(
      diskFile(),
      'CREATE TABLE t (a)',
      'INSERT INTO t SELECT hex(randomblob(500)) FROM (VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10),(11),(12))',
    );
    const bytes = readFileSync(diskFile());
    bytes.fill(0xee, 4096, 8192);
    writeFileSync(diskFile(), bytes);
    assert.throws(open, DatabaseUnusable);
    assert.deepEqual(readFileSync(diskFile()), bytes);
  });

  test('does not keep sluice from starting as proxysql_stats.db, and is left as it is', () => {
    writeFileSync(join(dataDir, HISTORY_FILE), garbage);
    const db = open();
    assert.deepEqual(rows(db, 'SELECT COUNT(*) FROM stats_history.system_cpu'), [[0]]);
    assert.deepEqual(db.statsView.prepare('SELECT COUNT(*) FROM stats_history.system_cpu').raw().all(), [[0]]);
    assert.match(
      db.notes.map(({ text }) => text).join(),
      /cannot use .*proxysql_stats\.db: file is not a database; .*kept in memory/,
    );
    assert.deepEqual(readFileSync(join(dataDir, HISTORY_FILE)), garbage);
    assert.deepEqual(
      (db.handle.pragma('database_list') as { name: string }[]).map(({ name }) => name),
      ['main', 'disk', 'stats', 'monitor', 'stats_history'],
    );
  });
});
