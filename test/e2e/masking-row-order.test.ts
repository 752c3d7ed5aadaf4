/**
 * No order of rows by an index of a protected column: two clinics that differ in their phones only, and so in the order
 * that such an index would give, answer a masked user alike, whatever way a statement comes. Real servers, real drivers.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { type Family, MaskingStage, outcomeOf } from '../helpers/masking-stage.ts';
import { missingMysql9 } from '../helpers/mysql9.ts';
import { refusal, rowsOf } from '../helpers/stage.ts';
import { within } from '../helpers/wait.ts';
import { WireClient } from '../helpers/wire-client.ts';

const SERVERS: readonly (readonly [Family, string | false])[] = [
  ['mariadb', false],
  ['mysql8', missingMysql9()],
];

const TWINS = ['north', 'south'] as const;
const PATIENTS = 40;
/** Rows that the tests read in no order; enough for a server to prefer an index for a part of them. */
const CLINICS = 8;

function setup(family: Family): string[] {
  const keys = family === 'mysql8' ? ", KEY fx((CONCAT(phone, 'x')))" : '';
  return TWINS.flatMap((twin) => {
    const rows = Array.from({ length: PATIENTS }, (_, i) => {
      const rank = (i * 17) % PATIENTS;
      const phone = 1000 + (twin === 'north' ? rank : PATIENTS - rank);
      return `(${i + 1}, ${i % CLINICS}, 'name ${i % 7}', '${phone}')`;
    });
    return [
      `CREATE DATABASE ${twin} CHARACTER SET utf8mb4`,
      `CREATE TABLE ${twin}.patients (id INT PRIMARY KEY, clinic_id INT, name VARCHAR(20), phone VARCHAR(20),
        tail VARCHAR(4) AS (RIGHT(phone, 3)) VIRTUAL, UNIQUE KEY uq_phone (phone), KEY \`by\`\`tick \u00e4\` (phone, name),
        KEY clinic_phone (clinic_id, phone), KEY tail (tail), KEY \`n\u00e4me\` (name)${keys})`,
      `INSERT INTO ${twin}.patients (id, clinic_id, name, phone) VALUES ${rows.join(', ')}`,
      // Nothing but the phone to read by.
      `CREATE TABLE ${twin}.phones (id INT PRIMARY KEY, phone VARCHAR(20), word CHAR(50), UNIQUE KEY uq_phone (phone))`,
      `INSERT INTO ${twin}.phones SELECT id, phone, '' FROM ${twin}.patients`,
      `CREATE TABLE ${twin}.numbered (n INT AUTO_INCREMENT PRIMARY KEY, id INT)`,
      `CREATE VIEW ${twin}.hinted AS SELECT id, word FROM ${twin}.phones IGNORE INDEX (uq_phone)`,
      `CREATE VIEW ${twin}.unhinted AS SELECT id FROM ${twin}.phones`,
      `CREATE TABLE ${twin}.visits (id INT PRIMARY KEY, patient_id INT)`,
      `INSERT INTO ${twin}.visits SELECT id, id FROM ${twin}.patients`,
      `ANALYZE TABLE ${twin}.patients, ${twin}.phones`,
    ];
  });
}

const PROTECT = [
  `INSERT INTO mysql_masking_columns (schemaname, tablename, columnname) VALUES ('%','patients','phone'), ('%','phones','phone')`,
  "INSERT INTO mysql_masking_users (username) VALUES ('clerk')",
  'LOAD MYSQL MASKING TO RUNTIME',
];

