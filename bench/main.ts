/**
 * `npm run bench`: how many queries a second pass directly, through HAProxy in TCP mode and through sluice, side by side
 * in one run, and what a thousand idle clients weigh. It decides only the order of things; macro/ does them.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Stage } from '../test/helpers/stage.ts';
import { startHaproxy } from './macro/haproxy.ts';
import { type IdleClients, weighIdleClients } from './macro/idle-clients.ts';
import { cpuSeconds } from './macro/process-usage.ts';
import { formatIdleClients, formatRounds } from './macro/report.ts';
import { type Measurement, prepareTable, runPointSelects, TABLE_SCHEMA } from './macro/sysbench.ts';
import { ensureTools } from './macro/tools.ts';

const USAGE = `npm run bench -- [options]
  --threads 8        sysbench threads, one list entry a measurement: 1,8,64
  --seconds 5        of each measurement
  --rounds 3         every target once a round, in changing order; the median counts
  --workers N        worker processes of sluice (default: sluice's own default)
  --clients 1000     idle clients whose memory is weighed; 0 leaves it out
  --json FILE        writes every measurement to a file as well`;

/** One way to the database: its name, its port, and the processes whose time it costs. */
interface Target {
  readonly name: string;
  readonly port: number;
  readonly pids: () => readonly number[];
}

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    workers: { type: 'string' },
    clients: { type: 'string', default: '1000' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(USAGE);
else await main();

async function main(): Promise<void> {
  ensureTools(['sysbench', 'haproxy']);
  console.log(
    `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.versions.node}`,
  );
  const stage = await Stage.start({
    workers: values.workers === undefined ? 'as by default' : Number(values.workers),
    setup: [`CREATE DATABASE ${TABLE_SCHEMA}`],
    databaseArgs: ['--innodb-buffer-pool-size=128M'],
  });
  const haproxy = await startHaproxy(stage.database.port);
  try {
    await prepareTable(stage.database.port);
    const measurements = await measure([
      { name: 'direct', port: stage.database.port, pids: () => [] },
      { name: 'haproxy (tcp)', port: haproxy.port, pids: () => [haproxy.pid] },
      { name: 'sluice', port: stage.sluice.mysqlPort, pids: () => stage.sluice.pids() },
    ]);
    const idle = Number(values.clients) > 0 ? await weighIdleClients(stage, Number(values.clients)) : undefined;
    if (idle !== undefined) console.log(`\n${formatIdleClients(idle)}`);
    writeJson(measurements, idle);
  } finally {
    await haproxy.stop();
    await stage.stop();
  }
}

/** Rounds are interleaved, so that whatever else the machine does hits all targets alike. */
async function measure(targets: readonly Target[]): Promise<Measurement[]> {
  const all: Measurement[] = [];
  for (const threads of values.threads.split(',').map(Number)) {
    const measurements: Measurement[] = [];
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (let turn = 0; turn < targets.length; turn += 1) {
        const target = targets[(round + turn) % targets.length] as Target;
        measurements.push(await measureOne(target, threads));
      }
    }
    const names = targets.map(({ name }) => name);
    console.log(`\noltp_point_select, text protocol, ${threads} threads\n${formatRounds(measurements, names)}`);
    all.push(...measurements);
  }
  return all;
}

async function measureOne(target: Target, threads: number): Promise<Measurement> {
  const before = cpuSeconds(target.pids());
  const result = await runPointSelects({ port: target.port, threads, seconds: Number(values.seconds) });
  const cpuMicrosPerQuery = ((cpuSeconds(target.pids()) - before) * 1e6) / result.queries;
  return { target: target.name, threads, ...result, cpuMicrosPerQuery };
}

function writeJson(measurements: readonly Measurement[], idle: IdleClients | undefined): void {
  if (values.json === undefined) return;
  const machine = { processor: cpus()[0]?.model, cores: availableParallelism(), node: process.versions.node };
  writeFileSync(values.json, `${JSON.stringify({ machine, measurements, idle }, null, 2)}\n`);
}
