/**
 * The random statements of masking-generator.test.ts as a masked user, through sluice, in front of two clinics that differ
 * in their protected values only: nothing shows one, both answers are the same, in the same order, and a statement that touches no protected
 * column has the answer it has without a proxy.
 *
 * SLUICE_MASKING_STATEMENTS (a tenth of them) says how many, SLUICE_MASKING_SEED where they begin.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { type DatabaseServer, type MariadbOptions, startMariadb } from '../helpers/mariadb.ts';
import { PROTECTED } from '../helpers/masking/clinic.ts';
import { haveThemPlanAlike } from '../helpers/masking/control.ts';
import { QueryGenerator, sortsRows } from '../helpers/masking/random-query.ts';
import { type Shown, show, twinSetup } from '../helpers/masking/twin-clinics.ts';
import { missingMysql9, startMysql9 } from '../helpers/mysql9.ts';
import { Random } from '../helpers/random.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';

const STATEMENTS = Math.ceil(Number(process.env.SLUICE_MASKING_STATEMENTS ?? 200) / 10);
const SEED = Number(process.env.SLUICE_MASKING_SEED ?? 20_261_128);
/** Statements that begin with an account's own rights are not what is tried here. */
const ACCOUNT = ["CREATE USER 'clerk'@'%' IDENTIFIED BY 'clerk'", "GRANT ALL ON *.* TO 'clerk'@'%'"];
const CLERK = { user: 'clerk', password: 'clerk', database: 'clinic', multipleStatements: true } as const;
/**
 * MariaDB says of a column that went through a temporary table that its name in the base table is its alias: an unprotected
 * one that is called like a protected one may then be masked.
 */
const HAS_ITS_NAME = /\b(phone|bank_pin)\b/i;
/** Of statements that touch no protected column, how many may be refused. */
const WRONG_REFUSALS_MAX = 0.01;

const TARGETS: readonly ['mariadb' | 'mysql', (options: MariadbOptions) => Promise<DatabaseServer>, string | false][] =
  [
    ['mariadb', startMariadb, false],
    ['mysql', startMysql9, missingMysql9()],
  ];

describe('random statements of a masked user', { concurrency: true }, () => {
  for (const [family, start, skip] of TARGETS) {
    test(`${family}: show nothing of a protected value`, { skip }, async (t) => {
      const stops: (() => Promise<void>)[] = [];
      try {
        const twins = await Promise.all(
          ([0, 1] as const).map(async (twin) => {
            const database = await start({ setup: [...twinSetup(twin), ...ACCOUNT] });
            stops.push(() => database.stop());
            const sluice = await maskingSluice(database);
            stops.push(() => sluice.stop());
            return {
              database,
              sluice,
              client: await sluice.connect(CLERK),
              direct: await database.connect('clinic'),
            };
          }),
        );
        const clients = twins.map(({ client }) => client);
        const directs = twins.map(({ direct }) => direct);
        await haveThemPlanAlike(directs);
        const outcome = await compare(family, clients, directs);
        t.diagnostic(`seed ${SEED}: ${JSON.stringify(outcome.counts)}`);
        assert.deepEqual(outcome.failures, []);
        const { untouched, untouchedRefused } = outcome.counts;
        assert.ok(
          untouchedRefused <= Math.max(1, untouched * WRONG_REFUSALS_MAX),
          outcome.refusals.slice(0, 3).join('\n'),
        );
        await otherDefinitions(twins[0]!.sluice, twins[1]!.database);
        for (const connection of [...clients, ...directs]) connection.destroy();
      } finally {
        for (const stop of stops.reverse()) await stop();
      }
    });
  }
});

/** Another hostgroup's server has other columns and views: what counts is the catalog of the server that is asked. */
async function otherDefinitions(sluice: SluiceProcess, database: DatabaseServer): Promise<void> {
  await database.query(
    'USE clinic',
    'ALTER TABLE patients MODIFY phone VARCHAR(20) FIRST, DROP COLUMN note, ADD COLUMN born DATE AFTER id',
    'CREATE VIEW v_there AS SELECT id, phone AS anything FROM patients',
    'DROP VIEW v_contact',
    'CREATE VIEW v_contact AS SELECT id, phone AS name, name AS contact FROM patients',
  );
  await sluice.admin(
    `INSERT INTO mysql_servers (hostgroup_id, hostname, port) VALUES (1, '${database.host}', ${database.port})`,
    "INSERT INTO mysql_query_rules (rule_id, active, match_pattern, destination_hostgroup, apply) VALUES (1, 1, 'there', 1, 1)",
    'LOAD MYSQL SERVERS TO RUNTIME',
    'LOAD MYSQL QUERY RULES TO RUNTIME',
  );
  const client = await sluice.connect(CLERK);
  const rows = async (sql: string): Promise<unknown[][]> =>
    (await client.query({ sql, rowsAsArray: true }))[0] as unknown as unknown[][];
  const masked = (row: readonly unknown[] = []): number[] => row.flatMap((cell, i) => (cell === '********' ? [i] : []));
  try {
    assert.deepEqual(masked((await rows('SELECT * FROM patients WHERE id = 1'))[0]), [2, 5, 6]);
    assert.deepEqual(masked((await rows('SELECT /* there */ * FROM patients WHERE id = 1'))[0]), [0, 6, 7]);
    assert.deepEqual(masked((await rows('SELECT name, contact FROM v_contact WHERE id = 1'))[0]), [1]);
    assert.deepEqual(masked((await rows('SELECT /* there */ name, contact FROM v_contact WHERE id = 1'))[0]), [0]);
    assert.deepEqual(masked((await rows('SELECT anything FROM v_there WHERE id = 1'))[0]), [0]);
    for (const sql of [
      "SELECT id FROM v_there WHERE anything > ''",
      "SELECT /* there */ id FROM v_contact WHERE name > ''",
    ]) {
      await assert.rejects(rows(sql), /SLUICE-M07/);
    }
  } finally {
    client.destroy();
  }
}

