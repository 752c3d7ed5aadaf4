/**
 * Checksums as ProxySQL 2.7.1 works them out; the expected values were read from one.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tableChecksums } from '../../../admin/checksums/module-checksums.ts';
import { longText, rowsChecksum, shortText } from '../../../admin/checksums/raw-checksum.ts';
import { RuntimeChecksums } from '../../../admin/checksums/runtime-checksums.ts';
import { buildFastRouting, buildUsers, type TableRow } from '../../../runtime/build-snapshot.ts';
import { EMPTY_SNAPSHOT, type RuntimeSnapshot } from '../../../runtime/snapshot.ts';

const USER: TableRow = {
  username: 'a',
  password: 'b',
  active: 1,
  use_ssl: 0,
  default_hostgroup: 0,
  default_schema: null,
  schema_locked: 0,
  transaction_persistent: 1,
  fast_forward: 0,
  backend: 1,
  frontend: 1,
  max_connections: 10_000,
  attributes: '',
  comment: '',
};

const SERVER: TableRow = {
  hostgroup_id: 1,
  hostname: '10.0.0.1',
  port: 3306,
  gtid_port: 0,
  status: 'ONLINE',
  weight: 1,
  compression: 0,
  max_connections: 1000,
  max_replication_lag: 0,
  use_ssl: 0,
  max_latency_ms: 0,
  comment: '',
};

const PAIR: TableRow = { writer_hostgroup: 1, reader_hostgroup: 2, check_type: 'read_only', comment: '' };

async function checksumsOf(
  module: string,
  rows: Record<string, readonly TableRow[]>,
  snapshot: RuntimeSnapshot = EMPTY_SNAPSHOT,
): Promise<Record<string, string>> {
  const entries = tableChecksums(module, new Map(Object.entries(rows)), snapshot).map(
    async ([name, compute]): Promise<[string, string]> => [name, longText(await compute())],
  );
  return Object.fromEntries(await Promise.all(entries));
}

describe('checksums of modules', () => {
  it('of masking are shown once there is any, and are no part of the global one', async () => {
    const column: TableRow = { schemaname: 'clinic', tablename: 'patients', columnname: 'phone', mask: 'full' };
    const user: TableRow = { username: 'developer', policy: 'masked' };
    const { mysql_masking: one = '' } = await checksumsOf('MYSQL MASKING', { mysql_masking_columns: [column] });
    const { mysql_masking: both = '' } = await checksumsOf('MYSQL MASKING', {
      mysql_masking_columns: [column],
      mysql_masking_users: [user],
    });
    assert.match(one, /^0x[0-9A-F]{16}$/);
    assert.notEqual(one, both);
    const checksums = new RuntimeChecksums(() => 0);
    checksums.loaded('mysql_masking', () => Promise.resolve(0n));
    const before = await checksums.global();
    assert.equal((await checksums.rows()).length, 7);
    checksums.loaded('mysql_masking', () => Promise.resolve(1n));
    assert.deepEqual((await checksums.rows()).at(-1), {
      name: 'mysql_masking',
      version: 2,
      epoch: 0,
      checksum: longText(1n),
    });
    assert.equal(await checksums.global(), before);
  });

  it('of users cover both sides', async () => {
    const users = (rows: readonly TableRow[]) => ({ ...EMPTY_SNAPSHOT, users: buildUsers(rows).entries });
    assert.deepEqual(await checksumsOf('MYSQL USERS', {}), { mysql_users: '0x0000000000000000' });
    assert.deepEqual(await checksumsOf('MYSQL USERS', {}, users([USER])), { mysql_users: '0xD44CB5E47466EE08' });
    const changed = { ...USER, default_hostgroup: 1, comment: 'c', attributes: '{"x":1}', default_schema: 's' };
    assert.deepEqual(await checksumsOf('MYSQL USERS', {}, users([changed])), { mysql_users: '0x89D2F326449CF9DB' });
  });

  it('of servers come with and without the tables around them', async () => {
    assert.deepEqual(await checksumsOf('MYSQL SERVERS', { mysql_servers: [SERVER] }), {
      mysql_servers: '0x26AE8058D9F9ABFE',
      mysql_servers_v2: '0x3659E388A9251FE4',
    });
    const gone = { ...SERVER, hostname: '10.0.0.2', status: 'OFFLINE_HARD' };
    assert.deepEqual(
      await checksumsOf('MYSQL SERVERS', {
        mysql_servers: [gone, { ...SERVER, status: 'shunned' }],
        mysql_replication_hostgroups: [PAIR],
      }),
      { mysql_servers: '0x26AE8058D9F9ABFE', mysql_servers_v2: '0xF9FB81944F270A75' },
    );
  });

  it('of query rules take the active ones and fast routing', async () => {
    const rule: TableRow = {
      rule_id: 1,
      active: 1,
      flagIN: 0,
      match_digest: '^SELECT',
      negate_match_pattern: 0,
      re_modifiers: 'CASELESS',
      destination_hostgroup: 1,
      apply: 1,
      attributes: '',
      comment: 'x',
    };
    const rules = [{ ...rule, rule_id: 2, active: 0 }, rule];
    assert.deepEqual(await checksumsOf('MYSQL QUERY RULES', { mysql_query_rules: rules }), {
      mysql_query_rules: '0x8F2E3615DEEA0387',
    });
    const fast = { username: 'u', schemaname: 's', flagIN: 0, destination_hostgroup: 1, comment: 'c' };
    const snapshot = { ...EMPTY_SNAPSHOT, fastRouting: buildFastRouting([fast]) };
    assert.deepEqual(await checksumsOf('MYSQL QUERY RULES', { mysql_query_rules: rules }, snapshot), {
      mysql_query_rules: '0xCD78B43B810ACBEB',
    });
  });

  it('are written with the low half first, and filled up at the end', async () => {
    const checksum = await rowsChecksum([['127.0.0.9', '6032', '0', 'p']]);
    assert.equal(shortText(checksum), '0x36B60C0C406744');
    assert.equal(longText(checksum), '0x36B60C0C40674400');
    assert.equal(shortText(await rowsChecksum([])), '0x00');
  });
});

describe('runtime_checksums_values', () => {
  it('counts every LOAD and works a checksum out once, when it is read', async () => {
    let nowMs = 5_000;
    const checksums = new RuntimeChecksums(() => nowMs);
    let computed = 0;
    const load = (checksum: bigint): void => {
      checksums.loaded('mysql_users', async () => {
        computed += 1;
        return checksum;
      });
    };
    const row = async () => (await checksums.rows()).find(({ name }) => name === 'mysql_users');
    assert.deepEqual(await row(), { name: 'mysql_users', version: 0, epoch: 0, checksum: '0x0000000000000000' });
    load(1n);
    const before = await checksums.global();
    await row();
    assert.equal(computed, 1);
    nowMs = 9_000;
    load(1n);
    assert.deepEqual(await row(), { name: 'mysql_users', version: 2, epoch: 9, checksum: '0x1000000000000000' });
    assert.notEqual(await checksums.global(), before, 'the version is part of the global checksum');
    assert.equal(computed, 2);
  });
});
