/**
 * What the query cache keeps, for how long, and what it lets go when it is full.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Counters } from '../../../src/observe/counters.ts';
import { Capture } from '../../../src/query-cache/capture.ts';
import { type CachedAnswer, QueryCache } from '../../../src/query-cache/query-cache.ts';

const KIB = 1024;

function cacheOf(bytesMax = 1024 * KIB): { cache: QueryCache; counters: Counters } {
  const counters = new Counters();
  const cache = new QueryCache(counters);
  cache.setBytesMax(bytesMax);
  return { cache, counters };
}

function answer(text: string, rows = 1): CachedAnswer {
  return { bytes: Buffer.from(text), rows };
}

describe('query cache', () => {
  test('an answer is given until its time is over, and not longer than the rule of now allows', () => {
    const { cache, counters } = cacheOf();
    cache.set('k', answer('one'), 1000, 0);
    assert.equal(cache.get('k', 1000, 0, 999)?.bytes.toString(), 'one');
    assert.equal(cache.get('k', 1000, 0, 1000), undefined);
    assert.equal(cache.get('k', 100, 0, 100), undefined, 'the TTL of now is shorter');
    assert.equal(cache.get('k', 5000, 0, 1000), undefined, 'the TTL of then was shorter');
    assert.equal(cache.get('other', 1000, 0, 0), undefined);
    assert.equal(counters.Query_Cache_count_GET, 5);
    assert.equal(counters.Query_Cache_count_GET_OK, 1);
    assert.equal(counters.Query_Cache_bytes_OUT, 3);
  });

  test('after the soft TTL one caller refreshes it and the others are served meanwhile', () => {
    const { cache } = cacheOf();
    cache.set('k', answer('old'), 1000, 0);
    assert.equal(cache.get('k', 1000, 50, 499)?.bytes.toString(), 'old');
    assert.equal(cache.get('k', 1000, 50, 500), undefined, 'this one asks the server');
    assert.equal(cache.get('k', 1000, 50, 600)?.bytes.toString(), 'old');
    cache.set('k', answer('new'), 1000, 700);
    assert.equal(cache.get('k', 1000, 50, 1100)?.bytes.toString(), 'new');
  });

  test('never holds more than its budget: what was not used for longest goes first', () => {
    const { cache, counters } = cacheOf(10 * KIB);
    const big = 'x'.repeat(3 * KIB);
    for (const key of ['a', 'b', 'c']) cache.set(key, answer(big), 60_000, 0);
    cache.get('a', 60_000, 0, 1);
    cache.set('d', answer(big), 60_000, 2);
    assert.ok(counters.Query_Cache_Memory_bytes <= 10 * KIB);
    assert.equal(cache.get('b', 60_000, 0, 3), undefined);
    assert.notEqual(cache.get('a', 60_000, 0, 3), undefined);
    assert.equal(counters.Query_Cache_Purged, 1);
    cache.set('huge', answer('y'.repeat(11 * KIB)), 60_000, 4);
    assert.equal(cache.get('huge', 60_000, 0, 5), undefined);
    cache.setBytesMax(0);
    assert.equal(counters.Query_Cache_Entries, 0);
    assert.equal(counters.Query_Cache_Memory_bytes, 0);
  });

  test('the sweep forgets what is over, in slices, and a flush everything', () => {
    const { cache, counters } = cacheOf(100 * 1024 * KIB);
    for (let i = 0; i < 5000; i += 1) cache.set(`k${i}`, answer('v'), i % 2 === 0 ? 10 : 60_000, 0);
    for (let i = 0; i < 4; i += 1) cache.sweep(100);
    assert.equal(counters.Query_Cache_Entries, 2500);
    cache.flush();
    assert.equal(counters.Query_Cache_Entries, 0);
    assert.equal(counters.Query_Cache_Memory_bytes, 0);
  });
});

describe('capture of an answer', () => {
  const capture = (options: { bytesMax?: number; keepEmpty?: boolean; keepWithWarnings?: boolean }) => {
    const kept: CachedAnswer[] = [];
    const tee = new Capture({
      bytesMax: 10,
      keepEmpty: true,
      keepWithWarnings: false,
      ...options,
      keep: (k) => kept.push(k),
    });
    return { tee, kept };
  };

  test('keeps the bytes of a result set, in a buffer of their own', () => {
    const { tee, kept } = capture({});
    const chunk = Buffer.from('hello');
    tee.take(chunk);
    tee.take(Buffer.from('world'));
    tee.end({ ended: 'resultset', rows: 2, warnings: 0 });
    chunk.fill(0);
    assert.deepEqual(kept, [{ bytes: Buffer.from('helloworld'), rows: 2 }]);
  });

  test('keeps no error, no OK, nothing too long, nothing empty or with warnings unless told to', () => {
    for (const [end, options, keeps] of [
      [{ ended: 'error', rows: 0, warnings: 0 }, {}, false],
      [{ ended: 'ok', rows: 0, warnings: 0 }, {}, false],
      [{ ended: 'resultset', rows: 1, warnings: 0 }, { bytesMax: 4 }, false],
      [{ ended: 'resultset', rows: 0, warnings: 0 }, { keepEmpty: false }, false],
      [{ ended: 'resultset', rows: 0, warnings: 0 }, {}, true],
      [{ ended: 'resultset', rows: 1, warnings: 1 }, {}, false],
      [{ ended: 'resultset', rows: 1, warnings: 1 }, { keepWithWarnings: true }, true],
    ] as const) {
      const { tee, kept } = capture(options);
      tee.take(Buffer.from('12345'));
      tee.end(end);
      assert.equal(kept.length, keeps ? 1 : 0, JSON.stringify([end, options]));
    }
  });
});
