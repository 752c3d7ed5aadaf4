import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import {
  cachingSha2Hash,
  decryptPassword,
  encryptPassword,
  isCachingSha2Hash,
  sha2Scramble,
  sha256OfSha256,
  verifyCachedSha2Hash,
  verifySha2Fast,
} from '../../../src/auth/caching-sha2.ts';
import { nativeHash, nativeScramble, nativeSha1, verifyNative } from '../../../src/auth/native-password.ts';
import { createNonce } from '../../../src/auth/nonce.ts';
import {
  checkClearPassword,
  checkNativeResponse,
  checkSha2Response,
  classifyStoredPassword,
} from '../../../src/auth/stored-password.ts';
import { fc } from '../../helpers/properties.ts';

const NONCE = Buffer.from('abcdefgh123456789012');
// biome-ignore format: one hash a line
/** Made by MySQL 9.7.4: CREATE USER … IDENTIFIED WITH caching_sha2_password BY the first column, HEX(authentication_string). */
const MYSQL_HASHES: readonly (readonly [password: string, hexOfHash: string])[] = [
  ['secret', '244124303041244c1e04393e377a0a602c291f0c22106d5f7a67736c58632f6c6e31527368576a52675162502e363473474a6c4c77574d347653377638724f5945492e356741'],
  ['s', '24412430304124735813481e6e677f682a460b435d1a1201257d17597a7a6d447143374656535832335147455a426d4d717534414f6a75526951354d61624756633359436e38'],
  ['sixteen bytes!!!', '244124303041247e1d7a6e3b0144572c285823290f7a35334569354b745663736f5871504b466538354f667135624e714533756d455431457454375a75686a4132474f434f38'],
  ['pässwörd', '244124303041240e7417033351401f200e7b5541301c34787a5946535739496f437471584b53305a3339335844536a6353422e6650634777444555774b34414a6766665a4641'],
  ['xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', '24412430304124420f3c7f0f37072035222d5e5426226a557e1259716d4444784a41635a48352e374839334c3942644b54673539664a6c74795165584e744978684e33693635'],
  ['xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', '244124303041243d68297d40013875614d3e205a1433285d7e7b4563362f416c64577848456a383464534c34306d444b47484c684e2e6f6d34364a354858726d573732394a38'],
  ['xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', '2441243030412437451e713260520171187d2d273c193725531c753053347365634d7a4a72686a6c57476630426866554c7a7847566972682e4558675a7a63685044477a4e39'],
  ['a much longer password, longer than two blocks of SHA-256, to be sure of the repetitions', '244124303041243d78756d721e31405f6549724f25355a2a4a0d2b34767974463277704f30386a363275525133794e43774a4e665035755133416e4c3065596651434135682e'],
];

describe('createNonce', () => {
  test('gives 20 bytes of 7 bits without zero and $', () => {
    const seen = new Set<string>();
    for (let round = 0; round < 2000; round++) {
      const nonce = createNonce();
      assert.equal(nonce.length, 20);
      assert.ok(nonce.every((byte) => byte > 0 && byte < 0x80 && byte !== 0x24));
      seen.add(nonce.toString('hex'));
    }
    assert.equal(seen.size, 2000);
  });
});

describe('mysql_native_password', () => {
  test("stores what the server's PASSWORD() gives", () => {
    assert.equal(nativeHash('secret'), '*14E65567ABDB5135D0CFD9A70B3032C179A49EE7');
    assert.equal(nativeHash(''), '');
  });

  test('accepts the right response and reveals SHA1 of the password, which makes the same response', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (password) => {
        const response = nativeScramble(password, NONCE);
        const verdict = verifyNative(response, NONCE, nativeHash(password));
        assert.ok(verdict.ok);
        assert.deepEqual(verdict.sha1, nativeSha1(password));
        assert.deepEqual(nativeScramble(verdict.sha1!, NONCE), response);
      }),
    );
  });

  test('refuses another password, another nonce and another length', () => {
    const stored = nativeHash('secret');
    assert.deepEqual(verifyNative(nativeScramble('Secret', NONCE), NONCE, stored), { ok: false });
    assert.deepEqual(verifyNative(nativeScramble('secret', createNonce()), NONCE, stored), { ok: false });
    assert.deepEqual(verifyNative(nativeScramble('secret', NONCE).subarray(1), NONCE, stored), { ok: false });
    assert.deepEqual(verifyNative(Buffer.alloc(0), NONCE, stored), { ok: false });
  });
});

