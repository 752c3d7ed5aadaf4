/**
 * MEMORY as the text of a config file: SAVE CONFIG TO FILE and SELECT CONFIG FILE. It writes no files.
 * Values that are read as the same when they are not there are left out.
 */
import type { Database } from 'better-sqlite3';
import { type Cell, cellToText, type TableRow } from '../../runtime/build-snapshot.ts';
import { columnsOf, readVariables } from '../table-store.ts';
import { findVariable } from '../variables/spec.ts';
import { type Field, SECTIONS, type Section } from './sections.ts';

const HEADER = `########################################################################################
# Configuration written by sluice. The format is that of proxysql.cnf (libconfig):
# https://hyperrealm.github.io/libconfig/libconfig_manual.html#Configuration-File-Grammar
#
# It is read when the database on disk does not exist yet, with --initial, with --reload,
# and by LOAD ... FROM CONFIG. Otherwise the database on disk counts and this file does not.
########################################################################################
`;

/** In ProxySQL's order; these are written without rows, too. */
const IN_FRONT = [
  'mysql_users',
  'mysql_query_rules',
  'mysql_servers',
  'mysql_replication_hostgroups',
  'mysql_group_replication_hostgroups',
  'mysql_galera_hostgroups',
  'mysql_aws_aurora_hostgroups',
  'scheduler',
  'restapi',
  'proxysql_servers',
];

/** Rows of these tables are in two sections, by what `active` is; ProxySQL's section cannot say it. */
const BY_ACTIVE = new Set(['mysql_group_replication_hostgroups', 'mysql_galera_hostgroups']);

/**
 * The whole configuration in MEMORY, such that it reads back to the same. It holds passwords: whoever writes it to a file
 * makes that file private.
 */
export function exportConfig(db: Database): string {
  const parts = [
    HEADER,
    variableGroup(db, 'admin_variables =', 'admin-'),
    '\n',
    variableGroup(db, 'mysql_variables = ', 'mysql-'),
  ];
  for (const name of IN_FRONT) {
    const section = SECTIONS.find((candidate) => candidate.name === name);
    if (section !== undefined) parts.push(tableSection(db, section) ?? '');
  }
  // Last, so that all before it is as ProxySQL writes it.
  parts.push('\n', variableGroup(db, 'sluice_variables =', 'sluice-'));
  for (const section of SECTIONS)
    if (!IN_FRONT.includes(section.name)) parts.push(tableSection(db, section, true) ?? '');
  return parts.join('');
}

function tableSection(db: Database, section: Section, needsRows = false): string | undefined {
  const table = section.table ?? section.name;
  const columns = columnsOf(db, 'main', table);
  if (columns.length === 0) return undefined;
  const where = BY_ACTIVE.has(table) ? ` WHERE active=${section.name === table ? 1 : 0}` : '';
  const orderBy = table === 'mysql_query_rules' ? 'rule_id' : 'rowid';
  const rows = db.prepare<[], TableRow>(`SELECT * FROM main.${table}${where} ORDER BY ${orderBy}`).all();
  if (needsRows && rows.length === 0) return undefined;
  const fields = new Map(section.fields.map((field) => [field.column, field]));
  const entries = rows.map((row) => entry(row, columns, fields));
  return `${section.name}:\n(\n${entries.join(',\n')}\n)\n`;
}

function variableGroup(db: Database, head: string, prefix: string): string {
  const lines = readVariables(db, prefix)
    // An empty value counts where the default is another: without stats accounts is not with the usual one.
    .filter(({ name, value }) => value !== '' || (findVariable(name)?.defaultText ?? '') !== '')
    .map(({ name, value }) => ({ name: name.slice(prefix.length), value }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, value }) => `\t${name}=${quoted(value)}\n`);
  return `${head}\n{\n${lines.join('')}}\n`;
}

function entry(row: TableRow, columns: readonly string[], fields: ReadonlyMap<string, Field>): string {
  const lines = columns
    .map((column) => [column, literal(row[column] ?? null, fields.get(column))] as const)
    .filter(([, value]) => value !== undefined)
    .map(([column, value]) => `\t\t${column}=${value}\n`);
  return `\t{\n${lines.join('')}\t}`;
}

/** undefined for what is left out, because what is not there is read as the same. */
function literal(cell: Cell, field: Field | undefined): string | undefined {
  const fallback = field?.default ?? null;
  if (cell === null) return fallback === null || fallback === '' || field?.type === 'int' ? undefined : '""';
  if (cell === '' && fallback === '') return undefined;
  return typeof cell === 'number' || typeof cell === 'bigint' ? String(cell) : quoted(cellToText(cell));
}

/** libconfig takes every character inside of quotes as it is, but for these two. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
