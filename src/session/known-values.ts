/**
 * Values of tracked variables that every server takes from every account, so that a SET of them needs no server to say so.
 * Whatever is not listed may be good as well; one has to ask. Pure, and on the side of asking.
 */
import { collationByName, defaultCollationOf, isParseable } from '../protocol/charsets.ts';
import type { SetNames } from '../sql/set-parser.ts';

/** Those that MySQL 5.7 to 9 and MariaDB share. */
const SQL_MODES: ReadonlySet<string> = new Set(
  `ALLOW_INVALID_DATES ANSI ANSI_QUOTES ERROR_FOR_DIVISION_BY_ZERO HIGH_NOT_PRECEDENCE IGNORE_SPACE NO_AUTO_VALUE_ON_ZERO
  NO_BACKSLASH_ESCAPES NO_DIR_IN_CREATE NO_ENGINE_SUBSTITUTION NO_UNSIGNED_SUBTRACTION NO_ZERO_DATE NO_ZERO_IN_DATE
  ONLY_FULL_GROUP_BY PAD_CHAR_TO_FULL_LENGTH PIPES_AS_CONCAT REAL_AS_FLOAT STRICT_ALL_TABLES STRICT_TRANS_TABLES
  TRADITIONAL`.split(/\s+/),
);

/** Servers differ in how far from Greenwich they go. */
const TIME_ZONE = /^(?:SYSTEM|[+-](?:0?\d|1[0-2]):[0-5]\d)$/i;

/** Any boolean that the parser takes, from any account. */
const FREE_BOOLEANS: ReadonlySet<string> = new Set([
  'autocommit',
  'foreign_key_checks',
  'innodb_table_locks',
  'sql_auto_is_null',
  'sql_big_selects',
  'sql_quote_show_create',
  'sql_safe_updates',
  'transaction_isolation',
  'transaction_read_only',
  'unique_checks',
]);

interface Range {
  readonly min: number;
  readonly max: number;
  readonly fractions?: true;
  /** Others are cut to a multiple of it, with a warning. */
  readonly step?: number;
}

const INTEGER_MAX = 2 ** 31 - 1;
const YEAR_S = 31_536_000;

const RANGES: Readonly<Record<string, Range>> = {
  group_concat_max_len: { min: 4, max: 2 ** 30 },
  innodb_lock_wait_timeout: { min: 1, max: 100_000_000 },
  join_buffer_size: { min: 1024, max: INTEGER_MAX, step: 128 },
  lock_wait_timeout: { min: 1, max: YEAR_S },
  long_query_time: { min: 0, max: YEAR_S, fractions: true },
  max_execution_time: { min: 0, max: INTEGER_MAX },
  max_heap_table_size: { min: 16_384, max: INTEGER_MAX, step: 1024 },
  max_join_size: { min: 1, max: INTEGER_MAX },
  max_sort_length: { min: 64, max: 8 * 1024 * 1024 },
  max_statement_time: { min: 0, max: YEAR_S, fractions: true },
  net_read_timeout: { min: 1, max: YEAR_S },
  net_write_timeout: { min: 1, max: YEAR_S },
  optimizer_prune_level: { min: 0, max: 1 },
  optimizer_search_depth: { min: 0, max: 62 },
  sort_buffer_size: { min: 32_768, max: INTEGER_MAX },
  sql_select_limit: { min: 0, max: INTEGER_MAX },
  tmp_table_size: { min: 16_384, max: INTEGER_MAX, step: 1024 },
};

/** Character sets and collations that one of the server families lacks, or that are for other purposes. */
const RARE_CHARSETS: ReadonlySet<string> = new Set(['filename', 'gb18030']);

/** Collations of this kind exist wherever their character set does; `utf8mb4_0900_bin` and `…_nopad_bin` are others. */
const COMMON_COLLATION = /^[^_]+_(?:bin|general_ci|unicode_ci|unicode_520_ci)$/;
/** What MySQL clients ask for; SET NAMES goes without it where there is none (backend/backend-sync.ts). */
const MYSQL_COLLATION = 'utf8mb4_0900_ai_ci';

/** @param value SQL text as parseSet has it, quotes and all. */
export function isKnownValue(name: string, value: string): boolean {
  if (/^default$/i.test(value)) return true;
  if (FREE_BOOLEANS.has(name)) return true;
  const range = RANGES[name];
  if (range !== undefined) return isWithin(value, range);
  const bare = value.replace(/^(['"])(.*)\1$/, '$2');
  switch (name) {
    case 'sql_mode':
      return bare === '' || bare.split(',').every((mode) => SQL_MODES.has(mode.toUpperCase()));
    case 'time_zone':
      return TIME_ZONE.test(bare);
    case 'default_storage_engine':
    case 'default_tmp_storage_engine':
      return /^innodb$/i.test(bare);
    case 'lc_messages':
    case 'lc_time_names':
      return bare === 'en_US';
    case 'character_set_client':
      return isKnownCharset(bare) && isParseable(bare);
    case 'character_set_connection':
    case 'character_set_results':
      return /^null$/i.test(bare) || isKnownCharset(bare);
    case 'collation_connection':
      return isKnownCollation(bare);
    default:
      return false;
  }
}

/** The same of SET NAMES and SET CHARACTER SET. */
export function areKnownNames({ charset, collation }: SetNames): boolean {
  if (!isKnownCharset(charset)) return false;
  return collation === undefined || collation.toLowerCase() === MYSQL_COLLATION || isKnownCollation(collation);
}

function isWithin(value: string, { min, max, fractions, step = 1 }: Range): boolean {
  const number = Number(value);
  return number >= min && number <= max && (fractions === true || number % step === 0);
}

function isKnownCharset(name: string): boolean {
  return defaultCollationOf(name) !== undefined && !RARE_CHARSETS.has(name.toLowerCase());
}

function isKnownCollation(name: string): boolean {
  const collation = collationByName(name);
  if (collation === undefined || RARE_CHARSETS.has(collation.charset)) return false;
  return collation.isDefault || COMMON_COLLATION.test(collation.name);
}
