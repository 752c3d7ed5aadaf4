/**
 * MYSQL SERVERS: the servers and how hostgroups belong together. What workers observe of a server (it is shunned, it
 * still has connections) is shown in the runtime table and not saved.
 */
import {
  buildReplicationHostgroups,
  buildServers,
  replicationHostgroupRow,
  serverRow,
  type TableRow,
} from '../../runtime/build-snapshot.ts';
import { buildHostgroupAttributes } from '../../runtime/hostgroup-attributes.ts';
import { buildServerSslParams } from '../../runtime/server-ssl-params.ts';
import type { ServerEntry, ServerStatus } from '../../runtime/snapshot.ts';
import type { ConnectionPoolRow } from '../../runtime/stats.ts';
import { serversWithoutGtidPorts } from './gtid-ports.ts';
import type { RuntimeView, TableModule } from './module.ts';

/** Servers taken out of the configuration that are remembered; the oldest are forgotten first. */
export const RETIRED_SERVERS_MAX = 1000;

export const mysqlServers = {
  kind: 'tables',
  name: 'MYSQL SERVERS',
  needsPool: true,
  tables: [
    { name: 'mysql_servers', runtimeRows, savedRows },
    {
      name: 'mysql_replication_hostgroups',
      runtimeRows: ({ snapshot }) => snapshot.replicationHostgroups.map(replicationHostgroupRow),
    },
    // Kept, checked by SQL and shown; the data plane has no use for them yet.
    { name: 'mysql_group_replication_hostgroups' },
    { name: 'mysql_galera_hostgroups' },
    { name: 'mysql_aws_aurora_hostgroups' },
    // Of its columns the data plane acts on hostgroup_settings alone.
    { name: 'mysql_hostgroup_attributes' },
    { name: 'mysql_servers_ssl_params' },
  ],
  build(rows, { queryRules }) {
    const servers = buildServers(rows.get('mysql_servers') ?? []);
    const pairs = buildReplicationHostgroups(rows.get('mysql_replication_hostgroups') ?? []);
    const attributes = buildHostgroupAttributes(rows.get('mysql_hostgroup_attributes') ?? []);
    return {
      parts: {
        servers: servers.entries,
        replicationHostgroups: pairs.entries,
        hostgroupAttributes: attributes.entries,
        serverSslParams: buildServerSslParams(rows.get('mysql_servers_ssl_params') ?? []),
      },
      problems: [
        ...servers.problems,
        ...pairs.problems,
        ...attributes.problems,
        ...serversWithoutGtidPorts(servers.entries, queryRules),
      ],
    };
  },
} as const satisfies TableModule;

function poolKey(hostgroup: number, hostname: string, port: number): string {
  return `${hostgroup}:${hostname}:${port}`;
}

function poolByServer(pool: readonly ConnectionPoolRow[]): ReadonlyMap<string, ConnectionPoolRow> {
  return new Map(pool.map((row) => [poolKey(row.hostgroup, row.srvHost, row.srvPort), row]));
}

/** Which of the servers known so far are no longer in the configuration. */
export function retiredServers(
  known: readonly ServerEntry[],
  configured: readonly ServerEntry[],
): readonly ServerEntry[] {
  const keyOf = ({ hostgroup, hostname, port }: ServerEntry): string => poolKey(hostgroup, hostname, port);
  const kept = new Set(configured.map(keyOf));
  const retired = known.filter((server) => !kept.has(keyOf(server)));
  return [...new Map(retired.map((server) => [keyOf(server), server])).values()].slice(-RETIRED_SERVERS_MAX);
}

/** The configured status, unless workers shun the server; undefined when the server is gone from the runtime. */
function observedStatus(server: ServerEntry, row: ConnectionPoolRow | undefined): ServerStatus | undefined {
  // A hard-offline server stays visible while a connection to it is in use.
  if (server.status === 'OFFLINE_HARD') return row !== undefined && row.connUsed > 0 ? 'OFFLINE_HARD' : undefined;
  if (server.status === 'ONLINE' && row?.status.startsWith('SHUNNED')) return 'SHUNNED';
  return server.status;
}

function runtimeRows({ snapshot, retiredServers, pool }: RuntimeView): readonly TableRow[] {
  const observed = poolByServer(pool);
  const rows: TableRow[] = [];
  const leaving = retiredServers.map((server): ServerEntry => ({ ...server, status: 'OFFLINE_HARD' }));
  for (const server of [...snapshot.servers, ...leaving]) {
    const status = observedStatus(server, observed.get(poolKey(server.hostgroup, server.hostname, server.port)));
    if (status !== undefined) rows.push(serverRow(server, status));
  }
  return rows;
}

/** SHUNNED passes, so it is saved as ONLINE; a server on its way out is not saved. */
function savedRows({ snapshot }: RuntimeView): readonly TableRow[] {
  return snapshot.servers
    .filter((server) => server.status !== 'OFFLINE_HARD')
    .map((server) => serverRow(server, server.status === 'SHUNNED' ? 'ONLINE' : server.status));
}
