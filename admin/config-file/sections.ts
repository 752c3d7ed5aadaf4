/**
 * The sections of a ProxySQL config file that hold rows: their fields, other names, defaults and what SQL will check.
 * Data only; read-sections.ts reads by it and export.ts writes by it.
 */
import { OWN_SECTIONS } from './own-sections.ts';

interface CommonField {
  /** Column of the table, and the name in the file. */
  readonly column: string;
  /** Other names the file may use for it. */
  readonly aliases?: readonly string[];
  /** A row without it is skipped. */
  readonly mandatory?: boolean;
}

export interface IntField extends CommonField {
  readonly type: 'int';
  /** `null` is NULL; so is -1, which config files use for "not set". */
  readonly default: number | null;
  readonly min?: number;
  readonly max?: number;
}

export interface TextField extends CommonField {
  readonly type: 'text';
  readonly default: string | null;
  /** Words it must be one of, in any case. Another word is read as the default. */
  readonly words?: readonly string[];
  /** It is JSON when it is not empty. */
  readonly json?: boolean;
}

export type Field = IntField | TextField;

export interface Section {
  /** Its name in the file and of its table, unless `table` names that. */
  readonly name: string;
  readonly table?: string;
  readonly fields: readonly Field[];
  /** Columns no two rows may share the values of. */
  readonly key: readonly string[];
  /** Columns of the table the file cannot set; known, so that no typo is suspected. */
  readonly notRead?: readonly string[];
}

const PORT_MAX = 65_535;
const INT_MAX = 2_147_483_647;

function flag(column: string, fallback: 0 | 1): IntField {
  return { column, type: 'int', default: fallback, min: 0, max: 1 };
}

function number(column: string, fallback: number, min = 0, max = INT_MAX): IntField {
  return { column, type: 'int', default: fallback, min, max };
}

function hostgroup(column: string): IntField {
  return { column, type: 'int', default: 0, mandatory: true, min: 0, max: INT_MAX };
}

function optionalNumber(column: string, min = 0, max = INT_MAX): IntField {
  return { column, type: 'int', default: null, min, max };
}

function optionalText(column: string): TextField {
  return { column, type: 'text', default: null };
}

function text(column: string): TextField {
  return { column, type: 'text', default: '' };
}

/** What the CHECKs of scheduler and restapi_routes take. */
const INTERVAL_MS = { min: 100, max: 100_000_000 } as const;
const COMMENT: TextField = { column: 'comment', type: 'text', default: '' };
const ATTRIBUTES: TextField = { column: 'attributes', type: 'text', default: '', json: true };
/** Group replication and Galera hostgroups have the same columns. `active` is not read: it is always 1. */
const CLUSTER_HOSTGROUP_FIELDS: readonly Field[] = [
  hostgroup('writer_hostgroup'),
  hostgroup('backup_writer_hostgroup'),
  hostgroup('reader_hostgroup'),
  hostgroup('offline_hostgroup'),
  number('max_writers', 1),
  number('writer_is_also_reader', 0, 0, 2),
  number('max_transactions_behind', 0),
  COMMENT,
];

export const MYSQL_SERVERS: Section = {
  name: 'mysql_servers',
  key: ['hostgroup_id', 'hostname', 'port'],
  fields: [
    { ...hostgroup('hostgroup_id'), aliases: ['hostgroup'] },
    { column: 'hostname', aliases: ['address'], type: 'text', default: '', mandatory: true },
    number('port', 3306, 0, PORT_MAX),
    number('gtid_port', 0, 0, PORT_MAX),
    {
      column: 'status',
      type: 'text',
      default: 'ONLINE',
      words: ['ONLINE', 'SHUNNED', 'OFFLINE_SOFT', 'OFFLINE_HARD'],
    },
    number('weight', 1, 0, 10_000_000),
    flag('compression', 0),
    number('max_connections', 1000),
    number('max_replication_lag', 0, 0, 126_144_000),
    flag('use_ssl', 0),
    number('max_latency_ms', 0),
    COMMENT,
  ],
};

