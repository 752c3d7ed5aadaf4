/**
 * Statements a session could send, weighted to those that leave something behind on a connection. The choice is by
 * chance and by what the session did before; nothing is run here.
 */
import type { Random } from './random.ts';

/** Every session has a schema of its own with these in it. */
export const SCHEMA_SETUP: readonly string[] = [
  'CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(8) UNIQUE, n INT)',
  'CREATE TABLE u (id INT PRIMARY KEY, n TINYINT) ENGINE=MyISAM',
  'CREATE SEQUENCE s',
  'CREATE PROCEDURE results() BEGIN SELECT 1 AS a; SELECT COUNT(*) AS b FROM t; INSERT INTO t (n) VALUES (7); END',
  "CREATE PROCEDURE fails() BEGIN SELECT 1 AS a; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END",
  'CREATE PROCEDURE warns() BEGIN DECLARE x TINYINT; SET sql_mode = DEFAULT; SELECT CAST("a" AS INT); END',
  'CREATE TRIGGER counts AFTER INSERT ON u FOR EACH ROW INSERT INTO t (n) VALUES (NEW.id)',
];

export type Step =
  | { readonly kind: 'query'; readonly sql: string }
  | { readonly kind: 'init-db'; readonly schema: string }
  | { readonly kind: 'ping' | 'reset' }
  | { readonly kind: 'prepared'; readonly sql: string; readonly params: readonly string[] };

type Maker = (random: Random, mark: string) => string;

const word: Maker = (random) => `w${random.below(12)}`;

/** What needs no connection of its own afterwards. */
const STATELESS: readonly Maker[] = [
  (r, mark) => `INSERT INTO t (v, n) VALUES ('${word(r, mark)}', ${r.below(9)})`,
  (r, mark) => `INSERT INTO t (v, n) VALUES ('${word(r, mark)}', 1), ('${word(r, mark)}', 2)`,
  (r) => `INSERT INTO t (n) VALUES (${r.below(9)}), (2), (3)`,
  (r, mark) => `INSERT IGNORE INTO t (v, n) VALUES ('${word(r, mark)}', 'x'), ('longer than eight', 2)`,
  (r, mark) => `REPLACE INTO t (v, n) VALUES ('${word(r, mark)}', ${r.below(9)})`,
  (r, mark) =>
    `INSERT INTO t (v, n) VALUES ('${word(r, mark)}', 1) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id), n = n + 1`,
  (r) => `INSERT INTO u VALUES (${r.below(20)}, ${r.below(300)})`,
  (r) => `INSERT INTO u VALUES (${r.below(20)}, 1), (${r.below(20)}, 2)`,
  () => 'INSERT INTO t (n) SELECT n FROM t ORDER BY id LIMIT 2',
  (r) => `UPDATE t SET n = ${r.below(5)} WHERE id < ${r.below(40)}`,
  (r) => `UPDATE u SET n = ${r.below(400)}`,
  () => "UPDATE IGNORE t SET n = 'x' WHERE id < 3",
  (r) => `DELETE FROM t WHERE id > ${10 + r.below(30)}`,
  () => 'DELETE FROM u',
  () => 'TRUNCATE TABLE u',
  () => 'SELECT * FROM t ORDER BY id LIMIT 5',
  () => 'SELECT COUNT(*), SUM(n) FROM t',
  (_r, mark) => `SELECT '${mark}' AS mark`,
  () => 'SELECT 1/0, CAST("12x" AS INT)',
  () => 'SELECT CAST("a" AS INT), CAST("b" AS INT)',
  () => 'SELECT DATABASE()',
  () => 'SELECT @@sql_mode, @@time_zone, @@autocommit, @@tx_isolation, @@foreign_key_checks',
  () => 'SELECT @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection',
  () => 'SELECT @@sql_select_limit, @@group_concat_max_len, @@lc_time_names, @@max_statement_time',
  () => 'SELECT CURRENT_USER() LIKE "app%", @@unique_checks, @@sql_safe_updates, @@div_precision_increment',
  () => "SELECT HEX('ä'), CHARSET('a'), COLLATION('a')",
  () => "SET sql_mode = 'ANSI'",
  () => "SET sql_mode = ''",
  () => "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE'",
  () => "SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
  () => 'SET sql_mode = DEFAULT',
  () => "SET time_zone = '+03:00', foreign_key_checks = 0",
  () => 'SET foreign_key_checks = 1',
  () => 'SET NAMES latin1',
  () => 'SET NAMES utf8mb4 COLLATE utf8mb4_bin',
  () => 'SET NAMES utf8mb4',
  () => 'SET NAMES utf8',
  () => 'SET character_set_results = NULL',
  () => 'SET character_set_results = latin1',
  () => 'SET collation_connection = utf8mb4_unicode_ci',
  () => 'SET group_concat_max_len = 1000',
  () => "SET lc_time_names = 'de_DE'",
  () => 'SET sql_select_limit = 2',
  () => 'SET sql_select_limit = DEFAULT',
  () => 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  () => 'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ',
  () => "SET SESSION tx_isolation = 'SERIALIZABLE'",
  () => 'SET SESSION TRANSACTION READ ONLY',
  () => 'SET SESSION TRANSACTION READ WRITE',
  () => 'SET timestamp = 1000000000',
  () => 'SET timestamp = DEFAULT',
  () => 'SET autocommit = 1',
  () => 'COMMIT',
  () => 'ROLLBACK',
  () => 'SELEC 1',
  () => 'SELECT * FROM missing',
  () => 'SELECT "id" FROM t LIMIT 1',
  () => "SELECT 'a' || 'b'",
  () => 'DO 1',
  () => 'DO 1/0',
  () => 'EXPLAIN SELECT 1',
  () => 'DESCRIBE t',
  () => 'SHOW TABLES',
  () => 'CHECK TABLE u',
  () => 'SELECT 1; SELECT 2',
  (r) => `INSERT INTO t (n) VALUES (${r.below(9)}); SELECT LAST_INSERT_ID(), ROW_COUNT()`,
  () => 'CREATE TABLE IF NOT EXISTS t (id INT)',
  () => 'DROP TABLE IF EXISTS missing',
  () => '/* a comment */ SELECT 5',
  () => '/*!50000 SELECT 6 */',
  () => "SELECT SQL_NO_CACHE 'b' FROM DUAL",
  () => 'SELECT 1 FROM t WHERE id = 1 FOR UPDATE',
];

