import assert from 'node:assert/strict';
import { test } from 'node:test';
import { droppedSchemas, soleDroppedSchema } from '../../../src/sql/dropped-schemas.ts';

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

test('the schema of a text that drops it and does nothing else', () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['DROP DATABASE app', 'app'],
    ['/* x */ drop schema if exists `a``b` /* y */ ;\n', 'a`b'],
    ['DROP DATABASE app; CREATE DATABASE app', undefined],
    ['DROP DATABASE app -- gone', undefined],
    ["SELECT 'DROP DATABASE app'", undefined],
    [`DROP DATABASE app${' '.repeat(100_000)}x`, undefined],
  ];
  for (const [text, name] of cases) assert.equal(soleDroppedSchema(text), name, text.slice(0, 50));
});
