import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { QueryRuleEntry } from '../../../runtime/snapshot.ts';
import { compileRules } from '../../../src/rules/compile.ts';
import type { Decision, MatchInput } from '../../../src/rules/decision.ts';
import { input, rule } from './helpers.ts';

function decide(rules: readonly QueryRuleEntry[], given: Partial<MatchInput>, iterations = 0): Decision {
  const compiled = compileRules(rules, { iterations, regexEngine: 1 });
  assert.deepEqual(compiled.problems, []);
  return compiled.rules.decide(input(given));
}

const hits = (rules: readonly QueryRuleEntry[], given: Partial<MatchInput>, iterations = 0): readonly number[] =>
  decide(rules, given, iterations).hitRules;

describe('the walk through the rules', () => {
  it('goes by rule_id, whatever the order of the rows', () => {
    assert.deepEqual(hits([rule({ ruleId: 9 }), rule({ ruleId: 2 }), rule({ ruleId: 5 })], {}), [2, 5, 9]);
  });

  it('ends at apply', () => {
    assert.deepEqual(hits([rule({ ruleId: 1 }), rule({ ruleId: 2, apply: true }), rule({ ruleId: 3 })], {}), [1, 2]);
  });

  it('lets later rules override what they set and leaves the rest', () => {
    const decision = decide(
      [
        rule({ ruleId: 1, destinationHostgroup: 10, timeoutMs: 5, errorMsg: 'no' }),
        rule({ ruleId: 2, destinationHostgroup: 20, okMsg: '' }),
      ],
      {},
    );
    assert.equal(decision.destinationHostgroup, 20);
    assert.equal(decision.timeoutMs, 5);
    assert.equal(decision.errorMsg, 'no');
    assert.equal(decision.okMsg, '');
    assert.equal(decision.delayMs, -1);
  });

  it('follows flagOUT downwards only', () => {
    const rules = [
      rule({ ruleId: 1, flagIn: 7 }),
      rule({ ruleId: 2, flagOut: 7 }),
      rule({ ruleId: 3, flagIn: 0 }),
      rule({ ruleId: 4, flagIn: 7, flagOut: 0 }),
      rule({ ruleId: 5, flagIn: 0 }),
    ];
    assert.deepEqual(hits(rules, {}), [2, 4, 5]);
    assert.equal(decide(rules, {}).flagOut, 0);
  });

  it('starts again from the first rule as often as iterations says', () => {
    const rules = [
      rule({ ruleId: 1, flagIn: 7, flagOut: 8 }),
      rule({ ruleId: 2, flagOut: 7 }),
      rule({ ruleId: 3, flagIn: 8 }),
    ];
    assert.deepEqual(hits(rules, {}, 1), [2, 1, 3]);
    const loop = [rule({ ruleId: 1, flagIn: 0, flagOut: 0 })];
    assert.deepEqual(hits(loop, {}, 3), [1, 1, 1, 1]);
  });

  it('starts with the flag the previous statement left', () => {
    assert.deepEqual(hits([rule({ ruleId: 1 }), rule({ ruleId: 2, flagIn: 3 })], { flagIn: 3 }), [2]);
  });

  it('draws a weighted flagOUT by its weight, and makes the decision not cacheable', () => {
    const attributes = JSON.stringify({
      flagOUTs: [
        { id: 5, weight: 0 },
        { id: 6, weight: 10 },
      ],
    });
    const decision = decide([rule({ ruleId: 1, flagOut: 9, attributes })], {});
    assert.equal(decision.flagOut, 6);
    assert.equal(decision.cacheable, false);
  });

  it('gives one shared decision when nothing matches', () => {
    assert.equal(decide([rule({ ruleId: 1, username: 'x' })], {}).hitRules.length, 0);
  });
});

describe('criteria', () => {
  const cases: readonly (readonly [string, Partial<QueryRuleEntry>, Partial<MatchInput>, Partial<MatchInput>])[] = [
    ['username, case-sensitive', { username: 'ann' }, { username: 'ann' }, { username: 'Ann' }],
    ['schemaname, case-sensitive', { schemaname: 'db' }, { schemaname: 'db' }, { schemaname: 'DB' }],
    ['names as UTF-8 bytes', { username: 'é' }, { username: '\xc3\xa9' }, { username: '\xe9' }],
    ['client_addr', { clientAddr: '10.0.0.1' }, { clientAddress: '10.0.0.1' }, { clientAddress: '10.0.0.12' }],
    ['client_addr with %', { clientAddr: '10.%' }, { clientAddress: '10.9.9.9' }, { clientAddress: '110.9.9.9' }],
    ['proxy_addr', { proxyAddr: '10.0.0.9' }, { proxyAddress: '10.0.0.9' }, { proxyAddress: '10.0.0.8' }],
    ['proxy_port', { proxyPort: 6033 }, { proxyPort: 6033 }, { proxyPort: 6034 }],
    ['digest', { digest: '0x1C46AE529DD5A40E' }, { digest: 0x1c46ae529dd5a40en }, { digest: 1n }],
    ['digest in decimal', { digest: '17' }, { digest: 17n }, { digest: 0x17n }],
    ['digest in octal', { digest: '017' }, { digest: 15n }, { digest: 17n }],
    ['match_digest', { matchDigest: '^SELECT \\?' }, { digestText: 'SELECT ?' }, { digestText: 'SELECT a' }],
    ['match_pattern', { matchPattern: 'foo' }, { query: 'xFOOx' }, { query: 'fo o' }],
    [
      'negate_match_pattern',
      { matchPattern: '^SELECT', negateMatchPattern: true },
      { query: 'UPDATE' },
      { query: 'SELECT' },
    ],
    [
      'negation of each pattern by itself',
      { matchDigest: 'a', matchPattern: 'b', negateMatchPattern: true },
      { digestText: 'x', query: 'x' },
      { digestText: 'a', query: 'x' },
    ],
  ];
  for (const [name, fields, matching, other] of cases) {
    it(`tests ${name}`, () => {
      assert.deepEqual(hits([rule({ ruleId: 1, ...fields })], matching), [1]);
      assert.deepEqual(hits([rule({ ruleId: 1, ...fields })], other), []);
    });
  }

  it('takes % alone, and empty texts, as any', () => {
    assert.deepEqual(hits([rule({ ruleId: 1, clientAddr: '%', username: '', schemaname: '' })], {}), [1]);
  });

  it('lets digest criteria pass when there is no digest', () => {
    const rules = [rule({ ruleId: 1, digest: '0x12' }), rule({ ruleId: 2, matchDigest: 'nothing like it' })];
    assert.deepEqual(hits(rules, { digest: undefined, digestText: undefined }), [1, 2]);
  });

  it('needs every criterion', () => {
    const rules = [rule({ ruleId: 1, username: 'ann', schemaname: 'db', digest: '5', matchPattern: 'x' })];
    const all = { username: 'ann', schemaname: 'db', digest: 5n, query: 'x' };
    assert.deepEqual(hits(rules, all), [1]);
    for (const wrong of [{ username: 'b' }, { schemaname: 'b' }, { digest: 6n }, { query: 'y' }]) {
      assert.deepEqual(hits(rules, { ...all, ...wrong }), []);
    }
  });
});

