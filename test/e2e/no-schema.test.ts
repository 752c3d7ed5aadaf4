/**
 * Sessions without a schema when mysql-default_schema is empty: they have none on the server either, whatever else is under
 * way on the few connections there are; on MariaDB and on MySQL 9.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { type DatabaseServer, startMariadb } from '../helpers/mariadb.ts';
import { missingMysql9, startMysql9 } from '../helpers/mysql9.ts';
import { Random } from '../helpers/random.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';
import { accountSql, refusal, rowsOf, scalar } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';

const SEED = Number(process.env.SLUICE_FUZZ_SEED ?? 7);
const STEPS = Number(process.env.SLUICE_SCHEMA_STEPS ?? 150);
const SESSIONS = 6;
const CONNECTIONS_MAX = 3;
const DATABASE = 'SELECT DATABASE()';

const ROLES = ['app', 'clerk', 'forward'] as const;

const SETUP = [
  'CREATE DATABASE one',
  'CREATE DATABASE two',
  'CREATE TABLE one.marks (id INT PRIMARY KEY, mark VARCHAR(20))',
  "INSERT INTO one.marks VALUES (1, 'mark 1'), (2, 'mark 2'), (3, 'mark 3')",
  'CREATE FUNCTION one.secret() RETURNS VARCHAR(20) READS SQL DATA RETURN (SELECT mark FROM one.marks LIMIT 1)',
];

/** Accounts are those of one family each, as is the hostgroup. */
const FAMILIES = [
  { family: 'MariaDB', hostgroup: 0, start: startMariadb, skip: false },
  { family: 'MySQL 9', hostgroup: 9, start: startMysql9, skip: missingMysql9() },
] as const;

