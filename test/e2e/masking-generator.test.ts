/**
 * Random statements over two clinics that differ in their protected values only: what the judge lets through, with the
 * cells left out that it wants masked, shows no protected value and is the same in both. Statements that touch no
 * protected column are let through.
 *
 * SLUICE_MASKING_STATEMENTS says how many (per server; up to a few thousand in the time a test file has), SLUICE_MASKING_SEED
 * where they begin. `node dist/test/e2e/masking-generator.test.js` has no time limit.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { Judge, type ServerKind } from '../../src/masking/judge.ts';
import { type DatabaseServer, type MariadbOptions, startMariadb } from '../helpers/mariadb.ts';
import { clinicCatalog, clinicPolicy } from '../helpers/masking/clinic.ts';
import { QueryGenerator, type RandomStatement } from '../helpers/masking/random-query.ts';
import { type Shown, show, twinSetup } from '../helpers/masking/twin-clinics.ts';
import { missingMysql9, startMysql9 } from '../helpers/mysql9.ts';
import { Random } from '../helpers/random.ts';

const STATEMENTS = Number(process.env.SLUICE_MASKING_STATEMENTS ?? 250);
const SEED = Number(process.env.SLUICE_MASKING_SEED ?? 20_261_127);
/** Long runs tell how far they are. */
const PROGRESS_EVERY = 5000;
/** Of statements that touch no protected column, how many may be refused. */
const WRONG_REFUSALS_MAX = 0.01;

interface Target {
  readonly server: ServerKind;
  readonly start: (options: MariadbOptions) => Promise<DatabaseServer>;
  readonly skip: string | false;
}

const TARGETS: readonly Target[] = [
  { server: { family: 'mariadb', version: 101_119 }, start: startMariadb, skip: false },
  { server: { family: 'mysql', version: 90_700 }, start: startMysql9, skip: missingMysql9() },
];

describe('what the judge lets through', () => {
  for (const { server, start, skip } of TARGETS) {
    test(`${server.family}: shows nothing of a protected value`, { skip }, async (t) => {
      const twins = new Twins(start);
      try {
        const outcome = await compare(server, twins);
        t.diagnostic(`seed ${SEED}: ${JSON.stringify(outcome.counts)}`);
        assert.deepEqual(outcome.failures, []);
        const { untouched, untouchedRefused } = outcome.counts;
        const share = `${untouchedRefused} of ${untouched} refused, e.g. ${outcome.wronglyRefused.slice(0, 3).join('\n')}`;
        assert.ok(untouchedRefused <= untouched * WRONG_REFUSALS_MAX, share);
      } finally {
        await twins.stop();
      }
    });
  }
});

/** Two servers and a connection to each. Random statements crash real servers now and then: others take their place. */
class Twins {
  crashes = 0;
  #servers: readonly DatabaseServer[] = [];
  #connections: readonly Connection[] = [];
  readonly #start: Target['start'];

  constructor(start: Target['start']) {
    this.#start = start;
  }

  async connections(): Promise<readonly Connection[]> {
    if (this.#servers.length === 0) {
      this.#servers = await Promise.all(([0, 1] as const).map((twin) => this.#start({ setup: twinSetup(twin) })));
      this.#connections = await Promise.all(this.#servers.map((server) => server.connect('clinic')));
    }
    return this.#connections;
  }

  async crashed(): Promise<void> {
    this.crashes += 1;
    await this.stop();
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await Promise.all(this.#servers.map((server) => server.stop()));
    this.#servers = [];
    this.#connections = [];
  }
}

/** Undefined when a server did not survive the statement. */
async function showBoth(twins: Twins, statement: RandomStatement, masked: ReadonlySet<number>) {
  const connections = await twins.connections();
  const shown = await Promise.allSettled(connections.map((connection) => show(connection, statement, masked)));
  const [first, second] = shown.map((result) => (result.status === 'fulfilled' ? result.value : undefined));
  if (first !== undefined && second !== undefined) return [first, second] as const;
  await twins.crashed();
  return undefined;
}

async function compare(server: ServerKind, twins: Twins) {
  const counts = {
    statements: 0,
    pass: 0,
    mask: 0,
    refuse: 0,
    ran: 0,
    serverErrors: 0,
    untouched: 0,
    untouchedRefused: 0,
  };
  const errors: Record<string, number> = {};
  const failures: string[] = [];
  const wronglyRefused: string[] = [];
  const judge = new Judge(clinicPolicy(), clinicCatalog(), server);
  const generator = new QueryGenerator(new Random(SEED), server.family);
  for (; counts.statements < STATEMENTS && failures.length < 10; counts.statements += 1) {
    if (counts.statements > 0 && counts.statements % PROGRESS_EVERY === 0) {
      process.stderr.write(`${server.family}, seed ${SEED}: ${JSON.stringify(counts)}, ${failures.length} failures\n`);
    }
    const statement = generator.next();
    const verdicts = judge.judge({
      text: Buffer.from(statement.sql),
      schema: 'clinic',
      sqlMode: '',
      charset: 'utf8mb4',
      multiStatements: false,
    });
    const [verdict] = verdicts;
    assert.ok(verdict !== undefined && verdicts.length === 1);
    counts[verdict.kind] += 1;
    if (statement.untouched) counts.untouched += 1;
    if (verdict.kind === 'refuse') {
      if (!statement.untouched) continue;
      counts.untouchedRefused += 1;
      wronglyRefused.push(`${verdict.refusal.message}: ${statement.sql}`);
      continue;
    }
    const plan = verdict.kind === 'mask' ? verdict.columns : undefined;
    const masked = new Set(plan?.flatMap(({ mask }, i) => (mask === undefined ? [] : [i])));
    const shown = await showBoth(twins, statement, masked);
    if (shown === undefined) {
      process.stderr.write(`a server did not survive: ${statement.sql}\n`);
      continue;
    }
    const { error } = shown[0];
    if (error === undefined) counts.ran += 1;
    else counts.serverErrors += 1;
    if (error !== undefined) errors[error] = (errors[error] ?? 0) + 1;
    const wrong = whatIsWrong(statement, shown, plan?.length);
    if (wrong !== undefined) failures.push(`${wrong} (${verdict.kind} ${[...masked].join()}): ${statement.sql}`);
  }
  return { counts: { ...counts, errors, crashes: twins.crashes }, failures, wronglyRefused };
}

function whatIsWrong(
  { kind }: RandomStatement,
  [first, second]: readonly Shown[],
  planned: number | undefined,
): string | undefined {
  if (first === undefined || second === undefined) return 'not run';
  const leak = first.leak ?? second.leak;
  if (leak !== undefined) return `shows ${leak}`;
  if (first.error !== second.error) return `error ${first.error} in one clinic, ${second.error} in the other`;
  if (first.error !== undefined) return undefined;
  if (planned !== undefined && first.columns !== planned) return `has ${first.columns} columns, not ${planned}`;
  if (kind === 'explain') return undefined;
  const differs = first.results.findIndex((result, i) => result !== second.results[i]);
  return differs < 0 ? undefined : `answer ${differs + 1} depends on protected values`;
}
