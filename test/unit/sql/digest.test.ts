import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_DIGEST_OPTIONS, DigestComputer, type DigestOptions } from '../../../src/sql/digest.ts';
import { formatDigest } from '../../../src/sql/spooky-hash.ts';
import { fc } from '../../helpers/properties.ts';
import { readGolden } from './golden.ts';
import { fragments } from './sql-fragments.ts';

interface Expect {
  readonly text: string;
  readonly digest: string;
}

function digest(sql: string, options: Partial<DigestOptions> = {}): DigestComputer {
  const computer = new DigestComputer({ ...DEFAULT_DIGEST_OPTIONS, ...options });
  const bytes = Buffer.from(sql);
  computer.compute(bytes, 0, bytes.length);
  return computer;
}

function textOf(computer: DigestComputer): string {
  return computer.output.toString('utf8', 0, computer.shownLength);
}

describe('digest', () => {
  const cases = readGolden<Expect, Partial<DigestOptions>>('digest');
  for (const comment of new Set(cases.map((each) => each.comment))) {
    it(`gives ProxySQL's text and hash: ${comment}`, () => {
      for (const { sql, options, expect } of cases.filter((each) => each.comment === comment)) {
        const computer = digest(sql, options);
        const found = { text: textOf(computer), digest: formatDigest(computer.hash()) };
        assert.deepEqual(found, expect, JSON.stringify({ sql, options }));
      }
    });
  }

  it('keeps the whole text for the rules when the statistics show a part', () => {
    const computer = digest(`select ${'a,'.repeat(2000)}a`);
    assert.equal(computer.length, 4008);
    assert.equal(computer.shownLength, 2048);
    const whole = digest(`select ${'a,'.repeat(2000)}a`, { normalizeDigestText: true });
    assert.equal(whole.shownLength, 4008);
    assert.equal(whole.hash(), computer.hash());
  });

  it('tells the first comment', () => {
    assert.equal(digest('select 1').firstComment, undefined);
    assert.equal(digest('/* hostgroup=1 */ select 1 /* b */').firstComment, 'hostgroup=1');
    assert.equal(digest('/*+ hint */ select 1').firstComment, '+ hint');
    assert.equal(digest('/*!40001 SQL_NO_CACHE */ select 1').firstComment, '40001 SQL_NO_CACHE');
    assert.equal(digest(`/*${'x'.repeat(5000)}*/ select 1`).firstComment?.length, 1021);
  });

  it('does not depend on what was computed before, nor on where in the buffer the statement lies', () => {
    const shared = new DigestComputer(DEFAULT_DIGEST_OPTIONS);
    fc.assert(
      fc.property(fragments(), fc.nat(20), (sql, offset) => {
        const bytes = Buffer.from(sql);
        const moved = Buffer.concat([Buffer.alloc(offset, 0x27), bytes, Buffer.alloc(7, 0x31)]);
        shared.compute(moved, offset, offset + bytes.length);
        const fresh = digest(sql);
        assert.equal(textOf(shared), textOf(fresh));
        assert.equal(shared.fastHash, fresh.fastHash);
        assert.equal(shared.faithful, fresh.faithful);
        assert.equal(shared.firstComment, fresh.firstComment);
      }),
    );
  });

  it('stays within its limits whatever the statement', () => {
    const options = fc.record({
      maxQueryLength: fc.integer({ min: 16, max: 200 }),
      groupingLimit: fc.integer({ min: 0, max: 300 }),
      groupsGroupingLimit: fc.integer({ min: 0, max: 300 }),
      keepComment: fc.boolean(),
      replaceNull: fc.boolean(),
      noDigits: fc.boolean(),
    });
    fc.assert(
      fc.property(fragments(), options, (sql, given) => {
        const computer = digest(sql, given);
        assert.ok(computer.length <= Math.min(given.maxQueryLength, Buffer.byteLength(sql)));
        assert.ok(!computer.output.subarray(0, computer.length).includes(0));
      }),
    );
  });
});
