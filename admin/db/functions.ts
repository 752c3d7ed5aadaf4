/**
 * SQL functions that ProxySQL adds to SQLite.
 * Password hashes are computed by src/auth.
 */
import type Database from 'better-sqlite3';

/** Registers the functions on one connection. */
export function registerFunctions(db: Database.Database): void {
  db.function('FROM_UNIXTIME', { deterministic: true }, fromUnixTime);
}

/** Seconds since 1970 to `YYYY-MM-DD hh:mm:ss` in UTC; NULL for what is no number or no date. */
function fromUnixTime(seconds: unknown): string | null {
  if (typeof seconds !== 'number' || Math.abs(seconds) > 8.64e12) return null;
  return new Date(Math.trunc(seconds) * 1000).toISOString().slice(0, 19).replace('T', ' ');
}
