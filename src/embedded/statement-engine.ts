/**
 * Runs MySQL statements of one client on SQLite: which statement it is, transactions, variables, errors. It speaks no
 * protocol and sends nothing.
 */
import type Database from 'better-sqlite3';
import { registerFunctions } from './functions.ts';
import { isLockConflict, type MysqlError, mysqlErrors, toMysqlError } from './mysql-errors.ts';
import {
  DONE,
  describeColumns,
  type Outcome,
  type ResultColumn,
  type Row,
  rowsOutcome,
  sampleRows,
} from './outcome.ts';
import { type Scalar, type ServerIdentity, SessionVariables } from './session-variables.ts';
import { runSet } from './set-statement.ts';
import { describe, type ShowContext, show } from './show.ts';
import type { Storage } from './storage.ts';
import { type Token, tokenize } from './tokens.ts';
import { type Translation, translate } from './translate.ts';

/** How long a statement waits for another client's lock (MySQL: innodb_lock_wait_timeout, 50 s). */
export const LOCK_WAIT_TIMEOUT_MS = 5_000;
const LOCK_RETRY_INTERVAL_MS = 10;

/** Longest SLEEP() in seconds. */
const SLEEP_MAX_S = 3_600;

export interface EngineOptions {
  readonly storage: Storage;
  readonly identity: ServerIdentity;
  readonly user: string;
  readonly connectionId: number;
  readonly schema: string | null;
  readonly processes: () => readonly Row[];
  /** Ends a connection, or only the statement it runs; false when there is no such connection. */
  readonly kill: (connectionId: number, statementOnly: boolean) => boolean;
  readonly nowMs: () => number;
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface Description {
  readonly parameterCount: number;
  /** Empty when the statement gives no rows, or is not known before it runs. */
  readonly columns: readonly ResultColumn[];
}

/** First words of statements that SQLite runs; everything else is answered here or refused (ATTACH, PRAGMA …). */
const SQLITE_STATEMENTS: ReadonlySet<string> = new Set(
  'select with values insert replace update delete create alter drop truncate explain'.split(' '),
);
const DEFINITIONS: ReadonlySet<string> = new Set(['create', 'alter', 'drop', 'truncate']);
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(['lock', 'unlock', 'flush', 'analyze', 'optimize']);

const END: Token = { kind: 'symbol', text: ';', value: ';' };

export class StatementEngine {
  readonly variables: SessionVariables;
  readonly #options: EngineOptions;
  #database: Database.Database | undefined;
  #schema: string | null;
  #lastInsertId: number | bigint = 0;
  #rowCount = -1;
  #lastProblem: MysqlError | undefined;
  #abort = new AbortController();

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#schema = options.schema;
    this.variables = new SessionVariables(options.identity);
  }

  get schema(): string | null {
    return this.#schema;
  }

  get inTransaction(): boolean {
    return this.#database?.inTransaction === true;
  }

  /** Runs one statement. Rejects with MysqlError. Rows must be read, or their iterator closed, before the next call. */
  async execute(sql: string, parameters: readonly Scalar[] = []): Promise<Outcome> {
    this.#abort = new AbortController();
    const tokens = this.#tokenize(sql);
    const words = tokens.filter(isSignificant);
    if (words[0]?.value !== 'show') this.#lastProblem = undefined;
    try {
      return await this.#dispatch(tokens, words, parameters);
    } catch (error) {
      this.#lastProblem = toMysqlError(error, this.#schema ?? 'main');
      throw this.#lastProblem;
    }
  }

