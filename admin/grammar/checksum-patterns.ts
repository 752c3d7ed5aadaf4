/**
 * CHECKSUM forms. Those that neither ProxySQL nor a module of ours has are SQL to it, and SQLite's syntax error is the answer.
 */
import type { AdminStatement, Pattern } from './statement.ts';

interface Target {
  readonly table: string;
  readonly key: string;
  readonly where?: string;
  /** Only tables of MEMORY: there is no CHECKSUM DISK of these. */
  readonly memoryOnly?: true;
  /** What the answer calls it, when that is not what was asked for. */
  readonly label?: string;
}

const TARGETS: Readonly<Record<string, Target>> = {
  'MYSQL SERVERS': { table: 'mysql_servers', key: 'hostgroup_id, hostname, port' },
  'MYSQL USERS': { table: 'mysql_users', key: 'username' },
  'MYSQL QUERY RULES': { table: 'mysql_query_rules', key: 'rule_id' },
  'MYSQL VARIABLES': {
    table: 'global_variables',
    key: 'variable_name',
    where: "variable_name LIKE 'mysql-%'",
  },
  'MYSQL REPLICATION HOSTGROUPS': { table: 'mysql_replication_hostgroups', key: 'writer_hostgroup' },
  'MYSQL GROUP REPLICATION HOSTGROUPS': {
    table: 'mysql_group_replication_hostgroups',
    key: 'writer_hostgroup',
    memoryOnly: true,
  },
  'MYSQL GALERA HOSTGROUPS': { table: 'mysql_galera_hostgroups', key: 'writer_hostgroup', memoryOnly: true },
  'MYSQL AURORA HOSTGROUPS': { table: 'mysql_aws_aurora_hostgroups', key: 'writer_hostgroup', memoryOnly: true },
  'MYSQL HOSTGROUP ATTRIBUTES': { table: 'mysql_hostgroup_attributes', key: 'hostgroup_id', memoryOnly: true },
  'MYSQL SERVERS SSL PARAMS': {
    table: 'mysql_servers_ssl_params',
    key: 'hostname, port, username',
    memoryOnly: true,
    // ProxySQL's slip; scripts read the label.
    label: 'MYSQL HOSTGROUP ATTRIBUTES',
  },
  'MYSQL MASKING COLUMNS': { table: 'mysql_masking_columns', key: 'schemaname, tablename, columnname' },
  'MYSQL MASKING USERS': { table: 'mysql_masking_users', key: 'username' },
};

function checksumOf([, place = '', name = '']: RegExpExecArray): AdminStatement | undefined {
  const target = TARGETS[name.toUpperCase()];
  const schema = place.toUpperCase() === 'DISK' ? 'disk' : 'main';
  if (target === undefined || (schema === 'disk' && target.memoryOnly)) return undefined;
  const where = target.where === undefined ? '' : ` WHERE ${target.where}`;
  return {
    kind: 'checksum',
    label: target.label ?? name.toUpperCase(),
    sql: `SELECT * FROM ${schema}.${target.table}${where} ORDER BY ${target.key}`,
  };
}

export const CHECKSUM_PATTERNS: readonly Pattern[] = [
  { when: /^checksum (?:(disk|memory|mem) )?(mysql [a-z ]+)$/i, is: checksumOf, adminOnly: true },
  { when: /^select global_checksum\(\)$/i, is: { kind: 'global-checksum' }, adminOnly: true },
];
