/**
 * The secrets of the configuration, kept from accounts that may read and not know them: replaced in the tables while a
 * statement runs, or in rows on their way to a reader process. Which statements are allowed is the guard's business.
 */
import type { Database } from 'better-sqlite3';
import type { Place } from '../db/program.ts';
import { HIDDEN, isSecretCell } from '../secrets.ts';
import type { AdminRights } from './roles.ts';

const WITH_SECRETS: ReadonlySet<string> = new Set(['mysql_users', 'global_variables', 'scheduler']);

/** Is it a table whose secrets are to be hidden? */
export function holdsSecrets({ schema, table }: Place): boolean {
  return schema === 'main' && table !== undefined && WITH_SECRETS.has(table.replace(/^runtime_/, ''));
}

/**
 * Runs with the secrets of the touched tables replaced, in a transaction that is taken back: nobody else is at work in
 * the meantime, since this is one turn of the event loop.
 */
export function withoutSecrets<Result>(db: Database, touched: readonly Place[], run: () => Result): Result {
  const tables = new Set(touched.filter(holdsSecrets).flatMap(({ table }) => (table === undefined ? [] : [table])));
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

/** The same for one row in the hand; undefined when these rights see all there is in the table. */
export function concealing(
  rights: AdminRights,
  place: Place,
): ((row: unknown[], columns: readonly string[]) => void) | undefined {
  if (rights !== 'read-only' || !holdsSecrets(place)) return undefined;
  return (row, columns) => {
    const variable = String(row[columns.indexOf('variable_name')]);
    for (const [index, column] of columns.entries()) {
      const value = row[index];
      if (value === null || value === '' || !isSecretCell(column, value, variable)) continue;
      row[index] = column === 'attributes' ? '' : HIDDEN;
    }
  };
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
