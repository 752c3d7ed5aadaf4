import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { PatternError } from '../../../src/rules/regex/ast.ts';
import { Backtracker } from '../../../src/rules/regex/backtracker.ts';
import { unlimitedBudget } from '../../../src/rules/regex/budget.ts';
import { SearchCost } from '../../../src/rules/regex/cost.ts';
import { parsePattern } from '../../../src/rules/regex/parser.ts';
import { compilePattern, type Dialect, Pattern } from '../../../src/rules/regex/pattern.ts';
import { compileProgram } from '../../../src/rules/regex/program.ts';
import { fc } from '../../helpers/properties.ts';
import { repositoryRoot } from '../../helpers/repository.ts';

interface Case {
  readonly comment?: string;
  readonly pattern: string;
  readonly flags?: string;
  readonly subject: string;
  readonly match: readonly number[] | null;
}

function golden<T>(name: string): readonly T[] {
  const text = readFileSync(join(repositoryRoot, 'test', 'golden', name), 'utf8');
  return (JSON.parse(text) as { readonly cases: readonly T[] }).cases;
}

function compiled(source: string, caseless = false, dialect: Dialect = 'pcre'): Pattern {
  const pattern = compilePattern(source, { dialect, caseless });
  assert.ok(pattern instanceof Pattern, `${source}: ${String(pattern)}`);
  return pattern;
}

/** What the matcher chosen for this text finds. */
function found(pattern: Pattern, subject: string): readonly number[] | null {
  const positions = new Int32Array(2 * (pattern.groups + 1));
  return pattern.exec(subject, 0, false, positions, unlimitedBudget()) ? [...positions] : null;
}

/** What the budgeted matcher finds, whatever Pattern would choose. */
function foundByBacktracker(source: string, caseless: boolean, subject: string): readonly number[] | null {
  const parsed = parsePattern(source, 'pcre', caseless);
  const budget = unlimitedBudget();
  const matcher = new Backtracker(compileProgram(parsed), budget);
  const options = { from: 0, sticky: false, notEmpty: false, captures: true };
  return matcher.exec(subject, options, budget) ? [...matcher.slots.subarray(0, 2 * parsed.groups + 2)] : null;
}

const bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

describe('PCRE patterns', () => {
  for (const { comment, pattern, flags = '', subject, match } of golden<Case>('rules-pcre.json')) {
    const name = `${comment ?? ''} /${pattern}/${flags} on ${JSON.stringify(subject)}`;
    it(name.trim(), () => {
      const caseless = flags.includes('i');
      const chosen = compiled(pattern, caseless);
      assert.deepEqual(found(chosen, subject), match, 'the chosen matcher');
      assert.deepEqual(foundByBacktracker(pattern, caseless, subject), match, 'the budgeted matcher');
      assert.equal(chosen.test(subject, unlimitedBudget()), match !== null, 'test');
    });
  }

  it('runs most of them on V8', () => {
    assert.notEqual(compiled('^SELECT\\s+.*FOR UPDATE$', true).nativeSource, undefined);
    assert.equal(compiled('a++b').nativeSource, undefined);
  });
});

describe('patterns refused at LOAD', () => {
  for (const { pattern, reason } of golden<{ pattern: string; reason: string }>('rules-pcre-errors.json')) {
    it(`/${pattern}/: ${reason}`, () => {
      const problem = compilePattern(pattern, { dialect: 'pcre', caseless: true });
      assert.ok(problem instanceof PatternError);
      assert.ok(problem.message.includes(reason), problem.message);
      assert.ok(problem.offset >= 0 && problem.offset <= pattern.length);
    });
  }

  it('never throws anything else, whatever the text', () => {
    const piece = fc.constantFrom(
      ...'()[]{}|*+?.\\^$-:<>=!#PQEKRGabz019,&',
      '[[:',
      ':]',
      '(?',
      '\\Q',
      '\\x{',
      '(?P<n>',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), fc.constantFrom<Dialect>('pcre', 're2'), (pieces, dialect) => {
        compilePattern(pieces.join(''), { dialect, caseless: false });
      }),
      { numRuns: 3000, seed: 20261123 },
    );
  });
});

describe('RE2 patterns', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['^.$', 'é', true],
    ['^[é]$', 'é', true],
    ['^[^a]$', 'é', true],
    ['^\\W$', 'é', true],
    ['é+', 'éé', true],
    ['(?i)É', 'é', true],
    ['a$', 'a\n', false],
    ['(?m)a$', 'a\nb', true],
    ['(?m)^$', 'a\n', true],
    ['\\v', '\x0b', true],
    ['\\s', '\x0b', false],
    ['\\pL', 'a', false],
    ['^*a', 'a', true],
    ['(?P<n>x)', 'x', true],
    ['\\Qa.b\\E', 'a.b', true],
    ['(?U)a+', 'a', true],
  ];
  for (const [pattern, subject, matches] of cases) {
    it(`/${pattern}/ on ${JSON.stringify(subject)}`, () => {
      const re2 = compilePattern(bytes(pattern), { dialect: 're2', caseless: false });
      const result = re2 instanceof Pattern && re2.test(bytes(subject), unlimitedBudget());
      assert.equal(result, matches);
    });
  }

  for (const pattern of [
    '(?=a)',
    '(?<!a)',
    '(a)\\1',
    'a++',
    '(?>a)',
    '(?#x)',
    '\\Z',
    '\\h',
    'a{1001}',
    'a**',
    '[^é]',
    '\xe9',
  ]) {
    it(`refuses /${pattern}/`, () => {
      const source = pattern === '\xe9' ? pattern : bytes(pattern);
      assert.ok(compilePattern(source, { dialect: 're2', caseless: false }) instanceof PatternError);
    });
  }
});

describe('the worst case of a pattern', () => {
  const longest = (source: string): number =>
    new SearchCost(parsePattern(source, 'pcre', false).root).longestTextWithin(4_000_000);

  it('is short texts for nested loops, long ones for plain patterns', () => {
    assert.ok(longest('(a+)+$') < 50);
    assert.ok(longest('(a|a)*$') < 50);
    assert.ok(longest('^SELECT\\s+\\*.*FROM.*x') > 1000);
    assert.ok(longest('\\bsecret\\b') > 100_000);
    assert.ok(longest('^\\s*select\\s') > 100_000);
  });
});
