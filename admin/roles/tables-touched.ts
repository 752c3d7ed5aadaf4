/**
 * Which tables a statement touches, by SQLite's own compiled program: whatever stands in the text (views, triggers, common
 * table expressions, comments, quotes), a table that is read or written is opened by an instruction that says so.
 */
import type { Database, Statement } from 'better-sqlite3';

export interface TableTouched {
  readonly schema: string;
  /** The table, also when an index of it is touched; undefined for a virtual table or one that is not known. */
  readonly table: string | undefined;
  readonly written: boolean;
}

const FOREIGN =
  /^(V[A-Z]|Destroy|Drop|CreateBtree|ParseSchema|SqlExec|SetCookie|Vacuum|IncrVacuum|JournalMode|Checkpoint)/;

interface Instruction {
  readonly opcode: string;
  readonly p1: number;
  readonly p2: number;
  readonly p3: number;
}

/**
 * The tables of a prepared SELECT, VALUES, INSERT, REPLACE, UPDATE or DELETE. Other statements have further ways to change
 * things and must not be judged by this.
 */
export function tablesTouched(db: Database, statement: Statement<unknown[], unknown>): readonly TableTouched[] {
  const program = db.prepare<unknown[], Instruction>(`EXPLAIN ${statement.source}`);
  const places = new Places(db);
  const touched: TableTouched[] = [];
  for (const { opcode, p1, p2, p3 } of program.all()) {
    if (opcode === 'OpenRead' || opcode === 'ReopenIdx') touched.push({ ...places.of(p3, p2), written: false });
    else if (opcode === 'OpenWrite') touched.push({ ...places.of(p3, p2), written: true });
    else if (opcode === 'Clear') touched.push({ ...places.of(p2, p1), written: true });
    // Virtual tables, and whatever changes a schema: nothing such a statement needs.
    else if (FOREIGN.test(opcode)) {
      touched.push({ schema: '', table: undefined, written: true });
    }
  }
  return touched;
}

/** Root pages to tables, read when they are needed. */
class Places {
  readonly #db: Database;
  readonly #schemas: ReadonlyMap<number, string>;
  readonly #tables = new Map<string, ReadonlyMap<number, string>>();

  constructor(db: Database) {
    this.#db = db;
    const list = db.pragma('database_list') as readonly { readonly seq: number; readonly name: string }[];
    this.#schemas = new Map(list.map(({ seq, name }) => [seq, name]));
  }

  of(database: number, rootPage: number): { readonly schema: string; readonly table: string | undefined } {
    const schema = this.#schemas.get(database) ?? '';
    // Page 1 is the schema itself.
    if (rootPage === 1) return { schema, table: 'sqlite_master' };
    return { schema, table: this.#tablesOf(schema).get(rootPage) };
  }

  #tablesOf(schema: string): ReadonlyMap<number, string> {
    let tables = this.#tables.get(schema);
    if (tables === undefined) {
      const rows = this.#db
        .prepare<[], { tbl_name: string; rootpage: number }>(`SELECT tbl_name, rootpage FROM "${schema}".sqlite_master`)
        .all();
      tables = new Map(rows.map(({ tbl_name, rootpage }) => [rootpage, tbl_name]));
      this.#tables.set(schema, tables);
    }
    return tables;
  }
}
