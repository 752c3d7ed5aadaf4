/**
 * MYSQL USERS: who may log in to the proxy and to the servers. It checks no passwords.
 */
import { buildUsers, userRows } from '../../runtime/build-snapshot.ts';
import type { TableModule } from './module.ts';

export const mysqlUsers = {
  kind: 'tables',
  name: 'MYSQL USERS',
  tables: [
    {
      name: 'mysql_users',
      // One row of memory is two in the runtime, so SAVE … FROM RUNTIME splits it. The keys of the table
      // (username, backend) and (username, frontend) make the two replace the one.
      runtimeRows: ({ snapshot }) => userRows(snapshot.users),
      onSave: 'deactivate',
    },
  ],
  build(rows) {
    const { entries, problems } = buildUsers(rows.get('mysql_users') ?? []);
    return { parts: { users: entries }, problems };
  },
} as const satisfies TableModule;
