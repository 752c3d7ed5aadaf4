/** MYSQL MASKING: every edge, what is warned of, and that a row nobody understands protects all the same. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openConfigFile } from '../../../admin/config-file/config-file.ts';
import { exportConfig } from '../../../admin/config-file/export.ts';
import { openAdminDatabase } from '../../../admin/db/open.ts';
import { createPromotion, type Promotion } from '../../../admin/promotion.ts';
import { writeTables } from '../../../admin/table-store.ts';
import { silentLogger } from '../../../src/observe/logger.ts';
import { FakePlane } from '../admin/fake-plane.ts';

interface Fixture {
  readonly plane: FakePlane;
  readonly promotion: Promotion;
  readonly exec: (sql: string) => void;
  readonly rows: (sql: string) => Promise<unknown[]>;
  readonly exported: () => string;
}

async function withPlane(config: string, run: (fixture: Fixture) => Promise<void>): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-masking-'));
  const db = openAdminDatabase({ dataDir, initial: false });
  const path = join(dataDir, 'sluice.cnf');
  writeFileSync(path, config);
  const plane = new FakePlane();
  try {
    const promotion = createPromotion({
      db,
      plane,
      configFile: openConfigFile(path),
      logger: silentLogger(),
      checkRules: () => [],
      onAdminVariables: async () => undefined,
    });
    await promotion.startUp({ initial: false, reload: false });
    await run({
      plane,
      promotion,
      exec: (sql) => db.handle.exec(sql),
      rows: async (sql) => {
        writeTables(
          db.handle,
          await promotion.runtimeContents(new Set(['runtime_mysql_masking_columns', 'runtime_mysql_masking_users'])),
        );
        return db.handle.prepare(sql).raw().all();
      },
      exported: () => exportConfig(db.handle),
    });
  } finally {
    db.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const CONFIG = `
mysql_masking_columns=({schemaname="clinic" tablename="patients" columnname="phone" mask="phone" mask_args="{\\"keep\\":3}"},
                       {schemaname="%" tablename="%" columnname="%pin%" active=0})
mysql_masking_users=({username="app"}, {username="dba" policy="exempt"}, {username="%" policy="deny" dry_run=1})
`;

describe('MYSQL MASKING', () => {
  test('a config file fills memory and runtime, and is written again', () =>
    withPlane(CONFIG, async ({ plane, promotion, rows, exported }) => {
      await promotion.run('MYSQL MASKING', 'config>memory');
      await promotion.run('MYSQL MASKING', 'memory>runtime');
      assert.deepEqual(plane.current.maskingColumns, [
        { schema: 'clinic', table: 'patients', column: 'phone', mask: 'phone', maskArgs: '{"keep":3}', comment: '' },
      ]);
      assert.deepEqual(plane.current.maskingUsers, [
        { username: 'app', policy: 'masked', dryRun: false, comment: '' },
        { username: 'dba', policy: 'exempt', dryRun: false, comment: '' },
        { username: '%', policy: 'deny', dryRun: true, comment: '' },
      ]);
      assert.deepEqual(await rows('SELECT * FROM runtime_mysql_masking_columns'), [
        ['clinic', 'patients', 'phone', 'phone', '{"keep":3}', 1, ''],
      ]);
      assert.match(exported(), /mysql_masking_columns:\n\(\n\t\{\n\t\tschemaname="clinic"/);
      assert.match(exported(), /mysql_masking_users:\n[\s\S]*dry_run=1/);
    }));

  test('rows go to disk and back from the runtime', () =>
    withPlane('', async ({ promotion, exec, rows }) => {
      exec("INSERT INTO mysql_masking_columns (schemaname, tablename, columnname) VALUES ('a','b','c')");
      exec("INSERT INTO mysql_masking_users (username) VALUES ('app')");
      await promotion.run('MYSQL MASKING', 'memory>runtime');
      await promotion.run('MYSQL MASKING', 'memory>disk');
      exec('DELETE FROM mysql_masking_columns; DELETE FROM mysql_masking_users');
      await promotion.run('MYSQL MASKING', 'runtime>memory');
      const both = 'SELECT * FROM mysql_masking_columns, mysql_masking_users';
      const expected = [['a', 'b', 'c', 'full', '', 1, '', 'app', 'masked', 0, 1, '']];
      assert.deepEqual(await rows(both), expected);
      exec('DELETE FROM mysql_masking_columns; DELETE FROM mysql_masking_users');
      await promotion.run('MYSQL MASKING', 'disk>memory');
      assert.deepEqual(await rows(both), expected);
    }));

  test('bad masks, names and policies are told, and protect', () =>
    withPlane('', async ({ plane, promotion, exec }) => {
      exec(`INSERT INTO mysql_masking_columns (schemaname, tablename, columnname, mask, mask_args) VALUES
        ('s','t','one','fulll',''), ('s','t','two','bucket','{"size":0}'), ('s','t','three','hash',''), ('s','','four','full','')`);
      exec("INSERT INTO mysql_masking_users (username) VALUES ('a%')");
      exec(
        "PRAGMA ignore_check_constraints=1; INSERT INTO mysql_masking_users (username, policy) VALUES ('b','maskd')",
      );
      const { problems } = await promotion.run('MYSQL MASKING', 'memory>runtime');
      assert.deepEqual(
        problems.map(({ key, column }) => `${key} ${column}`),
        ['s.t.one mask', 's.t.two mask_args', 's.t.three mask', 's..four tablename', 'a% username', 'b policy'],
      );
      assert.deepEqual(
        plane.current.maskingColumns.map(({ column }) => column),
        ['one', 'two', 'three'],
      );
      assert.equal(plane.current.maskingUsers.at(-1)?.policy, 'deny');
    }));
});
