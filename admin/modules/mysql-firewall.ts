/**
 * MYSQL FIREWALL: the whitelists of users, statements and SQL injection fingerprints. The fingerprints are kept, promoted
 * and shown; nothing looks for SQL injections.
 */
import { buildFirewallRules, buildFirewallUsers } from '../../runtime/build-firewall.ts';
import type { TableModule } from './module.ts';

export const mysqlFirewall = {
  kind: 'tables',
  name: 'MYSQL FIREWALL',
  tables: [
    { name: 'mysql_firewall_whitelist_users' },
    { name: 'mysql_firewall_whitelist_rules' },
    { name: 'mysql_firewall_whitelist_sqli_fingerprints' },
  ],
  build(rows) {
    const users = buildFirewallUsers(rows.get('mysql_firewall_whitelist_users') ?? []);
    const rules = buildFirewallRules(rows.get('mysql_firewall_whitelist_rules') ?? []);
    return {
      parts: { firewallUsers: users.entries, firewallRules: rules.entries },
      problems: [...users.problems, ...rules.problems],
    };
  },
} as const satisfies TableModule;
