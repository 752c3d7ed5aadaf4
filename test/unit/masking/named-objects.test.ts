import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Judge } from '../../../src/masking/judge.ts';
import { clinicCatalog, clinicPolicy } from '../../helpers/masking/clinic.ts';

/** What the text names that the clinic does not have, without the schema. */
function unfamiliar(sql: string, judge = clinicJudge(), sqlMode = ''): string[] {
  const context = { text: Buffer.from(sql), schema: 'clinic', sqlMode, charset: 'utf8mb4', multiStatements: false };
  return judge.unfamiliar({ ...context, temporary: new Set(['mine']) }).map((key) => key.replace('\0', '.'));
}

function clinicJudge(): Judge {
  return new Judge(clinicPolicy(), clinicCatalog(), { family: 'mysql', version: 90_700 });
}

describe('names that a catalog does not have', () => {
  for (const sql of [
    'SELECT id, name AS x FROM patients p WHERE p.id IN (1, 2) ORDER BY x, name',
    'SELECT COUNT(*), MAX(a.id) FROM clinic.appointments AS a, `clinics` c JOIN (guesses g, v_safe) USING (id, city)',
    "INSERT IGNORE INTO scratch (id, v) VALUES (1, 'x'), (2, DEFAULT) ON DUPLICATE KEY UPDATE v = VALUES(v), id = 3",
    'INSERT INTO scratch (v) SELECT name FROM patients ON DUPLICATE KEY UPDATE v = 1',
    'UPDATE LOW_PRIORITY patients p, clinics c SET p.city = c.city, p.note = 1 WHERE p.id = c.id LIMIT 3',
    'DELETE FROM guesses WHERE id = 1',
    'SELECT id FROM patients FOR UPDATE OF patients SKIP LOCKED',
    'SELECT (SELECT 1 FROM clinics c WHERE c.id = p.id), p.id FROM patients p',
    'SELECT twice(2), clinic.twice(3) FROM dual',
    'SELECT * FROM mine',
    'CALL count_patients()',
    'COMMIT; SELECT 1',
  ]) {
    test(`none in ${sql}`, () => assert.deepEqual(unfamiliar(sql), []));
  }

  for (const [sql, names] of [
    ['SELECT 1 FROM v_past', ['clinic.v_past']],
    ['SELECT 1 FROM patients p, `V_Past` v', ['clinic.v_past']],
    [
      'SELECT 1 FROM patients p JOIN other . v_past ON f(p.id, 1) = 2, second',
      ['other.v_past', 'clinic.f', 'clinic.second'],
    ],
    ['SELECT 1 FROM patients WHERE id IN (SELECT x FROM (SELECT y FROM v_past) t)', ['clinic.v_past']],
    ['(SELECT 1) UNION TABLE v_past', ['clinic.v_past']],
    ['SELECT 1 /*!50000 FROM v_past */', ['clinic.v_past']],
    ['INSERT v_past VALUES (1)', ['clinic.v_past']],
    ['REPLACE INTO scratch SELECT 1, past_f(2)', ['clinic.past_f']],
    ['UPDATE v_past SET a = 1', ['clinic.v_past']],
    ['SELECT other.get(1)', ['other.get']],
    // A server's own functions are looked for once.
    ['SELECT EXTRACT(YEAR FROM created_at), TRIM(BOTH x FROM name) FROM patients', ['clinic.extract', 'clinic.trim']],
    ['CALL past_p(1)', ['clinic.past_p']],
    ['SELECT 1; SELECT 2 FROM v_past', ['clinic.v_past']],
    ['SELECT 1 FROM `größe`', ['clinic.grÃ¶Ã\u009fe']],
  ] as const) {
    test(`${names.length} in ${sql}`, () => assert.deepEqual(unfamiliar(sql), names));
  }

  test('double quotes are names when the session says so', () => {
    assert.deepEqual(unfamiliar('SELECT 1 FROM "v_past"', clinicJudge(), 'ANSI_QUOTES'), ['clinic.v_past']);
    assert.deepEqual(unfamiliar('SELECT "x" FROM patients', clinicJudge()), []);
  });

  test('a name that was looked for is familiar', () => {
    const judge = clinicJudge();
    const context = { schema: 'clinic', sqlMode: '', charset: 'utf8mb4', multiStatements: false };
    const names = judge.unfamiliar({ ...context, text: Buffer.from('SELECT 1 FROM typo') });
    judge.settle(names);
    assert.deepEqual(unfamiliar('SELECT 2 FROM typo', judge), []);
  });
});
