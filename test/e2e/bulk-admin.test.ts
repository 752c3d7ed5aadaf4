/**
 * The admin port under load: many rows at once, several jobs at once, and readers of large tables. Times are generous:
 * `npm run bench -- --parts admin` measures.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { workersFor } from '../../src/processors.ts';
import { bulkInserts, fastRoutingRows, userRows } from '../helpers/bulk-rows.ts';
import { descendants } from '../helpers/sluice-process.ts';
import { Stage } from '../helpers/stage.ts';

const USERS = 20_000;
const ROUTES = 10_000;
const JOBS = 2;
const ROUNDS = 6;
const USERS_A_ROUND = 200;

describe('the admin port under load', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.start({ workers: 'as by default' });
  });

  after(() => stage?.stop());

  const count = async (admin: Connection, table: string, where: string): Promise<number> => {
    const [rows] = await admin.query({ sql: `SELECT COUNT(*) FROM ${table} WHERE ${where}`, rowsAsArray: true });
    return Number((rows as unknown[][])[0]?.[0]);
  };

  const within = async (limitMs: number, what: string, action: () => Promise<unknown>): Promise<void> => {
    const begun = performance.now();
    await action();
    const ms = performance.now() - begun;
    assert.ok(ms < limitMs, `${what} took ${ms.toFixed(0)} ms`);
  };

  test('mysql-threads says how many workers there are, and is read at the start only', async () => {
    const threads = (): number => descendants(stage.sluice.pid).length;
    assert.equal(threads(), workersFor(4));
    const admin = await stage.sluice.connectAdmin();
    try {
      await admin.query("SET mysql-threads = '1'");
      await admin.query('LOAD MYSQL VARIABLES TO RUNTIME');
      const [warnings] = await admin.query('SHOW WARNINGS');
      assert.match(JSON.stringify(warnings), /mysql-threads.*can be changed by a restart only/);
    } finally {
      await admin.end();
    }
    assert.equal(threads(), workersFor(4));
  });

  test('many users and routes are inserted, loaded and saved in seconds', async () => {
    const admin = await stage.sluice.connectAdmin();
    try {
      for (const quote of ["'", '"']) {
        await within(8_000, `${USERS} users in ${quote}quotes${quote}`, async () => {
          const columns = 'username,password,default_hostgroup';
          for (const sql of bulkInserts('mysql_users', columns, userRows(USERS, quote))) await admin.query(sql);
        });
        if (quote === "'") await admin.query("DELETE FROM mysql_users WHERE username LIKE 'bulk%'");
      }
      const columns = 'username,schemaname,flagIN,destination_hostgroup,comment';
      for (const sql of bulkInserts('mysql_query_rules_fast_routing', columns, fastRoutingRows(ROUTES)))
        await admin.query(sql);
      for (const module of ['USERS', 'QUERY RULES']) {
        await within(8_000, `LOAD ${module}`, () => admin.query(`LOAD MYSQL ${module} TO RUNTIME`));
        await within(8_000, `SAVE ${module}`, () => admin.query(`SAVE MYSQL ${module} TO DISK`));
      }
      assert.equal(await count(admin, 'runtime_mysql_users', "username LIKE 'bulk%'"), 2 * USERS);
      assert.equal(await count(admin, 'disk.mysql_users', "username LIKE 'bulk%'"), USERS);
      assert.equal(await count(admin, 'runtime_mysql_query_rules_fast_routing', '1'), ROUTES);
      assert.equal(await count(admin, 'disk.mysql_query_rules_fast_routing', '1'), ROUTES);
      await admin.query("DELETE FROM mysql_users WHERE username LIKE 'bulk%'");
      await admin.query('LOAD MYSQL USERS TO RUNTIME');
    } finally {
      admin.destroy();
    }
  });

  for (const order of [
    ['LOAD MYSQL USERS TO RUNTIME', 'SAVE MYSQL USERS TO DISK'],
    ['SAVE MYSQL USERS TO DISK', 'LOAD MYSQL USERS TO RUNTIME'],
  ]) {
    test(`jobs that insert users at once lose none: ${order.map((sql) => sql.split(' ')[0]).join(', then ')}`, async () => {
      const prefix = order[0]?.startsWith('LOAD') ? 'first' : 'second';
      const job = async (number: number): Promise<void> => {
        const admin = await stage.sluice.connectAdmin();
        try {
          for (let round = 0; round < ROUNDS; round += 1) {
            const rows = Array.from({ length: USERS_A_ROUND }, (_, i) => `('${prefix}_${number}_${round}_${i}','x')`);
            await admin.query(`INSERT INTO mysql_users (username,password) VALUES ${rows.join(',')}`);
            for (const sql of order) await admin.query(sql);
          }
        } finally {
          admin.destroy();
        }
      };
      await Promise.all(Array.from({ length: JOBS }, (_, number) => job(number)));
      const admin = await stage.sluice.connectAdmin();
      try {
        const all = JOBS * ROUNDS * USERS_A_ROUND;
        assert.equal(await count(admin, 'mysql_users', `username LIKE '${prefix}%'`), all);
        assert.equal(await count(admin, 'disk.mysql_users', `username LIKE '${prefix}%'`), all);
        assert.equal(await count(admin, 'runtime_mysql_users', `username LIKE '${prefix}%'`), 2 * all);
      } finally {
        admin.destroy();
      }
    });
  }
});
