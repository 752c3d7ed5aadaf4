/**
 * SHOW PROMETHEUS METRICS: one cell with the whole text.
 */
import type { AdminContext } from '../context.ts';
import { metricsText } from '../prometheus/metrics.ts';
import type { AdminReply } from '../reply.ts';

export async function showPrometheusMetrics({ plane, stats }: AdminContext): Promise<AdminReply> {
  const [status, memory, pool, errors] = await Promise.all([
    stats.figures('stats_mysql_global'),
    stats.figures('stats_memory_metrics'),
    plane.collect('connection-pool'),
    plane.collect('errors'),
  ]);
  const text = await metricsText({ figures: new Map([...status, ...memory]), pool, errors });
  return { kind: 'rows', columns: ['Data'], rows: [[text]] };
}