/** Reads that must be the same in both clinics, as text and prepared. */
const READS: readonly string[] = [
  'SELECT id FROM phones',
  'SELECT id FROM patients',
  'SELECT id FROM phones LIMIT 3',
  // The remedy for views.
  'SELECT id FROM hinted',
  'SELECT h.id, p.id FROM hinted h JOIN phones p ON p.id = h.id',
  'SELECT id, phone FROM phones',
  'SELECT * FROM phones',
  'SELECT id FROM patients WHERE clinic_id = 3',
  'SELECT id, phone FROM patients WHERE clinic_id = 3 LIMIT 2',
  'SELECT clinic_id FROM patients',
  'SELECT id, tail IS NULL FROM patients',
  'SELECT clinic_id, id FROM patients ORDER BY clinic_id',
  'SELECT clinic_id, MIN(id) FROM patients GROUP BY clinic_id',
  'SELECT GROUP_CONCAT(id) FROM phones',
  'SELECT clinic_id, GROUP_CONCAT(id) FROM patients GROUP BY clinic_id',
  'SELECT DISTINCT clinic_id FROM patients LIMIT 3',
  'SELECT p.id FROM phones AS p',
  'SELECT `p`.id FROM `phones` `p` WHERE 1',
  'SELECT id FROM phones/* a comment */WHERE 1',
  'SELECT id FROM phones -- a comment',
  'SELECT id FROM /*!50000 phones */',
  'SELECT id FROM (SELECT id FROM phones) d',
  'SELECT d.id FROM (SELECT id FROM phones LIMIT 4) AS d',
  'WITH c AS (SELECT id FROM phones LIMIT 4) SELECT id FROM c',
  'WITH phones AS (SELECT id FROM phones LIMIT 4) SELECT id FROM phones',
  'WITH RECURSIVE c AS (SELECT MIN(id) AS id FROM phones UNION ALL SELECT c.id + 1 FROM c JOIN phones p ON p.id = c.id WHERE c.id < 4) SELECT id FROM c',
  'SELECT v.id FROM visits v WHERE v.patient_id IN (SELECT id FROM phones)',
  'SELECT v.id, (SELECT p.id FROM phones p WHERE p.id >= v.patient_id LIMIT 1) FROM visits v',
  'SELECT id FROM visits WHERE id = (SELECT id FROM phones LIMIT 1)',
  'SELECT p.id, v.id FROM phones p JOIN visits v ON v.patient_id = p.id',
  'SELECT p.id FROM phones p STRAIGHT_JOIN visits v',
  'SELECT p.id, q.id FROM phones p, phones q WHERE q.id = p.id LIMIT 9',
  'SELECT p.id FROM visits v LEFT JOIN phones p ON p.id = v.patient_id',
  'SELECT p.id FROM phones p NATURAL JOIN (SELECT 7 AS id) x',
  'SELECT id FROM phones UNION ALL SELECT id FROM visits LIMIT 5',
  '(SELECT id FROM phones LIMIT 2) UNION (SELECT id FROM patients LIMIT 2)',
  'SELECT id FROM phones INTERSECT SELECT id FROM visits',
  "SELECT id FROM phones EXCEPT SELECT '1x' FROM visits WHERE id = 1",
  'SELECT id FROM phones FORCE INDEX (PRIMARY)',
  'SELECT id FROM patients USE INDEX (`n\u00e4me`)',
  'SELECT id FROM patients USE INDEX FOR ORDER BY (`n\u00e4me`)',
  'SELECT id FROM patients IGNORE INDEX (PRIMARY)',
  'SELECT id FROM patients IGNORE INDEX FOR JOIN (clinic_phone)',
  'SELECT id FROM phones FOR UPDATE',
  'SELECT id FROM phones LOCK IN SHARE MODE',
  'SELECT JSON_ARRAYAGG(id) FROM phones',
  'SELECT id, SUM(id) OVER (ROWS UNBOUNDED PRECEDING) FROM phones',
];

/** MySQL's own. */
const MYSQL_READS: readonly string[] = [
  // MariaDB orders such rows by where they lie in its memory, whatever is in them.
  'SELECT ROW_NUMBER() OVER () AS n, id FROM phones',
  'TABLE phones',
  'TABLE phones LIMIT 3',
  'SELECT id FROM (TABLE phones) t',
  'SELECT v.id, l.id FROM visits v, LATERAL (SELECT p.id FROM phones p LIMIT 1) l',
];

