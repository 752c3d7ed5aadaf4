/**
 * A database for one statement of the reader thread: the tables the statement names and nothing else, where a session of
 * that role would find them.
 */
import Database from 'better-sqlite3';
import type { AdminRole } from '../grammar/statement.ts';
import { registerFunctions } from './functions.ts';
import { createSchema, type SchemaObject } from './schema.ts';

export function openReaderDatabase(
  objects: readonly SchemaObject[],
  role: AdminRole,
  tables: readonly { readonly schema: 'main' | 'stats'; readonly name: string }[],
): Database.Database {
  const db = new Database(':memory:');
  // Nothing is kept: a journal would only cost.
  db.pragma('journal_mode = OFF');
  const wanted = objects.filter(({ schema, name }) =>
    tables.some((table) => table.schema === schema && table.name === name),
  );
  if (role === 'stats') {
    createSchema(db, wanted, { stats: 'main' });
  } else {
    db.exec("ATTACH DATABASE ':memory:' AS stats");
    db.pragma('stats.journal_mode = OFF');
    createSchema(db, wanted, { main: 'main', stats: 'stats' });
  }
  registerFunctions(db);
  return db;
}
