/**
 * Opens the databases of the admin plane: MEMORY is `main` of an in-memory SQLite, DISK and the others are attached.
 * It fills the tables that never change; default values and promotion come from elsewhere.
 */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { fillCollations } from './collations.ts';
import { registerFunctions } from './functions.ts';
import { createSchema, parseSchema, readSchemaFile } from './schema.ts';

export const DISK_FILE = 'proxysql.db';
export const HISTORY_FILE = 'proxysql_stats.db';

const IN_MEMORY = ':memory:';
const DATABASE_MODE = 0o600;

/** A database file that cannot be opened; the message says which, why, and what to do. */
export class DatabaseUnusable extends Error {
  constructor(file: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const remedy = file.endsWith(DISK_FILE)
      ? 'put a copy of it back, or start with --initial, which sets it aside'
      : 'move it away; it holds statistics only';
    super(`cannot use ${file}: ${reason}; ${remedy}`, { cause });
    this.name = 'DatabaseUnusable';
  }
}

export interface AdminDatabase {
  /** What admin sessions see: main, disk, stats, monitor, stats_history. */
  readonly handle: Database.Database;
  /** What stats sessions see: the stats tables as main, monitor, stats_history; never writable by them. */
  readonly statsView: Database.Database;
  /** Is it a table of the product's own, not one an operator made? */
  readonly isOwnTable: (schema: string, table: string) => boolean;
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

  const handle = new Database(IN_MEMORY);
  attach(handle, [
    ['disk', diskFile],
    ['stats', IN_MEMORY],
    ['monitor', IN_MEMORY],
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
  const statsView = new Database(IN_MEMORY);
  attach(statsView, [
    ['monitor', IN_MEMORY],
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
  const own = new Set(objects.map(({ schema, name }) => `${schema}.${name}`));
  return {
    handle,
    isOwnTable: (schema, table) => own.has(`${schema}.${table}`),
    statsView,
    diskWasCreated,
    close() {
      statsView.close();
      handle.close();
    },
  };
}

function attach(db: Database.Database, files: readonly (readonly [schema: string, file: string])[]): void {
  for (const [schema, file] of files) {
    try {
      if (file !== IN_MEMORY) keepPrivate(file);
      db.prepare(`ATTACH DATABASE ? AS ${schema}`).run(file);
      if (file !== IN_MEMORY) checkWhole(db, schema);
    } catch (error) {
      throw new DatabaseUnusable(file, error);
    }
  }
}

/** It holds passwords. SQLite gives its journal the mode of the database. */
function keepPrivate(file: string): void {
  closeSync(openSync(file, 'a', DATABASE_MODE));
  try {
    chmodSync(file, DATABASE_MODE);
  } catch {
    // Somebody else's file that we may write to: its owner has decided.
  }
}

/** As ProxySQL does at its start; throws on a file that is damaged or no database. */
function checkWhole(db: Database.Database, schema: string): void {
  const answer = db.prepare<[], string>(`PRAGMA ${schema}.quick_check(1)`).pluck().get();
  if (answer !== 'ok') throw new Error(answer ?? 'it cannot be checked');
}

/** The one row that clients logged in as stats ask for. */
function fillStatsVariables(db: Database.Database, schema: string): void {
  db.exec(`INSERT OR REPLACE INTO ${schema}.global_variables VALUES ('mysql-max_allowed_packet', '4194304')`);
}

/** Bytes of all pages of the databases that live in memory. */
export function memoryBytes(db: Database.Database): number {
  const bytes = (schema: string): number =>
    Number(db.pragma(`${schema}.page_count`, { simple: true })) *
    Number(db.pragma(`${schema}.page_size`, { simple: true }));
  return bytes('main') + bytes('stats') + bytes('monitor');
}
