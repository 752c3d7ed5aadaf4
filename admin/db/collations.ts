/**
 * Fills mysql_collations from the collations the protocol knows.
 */
import type Database from 'better-sqlite3';
import { COLLATIONS } from '../../src/protocol/charsets.ts';

/** ProxySQL's list ends here: the ids above are newer collations of MariaDB. */
const LAST_ID = 2047;
/** And it has a gap: the collations MySQL has had since 8.0.30. */
const isMissing = (id: number): boolean => id >= 308 && id <= 323;

/**
 * Names that ProxySQL spells otherwise than the servers do. The table is for people and tools that know ProxySQL; sessions
 * go by the servers' names. Recorded from 2.7.1.
 */
const SPELLED: ReadonlyMap<number, string> = new Map([
  [56, 'utf16_general_ci'],
  [62, 'utf16_bin'],
  [113, 'utf16_lithunian_ci'],
  [149, 'ucs2_croatian_ci'],
  [174, 'utf32_spanish_ci'],
  [213, 'utf8_croatian_ci'],
  [279, 'utf8mb4_de_pb__0900_as_cs'],
  [306, 'utf8mb4_ru_0900_as_ci'],
  [1027, 'dec8_swedisch_nopad_ci'],
  [1070, 'utf8mb4_general_nopad_bin'],
]);
/** The one id that it gives to another character set. */
const MISPLACED = { id: 119, name: 'utf8_spanish_ci', charset: 'utf8' } as const;

/** Writes main.mysql_collations; `Default` marks the lowest id of each character set, as in ProxySQL. */
export function fillCollations(db: Database.Database): void {
  const seen = new Set<string>();
  const insert = db.prepare('INSERT OR REPLACE INTO main.mysql_collations VALUES (?, ?, ?, ?)');
  db.transaction(() => {
    for (const collation of COLLATIONS) {
      const { id, name, charset } = collation.id === MISPLACED.id ? MISPLACED : collation;
      if (id > LAST_ID || isMissing(id)) continue;
      insert.run(id, SPELLED.get(id) ?? name, charset, seen.has(charset) ? '' : 'Yes');
      seen.add(charset);
    }
  })();
}
