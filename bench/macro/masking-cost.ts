/**
 * What masking costs: quick statements of a user who is exempt and of one who is masked and touches nothing protected,
 * and ten thousand rows with one masked column. Both users are the same one, whose policy changes between rounds.
 */
import { APP, type Stage } from '../../test/helpers/stage.ts';
import { RawClient } from './raw-client.ts';
import { median } from './report.ts';
import { runSysbench, type StatementProtocol } from './sysbench.ts';

const ROWS = 'SELECT id, name, phone FROM masking_bench.patients';
const RESULTS_IN_A_ROUND = 30;
const THREADS = [8, 64];
const PROTOCOLS: readonly StatementProtocol[] = ['text', 'prepared'];

export async function measureMasking(
  stage: Stage,
  options: { readonly rounds: number; readonly seconds: number; readonly folder: string },
): Promise<string> {
  await stage.database.query(
    'CREATE DATABASE IF NOT EXISTS masking_bench',
    'USE masking_bench',
    `CREATE TABLE IF NOT EXISTS masking_bench.patients AS
       SELECT seq AS id, CONCAT('name ', seq) AS name, CONCAT('0812345', LPAD(seq, 5, '0')) AS phone FROM seq_1_to_10000`,
  );
  await stage.sluice.admin(
    `INSERT OR REPLACE INTO mysql_masking_columns (schemaname, tablename, columnname) VALUES ('masking_bench', 'patients', 'phone')`,
  );
  const lines: string[] = [];
  for (const protocol of PROTOCOLS) {
    for (const threads of THREADS) {
      const workload = { script: 'oltp_point_select', protocol, threads, tls: false } as const;
      const run = async () =>
        (await runSysbench({ ...workload, port: stage.sluice.mysqlPort, ...options })).queriesPerSecond;
      lines.push(
        line(`point selects, ${protocol}, ${threads} clients`, 'queries/s', await compare(stage, options.rounds, run)),
      );
    }
  }
  lines.push(
    line('10,000 rows, one masked column', 'results/s', await compare(stage, options.rounds, () => results(stage))),
  );
  await policy(stage, 'exempt');
  return lines.join('\n');
}

interface Comparison {
  readonly exempt: number;
  readonly masked: number;
}

async function compare(stage: Stage, rounds: number, run: () => Promise<number>): Promise<Comparison> {
  const figures: Record<keyof Comparison, number[]> = { exempt: [], masked: [] };
  // Compiles what only the masked one uses.
  await policy(stage, 'masked');
  await run();
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? (['exempt', 'masked'] as const) : (['masked', 'exempt'] as const);
    for (const name of order) {
      await policy(stage, name);
      figures[name].push(await run());
    }
  }
  return { exempt: median(figures.exempt), masked: median(figures.masked) };
}

async function policy(stage: Stage, name: keyof Comparison): Promise<void> {
  await stage.sluice.admin(
    `INSERT OR REPLACE INTO mysql_masking_users (username, policy) VALUES ('${APP.user}', '${name}')`,
    'LOAD MYSQL MASKING TO RUNTIME',
  );
  // The first statement of a masked user waits for the servers' catalog.
  const client = await RawClient.connect(stage.sluice.mysqlPort);
  await client.query('SELECT id FROM masking_bench.patients LIMIT 1');
  client.destroy();
}

async function results(stage: Stage): Promise<number> {
  const client = await RawClient.connect(stage.sluice.mysqlPort);
  await client.query(ROWS);
  const since = performance.now();
  for (let i = 0; i < RESULTS_IN_A_ROUND; i += 1) await client.query(ROWS);
  const seconds = (performance.now() - since) / 1000;
  client.destroy();
  return RESULTS_IN_A_ROUND / seconds;
}

function line(what: string, unit: string, { exempt, masked }: Comparison): string {
  return `${what.padEnd(42)}${exempt.toFixed(0).padStart(8)} ${unit} exempt${masked.toFixed(0).padStart(8)} masked${(masked / exempt).toFixed(2).padStart(8)}`;
}
