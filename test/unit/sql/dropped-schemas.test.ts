import assert from 'node:assert/strict';
import { test } from 'node:test';
import { droppedSchemas } from '../../../src/sql/dropped-schemas.ts';

test('the schemas that a text drops', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['DROP DATABASE app', ['app']],
    ['drop schema if exists `a``b`;', ['a`b']],
    ['/* x */ DROP /* y */ DATABASE\n\tIF EXISTS app -- gone', ['app']],
    ['DROP DATABASE a; DROP DATABASE `b`', ['a', 'b']],
    ['DROP TABLE app', []],
  ];
  for (const [text, names] of cases) assert.deepEqual(droppedSchemas(text), names, text);
});
