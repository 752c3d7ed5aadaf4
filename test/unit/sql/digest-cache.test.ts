import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DigestCache, type DigestCacheOptions, type DigestEntry } from '../../../src/sql/digest-cache.ts';
import { SessionEffect, type StatementFacts } from '../../../src/sql/facts.ts';

function lookup(cache: DigestCache, sql: string): DigestEntry {
  const bytes = Buffer.from(sql);
  return cache.lookup(bytes, 0, bytes.length);
}

function factsOf(cache: DigestCache, sql: string): StatementFacts {
  const bytes = Buffer.from(sql);
  return cache.factsOf(cache.lookup(bytes, 0, bytes.length), bytes, 0, bytes.length);
}

describe('DigestCache', () => {
  it('answers statements that differ in literals with one entry', () => {
    const cache = new DigestCache();
    const entry = lookup(cache, 'SELECT 1');
    assert.equal(lookup(cache, "SELECT  'x'"), entry);
    assert.notEqual(lookup(cache, 'select 1'), entry);
    assert.equal(entry.digestHex, '0x1C46AE529DD5A40E');
    assert.equal(entry.digest, 0x1c46ae529dd5a40en);
    assert.equal(entry.digestText, 'SELECT ?');
    assert.equal(cache.size, 2);
  });

  it('keeps what the session layer puts into the slot', () => {
    const cache = new DigestCache();
    lookup(cache, 'SELECT 1').slot = 'decided';
    assert.equal(lookup(cache, 'SELECT 2').slot, 'decided');
  });

  it('keeps bytes above 127 one to one', () => {
    const cache = new DigestCache();
    const bytes = Buffer.from('select é\xff', 'latin1');
    assert.deepEqual(Buffer.from(cache.lookup(bytes, 0, bytes.length).digestText, 'latin1'), bytes);
  });

  it('shows in the statistics no more than max_digest_length', () => {
    const cache = new DigestCache();
    const entry = lookup(cache, `select ${'a,'.repeat(2000)}a`);
    assert.equal(entry.digestText.length, 4008);
    assert.equal(entry.shownText.length, 2048);
  });

  it('finds facts afresh where the digest hides them, whichever statement came first', () => {
    // Both have the digest text "SELECT `a??".
    const harmless = "SELECT `a'b` FROM t WHERE x='1'";
    const locking = "SELECT `a'b`, GET_LOCK(1, 2), x='1'";
    for (const order of [
      [harmless, locking],
      [locking, harmless],
    ]) {
      const cache = new DigestCache();
      for (const sql of order) {
        const expected = sql === locking ? SessionEffect.GET_LOCK : 0;
        assert.equal(factsOf(cache, sql).effects & SessionEffect.GET_LOCK, expected, sql);
      }
      assert.equal(cache.size, 1);
    }
  });

  it('gives the facts of faithful statements from the entry once one was seen', () => {
    const cache = new DigestCache();
    factsOf(cache, "SELECT a FROM t WHERE b='x\\n'");
    const facts = factsOf(cache, "SELECT a FROM t WHERE b='x'");
    assert.equal(factsOf(cache, "SELECT a FROM t WHERE b='y'"), facts);
  });

  it('looks at the statement itself for charsets whose characters may end in a backslash', () => {
    const cache = new DigestCache();
    const bytes = Buffer.from([...Buffer.from('select `'), 0xbf, 0x60, ...Buffer.from(', 1')]);
    const entry = cache.lookup(bytes, 0, bytes.length);
    const facts = cache.factsOf(entry, bytes, 0, bytes.length, { asciiTrailBytes: true });
    assert.notEqual(facts.effects & SessionEffect.OPAQUE, 0);
  });

  it('holds no more entries than its limit, and those used again stay', () => {
    const cache = new DigestCache({ entriesMax: 100 });
    const kept = lookup(cache, 'select kept');
    for (let i = 0; i < 1000; i += 1) {
      lookup(cache, `select c${i}`);
      assert.equal(lookup(cache, 'select kept'), kept);
      assert.ok(cache.size <= 100);
    }
    assert.equal(cache.size, 100);
  });

  it('holds no more bytes than its limit', () => {
    const options: DigestCacheOptions = { bytesMax: 64_000 };
    const cache = new DigestCache(options);
    for (let i = 0; i < 1000; i += 1) lookup(cache, `select ${'x'.repeat(500)}${i}`);
    assert.ok(cache.bytes <= 64_000);
    assert.ok(cache.size > 100);
    const size = cache.size;
    // Too large for the cache: answered and not kept.
    const entry = lookup(cache, `select ${'y,'.repeat(1000)}1`);
    assert.equal(entry.facts.kind, 'select');
    assert.equal(cache.size, size);
    cache.clear();
    assert.equal(cache.size, 0);
    assert.equal(cache.bytes, 0);
  });

  it('tells texts with the same fast hash apart', () => {
    // The limit keeps the table small enough that chains are made and broken many times over.
    const cache = new DigestCache({ entriesMax: 50 });
    for (let round = 0; round < 20; round += 1) {
      for (let i = 0; i < 200; i += 1)
        assert.equal(lookup(cache, `select c${i} from t`).digestText, `select c${i} from t`);
    }
  });

  it('finds both of two texts whose fast hashes collide', () => {
    const [one, other] = COLLISION;
    const cache = new DigestCache({ entriesMax: 2 });
    const first = lookup(cache, one);
    const second = lookup(cache, other);
    assert.notEqual(first, second);
    assert.equal(lookup(cache, one), first);
    assert.equal(lookup(cache, other), second);
    // Pushing one out of the chain leaves the other in it.
    for (const sql of ['select x', 'select y', one, other, 'select z', one]) {
      assert.equal(lookup(cache, sql).digestText, sql);
    }
  });
});

/** Two digest texts with one FNV-1a hash, found by search. */
const COLLISION: readonly [string, string] = ['select mumzf', 'select wplpp'];
