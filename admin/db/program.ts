/**
 * What SQLite made of a statement: its compiled program, and the tables behind the root pages it opens. It judges nothing
 * and runs nothing.
 */
import type { Database, Statement } from 'better-sqlite3';
import { boundParameters } from './parameters.ts';
import { splitStatements } from './sql-tokens.ts';

/** One instruction; see https://www.sqlite.org/opcode.html. */
export interface Instruction {
  readonly opcode: string;
  readonly p1: number;
  readonly p2: number;
  readonly p3: number;
  readonly p4: string | null;
}

/** A table or an index is opened by its root page in one of the databases of the connection. */
export interface Place {
  readonly schema: string;
  /** The table, also for an index of it; undefined for one that is not known. */
  readonly table: string | undefined;
}

/** The program of a prepared statement, in the order of its addresses. */
export function programOf(db: Database, statement: Statement<unknown[], unknown>): readonly Instruction[] {
  // A semicolon in front is no part of it.
  const [source = ''] = splitStatements(statement.source);
  return db.prepare<unknown[], Instruction>(`EXPLAIN ${source}`).all(...boundParameters(source));
}

/** Root pages to tables, read when they are needed. */
export class Places {
  readonly #db: Database;
  readonly #schemas: ReadonlyMap<number, string>;
  readonly #tables = new Map<string, ReadonlyMap<number, string>>();

  constructor(db: Database) {
    this.#db = db;
    const list = db.pragma('database_list') as readonly { readonly seq: number; readonly name: string }[];
    this.#schemas = new Map(list.map(({ seq, name }) => [seq, name]));
  }

  of(database: number, rootPage: number): Place {
    const schema = this.#schemas.get(database) ?? '';
    // Page 1 is the schema itself.
    if (rootPage === 1) return { schema, table: SCHEMA_TABLE };
    return { schema, table: this.#tablesOf(schema).get(rootPage) };
  }

  #tablesOf(schema: string): ReadonlyMap<number, string> {
    let tables = this.#tables.get(schema);
    if (tables === undefined) {
      const rows = this.#db
        .prepare<[], { tbl_name: string; rootpage: number }>(
          `SELECT tbl_name, rootpage FROM ${quoteName(schema)}.sqlite_master`,
        )
        .all();
      tables = new Map(rows.map(({ tbl_name, rootpage }) => [rootpage, tbl_name]));
      this.#tables.set(schema, tables);
    }
    return tables;
  }
}

/** The table that holds the definitions of its schema. */
export const SCHEMA_TABLE = 'sqlite_master';

/** A name as SQL takes it, whatever it holds. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
