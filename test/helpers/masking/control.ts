/**
 * The control experiment: twin clinics answered a statement differently; does that follow their protected values, or what
 * the server happened to know when it made its plan? The same servers get the values of both clinics in turn, under the
 * same statistics and optimizer settings. It acquits only on evidence: what is not explained follows the values.
 */
import type { Connection } from 'mysql2/promise';
import { Random } from '../random.ts';
import { within } from '../wait.ts';
import type { RandomStatement } from './random-query.ts';
import { ORDERED_INDEXES, type Shown, show, twinSetup } from './twin-clinics.ts';

/**
 * `plan`: with everything but the values the same, both clinics answer alike, and both give either of the two answers under
 * other statistics or settings. `order`: only because rows are read in the order of an index of a protected column; it
 * goes when the optimizer may not read that index, which stays unique. `values`: all else.
 */
export type Cause = 'values' | 'plan' | 'order';

const TABLES = ['patients', 'clinics', 'guesses', 'appointments', 'scratch', 'audited'] as const;
const CONTROL_MS_MAX = 120_000;

/** How many rows the optimizer believes each table to have. */
const STATISTICS: readonly Readonly<Record<(typeof TABLES)[number], number>>[] = [
  { patients: 3, clinics: 2, guesses: 2, appointments: 3, scratch: 0, audited: 0 },
  { patients: 1, clinics: 1, guesses: 1, appointments: 1, scratch: 1, audited: 1 },
  { patients: 1, clinics: 4, guesses: 4, appointments: 1, scratch: 0, audited: 0 },
  { patients: 1000, clinics: 1, guesses: 1, appointments: 1, scratch: 0, audited: 0 },
  { patients: 1, clinics: 1000, guesses: 1000, appointments: 1000, scratch: 0, audited: 0 },
  { patients: 1000, clinics: 1000, guesses: 1000, appointments: 1000, scratch: 1000, audited: 1000 },
];

/** Ways of carrying out subqueries that both kinds of server have. */
const SWITCHES = [
  'semijoin=on',
  'semijoin=off,materialization=off',
  'materialization=off,loosescan=off,firstmatch=off',
] as const;

interface Circumstances {
  readonly rows: (typeof STATISTICS)[number];
  readonly switches: string;
}

const FIRST: readonly Circumstances[] = STATISTICS.flatMap((rows) => SWITCHES.map((switches) => ({ rows, switches })));

/** Where those do not explain it: statistics of any kind. Plans that turn on one table being large are rare. */
const FURTHER: readonly Circumstances[] = furtherCircumstances(new Random(1), 120);

function furtherCircumstances(random: Random, count: number): Circumstances[] {
  const rows = (): number => random.pick([0, 1, 2, 3, 5, 50]);
  return Array.from({ length: count }, () => ({
    rows: {
      patients: rows(),
      clinics: rows(),
      guesses: rows(),
      appointments: rows(),
      scratch: rows(),
      audited: rows(),
    },
    switches: random.pick(SWITCHES),
  }));
}

/** What a clinic answers, as one text. */
export function answerOf({ results, error, leak }: Shown): string {
  return JSON.stringify(error === undefined ? [results, leak] : [error, leak]);
}

/** Both clinics as they were at the beginning. */
async function rebuild(connections: readonly Connection[]): Promise<void> {
  await Promise.all(
    connections.map(async (connection, i) => {
      for (const statement of twinSetup(i === 0 ? 0 : 1)) await connection.query(statement);
      await connection.query('USE clinic');
    }),
  );
}

/** The patients of a clinic, in a table of which nothing is known yet. */
async function refill(connection: Connection, twin: 0 | 1): Promise<void> {
  await connection.query('TRUNCATE TABLE clinic.patients');
  const fill = twinSetup(twin).filter((statement) => statement.startsWith('INSERT INTO clinic.patients'));
  for (const statement of fill) await connection.query(statement);
}

/** Has the optimizers of two clinics believe different things: what only follows plans then differs between them. */
export async function haveThemPlanDifferently(connections: readonly [Connection, Connection]): Promise<void> {
  for (const [i, connection] of connections.entries()) {
    await fixStatistics(connection);
    await believe(connection, STATISTICS[i]!);
    await connection.query(`SET SESSION optimizer_switch = '${SWITCHES[i]}'`);
  }
}

