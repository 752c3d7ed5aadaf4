/**
 * Every `admin-` variable of ProxySQL 2.7.1, without the prefix: type, default and range.
 * It holds no current values and checks nothing itself.
 */
import { bool, int, text, type VariableSpec } from '../../runtime/variable-spec.ts';
import { PROXYSQL_VERSION, VERSION } from '../../src/util/version.ts';

/** ProxySQL's number first, because tools parse it, then our own. */
const OWN_VERSION_TEXT = `${PROXYSQL_VERSION}-sluice-${VERSION}`;
/** What the release we reproduce says of itself. */
export const PROXYSQL_VERSION_TEXT = `${PROXYSQL_VERSION}-16-g2726c27`;

/** What `admin-version` and `SELECT version()` say; without strictness, what ProxySQL says. */
export function announcedVersion(strict: boolean): string {
  return strict ? OWN_VERSION_TEXT : PROXYSQL_VERSION_TEXT;
}

const ACTS = { effect: 'yes' } as const;
/** ProxySQL rounds the intervals of its history tables up to one of these (seconds; 0 is off). */
const HISTORY_STEPS = [0, 1, 5, 10, 30, 60, 120, 300] as const;
const SYSTEM_STEPS = [...HISTORY_STEPS, 600] as const;

export const ADMIN_VARIABLES = {
  admin_credentials: text('admin:admin', 'non-empty', ACTS),
  stats_credentials: text('stats:stats', 'non-empty', ACTS),
  mysql_ifaces: text('0.0.0.0:6032', 'non-empty', ACTS),
  telnet_admin_ifaces: text('(null)'),
  telnet_stats_ifaces: text('(null)'),
  read_only: bool(false, ACTS),
  refresh_interval: int(2000, 101, 99_999),
  vacuum_stats: bool(true),
  version: text(OWN_VERSION_TEXT, 'any', { readOnly: true, effect: 'yes' }),
  ssl_keylog_file: text(''),

  cluster_username: text(''),
  cluster_password: text(''),
  cluster_check_interval_ms: int(1000, 10, 300_000),
  cluster_check_status_frequency: int(10, 0, 10_000),
  cluster_mysql_query_rules_diffs_before_sync: int(3, 0, 1000),
  cluster_mysql_servers_diffs_before_sync: int(3, 0, 1000),
  cluster_mysql_users_diffs_before_sync: int(3, 0, 1000),
  cluster_proxysql_servers_diffs_before_sync: int(3, 0, 1000),
  cluster_mysql_variables_diffs_before_sync: int(3, 0, 1000),
  cluster_admin_variables_diffs_before_sync: int(3, 0, 1000),
  cluster_ldap_variables_diffs_before_sync: int(3, 0, 1000),
  cluster_mysql_query_rules_save_to_disk: bool(true),
  cluster_mysql_servers_save_to_disk: bool(true),
  cluster_mysql_users_save_to_disk: bool(true),
  cluster_proxysql_servers_save_to_disk: bool(true),
  cluster_mysql_variables_save_to_disk: bool(true),
  cluster_admin_variables_save_to_disk: bool(true),
  cluster_ldap_variables_save_to_disk: bool(true),
  cluster_mysql_servers_sync_algorithm: int(1, 1, 3),
  checksum_mysql_query_rules: bool(true),
  checksum_mysql_servers: bool(true),
  checksum_mysql_users: bool(true),
  checksum_mysql_variables: bool(true),
  checksum_admin_variables: bool(true),
  checksum_ldap_variables: bool(true),

  restapi_enabled: bool(false),
  restapi_port: int(6070, 1, 65_534),
  web_enabled: bool(false),
  web_port: int(6080, 1, 65_534),
  web_verbosity: int(0, 0, 10),
  prometheus_memory_metrics_interval: int(61, 1, 604_799),

  stats_mysql_connections: int(60, 0, 300, { steps: HISTORY_STEPS, effect: 'yes' }),
  stats_mysql_connection_pool: int(60, 0, 300, { steps: HISTORY_STEPS }),
  stats_mysql_query_cache: int(60, 0, 300, { steps: HISTORY_STEPS, effect: 'yes' }),
  stats_mysql_query_digest_to_disk: int(0, 0, 86_400, ACTS),
  stats_system_cpu: int(60, 0, 600, { steps: SYSTEM_STEPS, effect: 'yes' }),
  stats_system_memory: int(60, 0, 600, { steps: SYSTEM_STEPS, effect: 'yes' }),

  coredump_generation_interval_ms: int(30_000, 0, 2_147_483_647),
  coredump_generation_threshold: int(10, 1, 500),
} as const satisfies Record<string, VariableSpec>;

/** Name of an `admin-` variable, without the prefix. */
export type AdminVariableName = keyof typeof ADMIN_VARIABLES;
