/**
 * What it takes to bring a hundred thousand users, and fifty thousand rows of fast routing, from an operator's INSERTs to
 * the runtime and the disk, and what running queries notice of it.
 */
import type { Connection } from 'mysql2/promise';
import { bulkInserts, fastRoutingRows, userRows } from '../../test/helpers/bulk-rows.ts';
import type { Stage } from '../../test/helpers/stage.ts';
import { latenciesDuring, percentile } from './latencies.ts';
import { cpuSeconds } from './process-usage.ts';

const USERS = 100_000;
const ROUTES = 50_000;
/** For how long clients query before the configuration is loaded, in ms. */
const QUIET_MS = 1_500;

interface Step {
  readonly name: string;
  readonly statements: readonly string[];
}

interface Figures {
  ms: number;
  cpuMs: number;
  p99Ms: number;
}

/** The best of some rounds for every step. */
export async function measureAdminLoad(stage: Stage, options: { readonly rounds: number }): Promise<string> {
  const admin = await stage.sluice.connectAdmin();
  const best = new Map<string, Figures>();
  try {
    for (let round = 0; round < options.rounds; round += 1) {
      const quiet = await latenciesDuring(stage, () => new Promise((resolve) => setTimeout(resolve, QUIET_MS)));
      keepBest(best, 'no LOAD', { ms: QUIET_MS, cpuMs: 0, p99Ms: percentile(quiet, 0.99) });
      for (const step of steps()) keepBest(best, step.name, await measure(stage, admin, step));
      await admin.query("DELETE FROM mysql_users WHERE username LIKE 'bulk%'");
      await admin.query('DELETE FROM mysql_query_rules_fast_routing');
      for (const module of ['USERS', 'QUERY RULES']) {
        await admin.query(`LOAD MYSQL ${module} TO RUNTIME`);
        await admin.query(`SAVE MYSQL ${module} TO DISK`);
      }
    }
  } finally {
    admin.destroy();
  }
  const width = Math.max(...[...best.keys()].map((name) => name.length));
  return [...best]
    .map(
      ([name, { ms, cpuMs, p99Ms }]) =>
        `${name.padEnd(width)} ${ms.toFixed(0).padStart(6)} ms ${cpuMs.toFixed(0).padStart(6)} ms CPU, p99 of queries ${p99Ms.toFixed(1)} ms`,
    )
    .join('\n');
}

function steps(): Step[] {
  return [
    {
      name: `INSERT ${USERS} users`,
      statements: bulkInserts('mysql_users', 'username,password,default_hostgroup', userRows(USERS)),
    },
    { name: 'LOAD MYSQL USERS TO RUNTIME', statements: ['LOAD MYSQL USERS TO RUNTIME'] },
    { name: 'SAVE MYSQL USERS TO DISK', statements: ['SAVE MYSQL USERS TO DISK'] },
    {
      name: `INSERT ${ROUTES} rows of fast routing`,
      statements: bulkInserts(
        'mysql_query_rules_fast_routing',
        'username,schemaname,flagIN,destination_hostgroup,comment',
        fastRoutingRows(ROUTES),
      ),
    },
    { name: 'LOAD MYSQL QUERY RULES TO RUNTIME', statements: ['LOAD MYSQL QUERY RULES TO RUNTIME'] },
    { name: 'SAVE MYSQL QUERY RULES TO DISK', statements: ['SAVE MYSQL QUERY RULES TO DISK'] },
  ];
}

async function measure(stage: Stage, admin: Connection, { statements }: Step): Promise<Figures> {
  let ms = 0;
  let cpuMs = 0;
  const latencies = await latenciesDuring(stage, async () => {
    const pids = [stage.sluice.pid];
    const cpuBefore = cpuSeconds(pids);
    const begun = performance.now();
    for (const statement of statements) await admin.query(statement);
    ms = performance.now() - begun;
    cpuMs = (cpuSeconds(pids) - cpuBefore) * 1000;
  });
  return { ms, cpuMs, p99Ms: percentile(latencies, 0.99) };
}

function keepBest(best: Map<string, Figures>, name: string, figures: Figures): void {
  const known = best.get(name) ?? {
    ms: Number.POSITIVE_INFINITY,
    cpuMs: Number.POSITIVE_INFINITY,
    p99Ms: Number.POSITIVE_INFINITY,
  };
  best.set(name, {
    ms: Math.min(known.ms, figures.ms),
    cpuMs: Math.min(known.cpuMs, figures.cpuMs),
    p99Ms: Math.min(known.p99Ms, figures.p99Ms),
  });
}
