/**
 * Which tables a statement touches, by SQLite's own compiled program: whatever stands in the text (views, triggers, common
 * table expressions, comments, quotes), a table that is read or written is opened by an instruction that says so.
 */
import type { Database, Statement } from 'better-sqlite3';
import { type Place, Places, programOf } from '../db/program.ts';

export interface TableTouched extends Place {
  readonly written: boolean;
}

const FOREIGN =
  /^(V[A-Z]|Destroy|Drop|CreateBtree|ParseSchema|SqlExec|SetCookie|Vacuum|IncrVacuum|JournalMode|Checkpoint)/;

/**
 * The tables of a prepared SELECT, VALUES, INSERT, REPLACE, UPDATE or DELETE. Other statements have further ways to change
 * things and must not be judged by this.
 */
export function tablesTouched(db: Database, statement: Statement<unknown[], unknown>): readonly TableTouched[] {
  const places = new Places(db);
  const touched: TableTouched[] = [];
  for (const { opcode, p1, p2, p3 } of programOf(db, statement)) {
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
