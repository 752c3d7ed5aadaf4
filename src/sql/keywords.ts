/**
 * The words that decide what a statement is and does, and how to find out whether a token is one of them.
 */
import { CASE_BIT } from './digest-bytes.ts';
import { type Scanner, wordHash } from './scanner.ts';

const WORDS = `
  ALTER ANALYZE BACKUP BEGIN BINLOG CACHE CALL CASE CHANGE CHECK CHECKSUM CLONE COMMIT CONNECTION_ID CREATE CURRENT CURRVAL DATA
  DATABASE DEALLOCATE DECLARE DELETE DESC DESCRIBE DIAGNOSTICS DO DROP ERRORS ERROR_COUNT EXECUTE EXPLAIN EXPORT
  FETCH FLUSH FOR FOUND_ROWS GET GET_LOCK GRANT HANDLER HELP IDENTITY IF IMMEDIATE IMPORT IN INDEX INFILE INSERT
  INSERT_ID INSTALL INSTANCE INTO KILL LAST_GTID LAST_INSERT_ID LASTVAL LOAD LOCAL LOCK LOOP MASTER NEXT NEXTVAL
  NO_WRITE_TO_BINLOG OPEN OPTIMIZE OR PREPARE PREVIOUS PURGE READ RECOVER RELEASE RELEASE_ALL_LOCKS RELEASE_LOCK
  RENAME REPAIR REPEAT REPLACE RESET RESIGNAL RESTART REVOKE ROLLBACK ROW_COUNT SAVEPOINT SCHEMA SELECT SEQUENCE
  SERVICE_GET_READ_LOCKS SERVICE_GET_WRITE_LOCKS SERVICE_RELEASE_LOCKS SET SETVAL SHARE SHOW SHUTDOWN SIGNAL SLAVE
  SQL_CALC_FOUND_ROWS STACKED STAGE START STATEMENT STATUS STOP TABLE TABLES TEMPORARY TO TRANSACTION TRIGGER
  TRUNCATE UNINSTALL UNIQUE UNLOCK UPDATE USE USER VALUE VALUES VERSION_TOKENS_LOCK_EXCLUSIVE
  VERSION_TOKENS_LOCK_SHARED VERSION_TOKENS_UNLOCK VIEW WARNINGS WARNING_COUNT WHILE WITH WORK
  WSREP_LAST_SEEN_GTID WSREP_LAST_WRITTEN_GTID XA XML
`
  .trim()
  .split(/\s+/);

// A table with open addressing, at most an eighth full: a third of the time that a Map takes for what is no keyword.
const SLOTS = 1024;
const hashes = new Int32Array(SLOTS);
const words = new Array<string>(SLOTS).fill('');
for (const word of WORDS) {
  let slot = wordHash(word) & (SLOTS - 1);
  while (words[slot] !== '') slot = (slot + 1) & (SLOTS - 1);
  hashes[slot] = wordHash(word);
  words[slot] = word;
}

function wordWithHash(hash: number): string {
  let slot = hash & (SLOTS - 1);
  while (words[slot] !== '' && hashes[slot] !== hash) slot = (slot + 1) & (SLOTS - 1);
  return words[slot] as string;
}

/** No keyword. */
export const NO_KEYWORD = '';

/**
 * The keyword, in capitals, that the scanner's token spells, or NO_KEYWORD. The bytes are compared, because a name may
 * be made to have a keyword's hash. `quoted`: the token has a quote on either side.
 */
export function keywordOf(scanner: Scanner, text: Uint8Array, quoted: boolean): string {
  const word = wordWithHash(scanner.hash);
  if (word === NO_KEYWORD) return NO_KEYWORD;
  const start = quoted ? scanner.tokenStart + 1 : scanner.tokenStart;
  const end = quoted ? scanner.tokenEnd - 1 : scanner.tokenEnd;
  if (end - start !== word.length) return NO_KEYWORD;
  for (let i = 0; i < word.length; i += 1) {
    const byte = text[start + i]!;
    const upper = byte >= 0x61 && byte <= 0x7a ? byte - CASE_BIT : byte;
    if (upper !== word.charCodeAt(i)) return NO_KEYWORD;
  }
  return word;
}
