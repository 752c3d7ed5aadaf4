import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatDigest, SpookyHash, spookyHash64 } from '../../../src/sql/spooky-hash.ts';
import { fc } from '../../helpers/properties.ts';

function hash(text: string): string {
  const bytes = Buffer.from(text);
  return formatDigest(spookyHash64(bytes, 0, bytes.length));
}

describe('SpookyHash V2', () => {
  it('gives the digests that ProxySQL shows', () => {
    assert.equal(hash('SELECT ?'), '0x1C46AE529DD5A40E');
    assert.equal(hash('BEGIN'), '0xFAD1519E4760CBDE');
    assert.equal(hash(''), '0x232706FC6BF50919');
    const groups = `${'(?,?,?,...),'.repeat(10)}...`;
    assert.equal(hash(`INSERT INTO t VALUES ${groups}`), '0xC11282A52F04B854');
    assert.equal(hash(`INSERT INTO t VALUES ${Array(12).fill('(?,?)').join(',')}`), '0xCFFEBB0596DFB4CF');
  });

  it('hashes pieces as it hashes the whole, in the short form and the long', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 8 }), (pieces) => {
        const whole = Buffer.concat(pieces);
        const inPieces = new SpookyHash(19n, 3n);
        for (const piece of pieces) inPieces.update(piece);
        const atOnce = new SpookyHash(19n, 3n);
        atOnce.update(whole);
        assert.deepEqual(inPieces.final(), atOnce.final());
      }),
    );
  });

  it('depends on every byte and on the seed', () => {
    for (const length of [1, 15, 16, 31, 32, 100, 191, 192, 193, 288, 500]) {
      const bytes = Buffer.alloc(length, 0x61);
      const before = spookyHash64(bytes, 0, length);
      assert.notEqual(spookyHash64(bytes, 0, length, 1n), before);
      for (let i = 0; i < length; i += 7) {
        bytes[i] = 0x62;
        assert.notEqual(spookyHash64(bytes, 0, length), before, `byte ${i} of ${length}`);
        bytes[i] = 0x61;
      }
    }
  });
});
