/**
 * Which text a server gets so that it does not read a table by an index of a protected column, by kind of index, place in
 * the statement, character set and sql_mode.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mirroredState } from '../../../src/backend/mirrored-state.ts';
import { type CatalogTable, catalogOf } from '../../../src/masking/catalog.ts';
import { readingOf, type TextReading } from '../../../src/masking/charset.ts';
import { Judge } from '../../../src/masking/judge.ts';
import { compilePolicy } from '../../../src/masking/policy.ts';
import { type HidesIndexes, ordersThatStay } from '../../../src/masking/row-order.ts';
import { agreed, edited, type TextEdit } from '../../../src/masking/text-edits.ts';
import { judgeText } from '../../../src/session/masking/judging.ts';

const POLICY = compilePolicy([{ schema: 'clinic', table: '%', column: 'phone' }]);
const PATIENTS: CatalogTable = {
  schema: 'clinic',
  name: 'patients',
  columns: ['id', 'clinic_id', 'name', 'phone', 'tail', 'tail2'],
  generated: [
    { column: 'tail2', expression: 'reverse(`tail`)' },
    { column: 'tail', expression: 'right(`phone`,4)' },
  ],
  indexes: [
    { name: 'PRIMARY', columns: ['id'], unique: true },
    { name: 'clinic_phone', columns: ['clinic_id', 'phone'] },
    { name: 'fx', columns: ['phone'], leading: ['phone'] },
    { name: 'later', columns: ['id', 'phone'], leading: ['id'] },
    { name: 'ft', columns: ['phone'], unordered: true },
    { name: 'off', columns: ['name'], unseen: true },
    { name: 'tail', columns: ['tail2', 'id'] },
    { name: 'uq_phone', columns: ['phone'], unique: true },
    { name: 'n`ä', columns: ['name'] },
  ],
};
const PLAIN: CatalogTable = { ...PATIENTS, name: 'plain', indexes: [{ name: 'PRIMARY', columns: ['id'] }] };
const OPAQUE: CatalogTable = { schema: 'clinic', name: 'opaque', columns: ['id', 'phone'] };

interface Circumstances {
  readonly hides?: HidesIndexes;
  readonly sqlMode?: string;
  readonly charset?: string;
  readonly temporary?: readonly string[];
  readonly tables?: readonly CatalogTable[];
  readonly family?: 'mariadb' | 'mysql';
}

function judgeOf({ hides = 'all', tables = [PATIENTS, PLAIN, OPAQUE], family = 'mysql' }: Circumstances): Judge {
  return new Judge(POLICY, catalogOf({ tables, routines: [], triggers: [] }), { family, version: 90_700 }, hides);
}

/** What the server gets, or the refusal. */
function sent(text: string | Buffer, circumstances: Circumstances = {}, judge = judgeOf(circumstances)): string {
  const { sqlMode = '', charset = 'utf8mb4', temporary = [] } = circumstances;
  const bytes = Buffer.from(text as string);
  const names = new Set(temporary);
  const verdicts = judge.judge({
    text: bytes,
    schema: 'clinic',
    sqlMode,
    charset,
    multiStatements: true,
    temporary: names,
  });
  const refused = verdicts.find((verdict) => verdict.kind === 'refuse');
  if (refused?.kind === 'refuse') return refused.refusal.code;
  const [first] = verdicts;
  const edits = first?.kind === 'refuse' ? undefined : first?.edits;
  if (edits === undefined) return bytes.toString('latin1');
  return (
    edited(bytes, edits, readingOf(charset) as TextReading)?.toString(charset === 'utf8mb4' ? 'utf8' : 'latin1') ?? ''
  );
}

const USE = 'USE INDEX (`PRIMARY`, `ft`, `n``ä`)';
const IGNORE = 'IGNORE INDEX (`clinic_phone`, `fx`, `later`, `tail`, `uq_phone`)';