describe('rewriting', () => {
  it('shows later rules the rewritten text, and not the statement when it is an execute', () => {
    const rules = [
      rule({ ruleId: 1, matchPattern: 'a', replacePattern: 'b' }),
      rule({ ruleId: 2, matchPattern: 'b', replacePattern: 'c' }),
    ];
    assert.equal(decide(rules, { query: 'xax' }).rewrittenQuery, 'xcx');
    const execute = decide(rules, { query: 'xax', rewrite: false });
    assert.equal(execute.rewrittenQuery, undefined);
    assert.deepEqual(execute.hitRules, [1]);
  });

  it('leaves the text undefined when nothing changed', () => {
    const negated = rule({ ruleId: 1, matchPattern: 'a', replacePattern: 'b', negateMatchPattern: true });
    assert.equal(decide([negated], { query: 'x' }).rewrittenQuery, undefined);
  });
});

describe('what may be cached', () => {
  it('is a decision no text criterion was asked for', () => {
    const rules = [
      rule({ ruleId: 1, matchDigest: '^SELECT', apply: true }),
      rule({ ruleId: 2, matchPattern: 'secret' }),
    ];
    assert.equal(decide(rules, { digestText: 'SELECT ?' }).cacheable, true);
    assert.equal(decide(rules, { digestText: 'UPDATE ?' }).cacheable, false);
  });
});

describe('problems at LOAD', () => {
  const problemOf = (fields: Partial<QueryRuleEntry>, regexEngine: 1 | 2 = 1) => {
    const { rules, problems } = compileRules([rule({ ruleId: 4, ...fields })], { iterations: 0, regexEngine });
    return { problem: problems[0], hits: rules.decide(input({ query: 'a', digestText: 'a', digest: 1n })).hitRules };
  };

  it('names rule, column and offset, and the rule never matches, negated or not', () => {
    for (const negateMatchPattern of [false, true]) {
      const { problem, hits } = problemOf({ matchPattern: 'ab(c', negateMatchPattern });
      assert.deepEqual(problem, {
        ruleId: 4,
        column: 'match_pattern',
        reason: 'missing ) (at byte 2)',
        disablesRule: true,
      });
      assert.deepEqual(hits, []);
    }
  });

  const broken: readonly (readonly [string, Partial<QueryRuleEntry>])[] = [
    ['match_digest', { matchDigest: '*' }],
    ['client_addr', { clientAddr: '10.%.1' }],
    ['client_addr', { clientAddr: '1'.repeat(46) }],
    ['digest', { digest: 'SELECT' }],
    ['digest', { digest: '0x' }],
    ['digest', { digest: '0' }],
    ['digest', { digest: '0xFFFFFFFFFFFFFFFF' }],
    ['digest', { digest: '0x12zz' }],
  ];
  for (const [column, fields] of broken) {
    it(`reports ${column} ${Object.values(fields)[0]} and disables the rule`, () => {
      const { problem, hits } = problemOf(fields);
      assert.equal(problem?.column, column);
      assert.equal(problem?.disablesRule, true);
      assert.deepEqual(hits, []);
    });
  }

  const reduced: readonly (readonly [string, Partial<QueryRuleEntry>])[] = [
    ['attributes', { attributes: '{' }],
    ['attributes', { attributes: '{"flagOUTs":[{"id":"x","weight":1}]}' }],
    ['replace_pattern', { matchPattern: 'a', replacePattern: '\\1' }],
    ['replace_pattern', { matchPattern: 'a', replacePattern: '\\x' }],
  ];
  for (const [column, fields] of reduced) {
    it(`reports ${column} ${Object.values(fields).at(-1)} and keeps the rule`, () => {
      const { problem, hits } = problemOf(fields);
      assert.equal(problem?.column, column);
      assert.equal(problem?.disablesRule, false);
      assert.deepEqual(hits, [4]);
    });
  }
});
