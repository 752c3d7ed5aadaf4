/**
 * What the disk may do to sluice: it is killed while it saves, the disk is full, the directory can no longer be written,
 * the file is damaged under its feet. `SLUICE_KILLS` says how often it is killed (default 2).
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import Database from 'better-sqlite3';
import type { Connection } from 'mysql2/promise';
import { Random } from '../helpers/random.ts';
import { removeFolder, temporaryFolder } from '../helpers/reaper.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';
import { type MysqlError, refusal } from '../helpers/stage.ts';

const KILLS = Number(process.env.SLUICE_KILLS ?? 2);
const SEED = Number(process.env.SLUICE_FUZZ_SEED ?? 20_261_127);
const USERS = 2_000;
/** A save of that many rows takes about this long; a kill falls somewhere within the first of these. */
const KILL_WITHIN_MS = 250;

describe('kill -9 during SAVE TO DISK', () => {
  test('leaves the old or the new state of a module, in a file that opens', {
    timeout: 60_000 + KILLS * 20_000,
  }, async () => {
    const random = new Random(SEED);
    const sluice = await SluiceProcess.start();
    try {
      const values = Array.from({ length: USERS }, (_, i) => `('u${i}', 'x', 'generation 0')`).join(',');
      await sluice.admin(
        `INSERT INTO mysql_users (username, password, comment) VALUES ${values}`,
        "INSERT INTO mysql_servers (hostgroup_id, hostname, comment) VALUES (0, 'a', 'generation 0')",
        "INSERT INTO mysql_replication_hostgroups VALUES (0, 1, 'read_only', 'generation 0')",
        'SAVE MYSQL USERS TO DISK',
        'SAVE MYSQL SERVERS TO DISK',
      );
      const seen = { users: 0, servers: 0 };
      let generation = 0;
      let cutShort = 0;
      for (let kill = 0; kill < KILLS; kill += 1) {
        const admin = await sluice.connectAdmin();
        admin.on('error', () => undefined);
        const progress = changing(admin, generation);
        await new Promise((resolve) => setTimeout(resolve, random.below(KILL_WITHIN_MS)));
        await sluice.killHard();
        const { begun, saved } = await progress;
        admin.destroy();
        const found = contents(join(sluice.dataDir, 'proxysql.db'));
        for (const module of ['users', 'servers'] as const) {
          const at = found[module];
          const atLeast = saved[module] < 0 ? seen[module] : saved[module];
          assert.ok(
            at >= atLeast && at <= Math.max(begun, seen[module]),
            `${module}: ${at} after ${JSON.stringify({ begun, saved, seen })}`,
          );
          seen[module] = at;
        }
        if (saved.users < begun || saved.servers < begun) cutShort += 1;
        if (kill % 20 === 19) console.log(`${kill + 1} kills, ${cutShort} of them during a save, generation ${begun}`);
        generation = begun;
        await sluice.startAgain();
      }
      // Otherwise nothing was tested.
      assert.ok(KILLS < 10 || cutShort > KILLS / 4, `${cutShort} of ${KILLS} kills came during a save`);
    } finally {
      await sluice.stop();
    }
  });
});

interface Progress {
  /** The last generation that was begun. */
  readonly begun: number;
  /** The last whose SAVE was answered, by module; -1 for none. */
  readonly saved: { readonly users: number; readonly servers: number };
}

/** Writes one generation after the other to all rows and saves it, until the connection breaks. */
async function changing(admin: Connection, from: number): Promise<Progress> {
  let begun = from;
  const saved = { users: -1, servers: -1 };
  try {
    for (;;) {
      const next = begun + 1;
      // Two modules, one of them of two tables that have to stay together.
      for (const table of ['mysql_users', 'mysql_servers', 'mysql_replication_hostgroups']) {
        await admin.query(`UPDATE ${table} SET comment='generation ${next}'`);
      }
      begun = next;
      await admin.query('SAVE MYSQL USERS TO DISK');
      saved.users = next;
      await admin.query('SAVE MYSQL SERVERS TO DISK');
      saved.servers = next;
    }
  } catch {
    return { begun, saved };
  }
}

/** The generation of each module in the file; fails when rows of one module are of different ones. */
function contents(file: string): { readonly users: number; readonly servers: number } {
  // Opening takes a half-done transaction back.
  const db = new Database(file);
  try {
    assert.equal(db.pragma('quick_check', { simple: true }), 'ok');
    const one = (sql: string): number => {
      const found = db.prepare<[], string>(sql).pluck().all();
      assert.equal(found.length, 1, `a module of several generations: ${found.join()}`);
      return Number(found[0]?.split(' ')[1]);
    };
    assert.equal(db.prepare('SELECT COUNT(*) FROM mysql_users').pluck().get(), USERS);
    return {
      users: one('SELECT DISTINCT comment FROM mysql_users'),
      servers: one('SELECT comment FROM mysql_servers UNION SELECT comment FROM mysql_replication_hostgroups'),
    };
  } finally {
    db.close();
  }
}