  /** The statements of a text; at least one, so that an empty text gets its error. */
  split(sql: string): string[] {
    const statements: string[] = [];
    let tokens: Token[] = [];
    for (const token of [...this.#tokenize(sql), END]) {
      tokens.push(token);
      if (token.text !== ';') continue;
      if (tokens.some(isSignificant)) statements.push(tokens.map(({ text }) => text).join(''));
      tokens = [];
    }
    return statements.length === 0 ? [sql] : statements;
  }

  /** What a prepared statement will take and give. Throws MysqlError. */
  describe(sql: string): Description {
    const tokens = this.#tokenize(sql);
    const first = tokens.find(isSignificant)?.value ?? '';
    const parameterCount = tokens.filter((token) => token.kind === 'parameter').length;
    if (!SQLITE_STATEMENTS.has(first)) return { parameterCount, columns: [] };
    try {
      const translation = this.#translate(tokens);
      const statement = this.#open().prepare(translation.sql);
      const columns = statement.reader ? describeColumns(statement.columns(), [], translation.columnName) : [];
      return { parameterCount, columns };
    } catch (error) {
      throw toMysqlError(error, this.#schema ?? 'main');
    }
  }

  /** USE and COM_INIT_DB. */
  useSchema(name: string): void {
    if (!this.#options.storage.has(name)) throw mysqlErrors.unknownDatabase(name);
    this.#schema = name;
  }

  /** Interrupts the statement that is waiting, as KILL QUERY does. */
  interrupt(): void {
    this.#abort.abort();
  }

  /** COM_RESET_CONNECTION: a new connection gives everything back: transaction, temporary tables. */
  reset(): void {
    this.close();
    this.variables.reset();
    this.#lastInsertId = 0;
    this.#rowCount = -1;
    this.#lastProblem = undefined;
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }

  #open(): Database.Database {
    if (this.#database !== undefined) return this.#database;
    const { storage, user, connectionId, identity, nowMs } = this.#options;
    this.#database = storage.open();
    registerFunctions(this.#database, {
      schema: () => this.#schema,
      user: () => `${user}@localhost`,
      connectionId,
      serverVersion: identity.serverVersion,
      lastInsertId: () => Number(this.#lastInsertId),
      rowCount: () => this.#rowCount,
      nowMs,
    });
    return this.#database;
  }

  #tokenize(sql: string): Token[] {
    return tokenize(sql, {
      ansiQuotes: this.variables.hasSqlMode('ANSI_QUOTES'),
      noBackslashEscapes: this.variables.hasSqlMode('NO_BACKSLASH_ESCAPES'),
    });
  }

  #translate(tokens: readonly Token[]): Translation {
    return translate(tokens, {
      schema: this.#schema ?? 'main',
      userVariable: (name) => this.variables.getUser(name),
      systemVariable: (name) => {
        const value = this.variables.get(name);
        if (value === undefined) throw mysqlErrors.unknownVariable(name);
        return value;
      },
    });
  }

  async #dispatch(tokens: readonly Token[], words: readonly Token[], parameters: readonly Scalar[]): Promise<Outcome> {
    const first = words[0]?.value;
    const second = words[1]?.value;
    switch (first) {
      case undefined:
        throw mysqlErrors.emptyQuery();
      case 'use':
        this.useSchema(identifier(words[1]));
        return DONE;
      case 'set':
        this.#set(words);
        return DONE;
      case 'show':
        return show(words, this.#showContext());
      case 'describe':
        return describe(words, this.#showContext());
      case 'desc':
      case 'explain':
        if (words.length === 2 || words[2]?.text === '.') return describe(words, this.#showContext());
        return this.#runOnSqlite(tokens, first, parameters);
      case 'begin':
        return this.#begin();
      case 'start':
        if (second !== 'transaction') throw mysqlErrors.syntax(words[1]?.text ?? '');
        return this.#begin();
      case 'commit':
        return this.#endTransaction('COMMIT');
      case 'rollback':
        if (second === 'to') return this.#savepoint(`ROLLBACK TO "${identifier(words.at(-1))}"`);
        return this.#endTransaction('ROLLBACK');
      case 'savepoint':
        return this.#savepoint(`SAVEPOINT "${identifier(words[1])}"`);
      case 'release':
        return this.#savepoint(`RELEASE "${identifier(words.at(-1))}"`);
      case 'kill':
        return this.#kill(words);
      case 'do':
        await this.#sleepOr(words, () => DONE);
        return DONE;
      case 'select':
        return this.#sleepOr(words, () => this.#runOnSqlite(tokens, first, parameters));
      default:
        if (SQLITE_STATEMENTS.has(first)) return this.#runOnSqlite(tokens, first, parameters);
        if (WITHOUT_EFFECT.has(first)) return DONE;
        throw words[0]?.kind === 'word' ? mysqlErrors.notSupported(first.toUpperCase()) : mysqlErrors.syntax(first);
    }
  }

  #showContext(): ShowContext {
    return {
      database: this.#open(),
      schema: this.#schema,
      schemaNames: this.#options.storage.schemaNames,
      variables: this.variables,
      processes: this.#options.processes,
      lastProblem: this.#lastProblem,
      translate: (tokens) => this.#translate(spaced(tokens)).sql,
    };
  }

  #set(words: readonly Token[]): void {
    const autocommitBefore = this.variables.autocommit;
    runSet(words, this.variables, (expression) => {
      const { sql } = this.#translate(spaced(expression));
      return this.#open().prepare(`SELECT ${sql}`).pluck().get() as Scalar;
    });
    if (!autocommitBefore && this.variables.autocommit && this.inTransaction) this.#open().exec('COMMIT');
  }

  #begin(): Outcome {
    this.#commitImplicitly();
    this.#open().exec('BEGIN');
    return DONE;
  }