describe('caching_sha2_password', () => {
  test('accepts the right scramble only', () => {
    const expected = sha256OfSha256('secret');
    assert.ok(verifySha2Fast(sha2Scramble('secret', NONCE), NONCE, expected));
    assert.ok(!verifySha2Fast(sha2Scramble('secrets', NONCE), NONCE, expected));
    assert.ok(!verifySha2Fast(sha2Scramble('secret', createNonce()), NONCE, expected));
    assert.ok(!verifySha2Fast(Buffer.alloc(0), NONCE, expected));
    assert.ok(!verifySha2Fast(Buffer.alloc(20), NONCE, expected));
  });

  test('checks hashes a real server made', async () => {
    assert.ok(MYSQL_HASHES.length > 0);
    for (const [password, hex] of MYSQL_HASHES) {
      const stored = Buffer.from(hex, 'hex').toString('latin1');
      assert.equal(await verifyCachedSha2Hash(password, stored), true, password);
      assert.equal(await verifyCachedSha2Hash(`${password}x`, stored), false);
      const salt = Buffer.from(hex, 'hex').subarray(7, 27);
      assert.equal(await cachingSha2Hash(password, salt, 10_000), stored);
    }
  });

  test('makes hashes of 70 characters that check', async () => {
    const stored = await cachingSha2Hash('secret');
    assert.equal(stored.length, 70);
    assert.ok(isCachingSha2Hash(stored));
    assert.equal(await verifyCachedSha2Hash('secret', stored), true);
    assert.equal(await verifyCachedSha2Hash('', stored), false);
    await assert.rejects(() => cachingSha2Hash('secret', Buffer.alloc(3)), RangeError);
  });

  test('lets the event loop turn while it checks', async () => {
    const stored = await cachingSha2Hash('secret');
    let turns = 0;
    let done = false;
    const count = () => {
      turns++;
      if (!done) setImmediate(count);
    };
    setImmediate(count);
    await verifyCachedSha2Hash('secret', stored);
    done = true;
    assert.ok(turns >= 10, `${turns} turns`);
  });

  test('does not work through passwords no server would take', async () => {
    assert.equal(await verifyCachedSha2Hash('x'.repeat(257), await cachingSha2Hash('x'.repeat(257))), false);
  });

  test('carries a password under RSA, and takes garbage for no password', () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    for (const password of ['secret', '', 'pässwörd longer than the nonce it is masked with']) {
      assert.equal(decryptPassword(encryptPassword(password, NONCE, pem), NONCE, privateKey), password);
    }
    assert.notEqual(decryptPassword(encryptPassword('secret', createNonce(), pem), NONCE, privateKey), 'secret');
    assert.notEqual(decryptPassword(Buffer.alloc(256, 1), NONCE, privateKey), '');
    assert.equal(decryptPassword(Buffer.from('short'), NONCE, privateKey), undefined);
  });
});

describe('a stored password', () => {
  test('is of one kind', async () => {
    assert.equal(classifyStoredPassword(''), 'empty');
    assert.equal(classifyStoredPassword('secret'), 'clear');
    assert.equal(classifyStoredPassword(nativeHash('secret')), 'native');
    assert.equal(classifyStoredPassword(nativeHash('secret').toLowerCase()), 'native');
    assert.equal(classifyStoredPassword('*14E65567'), 'unusable');
    assert.equal(classifyStoredPassword('*'), 'unusable');
    assert.equal(classifyStoredPassword(await cachingSha2Hash('secret')), 'caching-sha2');
    assert.equal(classifyStoredPassword('$A$005$short'), 'clear');
  });

  test('decides by its kind, as the table in stored-password.ts says', async () => {
    const sha2 = await cachingSha2Hash('secret');
    const native = nativeHash('secret');
    const right = nativeScramble('secret', NONCE);
    const right2 = sha2Scramble('secret', NONCE);
    const none = Buffer.alloc(0);
    const sha1 = nativeSha1('secret');

    assert.deepEqual(checkNativeResponse(right, NONCE, { stored: 'secret' }), { clear: 'secret' });
    assert.deepEqual(checkNativeResponse(right, NONCE, { stored: native }), { sha1 });
    assert.deepEqual(checkNativeResponse(right, NONCE, { stored: native.toLowerCase() }), { sha1 });
    assert.deepEqual(checkNativeResponse(right, NONCE, { stored: native, learned: 'secret' }), {
      sha1,
      clear: 'secret',
    });
    assert.equal(checkNativeResponse(right, NONCE, { stored: sha2 }), undefined);
    assert.deepEqual(checkNativeResponse(right, NONCE, { stored: sha2, learned: 'secret' }), { clear: 'secret' });
    assert.deepEqual(checkNativeResponse(none, NONCE, { stored: '' }), { clear: '' });
    assert.equal(checkNativeResponse(right, NONCE, { stored: '' }), undefined);
    assert.equal(checkNativeResponse(none, NONCE, { stored: 'secret' }), undefined);
    assert.equal(checkNativeResponse(none, NONCE, { stored: native }), undefined);
    assert.equal(checkNativeResponse(nativeScramble('*14E65567', NONCE), NONCE, { stored: '*14E65567' }), undefined);

    assert.deepEqual(checkSha2Response(right2, NONCE, { stored: 'secret' }), { clear: 'secret' });
    assert.equal(checkSha2Response(right2, NONCE, { stored: native }), 'full');
    assert.equal(checkSha2Response(right2, NONCE, { stored: sha2 }), 'full');
    assert.deepEqual(checkSha2Response(right2, NONCE, { stored: sha2, learned: 'secret' }), { clear: 'secret' });
    assert.equal(checkSha2Response(right2, NONCE, { stored: sha2, learned: 'other' }), undefined);
    assert.deepEqual(checkSha2Response(none, NONCE, { stored: '' }), { clear: '' });
    assert.equal(checkSha2Response(none, NONCE, { stored: native }), undefined);
    assert.equal(checkSha2Response(right2, NONCE, { stored: '' }), undefined);
    assert.equal(checkSha2Response(right2, NONCE, { stored: '*14E65567' }), undefined);

    assert.deepEqual(await checkClearPassword('secret', { stored: 'secret' }), { clear: 'secret' });
    assert.deepEqual(await checkClearPassword('secret', { stored: native }), { clear: 'secret', sha1 });
    assert.deepEqual(await checkClearPassword('secret', { stored: sha2 }), { clear: 'secret' });
    assert.deepEqual(await checkClearPassword('', { stored: '' }), { clear: '' });
    for (const stored of ['Secret', nativeHash('Secret'), await cachingSha2Hash('Secret'), '', '*secret']) {
      assert.equal(await checkClearPassword('secret', { stored }), undefined);
    }
  });
});