/** What writes leave, by a query in the same transaction. */
const WRITES: readonly (readonly [string, string])[] = [
  [
    'INSERT INTO numbered (id) SELECT id FROM phones',
    'SELECT n - (SELECT MIN(n) FROM numbered), id FROM numbered ORDER BY n',
  ],
  ['INSERT INTO numbered (id) SELECT id FROM patients WHERE clinic_id = 2', 'SELECT id FROM numbered ORDER BY n'],
  ['INSERT INTO numbered (id) (SELECT id FROM phones LIMIT 2)', 'SELECT id FROM numbered ORDER BY n'],
  ['REPLACE INTO numbered (id) SELECT id FROM phones p LIMIT 2', 'SELECT id FROM numbered ORDER BY n'],
  [
    'UPDATE patients SET name = "changed" WHERE clinic_id = 1 LIMIT 2',
    "SELECT id FROM patients WHERE name = 'changed' ORDER BY id",
  ],
  ['UPDATE patients AS p SET p.name = "changed" LIMIT 2', "SELECT id FROM patients WHERE name = 'changed' ORDER BY id"],
  [
    'UPDATE visits v JOIN phones p ON p.id = v.id SET v.patient_id = 0',
    'SELECT COUNT(*) FROM visits WHERE patient_id = 0',
  ],
  ['DELETE FROM phones LIMIT 3', 'SELECT id FROM phones ORDER BY id'],
  ['DELETE FROM phones WHERE id > 3 LIMIT 3', 'SELECT id FROM phones ORDER BY id'],
  [
    'DELETE FROM patients WHERE clinic_id = 1 ORDER BY id LIMIT 2',
    'SELECT id FROM patients WHERE clinic_id = 1 ORDER BY id',
  ],
  ['DELETE v FROM visits v JOIN phones p ON p.id = v.id WHERE p.id < 5', 'SELECT COUNT(*) FROM visits'],
  ['DELETE FROM visits WHERE id IN (SELECT id FROM phones WHERE id < 4)', 'SELECT COUNT(*) FROM visits'],
  ['SET @n = (SELECT id FROM phones LIMIT 1)', 'SELECT @n'],
  ['DO @n := (SELECT GROUP_CONCAT(id) FROM phones)', 'SELECT @n'],
  ['SET @n = 0', 'SELECT @n := @n + 1 AS n, id FROM phones'],
  ["PREPARE s FROM 'SELECT id FROM phones LIMIT 3'", 'EXECUTE s'],
  [`PREPARE s FROM 'SELECT id, \\'b\\' AS b, "c" AS c, ''\u00e4'' AS d FROM phones LIMIT 3'`, 'EXECUTE s'],
  ['PREPARE s FROM "SELECT id FROM patients WHERE clinic_id = 3 LIMIT ?"', 'EXECUTE s USING @n'],
  ['CREATE TEMPORARY TABLE t (n INT AUTO_INCREMENT PRIMARY KEY) SELECT id FROM phones', 'SELECT id FROM t ORDER BY n'],
];

