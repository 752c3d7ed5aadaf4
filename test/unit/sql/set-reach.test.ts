/** Which SET statements may be said again on another server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SetReach, setReach } from '../../../src/sql/set-reach.ts';

const CASES: Readonly<Record<SetReach, readonly string[]>> = {
  repeatable: [
    'SET profiling = 1',
    'set session max_error_count = 5, div_precision_increment=@@global.div_precision_increment;',
    "/* a tool */ SET x = 'a(b', y = '@c'",
    "SET optimizer_switch = 'a=on,b=off'",
    'SET ROLE reader',
  ],
  'user-variables': ['SET @a = 1', 'SET @a := 1, @b = @a'],
  nothing: [
    'SET GLOBAL x = 1',
    'SET PERSIST x = 1, @@global.y = 2',
    "SET PASSWORD = 'secret'",
    'SET DEFAULT ROLE a TO b',
  ],
  bound: [
    'SET x = LENGTH(1)',
    'SET @a = 1, sql_notes = 0',
    'SET sql_mode = @old',
    'SET GLOBAL x = 1, y = 2',
    'SET INSERT_ID = 5',
    'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    "SET x = 'a\\'b'",
    'SET x = 1 -- why',
    '/*!40101 SET x = 1 */',
    "SET x = 'open",
  ],
};

for (const [reach, texts] of Object.entries(CASES)) {
  test(`SETs that are ${reach}`, () => {
    for (const text of texts) assert.equal(setReach(text), reach, text);
  });
}
