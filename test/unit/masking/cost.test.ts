/**
 * What a judgement may cost: texts made to be expensive are refused or judged in a time that is bounded, whatever their
 * size, and none of them overflows the stack. SLUICE_MASKING_COST_BYTES says how long they are (default 32 KiB).
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Judge } from '../../../src/masking/judge.ts';
import { clinicCatalog, clinicPolicy } from '../../helpers/masking/clinic.ts';

const BYTES = Number(process.env.SLUICE_MASKING_COST_BYTES ?? 32 * 1024);
/** Of the CPU, generous: it is some tenths of a second. Without limits the first shapes took many seconds. */
const CPU_MS_MAX = 4_000;

const filled = (part: string, bytes = BYTES): string => part.repeat(Math.ceil(bytes / part.length));
const numbered = (count: number, part: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => part(i)).join('');

const SHAPES: Readonly<Record<string, string>> = {
  'same aliases, used again and again': `SELECT ${filled('id a,', 40_000)} 1 FROM patients HAVING ${filled('a+')} 1`,
  'same names of a derived table': `SELECT ${filled('a+')} 1 FROM (SELECT ${filled('id a,', 40_000)} 1 FROM patients) t`,
  'branches of a UNION': `SELECT phone FROM patients${filled(' UNION SELECT 1')}`,
  columns: `SELECT id${filled(',name')} FROM patients`,
  conditions: `SELECT id FROM patients WHERE id=1${filled(' OR name=1')}`,
  'joins with USING': `SELECT * FROM patients${numbered(BYTES >> 4, (i) => ` JOIN clinics c${i} USING (id)`)}`,
  subqueries: `SELECT 1 FROM patients WHERE 1${filled(' OR (SELECT id FROM patients p WHERE p.id=patients.id)')}`,
  'subqueries around names that nobody has':
    numbered(60, (i) => `SELECT 1 FROM clinics c${i}, guesses g${i} WHERE EXISTS(`) +
    `SELECT 1 FROM patients WHERE ${filled('zz=1 OR ')} 1${')'.repeat(60)}`,
  'common tables': `WITH c0 AS (SELECT id FROM patients)${numbered(BYTES >> 6, (i) => `,c${i + 1} AS (SELECT * FROM c${i})`)} SELECT * FROM c1`,
  statements: `SELECT id FROM patients;${filled('SELECT 1;')}`,
  'statements that are none': `SELECT id FROM patients;${filled('FOO;')}`,
  'SET STATEMENT in front of itself': `${filled('SET STATEMENT a=1 FOR ')}SELECT id FROM patients`,
  'outer joins in braces': `SELECT 1 FROM ${filled('{OJ ')}patients`,
  parentheses: `SELECT ${filled('(')}phone${filled(')')} FROM patients`,
  'parentheses around a table': `SELECT id FROM ${filled('(')}patients${filled(')')}`,
  'sort keys': `SELECT id FROM patients ORDER BY id${filled(',name')}`,
  'names beyond ASCII': `SELECT ${filled('ä,')} 1 FROM patients`,
  'one long name': `SELECT ${filled('ä')} FROM patients`,
};

describe('the cost of a judgement', () => {
  const judge = new Judge(clinicPolicy(), clinicCatalog(), { family: 'mysql', version: 90_700 });
  const verdicts = (sql: string) =>
    judge.judge({ text: Buffer.from(sql), schema: 'clinic', sqlMode: '', charset: 'utf8mb4', multiStatements: true });

  for (const [name, sql] of Object.entries(SHAPES)) {
    test(name, () => {
      const before = process.cpuUsage();
      const last = verdicts(sql).at(-1);
      const { user, system } = process.cpuUsage(before);
      assert.ok((user + system) / 1000 < CPU_MS_MAX, `${(user + system) / 1000} ms`);
      assert.doesNotMatch(last?.kind === 'refuse' ? last.refusal.message : '', /the judge failed/);
    });
  }

  test('large honest texts are judged', () => {
    const bulk = `INSERT INTO patients (id, name, note) VALUES (1, 'a', NULL)${filled(", (2, 'it''s', NULL)", 4 * BYTES)}`;
    const list = `SELECT id, name FROM patients WHERE id IN (1${filled(',12345', 4 * BYTES)})`;
    for (const sql of [bulk, list])
      assert.deepEqual(
        verdicts(sql).map(({ kind }) => kind),
        ['pass'],
      );
    const batch = filled('UPDATE patients SET city = 1 WHERE id = 2;', 32 * 1024);
    assert.ok(verdicts(batch).every(({ kind }) => kind === 'pass'));
  });
});
