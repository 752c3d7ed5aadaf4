/**
 * The uuid of this installation: one row of disk.global_settings.
 */
import { randomUUID } from 'node:crypto';
import type Database from 'better-sqlite3';

/** The given uuid, else the stored one, else a new one; it is stored. */
export function loadUuid(db: Database.Database, given: string | undefined): string {
  const stored = db
    .prepare<[], string>("SELECT variable_value FROM disk.global_settings WHERE variable_name='uuid'")
    .pluck()
    .get();
  const uuid = given ?? stored ?? randomUUID();
  if (uuid !== stored) db.prepare("INSERT OR REPLACE INTO disk.global_settings VALUES ('uuid', ?)").run(uuid);
  return uuid;
}
