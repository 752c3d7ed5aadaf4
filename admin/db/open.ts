/**
 * Opens the databases of the admin plane: MEMORY is `main` of an in-memory SQLite, DISK and the others are attached.
 * It fills the tables that never change; default values and promotion come from elsewhere.
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { fillCollations } from './collations.ts';
import { registerFunctions } from './functions.ts';
import { createSchema, parseSchema, readSchemaFile } from './schema.ts';

export const DISK_FILE = 'proxysql.db';
export const HISTORY_FILE = 'proxysql_stats.db';

export interface AdminDatabase {
  /** What admin sessions see: main, disk, stats, monitor, stats_history. */
  readonly handle: Database.Database;
  /** What stats sessions see: the stats tables as main, monitor, stats_history; never writable by them. */
  readonly statsView: Database.Database;
  /** There was no proxysql.db, or `initial` put it aside. */
  readonly diskWasCreated: boolean;
  close(): void;
}

export interface OpenOptions {
  readonly dataDir: string;
  /** Rename an existing proxysql.db to proxysql.db.bak and begin with an empty one. */
  readonly initial: boolean;
}

/** Opens or creates all of it. Throws when the data directory cannot be written or a file is no database. */
export function openAdminDatabase(options: OpenOptions): AdminDatabase {
  const dataDir = resolve(options.dataDir);
  mkdirSync(dataDir, { recursive: true });
  const diskFile = join(dataDir, DISK_FILE);
  if (options.initial && existsSync(diskFile)) renameSync(diskFile, `${diskFile}.bak`);
  const diskWasCreated = !existsSync(diskFile);
  const historyFile = join(dataDir, HISTORY_FILE);
  const objects = parseSchema(readSchemaFile());

  const handle = new Database(':memory:');
  attach(handle, [
    ['disk', diskFile],
    ['stats', ':memory:'],
    ['monitor', ':memory:'],
    ['stats_history', historyFile],
  ]);
  createSchema(handle, objects, {
    main: 'main',
    disk: 'disk',
    stats: 'stats',
    monitor: 'monitor',
    stats_history: 'stats_history',
  });
  // A second database, because SQLite offers no way to show a part of one under other names.
  const statsView = new Database(':memory:');
  attach(statsView, [
    ['monitor', ':memory:'],
    ['stats_history', historyFile],
  ]);
  createSchema(statsView, objects, { stats: 'main', monitor: 'monitor' });
  for (const [db, schema] of [
    [handle, 'stats'],
    [statsView, 'main'],
  ] as const) {
    registerFunctions(db);
    fillStatsVariables(db, schema);
  }
  fillCollations(handle);
  return {
    handle,
    statsView,
    diskWasCreated,
    close() {
      statsView.close();
      handle.close();
    },
  };
}

function attach(db: Database.Database, files: readonly (readonly [schema: string, file: string])[]): void {
  for (const [schema, file] of files) db.prepare(`ATTACH DATABASE ? AS ${schema}`).run(file);
}

/** The one row that clients logged in as stats ask for. */
function fillStatsVariables(db: Database.Database, schema: string): void {
  db.exec(`INSERT OR REPLACE INTO ${schema}.global_variables VALUES ('mysql-max_allowed_packet', '4194304')`);
}
