/**
 * A database for one statement of the reader thread: the tables the statement names, where a session of that role would
 * find them, beside an image of MEMORY when there is one.
 */
import Database from 'better-sqlite3';
import type { AdminRole } from '../grammar/statement.ts';
import { registerFunctions } from './functions.ts';
import { createSchema, type SchemaObject } from './schema.ts';

export function openReaderDatabase(
  objects: readonly SchemaObject[],
  role: AdminRole,
  tables: readonly { readonly schema: 'main' | 'stats'; readonly name: string }[],
  memory?: Uint8Array,
): Database.Database {
  const db = new Database(
    memory === undefined ? ':memory:' : Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength),
  );
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
    // An image holds the rows that were there when the table was filled last, and the columns an operator gave it.
    for (const { schema, name, type } of wanted)
      if (schema === 'main' && type === 'table') db.exec(`DROP TABLE IF EXISTS main.${name}`);
    createSchema(db, wanted, { main: 'main', stats: 'stats' });
  }
  registerFunctions(db);
  return db;
}
