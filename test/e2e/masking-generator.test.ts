/**
 * Random statements over two clinics that differ in their protected values only: what the judge lets through, with the
 * hints it gives servers and the cells left out that it wants masked, shows no protected value and is the same in both, the
 * order of rows included; where it is not, a control experiment says whether that follows the values. Statements that
 * touch no protected column are let through.
 *
 * SLUICE_MASKING_HIDES=off leaves the hints out: the order of rows then does tell. SLUICE_MASKING_STATEMENTS says how many (per server; up to a few thousand in the time a test file has), SLUICE_MASKING_SEED
 * where they begin. `node dist/test/e2e/masking-generator.test.js` has no time limit.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { readingOf } from '../../src/masking/charset.ts';
import { Judge, type ServerKind } from '../../src/masking/judge.ts';
import { edited } from '../../src/masking/text-edits.ts';
import type { Verdict } from '../../src/masking/verdict.ts';
import { type DatabaseServer, type MariadbOptions, startMariadb } from '../helpers/mariadb.ts';
import { clinicPolicy } from '../helpers/masking/clinic.ts';
import { answerOf, type Cause, causeOf, haveThemPlanDifferently } from '../helpers/masking/control.ts';
import { QueryGenerator, type RandomStatement, sortsRows } from '../helpers/masking/random-query.ts';
import { type Shown, show, twinCatalog, twinSetup } from '../helpers/masking/twin-clinics.ts';
import { missingMysql9, startMysql9 } from '../helpers/mysql9.ts';
import { Random } from '../helpers/random.ts';

const STATEMENTS = Number(process.env.SLUICE_MASKING_STATEMENTS ?? 160);
const SEED = Number(process.env.SLUICE_MASKING_SEED ?? 20_261_127);
/** `off` shows what the order of rows tells without hints. */
const HIDES = process.env.SLUICE_MASKING_HIDES === 'off' ? 'off' : 'all';
/** Long runs tell how far they are. */
const PROGRESS_EVERY = 5000;
/** Of statements that touch no protected column, how many may be refused. */
const WRONG_REFUSALS_MAX = 0.01;
const LIMITS = [' LIMIT 1000', ' LIMIT 1', ' LIMIT 2', ' LIMIT 1, 1'];

interface Target {
  readonly server: ServerKind;
  readonly start: (options: MariadbOptions) => Promise<DatabaseServer>;
  readonly skip: string | false;
}

const TARGETS: readonly Target[] = [
  { server: { family: 'mariadb', version: 101_119 }, start: startMariadb, skip: false },
  { server: { family: 'mysql', version: 90_700 }, start: startMysql9, skip: missingMysql9() },
];

describe('what the judge lets through', { concurrency: true }, () => {
  for (const { server, start, skip } of TARGETS) {
    test(`${server.family}: shows nothing of a protected value`, { skip }, async (t) => {
      const twins = new Twins(start);
      try {
        await checkTheControl(twins);
        const outcome = await compare(server, twins);
        t.diagnostic(`seed ${SEED}: ${JSON.stringify(outcome.counts)}`);
        for (const text of outcome.acquitted) t.diagnostic(text);
        assert.deepEqual(outcome.failures, []);
        const { untouched, untouchedRefused } = outcome.counts;
        const share = `${untouchedRefused} of ${untouched} refused, e.g. ${outcome.wronglyRefused.slice(0, 3).join('\n')}`;
        // One may be more than that share of a short run.
        assert.ok(untouchedRefused <= Math.max(1, untouched * WRONG_REFUSALS_MAX), share);
      } finally {
        await twins.stop();
      }
    });
  }
});

/** What the control experiment must say of statements played past every judge; the first ones always, all in long runs. */
const KNOWN: readonly (readonly [sql: string, kind: RandomStatement['kind'], cause: Cause])[] = [
  // An error that comes with some plans only,
  [
    `INSERT INTO scratch (v) SELECT 1 FROM appointments a WHERE a.status IN (SELECT g.id FROM guesses g)`,
    'copy',
    'plan',
  ],
  // and the same where a value decides whether it can come at all.
  [
    `INSERT INTO scratch (v) SELECT 1 FROM appointments a WHERE a.status IN (SELECT g.id FROM guesses g)
     AND 1 = (SELECT COUNT(*) FROM patients WHERE phone < 'L')`,
    'copy',
    'values',
  ],
  ['SELECT id FROM patients LIMIT 1', 'query', 'order'],
  ["SELECT id FROM patients WHERE phone LIKE 'Q%'", 'query', 'values'],
  ["SELECT COUNT(*) FROM v_contact WHERE contact < 'L'", 'query', 'values'],
  ['SELECT IF(bank_pin < 950000000, (SELECT 1 UNION SELECT 2), 1) FROM patients WHERE id = 1', 'query', 'values'],
  ["INSERT INTO patients (phone) VALUES ('Q7ZX91KW4V')", 'write', 'values'],
  ['DELETE FROM guesses WHERE id IN (SELECT id FROM patients WHERE bank_pin < 950000000)', 'write', 'values'],
];
const KNOWN_ALWAYS = 2;
const LONG_RUN = 5000;

