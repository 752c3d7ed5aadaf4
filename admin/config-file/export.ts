/**
 * MEMORY as the text of a config file: SAVE CONFIG TO FILE and SELECT CONFIG FILE. It writes no files.
 * What it leaves out, as ProxySQL does: empty and NULL values, and tables no config file can fill.
 */
import type { Database } from 'better-sqlite3';
import { type Cell, cellToText, type TableRow } from '../../runtime/build-snapshot.ts';
import { columnsOf, readVariables } from '../table-store.ts';

const HEADER = `########################################################################################
# Configuration written by sluice. The format is that of proxysql.cnf (libconfig):
# https://hyperrealm.github.io/libconfig/libconfig_manual.html#Configuration-File-Grammar
#
# It is read when the database on disk does not exist yet, with --initial, with --reload,
# and by LOAD ... FROM CONFIG. Otherwise the database on disk counts and this file does not.
########################################################################################
`;

interface ExportedTable {
  /** Of the section in the file. */
  readonly section: string;
  readonly table: string;
  readonly orderBy: string;
}

/** Ours: written when there is something to write. */
const OWN_TABLES: readonly ExportedTable[] = [
  { section: 'mysql_masking_columns', table: 'mysql_masking_columns', orderBy: 'rowid' },
  { section: 'mysql_masking_users', table: 'mysql_masking_users', orderBy: 'rowid' },
];

/** In ProxySQL's order. */
const TABLES: readonly ExportedTable[] = [
  { section: 'mysql_users', table: 'mysql_users', orderBy: 'rowid' },
  { section: 'mysql_query_rules', table: 'mysql_query_rules', orderBy: 'rule_id' },
  { section: 'mysql_servers', table: 'mysql_servers', orderBy: 'rowid' },
  { section: 'mysql_replication_hostgroups', table: 'mysql_replication_hostgroups', orderBy: 'rowid' },
  { section: 'mysql_group_replication_hostgroups', table: 'mysql_group_replication_hostgroups', orderBy: 'rowid' },
  { section: 'mysql_galera_hostgroups', table: 'mysql_galera_hostgroups', orderBy: 'rowid' },
  { section: 'mysql_aws_aurora_hostgroups', table: 'mysql_aws_aurora_hostgroups', orderBy: 'rowid' },
  { section: 'scheduler', table: 'scheduler', orderBy: 'rowid' },
  { section: 'restapi', table: 'restapi_routes', orderBy: 'rowid' },
  { section: 'proxysql_servers', table: 'proxysql_servers', orderBy: 'rowid' },
];

/** The whole configuration in MEMORY. It holds passwords: whoever writes it to a file makes that file private. */
export function exportConfig(db: Database): string {
  const parts = [
    HEADER,
    variableGroup(db, 'admin_variables =', 'admin-'),
    '\n',
    variableGroup(db, 'mysql_variables = ', 'mysql-'),
  ];
  for (const table of TABLES) parts.push(tableSection(db, table) ?? '');
  // Last, so that all before it is as ProxySQL writes it.
  parts.push('\n', variableGroup(db, 'sluice_variables =', 'sluice-'));
  for (const table of OWN_TABLES) parts.push(tableSection(db, table, true) ?? '');
  return parts.join('');
}

function tableSection(db: Database, { section, table, orderBy }: ExportedTable, needsRows = false): string | undefined {
  const columns = columnsOf(db, 'main', table);
  if (columns.length === 0) return undefined;
  const rows = db.prepare<[], TableRow>(`SELECT * FROM main.${table} ORDER BY ${orderBy}`).all();
  if (needsRows && rows.length === 0) return undefined;
  return `${section}:\n(\n${rows.map((row) => entry(row, columns)).join(',\n')}\n)\n`;
}

function variableGroup(db: Database, head: string, prefix: string): string {
  const lines = readVariables(db, prefix)
    .filter(({ value }) => value !== '')
    .map(({ name, value }) => ({ name: name.slice(prefix.length), value }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, value }) => `\t${name}=${quoted(value)}\n`);
  return `${head}\n{\n${lines.join('')}}\n`;
}

function entry(row: TableRow, columns: readonly string[]): string {
  const lines = columns
    .map((column) => [column, literal(row[column] ?? null)] as const)
    .filter(([, value]) => value !== undefined)
    .map(([column, value]) => `\t\t${column}=${value}\n`);
  return `\t{\n${lines.join('')}\t}`;
}

/** undefined for what is left out. */
function literal(cell: Cell): string | undefined {
  if (cell === null || cell === '') return undefined;
  return typeof cell === 'number' || typeof cell === 'bigint' ? String(cell) : quoted(cellToText(cell));
}

/** libconfig takes every character inside of quotes as it is, but for these two. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
