/**
 * What accounts with fewer rights may ask of SQLite. It judges the prepared statement, right before it runs and in the same
 * turn of the event loop, so that nobody can change a view or trigger in between.
 */
import type { Database, Statement } from 'better-sqlite3';
import { firstWord, LOOKING_PRAGMA } from '../audit/changes.ts';
import type { Guard } from '../db/execute.ts';
import { HIDDEN, isSecretCell } from '../secrets.ts';
import type { AdminRights } from './roles.ts';
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
      return (db, statement, run) => {
        if (isLookingPragma(statement.source)) return run();
        for (const touched of judge(db, statement)) {
          if (!mayTouchAsUsersOnly(touched)) throw denied(touched, 'users-only');
        }
        return run();
      };
    case 'read-only':
      return (db, statement, run) => {
        if (isLookingPragma(statement.source)) return run();
        const all = judge(db, statement);
        for (const touched of all) if (!mayTouchAsReader(touched, known)) throw denied(touched, 'read-only');
        return withoutSecrets(db, all, run);
      };
  }
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

const SCHEMA_TABLE = 'sqlite_master';

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

const WITH_SECRETS: ReadonlySet<string> = new Set(['mysql_users', 'global_variables', 'scheduler']);

/**
 * Runs with the secrets of the touched tables replaced, in a transaction that is taken back: nobody else is at work in
 * the meantime, since this is one turn of the event loop.
 */
function withoutSecrets<Result>(db: Database, touched: readonly TableTouched[], run: () => Result): Result {
  const tables = new Set(
    touched.flatMap(({ schema, table }) =>
      schema === 'main' && table !== undefined && WITH_SECRETS.has(table.replace(/^runtime_/, '')) ? [table] : [],
    ),
  );
  if (tables.size === 0) return run();
  db.pragma('query_only = OFF');
  db.exec('BEGIN');
  try {
    for (const table of tables) hideSecrets(db, table);
    db.pragma('query_only = ON');
    return run();
  } finally {
    // Some errors end the transaction by themselves.
    if (db.inTransaction) db.exec('ROLLBACK');
  }
}

function hideSecrets(db: Database, table: string): void {
  if (table.endsWith('mysql_users')) {
    db.prepare(`UPDATE main.${table} SET password='${HIDDEN}' WHERE password <> ''`).run();
    db.prepare(
      `UPDATE main.${table} SET attributes='' WHERE attributes LIKE '%pass%' OR attributes LIKE '%secret%'`,
    ).run();
    return;
  }
  const rows = db
    .prepare<[], Record<string, unknown> & { id: number }>(`SELECT rowid AS id, * FROM main.${table}`)
    .all();
  for (const row of rows) {
    for (const [column, value] of Object.entries(row)) {
      if (column === 'id' || value === null || value === '' || !isSecretCell(column, value, String(row.variable_name)))
        continue;
      db.prepare(`UPDATE main.${table} SET "${column}"='${HIDDEN}' WHERE rowid=?`).run(row.id);
    }
  }
}
