/**
 * What two thousand rules cost that all have to be looked at and none of which matches.
 */
import type { Stage } from '../../test/helpers/stage.ts';
import { APP } from '../../test/helpers/stage.ts';
import { median } from './report.ts';
import { runSysbench } from './sysbench.ts';

const RULES = 2_000;

export async function measureManyRules(
  stage: Stage,
  options: { readonly rounds: number; readonly seconds: number; readonly folder: string },
): Promise<string> {
  const without: number[] = [];
  const withRules: number[] = [];
  const run = async () => {
    const workload = { script: 'oltp_point_select', protocol: 'text', threads: 8, tls: false } as const;
    return (await runSysbench({ ...workload, port: stage.sluice.mysqlPort, ...options })).queriesPerSecond;
  };
  // Compiles what only rules use.
  await load(stage, RULES);
  await run();
  await load(stage, 0);
  for (let round = 0; round < options.rounds; round += 1) {
    without.push(await run());
    await load(stage, RULES);
    withRules.push(await run());
    await load(stage, 0);
  }
  const ratio = (median(withRules) / median(without)).toFixed(2);
  return `sluice    ${median(without).toFixed(0)} queries/s without rules, ${median(withRules).toFixed(0)} with ${RULES}: ${ratio}`;
}

async function load(stage: Stage, count: number): Promise<void> {
  const rules = Array.from(
    { length: count },
    (_, i) => `(${i + 1}, 1, '${APP.user}', '^SELECT .* FROM orders_${i} WHERE', 1, 1)`,
  );
  await stage.sluice.admin('DELETE FROM mysql_query_rules');
  if (count > 0) {
    const columns = 'rule_id, active, username, match_pattern, destination_hostgroup, apply';
    await stage.sluice.admin(`INSERT INTO mysql_query_rules (${columns}) VALUES ${rules.join(', ')}`);
  }
  await stage.sluice.admin('LOAD MYSQL QUERY RULES TO RUNTIME');
}
