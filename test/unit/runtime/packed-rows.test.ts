import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FastRoutingDirectory, packFastRouting } from '../../../runtime/fast-routing-directory.ts';
import { packedRowsOf, packRows, unpackRow } from '../../../runtime/packed-rows.ts';
import type { UserEntry } from '../../../runtime/snapshot.ts';
import { packUsers, UserDirectory } from '../../../runtime/user-directory.ts';
import { fc } from '../../helpers/properties.ts';

const cell = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('\0', '\x01', '\x02', 'a') }));

const user: fc.Arbitrary<UserEntry> = fc.record(
  {
    username: cell,
    password: cell,
    useSsl: fc.boolean(),
    defaultHostgroup: fc.nat(),
    defaultSchema: cell,
    schemaLocked: fc.boolean(),
    transactionPersistent: fc.boolean(),
    fastForward: fc.boolean(),
    backend: fc.boolean(),
    frontend: fc.boolean(),
    maxConnections: fc.nat(),
    attributes: cell,
    comment: cell,
  },
  { noNullPrototype: true },
);

describe('packed rows', () => {
  it('hold any cells', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }), (rows) => {
        assert.deepEqual(packedRowsOf(packRows(rows)).map(unpackRow), rows);
      }),
    );
    assert.deepEqual(packedRowsOf(packRows([])), []);
  });

  it('are users, found by name and role', () => {
    fc.assert(
      fc.property(fc.uniqueArray(user, { selector: ({ username }) => username }), (users) => {
        const directory = new UserDirectory();
        directory.add(packUsers(users));
        for (const one of users) {
          assert.deepEqual(directory.frontend.get(one.username), one.frontend ? one : undefined);
          assert.deepEqual(directory.backend.get(one.username), one.backend ? one : undefined);
        }
      }),
    );
  });

  it('are fast routing, found by user, schema and flagIN', () => {
    const directory = new FastRoutingDirectory();
    assert.equal(directory.find('u', 's', 0), undefined);
    const entry = { username: 'u', schemaname: 's', flagIn: 0, destinationHostgroup: 7, comment: '' };
    directory.add(packFastRouting([entry, { ...entry, flagIn: 3, destinationHostgroup: 8 }]));
    assert.equal(directory.find('u', 's', 0), 7);
    assert.equal(directory.find('u', 's', 3), 8);
    assert.equal(directory.find('u', '', 0), undefined);
    assert.equal(directory.size, 2);
  });
});
