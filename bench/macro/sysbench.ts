/**
 * sysbench's OLTP scripts against one target at a time, and a script of ours that connects, asks once and quits. It
 * reads the report, histogram included, and judges nothing.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '../../test/helpers/reaper.ts';
import { APP } from '../../test/helpers/stage.ts';

export const TABLE_SCHEMA = 'sbtest';
const TABLE_ROWS = 10_000;

export type Script = 'oltp_point_select' | 'oltp_read_only' | 'connect';
export type StatementProtocol = 'text' | 'prepared';

export interface Workload {
  readonly script: Script;
  readonly protocol: StatementProtocol;
  readonly threads: number;
  readonly tls: boolean;
}

export interface RunOptions extends Workload {
  readonly port: number;
  readonly seconds: number;
  /** Where sysbench finds its client certificate, for TLS. */
  readonly folder: string;
}

export interface RunResult {
  readonly queries: number;
  readonly queriesPerSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** One run against one target; CPU is that of the proxy's processes, 0 for the direct way. */
export interface Measurement extends RunResult, Workload {
  readonly target: string;
  readonly cpuMicrosPerQuery: number;
}

/** Creates and fills the table, directly on the server. */
export async function prepareTable(port: number): Promise<void> {
  await sysbench('oltp_point_select', port, ['prepare']);
}

/** Runs for the given time and reads sysbench's report. */
export async function runSysbench(options: RunOptions): Promise<RunResult> {
  const { script, protocol, threads, seconds, tls } = options;
  const report = await sysbench(
    script === 'connect' ? connectScript() : script,
    options.port,
    [
      `--threads=${threads}`,
      `--time=${seconds}`,
      '--histogram=on',
      ...(script === 'connect' ? [] : [`--db-ps-mode=${protocol === 'text' ? 'disable' : 'auto'}`]),
      ...(tls ? ['--mysql-ssl=on'] : []),
      'run',
    ],
    options.folder,
  );
  const queries = numberIn(report, /queries:\s+(\d+)/);
  const latencies = histogramOf(report);
  return {
    queries,
    queriesPerSecond: numberIn(report, /queries:\s+\d+\s+\(([\d.]+) per sec/),
    p50Ms: percentile(latencies, 50),
    p95Ms: percentile(latencies, 95),
    p99Ms: percentile(latencies, 99),
  };
}

async function sysbench(script: string, port: number, args: readonly string[], cwd?: string): Promise<string> {
  const { stdout } = await promisify(execFile)(
    'sysbench',
    [
      script,
      '--db-driver=mysql',
      '--mysql-host=127.0.0.1',
      `--mysql-port=${port}`,
      `--mysql-user=${APP.user}`,
      `--mysql-password=${APP.password}`,
      `--mysql-db=${TABLE_SCHEMA}`,
      ...(script.startsWith('oltp_') ? ['--tables=1', `--table-size=${TABLE_ROWS}`] : []),
      ...args,
    ],
    { ...(cwd !== undefined && { cwd }), maxBuffer: 1 << 24 },
  );
  return stdout;
}

let connectFile: string | undefined;

/** One event is a connection, one query and its end. */
function connectScript(): string {
  if (connectFile === undefined) {
    connectFile = join(temporaryFolder('connect'), 'connect.lua');
    writeFileSync(
      connectFile,
      `function thread_init() drv = sysbench.sql.driver() end
function event() local con = drv:connect(); con:query("SELECT c FROM sbtest1 WHERE id=1"); con:disconnect() end
`,
    );
  }
  return connectFile;
}

interface Bucket {
  readonly ms: number;
  readonly count: number;
}

/** The lines `0.123 |**** 456` of sysbench's histogram: an upper bound and how many events fell below it. */
function histogramOf(report: string): Bucket[] {
  const buckets: Bucket[] = [];
  for (const [, ms, count] of report.matchAll(/^\s*([\d.]+) \|\**\s+(\d+)$/gm)) {
    buckets.push({ ms: Number(ms), count: Number(count) });
  }
  return buckets;
}

function percentile(buckets: readonly Bucket[], percent: number): number {
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  let seen = 0;
  for (const { ms, count } of buckets) {
    seen += count;
    if (seen >= (total * percent) / 100) return ms;
  }
  return 0;
}

function numberIn(report: string, pattern: RegExp): number {
  const value = Number(pattern.exec(report)?.[1]);
  if (Number.isNaN(value)) throw new Error(`sysbench's report does not match ${pattern}:\n${report}`);
  return value;
}