for (const [family, missing] of SERVERS) {
  describe(`the order of rows on ${family}`, { skip: missing }, () => {
    let stage: MaskingStage;
    let clients: Connection[];

    before(async () => {
      stage = await MaskingStage.start(family, {}, PROTECT);
      await stage.database.query(...setup(family));
      clients = [];
      for (const database of TWINS) clients.push(await stage.connect({ database, multipleStatements: true }));
    });

    after(async () => {
      for (const client of clients ?? []) client.destroy();
      await stage?.stop();
    });

    /** What both clinics say; as JSON, with the names of the schemas left out. */
    async function both(run: (client: Connection, twin: string) => Promise<unknown>): Promise<[string, string]> {
      const [north = '', south = ''] = await Promise.all(
        clients.map(async (client, i) => {
          const told = JSON.stringify(await run(client, TWINS[i] ?? ''));
          return told.replaceAll(TWINS[i] ?? '', 'twin');
        }),
      );
      return [north, south];
    }

    test('rows come in the same order, as text and prepared', async () => {
      const wrong: string[] = [];
      for (const sql of [...READS, ...(family === 'mysql8' ? MYSQL_READS : [])]) {
        for (const params of [undefined, []]) {
          const [north, south] = await both((client) => outcomeOf(client, sql, params));
          if (north !== south || north.includes('"errno"'))
            wrong.push(`${sql}: ${north.slice(0, 300)} ${south.slice(0, 300)}`);
        }
      }
      assert.deepEqual(wrong, []);
    });

    test('without the proxy they do not', async () => {
      const direct = await Promise.all(TWINS.map((database) => stage.direct({ database })));
      try {
        for (const sql of ['SELECT id FROM phones', 'SELECT id FROM patients WHERE clinic_id = 3']) {
          const [north, south] = await Promise.all(direct.map((client) => outcomeOf(client, sql)));
          assert.notDeepEqual(north, south, sql);
        }
      } finally {
        for (const client of direct) client.destroy();
      }
    });

    test('what is written depends on no phone', async () => {
      const wrong: string[] = [];
      for (const [sql, then] of WRITES) {
        const [north, south] = await both(async (client) => {
          await client.query('BEGIN');
          await client.query('SET @n = 3');
          const told = [await outcomeOf(client, sql), await outcomeOf(client, then)];
          await client.query('ROLLBACK');
          await client.query('DROP TEMPORARY TABLE IF EXISTS t');
          return told;
        });
        if (north !== south || north.includes('"errno"'))
          wrong.push(`${sql}: ${north.slice(0, 300)} ${south.slice(0, 300)}`);
      }
      assert.deepEqual(wrong, []);
    });

    test('a DELETE that takes no hint needs an order', async () => {
      const [client] = clients;
      assert.ok(client !== undefined);
      await refusal(client.query('DELETE FROM patients WHERE clinic_id = 1 LIMIT 1'), 1148);
      await refusal(client.query('DELETE FROM patients WHERE clinic_id = 1 ORDER BY name LIMIT 1'), 1148);
      const answer = await refusal(client.query('DELETE FROM patients WHERE clinic_id = 1 RETURNING id'), 1148);
      assert.match(answer.message, /SLUICE-M11/);
    });

    test('several statements in a text, and SET STATEMENT', async () => {
      const texts = [
        'SELECT id FROM phones; SELECT 1; SELECT id FROM phones LIMIT 2',
        ...(family === 'mariadb' ? ['SET STATEMENT max_statement_time = 9 FOR SELECT id FROM phones'] : []),
      ];
      for (const sql of texts) {
        const [north, south] = await both(async (client) => (await client.query({ sql, rowsAsArray: true }))[0]);
        assert.equal(north, south, sql);
      }
    });

    test('the client sees its own text, and as many warnings as without a hint', async () => {
      const [client] = clients;
      assert.ok(client !== undefined);
      const warnings = async (sql: string): Promise<unknown> => {
        await client.query(sql);
        return (await rowsOf(client, 'SHOW WARNINGS')).length;
      };
      assert.equal(await warnings('SELECT id FROM phones'), 0);
      assert.equal(await warnings("SELECT id FROM visits WHERE 'a' = patient_id"), 1);
      const digests = await stage.sluice.admin('SELECT digest_text FROM stats_mysql_query_digest');
      assert.ok(digests.some((row) => row.digest_text === 'SELECT id FROM phones'));
      assert.ok(!digests.some((row) => /INDEX \(`uq_phone|INDEX \(`PRIMARY/.test(String(row.digest_text))));
      const [sent] = (
        await stage.sluice.admin("EXPLAIN ROUTE FOR 'clerk' IN 'north' AS 'SELECT id FROM patients p WHERE 1'")
      ).filter((row) => row.item === 'text');
      assert.equal(sent?.detail, 'SELECT id FROM patients p USE INDEX (`n\u00e4me`, `PRIMARY`) WHERE 1');
    });

    test('in any character set and sql_mode', async () => {
      for (const database of TWINS) {
        const client = await stage.connect({ database });
        try {
          for (const set of ["SET sql_mode = 'ANSI_QUOTES'", "SET sql_mode = 'NO_BACKSLASH_ESCAPES'"]) {
            await client.query(set);
            const quote = set.includes('ANSI') ? '"' : '`';
            const rows = await rowsOf(
              client,
              `SELECT id FROM ${quote}patients${quote} ${quote}a b${quote} WHERE clinic_id = 3`,
            );
            assert.deepEqual(
              rows.map((row) => row.id),
              [4, 12, 20, 28, 36],
            );
            const backslash = set.includes('ANSI') ? '\\\\\\\\' : '\\';
            await client.query(`PREPARE s FROM 'SELECT id, ''${backslash}'' AS b FROM patients WHERE clinic_id = 3'`);
            assert.deepEqual(
              (await rowsOf(client, 'EXECUTE s')).map((row) => row.id),
              [4, 12, 20, 28, 36],
            );
          }
          for (const charset of ['latin1', 'gbk', 'utf8mb3', 'sjis', 'cp1251', 'ascii', 'binary']) {
            await client.query(`SET NAMES ${charset}`);
            const rows = await rowsOf(client, 'SELECT id FROM patients WHERE clinic_id = 3');
            assert.deepEqual(
              rows.map((row) => row.id),
              [4, 12, 20, 28, 36],
              charset,
            );
          }
        } finally {
          client.destroy();
        }
      }
    });

    test('a temporary table hides the table, or does not', async () => {
      const [north, south] = await both(async (client) => {
        const told = [];
        await client.query('CREATE TEMPORARY TABLE phones (id INT, word CHAR(9), label VARCHAR(9), KEY own (label))');
        await client.query('INSERT INTO phones (id) VALUES (3), (1)');
        told.push(
          await outcomeOf(client, 'SELECT id FROM phones'),
          await outcomeOf(client, 'SELECT id FROM phones LIMIT 1'),
        );
        await client.query('DROP TEMPORARY TABLE phones');
        told.push(await outcomeOf(client, 'SELECT id FROM phones'));
        return told;
      });
      assert.equal(north, south);
      assert.ok(!north.includes('errno'), north);
    });

    test('a view that a masked user makes keeps the hint', async () => {
      const [north, south] = await both(async (client) => {
        await client.query('CREATE VIEW own AS SELECT id FROM patients');
        return outcomeOf(client, 'SELECT id FROM own');
      });
      assert.equal(north, south);
    });

    test('an index that is gone, or new, past sluice', async () => {
      const client = await stage.connect({ database: 'north' });
      try {
        await stage.database.query(
          'CREATE TABLE north.more LIKE north.phones',
          'ALTER TABLE north.more ADD label INT, ADD KEY label (label)',
        );
        await stage.database.query('INSERT INTO north.more (id, phone) SELECT id, phone FROM north.phones');
        await stage.sluice.admin(
          "INSERT INTO mysql_masking_columns (schemaname, tablename, columnname) VALUES ('%','more','phone')",
          'LOAD MYSQL MASKING TO RUNTIME',
        );
        const read = async (): Promise<unknown> =>
          (await rowsOf(client, 'SELECT id FROM more WHERE id < 4')).map((row) => row.id);
        const prepared = await client.prepare('SELECT id FROM more WHERE id < ?');
        assert.deepEqual(await read(), [1, 2, 3]);
        await prepared.execute([4]);
        await stage.database.query('ALTER TABLE north.more DROP KEY label');
        const gone = await outcomeOf(client, 'SELECT id FROM more WHERE id < 4');
        if (gone.error !== undefined) assert.match(gone.error.message, /Table definition has changed.*SLUICE-M42/);
        // Whatever came of the first attempt, the next one knows.
        assert.deepEqual(await read(), [1, 2, 3]);
        await prepared.execute([4]);
        await stage.database.query('ALTER TABLE north.more ADD KEY newer (phone, label)');
        assert.deepEqual(await read(), [1, 2, 3]);
        const own = await refusal(client.query('SELECT id FROM more IGNORE INDEX (nowhere)'), 1176);
        assert.match(own.message, /nowhere/);
      } finally {
        client.destroy();
      }
    });

    test('the log names what no hint hides', async () => {
      const { log } = stage.sluice;
      await within(
        log.waitFor((line) => line.includes('view north.unhinted may come in the order')),
        'a warning',
      );
      assert.doesNotMatch(String(log), /view north\.hinted/);
    });

    test('sluice-masking_hide_indexes', async () => {
      const set = (value: string): Promise<unknown> =>
        stage.sluice.admin(`SET sluice-masking_hide_indexes = '${value}'`, 'LOAD SLUICE VARIABLES TO RUNTIME');
      const sent = async (): Promise<unknown> =>
        (await stage.sluice.admin("EXPLAIN ROUTE FOR 'clerk' IN 'north' AS 'SELECT id FROM patients'")).find(
          (row) => row.item === 'text',
        )?.detail;
      try {
        await set('leading');
        assert.equal(await sent(), 'SELECT id FROM patients USE INDEX (`clinic_phone`, `n\u00e4me`, `PRIMARY`)');
        await set('off');
        assert.equal(await sent(), undefined);
      } finally {
        await set('all');
      }
    });

    test('a cursor', async () => {
      const told: string[] = [];
      for (const schema of TWINS) {
        const wire = await WireClient.connect({
          port: stage.sluice.mysqlPort,
          user: 'clerk',
          password: 'clerk',
          schema,
        });
        try {
          const { statementId } = await wire.prepare('SELECT id, phone FROM phones');
          const lines = [(await wire.execute(statementId, [], { cursor: true })).lines];
          for (let i = 0; i < 3; i += 1) lines.push((await wire.fetch(statementId, 3)).lines);
          told.push(
            lines.flat().join('\n').replaceAll(Buffer.from(schema).toString('hex'), 'twin').replaceAll(schema, 'twin'),
          );
        } finally {
          wire.destroy();
        }
      }
      assert.equal(told[0], told[1]);
      assert.ok((told[0] ?? '').length > 200);
    });

    if (family === 'mariadb') {
      // It is refused before a server has it.
      test('a text that only fits its packet without the hint', async () => {
        const head = 'SELECT id FROM phones LIMIT 3 /*';
        const text = `${head}${'x'.repeat(PACKET_BYTES - head.length - 2)}*/`;
        assert.match((await refusal((clients[0] as Connection).query(text), 1148)).message, /SLUICE-M48/);
      });
    }
  });
}

/** The longest text of one packet. */
const PACKET_BYTES = 16_777_213;