/** The control experiment must tell a dependency from a plan, or nothing it says of the others counts. */
async function checkTheControl(twins: Twins): Promise<void> {
  const found: string[] = [];
  const known = KNOWN.slice(0, STATEMENTS < LONG_RUN ? KNOWN_ALWAYS : undefined);
  for (const [sql, kind] of known) {
    const after = kind === 'copy' ? ['SELECT v FROM scratch'] : [];
    found.push(`${await examined(twins, { sql, kind, untouched: false, after })}: ${sql}`);
  }
  assert.deepEqual(
    found,
    known.map(([sql, , cause]) => `${cause}: ${sql}`),
  );
}

async function examined(twins: Twins, statement: RandomStatement): Promise<Cause | 'no difference'> {
  await haveThemPlanDifferently(await twins.connections());
  const shown = await showBoth(twins, statement, new Set());
  assert.ok(shown !== undefined, statement.sql);
  if (answerOf(shown[0]) === answerOf(shown[1])) return 'no difference';
  return causeOf(await twins.connections(), statement, new Set(), shown);
}

/** Two servers and a connection to each. Random statements crash real servers now and then: others take their place. */
class Twins {
  crashes = 0;
  #servers: readonly DatabaseServer[] = [];
  #connections: readonly [Connection, Connection] | undefined;
  readonly #start: Target['start'];

  constructor(start: Target['start']) {
    this.#start = start;
  }

  async connections(): Promise<readonly [Connection, Connection]> {
    if (this.#connections === undefined) {
      const servers = [this.#start({ setup: twinSetup(0) }), this.#start({ setup: twinSetup(1) })] as const;
      const [first, second] = await Promise.all(servers);
      this.#servers = [first, second];
      this.#connections = [await first.connect('clinic'), await second.connect('clinic')];
    }
    return this.#connections;
  }

  async crashed(): Promise<void> {
    this.crashes += 1;
    await this.stop();
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections ?? []) connection.destroy();
    await Promise.all(this.#servers.map((server) => server.stop()));
    this.#servers = [];
    this.#connections = undefined;
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
    hinted: 0,
    inOrder: 0,
    byPlan: 0,
  };
  const errors: Record<string, number> = {};
  const failures: string[] = [];
  const wronglyRefused: string[] = [];
  const acquitted: string[] = [];
  const judge = new Judge(clinicPolicy(), twinCatalog(), server, HIDES);
  const generator = new QueryGenerator(new Random(SEED), server.family, LIMITS);
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
    const sent = sentOf(statement, verdict, server);
    if (sent.sql !== statement.sql) counts.hinted += 1;
    if (sent.inOrder === true) counts.inOrder += 1;
    const shown = await showBoth(twins, sent, masked);
    if (shown === undefined) {
      process.stderr.write(`a server did not survive: ${statement.sql}\n`);
      continue;
    }
    const { error } = shown[0];
    if (error === undefined) counts.ran += 1;
    else counts.serverErrors += 1;
    if (error !== undefined) errors[error] = (errors[error] ?? 0) + 1;
    const wrong = whatIsWrong(shown, plan?.length);
    const differs = wrong === undefined ? difference(statement, shown) : undefined;
    if (wrong === undefined && differs === undefined) continue;
    const told = `${wrong ?? differs} (${verdict.kind} ${[...masked].join()}): ${sent.sql}`;
    const cause = wrong === undefined ? await causeFound(twins, sent, masked, shown) : 'values';
    if (cause === 'plan') counts.byPlan += 1;
    (cause === 'plan' ? acquitted : failures).push(`${cause}: ${told}`);
  }
  return { counts: { ...counts, errors, crashes: twins.crashes }, failures, acquitted, wronglyRefused };
}

/** As the server gets it. */
function sentOf(statement: RandomStatement, verdict: Verdict, { family }: ServerKind): RandomStatement {
  const inOrder = family === 'mysql' || !sortsRows(statement.sql);
  const reading = readingOf('utf8mb4');
  if (verdict.kind === 'refuse' || verdict.edits === undefined || reading === undefined)
    return { ...statement, inOrder };
  const text = edited(Buffer.from(statement.sql), verdict.edits, reading);
  assert.ok(text !== undefined);
  return { ...statement, sql: text.toString(), inOrder };
}

/** An experiment that did not come to its end acquits nobody. */
async function causeFound(
  twins: Twins,
  statement: RandomStatement,
  masked: ReadonlySet<number>,
  shown: readonly [Shown, Shown],
): Promise<Cause> {
  try {
    return await causeOf(await twins.connections(), statement, masked, shown);
  } catch (error) {
    process.stderr.write(`the control experiment failed: ${String(error)}\n`);
    await twins.crashed();
    return 'values';
  }
}

function whatIsWrong([first, second]: readonly [Shown, Shown], planned: number | undefined): string | undefined {
  const leak = first.leak ?? second.leak;
  if (leak !== undefined) return `shows ${leak}`;
  for (const { error, columns } of [first, second]) {
    if (error === undefined && planned !== undefined && columns !== planned)
      return `has ${columns} columns, not ${planned}`;
  }
  return undefined;
}

function difference({ kind }: RandomStatement, [first, second]: readonly [Shown, Shown]): string | undefined {
  if (first.error !== second.error) return `error ${first.error} in one clinic, ${second.error} in the other`;
  if (first.error !== undefined || kind === 'explain') return undefined;
  const differs = first.results.findIndex((result, i) => result !== second.results[i]);
  return differs < 0 ? undefined : `answer ${differs + 1} differs between clinics`;
}
