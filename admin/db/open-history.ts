/**
 * A second connection to proxysql_stats.db, for those who write history over several turns of the event loop: a
 * transaction on the connection all sessions share would take their statements in.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { HISTORY_FILE } from './open.ts';

export function openHistory(dataDir: string): Database.Database {
  const db = new Database(join(dataDir, HISTORY_FILE));
  // Statistics: the last seconds may be lost with the power, as in ProxySQL.
  db.pragma('synchronous = OFF');
  // Readers of the file are locked out at the commit only, not as soon as the cache is full.
  db.pragma('cache_spill = OFF');
  return db;
}