async function maskingSluice(database: DatabaseServer): Promise<SluiceProcess> {
  const sluice = await SluiceProcess.start({
    mysqlVariables: { default_authentication_plugin: 'caching_sha2_password' },
    users: [{ username: 'clerk', password: 'clerk', default_hostgroup: 0 }],
    servers: [{ address: database.host, port: database.port, hostgroup: 0 }],
  });
  const rows = PROTECTED.map((column) => `('clinic','patients','${column}')`).join(', ');
  await sluice.admin(
    `INSERT INTO mysql_masking_columns (schemaname, tablename, columnname) VALUES ${rows}`,
    "INSERT INTO mysql_masking_users (username) VALUES ('clerk')",
    'LOAD MYSQL MASKING TO RUNTIME',
    'SET sluice-masking_refusals_per_minute=1000000',
    'LOAD SLUICE VARIABLES TO RUNTIME',
  );
  return sluice;
}

async function compare(family: 'mariadb' | 'mysql', clients: readonly Connection[], directs: readonly Connection[]) {
  const counts = {
    statements: 0,
    answered: 0,
    refused: 0,
    serverErrors: 0,
    untouched: 0,
    untouchedRefused: 0,
    compared: 0,
    inOrder: 0,
  };
  const failures: string[] = [];
  const refusals: string[] = [];
  const generator = new QueryGenerator(new Random(SEED), family);
  for (; counts.statements < STATEMENTS && failures.length < 10; counts.statements += 1) {
    const statement = generator.next();
    if (statement.untouched) counts.untouched += 1;
    const inOrder = family === 'mysql' || !sortsRows(statement.sql);
    if (inOrder) counts.inOrder += 1;
    const [first, second] = await Promise.all(
      clients.map((client) => show(client, { ...statement, inOrder }, new Set())),
    );
    if (first === undefined || second === undefined) break;
    if (first.refusal !== undefined) {
      counts.refused += 1;
      if (statement.untouched) {
        counts.untouchedRefused += 1;
        refusals.push(`${first.refusal}: ${statement.sql}`);
      }
    } else if (first.error !== undefined) {
      counts.serverErrors += 1;
    } else {
      counts.answered += 1;
    }
    const wrong = differenceOf(first, second) ?? (await differsFromDirect(first));
    if (wrong !== undefined) failures.push(`${wrong}: ${statement.sql}`);

    async function differsFromDirect(shown: Shown): Promise<string | undefined> {
      if (!statement.untouched || shown.error !== undefined || statement.kind === 'explain') return undefined;
      if (HAS_ITS_NAME.test(statement.sql)) return undefined;
      counts.compared += 1;
      // In both clinics, although one answer will do: what is rolled back is in the statistics, which have to stay alike.
      const [plain] = await Promise.all(directs.map((direct) => show(direct, statement, new Set())));
      return plain !== undefined && sameRows(plain) === sameRows(shown)
        ? undefined
        : 'has another answer without a proxy';
    }
  }
  return { counts, failures, refusals };
}

/** Texts with an OK (`Rows matched: 1`) are withheld from masked users: they are no part of the answer. */
function sameRows({ results }: Shown): string {
  const rows = results.map((result) => result.replace(/^\[(\d+),.*\]$/, '$1'));
  return rows.map((result) => result.split('\n').sort().join('\n')).join();
}

function differenceOf(first: Shown, second: Shown): string | undefined {
  const leak = first.leak ?? second.leak;
  if (leak !== undefined) return `shows ${leak}`;
  if (first.error !== second.error) return `error ${first.error} in one clinic, ${second.error} in the other`;
  const differs = first.results.findIndex((result, i) => result !== second.results[i]);
  return differs < 0 ? undefined : `answer ${differs + 1} depends on protected values`;
}
