/**
 * The SHOW forms of the admin port. Most stand for a query, which is what they become. Pure.
 */
import type { AdminStatement, Pattern } from './statement.ts';

const sql = (text: string): AdminStatement => ({ kind: 'sql', sql: text });
const VARIABLES = 'SELECT variable_name AS Variable_name, variable_value AS Value FROM global_variables';

/** Doubles the single quotes, so that the text can stand in a string literal. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A schema's name as an identifier, whatever it was quoted with. */
function identifier(text: string): string {
  return `"${bare(text).replaceAll('"', '""')}"`;
}

function bare(name: string): string {
  return name.replace(/[`'\\]/g, '');
}

/** ProxySQL's tables alone: who has switched sluice-strict off compares lists, and knows the others by their names. */
const PROXYSQLS_TABLES = " AND name NOT LIKE '%mysql\\_masking%' ESCAPE '\\'";
const PROXYSQLS_VARIABLES = " WHERE variable_name NOT LIKE 'sluice-%'";

function tables(schema: string, filter: string): AdminStatement {
  const hidden = "name NOT IN ('sqlite_sequence')";
  return sql(
    `SELECT name AS tables FROM ${schema}.sqlite_master WHERE type='table' AND ${hidden}${filter} ORDER BY name`,
  );
}

/** All of a schema. */
function allTables(schema: string, strict: boolean): AdminStatement {
  return tables(schema, strict ? '' : PROXYSQLS_TABLES);
}

/** `t`, `s.t`, with or without backticks; the schema is main when there is none. */
function showCreateTable(name: string): AdminStatement {
  const [, schema = 'main', table = ''] = /^(?:([^.]*)\.)?(.*)$/.exec(name) ?? [];
  return { kind: 'show-create-table', schema: bare(schema), table: bare(table) };
}

/** What Connector/J asks for before anything else; ProxySQL knows these two lists by heart. */
const CONNECTOR_J_LISTS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  "('max_allowed_packet','system_time_zone','time_zone','sql_mode')": [
    ['max_allowed_packet', '4194304'],
    ['sql_mode', 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'],
    ['system_time_zone', 'UTC'],
    ['time_zone', 'SYSTEM'],
  ],
  "('max_allowed_packet','system_time_zone','time_zone','auto_increment_increment')": [
    ['max_allowed_packet', '4194304'],
    ['auto_increment_increment', '1'],
    ['system_time_zone', 'UTC'],
    ['time_zone', 'SYSTEM'],
  ],
};

/** What masking does with a user, and with which columns: the row that decides, and all that it protects. */
function showMasking(username: string): AdminStatement {
  const user = quoted(username);
  return sql(`SELECT ${user} AS username, d.policy, d.dry_run, d.decided_by, c.schemaname, c.tablename, c.columnname, c.mask, c.mask_args
    FROM (SELECT policy, dry_run, 'mysql_masking_users: ' || username AS decided_by, username = '%' AS rank
            FROM runtime_mysql_masking_users WHERE username IN (${user}, '%')
          UNION ALL SELECT variable_value, 0, variable_name, 2 FROM runtime_global_variables
            WHERE variable_name = 'sluice-masking_default_policy' ORDER BY rank LIMIT 1) d
    LEFT JOIN runtime_mysql_masking_columns c ON d.policy <> 'exempt'
    ORDER BY c.schemaname, c.tablename, c.columnname`);
}

const NAME_AND_VALUE = ['Variable_name', 'Value'] as const;

export const SHOW_PATTERNS: readonly Pattern[] = [
  { when: /^show (databases|schemas)$/i, is: sql('PRAGMA database_list') },
  { when: /^show tables$/i, is: (_match, strict) => allTables('main', strict) },
  {
    when: /^show tables (?:from|in) ([^ ]+)$/i,
    is: ([, schema = ''], strict) =>
      bare(schema).includes('.')
        ? sql(`SELECT name AS tables FROM ${bare(schema)}.sqlite_master`)
        : allTables(identifier(schema), strict),
  },
  { when: /^show tables like (.+)$/i, is: ([, like = '']) => tables('main', ` AND name LIKE ${quoted(bare(like))}`) },
  { when: /^show create table (.+)$/i, is: ([, name = '']) => showCreateTable(name) },
  {
    when: /^show table status like '(.+)'$/i,
    is: ([, name = '']) => ({ kind: 'show-table-status', table: bare(name) }),
    adminOnly: true,
  },
  {
    when: /^show fields from (.+)$/i,
    is: ([, name = '']) => (bare(name) === '' ? undefined : { kind: 'show-fields', table: name.replaceAll('`', '') }),
    adminOnly: true,
  },

  {
    when: /^show (global |all )?variables$/i,
    is: (_match, strict) => sql(`${VARIABLES}${strict ? '' : PROXYSQLS_VARIABLES} ORDER BY variable_name`),
  },
  {
    when: /^show mysql variables$/i,
    is: sql(`${VARIABLES} WHERE variable_name LIKE 'mysql-%' ORDER BY variable_name`),
  },
  {
    when: /^show admin variables$/i,
    is: sql(`${VARIABLES} WHERE variable_name LIKE 'admin-%' ORDER BY variable_name`),
  },
  {
    when: /^show masking for (?:'((?:[^']|'')*)'|"([^"]*)"|([\w.@%-]+))$/i,
    is: ([, a, b, c]) => showMasking(a?.replaceAll("''", "'") ?? b ?? c ?? ''),
  },
  {
    when: /^show sluice variables$/i,
    is: sql(`${VARIABLES} WHERE variable_name LIKE 'sluice-%' ORDER BY variable_name`),
  },
  { when: /^show global variables like 'version'/i, is: { kind: 'fact', fact: 'version', columns: NAME_AND_VALUE } },
  {
    when: /^show global variables like 'read_only'/i,
    is: { kind: 'fact', fact: 'read-only-word', columns: NAME_AND_VALUE },
  },
  {
    when: /^show variables where variable_name in ?(\(.*\))$/i,
    is: ([, list = '']) => {
      const rows = CONNECTOR_J_LISTS[list.replaceAll(' ', '').toLowerCase()];
      return rows === undefined ? undefined : { kind: 'rows', columns: NAME_AND_VALUE, rows };
    },
  },
  {
    when: /^show variables (like|where)( .*)?$/i,
    is: ([, word = '', rest = '']) =>
      sql(`${VARIABLES} WHERE ${/^like$/i.test(word) ? 'Variable_name LIKE' : ''}${rest}`),
  },
  {
    when: /^show status like 'binlog_snapshot_gtid_executed'$/i,
    is: { kind: 'rows', columns: NAME_AND_VALUE, rows: [] },
  },
  {
    when: /^show mysql status$/i,
    is: sql(
      'SELECT Variable_Name AS Variable_name, Variable_Value AS Value FROM stats_mysql_global ORDER BY variable_name',
    ),
  },

  {
    when: /^show charset$/i,
    is: sql('SELECT Charset, Collation AS "Default collation" FROM mysql_collations WHERE `Default`=\'Yes\''),
  },
  { when: /^show collation$/i, is: sql('SELECT * FROM mysql_collations') },
  { when: /^show mysql users$/i, is: sql('SELECT * FROM mysql_users ORDER BY username, active DESC, username ASC') },
  { when: /^show mysql servers$/i, is: sql('SELECT * FROM mysql_servers ORDER BY hostgroup_id, hostname, port') },
  { when: /^show full processlist$/i, is: sql('SELECT * FROM stats_mysql_processlist') },
  {
    when: /^show processlist$/i,
    is: sql(
      'SELECT SessionID, user, db, hostgroup, command, time_ms, SUBSTR(info,0,100) AS info FROM stats_mysql_processlist',
    ),
  },
  { when: /^show warnings( limit \d+)?$/i, is: { kind: 'show-warnings', countOnly: false }, strictOnly: true },
  { when: /^show count\(\*\) warnings$/i, is: { kind: 'show-warnings', countOnly: true }, strictOnly: true },
];
