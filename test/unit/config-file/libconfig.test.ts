/**
 * libconfig text to a tree: every form of value, every style of comment, includes, and errors with their places.
 */
import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { describe, test } from 'node:test';
import type { SourceReader } from '../../../admin/config-file/libconfig-lexer.ts';
import { parseConfig } from '../../../admin/config-file/libconfig-parser.ts';
import type { ConfigValue, Group } from '../../../admin/config-file/syntax.ts';
import { fc } from '../../helpers/properties.ts';

function reader(files: Readonly<Record<string, string>>): SourceReader {
  return {
    read: (path) => {
      const text = files[path];
      return text === undefined ? { error: 'no such file' } : { text };
    },
    resolve: (from, included) => posix.resolve(posix.dirname(from), included),
  };
}

function parse(text: string, more: Readonly<Record<string, string>> = {}) {
  return parseConfig('/etc/a.cnf', reader({ '/etc/a.cnf': text, ...more }));
}

type Plain = string | number | bigint | boolean | Plain[] | { [name: string]: Plain };

function plain(value: ConfigValue): Plain {
  switch (value.kind) {
    case 'group':
      return plainGroup(value);
    case 'list':
    case 'array':
      return value.items.map(plain);
    default:
      return value.value;
  }
}

function plainGroup(group: Group): { [name: string]: Plain } {
  return Object.fromEntries(group.settings.map(({ name, value }) => [name, plain(value)]));
}

/** The tree of a text without errors. */
function tree(text: string, more: Readonly<Record<string, string>> = {}): Plain {
  const { root, problems } = parse(text, more);
  assert.deepEqual(problems, []);
  return plainGroup(root);
}

/** `line:column message` of every problem. */
function problems(text: string, more: Readonly<Record<string, string>> = {}): string[] {
  return parse(text, more).problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

describe('libconfig values', () => {
  const cases: readonly (readonly [title: string, text: string, tree: Plain])[] = [
    ['= and :', 'a=1 b:2', { a: 1n, b: 2n }],
    ['; and , after settings, or nothing', 'a=1; b=2, c=3 d=4', { a: 1n, b: 2n, c: 3n, d: 4n }],
    ['strings that follow one another', 'a="x" "y"\n "z"', { a: 'xyz' }],
    ['escapes', String.raw`a="\"\\\n\t\r\f\x41\a"`, { a: '"\\\n\t\r\fA\x07' }],
    ['a backslash before any other character', String.raw`a="^\d+\.$"`, { a: '^\\d+\\.$' }],
    ['a string over two lines', 'a="x\ny" b=1', { a: 'x\ny', b: 1n }],
    ['a string with comment signs', 'a="# // /* x */"', { a: '# // /* x */' }],
    ['integers', 'a=-1 b=+2 c=0x1F d=9223372036854775807L e=1LL', { a: -1n, b: 2n, c: 31n, d: 2n ** 63n - 1n, e: 1n }],
    ['floats', 'a=1.5 b=-.5 c=1e3 d=2.5E-1', { a: 1.5, b: -0.5, c: 1000, d: 0.25 }],
    ['booleans in any case', 'a=true b=FALSE c=True', { a: true, b: false, c: true }],
    [
      'arrays and lists, with a comma at the end',
      'a=[1,2,] b=("x",(1),{c=1},) c=[] d=()',
      { a: [1n, 2n], b: ['x', [1n], { c: 1n }], c: [], d: [] },
    ],
    ['nested groups', 'a={b={c=1;};}', { a: { b: { c: 1n } } }],
    ['names with - . * and _', 'a-b.c_d*=1', { 'a-b.c_d*': 1n }],
    ['comments of three styles', '# one\na=1 // two\n/* three\n b=2 */ c=3 #', { a: 1n, c: 3n }],
    ['nothing at all', '', {}],
    ['a byte order mark', '\ufeffa=1', { a: 1n }],
    ['Windows line ends', 'a=1\r\nb=2\r\n', { a: 1n, b: 2n }],
  ];
  for (const [title, text, expected] of cases) test(title, () => assert.deepEqual(tree(text), expected));
});

describe('@include', () => {
  test('is relative to the including file and stands for its text', () => {
    const files = {
      '/etc/d/users.cnf': 'b=2 @include\n',
      '/etc/d/b.cnf': '@include "c.cnf"\nb=2',
      '/etc/d/c.cnf': 'c=3',
    };
    assert.deepEqual(tree('a=1\n@include "d/b.cnf"\nd=4', files), { a: 1n, c: 3n, b: 2n, d: 4n });
  });

  test('may stand inside of a group', () => {
    assert.deepEqual(tree('g={\n  @include "b"\n}', { '/etc/b': 'x=1' }), { g: { x: 1n } });
  });

  test('of a file that is missing is an error where it stands', () => {
    assert.deepEqual(problems('a=1\n  @include "nosuch"'), ['2:3 cannot read /etc/nosuch: no such file']);
  });

  test('of itself ends at ten levels', () => {
    const found = parse('@include "a.cnf"').problems;
    assert.equal(found.length, 1);
    assert.match(found[0]?.message ?? '', /nested deeper than 10/);
  });

  test('errors in an included file name that file', () => {
    const [first] = parse('@include "b"', { '/etc/b': '\n\nx=' }).problems;
    assert.equal(first?.file, '/etc/b');
    assert.equal(first?.line, 3);
  });
});

describe('libconfig errors', () => {
  const cases: readonly (readonly [text: string, problems: readonly string[]])[] = [
    ['a 1', ['1:3 expected = after a, found a number']],
    ['a=\nb=2', ['2:1 expected a value, found "b"']],
    ['a=1\na=2', ['2:1 a was already set in line 1']],
    ['a={b=1', ['1:3 there is no } for what begins here']],
    ['a=(1 2)', ['1:6 expected , or ), found a number']],
    ['a=[1,(2)]', ['1:6 expected a value, found (']],
    ['a="x', ['1:3 the string that begins here has no end']],
    ['/* x', ['1:1 the comment that begins here has no end']],
    ['}\na=1', ['1:1 there is no { for this }']],
    ['a=99999999999999999999', ['1:3 the number does not fit into 64 bits']],
    ['a=12abc', ['1:3 a number is followed by "abc"']],
    ['a=1 $ b=2', ['1:5 unexpected "$"']],
    ['a=1 @include "b"', ['1:5 expected @include "file" on a line of its own']],
  ];
  for (const [text, expected] of cases) test(JSON.stringify(text), () => assert.deepEqual(problems(text), expected));

  test('do not hide the errors after them', () => {
    const text = 'a ! 1\nl = ( { x=1 y }, { z 2 }, { w=3 } )\nb=\n[\n1\n;\nc="ok"';
    assert.ok(problems(text).length >= 4);
  });

  test('leave what is right', () => {
    const { root } = parse('a 1; b=2');
    assert.deepEqual(plainGroup(root), { b: 2n });
  });

  test('no text makes the parser throw or hang', () => {
    const piece = fc.constantFrom(
      'a',
      '=',
      ':',
      '{',
      '}',
      '(',
      ')',
      '[',
      ']',
      ',',
      ';',
      '"',
      '\\',
      '1',
      '.5',
      'true',
      '\n',
      '#',
      '/*',
      '*/',
      '@include "b"',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        parse(pieces.join(''), { '/etc/b': 'x=1' });
      }),
      { numRuns: 500 },
    );
  });

  test('deep nesting is an error and no stack overflow', () => {
    assert.ok(problems(`a=${'('.repeat(100_000)}`).some((message) => message.includes('nested deeper than 100')));
  });
});
