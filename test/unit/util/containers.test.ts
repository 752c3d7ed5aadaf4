import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AssertionFailed, assertNever, assert as assertThat } from '../../../src/util/assert.ts';
import { LruMap } from '../../../src/util/lru-map.ts';
import { RingQueue } from '../../../src/util/ring-queue.ts';
import { fc } from '../../helpers/properties.ts';

describe('assert', () => {
  it('throws what says that it is a bug', () => {
    assertThat(true, 'fine');
    assert.throws(() => assertThat(false, 'queue is empty'), AssertionFailed);
    assert.throws(() => assertNever('x' as never, 'phase'), /unexpected phase: "x"/);
  });
});

describe('LruMap', () => {
  it('forgets the entry used longest ago', () => {
    const evicted: string[] = [];
    const map = new LruMap<string, number>({ entriesMax: 2, onEvict: (key) => evicted.push(key) });
    map.set('a', 1);
    map.set('b', 2);
    assert.equal(map.get('a'), 1);
    map.set('c', 3);
    assert.deepEqual(evicted, ['b']);
    assert.deepEqual(
      [...map.entries()],
      [
        ['a', 1],
        ['c', 3],
      ],
    );
  });

  it('does not count a peek as use, nor a new value as a second entry', () => {
    const map = new LruMap<string, number>({ entriesMax: 2 });
    map.set('a', 1);
    map.set('b', 2);
    assert.equal(map.peek('a'), 1);
    map.set('b', 3);
    map.set('c', 4);
    assert.equal(map.has('a'), false);
    assert.equal(map.size, 2);
    assert.equal(map.delete('c'), true);
    map.clear();
    assert.equal(map.size, 0);
  });

  it('needs a limit', () => {
    assert.throws(() => new LruMap({ entriesMax: 0 }), AssertionFailed);
  });
});

describe('RingQueue', () => {
  it('gives out what was put in, in that order, as an array does', () => {
    const operation = fc.oneof(
      fc.nat(100).map((n) => ['push', n] as const),
      fc.constant(['shift', 0] as const),
      fc.nat(100).map((n) => ['remove', n] as const),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const queue = new RingQueue<number>();
        const model: number[] = [];
        for (const [what, n] of operations) {
          if (what === 'push') {
            queue.push(n);
            model.push(n);
          } else if (what === 'shift') {
            assert.equal(queue.shift(), model.shift());
          } else {
            const at = model.indexOf(n);
            assert.equal(
              queue.removeFirst((value) => value === n),
              at < 0 ? undefined : n,
            );
            if (at >= 0) model.splice(at, 1);
          }
          assert.deepEqual([...queue], model);
          assert.equal(queue.length, model.length);
          assert.equal(queue.peek(), model[0]);
          assert.equal(queue.peekLast(), model.at(-1));
        }
      }),
    );
  });

  it('is empty after clear', () => {
    const queue = new RingQueue<number>();
    for (let i = 0; i < 20; i += 1) queue.push(i);
    queue.clear();
    assert.equal(queue.shift(), undefined);
    assert.equal(queue.length, 0);
  });
});
