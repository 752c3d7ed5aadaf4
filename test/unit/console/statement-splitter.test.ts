import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StatementSplitter, splitStatements } from '../../../src/console/statement-splitter.ts';
import { fc } from '../../helpers/properties.ts';

const textsOf = (script: string) => splitStatements(script).map((statement) => statement.text);

describe('splitting a script into statements', () => {
  const cases: readonly (readonly [name: string, script: string, texts: readonly string[]])[] = [
    ['ends statements at semicolons', 'SELECT 1; SELECT 2;', ['SELECT 1', 'SELECT 2']],
    ['takes what is left at the end as a statement', 'SELECT 1; SELECT 2', ['SELECT 1', 'SELECT 2']],
    ['drops empty statements', ';; ;\n SELECT 1;;', ['SELECT 1']],
    ['leaves semicolons in quotes alone', `SELECT ';', ";", \`;\`; SELECT 2`, [`SELECT ';', ";", \`;\``, 'SELECT 2']],
    ['knows doubled quotes', "SELECT 'it''s; fine'; SELECT 2", ["SELECT 'it''s; fine'", 'SELECT 2']],
    [
      'takes a backslash in quotes as a character, as SQLite does',
      "SELECT 'a\\'; SELECT 2",
      ["SELECT 'a\\'", 'SELECT 2'],
    ],
    ['leaves semicolons in block comments alone', 'SELECT /* a; b */ 1; SELECT 2', ['SELECT /* a; b */ 1', 'SELECT 2']],
    [
      'drops comments to the end of the line',
      'SELECT 1 -- a; b\n+ 2; # c; d\nSELECT 2',
      ['SELECT 1 \n+ 2', 'SELECT 2'],
    ],
    ['takes -- without a space as two minus signs', 'SELECT 1--1;', ['SELECT 1--1']],
    ['keeps an unfinished quote', "SELECT 'a; b", ["SELECT 'a; b"]],
    ['forgets what stands before \\c', 'SELECT oops \\c SELECT 1;', ['SELECT 1']],
    ['ends statements at \\g', 'SELECT 1\\g SELECT 2\\g', ['SELECT 1', 'SELECT 2']],
    ['takes /*/ as the beginning of a comment only', 'SELECT /*/ ; */ 1;', ['SELECT /*/ ; */ 1']],
    ['finds nothing in nothing', ' \n-- only a comment\n', []],
  ];
  for (const [name, script, texts] of cases) {
    it(name, () => assert.deepEqual(textsOf(script), texts));
  }

  it('marks those that end with \\G', () => {
    const statements = splitStatements('SELECT 1\\G SELECT 2;');
    assert.deepEqual(
      statements.map((statement) => statement.vertical),
      [true, false],
    );
  });

  it('says on which line each begins', () => {
    const lines = splitStatements('\n-- head\nSELECT 1;\n\n  SELECT\n2; SELECT 3').map((statement) => statement.line);
    assert.deepEqual(lines, [3, 5, 6]);
  });

  it('gives the same whatever lines the text comes in', () => {
    const piece = fc.constantFrom("'", '"', '`', ';', '\\G', '/*', '*/', 'a', ' ', '\n', '# c\n', '-- c\n', "''");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const script = pieces.join('');
        const splitter = new StatementSplitter();
        const lines = script.split(/(?<=\n)/);
        const byLine = [...lines.flatMap((line) => splitter.push(line)), ...splitter.end()];
        assert.deepEqual(byLine, splitStatements(script));
      }),
    );
  });

  it('takes a script of 2 MB in linear time', () => {
    const script = `INSERT INTO t VALUES (${"'x', ".repeat(50)}1);\n`.repeat(8_000);
    assert.equal(splitStatements(script).length, 8_000);
  });
});

describe('the open end of a text', () => {
  const cases: readonly (readonly [text: string, open: string])[] = [
    ['', 'nothing'],
    ['  \n', 'nothing'],
    ['SELECT 1;\n', 'nothing'],
    ['SELECT\n', 'statement'],
    ["SELECT 'a\n", "'"],
    ['SELECT "a\n', '"'],
    ['SELECT `a\n', '`'],
    ['SELECT /* a\n', '/*'],
  ];
  for (const [text, open] of cases) {
    it(`after ${JSON.stringify(text)} is ${open}`, () => {
      const splitter = new StatementSplitter();
      splitter.push(text);
      assert.equal(splitter.openEnd, open);
    });
  }
});
