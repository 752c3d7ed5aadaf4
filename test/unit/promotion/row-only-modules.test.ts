/**
 * Modules whose rows nothing acts on: they take every edge like the others, and their runtime shows the last LOAD.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openAdminDatabase } from '../../../admin/db/open.ts';
import type { ModuleName } from '../../../admin/modules/index.ts';
import { createPromotion } from '../../../admin/promotion.ts';
import { writeTables } from '../../../admin/table-store.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { FakePlane } from '../admin/fake-plane.ts';

const CASES: readonly (readonly [module: ModuleName, table: string, insert: string])[] = [
  ['MYSQL FIREWALL', 'mysql_firewall_whitelist_users', "VALUES (1,'u','','DETECTING','c')"],
  ['MYSQL FIREWALL', 'mysql_firewall_whitelist_rules', "VALUES (1,'u','','s',0,'0x1','c')"],
  ['MYSQL FIREWALL', 'mysql_firewall_whitelist_sqli_fingerprints', "VALUES (0,'s&1c')"],
  ['SCHEDULER', 'scheduler', "(interval_ms, filename) VALUES (1000,'/bin/true')"],
  ['RESTAPI', 'restapi_routes', "(timeout_ms, method, uri, script) VALUES (1000,'GET','u','/s')"],
  ['PROXYSQL SERVERS', 'proxysql_servers', "VALUES ('p1',6032,0,'')"],
  ['MYSQL QUERY RULES', 'mysql_query_rules_fast_routing', "VALUES ('u','s',0,1,'')"],
  [
    'MYSQL SERVERS',
    'mysql_galera_hostgroups',
    '(writer_hostgroup, backup_writer_hostgroup, reader_hostgroup, offline_hostgroup) VALUES (1,2,3,4)',
  ],
  ['MYSQL SERVERS', 'mysql_hostgroup_attributes', '(hostgroup_id) VALUES (7)'],
];

for (const [module, table, insert] of CASES) {
  test(`${table}: memory, runtime and disk hold what was promoted to them`, async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sluice-rows-'));
    const db = openAdminDatabase({ dataDir, initial: false });
    try {
      const promotion = createPromotion({
        db,
        plane: new FakePlane(),
        configFile: undefined,
        logger: silentLogger(),
        checkRules: () => [],
        onAdminVariables: async () => undefined,
      });
      await promotion.startUp({ initial: false, reload: false });
      const count = async (place: string): Promise<number | undefined> => {
        writeTables(db.handle, await promotion.runtimeContents(new Set([`runtime_${table}`])));
        return db.handle.prepare<[], number>(`SELECT count(*) FROM ${place}`).pluck().get();
      };
      const counts = async (): Promise<unknown> =>
        Promise.all([count(`main.${table}`), count(`main.runtime_${table}`), count(`disk.${table}`)]);
      db.handle.exec(`INSERT INTO ${table} ${insert}`);
      assert.deepEqual(await counts(), [1, 0, 0]);
      await promotion.run(module, 'memory>runtime');
      assert.deepEqual(await counts(), [1, 1, 0]);
      await promotion.run(module, 'memory>disk');
      assert.deepEqual(await counts(), [1, 1, 1]);
      db.handle.exec(`DELETE FROM ${table}`);
      await promotion.run(module, 'runtime>memory');
      assert.deepEqual(await counts(), [1, 1, 1]);
      db.handle.exec(`DELETE FROM ${table}`);
      await promotion.run(module, 'memory>runtime');
      await promotion.run(module, 'disk>memory');
      assert.deepEqual(await counts(), [1, 0, 1]);
    } finally {
      db.close();
      rmSync(dataDir, { recursive: true });
    }
  });
}
