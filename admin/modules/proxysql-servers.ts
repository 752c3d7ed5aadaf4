/**
 * PROXYSQL SERVERS: the peers of a cluster. Rows are kept, promoted and shown; nobody talks to them yet.
 */
import type { TableModule } from './module.ts';

export const proxysqlServers = {
  kind: 'tables',
  name: 'PROXYSQL SERVERS',
  tables: [{ name: 'proxysql_servers' }],
  build: () => ({ parts: {}, problems: [] }),
} as const satisfies TableModule;
