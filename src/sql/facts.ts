/**
 * The words in which the data plane talks about a statement: its kind, and what it does to the session that runs it.
 * It decides nothing; classify.ts finds the facts, session/ draws the conclusions.
 */

export const STATEMENT_KINDS = [
  'select',
  'insert',
  'replace',
  'update',
  'delete',
  'load-data',
  'do',
  'call',
  'compound',
  'handler',
  'begin',
  'commit',
  'rollback',
  'rollback-to-savepoint',
  'savepoint',
  'release-savepoint',
  'xa',
  'set',
  'use',
  'show',
  'explain',
  'get-diagnostics',
  'prepare',
  'execute',
  'deallocate',
  'lock-tables',
  'unlock-tables',
  'flush',
  'kill',
  'ddl',
  'admin',
  'other',
  'multi',
  'empty',
] as const;

/**
 * What a statement is, by the keyword that decides it. `compound` is a block such as MariaDB's BEGIN NOT ATOMIC,
 * `multi` more than one statement in the text, `empty` white space and comments only, `other` a first word we do not know.
 */
export type StatementKind = (typeof STATEMENT_KINDS)[number];

/**
 * What running a statement does to, or needs from, the server's session: the reasons why the backend connection may
 * not be shared afterwards, or must be the one that ran the statement before. A bit set.
 *
 * Effects that stored functions and triggers have inside cannot be seen in the text and are not in here.
 */
export const SessionEffect = {
  /** Mentions a user variable (`@a`), to read or to write it. */
  USER_VARIABLE: 1 << 0,
  /** `… INTO @a`: sets user variables from a result. Comes with USER_VARIABLE. */
  INTO_VARIABLE: 1 << 1,
  TEMPORARY_TABLE: 1 << 2,
  /** LOCK TABLES, FLUSH … WITH READ LOCK / FOR EXPORT. Locks that UNLOCK TABLES does not end are OPAQUE as well. */
  LOCK_TABLES: 1 << 3,
  /** UNLOCK TABLES and nothing else: never together with another statement. */
  UNLOCK_TABLES: 1 << 4,
  /** GET_LOCK() and the locking service functions. */
  GET_LOCK: 1 << 5,
  /** Calls RELEASE_LOCK() or its like; there may be locks left. Never together with GET_LOCK. */
  RELEASE_LOCKS: 1 << 6,
  /** PREPARE, EXECUTE, DEALLOCATE as SQL text. */
  SQL_PREPARE: 1 << 7,
  /** SQL_CALC_FOUND_ROWS, or reads FOUND_ROWS(). */
  FOUND_ROWS: 1 << 8,
  /** Any SET: assigns session variables, the role or the next transaction. `parseSet` tells what the proxy can mirror. */
  SESSION_VARIABLE: 1 << 9,
  /** CALL: what the procedure does is unknown. */
  CALL: 1 << 10,
  HANDLER: 1 << 11,
  /** LOAD DATA LOCAL: the server will ask the client for a file. */
  LOCAL_INFILE: 1 << 12,
  /** Reads the last insert id of an earlier statement. */
  LAST_INSERT_ID: 1 << 13,
  /** Reads the diagnostics of the statement before: SHOW WARNINGS / ERRORS, GET DIAGNOSTICS, @@warning_count. */
  WARNINGS: 1 << 14,
  SAVEPOINT: 1 << 15,
  /** Reads ROW_COUNT() or another result of the statement before. */
  ROW_COUNT: 1 << 16,
  /** Sequences: LASTVAL / PREVIOUS VALUE belong to the session that called NEXTVAL. */
  SEQUENCE: 1 << 17,
  XA: 1 << 18,
  /** USE: the connection's schema is another one afterwards. */
  SCHEMA: 1 << 19,
  /** The statement may do anything: unknown keyword, compound block, or a text that servers read in different ways. */
  OPAQUE: 1 << 20,
  /** DROP DATABASE: afterwards the connection may have no schema. */
  DROP_SCHEMA: 1 << 21,
  /** Calls CONNECTION_ID(): another answer for every session. */
  CONNECTION_ID: 1 << 22,
} as const;
export type SessionEffect = (typeof SessionEffect)[keyof typeof SessionEffect];

export interface StatementFacts {
  readonly kind: StatementKind;
  /** The name under which stats_mysql_commands_counters counts it: SELECT, SELECT_FOR_UPDATE, …, UNKNOWN. */
  readonly command: string;
  /** Bit set of {@link SessionEffect}; of all statements together when there are several. */
  readonly effects: number;
  /** More than one statement in the text. */
  readonly multiStatement: boolean;
  /**
   * One SELECT that reads tables and calls nothing but functions known to leave nothing behind: it may run on any
   * connection of its kind, among others' statements, and twice. See pure-read.ts.
   */
  readonly pureRead: boolean;
}

/** The names of the effects in `effects`, for logs and the processlist: `['USER_VARIABLE', 'GET_LOCK']`. */
export function effectNames(effects: number): string[] {
  return Object.entries(SessionEffect)
    .filter(([, bit]) => (effects & bit) !== 0)
    .map(([name]) => name);
}
