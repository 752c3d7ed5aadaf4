/**
 * SHOW forms that are more than a query: table definitions in MySQL's clothes, and warnings.
 */
import { formatProblem } from '../../runtime/problem.ts';
import type { AdminContext, SessionContext } from '../context.ts';
import { executeSql, SqlRefused } from '../db/execute.ts';
import { laidOut } from '../db/schema.ts';
import { type AdminReply, bareError } from '../reply.ts';

/** Nothing is found of a table that does not exist, or is spelled in another case. */
export function showCreateTable(
  context: AdminContext,
  session: SessionContext,
  { schema, table }: { readonly schema: string; readonly table: string },
): AdminReply {
  const db = session.role === 'stats' ? context.db.statsView : context.db.handle;
  const place = `"${schema.replaceAll('"', '""')}".sqlite_master`;
  const text = table.replaceAll("'", "''");
  const result = executeSql(db, `SELECT name, sql FROM ${place} WHERE type='table' AND name='${text}'`);
  const rows = result.kind === 'rows' ? result.rows : [];
  return {
    kind: 'rows',
    columns: ['table', 'Create Table'],
    rows: rows.map(([name, sql]) => [String(name), laidOut(String(name), String(sql))]),
  };
}

const NO_TABLE = 'Table does not exist';

/** As mysqldump wants it: every column is a varchar(255). Errors go out without the usual prefix. */
export function showFields(context: AdminContext, table: string): AdminReply {
  const columns = tableInfo(context, table);
  if ('kind' in columns) return columns;
  return {
    kind: 'rows',
    columns: ['Field', 'Type', 'Null', 'Key', 'Default', 'Extra'],
    rows: columns.map(({ name, notnull, pk }) => [
      name,
      'varchar(255)',
      notnull ? 'NO' : 'YES',
      pk ? 'PRI' : '',
      '',
      '',
    ]),
  };
}

const STATUS: readonly (readonly [column: string, value: string])[] = [
  ['Engine', 'SQLite'],
  ['Version', '10'],
  ['Row_format', 'Dynamic'],
  ['Rows', '1'],
  ['Avg_row_length', '0'],
  ['Data_length', '0'],
  ['Max_data_length', '0'],
  ['Index_length', '0'],
  ['Data_free', '0'],
  ['Auto_increment', 'NULL'],
  ['Create_time', '0000-00-00 00:00:00'],
  ['Update_time', '0000-00-00 00:00:00'],
  ['Check_time', '0000-00-00 00:00:00'],
  ['Collation', 'utf8_bin'],
  ['Checksum', 'NULL'],
  ['Create_options', ''],
  ['Comment', ''],
];

export function showTableStatus(context: AdminContext, table: string): AdminReply {
  const columns = tableInfo(context, table);
  if ('kind' in columns) return columns;
  return {
    kind: 'rows',
    columns: ['Name', ...STATUS.map(([column]) => column)],
    rows: [[table, ...STATUS.map(([, value]) => value)]],
  };
}

interface ColumnInfo {
  readonly name: string;
  readonly notnull: boolean;
  readonly pk: boolean;
}

/** The columns, or the error that says why there are none. `table` may carry a schema. */
function tableInfo(context: AdminContext, table: string): readonly ColumnInfo[] | AdminReply {
  const [, schema, name = ''] = /^(?:(main)\.)?(.*)$/.exec(table) ?? [];
  try {
    const result = executeSql(context.db.handle, `PRAGMA ${schema ?? 'main'}.table_info(${name})`);
    const rows = result.kind === 'rows' ? result.rows : [];
    if (rows.length === 0) return bareError(NO_TABLE);
    return rows.map(([, column, , notnull, , pk]) => ({
      name: String(column),
      notnull: notnull === '1',
      pk: pk !== '0',
    }));
  } catch (error) {
    if (error instanceof SqlRefused) return bareError(error.message);
    throw error;
  }
}

/** MySQL's ER_UNKNOWN_ERROR: problems of the configuration have no numbers of their own. */
const PROBLEM_CODE = '1105';

/** The first three columns are MySQL's, so that clients that show warnings by themselves can. */
export function showWarnings({ warnings }: SessionContext): AdminReply {
  return {
    kind: 'rows',
    columns: ['Level', 'Code', 'Message', 'Table', 'Key', 'Column', 'Reason'],
    rows: warnings.map((problem) => [
      problem.severity === 'error' ? 'Error' : 'Warning',
      PROBLEM_CODE,
      formatProblem(problem),
      problem.table,
      problem.key,
      problem.column,
      problem.reason,
    ]),
  };
}

export function countWarnings({ warnings }: SessionContext): AdminReply {
  return { kind: 'rows', columns: ['@@session.warning_count'], rows: [[String(warnings.length)]] };
}
