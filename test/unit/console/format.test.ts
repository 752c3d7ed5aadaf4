import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { displayWidth, escapeControls } from '../../../src/console/display-width.ts';
import { type Cell, formatRows, type RowsAnswer } from '../../../src/console/format.ts';

function answer(
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
  numeric: readonly string[] = [],
): RowsAnswer {
  return {
    kind: 'rows',
    columns: columns.map((name) => ({ name, numeric: numeric.includes(name), nullable: false })),
    rows,
  };
}

const plain = { skipColumnNames: false };

describe('a table', () => {
  it('is drawn as the mysql client draws it', () => {
    const rows = answer(
      ['hostgroup', 'host'],
      [
        ['10', 'primary'],
        ['20', null],
      ],
      ['hostgroup'],
    );
    assert.equal(
      formatRows(rows, { ...plain, format: 'table' }),
      [
        '+-----------+---------+',
        '| hostgroup | host    |',
        '+-----------+---------+',
        '|        10 | primary |',
        '|        20 | NULL    |',
        '+-----------+---------+',
        '',
      ].join('\n'),
    );
  });

  it('stays aligned with wide and combining characters', () => {
    const text = formatRows(
      answer(
        ['名前', 'x'],
        [
          ['李', 'e\u0301'],
          ['abcdef', '🐬'],
        ],
      ),
      { ...plain, format: 'table' },
    );
    const widths = new Set(text.trimEnd().split('\n').map(displayWidth));
    assert.equal(widths.size, 1, text);
  });

  it('shows a cell of several lines in several lines', () => {
    const rows = answer(['Table', 'Create Table'], [['t', 'CREATE TABLE t (\n\ta INT\n)']]);
    assert.equal(
      formatRows(rows, { ...plain, format: 'table' }),
      [
        '+-------+------------------+',
        '| Table | Create Table     |',
        '+-------+------------------+',
        '| t     | CREATE TABLE t ( |',
        '|       |     a INT        |',
        '|       | )                |',
        '+-------+------------------+',
        '',
      ].join('\n'),
    );
  });

  it('does not let a value control the terminal', () => {
    const text = formatRows(answer(['digest_text'], [['SELECT \x1b]0;gone\x07']]), { ...plain, format: 'table' });
    assert.match(text, /SELECT \\x1b]0;gone\\x07/);
  });

  it('leaves the names out when told so', () => {
    const text = formatRows(answer(['a'], [['1']]), { skipColumnNames: true, format: 'table' });
    assert.equal(text, '+---+\n| 1 |\n+---+\n');
  });
});

describe('one column a line', () => {
  it('is drawn as \\G draws it', () => {
    const rows = answer(
      ['username', 'active'],
      [
        ['app', '1'],
        ['dev', null],
      ],
    );
    const stars = '*'.repeat(27);
    assert.equal(
      formatRows(rows, { ...plain, format: 'vertical' }),
      `${stars} 1. row ${stars}\nusername: app\n  active: 1\n${stars} 2. row ${stars}\nusername: dev\n  active: NULL\n`,
    );
  });
});

describe('tab-separated lines', () => {
  it('are escaped as mysql --batch escapes them', () => {
    const rows = answer(
      ['a', 'b'],
      [
        ['x\ty', 'line\nfeed'],
        ['back\\slash', null],
      ],
    );
    assert.equal(formatRows(rows, { ...plain, format: 'tsv' }), 'a\tb\nx\\ty\tline\\nfeed\nback\\\\slash\tNULL\n');
  });

  it('are none for no rows', () => {
    assert.equal(formatRows(answer(['a'], []), { ...plain, format: 'tsv' }), '');
  });
});

describe('JSON', () => {
  it('is an array of objects, NULL as null', () => {
    const text = formatRows(
      answer(
        ['a', 'b'],
        [
          ['1', null],
          ['2', '"'],
        ],
      ),
      { ...plain, format: 'json' },
    );
    assert.deepEqual(JSON.parse(text), [
      { a: '1', b: null },
      { a: '2', b: '"' },
    ]);
    assert.equal(formatRows(answer(['a'], []), { ...plain, format: 'json' }), '[]\n');
  });
});

describe('the width of a text', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['', 0],
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 1],
    ['漢字', 4],
    ['한글', 4],
    ['ｆｕｌｌ', 8],
    ['🐬', 2],
    ['a\u200bb', 2],
  ];
  for (const [text, width] of cases) {
    it(`of ${JSON.stringify(text)} is ${width}`, () => assert.equal(displayWidth(text), width));
  }

  it('does not change with the escapes of ordinary text', () => {
    assert.equal(escapeControls('häuser\tund\ngärten'), 'häuser\tund\ngärten');
  });
});
