/**
 * Finds a statement's effects on the session, token by token, wherever in the text they stand. What depends on the
 * kind of the statement as a whole (SET, CALL, …) is added by statement-kind.ts.
 *
 * The rule everywhere: what looks like an effect is one. A connection kept without need costs a little; one shared in
 * spite of an effect gives a session's state to another.
 */
import { SessionEffect } from './facts.ts';
import { NO_KEYWORD } from './keywords.ts';
import { Token } from './scanner.ts';

/** Functions, called with whatever between name and parenthesis, quoted or not. */
const OF_CALL: Readonly<Record<string, number>> = {
  GET_LOCK: SessionEffect.GET_LOCK,
  SERVICE_GET_READ_LOCKS: SessionEffect.GET_LOCK,
  SERVICE_GET_WRITE_LOCKS: SessionEffect.GET_LOCK,
  VERSION_TOKENS_LOCK_EXCLUSIVE: SessionEffect.GET_LOCK,
  VERSION_TOKENS_LOCK_SHARED: SessionEffect.GET_LOCK,
  RELEASE_LOCK: SessionEffect.RELEASE_LOCKS,
  RELEASE_ALL_LOCKS: SessionEffect.RELEASE_LOCKS,
  SERVICE_RELEASE_LOCKS: SessionEffect.RELEASE_LOCKS,
  VERSION_TOKENS_UNLOCK: SessionEffect.RELEASE_LOCKS,
  LAST_INSERT_ID: SessionEffect.LAST_INSERT_ID,
  FOUND_ROWS: SessionEffect.FOUND_ROWS,
  ROW_COUNT: SessionEffect.ROW_COUNT,
  WSREP_LAST_SEEN_GTID: SessionEffect.ROW_COUNT,
  WSREP_LAST_WRITTEN_GTID: SessionEffect.ROW_COUNT,
  NEXTVAL: SessionEffect.SEQUENCE,
  LASTVAL: SessionEffect.SEQUENCE,
  SETVAL: SessionEffect.SEQUENCE,
  CONNECTION_ID: SessionEffect.CONNECTION_ID,
};

/** Words by themselves. */
const OF_WORD: Readonly<Record<string, number>> = {
  SQL_CALC_FOUND_ROWS: SessionEffect.FOUND_ROWS,
  // sequence.NEXTVAL and sequence.CURRVAL, of MariaDB's Oracle mode.
  NEXTVAL: SessionEffect.SEQUENCE,
  CURRVAL: SessionEffect.SEQUENCE,
};

/** Two words in a row. */
const OF_PAIR: Readonly<Record<string, number>> = {
  'LOCK TABLE': SessionEffect.LOCK_TABLES,
  'LOCK TABLES': SessionEffect.LOCK_TABLES,
  'LOCK INSTANCE': SessionEffect.LOCK_TABLES | SessionEffect.OPAQUE,
  'LOCK BINLOG': SessionEffect.LOCK_TABLES | SessionEffect.OPAQUE,
  'READ LOCK': SessionEffect.LOCK_TABLES,
  'FOR EXPORT': SessionEffect.LOCK_TABLES,
  'BACKUP STAGE': SessionEffect.LOCK_TABLES | SessionEffect.OPAQUE,
  'BACKUP LOCK': SessionEffect.LOCK_TABLES | SessionEffect.OPAQUE,
  'TEMPORARY TABLE': SessionEffect.TEMPORARY_TABLE,
  'TEMPORARY SEQUENCE': SessionEffect.TEMPORARY_TABLE,
  'NEXT VALUE': SessionEffect.SEQUENCE,
  'PREVIOUS VALUE': SessionEffect.SEQUENCE,
};

/** System variables that tell of an earlier statement. */
const OF_SYSTEM_VARIABLE: Readonly<Record<string, number>> = {
  IDENTITY: SessionEffect.LAST_INSERT_ID,
  LAST_INSERT_ID: SessionEffect.LAST_INSERT_ID,
  INSERT_ID: SessionEffect.LAST_INSERT_ID,
  WARNING_COUNT: SessionEffect.WARNINGS,
  ERROR_COUNT: SessionEffect.WARNINGS,
  LAST_GTID: SessionEffect.ROW_COUNT,
};

export class EffectFinder {
  effects = 0;

  /** Of the previous token, quoted or not. */
  #previousName = NO_KEYWORD;
  /** Of the previous token, when it is not quoted. */
  #previousWord = NO_KEYWORD;
  #sawSystemVariable = false;

  /** Begins a text. */
  reset(): void {
    this.effects = 0;
    this.beginStatement();
  }

  /** Begins the next statement of the text; the effects add up. */
  beginStatement(): void {
    this.#previousName = NO_KEYWORD;
    this.#previousWord = NO_KEYWORD;
    this.#sawSystemVariable = false;
  }

  /** Something that is no effect stands between the token before and the next. */
  passOver(): void {
    this.#previousName = NO_KEYWORD;
    this.#previousWord = NO_KEYWORD;
  }

  /** @param keyword what the token spells, quoted or not, or NO_KEYWORD */
  see(token: Token, keyword: string): void {
    if (token === Token.OPEN) this.effects |= OF_CALL[this.#previousName] ?? 0;
    else if (token === Token.AT) this.#seeAt();
    else if (token === Token.SYSTEM) this.#sawSystemVariable = true;
    const word = token === Token.WORD ? keyword : NO_KEYWORD;
    if (keyword !== NO_KEYWORD && this.#sawSystemVariable) this.effects |= OF_SYSTEM_VARIABLE[keyword] ?? 0;
    if (word !== NO_KEYWORD) {
      this.effects |= OF_WORD[word] ?? 0;
      if (this.#previousWord !== NO_KEYWORD) this.effects |= OF_PAIR[`${this.#previousWord} ${word}`] ?? 0;
    }
    this.#previousName = keyword;
    this.#previousWord = word;
  }

  /** Accounts such as 'name'@'host' count as variables too: nothing short of a grammar tells them apart for sure. */
  #seeAt(): void {
    this.effects |= SessionEffect.USER_VARIABLE;
    if (this.#previousWord === 'INTO') this.effects |= SessionEffect.INTO_VARIABLE;
  }
}
