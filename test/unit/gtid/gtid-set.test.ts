import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GtidSet, gtidIntervalsMax, parseGtidSet } from '../../../src/gtid/gtid-set.ts';
import { ReaderState } from '../../../src/gtid/reader-protocol.ts';

const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const B = '8a94f357-aab4-11df-86ab-c80aa9429562';

function set(text: string): GtidSet {
  const parsed = parseGtidSet(text);
  assert.ok(parsed !== undefined, text);
  return parsed;
}

describe('sets of transaction ids', () => {
  test('texts are read, and runs that touch become one', () => {
    assert.equal(set(`${A}:1-5:7,\n${B}:9`).toString(), `${A}:1-5,${A}:7-7,${B}:9-9`);
    assert.equal(set(`${A}:3-4:1:2:9-12:5-8`).toString(), `${A}:1-12`);
    assert.equal(set(A.replaceAll('-', '').toUpperCase().concat(':4')).toString(), `${A}:4-4`);
    assert.equal(set(`${A}:1-3:backup:2,${A}:4`).toString(), `${A}:1-4,${A}:backup:2-2`);
    assert.ok(set('').empty);
  });

  test('what is in them, and what is not', () => {
    const executed = set(`${A}:1-5:8-9:20`);
    for (const inside of ['1', '5', '1-5', '3:8', '20']) assert.ok(executed.containsAll(set(`${A}:${inside}`)), inside);
    for (const outside of ['6', '5-6', '4-8', '7-8', '21', '19-20', '1:7'])
      assert.ok(!executed.containsAll(set(`${A}:${outside}`)), outside);
    assert.ok(!executed.containsAll(set(`${B}:1`)));
    assert.ok(!executed.containsAll(set(`${A}:backup:1`)));
    assert.ok(executed.containsAll(set('')));
  });

  test('runs added in any order make the same set as their numbers', () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * below);
    };
    for (let round = 0; round < 200; round++) {
      const made = new GtidSet();
      const numbers = new Set<number>();
      for (let count = 0; count < 12; count++) {
        const first = 1 + random(40);
        const last = first + random(6);
        assert.ok(made.add(A, { first, last }));
        for (let number = first; number <= last; number++) numbers.add(number);
      }
      for (let number = 1; number <= 50; number++)
        assert.equal(made.contains(A, { first: number, last: number }), numbers.has(number));
      const runs = [...numbers].filter((number) => !numbers.has(number - 1)).length;
      assert.equal([...made.entries()].length, runs);
    }
  });

  test('what is no set is refused', () => {
    for (const text of [
      'x',
      A,
      `${A}:`,
      `${A}:0`,
      `${A}:5-4`,
      `${A}:1-`,
      `${A}:-1`,
      `${A}:1:`,
      `${A}:1,`,
      `${A}:9007199254740993`,
      `${A}:99999999999999999999`,
      `${A}:tag`,
      `${A}:tag:other:1`,
      `${A}x:1`,
      `${A}:1e3`,
    ])
      assert.equal(parseGtidSet(text), undefined, text);
  });

  test('a set does not grow without end', () => {
    const made = new GtidSet();
    for (let at = 0; at < gtidIntervalsMax; at++) made.add(A, { first: 2 * at + 1, last: 2 * at + 1 });
    assert.ok(!made.add(A, { first: 3 * gtidIntervalsMax, last: 3 * gtidIntervalsMax }));
    assert.ok(made.add(A, { first: 2, last: 2 }), 'a run that joins two makes it smaller');
  });
});

describe('what a reader of binary logs says', () => {
  const hex = A.replaceAll('-', '');

  test('the set at the beginning, then one after the other', () => {
    const state = new ReaderState();
    for (const line of [`ST=${A}:1-5,${A}:8`, `I1=${hex}:6`, 'I2=7', '', `I3=${B}:1-3`, 'I4=4-6'])
      assert.ok(state.line(line), line);
    assert.equal(state.executed.toString(), `${A}:1-8,${B}:1-6`);
    assert.equal(state.events, 5);
    assert.ok(state.line('ST='));
    assert.ok(state.executed.empty, 'another connection begins anew');
  });

  test('a line without sense is noticed', () => {
    for (const line of [
      'I2=7',
      'I1=7',
      `I1=x:7`,
      `I1=${hex}:x`,
      `I3=${hex}:9-8`,
      'ST=x',
      'XX',
      'I5=1',
      'GET / HTTP/1.1',
    ])
      assert.ok(!new ReaderState().line(line), line);
  });
});