export const MYSQL_USERS: Section = {
  name: 'mysql_users',
  key: ['username', 'backend'],
  fields: [
    { column: 'username', type: 'text', default: '', mandatory: true },
    { column: 'password', type: 'text', default: '' },
    flag('active', 1),
    flag('use_ssl', 0),
    number('default_hostgroup', 0),
    { column: 'default_schema', type: 'text', default: '' },
    flag('schema_locked', 0),
    flag('transaction_persistent', 1),
    flag('fast_forward', 0),
    // ProxySQL reads 1, whatever the file says, and so makes one row of the two that SAVE … FROM RUNTIME makes of a user.
    flag('backend', 1),
    flag('frontend', 1),
    number('max_connections', 10_000),
    ATTRIBUTES,
    COMMENT,
  ],
};

export const MYSQL_QUERY_RULES: Section = {
  name: 'mysql_query_rules',
  key: ['rule_id'],
  fields: [
    { column: 'rule_id', type: 'int', default: 0, mandatory: true, min: 1, max: INT_MAX },
    flag('active', 1),
    optionalText('username'),
    optionalText('schemaname'),
    number('flagIN', 0),
    optionalText('client_addr'),
    optionalText('proxy_addr'),
    optionalNumber('proxy_port', 0, PORT_MAX),
    optionalText('digest'),
    optionalText('match_digest'),
    optionalText('match_pattern'),
    flag('negate_match_pattern', 0),
    { column: 're_modifiers', type: 'text', default: 'CASELESS' },
    optionalNumber('flagOUT'),
    optionalText('replace_pattern'),
    optionalNumber('destination_hostgroup'),
    optionalNumber('cache_ttl', 1),
    optionalNumber('cache_empty_result', 0, 1),
    optionalNumber('cache_timeout'),
    optionalNumber('reconnect', 0, 1),
    optionalNumber('timeout'),
    optionalNumber('retries', 0, 1000),
    optionalNumber('delay'),
    optionalNumber('next_query_flagIN'),
    optionalNumber('mirror_flagOUT'),
    optionalNumber('mirror_hostgroup'),
    optionalText('error_msg'),
    optionalText('OK_msg'),
    optionalNumber('sticky_conn', 0, 1),
    optionalNumber('multiplex', 0, 2),
    optionalNumber('gtid_from_hostgroup'),
    optionalNumber('log', 0, 1),
    flag('apply', 0),
    ATTRIBUTES,
    optionalText('comment'),
  ],
};

export const MYSQL_REPLICATION_HOSTGROUPS: Section = {
  name: 'mysql_replication_hostgroups',
  key: ['writer_hostgroup'],
  fields: [
    hostgroup('writer_hostgroup'),
    hostgroup('reader_hostgroup'),
    {
      column: 'check_type',
      type: 'text',
      default: 'read_only',
      words: [
        'read_only',
        'innodb_read_only',
        'super_read_only',
        'read_only|innodb_read_only',
        'read_only&innodb_read_only',
      ],
    },
    COMMENT,
  ],
};

export const MYSQL_MASKING_COLUMNS: Section = {
  name: 'mysql_masking_columns',
  key: ['schemaname', 'tablename', 'columnname'],
  fields: [
    ...(['schemaname', 'tablename', 'columnname'] as const).map(
      (column): TextField => ({ column, type: 'text', default: '', mandatory: true }),
    ),
    { column: 'mask', type: 'text', default: 'full' },
    { column: 'mask_args', type: 'text', default: '', json: true },
    flag('active', 1),
    COMMENT,
  ],
};

