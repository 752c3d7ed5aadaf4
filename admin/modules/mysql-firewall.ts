/**
 * MYSQL FIREWALL: the whitelists of users, statements and SQL injection fingerprints. Rows are kept, promoted and shown;
 * no statement is judged by them yet.
 */
import type { TableModule } from './module.ts';

export const mysqlFirewall = {
  kind: 'tables',
  name: 'MYSQL FIREWALL',
  tables: [
    { name: 'mysql_firewall_whitelist_users' },
    { name: 'mysql_firewall_whitelist_rules' },
    { name: 'mysql_firewall_whitelist_sqli_fingerprints' },
  ],
  build: () => ({ parts: {}, problems: [] }),
} as const satisfies TableModule;