describe('a disk that takes no more', () => {
  let sluice: SluiceProcess;
  before(async () => {
    sluice = await SluiceProcess.start({ users: [{ username: 'app', password: 'x' }] });
  });
  after(() => sluice.stop());
  const onDisk = async (): Promise<number> =>
    Number((await sluice.admin('SELECT COUNT(*) AS n FROM disk.mysql_users'))[0]?.n);

  test('makes SAVE fail with a clear error; memory, runtime and the file stay as they are', async () => {
    const admin = await sluice.connectAdmin();
    try {
      const values = Array.from({ length: 3_000 }, (_, i) => `('u${i}', 'x')`).join(',');
      await admin.query(`INSERT INTO mysql_users (username, password) VALUES ${values}`);
      // SQLite's own limit stands for a disk that is full: it fails at the same place with the same error.
      await admin.query('PRAGMA disk.max_page_count=1');
      const error: MysqlError = await refusal(admin.query('SAVE MYSQL USERS TO DISK'), 1021);
      assert.match(
        error.message,
        /proxysql\.db: database or disk is full; nothing was saved, and proxysql\.db is as it was$/,
      );
      await admin.query('LOAD MYSQL USERS TO RUNTIME');
      assert.equal(await onDisk(), 1);
      const [rows] = await admin.query('SELECT COUNT(DISTINCT username) AS n FROM runtime_mysql_users');
      assert.equal(Number((rows as { n: string }[])[0]?.n), 3_001);
      await admin.query('PRAGMA disk.max_page_count=1000000');
      await admin.query('SAVE MYSQL USERS TO DISK');
      assert.equal(await onDisk(), 3_001);
    } finally {
      await admin.end();
    }
  });

  test('does not matter when it comes back damaged: nothing is overwritten', async () => {
    const file = join(sluice.dataDir, 'proxysql.db');
    const good = readFileSync(file);
    const bad = Buffer.from(good);
    bad.fill(0x5a, 0, 100);
    writeFileSync(file, bad);
    const admin = await sluice.connectAdmin();
    try {
      const error = (await admin.query('SAVE MYSQL USERS TO DISK').then(
        () => assert.fail('it was saved'),
        (reason: unknown) => reason,
      )) as MysqlError;
      assert.match(error.message, /proxysql\.db: .*; nothing was saved/);
      assert.deepEqual(readFileSync(file), bad);
      await admin.query('LOAD MYSQL USERS TO RUNTIME');
    } finally {
      await admin.end();
      writeFileSync(file, good);
    }
  });
});

/** Why a file system of one's own cannot be had; false when it can. */
function noMounts(): string | false {
  const folder = temporaryFolder('mount');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder], { stdio: 'ignore' });
    return false;
  } catch {
    return 'mounting needs root';
  } finally {
    removeFolder(folder);
  }
}

describe('a real file system', { skip: noMounts() }, () => {
  let folder: string;
  before(() => {
    folder = temporaryFolder('disk');
    mkdirSync(folder, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=700k', 'tmpfs', folder]);
  });
  after(() => {
    execFileSync('umount', ['-l', folder]);
    removeFolder(folder);
  });

  test('that is full, then cannot be written, then has room again, then is read-only at a start', async () => {
    const sluice = await SluiceProcess.start({ args: ['-D', folder] });
    const admin = await sluice.connectAdmin();
    try {
      const values = Array.from({ length: 20_000 }, (_, i) => `('user${i}', 'some password')`).join(',');
      await admin.query(`INSERT INTO mysql_users (username, password) VALUES ${values}`);
      assert.match(
        (await refusal(admin.query('SAVE MYSQL USERS TO DISK'), 1021)).message,
        /database or disk is full; nothing was saved/,
      );
      await admin.query('LOAD MYSQL USERS TO RUNTIME');
      // A file system in use cannot be made read-only; one laid over it has the same effect on what is opened by name.
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', folder]);
      await admin.query("DELETE FROM mysql_users WHERE username <> 'user7'");
      const error = (await admin.query('SAVE MYSQL USERS TO DISK').then(
        () => assert.fail('it was saved'),
        (reason: unknown) => reason,
      )) as MysqlError;
      assert.match(error.message, /proxysql\.db: .*; nothing was saved/);
      await admin.query('LOAD MYSQL USERS TO RUNTIME');
      execFileSync('umount', [folder]);
      await admin.query('SAVE MYSQL USERS TO DISK');
      const [rows] = await admin.query('SELECT username FROM disk.mysql_users');
      assert.deepEqual(rows, [{ username: 'user7' }]);
      await admin.end();
      await sluice.terminate();
      execFileSync('mount', ['-o', 'remount,ro', folder]);
      await assert.rejects(sluice.startAgain(), /cannot use the data directory [^\n]*: the file system is read-only/);
      execFileSync('mount', ['-o', 'remount,rw', folder]);
    } finally {
      admin.destroy();
      await sluice.stop();
    }
  });
});