/** In the order in which ProxySQL reads them, ours behind them. */
export const SECTIONS: readonly Section[] = [
  MYSQL_SERVERS,
  MYSQL_REPLICATION_HOSTGROUPS,
  {
    name: 'mysql_group_replication_hostgroups',
    key: ['writer_hostgroup'],
    notRead: ['active'],
    fields: CLUSTER_HOSTGROUP_FIELDS,
  },
  { name: 'mysql_galera_hostgroups', key: ['writer_hostgroup'], notRead: ['active'], fields: CLUSTER_HOSTGROUP_FIELDS },
  {
    name: 'mysql_aws_aurora_hostgroups',
    key: ['writer_hostgroup'],
    fields: [
      hostgroup('writer_hostgroup'),
      hostgroup('reader_hostgroup'),
      flag('active', 1),
      number('aurora_port', 3306, 0, PORT_MAX),
      { column: 'domain_name', type: 'text', default: '', mandatory: true },
      number('max_lag_ms', 600_000, 10, 600_000),
      number('check_interval_ms', 1000, 100, 600_000),
      number('check_timeout_ms', 800, 80, 3000),
      flag('writer_is_also_reader', 0),
      number('new_reader_weight', 1, 0, 10_000_000),
      number('add_lag_ms', 30, 0, 600_000),
      number('min_lag_ms', 30, 0, 600_000),
      number('lag_num_checks', 1, 1, 16),
      COMMENT,
    ],
  },
  {
    name: 'mysql_servers_ssl_params',
    key: ['hostname', 'port', 'username'],
    fields: [
      { column: 'hostname', aliases: ['address'], type: 'text', default: '', mandatory: true },
      number('port', 3306, 0, PORT_MAX),
      ...['username', 'ssl_ca', 'ssl_cert', 'ssl_key', 'ssl_capath', 'ssl_crl', 'ssl_crlpath', 'ssl_cipher'].map(text),
      text('tls_version'),
      COMMENT,
    ],
  },
  MYSQL_USERS,
  MYSQL_QUERY_RULES,
  MYSQL_MASKING_COLUMNS,
  {
    name: 'mysql_masking_users',
    key: ['username'],
    fields: [
      { column: 'username', type: 'text', default: '', mandatory: true },
      { column: 'policy', type: 'text', default: 'masked', words: ['masked', 'exempt', 'deny'] },
      flag('dry_run', 0),
      flag('active', 1),
      COMMENT,
    ],
  },
  {
    name: 'scheduler',
    key: ['id'],
    fields: [
      { column: 'id', type: 'int', default: 0, mandatory: true, min: 0, max: INT_MAX },
      flag('active', 1),
      { column: 'interval_ms', type: 'int', default: 0, mandatory: true, ...INTERVAL_MS },
      { column: 'filename', type: 'text', default: '', mandatory: true },
      ...['arg1', 'arg2', 'arg3', 'arg4', 'arg5'].map(optionalText),
      COMMENT,
    ],
  },
  {
    name: 'restapi',
    table: 'restapi_routes',
    key: ['id'],
    fields: [
      { column: 'id', type: 'int', default: 0, mandatory: true, min: 0, max: INT_MAX },
      flag('active', 1),
      // ProxySQL takes either name.
      { column: 'timeout_ms', aliases: ['interval_ms'], type: 'int', default: 0, mandatory: true, ...INTERVAL_MS },
      { column: 'method', type: 'text', default: '', mandatory: true },
      { column: 'uri', type: 'text', default: '', mandatory: true },
      { column: 'script', type: 'text', default: '', mandatory: true },
      COMMENT,
    ],
  },
  {
    name: 'proxysql_servers',
    key: ['hostname', 'port'],
    fields: [
      { column: 'hostname', aliases: ['address'], type: 'text', default: '', mandatory: true },
      { column: 'port', type: 'int', default: 6032, mandatory: true, min: 0, max: PORT_MAX },
      number('weight', 0),
      COMMENT,
    ],
  },
  ...OWN_SECTIONS,
];

/** Groups of variables, and the prefix their names get. */
export const VARIABLE_GROUPS = {
  admin_variables: 'admin-',
  mysql_variables: 'mysql-',
  sluice_variables: 'sluice-',
} as const;

/** Single settings of the top level and their types. */
export const TOP_LEVEL: Readonly<Record<string, 'string' | 'int' | 'bool'>> = {
  datadir: 'string',
  errorlog: 'string',
  pidfile: 'string',
  uuid: 'string',
  restart_on_missing_heartbeats: 'int',
  execute_on_exit_failure: 'string',
  cluster_sync_interfaces: 'bool',
  sqlite3_plugin: 'string',
  web_interface_plugin: 'string',
  ldap_auth_plugin: 'string',
};

/** Tables that ProxySQL's config file cannot fill; own-sections.ts has other names for them. */
export const SQL_ONLY: readonly string[] = [
  'mysql_query_rules_fast_routing',
  'mysql_hostgroup_attributes',
  'mysql_firewall_whitelist_users',
  'mysql_firewall_whitelist_rules',
  'mysql_firewall_whitelist_sqli_fingerprints',
];
