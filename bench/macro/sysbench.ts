/**
 * sysbench's oltp_point_select by the text protocol: one table, one row a query. It measures one target at a time.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { APP } from '../../test/helpers/stage.ts';

export const TABLE_SCHEMA = 'sbtest';
const TABLE_ROWS = 10_000;

export interface RunOptions {
  readonly port: number;
  readonly threads: number;
  readonly seconds: number;
}

export interface RunResult {
  readonly queries: number;
  readonly queriesPerSecond: number;
  readonly p95Ms: number;
}

/** One run against one target; CPU is that of the proxy's processes, 0 for the direct way. */
export interface Measurement extends RunResult {
  readonly target: string;
  readonly threads: number;
  readonly cpuMicrosPerQuery: number;
}

/** Creates and fills the table, directly on the server. */
export async function prepareTable(port: number): Promise<void> {
  await sysbench(port, ['prepare']);
}

/** Runs for the given time and reads sysbench's report. */
export async function runPointSelects(options: RunOptions): Promise<RunResult> {
  const report = await sysbench(options.port, [
    `--threads=${options.threads}`,
    `--time=${options.seconds}`,
    '--percentile=95',
    'run',
  ]);
  return {
    queries: numberIn(report, /queries:\s+(\d+)/),
    queriesPerSecond: numberIn(report, /queries:\s+\d+\s+\(([\d.]+) per sec/),
    p95Ms: numberIn(report, /95th percentile:\s+([\d.]+)/),
  };
}

async function sysbench(port: number, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('sysbench', [
    'oltp_point_select',
    '--db-driver=mysql',
    '--mysql-host=127.0.0.1',
    `--mysql-port=${port}`,
    `--mysql-user=${APP.user}`,
    `--mysql-password=${APP.password}`,
    `--mysql-db=${TABLE_SCHEMA}`,
    '--tables=1',
    `--table-size=${TABLE_ROWS}`,
    // Prepared statements are the default; most applications speak text.
    '--db-ps-mode=disable',
    ...args,
  ]);
  return stdout;
}

function numberIn(report: string, pattern: RegExp): number {
  const value = Number(pattern.exec(report)?.[1]);
  if (Number.isNaN(value)) throw new Error(`sysbench's report does not match ${pattern}:\n${report}`);
  return value;
}