/** What tells of the statement before, asked right after it as clients do. */
const QUESTIONS: readonly string[] = [
  'SELECT ROW_COUNT()',
  'SELECT LAST_INSERT_ID()',
  'SHOW WARNINGS',
  'SHOW ERRORS',
  'SHOW COUNT(*) WARNINGS',
  'SELECT @@warning_count, @@error_count',
];

/** Changes of what these tell of. */
const TELLING: readonly Maker[] = [
  ...STATELESS.slice(0, 13),
  () => 'SELEC 1',
  () => 'SELECT * FROM missing',
  () => 'SELECT 1/0, CAST("12x" AS INT)',
];

/** What leaves a transaction, a lock or a thing of the session on its connection. */
const STATEFUL: readonly Maker[] = [
  () => 'BEGIN',
  () => 'START TRANSACTION',
  () => 'START TRANSACTION READ ONLY',
  () => 'START TRANSACTION WITH CONSISTENT SNAPSHOT',
  () => 'COMMIT',
  () => 'ROLLBACK',
  () => 'COMMIT AND CHAIN',
  () => 'ROLLBACK AND CHAIN',
  () => 'SAVEPOINT a',
  () => 'ROLLBACK TO SAVEPOINT a',
  () => 'RELEASE SAVEPOINT a',
  () => 'SET autocommit = 0',
  () => 'SET autocommit = 1',
  () => 'SET AUTOCOMMIT=OFF, sql_mode = ""',
  () => 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE',
  () => 'SET TRANSACTION READ ONLY',
  (_r, mark) => `SET @mark = '${mark}'`,
  () => 'SELECT @mark',
  (r) => `SELECT @n := ${r.below(100)}`,
  () => 'SELECT @n, @mark',
  () => 'SELECT id INTO @n FROM t ORDER BY id LIMIT 1',
  () => 'SELECT id INTO @n FROM t WHERE id = -1',
  () => 'CREATE TEMPORARY TABLE tmp (id INT)',
  (r) => `INSERT INTO tmp VALUES (${r.below(9)})`,
  () => 'SELECT * FROM tmp',
  () => 'DROP TEMPORARY TABLE tmp',
  () => 'CREATE TEMPORARY TABLE t (id INT)',
  () => 'DROP TEMPORARY TABLE IF EXISTS t',
  () => 'LOCK TABLES t WRITE',
  () => 'LOCK TABLES t READ, u WRITE',
  () => 'UNLOCK TABLES',
  () => "SELECT GET_LOCK(CONCAT(DATABASE(), 'a'), 0)",
  () => "SELECT RELEASE_LOCK(CONCAT(DATABASE(), 'a'))",
  () => "SELECT IS_FREE_LOCK(CONCAT(DATABASE(), 'a'))",
  () => 'SELECT RELEASE_ALL_LOCKS()',
  () => 'HANDLER t OPEN',
  () => 'HANDLER t READ FIRST',
  () => 'HANDLER t READ NEXT',
  () => 'HANDLER t CLOSE',
  () => 'SELECT SQL_CALC_FOUND_ROWS id FROM t LIMIT 1',
  () => 'SELECT SQL_CALC_FOUND_ROWS id FROM t LIMIT 1; SELECT FOUND_ROWS()',
  () => "PREPARE p FROM 'SELECT ? + 1'",
  () => "PREPARE p FROM 'INSERT INTO t (n) VALUES (3)'",
  () => 'SET @one = 1',
  () => 'EXECUTE p USING @one',
  () => 'EXECUTE p',
  () => 'DEALLOCATE PREPARE p',
  () => 'CALL results()',
  () => 'CALL fails()',
  () => 'CALL warns()',
  () => 'SELECT NEXTVAL(s)',
  () => 'SELECT LASTVAL(s)',
  () => 'SELECT PREVIOUS VALUE FOR s',
  () => 'SET max_error_count = 1',
  () => 'SET div_precision_increment = 6',
  () => 'SELECT @@max_error_count, @@div_precision_increment',
  () => "XA START 'x'",
  () => "XA END 'x'",
  () => "XA COMMIT 'x' ONE PHASE",
  () => "XA ROLLBACK 'x'",
  () => 'GET DIAGNOSTICS @c = NUMBER',
  () => 'SELECT @c',
  () => 'BEGIN NOT ATOMIC SET @mark = "block"; SELECT 1; END',
  () => 'SET @mark = 1; SELECT @mark',
  () => 'BEGIN; INSERT INTO t (n) VALUES (1); COMMIT',
  () => 'BEGIN; INSERT INTO t (n) VALUES (1)',
  () => 'DROP TABLE missing',
  () => 'CREATE OR REPLACE TABLE scratch (id INT)',
  () => 'SELECT 1; SELEC 2; SELECT 3',
  () => 'FLUSH TABLES t WITH READ LOCK',
  () => 'SET STATEMENT sql_mode = "" FOR SELECT CAST("z" AS INT)',
];

