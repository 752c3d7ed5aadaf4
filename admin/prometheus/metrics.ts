/**
 * Metrics in Prometheus' text format, made anew from the statistics for everyone who asks: no number is counted here.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import type { ConnectionPoolRow, ErrorRow } from '../../runtime/stats.ts';
import { METRICS } from './metric-names.ts';

export interface MetricInput {
  /** Rows of stats_mysql_global and stats_memory_metrics. */
  readonly figures: ReadonlyMap<string, string>;
  readonly pool: readonly ConnectionPoolRow[];
  readonly errors: readonly ErrorRow[];
}

/** In the order of ProxySQL's numbers: 1 is ONLINE. */
const STATUSES = ['ONLINE', 'SHUNNED', 'OFFLINE_SOFT', 'OFFLINE_HARD', 'SHUNNED_REPLICATION_LAG'];

export function metricsText({ figures, pool, errors }: MetricInput): Promise<string> {
  const registry = new Registry();
  for (const { name, type, from, label, divisor = 1 } of METRICS) {
    const metric = create(registry, type, name, label === undefined ? [] : [label]);
    for (const { row, label: value } of from) {
      metric.inc(label === undefined ? {} : { [label]: value ?? '' }, Number(figures.get(row) ?? 0) / divisor);
    }
  }
  addPool(registry, pool);
  const codes = create(registry, 'counter', 'mysql_error_total', ['hostgroup', 'address', 'port', 'code']);
  for (const { hostgroup, hostname, port, errno, countStar } of errors)
    codes.inc({ hostgroup, address: hostname, port, code: errno }, countStar);
  return registry.metrics();
}

function addPool(registry: Registry, pool: readonly ConnectionPoolRow[]): void {
  const where = ['endpoint', 'hostgroup'];
  const bytes = create(registry, 'counter', 'proxysql_connpool_data_bytes_total', [...where, 'traffic_flow']);
  const opened = create(registry, 'counter', 'proxysql_connpool_conns_total', [...where, 'status']);
  const queries = create(registry, 'counter', 'proxysql_connpool_conns_queries_total', where);
  const connections = create(registry, 'gauge', 'proxysql_connpool_conns', [...where, 'status']);
  const latency = create(registry, 'gauge', 'proxysql_connpool_conns_latency_us', where);
  const status = create(registry, 'gauge', 'proxysql_connpool_conns_status', where);
  for (const row of pool) {
    const server = { endpoint: `${row.srvHost}:${row.srvPort}`, hostgroup: row.hostgroup };
    bytes.inc({ ...server, traffic_flow: 'sent' }, row.bytesDataSent);
    bytes.inc({ ...server, traffic_flow: 'recv' }, row.bytesDataRecv);
    opened.inc({ ...server, status: 'ok' }, row.connOk);
    opened.inc({ ...server, status: 'err' }, row.connErr);
    queries.inc(server, row.queries);
    connections.inc({ ...server, status: 'used' }, row.connUsed);
    connections.inc({ ...server, status: 'free' }, row.connFree);
    latency.inc(server, row.latencyUs);
    status.inc(server, STATUSES.indexOf(row.status) + 1);
  }
}

function create(
  registry: Registry,
  type: 'counter' | 'gauge',
  name: string,
  labelNames: string[],
): Counter<string> | Gauge<string> {
  const options = { name, help: `ProxySQL's ${name}`, labelNames, registers: [registry] };
  return type === 'counter' ? new Counter(options) : new Gauge(options);
}
