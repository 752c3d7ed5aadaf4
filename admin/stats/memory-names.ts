/**
 * The rows of stats_memory_metrics by name, in ProxySQL's order. There is no jemalloc here: its rows tell of the memory
 * of our processes (docs/COMPATIBILITY.md).
 */
export const MEMORY_NAMES: readonly string[] = `
SQLite3_memory_bytes jemalloc_resident jemalloc_active jemalloc_allocated jemalloc_mapped jemalloc_metadata
jemalloc_retained Auth_memory query_digest_memory mysql_query_rules_memory prepare_statement_metadata_memory
prepare_statement_backend_memory mysql_firewall_users_table mysql_firewall_users_config mysql_firewall_rules_table
mysql_firewall_rules_config stack_memory_mysql_threads stack_memory_admin_threads stack_memory_cluster_threads
`
  .trim()
  .split(/\s+/);
