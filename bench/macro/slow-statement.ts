/**
 * One statement that takes a second among many that take none: how much longer the quick ones take. The slow one reads
 * a locked table and has been quick until then, so that nothing could know it.
 */
import type { Stage } from '../../test/helpers/stage.ts';
import { RawClient } from './raw-client.ts';
import { median } from './report.ts';
import { runSysbench } from './sysbench.ts';
import type { Target } from './targets.ts';

const THREADS = 64;
const LESSONS = 200;

export async function measureSlowStatement(
  stage: Stage,
  targets: readonly Target[],
  options: { readonly rounds: number; readonly seconds: number; readonly folder: string },
): Promise<string> {
  await stage.database.query('CREATE TABLE IF NOT EXISTS sbtest.slow (id INT PRIMARY KEY)');
  const without = new Map<string, number[]>(targets.map(({ name }) => [name, []]));
  const withSlow = new Map<string, number[]>(targets.map(({ name }) => [name, []]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const { name, port } of targets) {
      without.get(name)?.push(await quickP99(port, options));
      const slow = await startSlow(stage, port);
      withSlow.get(name)?.push(await quickP99(port, options));
      await slow.stop();
    }
  }
  const lines = targets.map(({ name }) => {
    const before = median(without.get(name) ?? []);
    const after = median(withSlow.get(name) ?? []);
    return `${name.padEnd(10)}p99 ${before.toFixed(1)} ms, with the slow one ${after.toFixed(1)} ms: ${(after - before).toFixed(1)} ms more`;
  });
  return lines.join('\n');
}

async function quickP99(port: number, options: { readonly seconds: number; readonly folder: string }) {
  const workload = { script: 'oltp_point_select', protocol: 'text', threads: THREADS, tls: false } as const;
  return (await runSysbench({ ...workload, port, ...options })).p99Ms;
}

/** Over and over: the table is locked for a second, and a client asks for a row of it. */
async function startSlow(stage: Stage, port: number) {
  const client = await RawClient.connect(port);
  const locker = await stage.database.connect('sbtest');
  const ask = (id: number) => client.query(`SELECT id FROM slow WHERE id=${id}`);
  for (let i = 0; i < LESSONS; i += 1) await ask(i);
  let stopped = false;
  const over = (async () => {
    while (!stopped) {
      await locker.query('LOCK TABLES slow WRITE');
      const answer = ask(1);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await locker.query('UNLOCK TABLES');
      await answer;
    }
  })();
  return {
    async stop() {
      stopped = true;
      await over;
      client.destroy();
      locker.destroy();
    },
  };
}
