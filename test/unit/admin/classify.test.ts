/** What a text on the admin port asks for, case by case. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { classify } from '../../../admin/classify.ts';
import type { AdminRole, AdminStatement } from '../../../admin/grammar/statement.ts';
import { MODULES } from '../../../admin/modules/index.ts';
import { fc } from '../../helpers/properties.ts';
import { repositoryRoot } from '../../helpers/repository.ts';

interface Case {
  readonly comment?: string;
  readonly sql: string;
  readonly role?: AdminRole;
  readonly expect: AdminStatement;
}

const golden = JSON.parse(readFileSync(join(repositoryRoot, 'test/golden/admin-classify.json'), 'utf8')) as {
  readonly cases: readonly Case[];
};

describe('admin statements', () => {
  test('are told apart as the golden table says', () => {
    for (const { sql, role = 'admin', expect } of golden.cases) {
      assert.deepEqual(classify(sql, role), expect, `${role}: ${sql}`);
    }
  });

  test('every module has all 15 spellings of its edges, and no other direction', () => {
    const directions = ['TO', 'FROM'].flatMap((way) =>
      ['MEMORY', 'MEM', 'DISK', 'RUNTIME', 'RUN', 'CONFIG'].map((place) => `${way} ${place}`),
    );
    for (const { name, edges } of MODULES) {
      const accepted = ['LOAD', 'SAVE'].flatMap((verb) =>
        directions.filter((direction) => classify(`${verb} ${name} ${direction}`, 'admin').kind === 'promote'),
      );
      // COREDUMP goes to the runtime and nowhere else.
      assert.equal(accepted.length, edges === undefined ? 15 : 4, name);
    }
  });

  test('white space, case and trailing semicolons make no difference to a command', () => {
    const blank = fc.stringMatching(/^[ \t\r\n]{1,3}$/);
    const sample = fc.record({
      words: fc.constantFrom('LOAD MYSQL USERS TO RUNTIME', 'SAVE MYSQL QUERY RULES TO DISK', 'PROXYSQL READONLY'),
      blanks: fc.array(blank, { minLength: 6, maxLength: 6 }),
      end: fc.stringMatching(/^[; ]{0,4}$/),
      lower: fc.boolean(),
    });
    fc.assert(
      fc.property(sample, ({ words, blanks, end, lower }) => {
        const text = words.split(' ').reduce((all, word, i) => all + blanks[i] + word, '');
        const sql = `${lower ? text.toLowerCase() : text}${end}`;
        assert.deepEqual(classify(sql, 'admin'), classify(words, 'admin'));
      }),
    );
  });

  test('no text makes it throw, and long ones do not hold it up', () => {
    fc.assert(fc.property(fc.string(), (sql) => assert.ok(classify(sql, 'admin').kind.length > 0)));
    const started = performance.now();
    for (const text of [
      ' '.repeat(200_000),
      ';'.repeat(200_000),
      `SET ${'a '.repeat(50_000)}`,
      `/*${'*'.repeat(100_000)}`,
    ])
      classify(text, 'admin');
    assert.ok(performance.now() - started < 1500);
  });
});
