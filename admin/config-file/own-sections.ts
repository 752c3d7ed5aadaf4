/**
 * Sections for tables that ProxySQL's config file cannot fill, under names of sluice's own: what SAVE CONFIG TO FILE wrote
 * reads back, and ProxySQL, which ignores these names, starts on the file all the same. Under ProxySQL's own names they
 * stay ignored here too: a file that has never had an effect must not get one by a change of the program. Data only.
 */
import type { Field, IntField, Section, TextField } from './sections.ts';

const INT_MAX = 2_147_483_647;

function flag(column: string, fallback: 0 | 1): IntField {
  return { column, type: 'int', default: fallback, min: 0, max: 1 };
}

function number(column: string, fallback: number, min = 0, max = INT_MAX): IntField {
  return { column, type: 'int', default: fallback, min, max };
}

function needed(column: string): IntField {
  return { column, type: 'int', default: 0, mandatory: true, min: 0, max: INT_MAX };
}

function text(column: string): TextField {
  return { column, type: 'text', default: '' };
}

function json(column: string): TextField {
  return { column, type: 'text', default: '', json: true };
}

/** Group replication and Galera hostgroups that are switched off: in ProxySQL's section they would be switched on. */
const INACTIVE_CLUSTER_FIELDS: readonly Field[] = [
  ...['writer_hostgroup', 'backup_writer_hostgroup', 'reader_hostgroup', 'offline_hostgroup'].map(needed),
  flag('active', 0),
  number('max_writers', 1),
  number('writer_is_also_reader', 0, 0, 2),
  number('max_transactions_behind', 0),
  text('comment'),
];

export const OWN_SECTIONS: readonly Section[] = [
  {
    name: 'sluice_mysql_group_replication_hostgroups',
    table: 'mysql_group_replication_hostgroups',
    key: ['writer_hostgroup'],
    fields: INACTIVE_CLUSTER_FIELDS,
  },
  {
    name: 'sluice_mysql_galera_hostgroups',
    table: 'mysql_galera_hostgroups',
    key: ['writer_hostgroup'],
    fields: INACTIVE_CLUSTER_FIELDS,
  },
  {
    name: 'sluice_mysql_hostgroup_attributes',
    table: 'mysql_hostgroup_attributes',
    key: ['hostgroup_id'],
    fields: [
      needed('hostgroup_id'),
      number('max_num_online_servers', 1_000_000, 0, 1_000_000),
      number('autocommit', -1, -1, 1),
      number('free_connections_pct', 10, 0, 100),
      text('init_connect'),
      flag('multiplex', 1),
      flag('connection_warming', 0),
      number('throttle_connections_per_sec', 1_000_000, 1, 1_000_000),
      ...['ignore_session_variables', 'hostgroup_settings', 'servers_defaults'].map(json),
      text('comment'),
    ],
  },
  {
    name: 'sluice_mysql_query_rules_fast_routing',
    table: 'mysql_query_rules_fast_routing',
    key: ['username', 'schemaname', 'flagIN'],
    fields: [
      text('username'),
      text('schemaname'),
      number('flagIN', 0),
      needed('destination_hostgroup'),
      text('comment'),
    ],
  },
  {
    name: 'sluice_mysql_firewall_whitelist_users',
    table: 'mysql_firewall_whitelist_users',
    key: ['username', 'client_address'],
    fields: [
      flag('active', 1),
      text('username'),
      text('client_address'),
      { column: 'mode', type: 'text', default: 'OFF', words: ['OFF', 'DETECTING', 'PROTECTING'] },
      text('comment'),
    ],
  },
  {
    name: 'sluice_mysql_firewall_whitelist_rules',
    table: 'mysql_firewall_whitelist_rules',
    key: ['username', 'client_address', 'schemaname', 'flagIN', 'digest'],
    fields: [
      flag('active', 1),
      ...['username', 'client_address', 'schemaname'].map(text),
      number('flagIN', 0),
      text('digest'),
      text('comment'),
    ],
  },
  {
    name: 'sluice_mysql_firewall_whitelist_sqli_fingerprints',
    table: 'mysql_firewall_whitelist_sqli_fingerprints',
    key: ['fingerprint'],
    fields: [flag('active', 1), text('fingerprint')],
  },
];