  #endTransaction(statement: 'COMMIT' | 'ROLLBACK'): Outcome {
    if (this.inTransaction) this.#open().exec(statement);
    return DONE;
  }

  /** Outside a transaction a savepoint is gone as soon as its statement is over. */
  #savepoint(statement: string): Outcome {
    if (!this.inTransaction && !this.variables.autocommit) this.#open().exec('BEGIN');
    if (this.inTransaction) this.#open().exec(statement);
    return DONE;
  }

  #commitImplicitly(): void {
    if (this.inTransaction) this.#open().exec('COMMIT');
  }

  #kill(words: readonly Token[]): Outcome {
    const statementOnly = words[1]?.value === 'query';
    const id = Number(words.at(-1)?.value);
    if (!Number.isInteger(id)) throw mysqlErrors.syntax(words.at(-1)?.text ?? '');
    if (!this.#options.kill(id, statementOnly)) throw mysqlErrors.unknownThread(id);
    return DONE;
  }

  /** `SLEEP(n)` alone waits without holding anybody up. */
  async #sleepOr(words: readonly Token[], otherwise: () => Promise<Outcome> | Outcome): Promise<Outcome> {
    const text = words.map((word) => word.text).join(' ');
    const seconds = /^(?:select|do) sleep \( ([\d.]+) \)$/i.exec(text)?.[1];
    if (seconds === undefined) return otherwise();
    await this.#wait(Math.min(Number(seconds), SLEEP_MAX_S) * 1_000);
    return rowsOutcome([`${words[1]?.text}(${seconds})`], [[0]]);
  }

  async #wait(ms: number): Promise<void> {
    const { signal } = this.#abort;
    await this.#options.delay(ms, signal).catch(() => undefined);
    if (signal.aborted) throw mysqlErrors.interrupted();
  }

  async #runOnSqlite(tokens: readonly Token[], first: string, parameters: readonly Scalar[]): Promise<Outcome> {
    const translation = this.#translate(tokens);
    const definition = DEFINITIONS.has(first);
    if (definition && this.#options.identity.readOnly) throw mysqlErrors.readOnly();
    if (definition) this.#commitImplicitly();
    else if (!this.variables.autocommit && !this.inTransaction) this.#open().exec('BEGIN');
    const deadlineMs = this.#options.nowMs() + LOCK_WAIT_TIMEOUT_MS;
    for (;;) {
      try {
        return this.#attempt(translation, first, parameters);
      } catch (error) {
        if (!isLockConflict(error) || this.#options.nowMs() >= deadlineMs) throw error;
      }
      await this.#wait(LOCK_RETRY_INTERVAL_MS);
    }
  }

  #attempt(translation: Translation, first: string, parameters: readonly Scalar[]): Outcome {
    const statement = this.#open().prepare<Scalar[]>(translation.sql).safeIntegers();
    if (!statement.readonly && this.#options.identity.readOnly) throw mysqlErrors.readOnly();
    if (parameters.length !== translation.parameterCount) throw mysqlErrors.syntax('?');
    if (statement.reader) {
      const { sample, rows } = sampleRows(statement.raw().iterate(...parameters) as IterableIterator<Row>);
      this.#rowCount = -1;
      return { kind: 'rows', columns: describeColumns(statement.columns(), sample, translation.columnName), rows };
    }
    const { changes, lastInsertRowid } = statement.run(...parameters);
    this.#rowCount = changes;
    const inserted = (first === 'insert' || first === 'replace') && changes > 0;
    if (inserted) this.#lastInsertId = lastInsertRowid;
    const info = first === 'update' ? `Rows matched: ${changes}  Changed: ${changes}  Warnings: 0` : '';
    return { kind: 'done', affectedRows: changes, lastInsertId: inserted ? lastInsertRowid : 0, info };
  }
}

function isSignificant(token: Token): boolean {
  return token.kind !== 'space' && token.kind !== 'comment' && token.text !== ';';
}

function identifier(token: Token | undefined): string {
  if (token?.kind === 'word') return token.text;
  if (token?.kind === 'quoted-word') return token.value;
  throw mysqlErrors.syntax(token?.text ?? '');
}

/** Tokens without white space, as text that can be cut again. */
function spaced(tokens: readonly Token[]): Token[] {
  return tokens.flatMap((token) => [token, { kind: 'space', text: ' ', value: '' } as const]);
}
