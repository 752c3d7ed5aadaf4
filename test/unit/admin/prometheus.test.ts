import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { METRICS } from '../../../admin/prometheus/metric-names.ts';
import { metricsText } from '../../../admin/prometheus/metrics.ts';
import { GLOBAL_NAMES } from '../../../admin/stats/global-names.ts';
import { MEMORY_NAMES } from '../../../admin/stats/memory-names.ts';

describe('Prometheus metrics', () => {
  it('show rows there are', () => {
    const known = new Set([...GLOBAL_NAMES, ...MEMORY_NAMES]);
    const unknown = METRICS.flatMap(({ from }) => from.map(({ row }) => row)).filter((row) => !known.has(row));
    assert.deepEqual(unknown, []);
  });

  it('are the text Prometheus reads', async () => {
    const text = await metricsText({
      figures: new Map([
        ['Questions', '7'],
        ['Queries_backends_bytes_sent', '12'],
        ['Backend_query_time_nsec', '2500000000'],
      ]),
      pool: [
        {
          hostgroup: 3,
          srvHost: 'db1',
          srvPort: 3306,
          status: 'SHUNNED',
          connUsed: 1,
          connFree: 2,
          connOk: 3,
          connErr: 4,
          maxConnUsed: 5,
          queries: 6,
          queriesGtidSync: 0,
          bytesDataSent: 8,
          bytesDataRecv: 9,
          latencyUs: 10,
        },
      ],
      errors: [],
    });
    for (const line of [
      '# TYPE proxysql_questions_total counter',
      'proxysql_questions_total 7',
      'proxysql_queries_backends_bytes_total{traffic_flow="sent"} 12',
      'proxysql_backend_query_time_seconds_total 2.5',
      'proxysql_connpool_conns{endpoint="db1:3306",hostgroup="3",status="free"} 2',
      'proxysql_connpool_conns_status{endpoint="db1:3306",hostgroup="3"} 2',
    ]) {
      assert.ok(text.split('\n').includes(line), `${line} is missing from\n${text}`);
    }
  });
});
