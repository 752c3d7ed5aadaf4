import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classify } from '../../../src/sql/classify.ts';

function isPure(sql: string): boolean {
  const text = Buffer.from(sql);
  return classify(text, 0, text.length).pureRead;
}

describe('what only reads', () => {
  for (const sql of [
    'SELECT 1',
    'SELECT c FROM sbtest1 WHERE id=5',
    'SELECT a.b, COUNT(*) FROM t WHERE x IN (1,2,3) GROUP BY y ORDER BY (z) LIMIT 5',
    'SELECT * FROM (SELECT 1) a',
    'SELECT a, b, c, d, e, f, g, h, i, j, k, l, m + abs(1) FROM x WHERE z = (3)',
    '(SELECT 1) UNION (SELECT 2)',
    'WITH a AS (SELECT 1) SELECT * FROM a',
    "SELECT 'INTO f(1) @a'",
    'SELECT x AS f, (1)',
  ])
    it(`is ${sql}`, () => assert.equal(isPure(sql), true));

  for (const [what, sql] of [
    ['a stored function', 'SELECT f(1)'],
    ['one with blanks', 'SELECT f (1)'],
    ['one behind a comment', 'SELECT f/**/(1)'],
    ['one behind a line comment', 'SELECT f -- y\n (1)'],
    ['one in an executable comment', 'SELECT /*!50000 f*/(1)'],
    ['one of a schema', 'SELECT a.abs(1)'],
    ['one of a schema, spread out', 'SELECT a . abs (1)'],
    ['one of a schema, with comments', 'SELECT a /*x*/ . /*y*/ abs(1)'],
    ['a quoted one', 'SELECT `abs`(1)'],
    ['one far behind', 'SELECT a, b, c, d, e, f, g, h, i, j, k, l, m + foo(1) FROM x'],
    ['a function that waits', 'SELECT SLEEP(1)'],
    ['a function that locks', "SELECT GET_LOCK('a', 1)"],
    ['a user variable', 'SELECT @a'],
    ['a system variable', 'SELECT @@sql_mode'],
    ['a read that locks', 'SELECT c FROM t FOR UPDATE'],
    ['another that locks', 'SELECT c FROM t LOCK IN SHARE MODE'],
    ['one that writes a file', "SELECT c INTO OUTFILE 'f' FROM t"],
    ['the last insert id', 'SELECT LAST_INSERT_ID()'],
    ['the rows found', 'SELECT SQL_CALC_FOUND_ROWS c FROM t'],
    ['several statements', 'SELECT 1; SELECT 2'],
    ['a write', 'INSERT INTO t VALUES (1)'],
    ['what is no SELECT', 'SHOW TABLES'],
  ] as const)
    it(`is not ${what}`, () => assert.equal(isPure(sql), false));
});
