/**
 * The judge: what one text does with protected columns, decided from its meaning before it is sent, failing closed.
 * Synchronous and pure; a judge belongs to one policy, one catalog and one kind of server. It sends and masks nothing.
 */
import type { Catalog } from './catalog.ts';
import type { CompiledPolicy } from './policy.ts';
import { PASS, type Verdict } from './verdict.ts';

/** The kind of server that reads the text; version as MYSQL_VERSION_ID has it: 101114, 90700. */
export interface ServerKind {
  readonly family: 'mariadb' | 'mysql';
  /** Undefined: not known; comments that depend on it are then ambiguous. */
  readonly version: number | undefined;
}

/** A text and what the server knows when it reads it. */
export interface StatementContext {
  /** The bytes in the connection's character_set_client. */
  readonly text: Uint8Array;
  /** The current schema; '' when there is none. */
  readonly schema: string;
  /** The session's sql_mode as a list of names; undefined: not known. */
  readonly sqlMode: string | undefined;
  /** character_set_client. */
  readonly charset: string;
  /** CLIENT_MULTI_STATEMENTS is on: text behind a `;` is another statement. */
  readonly multiStatements: boolean;
}

export class Judge {
  readonly policy: CompiledPolicy;
  readonly catalog: Catalog;
  readonly server: ServerKind;

  constructor(policy: CompiledPolicy, catalog: Catalog, server: ServerKind) {
    this.policy = policy;
    this.catalog = catalog;
    this.server = server;
  }

  /**
   * One verdict per statement of the text, in order; at least one. When one of them refuses, the text as a whole must not
   * be sent. Never throws.
   */
  judge(_context: StatementContext): readonly Verdict[] {
    return [PASS];
  }
}
