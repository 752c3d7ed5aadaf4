/**
 * SHOW PROMETHEUS METRICS: one cell with the whole text.
 */
import type { AdminContext } from '../context.ts';
import type { AdminReply } from '../reply.ts';

export async function showPrometheusMetrics({ plane, stats }: AdminContext): Promise<AdminReply> {
  const [status, memory, pool, errors] = await Promise.all([
    stats.figures('stats_mysql_global'),
    stats.figures('stats_memory_metrics'),
    plane.collect('connection-pool'),
    plane.collect('errors'),
  ]);
  // Loaded for who asks: the library behind it is a quarter of all modules of a start.
  const { metricsText } = await import('../prometheus/metrics.ts');
  const text = await metricsText({ figures: new Map([...status, ...memory]), pool, errors });
  return { kind: 'rows', columns: ['Data'], rows: [[text]] };
}
