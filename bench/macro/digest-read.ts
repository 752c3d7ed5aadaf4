/** What running queries notice when an operator reads a full stats_mysql_query_digest. */
import type { Connection } from 'mysql2/promise';
import { mysqlCli } from '../../test/helpers/mysql-cli.ts';
import { rowsOf, type Stage } from '../../test/helpers/stage.ts';
import { latenciesDuring, percentile } from './latencies.ts';

const DIGESTS = 200_000;
/** Clients that fill the table. */
const CLIENTS = 16;
const QUIET_MS = 3_000;

const READS = [
  'SELECT COUNT(*), SUM(sum_time) FROM stats_mysql_query_digest',
  'SELECT * FROM stats_mysql_query_digest ORDER BY sum_time DESC LIMIT 20',
  'SELECT * FROM stats_mysql_query_digest',
  'SELECT * FROM stats_mysql_query_digest_reset',
] as const;

export async function measureDigestRead(stage: Stage): Promise<string> {
  await fill(stage);
  const admin = await stage.sluice.connectAdmin();
  const [counted] = await rowsOf(admin, 'SELECT COUNT(*) AS digests FROM stats_mysql_query_digest');
  admin.destroy();
  const lines = [`${String(counted?.digests)} digests`];
  const quiet = await latenciesDuring(stage, () => new Promise((resolve) => setTimeout(resolve, QUIET_MS)));
  lines.push(line('nobody reads', QUIET_MS, quiet));
  for (const sql of READS) {
    let ms = 0;
    const latencies = await latenciesDuring(stage, async () => {
      const begun = performance.now();
      await read(stage, sql);
      ms = performance.now() - begun;
    });
    lines.push(line(sql, ms, latencies));
  }
  return lines.join('\n');
}

/** By a program of its own: this one is busy with the queries. */
async function read(stage: Stage, sql: string): Promise<void> {
  const { exitCode, stderr } = await mysqlCli({
    port: stage.sluice.adminPort,
    user: 'admin',
    password: 'admin',
    args: ['--quick'],
    command: ['sh', '-c', 'exec mysql "$@" | tail -n 1', 'mysql'],
    input: `${sql};`,
  });
  if (exitCode !== 0) throw new Error(stderr);
}

async function fill(stage: Stage): Promise<void> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => stage.connect()));
  let next = 0;
  const loop = async (client: Connection) => {
    while (next < DIGESTS) {
      const index = next;
      next += 1;
      await client.query(`SELECT 1 AS column${index}`);
    }
    client.destroy();
  };
  await Promise.all(clients.map(loop));
}

function line(name: string, ms: number, latencies: readonly number[]): string {
  const p99 = percentile(latencies, 0.99).toFixed(1);
  const max = percentile(latencies, 1).toFixed(1);
  return `${ms.toFixed(0).padStart(6)} ms, p99 of ${latencies.length} queries ${p99} ms, slowest ${max} ms: ${name}`;
}
