import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseKill, preparesKill } from '../../../src/sql/kill-parser.ts';
import { IGNORED_VARIABLES, parseSet, type SetResult, TRACKED_VARIABLES } from '../../../src/sql/set-parser.ts';
import { mayShow } from '../../../src/sql/shown-variable.ts';
import { parseUse } from '../../../src/sql/use-parser.ts';
import { readGolden } from './golden.ts';

describe('parseSet', () => {
  const cases = readGolden<SetResult>('set');
  for (const comment of new Set(cases.map((each) => each.comment))) {
    it(comment, () => {
      for (const { sql, expect } of cases.filter((each) => each.comment === comment)) {
        const result = parseSet(sql);
        if (expect.kind === 'unknown') assert.equal(result.kind, 'unknown', sql);
        else assert.deepEqual(result, expect, sql);
      }
    });
  }

  it('names no value in its reasons: it may be a password', () => {
    for (const sql of [
      "SET PASSWORD='hunter2'",
      "SET PASSWORD FOR 'a'@'b'='hunter2'",
      "SET autocommit='hunter2'",
      'SET sql_mode=hunter2 hunter2',
    ]) {
      const result = parseSet(sql);
      assert.equal(result.kind, 'unknown');
      assert.ok(!JSON.stringify(result).includes('hunter2'), JSON.stringify(result));
    }
  });

  it('tracks no variable that it also ignores', () => {
    for (const name of IGNORED_VARIABLES) assert.equal(TRACKED_VARIABLES.has(name), false);
    assert.equal(TRACKED_VARIABLES.get('sql_mode'), 'text');
    assert.equal(TRACKED_VARIABLES.size, 59);
  });
});

describe('parseUse', () => {
  it('gives the schema', () => {
    const schemas: Record<string, string> = {
      'use shop': 'shop',
      'USE `shop`': 'shop',
      'USE`shop`;': 'shop',
      'use `a``b` ; ;': 'a`b',
      "USE 'shop'": "'shop'",
      ' /* c */ use /* d */ shop /* e */': 'shop',
      'use/**/shop': 'shop',
      'use ünï': 'ünï',
    };
    for (const [sql, schema] of Object.entries(schemas)) assert.equal(parseUse(sql), schema, sql);
  });

  it('gives nothing for anything more', () => {
    for (const sql of [
      'use',
      'use ',
      'useshop',
      'use a b',
      'use a; select 1',
      'use a-- b',
      'use a #b',
      'use /*! a */',
      'use `a',
      'use a,b',
      'select 1',
    ]) {
      assert.equal(parseUse(sql), undefined, sql);
    }
  });
});

describe('parseKill', () => {
  it('gives what to kill', () => {
    assert.deepEqual(parseKill('KILL 5', 9), { target: 'connection', id: 5 });
    assert.deepEqual(parseKill('kill connection 5 ;', 9), { target: 'connection', id: 5 });
    assert.deepEqual(parseKill('/* c */ KILL\n/**/QUERY 12', 9), { target: 'query', id: 12 });
  });

  it('knows a KILL of a number in a text to be prepared', () => {
    for (const text of [
      "PREPARE s FROM 'KILL 5'",
      "prepare `s t` from _utf8 'kill query ?'",
      'EXECUTE /* c */ IMMEDIATE " /* c */ KILL CONNECTION_ID()" USING @x',
      "EXECUTE IMMEDIATE 'KILL ' '5'",
      "EXECUTE IMMEDIATE 'KILL \\'5\\''",
    ])
      assert.equal(preparesKill(text), true, text);
    for (const text of [
      "PREPARE s FROM 'SELECT 5'",
      'PREPARE s FROM @x',
      "PREPARE s FROM 'KILL USER bob'",
      "PREPARE s FROM 'KILL QUERY @id'",
      "EXECUTE s USING 'KILL 5'",
    ])
      assert.equal(preparesKill(text), false, text);
  });

  it('works out sums of numbers and CONNECTION_ID()', () => {
    for (const [sql, id] of [
      ['KILL CONNECTION_ID()', 9],
      ['kill query connection_id /**/ ( )', 9],
      ['KILL QUERY connection_id( ) + 0', 9],
      ['KILL (CONNECTION_ID()+1)', 10],
      ["KILL CONNECTION ((20) - '5' /* c */ - (1+CONNECTION_ID()));", 5],
      ["KILL '5'", 5],
      ['KILL(5)', 5],
      ['KILL HARD CONNECTION 5', 5],
      ['KILL SOFT 5', 5],
    ] as const)
      assert.deepEqual(parseKill(sql, 9), { target: /query/i.test(sql) ? 'query' : 'connection', id }, sql);
  });

  it('takes the values of parameters', () => {
    assert.deepEqual(parseKill('KILL QUERY ?', 9, [7]), { target: 'query', id: 7 });
    assert.deepEqual(parseKill('KILL CONNECTION_ID() + ? - (?)', 9, [7, 4]), { target: 'connection', id: 12 });
    for (const values of [[], [undefined], [-1]]) assert.equal(parseKill('KILL ?', 9, values), undefined);
  });

  it('leaves to a server what only a server can know', () => {
    for (const sql of [
      'KILL USER a',
      'KILL HARD QUERY USER a5@localhost',
      'KILL QUERY ID 7',
      'KILL @x',
      'KILL (SELECT id FROM information_schema.processlist WHERE time > 100)',
      'KILL (SELECT 5)',
      'KILL',
      'KILL QUERY',
      'KILL HARD',
      'KILL x',
    ])
      assert.equal(parseKill(sql, 9), 'of-a-server', sql);
  });

  it('gives nothing when it may be an id of the proxy, and a server would take it for its own', () => {
    for (const sql of [
      'KILL (5',
      'KILL 5)',
      'KILL 5 +',
      'KILL 3 - 5',
      'KILL CONNECTION_ID(1)',
      'KILL 0x10',
      'KILL "5"',
      'KILL ABS(5)',
      'KILL 5 * 1',
      `KILL ${'('.repeat(100)}5${')'.repeat(100)}`,
      'KILL CONNECTION5',
      'KILL 5 6',
      'KILL 5; KILL 6',
      'KILL -1',
    ]) {
      assert.equal(parseKill(sql, 9), undefined, sql);
    }
  });
});

describe('mayShow', () => {
  it('finds what may show the value of a variable in the session', () => {
    for (const [sql, expected] of [
      ["SHOW VARIABLES LIKE 'wait_timeout'", true],
      ['select 1, @@Session.Wait_Timeout', true],
      ['SHOW VARIABLES', true],
      ["SHOW LOCAL VARIABLES WHERE Variable_name = 'x'", true],
      ["show variables like 'wait%'", true],
      ["show variables like '%\\_time___'", true],
      ['show variables like "w%i_%%t"', true],
      ["show variables like 'wait'", false],
      ["show variables like 'wait\\%'", false],
      ["show variables like '_%ait_timeout_'", false],
      ["show variables like 'sql_mode'", false],
      ["SHOW GLOBAL VARIABLES LIKE 'wait_timeout'", false],
      ['SELECT @@global.wait_timeout, @@version', false],
      ['SELECT @@version', false],
    ] as const)
      assert.equal(mayShow(sql, 'wait_timeout'), expected, sql);
  });
});
