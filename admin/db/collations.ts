/**
 * Fills mysql_collations from the collations the protocol knows.
 */
import type Database from 'better-sqlite3';
import { COLLATIONS } from '../../src/protocol/charsets.ts';

/** ProxySQL's list ends here: the ids above are newer collations of MariaDB. */
const LAST_ID = 2047;

/** Writes main.mysql_collations; `Default` marks the lowest id of each character set, as in ProxySQL. */
export function fillCollations(db: Database.Database): void {
  const seen = new Set<string>();
  const insert = db.prepare('INSERT OR REPLACE INTO main.mysql_collations VALUES (?, ?, ?, ?)');
  db.transaction(() => {
    for (const { id, name, charset } of COLLATIONS) {
      if (id > LAST_ID) continue;
      insert.run(id, name, charset, seen.has(charset) ? '' : 'Yes');
      seen.add(charset);
    }
  })();
}
