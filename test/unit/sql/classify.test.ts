import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ClassifyOptions, classify } from '../../../src/sql/classify.ts';
import { DEFAULT_DIGEST_OPTIONS, DigestComputer, type DigestOptions } from '../../../src/sql/digest.ts';
import { effectNames, SessionEffect, type StatementFacts } from '../../../src/sql/facts.ts';
import { fc } from '../../helpers/properties.ts';
import { readGolden } from './golden.ts';
import { fragments } from './sql-fragments.ts';

interface Expect {
  readonly kind: string;
  readonly command?: string;
  readonly effects: readonly string[];
}

function factsOf(sql: string, options?: ClassifyOptions, encoding: BufferEncoding = 'utf8'): StatementFacts {
  const bytes = Buffer.from(sql, encoding);
  return classify(bytes, 0, bytes.length, options);
}

describe('classify', () => {
  const cases = readGolden<Expect, ClassifyOptions>('classify');
  for (const comment of new Set(cases.map((each) => each.comment))) {
    it(comment, () => {
      for (const { sql, options, encoding, expect } of cases.filter((each) => each.comment === comment)) {
        const { kind, command, effects, multiStatement } = factsOf(sql, options, encoding);
        const found = { kind, effects: effectNames(effects).sort() };
        const { command: expectedCommand, ...expected } = expect;
        assert.deepEqual(found, expected, sql);
        if (expectedCommand !== undefined) assert.equal(command, expectedCommand, sql);
        assert.equal(multiStatement, kind === 'multi', sql);
      }
    });
  }

  it('finds the same facts with any white space and comments between the tokens', () => {
    const tokenLists = [
      ['SELECT', 'GET_LOCK', '(', "'a'", ',', '1', ')'],
      ['CREATE', 'OR', 'REPLACE', 'TEMPORARY', 'TABLE', '`t`', '(', 'a', 'INT', ')'],
      ['LOCK', 'TABLES', 't', 'WRITE'],
      ['FLUSH', 'TABLES', 'WITH', 'READ', 'LOCK'],
      ['SELECT', 'a', 'INTO', '@x', 'FROM', 't'],
      ['SET', 'STATEMENT', 'a', '=', '1', 'FOR', 'SELECT', 'NEXT', 'VALUE', 'FOR', 's'],
      ['SHOW', 'COUNT', '(', '*', ')', 'WARNINGS'],
      ['SELECT', '1', ';', 'USE', 'x'],
      ['SELECT', 'SQL_CALC_FOUND_ROWS', '*', 'FROM', 't', 'LIMIT', '1', 'FOR', 'UPDATE'],
    ];
    const gaps = [
      ' ',
      '\n',
      '\t\v\f',
      '/**/',
      "/* a;b@c' */",
      '-- x\n',
      "--\t'\n",
      '# `\n',
      '/*! */',
      ' /*!*/ ',
      '/*+ h */',
    ];
    const gap = fc.array(fc.constantFrom(...gaps), { minLength: 1, maxLength: 3 }).map((each) => each.join(''));
    fc.assert(
      fc.property(fc.constantFrom(...tokenLists), fc.infiniteStream(gap), (tokens, stream) => {
        const varied = tokens.map((token) => `${stream.next().value as string}${token}`).join('');
        assert.deepEqual(factsOf(varied), factsOf(tokens.join(' ')), varied);
      }),
    );
  });

  it('finds an effect behind any statement, comment or literal that ends', () => {
    const before = fc.constantFrom(
      ...[
        "select 'a;b'",
        'select `a`',
        "select 'x\\\\'",
        'select "q"',
        "select /* ' */ 1",
        "select 1 -- '\n",
        "select 1 # '\n",
        "select '/*'",
      ],
    );
    fc.assert(
      fc.property(fc.array(before, { maxLength: 6 }), (statements) => {
        const facts = factsOf([...statements, "do get_lock('a', 1)"].join(';'));
        assert.notEqual(facts.effects & SessionEffect.GET_LOCK, 0);
      }),
    );
  });

  it('gives the same facts to all faithful statements with one digest', () => {
    const settings: Partial<DigestOptions>[] = [{}, { noDigits: true }, { replaceNull: true, lowercase: true }];
    for (const setting of settings) {
      const computer = new DigestComputer({ ...DEFAULT_DIGEST_OPTIONS, ...setting });
      const seen = new Map<string, string>();
      fc.assert(
        fc.property(fragments(), (sql) => {
          const bytes = Buffer.from(sql);
          computer.compute(bytes, 0, bytes.length);
          if (!computer.faithful) return;
          const text = computer.output.toString('latin1', 0, computer.length);
          const facts = JSON.stringify(factsOf(sql));
          assert.equal(seen.get(text) ?? facts, facts, `${sql} has the digest ${text}`);
          seen.set(text, facts);
        }),
        { numRuns: 2000 },
      );
    }
  });

  it('calls a text faithful that applications send, and none that is read in several ways', () => {
    const faithful = (sql: string): boolean => {
      const computer = new DigestComputer(DEFAULT_DIGEST_OPTIONS);
      const bytes = Buffer.from(sql);
      computer.compute(bytes, 0, bytes.length);
      return computer.faithful;
    };
    const yes = [
      'SELECT c FROM sbtest1 WHERE id=500123456',
      "SELECT `users`.`id` FROM `users` WHERE `name` = 'x' AND n = -1 AND f(1, 2) > 2.5e3 LIMIT 5",
      "INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')",
      '/* app=web */ select 1',
      'UPDATE t SET a = a + 1, b = b - 1 WHERE id IN (1,2,3,4,5,6)',
    ];
    const no = [
      "select `a'b`",
      'select "a"',
      "select 'a\\n'",
      "select 'it''s'",
      'select 1 -- x',
      'select 1 # x',
      'select /*! 1 */',
      'select /*M! 1 */',
      'select a --1',
      "select 'never ends",
      'select /* never ends',
      'create -temporary table t',
      'select 1e-- x',
      'select (1,2,3,4,@)',
      'select ),...@',
      'select 1\0, get_lock(1)',
    ];
    for (const sql of yes) assert.equal(faithful(sql), true, sql);
    for (const sql of no) assert.equal(faithful(sql), false, sql);
  });

  it('reads a text of very many statements to its end, and finds no effect that is not there', () => {
    const facts = factsOf('insert into t values (1);'.repeat(5000));
    assert.equal(facts.kind, 'multi');
    assert.equal(facts.effects, 0);
    const body = `create procedure p() begin ${'select count(*) into n from t;'.repeat(3000)} end`;
    assert.equal(factsOf(body).effects & (SessionEffect.SCHEMA | SessionEffect.LOCAL_INFILE), 0);
    assert.notEqual(factsOf(`${'do 1;'.repeat(5000)} create temporary table u (a int)`).effects, 0);
  });
});
