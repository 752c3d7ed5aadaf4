import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unlimitedBudget } from '../../../src/rules/regex/budget.ts';
import { compilePattern, type Dialect, Pattern } from '../../../src/rules/regex/pattern.ts';
import { parseReplacement, rewrite } from '../../../src/rules/rewrite.ts';

interface Given {
  readonly pattern: string;
  readonly replacement: string;
  readonly text: string;
  readonly global?: boolean;
  readonly dialect?: Dialect;
}

function rewritten({ pattern, replacement, text, global = false, dialect = 'pcre' }: Given): string {
  const compiled = compilePattern(pattern, { dialect, caseless: false });
  assert.ok(compiled instanceof Pattern);
  const options = { pattern: compiled, replacement: parseReplacement(replacement), global, dialect };
  return rewrite(text, options, unlimitedBudget());
}

const cases: readonly (readonly [string, Given, string])[] = [
  ['the first match only', { pattern: 'a', replacement: 'b', text: 'xaa' }, 'xba'],
  ['all matches with GLOBAL', { pattern: 'a', replacement: 'b', text: 'xaa', global: true }, 'xbb'],
  ['groups and the whole match', { pattern: '(\\w)(\\d)', replacement: '<\\2\\1|\\0>', text: '-a1-' }, '-<1a|a1>-'],
  ['$1 and & as they are', { pattern: 'a', replacement: '$1 & \\\\', text: 'a' }, '$1 & \\'],
  ['to nothing', { pattern: 'a', replacement: '', text: 'bab' }, 'bb'],
  ['at an empty match', { pattern: '^', replacement: '/* x */ ', text: 'S' }, '/* x */ S'],
  // as Perl's s/b*|aa/@/g, from a comment of pcrecpp
  ['after an empty match, one that is not', { pattern: 'b*|aa', replacement: '@', text: 'aa', global: true }, '@@@'],
  ['every place with an empty pattern', { pattern: '', replacement: '-', text: 'ab', global: true }, '-a-b-'],
  ['x* between and at the end', { pattern: 'x*', replacement: '-', text: 'axb', global: true }, '-a--b-'],
  ['with \\b', { pattern: '\\b', replacement: '|', text: 'ab cd', global: true }, '|ab| |cd|'],
  [
    'dropping the rest at a group that took no part, with GLOBAL',
    { pattern: '(a)(b)?', replacement: '[\\1\\2]', text: 'ab a', global: true },
    '[ab] [a',
  ],
  ['not at all then, without GLOBAL', { pattern: '(a)(b)?', replacement: '[\\1\\2]', text: 'a' }, 'a'],
  ['nothing for an unset group below a set one', { pattern: '(a)?(b)', replacement: '<\\1\\2>', text: 'b' }, '<b>'],
  ['not at all with a broken reference', { pattern: 'a', replacement: 'b\\x', text: 'a' }, 'a'],
  ['up to a broken reference with GLOBAL', { pattern: 'a', replacement: 'b\\xc', text: 'a-a', global: true }, 'b-b'],
  ['from \\K on', { pattern: 'a\\Kb', replacement: 'X', text: 'ab' }, 'aX'],
  ['with captures from an earlier iteration', { pattern: '(?:(a)|b)+', replacement: '<\\1>', text: 'ab' }, '<a>'],
];

const re2Cases: readonly (readonly [string, Given, string])[] = [
  ['nothing for a group that took no part', { pattern: '(a)(b)?', replacement: '[\\1\\2]', text: 'a' }, '[a]'],
  ['not at all with a group that is not there', { pattern: '(a)', replacement: '[\\2]', text: 'a', global: true }, 'a'],
  [
    'no empty match at the end of the last one',
    { pattern: 'x*', replacement: '-', text: 'axb', global: true },
    '-a-b-',
  ],
  [
    'whole UTF-8 characters between empty matches',
    { pattern: 'x*', replacement: '-', text: '\xc3\xa9', global: true },
    '-\xc3\xa9-',
  ],
];

describe('replace_pattern', () => {
  for (const [name, given, expected] of cases) {
    it(`replaces ${name}`, () => assert.equal(rewritten(given), expected));
  }
  for (const [name, given, expected] of re2Cases) {
    it(`replaces, with RE2, ${name}`, () => assert.equal(rewritten({ ...given, dialect: 're2' }), expected));
  }
});
