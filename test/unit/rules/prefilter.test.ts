/**
 * The prefilter leaves out only rules that could not match: with it and without it every statement is decided alike.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileRules } from '../../../src/rules/compile.ts';
import type { Decision } from '../../../src/rules/decision.ts';
import type { CompiledRules } from '../../../src/rules/match.ts';
import { compilePattern, Pattern } from '../../../src/rules/regex/pattern.ts';
import { fc } from '../../helpers/properties.ts';
import { input, rule } from './helpers.ts';

function literals(source: string, caseless = true): readonly string[] | undefined {
  const pattern = compilePattern(source, { dialect: 'pcre', caseless });
  assert.ok(pattern instanceof Pattern, source);
  return pattern.requiredLiterals;
}

const OPTIONS = { iterations: 0, regexEngine: 1 } as const;

function decideBoth(rules: CompiledRules, query: string): { plain: Decision; filtered: Decision } {
  const statement = input({ query });
  const bytes = Buffer.from(query, 'latin1');
  const plain = rules.decide(statement);
  rules.prefilter?.scan(bytes, 0, bytes.length);
  return { plain, filtered: rules.decide(statement, undefined, undefined, rules.prefilter !== undefined) };
}

/** What a decision says, without what is only about keeping it. */
function effectOf({ cacheable: _a, cacheableUnlessFound: _b, ...effect }: Decision): unknown {
  return effect;
}

describe('required literals of a pattern', () => {
  const cases: [string, readonly string[] | undefined][] = [
    ['^SELECT .* FROM orders_17 WHERE', [' from orders_17 where']],
    ['\\bcolumn_5\\b', ['column_5']],
    ['foo|barbaz', ['foo', 'barbaz']],
    ['(foo|b.)x', undefined],
    ['fo+bar', ['obar']],
    ['x{3}', undefined],
    ['(?:abc){2,}', ['abc']],
    ['(abc)?def', ['def']],
    ['a.b', undefined],
    ['SELECT (?=secret)', ['select ']],
    ['[sS][eE]cret', ['secret']],
    ['^\\d{16}$', undefined],
    ['(a)\\1bcd', ['bcd']],
  ];
  for (const [source, expected] of cases) {
    it(`${source}: ${expected?.join(' or ') ?? 'none'}`, () => assert.deepEqual(literals(source), expected));
  }
});

describe('prefilter', () => {
  it('finds rules whatever the case and wherever the text is', () => {
    const rules = compileRules(
      ['orders_1', 'orders_11', 'people', 'select 1$'].map((matchPattern, i) => rule({ ruleId: i + 1, matchPattern })),
      OPTIONS,
    ).rules;
    const found = (text: string): number[] => {
      const bytes = Buffer.from(`xx${text}yy`, 'latin1');
      rules.prefilter?.scan(bytes, 2, bytes.length - 2);
      return [...(rules.prefilter?.found ?? [])].sort((a, b) => a - b);
    };
    assert.deepEqual(found('SELECT * FROM ORDERS_11'), [0, 1]);
    assert.deepEqual(found('select * from orders_2'), []);
    assert.deepEqual(found('people'), [2]);
    assert.deepEqual(found('peopl'), [], 'what lies beyond the end is not seen');
    assert.deepEqual(found('SELECT 1'), [3]);
  });

  it('decides as the rules without it, whatever patterns and texts', () => {
    const word = fc.constantFrom(
      'abc',
      'ABC',
      'abcd',
      'bcd',
      'foo_1',
      'foo_2',
      'x',
      ' ',
      '.*',
      '\\d',
      '(abc|foo)',
      'q?',
      'z+',
    );
    const pattern = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(''));
    const text = fc
      .array(fc.constantFrom('abc', 'ABCD', 'foo_1', 'FOO_2', 'x', ' ', '7', 'zz', 'q', 'bcd'), { maxLength: 8 })
      .map((words) => words.join(''));
    const rows = fc.array(
      fc.record({
        matchPattern: pattern,
        negateMatchPattern: fc.boolean(),
        caseless: fc.boolean(),
        apply: fc.boolean(),
        destinationHostgroup: fc.nat(9),
        flagIn: fc.constantFrom(0, 0, 0, 1),
        flagOut: fc.constantFrom(null, null, 1),
        replacePattern: fc.constantFrom(null, null, 'abcd', 'foo_2'),
      }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(rows, fc.array(text, { minLength: 1, maxLength: 4 }), (fields, texts) => {
        const { rules } = compileRules(
          fields.map((f, i) => rule({ ruleId: i + 1, ...f })),
          OPTIONS,
        );
        for (const query of texts) {
          const { plain, filtered } = decideBoth(rules, query);
          assert.deepEqual(effectOf(filtered), effectOf(plain), query);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('says for how long a decision may be kept', () => {
    const rules = compileRules(
      [
        rule({ ruleId: 1, matchPattern: 'secret' }),
        rule({ ruleId: 2, matchDigest: '^SELECT', destinationHostgroup: 1 }),
      ],
      OPTIONS,
    ).rules;
    const clean = decideBoth(rules, 'SELECT 1').filtered;
    assert.deepEqual([clean.cacheable, clean.cacheableUnlessFound, clean.destinationHostgroup], [false, true, 1]);
    const found = decideBoth(rules, 'SELECT secret').filtered;
    assert.deepEqual([found.cacheable, found.cacheableUnlessFound, found.hitRules], [false, false, [1, 2]]);
  });

  it('gives up naming rules when a text has very many of them', () => {
    const rules = compileRules(
      Array.from({ length: 100 }, (_, i) => rule({ ruleId: i + 1, matchPattern: `abc.*x${i}` })),
      OPTIONS,
    ).rules;
    const bytes = Buffer.from('abc x77');
    assert.equal(rules.prefilter?.scan(bytes, 0, bytes.length), true);
    assert.equal(rules.prefilter?.overflow, true);
    assert.deepEqual(decideBoth(rules, 'abc x77').filtered.hitRules, [8, 78]);
  });
});