/** Prepared statements with text parameters. */
const PREPARED: readonly (readonly [string, number])[] = [
  ['SELECT ? AS a, ? AS b', 2],
  ['INSERT INTO t (v, n) VALUES (?, 1)', 1],
  ['INSERT IGNORE INTO t (v, n) VALUES (?, ?)', 2],
  ['SELECT id, v, n FROM t WHERE n = ? ORDER BY id', 1],
  ['UPDATE t SET n = n + 1 WHERE v = ?', 1],
  ['SELECT CAST(? AS INT)', 1],
  ['SELECT @@sql_mode, @@collation_connection', 0],
  ['SELECT DATABASE()', 0],
  ['COMMIT', 0],
  ['SELECT * FROM missing WHERE id = ?', 1],
];

/** Prepared statements that need a connection of their own. */
const PREPARED_STATEFUL: readonly (readonly [string, number])[] = [
  ['SET @mark = ?', 1],
  ['SELECT @mark', 0],
  ['CALL results()', 0],
  ['CREATE TEMPORARY TABLE tmp (id INT)', 0],
  ['SELECT @n := ?', 1],
  ['SET autocommit = 0', 0],
  ['SET sql_mode = ?', 1],
  ['SET NAMES latin1', 0],
  ['BEGIN', 0],
];

/** @param stateful whether the session may keep a connection; @param schemas its own */
export function nextSteps(random: Random, stateful: boolean, mark: string, schemas: readonly string[]): Step[] {
  if (!random.chance(15)) return [nextStep(random, stateful, mark, schemas)];
  return [random.pick(TELLING)(random, mark), random.pick(QUESTIONS)].map((sql) => ({ kind: 'query', sql }));
}

function nextStep(random: Random, stateful: boolean, mark: string, schemas: readonly string[]): Step {
  const special = random.below(100);
  if (special < 2) return { kind: 'ping' };
  if (special < 4) return { kind: 'init-db', schema: random.pick(schemas) };
  if (special < 6) return { kind: 'query', sql: `USE ${random.pick(schemas)}` };
  if (special < 18) {
    const [sql, count] = random.pick(stateful ? [...PREPARED, ...PREPARED_STATEFUL] : PREPARED);
    return { kind: 'prepared', sql, params: Array.from({ length: count }, () => word(random, mark)) };
  }
  const makers = stateful && random.chance(65) ? STATEFUL : STATELESS;
  return { kind: 'query', sql: random.pick(makers)(random, mark) };
}
