/** Who may run what, by the whitelist. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Firewall } from '../../../src/rules/firewall.ts';

const KNOWN = '0x0000000000000001';
const OTHER = '0x0000000000000002';

describe('firewall whitelist', () => {
  const firewall = new Firewall(
    [
      { username: 'off', clientAddress: '', mode: 'OFF' },
      { username: 'watched', clientAddress: '', mode: 'DETECTING' },
      { username: 'held', clientAddress: '', mode: 'PROTECTING' },
      { username: 'held', clientAddress: '10.0.0.1', mode: 'PROTECTING' },
    ],
    ['watched', 'held'].map((username) => ({
      username,
      clientAddress: '',
      schemaname: 'db',
      flagIn: 0,
      digest: KNOWN,
    })),
  );
  const judge = (username: string, fields: Partial<Parameters<Firewall['judge']>[0]> = {}) =>
    firewall.judge({ username, clientAddress: '10.0.0.9', schemaname: 'db', flag: 0, digest: KNOWN, ...fields });

  it('OFF passes, DETECTING tells, PROTECTING blocks what is not listed', () => {
    assert.equal(judge('off', { digest: OTHER }), 'allowed');
    assert.equal(judge('watched'), 'allowed');
    assert.equal(judge('watched', { digest: OTHER }), 'unknown');
    assert.equal(judge('held'), 'allowed');
    assert.equal(judge('held', { digest: OTHER }), 'blocked');
  });

  it('a user who is not listed may do nothing', () => assert.equal(judge('stranger'), 'blocked'));

  it('schema and flagIN count, and without a digest nothing is known', () => {
    assert.equal(judge('held', { schemaname: 'DB' }), 'blocked');
    assert.equal(judge('held', { flag: 1 }), 'blocked');
    assert.equal(judge('held', { digest: undefined }), 'blocked');
  });

  it('an address that has a row of its own has rules of its own', () => {
    assert.equal(judge('held', { clientAddress: '10.0.0.1' }), 'blocked');
  });
});
