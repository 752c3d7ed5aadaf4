/** What each mask makes of values, and which arguments are refused: a row whose arguments are bad still protects. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FULL_MASK, MASK_NAMES, parseMask } from '../../../src/masks/mask-spec.ts';
import { maskText, renewRegexTime } from '../../../src/masks/mask-text.ts';

const KEY = { hashKey: 'k' };

function masked(name: string, args: object, value: string, secrets = KEY): string | undefined {
  const { spec, problem } = parseMask(name, JSON.stringify(args));
  assert.equal(problem, undefined);
  renewRegexTime();
  return maskText(spec, value, secrets);
}

describe('masks', () => {
  const cases: readonly (readonly [name: string, args: object, value: string, expected: string | undefined])[] = [
    ['full', {}, 'a', '********'],
    ['full', { length: 3, char: 'x' }, 'a long value', 'xxx'],
    ['full', { length: 'same' }, 'grüße😀', '******'],
    ['fixed', { text: 'gone' }, 'a', 'gone'],
    ['keep_first', { n: 2 }, 'Andi Wijaya', 'An*********'],
    ['keep_last', { n: 4 }, '081234567801', '********7801'],
    ['keep_last', { n: 4 }, '1234', '**34'],
    ['keep_last', { n: 4 }, 'x', '*'],
    ['email', {}, 'andi@x.io', 'a***@x.io'],
    ['email', {}, 'a@x.io', '****@x.io'],
    ['email', { domain: false }, 'andi@x.io', 'a***'],
    ['email', {}, 'not an address', undefined],
    ['phone', {}, '+62 812-3456-7801', '+** ***-****-**01'],
    ['phone', { keep: 0 }, '0812', '****'],
    ['phone', {}, 'call Andi 0812', undefined],
    ['digits', {}, 'ACC7700', 'ACC****'],
    ['digits', {}, '٣x', '*x'],
    ['year', {}, '2024-05-17 10:11:12.50', '2024-01-01 00:00:00.00'],
    ['month', {}, '2024-05-17', '2024-05-01'],
    ['month', {}, 'May', undefined],
    ['zero', {}, '770011', '0'],
    ['bucket', { size: 100 }, '770011', '770000'],
    ['bucket', { size: 100 }, '-1', '-100'],
    ['bucket', { size: 10 }, '-0.5', '-10'],
    ['bucket', { size: 10 }, '99999999999999999999.9', '99999999999999999990'],
    ['bucket', { size: 10 }, 'many', undefined],
    ['regex', { pattern: '[0-9]+', replacement: '#' }, 'ACC7700-11', 'ACC#-#'],
    ['regex', { pattern: '[0-9]+' }, 'no digits', undefined],
    ['regex', { pattern: '^(.)(.*)$', replacement: '\\1…' }, 'Andi', 'A…'],
  ];
  for (const [name, args, value, expected] of cases) {
    test(`${name} ${JSON.stringify(args)} of ${value}`, () => assert.equal(masked(name, args, value), expected));
  }

  test('a hash is the same for equal values, another under another key, and none without a key', () => {
    const one = masked('hash', { length: 16 }, 'Andi');
    assert.match(one ?? '', /^[0-9a-f]{16}$/);
    assert.equal(one, masked('hash', { length: 16 }, 'Andi'));
    assert.notEqual(one, masked('hash', { length: 16 }, 'Budi'));
    assert.notEqual(one, masked('hash', { length: 16 }, 'Andi', { hashKey: 'other' }));
    assert.equal(masked('hash', {}, 'Andi', { hashKey: '' }), undefined);
  });

  test('what cannot be used is masked in full, with the reason', () => {
    const bad: readonly (readonly [string, string, RegExp])[] = [
      ['fulll', '', /"fulll" is none of full, null/],
      ['full', '{', /is not JSON/],
      ['full', '[]', /is not a JSON object/],
      ['full', '{"length":0}', /length must be a whole number within 1\.\.255/],
      ['full', '{"char":"ä"}', /char must be one printable character/],
      ['full', '{"n":1}', /this mask takes no "n"/],
      ['bucket', '{"size":0.5}', /size must be a whole number/],
      ['regex', '', /pattern is missing/],
      ['regex', '{"pattern":"("}', /pattern/],
      ['regex', '{"pattern":"(.*)(.*)x"}', /could take too long/],
      ['regex', '{"pattern":"a","replacement":"\\\\1"}', /group the pattern does not have/],
    ];
    for (const [name, args, reason] of bad) {
      const { spec, problem } = parseMask(name, args);
      assert.deepEqual(spec, FULL_MASK, `${name} ${args}`);
      assert.match(problem?.reason ?? '', reason);
      assert.match(problem?.reason ?? '', /masked in full$/);
    }
    assert.equal(parseMask('FULL', '').problem, undefined);
  });

  test('no mask gives a long random value away', () => {
    for (const name of MASK_NAMES) {
      const args = name === 'regex' ? { pattern: '.+' } : {};
      const value = '081234567801';
      assert.ok(!(masked(name, args, value) ?? '').includes(value), name);
    }
  });
});