/** Has the optimizers of both clinics believe the same from now on: with the order of rows, plans are part of an answer. */
export async function haveThemPlanAlike(connections: readonly Connection[]): Promise<void> {
  for (const connection of connections) {
    await fixStatistics(connection);
    await believe(connection, STATISTICS[0]!);
  }
}

/**
 * @param connections to a server that is clinic 0 and to one that is clinic 1; both are built anew in the end.
 * @param given what they answered
 */
export async function causeOf(
  connections: readonly [Connection, Connection],
  statement: RandomStatement,
  masked: ReadonlySet<number>,
  given: readonly [Shown, Shown],
): Promise<Cause> {
  const wanted = given.map(answerOf);
  const experiment = async (): Promise<Cause> => {
    const seen: Seen = [new Set<string>(), new Set<string>()];
    for (const circumstances of [FIRST, FURTHER]) {
      const { differ } = await answers(connections, statement, masked, circumstances, seen);
      if (differ) return order(circumstances);
      if (seen.every((answers) => wanted.every((answer) => answers.has(answer)))) return 'plan';
    }
    return 'values';
  };
  const order = async (circumstances: readonly Circumstances[]): Promise<Cause> => {
    await Promise.all(connections.map(hideOrderedIndexes));
    const unordered = await answers(connections, statement, masked, circumstances, [new Set(), new Set()]);
    const runs = unordered.seen.every((seen) => [...seen].some((answer) => !isError(answer)));
    return !unordered.differ && (runs || wanted.every(isError)) ? 'order' : 'values';
  };
  try {
    return await within(experiment(), 'the control experiment is over', CONTROL_MS_MAX);
  } finally {
    await rebuild(connections);
    for (const connection of connections) await connection.query('SET SESSION optimizer_switch = DEFAULT');
  }
}

function isError(answer: string): boolean {
  return !answer.startsWith('[[');
}

/** By clinic. */
type Seen = readonly [Set<string>, Set<string>];

/** The answers of each clinic, and whether under some circumstances the clinics differ. */
async function answers(
  connections: readonly [Connection, Connection],
  statement: RandomStatement,
  masked: ReadonlySet<number>,
  circumstances: readonly Circumstances[],
  seen: Seen,
) {
  const byPlace = new Map<string, string>();
  let differ = false;
  await Promise.all(connections.map(fixStatistics));
  for (const first of [0, 1] as const) {
    await Promise.all(connections.map((connection, i) => refill(connection, ((i + first) % 2) as 0 | 1)));
    for (const [number, { rows, switches }] of circumstances.entries()) {
      const played = connections.map(async (connection, server) => {
        await believe(connection, rows);
        await connection.query(`SET SESSION optimizer_switch = '${switches}'`);
        const answer = answerOf(await show(connection, statement, masked));
        await connection.query('SET SESSION optimizer_switch = DEFAULT');
        seen[((server + first) % 2) as 0 | 1].add(answer);
        const place = `${server}.${number}`;
        const before = byPlace.get(place);
        byPlace.set(place, answer);
        if (before !== undefined && before !== answer) differ = true;
      });
      await Promise.all(played);
      if (differ) return { seen, differ };
    }
  }
  return { seen, differ };
}

/** From now on only {@link believe} changes what the optimizer knows. */
async function fixStatistics(connection: Connection): Promise<void> {
  for (const table of TABLES) await connection.query(`ALTER TABLE clinic.${table} STATS_AUTO_RECALC = 0`);
}

async function hideOrderedIndexes(connection: Connection): Promise<void> {
  const [[row]] = (await connection.query('SELECT VERSION() AS version')) as unknown as [{ version: string }[]];
  const hidden = /mariadb/i.test(row?.version ?? '') ? 'IGNORED' : 'INVISIBLE';
  for (const index of ORDERED_INDEXES) {
    await connection.query(`ALTER TABLE clinic.patients ALTER INDEX ${index} ${hidden}`);
  }
}

async function believe(connection: Connection, rows: (typeof STATISTICS)[number]): Promise<void> {
  const cases = TABLES.map((table) => `WHEN '${table}' THEN ${rows[table]}`).join(' ');
  await connection.query(
    `UPDATE mysql.innodb_table_stats SET n_rows = CASE table_name ${cases} ELSE n_rows END WHERE database_name = 'clinic'`,
  );
  await connection.query(`FLUSH TABLES ${TABLES.map((table) => `clinic.${table}`).join(', ')}`);
}
