/**
 * The SELECTs that clients send to any MySQL server before their user says anything. SQLite knows neither their functions
 * nor @@variables. Pure.
 */
import { sessionVariable } from './session-variables.ts';
import type { AdminStatement, Pattern } from './statement.ts';

/** Fixed answers by their exact text in lower case; column names and values. */
const FIXED: Readonly<Record<string, readonly (readonly [column: string, value: string])[]>> = {
  'select @@version_comment limit 1': [["'(ProxySQL Admin Module)'", '(ProxySQL Admin Module)']],
  'select @@sql_mode': [['@@sql_mode', '']],
  'select connection_id()': [['CONNECTION_ID()', '0']],
  'select @@max_allowed_packet, @@character_set_client, @@character_set_connection, @@license, @@sql_mode, @@lower_case_table_names':
    [
      ['@@max_allowed_packet', '67108864'],
      ['@@character_set_client', 'utf8'],
      ['@@character_set_connection', 'utf8'],
      ['@@license', ''],
      ['@@sql_mode', ''],
      ['@@lower_case_table_names', ''],
    ],
  'select @@character_set_client, @@character_set_connection, @@character_set_server, @@character_set_database limit 1':
    [
      ['@@character_set_client', 'utf8'],
      ['@@character_set_connection', 'utf8'],
      ['@@character_set_server', 'utf8'],
      ['@@character_set_database', 'utf8'],
    ],
  "select count(*) from information_schema.tables where table_schema = 'performance_schema' and table_name = 'session_variables'":
    [['COUNT(*)', '0']],
};

function row(cells: readonly (readonly [column: string, value: string | null])[]): AdminStatement {
  return { kind: 'rows', columns: cells.map(([column]) => column), rows: [cells.map(([, value]) => value)] };
}

/** Looks a variable up in the configuration and the counters; what follows the name is kept, as ProxySQL does. */
function lookUp(name: string, rest: string, column = name): AdminStatement {
  const half = (table: string): string =>
    `SELECT variable_value AS '@@${column}' FROM ${table} WHERE variable_name='${name}' COLLATE NOCASE`;
  return { kind: 'sql', sql: `${half('global_variables')} UNION ALL ${half('stats_mysql_global')} ${rest}` };
}

/** The offset of local time to UTC as TIMEDIFF shows it; ProxySQL loses the last bracket of the column's name. */
function timeDifference(): AdminStatement {
  const minutes = -new Date().getTimezoneOffset();
  const two = (n: number): string => String(n).padStart(2, '0');
  const size = Math.abs(minutes);
  const text = `${minutes < 0 ? '-' : ''}${two(Math.trunc(size / 60))}:${two(size % 60)}:00`;
  return row([['TIMEDIFF(NOW(), UTC_TIMESTAMP()', text]]);
}

const LIST_ITEM = /^@@(?:(?:session|local|global)\.)?(\w+)(?: (?:as )?[`']?(\w+)[`']?)?$/i;

/**
 * `@@session.x AS x, @@y, …`, as the newer Connector/J asks. undefined unless all of them are variables of MySQL that
 * drivers are known to ask for.
 */
function variableList(text: string): AdminStatement | undefined {
  const cells: [string, string | null][] = [];
  for (const item of text.split(/ ?, ?/)) {
    const [, name = '', alias] = LIST_ITEM.exec(item) ?? [];
    const value = sessionVariable(name);
    if (value === undefined) return undefined;
    cells.push([alias ?? item, value]);
  }
  return row(cells);
}

export const SELECT_PATTERNS: readonly Pattern[] = [
  {
    when: /^select .+$/is,
    is: ([text]) => {
      const cells = FIXED[text.toLowerCase()];
      return cells === undefined ? undefined : row(cells);
    },
  },
  { when: /^select @@collation_database$/, is: row([['@@collation_database', 'utf8_general_ci']]) },
  {
    when: /^select concat\(@@version, ' ', @@version_comment\)$/i,
    is: { kind: 'fact', fact: 'version-and-comment', columns: ["concat(@@version, ' ', @@version_comment)"] },
  },
  { when: /^select @@version/i, is: { kind: 'fact', fact: 'version', columns: ['@@version'] } },
  { when: /^select version\(\)/i, is: { kind: 'fact', fact: 'version', columns: ['version()'] } },
  {
    when: /^select @@global\.read_only/i,
    is: { kind: 'fact', fact: 'read-only-number', columns: ['@@global.read_only'] },
  },
  { when: /^select current_user\(\)$/i, is: { kind: 'fact', fact: 'user', columns: ['current_user()'] } },
  { when: /^select user\(\)$/i, is: { kind: 'fact', fact: 'user', columns: ['user()'] } },
  { when: /^select database\(\)$/i, is: { kind: 'fact', fact: 'database', columns: ['DATABASE()'] } },
  { when: /^select database\(\) as name$/i, is: { kind: 'fact', fact: 'database', columns: ['name'] } },
  {
    when: /^select database\(\), user\(\) limit 1$/i,
    is: { kind: 'fact', fact: 'database-and-user', columns: ['DATABASE()', 'USER()'] },
  },
  { when: /^select timediff\(now\(\), utc_timestamp\(\)\)$/i, is: timeDifference },
  {
    when: /^select column_name, json_extract\(histogram/i,
    is: { kind: 'rows', columns: ['COLUMN_NAME', 'JSON_EXTRACT(HISTOGRAM)'], rows: [] },
  },
  // What the server version we announce would answer.
  { when: /^select \$\$/i, is: { kind: 'refuse', code: 1054, message: "Unknown column '$$' in 'field list'" } },
  { when: /^select @@max_allowed_packet$/i, is: lookUp('mysql-max_allowed_packet', '', 'max_allowed_packet') },
  {
    when: /^(?:\/\*.*?\*\/ ?)?select (@@(?:session\.|local\.|global\.)?\w+(?: as \w+)? ?,.*)$/i,
    is: ([, list = '']) => variableList(list),
  },
  { when: /^select @@([0-9A-Za-z_-]+) ?(.*)$/i, is: ([, name = '', rest = '']) => lookUp(name, rest) },
];
