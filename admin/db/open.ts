/**
 * Opens the databases of the admin plane: MEMORY is `main` of an in-memory SQLite, DISK and the others are attached.
 * It fills the tables that never change; default values and promotion come from elsewhere.
 */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { fillCollations } from './collations.ts';
import { registerFunctions } from './functions.ts';
import { type Migrated, migrateSchema } from './migrate.ts';
import { createSchema, parseSchema, readSchemaFile, type SchemaObject } from './schema.ts';

export const DISK_FILE = 'proxysql.db';
export const HISTORY_FILE = 'proxysql_stats.db';

const IN_MEMORY = ':memory:';
const DATABASE_MODE = 0o600;

/** A database file that cannot be opened; the message says which, why, and what to do. */
export class DatabaseUnusable extends Error {
  constructor(file: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`cannot use ${file}: ${reason}; ${remedyFor(file, cause)}`, { cause });
    this.name = 'DatabaseUnusable';
  }
}

function remedyFor(file: string, cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (/^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(code)) return 'make room for it';
  if (/^(SQLITE_READONLY|SQLITE_CANTOPEN|EACCES|EPERM|EROFS)/.test(code))
    return 'let sluice write to it and its directory';
  return file.endsWith(DISK_FILE)
    ? 'put a copy of it back, or start with --initial, which sets it aside'
    : 'move it away; it holds statistics only';
}

export interface AdminDatabase {
  /** What admin sessions see: main, disk, stats, monitor, stats_history. */
  readonly handle: Database.Database;
  /** What stats sessions see: the stats tables as main, monitor, stats_history; never writable by them. */
  readonly statsView: Database.Database;
  /** Is it a table of the product's own, not one an operator made? */
  readonly isOwnTable: (schema: string, table: string) => boolean;
  /** What the operator should know about the files. */
  readonly notes: readonly DatabaseNote[];
  /** There was no proxysql.db, or `initial` put it aside. */
  readonly diskWasCreated: boolean;
  /**
   * Closes proxysql.db and opens it again, because another one has been put in its place. Throws DatabaseUnusable when
   * there is no usable one; the one of before stays open then.
   */
  reopenDisk(): void;
  close(): void;
}

export interface DatabaseNote {
  readonly severity: 'info' | 'error';
  readonly text: string;
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
  ]);
  const notes: DatabaseNote[] = [];
  noteMigration(notes, diskFile, () => migrateSchema(handle, objects, 'disk', diskFile));
  const history = attachHistory(handle, objects, historyFile, notes);
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
    ['stats_history', history],
  ]);
  createSchema(statsView, objects, {
    stats: 'main',
    monitor: 'monitor',
    ...(history === IN_MEMORY ? { stats_history: 'stats_history' } : {}),
  });
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
    notes,
    diskWasCreated,
    reopenDisk() {
      // Looked at apart first: a file that cannot be used must not cost the one that is open.
      const probe = new Database(IN_MEMORY);
      try {
        attach(probe, [['disk', diskFile]]);
      } finally {
        probe.close();
      }
      handle.exec('DETACH DATABASE disk');
      attach(handle, [['disk', diskFile]]);
      createSchema(handle, objects, { disk: 'disk' });
    },
    close() {
      statsView.close();
      handle.close();
    },
  };
}

/** Runs a migration and writes down what it did. What it cannot do makes the file unusable. */
function noteMigration(notes: DatabaseNote[], file: string, migrate: () => Migrated | undefined): void {
  let migrated: Migrated | undefined;
  try {
    migrated = migrate();
  } catch (error) {
    throw new DatabaseUnusable(file, error);
  }
  if (migrated === undefined) return;
  notes.push({
    severity: 'info',
    text: `${file} was written by another version; as it was, it is kept as ${migrated.copy}`,
  });
  for (const { table, rows, refused, dropped } of migrated.tables) {
    const lost = dropped.length === 0 ? '' : `; its columns ${dropped.join(', ')} have no place any more`;
    notes.push({ severity: 'info', text: `table ${table}: ${rows} rows carried over${lost}` });
    if (refused.length > 0) {
      notes.push({
        severity: 'error',
        text: `table ${table}: ${refused.length} rows could not be carried over: ${refused[0]}`,
      });
    }
  }
}

/**
 * Statistics are no reason to keep a proxy from starting: when their file cannot be used it is left alone, and history
 * is kept in memory. Returns what is attached.
 */
function attachHistory(
  db: Database.Database,
  objects: readonly SchemaObject[],
  file: string,
  notes: DatabaseNote[],
): string {
  try {
    attach(db, [['stats_history', file]]);
    noteMigration(notes, file, () => migrateSchema(db, objects, 'stats_history', file));
    return file;
  } catch (error) {
    if (!(error instanceof DatabaseUnusable)) throw error;
    notes.push({ severity: 'error', text: `${error.message}; until then the history of statistics is kept in memory` });
    const attached = db.prepare("SELECT 1 FROM pragma_database_list WHERE name='stats_history'").get();
    if (attached !== undefined) db.exec('DETACH stats_history');
    attach(db, [['stats_history', IN_MEMORY]]);
    return IN_MEMORY;
  }
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
