/**
 * `npm run bench`: what passes directly, through HAProxy, through MySQL Router and through sluice, side by side in one
 * run. It decides only the order of things; macro/ does them.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { measureAdminLoad } from './macro/admin-load.ts';
import { measureDigestRead } from './macro/digest-read.ts';
import { weighIdleClients } from './macro/idle-clients.ts';
import { measureLargeResults } from './macro/large-results.ts';
import { measureManyRules } from './macro/many-rules.ts';
import { measureMasking } from './macro/masking-cost.ts';
import { cpuSeconds } from './macro/process-usage.ts';
import { formatRounds } from './macro/report.ts';
import { measureSlowStatement } from './macro/slow-statement.ts';
import { type Measurement, runSysbench, type Script, type StatementProtocol, type Workload } from './macro/sysbench.ts';
import { type Arena, openArena, type Target } from './macro/targets.ts';
import { ensureTools } from './macro/tools.ts';

const PARTS = ['sysbench', 'connect', 'results', 'slow', 'rules', 'idle', 'admin', 'digests', 'masking'];

const USAGE = `npm run bench -- [options]
  --parts ${PARTS.join(',')}
                     which measurements; all of them by default
  --scripts oltp_point_select,oltp_read_only
  --protocols text,prepared
  --threads 1,8,64,256
  --tls off          or on, or off,on: between the client and the first hop
  --targets LIST     of direct,haproxy,router,sluice; all that there are by default
  --seconds 3        of each measurement
  --rounds 5         every target once a round, in changing order; the median counts
  --workers N        worker processes of sluice (default: sluice's own default)
  --set NAME=VALUE   a mysql- variable of sluice, without its prefix; may be repeated
  --clients 5000     idle clients whose memory is weighed
  --mysql9-root DIR  a root file system with MySQL Router (default: the environment variable SLUICE_MYSQL9_ROOT)
  --json FILE        writes every measurement of sysbench to a file as well`;

const { values } = parseArgs({
  options: {
    parts: { type: 'string', default: PARTS.join(',') },
    scripts: { type: 'string', default: 'oltp_point_select,oltp_read_only' },
    protocols: { type: 'string', default: 'text,prepared' },
    threads: { type: 'string', default: '1,8,64,256' },
    tls: { type: 'string', default: 'off' },
    targets: { type: 'string', default: '' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
    workers: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
    clients: { type: 'string', default: '5000' },
    'mysql9-root': { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(USAGE);
else await main();

async function main(): Promise<void> {
  ensureTools(['sysbench', 'haproxy', 'openssl']);
  const processor = cpus()[0]?.model ?? 'unknown processor';
  console.log(`${processor}, ${availableParallelism()} cores, Node ${process.versions.node}`);
  const parts = listOf(values.parts);
  const arena = await openArena({
    workers: values.workers === undefined ? 'as by default' : Number(values.workers),
    only: listOf(values.targets),
    mysql9Root: values['mysql9-root'] ?? process.env.SLUICE_MYSQL9_ROOT,
    mysqlVariables: Object.fromEntries(values.set.map((pair) => pair.split('=', 2) as [string, string])),
  });
  const measurements: Measurement[] = [];
  try {
    await warmUp(arena);
    if (parts.includes('sysbench'))
      for (const workload of workloads()) measurements.push(...(await run(arena, workload)));
    if (parts.includes('connect'))
      measurements.push(...(await run(arena, { script: 'connect', protocol: 'text', threads: 8, tls: false })));
    const { stage, targets, folder } = arena;
    const options = { rounds: Number(values.rounds), seconds: Number(values.seconds), folder };
    if (parts.includes('results'))
      report(
        'results of 30 MB, one client',
        await measureLargeResults(stage, targets, options.rounds, yardstick(arena)),
      );
    if (parts.includes('slow'))
      report('one slow statement among 64 clients', await measureSlowStatement(stage, targets, options));
    if (parts.includes('rules')) report('rules that do not match', await measureManyRules(stage, options));
    if (parts.includes('idle')) report('idle clients', await weighIdleClients(stage, Number(values.clients)));
    if (parts.includes('admin')) report('a large configuration', await measureAdminLoad(stage, options));
    if (parts.includes('digests')) report('a large table of digests', await measureDigestRead(stage));
    if (parts.includes('masking')) report('masking', await measureMasking(stage, options));
    if (values.json !== undefined)
      writeFileSync(values.json, `${JSON.stringify({ processor, measurements }, null, 2)}\n`);
  } finally {
    await arena.stop();
  }
}

/** What is measured first is not to pay for the compiling of what everything uses. */
async function warmUp({ targets, folder }: Arena): Promise<void> {
  for (const { port } of targets)
    for (const protocol of ['text', 'prepared'] as const)
      await runSysbench({ script: 'oltp_point_select', protocol, threads: 16, tls: false, seconds: 2, port, folder });
}

function* workloads(): Generator<Workload> {
  for (const tls of listOf(values.tls))
    for (const script of listOf(values.scripts))
      for (const protocol of listOf(values.protocols))
        for (const threads of listOf(values.threads))
          yield {
            script: script as Script,
            protocol: protocol as StatementProtocol,
            threads: Number(threads),
            tls: tls === 'on',
          };
}

/** Rounds are interleaved, so that whatever else the machine does hits all targets alike. */
async function run(arena: Arena, workload: Workload): Promise<Measurement[]> {
  const { targets } = arena;
  const measurements: Measurement[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (let turn = 0; turn < targets.length; turn += 1) {
      const target = targets[(round + turn) % targets.length] as Target;
      measurements.push(await measureOne(arena, target, workload));
    }
  }
  const { script, protocol, threads, tls } = workload;
  const names = targets.map(({ name }) => name);
  const title = `${script}, ${protocol}, ${threads} clients${tls ? ', TLS' : ''}`;
  report(title, formatRounds(measurements, names, yardstick(arena)));
  return measurements;
}

async function measureOne(arena: Arena, target: Target, workload: Workload): Promise<Measurement> {
  const before = cpuSeconds(target.pids());
  const seconds = Number(values.seconds);
  const result = await runSysbench({ ...workload, port: target.port, seconds, folder: arena.folder });
  const cpuMicrosPerQuery = ((cpuSeconds(target.pids()) - before) * 1e6) / result.queries;
  return { target: target.name, ...workload, ...result, cpuMicrosPerQuery };
}

/** Ratios are to HAProxy's figure, as long as it takes part. */
function yardstick({ targets }: Arena): string {
  return targets.some(({ name }) => name === 'haproxy') ? 'haproxy' : (targets[0]?.name ?? '');
}

function report(title: string, text: string): void {
  console.log(`\n${title}\n${text}`);
}

function listOf(text: string): string[] {
  return text.split(',').filter((piece) => piece !== '');
}
