/**
 * Sessions that share very few connections see what they would see alone: a random sequence of statements runs through
 * sluice and, directly, on a twin of the server; the answers are compared packet by packet.
 *
 * SLUICE_FUZZ_SECONDS=600 makes it run that long with new seeds; SLUICE_FUZZ_SEED=7 begins with that one.
 */
import { after, before, describe, test } from 'node:test';
import { type DatabaseServer, startMariadb } from '../helpers/mariadb.ts';
import { Random } from '../helpers/random.ts';
import { nextSteps, SCHEMA_SETUP } from '../helpers/random-session.ts';
import { APP, accountSql, Stage } from '../helpers/stage.ts';
import { Pair } from '../helpers/twins.ts';
import { eventually } from '../helpers/wait.ts';

const SESSIONS = 4;
const MAX_CONNECTIONS = 3;
const SEEDS = 12;
const STEPS_PER_SEED = 250;

const SETUP = Array.from({ length: SESSIONS }, (_, index) => [`own_${index}`, `other_${index}`])
  .flat()
  .flatMap((schema) => [`CREATE DATABASE ${schema}`, `USE ${schema}`, ...SCHEMA_SETUP]);

describe('sessions that share connections, and their twins that do not', () => {
  let stage: Stage;
  let twin: DatabaseServer;

  before(async () => {
    [stage, twin] = await Promise.all([
      Stage.start({ setup: SETUP, serverColumns: { max_connections: MAX_CONNECTIONS } }),
      startMariadb({ setup: [...accountSql(APP.user, APP.password), ...SETUP] }),
    ]);
  });

  after(async () => {
    await Promise.all([stage?.stop(), twin?.stop()]);
  });

  const play = async (seed: number): Promise<void> => {
    const random = new Random(seed);
    const ports = [stage.sluice.mysqlPort, twin.port] as const;
    const pairs = Array.from({ length: SESSIONS }, (_, index) => new Pair(index, ports));
    try {
      for (let step = 0; step < STEPS_PER_SEED; step += 1) {
        const pair = random.pick(pairs);
        if (pair.stateful && random.chance(6)) await pair.release(random);
        else if (!pair.stateful && random.chance(10) && pairs.filter((p) => p.stateful).length < MAX_CONNECTIONS - 1) {
          pair.stateful = true;
        }
        const mark = `seed ${seed} step ${step}`;
        for (const next of nextSteps(random, pair.stateful, mark, pair.schemas)) await pair.run(next);
      }
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`);
    } finally {
      for (const pair of pairs) pair.disconnect();
      await eventually(
        'no session holds a connection',
        () => stage.connectionsUsed(),
        (used) => used === 0,
      );
    }
  };

  const firstSeed = Number(process.env.SLUICE_FUZZ_SEED ?? 1);
  const deadline = Date.now() + Number(process.env.SLUICE_FUZZ_SECONDS ?? 0) * 1000;
  for (let seed = firstSeed; seed < firstSeed + SEEDS; seed += 1) test(`seed ${seed}`, () => play(seed));

  test('as many more as there is time for', async () => {
    for (let seed = firstSeed + SEEDS; Date.now() < deadline; seed += 1) await play(seed);
  });
});
