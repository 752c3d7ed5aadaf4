/**
 * SQL functions that ProxySQL adds to SQLite: password hashes and FROM_UNIXTIME.
 * The hashes themselves are src/auth's.
 */
import type Database from 'better-sqlite3';
import { cachingSha2HashSync } from '../../src/auth/caching-sha2.ts';
import { nativeHash } from '../../src/auth/native-password.ts';

/** ProxySQL gives these as the result instead of failing. */
const WRONG_TYPE = 'Invalid argument type';
const WRONG_SIZE = 'Invalid argument size';
const SALT_BYTES_MAX = 20;

/** Registers the functions on one connection. */
export function registerFunctions(db: Database.Database): void {
  db.function('MYSQL_NATIVE_PASSWORD', { deterministic: true }, (password: unknown) =>
    hashOf(password, (text) => nativeHash(text)),
  );
  // SQLite tells functions apart by the number of their arguments, too.
  db.function('CACHING_SHA2_PASSWORD', (password: unknown) => hashOf(password, (text) => cachingSha2HashSync(text)));
  db.function('CACHING_SHA2_PASSWORD', { deterministic: true }, (password: unknown, salt: unknown) =>
    hashOf(password, (text) => hashWithSalt(text, salt)),
  );
  db.function('FROM_UNIXTIME', { deterministic: true }, fromUnixTime);
}

function hashOf(password: unknown, hash: (text: string) => string): string {
  if (typeof password !== 'string') return WRONG_TYPE;
  return password === '' ? WRONG_SIZE : hash(password);
}

function hashWithSalt(password: string, salt: unknown): string {
  if (typeof salt !== 'string') return WRONG_TYPE;
  const bytes = Buffer.from(salt);
  return bytes.length === 0 || bytes.length > SALT_BYTES_MAX ? WRONG_SIZE : cachingSha2HashSync(password, bytes);
}

/** Seconds since 1970 to `YYYY-MM-DD hh:mm:ss` in UTC; NULL for what is no number or no date. */
function fromUnixTime(seconds: unknown): string | null {
  if (typeof seconds !== 'number' || Math.abs(seconds) > 8.64e12) return null;
  return new Date(Math.trunc(seconds) * 1000).toISOString().slice(0, 19).replace('T', ' ');
}
