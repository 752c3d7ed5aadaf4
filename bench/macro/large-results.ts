/**
 * Results of 30 MB: how quick they pass, and what sluice grows by, with a client that reads as fast as it can and with
 * one that is slow.
 */
import type { Stage } from '../../test/helpers/stage.ts';
import { RawClient } from './raw-client.ts';
import { median, mib } from './report.ts';
import type { Target } from './targets.ts';

const STATEMENT = "SELECT REPEAT('x', 1000) FROM seq_1_to_30000";
const WEIGH_EVERY_MS = 20;
const SLOW_PIECE_BYTES = 1 << 20;
const SLOW_PAUSE_MS = 50;

export async function measureLargeResults(
  stage: Stage,
  targets: readonly Target[],
  rounds: number,
  yardstick: string,
): Promise<string> {
  const speeds = new Map<string, number[]>(targets.map(({ name }) => [name, []]));
  for (const { port } of targets) await timed(port);
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < targets.length; turn += 1) {
      const target = targets[(round + turn) % targets.length] as Target;
      for (let i = 0; i < 3; i += 1) speeds.get(target.name)?.push(await timed(target.port));
    }
  }
  const best = median(speeds.get(yardstick) ?? [...speeds.values()][0] ?? []);
  const lines = targets.map(({ name }) => {
    const speed = median(speeds.get(name) ?? []);
    return `${name.padEnd(10)}${speed.toFixed(0).padStart(8)} MB/s${(speed / best).toFixed(2).padStart(8)}`;
  });
  if (targets.some(({ name }) => name === 'sluice')) {
    const port = stage.sluice.mysqlPort;
    const fast = await growth(stage, () => timed(port));
    const slow = await growth(stage, () => readSlowly(port));
    lines.push(`resident memory of sluice grows by ${mib(fast)} MiB; with a slow reader by ${mib(slow)} MiB`);
  }
  return lines.join('\n');
}

/** MB per second of one result. */
async function timed(port: number): Promise<number> {
  const client = await RawClient.connect(port);
  const before = performance.now();
  const bytes = await client.query(STATEMENT);
  const seconds = (performance.now() - before) / 1000;
  client.destroy();
  return bytes / 1e6 / seconds;
}

async function readSlowly(port: number): Promise<void> {
  const client = await RawClient.connect(port);
  let inPiece = 0;
  client.onBytes = (bytes) => {
    inPiece += bytes;
    if (inPiece < SLOW_PIECE_BYTES) return;
    inPiece = 0;
    client.socket.pause();
    setTimeout(() => client.socket.resume(), SLOW_PAUSE_MS);
  };
  await client.query(STATEMENT);
  client.destroy();
}

/** The highest resident memory meanwhile, less that of before. */
async function growth(stage: Stage, work: () => Promise<unknown>): Promise<number> {
  const before = stage.sluice.residentBytes();
  let highest = before;
  const timer = setInterval(() => {
    highest = Math.max(highest, stage.sluice.residentBytes());
  }, WEIGH_EVERY_MS);
  await work();
  clearInterval(timer);
  return highest - before;
}
