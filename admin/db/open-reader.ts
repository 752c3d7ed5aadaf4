/**
 * A database for one statement of a reader process: schemas and tables as they are told, without rows.
 */
import Database from 'better-sqlite3';
import { registerFunctions } from './functions.ts';
import { quoteName } from './program.ts';

export function openReaderDatabase(schemas: readonly string[], definitions: readonly string[]): Database.Database {
  const db = new Database(':memory:');
  registerFunctions(db);
  // Nothing is kept, and the rows to come have been judged where they come from.
  db.pragma('journal_mode = OFF');
  db.pragma('ignore_check_constraints = ON');
  for (const schema of schemas) {
    if (schema !== 'main' && schema !== 'temp') db.exec(`ATTACH ':memory:' AS ${quoteName(schema)}`);
  }
  for (const definition of definitions) db.exec(definition);
  return db;
}
