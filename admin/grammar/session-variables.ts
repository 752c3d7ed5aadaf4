/**
 * Variables of a MySQL session that drivers read and set on every connection. The admin port has none of them, so
 * reading gives MySQL's default and setting has no effect. Pure.
 */

const SESSION_VARIABLES: Readonly<Record<string, string>> = {
  auto_increment_increment: '1',
  autocommit: '1',
  character_set_client: 'utf8',
  character_set_connection: 'utf8',
  character_set_database: 'utf8',
  character_set_results: 'utf8',
  character_set_server: 'utf8',
  collation_connection: 'utf8_general_ci',
  collation_database: 'utf8_general_ci',
  collation_server: 'utf8_general_ci',
  foreign_key_checks: '1',
  have_query_cache: 'NO',
  init_connect: '',
  interactive_timeout: '28800',
  license: 'Apache-2.0',
  lower_case_table_names: '0',
  max_allowed_packet: '67108864',
  max_execution_time: '0',
  net_buffer_length: '16384',
  net_read_timeout: '30',
  net_write_timeout: '60',
  performance_schema: '0',
  query_cache_size: '0',
  query_cache_type: 'OFF',
  sql_auto_is_null: '0',
  sql_mode: '',
  sql_notes: '1',
  sql_quote_show_create: '1',
  sql_safe_updates: '0',
  sql_select_limit: '18446744073709551615',
  sql_warnings: '0',
  system_time_zone: 'UTC',
  time_zone: 'SYSTEM',
  transaction_isolation: 'REPEATABLE-READ',
  transaction_read_only: '0',
  tx_isolation: 'REPEATABLE-READ',
  tx_read_only: '0',
  unique_checks: '1',
  wait_timeout: '28800',
};

/** What a read of the variable gives; undefined for a name that is no session variable of MySQL that drivers use. */
export function sessionVariable(name: string): string | undefined {
  const key = name.toLowerCase();
  return Object.hasOwn(SESSION_VARIABLES, key) ? SESSION_VARIABLES[key] : undefined;
}

/** Is it the left side of a SET that drivers send: `sql_mode`, `@@session.autocommit`, `SESSION wait_timeout`, `@x`? */
export function isSessionVariable(left: string): boolean {
  if (/^(@[^@]|@@(session|local)\.|(session|local) )/i.test(left)) return true;
  return sessionVariable(left.replace(/^@@/, '')) !== undefined;
}