describe('the text that keeps servers from indexes of protected columns', () => {
  const cases: readonly (readonly [sql: string, wanted: string, circumstances?: Circumstances])[] = [
    ['SELECT id FROM patients', `SELECT id FROM patients ${USE}`],
    ['SELECT id FROM patients', 'SELECT id FROM patients', { hides: 'off' }],
    [
      'SELECT id FROM patients',
      'SELECT id FROM patients USE INDEX (`PRIMARY`, `clinic_phone`, `later`, `ft`, `n``ä`)',
      { hides: 'leading' },
    ],
    ['SELECT id FROM plain', 'SELECT id FROM plain'],
    ['SELECT id FROM opaque', 'SELECT id FROM opaque USE INDEX ()'],
    ['SELECT id FROM clinic.patients p WHERE 1', `SELECT id FROM clinic.patients p ${USE} WHERE 1`],
    ['SELECT id FROM patients PARTITION (p0) AS p', 'SLUICE-M07'],
    ['SELECT id FROM patients FORCE INDEX (uq_phone)', 'SLUICE-M11'],
    ['SELECT id FROM patients FORCE INDEX (tail)', 'SLUICE-M11'],
    ['SELECT id FROM patients USE INDEX (PRIMARY)', 'SELECT id FROM patients USE INDEX (PRIMARY)'],
    [
      'SELECT id FROM patients USE INDEX FOR JOIN (PRIMARY)',
      `SELECT id FROM patients ${IGNORE} USE INDEX FOR JOIN (PRIMARY)`,
    ],
    ['SELECT id FROM patients IGNORE KEY (ft)', `SELECT id FROM patients ${USE} IGNORE KEY (ft)`],
    ['TABLE patients', `SELECT * FROM patients ${USE}`],
    ['CREATE VIEW v AS SELECT id FROM patients', `CREATE VIEW v AS SELECT id FROM patients ${IGNORE}`],
    ['SELECT id FROM patients', 'SELECT id FROM patients USE INDEX ()', { temporary: ['patients'] }],
    ['SELECT id FROM patients FORCE INDEX FOR JOIN (PRIMARY)', 'SLUICE-M01', { temporary: ['patients'] }],
    [
      'WITH patients AS (SELECT 1 id) SELECT id FROM patients',
      'WITH patients AS (SELECT 1 id) SELECT id FROM patients',
    ],
    ['SELECT id FROM "patients" "p"', `SELECT id FROM "patients" "p" ${USE}`, { sqlMode: 'ANSI_QUOTES' }],
    ['SELECT 1;SELECT id FROM patients;SELECT 2', `SELECT 1;SELECT id FROM patients ${USE};SELECT 2`],
    ['UPDATE patients SET name = 1 LIMIT 1', `UPDATE patients ${USE} SET name = 1 LIMIT 1`],
    ['DELETE FROM patients', 'DELETE FROM patients'],
    ['DELETE FROM patients LIMIT 1', 'DELETE FROM patients LIMIT 1'],
    ['DELETE FROM patients WHERE clinic_id = 1 LIMIT 1', 'SLUICE-M11'],
    ['DELETE FROM patients ORDER BY name LIMIT 1', 'SLUICE-M11'],
    ['DELETE FROM patients ORDER BY name, id LIMIT 1', 'DELETE FROM patients ORDER BY name, id LIMIT 1'],
    ['DELETE FROM patients WHERE 1 LIMIT 1', 'DELETE FROM patients WHERE 1 LIMIT 1', { hides: 'leading' }],
    ['DELETE p FROM patients p', `DELETE p FROM patients p ${USE}`],
    // Names that the character set has no certain letters for are not among those that are used.
    ['SELECT id FROM patients', 'SELECT id FROM patients USE INDEX (`PRIMARY`, `ft`)', { charset: 'cp1251' }],
    ['SELECT id FROM patients', 'SELECT id FROM patients USE INDEX (`PRIMARY`, `ft`, `n``ä`)', { charset: 'latin1' }],
    ["PREPARE s FROM 'SELECT id FROM patients WHERE 1'", `PREPARE s FROM 'SELECT id FROM patients ${USE} WHERE 1'`],
    [
      "PREPARE s FROM 'SELECT ''a'', \\'b\\', \\\\\"\\\\%ä\\%\" FROM patients'",
      `PREPARE s FROM 'SELECT ''a'', \\'b\\', \\\\"\\\\%ä\\%" FROM patients ${USE}'`,
    ],
    [
      "EXECUTE IMMEDIATE 'SELECT ''\\'' FROM patients'",
      `EXECUTE IMMEDIATE 'SELECT ''\\'' FROM patients ${USE}'`,
      { family: 'mariadb', sqlMode: 'NO_BACKSLASH_ESCAPES' },
    ],
  ];

  for (const [sql, wanted, circumstances] of cases) {
    test(`${sql} ${JSON.stringify(circumstances ?? {})}`, () => assert.equal(sent(sql, circumstances), wanted));
  }

  test('within a literal of a multi-byte character set', () => {
    const letter = Buffer.from([0x81, 0x5c]);
    const text = Buffer.concat([Buffer.from("PREPARE s FROM 'SELECT ''"), letter, Buffer.from("'' FROM patients'")]);
    const wanted = `PREPARE s FROM 'SELECT ''\x81\\'' FROM patients USE INDEX (\`PRIMARY\`, \`ft\`)'`;
    assert.equal(sent(text, { charset: 'gbk' }), wanted);
  });

  test('names with quotes and backslashes within a literal', () => {
    const odd = {
      ...PATIENTS,
      indexes: [
        { name: 'uq', columns: ['phone'] },
        { name: `a'b\\c`, columns: ['name'] },
      ],
    };
    const sql = "PREPARE s FROM 'SELECT id FROM patients'";
    assert.equal(sent(sql, { tables: [odd] }), "PREPARE s FROM 'SELECT id FROM patients USE INDEX (`a''b\\\\c`)'");
  });

  test('a text of the same shape has its own places', () => {
    const judge = judgeOf({});
    for (const value of ['1', '1234567', "'a long literal'"]) {
      const sql = `SELECT ${value}, id FROM patients/* ${value} */WHERE id = ${value}`;
      assert.equal(sent(sql, {}, judge), `SELECT ${value}, id FROM patients ${USE}/* ${value} */WHERE id = ${value}`);
    }
  });

  test('servers with other indexes get what all of them have', () => {
    const other = {
      ...PATIENTS,
      indexes: PATIENTS.indexes?.filter(({ name }) => name !== 'ft' && name !== 'tail') ?? [],
    };
    const sql = 'SELECT id FROM patients';
    const text = Buffer.from(sql);
    const judges = [judgeOf({}), judgeOf({ tables: [other] }), judgeOf({ tables: [PLAIN] })];
    const list = judges.map((judge) => ({ judge, sqlMode: '' }));
    const state = mirroredState('clinic', undefined);
    const judgement = judgeText(
      { generation: 1, key: '', list },
      { text, schema: 'clinic', state, uncertain: false, multiStatements: false },
    );
    assert.equal(judgement.disagreement, false);
    assert.equal(judgement.sent?.toString(), `${sql} USE INDEX (\`PRIMARY\`, \`n\`\`ä\`)`);
    const ignoring = (hidden: string[]): TextEdit[] => [
      { from: 1, to: 1, form: 'ignore', indexes: { open: [], hidden, mixed: undefined }, quoting: [] },
    ];
    assert.equal(agreed([ignoring(['a']), ignoring(['b'])]), undefined);
  });

  test('what no hint hides is told', () => {
    const stored: CatalogTable = {
      ...PATIENTS,
      name: 'stored',
      indexes: [{ name: 'u', columns: ['phone'], unique: true }],
    };
    const view = (name: string, definition: string): CatalogTable => ({
      schema: 'clinic',
      name,
      columns: ['id'],
      view: { definition },
    });
    const catalog = catalogOf({
      tables: [
        PATIENTS,
        PLAIN,
        stored,
        view('v', 'select `p`.`id` from `clinic`.`patients` `p`'),
        view('hinted', 'select `p`.`id` from `clinic`.`patients` `p` USE INDEX (PRIMARY)'),
        view('w', 'select `id` from `clinic`.`plain`'),
      ],
      routines: [],
      triggers: [],
    });
    assert.deepEqual(ordersThatStay(POLICY, catalog, 'all'), [
      'rows of clinic.stored may come in the order of phone: they are stored by its index u',
      'rows of view clinic.v may come in the order of a protected column of clinic.patients: a view takes no index hint, its definition may',
    ]);
  });
});
