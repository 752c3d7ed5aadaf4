/**
 * What accounts with fewer rights may ask of SQLite. It judges the prepared statement, right before it runs and in the same
 * turn of the event loop, so that nobody can change a view or trigger in between.
 */
import type { Database, Statement } from 'better-sqlite3';
import { firstWord, LOOKING_PRAGMA } from '../audit/changes.ts';
import type { Guard } from '../db/execute.ts';
import { SCHEMA_TABLE } from '../db/program.ts';
import type { AdminRights } from './roles.ts';
import { withoutSecrets } from './secrets-hidden.ts';
import { type TableTouched, tablesTouched } from './tables-touched.ts';

/** The account's role does not allow it; the message is for its user. */
export class AccessDenied extends Error {
  override readonly name = 'AccessDenied';
}

/** Statements whose program tells all they do (tables-touched.ts), by their first word. */
const JUDGED: ReadonlySet<string> = new Set(['SELECT', 'VALUES', 'WITH', 'INSERT', 'REPLACE', 'UPDATE', 'DELETE']);

/** @param known says whether a table is one of the product's own */
export function guardOf(rights: AdminRights, known: (schema: string, table: string) => boolean): Guard | undefined {
  switch (rights) {
    case 'full':
      return undefined;
    case 'users-only':
      return {
        check: (db, statement) => check(db, statement, rights, mayTouchAsUsersOnly),
        around: (_db, _statement, run) => run(),
      };
    case 'read-only':
      return {
        check: (db, statement) => check(db, statement, rights, (touched) => mayTouchAsReader(touched, known)),
        around: (db, statement, run) =>
          isLookingPragma(statement.source) ? run() : withoutSecrets(db, tablesTouched(db, statement), run),
      };
  }
}

function check(
  db: Database,
  statement: Statement<unknown[], unknown>,
  rights: AdminRights,
  mayTouch: (touched: TableTouched) => boolean,
): void {
  if (isLookingPragma(statement.source)) return;
  for (const touched of judge(db, statement)) if (!mayTouch(touched)) throw denied(touched, rights);
}

function isLookingPragma(sql: string): boolean {
  return firstWord(sql) === 'PRAGMA' && LOOKING_PRAGMA.test(sql);
}

function judge(db: Database, statement: Statement<unknown[], unknown>): readonly TableTouched[] {
  const word = firstWord(statement.source);
  if (!JUDGED.has(word)) throw new AccessDenied(`${word === '' ? 'this' : word} is not allowed to this account`);
  return tablesTouched(db, statement);
}

function denied({ table, written }: TableTouched, rights: AdminRights): AccessDenied {
  const what = table === undefined ? 'this' : `${written ? 'writing' : 'reading'} ${table}`;
  return new AccessDenied(`${what} is not allowed to this account (${rights})`);
}

function mayTouchAsUsersOnly({ schema, table, written }: TableTouched): boolean {
  if (schema === 'main' && table === 'mysql_users') return true;
  if (written) return false;
  return (
    table === SCHEMA_TABLE ||
    (schema === 'disk' && table === 'mysql_users') ||
    (schema === 'main' && table === 'runtime_mysql_users')
  );
}

/** Tables of DISK with secrets stay closed: hiding them would mean writing to the file. */
const SECRETS_ON_DISK: ReadonlySet<string> = new Set(['mysql_users', 'global_variables', 'scheduler']);

function mayTouchAsReader(
  { schema, table, written }: TableTouched,
  known: (schema: string, table: string) => boolean,
): boolean {
  if (written || table === undefined) return false;
  if (table === SCHEMA_TABLE) return true;
  // Reading these sets counters to zero.
  if (table.endsWith('_reset')) return false;
  // What an operator made may be a copy of anything.
  return known(schema, table) && !(schema === 'disk' && SECRETS_ON_DISK.has(table));
}
