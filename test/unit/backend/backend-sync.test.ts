import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { canReachSchema, planSync, stepSql, stepsInstead } from '../../../src/backend/backend-sync.ts';
import { mirroredState, withNames, withSchema, withVariables } from '../../../src/backend/mirrored-state.ts';

const MARIADB = { mariadb: true, ignoreSpace: false };
const MYSQL = { mariadb: false, ignoreSpace: false };
const UTF8MB4 = { charset: 'utf8mb4', collation: 'utf8mb4_general_ci' };
const fresh = mirroredState('', UTF8MB4);

function sqlOf(steps: ReturnType<typeof planSync>): string[] {
  return steps.map((step) => {
    if (step.kind === 'set-option') return `several statements: ${step.multiStatements}`;
    return step.kind === 'init-db' ? `USE ${step.schema}` : stepSql(step);
  });
}

describe('making a backend connection look like a session', () => {
  it('does nothing when it does already', () => {
    assert.deepEqual(planSync(fresh, mirroredState('', UTF8MB4), MARIADB), []);
  });

  it('sets character set, schema and variables, in that order', () => {
    const wanted = withVariables(withNames(withSchema(fresh, 'clinic'), { charset: 'latin1', collation: '' }), [
      ['sql_mode', "'ANSI'"],
      ['time_zone', "'+01:00'"],
    ]);
    const steps = planSync(fresh, wanted, MARIADB);
    assert.deepEqual(sqlOf(steps), [
      'SET NAMES latin1',
      'USE clinic',
      "SET SESSION sql_mode = 'ANSI', SESSION time_zone = '+01:00'",
    ]);
    assert.equal(steps.at(-1)?.reached.key, wanted.key);
  });

  it('leads into a schema from wherever it is, and out of all of them from nowhere', () => {
    const unknown = withSchema(fresh, undefined);
    for (const actual of [fresh, withSchema(fresh, 'other'), unknown]) {
      assert.ok(canReachSchema(actual, 'clinic'));
      assert.deepEqual(sqlOf(planSync(actual, withSchema(fresh, 'clinic'), MARIADB)), ['USE clinic']);
    }
    assert.deepEqual(
      [fresh, withSchema(fresh, 'other'), unknown].map((actual) => canReachSchema(actual, '')),
      [true, false, false],
    );
    assert.notEqual(unknown.key, fresh.key);
    for (const schema of ['?', '0 ', `utf8mb4\0`]) assert.notEqual(withSchema(fresh, schema).key, unknown.key);
  });

  it('puts back what another session had set', () => {
    const used = withVariables(fresh, [
      ['sql_mode', "'ANSI'"],
      ['autocommit', '0'],
    ]);
    assert.deepEqual(sqlOf(planSync(used, fresh, MARIADB)), ['SET SESSION sql_mode = DEFAULT, SESSION autocommit = 1']);
  });

  it('keeps what the login said with CLIENT_IGNORE_SPACE when sql_mode goes back to its default', () => {
    const used = withVariables(fresh, [['sql_mode', "'ANSI'"]]);
    assert.deepEqual(sqlOf(planSync(used, fresh, { mariadb: true, ignoreSpace: true })), [
      "SET SESSION sql_mode = CONCAT_WS(',', NULLIF(@@GLOBAL.sql_mode, ''), 'IGNORE_SPACE')",
    ]);
  });

  it('sets everything again after a reset, of which nothing is known', () => {
    const afterReset = mirroredState('clinic', undefined);
    assert.deepEqual(sqlOf(planSync(afterReset, withSchema(fresh, 'clinic'), MARIADB)), [
      'SET NAMES utf8mb4 COLLATE utf8mb4_general_ci',
    ]);
  });

  it('names no collation that only the other server family has', () => {
    const mysql9 = withNames(fresh, { charset: 'utf8mb4', collation: 'utf8mb4_0900_ai_ci' });
    assert.deepEqual(sqlOf(planSync(fresh, mysql9, MARIADB)), ['SET NAMES utf8mb4']);
    assert.deepEqual(sqlOf(planSync(fresh, mysql9, MYSQL)), ['SET NAMES utf8mb4 COLLATE utf8mb4_0900_ai_ci']);
  });

  it('uses the names of the server family', () => {
    const wanted = withVariables(fresh, [['transaction_isolation', "'READ-COMMITTED'"]]);
    assert.deepEqual(sqlOf(planSync(fresh, wanted, MARIADB)), ["SET SESSION tx_isolation = 'READ-COMMITTED'"]);
    assert.deepEqual(sqlOf(planSync(fresh, wanted, MYSQL)), ["SET SESSION transaction_isolation = 'READ-COMMITTED'"]);
  });

  it('forgets the single character set variables at SET NAMES, as the server does', () => {
    const single = withVariables(fresh, [['character_set_results', 'NULL']]);
    assert.equal(withNames(single, UTF8MB4).key, fresh.key);
    const other = withNames(fresh, { charset: 'latin1', collation: '' });
    assert.deepEqual(sqlOf(planSync(single, other, MARIADB)), ['SET NAMES latin1']);
  });

  it('leaves out a variable the server does not have, and only that', () => {
    const wanted = withVariables(fresh, [
      ['sql_generate_invisible_primary_key', '1'],
      ['sql_mode', "''"],
    ]);
    const [set] = planSync(fresh, wanted, MARIADB);
    assert.ok(set !== undefined);
    const single = stepsInstead(set, 1193) ?? [];
    assert.deepEqual(sqlOf(single), [
      'SET SESSION sql_generate_invisible_primary_key = 1',
      "SET SESSION sql_mode = ''",
    ]);
    assert.deepEqual(stepsInstead(single[0] as typeof set, 1193), []);
    assert.equal(stepsInstead(single[1] as typeof set, 1231), undefined, 'a wrong value is the client’s to hear of');
  });

  it('knows that max_join_size sets sql_big_selects, and says it in that order', () => {
    const limited = withVariables(fresh, [['max_join_size', '2']]);
    const free = withVariables(limited, [['sql_big_selects', '1']]);
    assert.equal(withVariables(free, [['max_join_size', '2']]).key, limited.key);
    assert.deepEqual(sqlOf(planSync(free, limited, MARIADB)), ['SET SESSION sql_big_selects = 0']);
    assert.deepEqual(sqlOf(planSync(fresh, free, MARIADB)), [
      'SET SESSION max_join_size = 2, SESSION sql_big_selects = 1',
    ]);
    const onlyFree = withVariables(fresh, [['sql_big_selects', '1']]);
    assert.deepEqual(sqlOf(planSync(free, onlyFree, MARIADB)), [
      'SET SESSION max_join_size = DEFAULT, SESSION sql_big_selects = 1',
    ]);
    assert.equal(withVariables(free, [['max_join_size', 'DEFAULT']]).key, fresh.key);
    const unlimited = withVariables(fresh, [['max_join_size', '18446744073709551615']]);
    assert.equal(unlimited.variables.get('sql_big_selects'), '1');
  });

  it('tells apart states that differ in one value only', () => {
    const a = withVariables(fresh, [['sql_mode', "'ANSI'"]]);
    const b = withVariables(fresh, [['sql_mode', "'TRADITIONAL'"]]);
    assert.notEqual(a.key, b.key);
    assert.equal(withVariables(a, [['sql_mode', 'DEFAULT']]).key, fresh.key);
  });
});