describe('without a schema', () => {
  const servers: DatabaseServer[] = [];
  let sluice: SluiceProcess;

  before(async () => {
    const played = FAMILIES.filter(({ skip }) => skip === false);
    const started = played.map(({ start, hostgroup }) => {
      const accounts = ROLES.flatMap((role) => accountSql(`${role}${hostgroup}`, 'secret'));
      return start({ setup: [...accounts, ...SETUP] });
    });
    servers.push(...(await Promise.all(started)));
    sluice = await SluiceProcess.start({
      mysqlVariables: { default_schema: '' },
      users: played.flatMap(({ hostgroup }) =>
        ROLES.map((role) => ({
          username: `${role}${hostgroup}`,
          password: 'secret',
          default_hostgroup: hostgroup,
          fast_forward: role === 'forward' ? 1 : 0,
        })),
      ),
      servers: servers.map(({ host, port }, i) => ({
        address: host,
        port,
        hostgroup: played[i]?.hostgroup ?? 0,
        max_connections: CONNECTIONS_MAX,
      })),
    });
    await sluice.admin(
      "INSERT INTO mysql_masking_columns (schemaname, tablename, columnname) VALUES ('one','marks','mark')",
      "INSERT INTO mysql_masking_users (username) VALUES ('clerk0'), ('clerk9')",
      'LOAD MYSQL MASKING TO RUNTIME',
    );
  });
  after(async () => {
    await sluice.stop();
    await Promise.all(servers.map((server) => server.stop()));
  });

  for (const { family, hostgroup, skip } of FAMILIES) {
    describe(`on ${family}`, { skip }, () => {
      const clients: Connection[] = [];

      async function connect(role: (typeof ROLES)[number], database?: string): Promise<Connection> {
        const account = { user: `${role}${hostgroup}`, password: 'secret' };
        const client = await sluice.connect({ ...account, ...(database !== undefined && { database }) });
        clients.push(client);
        return client;
      }

      async function play(use: () => Promise<void>): Promise<void> {
        try {
          await use();
        } finally {
          for (const client of clients.splice(0)) client.destroy();
        }
      }

      const inSchema = (client: Connection): Promise<string | null | undefined> => scalar(client, DATABASE);
      /** COM_CHANGE_USER. mysql2 puts the schema of before in the place of an empty one. */
      async function logInAgain(client: Connection, role: (typeof ROLES)[number], schema = ''): Promise<void> {
        (client as unknown as { connection: { config: { database?: string } } }).connection.config.database = schema;
        await client.changeUser({ user: `${role}${hostgroup}`, password: 'secret', database: schema });
      }

      test('a session has none until it enters one, and as servers do when it leaves it', () =>
        play(async () => {
          const client = await connect('app');
          assert.equal(await inSchema(client), null);
          await refusal(client.query('SELECT * FROM marks'), 1046);
          await refusal(client.query('CREATE TABLE marks (id INT)'), 1046);
          await refusal(client.query('USE ``'), 1046);
          assert.equal(await scalar(client, 'SELECT mark FROM one.marks WHERE id = 1'), 'mark 1');
          const [row] = await sluice.admin("SELECT db FROM stats_mysql_processlist WHERE user LIKE 'app%'");
          assert.equal(row?.db, null);
          const [digest] = await sluice.admin(
            `SELECT schemaname FROM stats_mysql_query_digest WHERE digest_text = '${DATABASE}'`,
          );
          assert.equal(digest?.schemaname, '');
          await client.query('USE one');
          assert.equal(await inSchema(client), 'one');
          await client.reset();
          assert.equal(await inSchema(client), 'one');
          await logInAgain(client, 'app');
          assert.equal(await inSchema(client), null);
          for (const pin of ['SELECT 1', 'SET @mine = 1']) {
            for (const sql of [
              pin,
              'CREATE DATABASE gone',
              'USE gone',
              'CREATE TABLE t (id INT)',
              'DROP DATABASE gone',
            ])
              await client.query(sql);
            assert.equal(await inSchema(client), null);
            await refusal(client.query('CREATE TABLE t (id INT)'), 1046);
          }
          assert.equal(await scalar(client, 'SELECT @mine'), '1');
          if (family === 'MariaDB') {
            await client.execute('USE one');
            assert.equal(await inSchema(client), 'one');
            const back = await client.prepare('USE `two`');
            await client.query('USE mysql');
            await back.execute([]);
            assert.equal(await inSchema(client), 'mysql', 'it was prepared elsewhere');
          }
          await client.execute('CREATE DATABASE gone');
          await client.query('USE gone');
          await client.execute('DROP DATABASE IF EXISTS `gone`');
          assert.equal(await inSchema(client), null);
        }));

      test('a statement that was prepared in none runs in none, and one of a schema in that', () =>
        play(async () => {
          const client = await connect('app');
          const none = await client.prepare(DATABASE);
          const schemaOf = async ({ execute }: typeof none): Promise<unknown> =>
            Object.values(((await execute([])) as unknown as [Record<string, unknown>[]])[0][0] ?? {})[0];
          const run = (statement: typeof none) =>
            schemaOf({ execute: statement.execute.bind(statement) } as typeof none);
          assert.equal(await run(none), null);
          await client.query('USE one');
          const one = await client.prepare(`${DATABASE} AS d`);
          await client.query('USE two');
          assert.deepEqual([await run(none), await run(one), await inSchema(client)], [null, 'one', 'two']);
          // A transaction keeps its connection, which is in a schema: in this one no name without a schema does harm.
          await client.query('BEGIN');
          await client.query('SELECT COUNT(*) FROM one.marks');
          assert.deepEqual(
            [await run(none), await run(one), await inSchema(client)],
            ['information_schema', 'one', 'two'],
          );
          await client.query('COMMIT');
          assert.equal(await run(none), null);
        }));

      test(`each of many sessions is where it is, on ${CONNECTIONS_MAX} connections`, () =>
        play(async () => {
          const random = new Random(SEED);
          const sessions = await Promise.all(
            Array.from({ length: SESSIONS }, async (_, i) => {
              const schema = i % 2 === 0 ? undefined : 'one';
              return { client: await connect('app', schema), schema };
            }),
          );
          const run = async (session: (typeof sessions)[number], steps: number): Promise<void> => {
            const { client } = session;
            for (let i = 0; i < steps; i += 1) {
              const kind = random.below(10);
              if (kind === 0) session.schema = undefined;
              if (kind === 1 || kind === 2) session.schema = random.pick(['one', 'two']);
              if (kind === 0 || kind === 2) await logInAgain(client, 'app', session.schema);
              if (kind === 1) await client.query(`USE ${session.schema}`);
              if (kind === 3) await client.query('SET @a = 1');
              if (kind === 4) await client.reset();
              if (kind === 5 && session.schema === undefined) await refusal(client.query('SELECT * FROM marks'), 1046);
              if (kind === 6) {
                await client.query('BEGIN');
                assert.equal(await inSchema(client), session.schema ?? null);
                await client.query('ROLLBACK');
              }
              // mysql2 keeps statements by their text, and one is of the schema in which it was prepared.
              const sql = `${DATABASE} AS d /* ${i} */`;
              const [rows] = await (kind === 7 ? client.execute(sql) : client.query(sql));
              assert.deepEqual(rows, [{ d: session.schema ?? null }], `seed ${SEED}`);
              // What is pinned would keep the others waiting.
              if (kind === 3) await client.reset();
            }
          };
          await Promise.all(sessions.map((session) => run(session, Math.ceil(STEPS / SESSIONS))));
        }));

      test('reads of sessions with and without one share connections among their like alone', () =>
        play(async () => {
          const sessions = await Promise.all(
            Array.from({ length: 8 }, async (_, i) => {
              const schema = [undefined, 'one', undefined, 'two'][i % 4];
              return { client: await connect('app', schema), schema: schema ?? null, id: 1 + (i % 3) };
            }),
          );
          const countJoined = async (): Promise<number> => {
            const [row] = await sluice.admin(
              "SELECT Variable_Value AS n FROM stats_mysql_global WHERE Variable_Name = 'Sluice_pipelining_joined'",
            );
            return Number(row?.n);
          };
          const before = await countJoined();
          const joined = async (): Promise<number> => {
            for (let round = 0; round < 10; round += 1) {
              await Promise.all(
                sessions.map(async ({ client, schema, id }) => {
                  const sql = `SELECT mark, DATABASE() AS d FROM one.marks WHERE id = ${id}`;
                  assert.deepEqual(await rowsOf(client, sql), [{ mark: `mark ${id}`, d: schema }]);
                }),
              );
            }
            return (await countJoined()) - before;
          };
          await eventually('statements share a connection', joined, (count) => count > 0);
        }));

      test('who is masked gets at nothing without naming its schema', () =>
        play(async () => {
          const clerk = await connect('clerk');
          assert.equal(await inSchema(clerk), null);
          for (const sql of ['SELECT mark FROM marks', 'SELECT CONCAT(mark) FROM marks', 'SELECT * FROM processlist'])
            await refusal(clerk.query(sql), 1046);
          await refusal(clerk.prepare('SELECT CONCAT(mark) FROM marks'), 1046);
          await refusal(clerk.query('SELECT secret()'), 1148);
          await refusal(clerk.query('SELECT CONCAT(mark) FROM one.marks'), 1148);
          assert.equal(await scalar(clerk, 'SELECT mark FROM one.marks'), '********');
          const tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'one'";
          assert.equal(await scalar(clerk, tables), 'marks');
          await clerk.query('USE one');
          assert.equal(await scalar(clerk, 'SELECT mark FROM marks'), '********');
          await logInAgain(clerk, 'clerk');
          await refusal(clerk.query('SELECT CONCAT(mark) FROM marks'), 1046);
          await (family === 'MariaDB' ? clerk.execute('USE one') : clerk.query('USE one'));
          await refusal(clerk.query('SELECT CONCAT(mark) FROM marks'), 1148);
        }));

      test('whom nobody reads has none either', () =>
        play(async () => {
          assert.equal(await inSchema(await connect('forward')), null);
          assert.equal(await inSchema(await connect('forward', 'two')), 'two');
        }));
    });
  }

  test('is for who logs in while mysql-default_schema is empty, which it can be while sluice is strict', async () => {
    const connect = () => sluice.connect({ user: 'app0', password: 'secret' });
    const load = (value: string) =>
      sluice.admin(`SET mysql-default_schema = '${value}'`, 'LOAD MYSQL VARIABLES TO RUNTIME');
    const without = await connect();
    await load('one');
    const within = await connect();
    await sluice.admin('SET sluice-strict = false', 'LOAD SLUICE VARIABLES TO RUNTIME');
    await load('');
    const after = await connect();
    const schemas = await Promise.all([without, within, after].map((client) => scalar(client, DATABASE)));
    assert.deepEqual(schemas, [null, 'one', 'one']);
    for (const client of [without, within, after]) client.destroy();
  });
});
