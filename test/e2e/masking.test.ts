/**
 * Masking around its verdicts: every type and form of a result, policies that change under connected sessions, what the
 * protocol can ask besides statements, and what the operator sees. Real servers, real drivers.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { Capability } from '../../src/protocol/capabilities.ts';
import { Command } from '../../src/protocol/commands.ts';
import { type Family, leakIn, MaskingStage, outcomeOf } from '../helpers/masking-stage.ts';
import { missingMysql9 } from '../helpers/mysql9.ts';
import { refusal, rowsOf } from '../helpers/stage.ts';
import { eventually, within } from '../helpers/wait.ts';
import { ConnectionEnded, WireClient } from '../helpers/wire-client.ts';

const SERVERS: readonly (readonly [Family, string | false])[] = [
  ['mariadb', false],
  ['mysql8', missingMysql9()],
];

const KINDS = `CREATE TABLE clinic.kinds (id INT PRIMARY KEY, tiny TINYINT, big BIGINT UNSIGNED, amount DECIMAL(12,2), ratio DOUBLE,
  single_ FLOAT, born DATE, seen DATETIME(3), slot TIME, y YEAR, word VARCHAR(40), fixed CHAR(10), body TEXT, raw BLOB,
  pick ENUM('one','two'), many SET('a','b'), bits BIT(9), doc JSON, latin VARCHAR(20) CHARACTER SET latin1)`;
const KIND_VALUES = `(1, -7, 18446744073709551615, -123.45, 2.5, 1.25, '1984-05-17', '2024-05-17 10:11:12.345', '-25:01:02', 1984,
  'Größe 😀', 'abc', 'a longer text', x'00ff', 'two', 'a,b', b'101', '{"pin": 42}', 'Müller')`;
const KIND_COLUMNS =
  'tiny big amount ratio single_ born seen slot y word fixed body raw pick many bits doc latin'.split(' ');

for (const [family, missing] of SERVERS) {
  describe(`masking on ${family}`, { skip: missing }, () => {
    let stage: MaskingStage;
    let clerk: Connection;

    before(async () => {
      stage = await MaskingStage.start(family, {
        users: [
          { username: 'nurse', password: 'nurse', default_hostgroup: 0 },
          { username: 'express', password: 'express', default_hostgroup: 0, fast_forward: 1 },
        ],
      });
      await stage.database.query(
        "CREATE USER 'nurse'@'%' IDENTIFIED BY 'nurse'",
        "GRANT ALL ON *.* TO 'nurse'@'%'",
        "CREATE USER 'express'@'%' IDENTIFIED BY 'express'",
        "GRANT ALL ON *.* TO 'express'@'%'",
        KINDS,
        `INSERT INTO clinic.kinds VALUES ${KIND_VALUES}`,
        `INSERT INTO clinic.kinds (id) VALUES (2)`,
      );
      clerk = await stage.connect();
    });

    after(async () => {
      clerk?.destroy();
      await stage?.stop();
    });

    const load = (...sql: string[]): Promise<unknown> => stage.sluice.admin(...sql, 'LOAD MYSQL MASKING TO RUNTIME');

    test('every type is masked, in text and binary rows, and drivers read the result', async () => {
      for (const [mask, args] of [
        ['full', ''],
        ['full', '{"length":"same"}'],
        ['null', ''],
        ['keep_last', '{"n":2}'],
        ['hash', ''],
        ['zero', ''],
        ['year', ''],
      ]) {
        await load(
          "DELETE FROM mysql_masking_columns WHERE tablename='kinds'",
          `INSERT INTO mysql_masking_columns (schemaname, tablename, columnname, mask, mask_args)
             SELECT 'clinic', 'kinds', column1, '${mask}', '${args}' FROM (VALUES ${KIND_COLUMNS.map((c) => `('${c}')`).join(',')})`,
        );
        const sql = `SELECT id, ${KIND_COLUMNS.join(', ')} FROM kinds ORDER BY id`;
        const text = (await clerk.query({ sql, dateStrings: true, rowsAsArray: true }))[0] as unknown[][];
        const binary = (await clerk.execute({ sql, dateStrings: true, rowsAsArray: true }))[0] as unknown[][];
        const direct = await stage.direct();
        const raw = (await direct.query({ sql, dateStrings: true, rowsAsArray: true }))[0] as unknown[][];
        direct.destroy();
        for (const rows of [text, binary]) {
          assert.equal(rows.length, 2);
          assert.equal(rows[0]?.[0], 1);
          assert.deepEqual(
            rows[1]?.slice(1),
            KIND_COLUMNS.map(() => null),
          );
          rows[0]?.slice(1).forEach((cell, index) => {
            const value = raw[0]?.[index + 1];
            assert.notDeepEqual(cell, value, `${mask} ${KIND_COLUMNS[index]}`);
            if (mask === 'null') assert.equal(cell, null);
            if (mask === 'full' && args === '') assert.equal(String(cell), '********', KIND_COLUMNS[index]);
          });
        }
      }
      await load("DELETE FROM mysql_masking_columns WHERE tablename='kinds'");
    });

    test('a row of more than 16 MB', async () => {
      const [row] = await rowsOf(clerk, 'SELECT REPEAT(note, 9000000) AS big, phone FROM patients WHERE id = 1');
      assert.equal(String(row?.big).length, 18_000_000);
      assert.equal(row?.phone, '********');
    });

    test('a changed policy holds for the next statement of connected sessions, prepared ones included', async () => {
      const nurse = await stage.connect({ user: 'nurse', password: 'nurse' });
      const phone = async (): Promise<unknown> => {
        const [rows] = await nurse.execute('SELECT phone FROM patients WHERE id = ?', [1]);
        return (rows as { phone: unknown }[])[0]?.phone;
      };
      try {
        assert.equal(await phone(), '081234567801');
        await load("INSERT INTO mysql_masking_users (username) VALUES ('nurse')");
        assert.equal(await phone(), '********');
        await load("UPDATE mysql_masking_users SET policy='deny' WHERE username='nurse'");
        assert.match((await refusal(phone(), 1148)).message, /SLUICE-M41/);
        assert.deepEqual(await rowsOf(nurse, 'SELECT name FROM patients WHERE id = 1'), [{ name: 'Andi' }]);
        await load("UPDATE mysql_masking_users SET policy='masked', dry_run=1 WHERE username='nurse'");
        assert.equal(await phone(), '081234567801');
        await load(
          "UPDATE mysql_masking_columns SET mask='keep_last', mask_args='{\"n\":2}' WHERE columnname='phone'",
          'UPDATE mysql_masking_users SET dry_run=0',
        );
        assert.equal(await phone(), '**********01');
        await load(
          "UPDATE mysql_masking_columns SET mask='full', mask_args='' WHERE columnname='phone'",
          "DELETE FROM mysql_masking_users WHERE username='nurse'",
        );
        assert.equal(await phone(), '081234567801');
        await stage.sluice.admin("SET sluice-masking_default_policy='masked'", 'LOAD SLUICE VARIABLES TO RUNTIME');
        assert.equal(await phone(), '********');
      } finally {
        await stage.sluice.admin("SET sluice-masking_default_policy='exempt'", 'LOAD SLUICE VARIABLES TO RUNTIME');
        nurse.destroy();
      }
    });

    test('a user who becomes another one has the policy of the other', async () => {
      const client = await stage.connect({ user: 'nurse', password: 'nurse' });
      const phone = async (): Promise<unknown> =>
        (await rowsOf(client, 'SELECT phone FROM patients WHERE id = 1'))[0]?.phone;
      assert.equal(await phone(), '081234567801');
      await client.changeUser({ user: 'clerk', password: 'clerk', database: 'clinic' });
      assert.equal(await phone(), '********');
      await client.changeUser({ user: 'nurse', password: 'nurse', database: 'clinic' });
      assert.equal(await phone(), '081234567801');
      client.destroy();
    });

    test('fast_forward does not go past masking, nor on when its user becomes masked', async () => {
      const express = { user: 'express', password: 'express' } as const;
      const client = await stage.connect(express);
      const phones = async (of: Connection): Promise<unknown> =>
        (await rowsOf(of, 'SELECT phone FROM patients WHERE id = 1'))[0]?.phone;
      try {
        assert.equal(await phones(client), '081234567801');
        client.on('error', () => undefined);
        await load("INSERT INTO mysql_masking_users (username) VALUES ('express')");
        await assert.rejects(phones(client));
        const again = await stage.connect(express);
        assert.equal(await phones(again), '********');
        again.destroy();
      } finally {
        await load("DELETE FROM mysql_masking_users WHERE username='express'");
        client.destroy();
      }
    });

    test('definitions that change are seen at once, and new views do not open a way', async () => {
      await rowsOf(clerk, 'SELECT phone FROM patients');
      const nurse = await stage.connect({ user: 'nurse', password: 'nurse' });
      await nurse.query('CREATE VIEW v_new AS SELECT id, phone AS anything FROM patients');
      const outcome = await outcomeOf(clerk, 'SELECT anything FROM v_new');
      assert.equal(leakIn(outcome, ''), undefined, JSON.stringify(outcome));
      assert.match(
        (await refusal(rowsOf(clerk, "SELECT id FROM v_new WHERE anything LIKE '08%'"), 1148)).message,
        /SLUICE-M07/,
      );
      await nurse.query('DROP VIEW v_new');
      nurse.destroy();
    });

    test('what is defined past sluice is known before it is named, and soon when it changes what is known', async () => {
      const direct = await stage.direct();
      const settings = async (catalogMs: number, definitionsMs: number): Promise<void> => {
        await stage.sluice.admin(
          `SET sluice-masking_catalog_interval=${catalogMs}`,
          `SET sluice-masking_definitions_interval=${definitionsMs}`,
          'LOAD SLUICE VARIABLES TO RUNTIME',
        );
      };
      // Neither of the two tells in time: what is named for the first time is looked for.
      await settings(86_400_000, 3_600_000);
      await rowsOf(clerk, 'SELECT id, name AS a FROM v_safe');
      for (const [make, ask] of [
        ['CREATE VIEW past1 AS SELECT id, phone AS a FROM patients', 'SELECT a FROM past1 WHERE id = 1'],
        [
          'CREATE VIEW past2 AS SELECT id, phone AS b FROM patients',
          'SELECT s.v, p.b FROM scratch s RIGHT JOIN (past2 p) USING (id)',
        ],
      ] as const) {
        await direct.query(make);
        const outcome = await outcomeOf(clerk, ask);
        assert.equal(outcome.error, undefined, ask);
        assert.equal(leakIn(outcome, ask), undefined, ask);
      }
      await direct.query(
        'CREATE FUNCTION past_f(n INT) RETURNS VARCHAR(20) READS SQL DATA RETURN (SELECT phone FROM patients WHERE id = n)',
      );
      assert.match((await refusal(clerk.query('SELECT past_f(1)'), 1148)).message, /SLUICE-M23/);
      // What is known already is asked for again and again.
      await settings(86_400_000, 1);
      await direct.query('CREATE OR REPLACE VIEW past1 AS SELECT id, name AS a, phone AS b FROM patients');
      const shown = async (): Promise<unknown> => (await rowsOf(clerk, 'SELECT a FROM past1 WHERE id = 1'))[0]?.a;
      await eventually('the view is what it has become', shown, (name) => name === 'Andi');
      await direct.query(
        'CREATE TRIGGER past_t BEFORE INSERT ON scratch FOR EACH ROW SET NEW.v = (SELECT phone FROM patients LIMIT 1)',
      );
      await eventually(
        'the trigger is known',
        async () => (await outcomeOf(clerk, 'INSERT INTO scratch (v) VALUES (1)')).error?.message ?? '',
        (message) => message.includes('SLUICE-M24'),
      );
      await direct.query('DROP TRIGGER past_t');
      await direct.query('DROP FUNCTION past_f');
      await direct.query('DROP VIEW past1, past2');
      await settings(10_000, 250);
      direct.destroy();
    });

    test('a constraint that compares with a protected column confirms no guess', async () => {
      const nurse = await stage.connect({ user: 'nurse', password: 'nurse' });
      for (const sql of [
        'CREATE TABLE persons (id INT PRIMARY KEY, room INT, nick INT, pin INT, UNIQUE (pin), UNIQUE (room, pin), CHECK (nick <> pin))',
        'INSERT INTO persons VALUES (1, 1, 7, 1234), (2, 2, 8, 5678)',
        'CREATE TABLE badges (id INT PRIMARY KEY, pin INT, FOREIGN KEY (pin) REFERENCES persons (pin))',
        'CREATE VIEW v_badges AS SELECT id, pin FROM badges',
      ])
        await nurse.query(sql);
      await load(
        "INSERT INTO mysql_masking_columns (schemaname, tablename, columnname) VALUES ('clinic','persons','pin')",
      );
      for (const sql of [
        'UPDATE persons SET room = 2 WHERE id = 1',
        'UPDATE IGNORE persons p JOIN scratch s SET p.room = 2',
        'UPDATE persons SET nick = 1234 WHERE id = 1',
        'INSERT INTO persons (id, room, nick) VALUES (1, 1, 9) ON DUPLICATE KEY UPDATE nick = 1234',
        'INSERT INTO badges VALUES (1, 1234)',
        'REPLACE badges SET id = 1, pin = 1234',
        'INSERT INTO v_badges VALUES (1, 1234)',
        'UPDATE badges SET pin = 1234',
      ]) {
        assert.match((await refusal(clerk.query(sql), 1148)).message, /SLUICE-M18/, sql);
      }
      for (const sql of [
        'INSERT INTO persons (id, room) VALUES (3, 2)',
        'UPDATE persons SET id = 4 WHERE id = 3',
        'INSERT INTO badges (id) VALUES (1)',
        'DELETE FROM badges',
      ])
        await clerk.query(sql);
      await load("DELETE FROM mysql_masking_columns WHERE tablename='persons'");
      await nurse.query('DROP VIEW v_badges');
      await nurse.query('DROP TABLE badges, persons');
      nurse.destroy();
    });

    test('commands that are no statements tell nothing', async () => {
      const wire = await WireClient.connect({
        port: stage.sluice.mysqlPort,
        user: 'clerk',
        password: 'clerk',
        schema: 'clinic',
      });
      try {
        const list = await wire.command(Command.COM_FIELD_LIST, Buffer.from('patients\0'), 'field-list');
        assert.equal(list.errorCode, 1148);
        const harmless = await wire.command(Command.COM_FIELD_LIST, Buffer.from('clinics\0'), 'field-list');
        assert.equal(harmless.errorCode, 0);
        for (const command of [Command.COM_BINLOG_DUMP, Command.COM_TABLE_DUMP]) {
          // ProxySQL's answer to them is the end of the connection.
          const other = await WireClient.connect({ port: stage.sluice.mysqlPort, user: 'clerk', password: 'clerk' });
          const told = await other.command(command, Buffer.alloc(16), 'simple').then(
            (answer) => answer.errorCode !== 0,
            (error: unknown) => error instanceof ConnectionEnded,
          );
          other.destroy();
          assert.ok(told);
        }
      } finally {
        wire.destroy();
      }
    });

    test('what would keep column definitions or the text from a masking proxy is not offered', async () => {
      const { lower, mariadb } = await offeredCapabilities(stage.sluice.mysqlPort);
      assert.equal(lower & Capability.OPTIONAL_RESULTSET_METADATA, 0, 'definitions may be left out');
      assert.equal(lower & Capability.QUERY_ATTRIBUTES, 0, 'a text may begin behind attributes');
      assert.equal(mariadb, 0, 'definitions may be left out of prepared statements');
    });

    test('a masking that cannot be loaded as it stands protects all the same', async () => {
      const phone = async (): Promise<unknown> =>
        (await rowsOf(clerk, 'SELECT phone FROM patients WHERE id = 1'))[0]?.phone;
      try {
        for (const [mask, args] of [
          ['nonsense', ''],
          ['regex', '{"pattern":"(","replacement":"x"}'],
          ['keep_last', '{"n":-1}'],
        ]) {
          await load(`UPDATE mysql_masking_columns SET mask='${mask}', mask_args='${args}' WHERE columnname='phone'`);
          assert.equal(await phone(), '********', mask);
        }
        await assert.rejects(load("UPDATE mysql_masking_users SET policy='nonsense' WHERE username='clerk'"));
        assert.equal(await phone(), '********');
      } finally {
        await load("UPDATE mysql_masking_columns SET mask='full', mask_args='' WHERE columnname='phone'");
      }
    });

    test('the diagnostics of another session are not shown', async () => {
      const [first, second] = [await stage.connect(), await stage.connect()];
      try {
        for (const sql of [
          'SELECT phone, CAST(city AS SIGNED) FROM patients',
          'INSERT INTO patients (id) VALUES (1)',
        ]) {
          await outcomeOf(first, sql);
          for (const ask of ['SHOW WARNINGS', 'SHOW COUNT(*) WARNINGS', 'SELECT @@warning_count, @@error_count']) {
            const told = JSON.stringify((await outcomeOf(second, ask)).told);
            assert.doesNotMatch(told, /Jakarta|Truncated|Duplicate|[1-9]/, ask);
          }
        }
        assert.match((await refusal(first.query('SHOW WARNINGS'), 1148)).message, /SLUICE-M44/);
      } finally {
        first.destroy();
        second.destroy();
      }
    });

    test('the query cache keeps masked answers apart from others, and forgets them with the policy', async () => {
      await stage.sluice.admin(
        "INSERT INTO mysql_query_rules (rule_id, active, match_pattern, cache_ttl, apply) VALUES (1, 1, 'kept', 600000, 1)",
        'LOAD MYSQL QUERY RULES TO RUNTIME',
      );
      const nurse = await stage.connect({ user: 'nurse', password: 'nurse' });
      const sql = 'SELECT /* kept */ phone FROM patients WHERE id = 1';
      const phone = async (of: Connection): Promise<unknown> => (await rowsOf(of, sql))[0]?.phone;
      const hits = async (): Promise<number> => {
        const [row] = await stage.sluice.admin(
          "SELECT Variable_Value v FROM stats_mysql_global WHERE Variable_Name='Query_Cache_count_GET_OK'",
        );
        return Number(row?.v);
      };
      try {
        const before = await hits();
        for (let round = 0; round < 2; round += 1) {
          assert.equal(await phone(nurse), '081234567801');
          assert.equal(await phone(clerk), '********');
        }
        assert.equal(await hits(), before + 2);
        await load("INSERT INTO mysql_masking_users (username) VALUES ('nurse')");
        assert.equal(await phone(nurse), '********');
        await load("DELETE FROM mysql_masking_users WHERE username='nurse'");
        assert.equal(await phone(nurse), '081234567801');
        await load("UPDATE mysql_masking_columns SET mask='keep_last', mask_args='{\"n\":2}' WHERE columnname='phone'");
        assert.equal(await phone(clerk), '**********01');
      } finally {
        await load(
          "UPDATE mysql_masking_columns SET mask='full', mask_args='' WHERE columnname='phone'",
          "DELETE FROM mysql_masking_users WHERE username='nurse'",
        );
        await stage.sluice.admin('DELETE FROM mysql_query_rules', 'LOAD MYSQL QUERY RULES TO RUNTIME');
        nurse.destroy();
      }
    });

    test('a mirrored statement of a masked user is a judged one, and shows nothing', async () => {
      await stage.sluice.admin(
        "INSERT INTO mysql_query_rules (rule_id, active, match_pattern, mirror_hostgroup, apply) VALUES (1, 1, 'twice', 0, 1)",
        'LOAD MYSQL QUERY RULES TO RUNTIME',
      );
      const copied = async (): Promise<number> =>
        (await stage.database.query('SELECT * FROM clinic.scratch WHERE v IS NOT NULL')).length;
      try {
        assert.deepEqual(await rowsOf(clerk, 'SELECT /* twice */ phone FROM patients WHERE id = 1'), [
          { phone: '********' },
        ]);
        await refusal(clerk.query('INSERT INTO /* twice */ scratch (v) SELECT phone FROM patients'), 1148);
        await clerk.query("INSERT INTO /* twice */ scratch (v) VALUES ('x')");
        // The copy of what came later has arrived: the copy of what was refused would have.
        await eventually('the copy arrives', copied, (rows) => rows >= 2);
        assert.equal(await copied(), 2);
      } finally {
        await stage.sluice.admin('DELETE FROM mysql_query_rules', 'LOAD MYSQL QUERY RULES TO RUNTIME');
        await stage.database.query('DELETE FROM clinic.scratch');
      }
    });

    test('rows of a cursor are masked, and not fetched under another policy', async () => {
      for (const deprecateEof of [true, false]) {
        const wire = await WireClient.connect({
          port: stage.sluice.mysqlPort,
          user: 'clerk',
          password: 'clerk',
          schema: 'clinic',
          deprecateEof,
        });
        try {
          const { statementId } = await wire.prepare('SELECT id, phone, bank_pin FROM patients ORDER BY id');
          await wire.execute(statementId, [], { cursor: true });
          const first = await wire.fetch(statementId, 2);
          const text = Buffer.concat(first.packets).toString('latin1');
          assert.equal(first.errorCode, 0);
          assert.ok(text.includes('********') && !text.includes('0812'), text);
          await load("UPDATE mysql_masking_columns SET comment='x'");
          assert.equal((await wire.fetch(statementId, 2)).errorCode, 1148);
        } finally {
          wire.destroy();
        }
      }
    });

    test('errors and warnings of a write keep protected values to themselves', async () => {
      await clerk.query('BEGIN');
      const outcome = await outcomeOf(
        clerk,
        "INSERT INTO patients (name, phone) VALUES ('x', CONCAT('0812345', '67801'))",
      );
      assert.equal(leakIn(outcome, ''), undefined, JSON.stringify(outcome));
      for (const ask of ['SHOW WARNINGS', 'SHOW ERRORS']) {
        assert.equal(leakIn(await outcomeOf(clerk, ask), ''), undefined);
      }
      await clerk.query('ROLLBACK');
      // Diagnostics of what touches nothing are the client's own.
      await outcomeOf(clerk, "INSERT INTO appointments (id, status) VALUES (1, 'x')");
      assert.match(JSON.stringify(await outcomeOf(clerk, 'SHOW WARNINGS')), /Duplicate entry/);
    });

    test('a multi-byte character set that hides a quote does not hide a column', async () => {
      const client = await stage.connect();
      try {
        await client.query('SET NAMES gbk');
        const bytes = Buffer.concat([
          Buffer.from("SELECT 'x' AS a, '"),
          Buffer.from([0xbf, 0x5c]),
          Buffer.from("', phone FROM patients"),
        ]);
        const outcome = await outcomeOf(client, bytes.toString('latin1'));
        assert.equal(leakIn(outcome, ''), undefined, JSON.stringify(outcome));
        await client.query('SET character_set_results=utf16');
        assert.match((await refusal(client.query('SELECT phone FROM patients'), 1148)).message, /SLUICE-M46/);
      } finally {
        client.destroy();
      }
    });

    test('several statements in one text: each result by its own plan', async () => {
      const client = await stage.connect({ multipleStatements: true });
      try {
        const outcome = await outcomeOf(
          client,
          'SELECT name FROM patients WHERE id=1; SELECT phone, name FROM patients WHERE id=1',
        );
        assert.equal(leakIn(outcome, ''), undefined);
        assert.match(JSON.stringify(outcome), /Andi.*\*{8}.*Andi/);
        const killed = await outcomeOf(client, 'KILL 1; SELECT phone FROM patients');
        assert.equal(leakIn(killed, ''), undefined);
      } finally {
        client.destroy();
      }
    });

    test('statements prepared by SQL are judged, and not run under another policy', async () => {
      const nurse = await stage.connect({ user: 'nurse', password: 'nurse' });
      try {
        await nurse.query("PREPARE s FROM 'SELECT phone FROM patients'");
        await load("INSERT INTO mysql_masking_users (username) VALUES ('nurse')");
        await refusal(nurse.query('EXECUTE s'), 1148);
        const outcome = await outcomeOf(nurse, "PREPARE t FROM 'SELECT CONCAT(phone) FROM patients'");
        assert.equal(outcome.error?.errno, 1148);
      } finally {
        await load("DELETE FROM mysql_masking_users WHERE username='nurse'");
        nurse.destroy();
      }
    });

    test('the operator sees who is masked, why, and what happened', async () => {
      await refusal(clerk.query("SELECT id FROM patients WHERE phone = '1'"), 1148);
      const shown = await stage.sluice.admin("SHOW MASKING FOR 'clerk'");
      assert.deepEqual(
        shown.map((row) => [row.policy, row.decided_by, row.columnname, row.mask]),
        ['bank_account_number', 'bank_pin', 'phone'].map((name) => [
          'masked',
          'mysql_masking_users: clerk',
          name,
          'full',
        ]),
      );
      const [nurse] = await stage.sluice.admin('SHOW MASKING FOR nurse');
      assert.deepEqual(
        [nurse?.policy, nurse?.decided_by, nurse?.columnname],
        ['exempt', 'sluice-masking_default_policy', null],
      );
      const stats = await stage.sluice.admin("SELECT * FROM stats_mysql_masking WHERE username='clerk'");
      assert.ok(
        stats.some((row) => row.kind === 'masked' && row.item === 'clinic.patients.phone' && Number(row.count) > 3),
      );
      assert.ok(stats.some((row) => row.kind === 'refused' && row.item === 'SLUICE-M07'));
      const steps = await stage.sluice.admin(
        "EXPLAIN ROUTE FOR 'clerk' IN 'clinic' AS 'SELECT id, phone FROM patients'",
      );
      assert.deepEqual(
        steps.filter((row) => row.step === 'masking').map((row) => [row.item, row.result, row.detail]),
        [
          ['policy', 'masked', ''],
          ['verdict', 'masked', ''],
          ['column 1', 'as it is', 'clinic.patients.id'],
          ['column 2', 'mask full', 'clinic.patients.phone'],
          ['text', 'sent with index hints', 'SELECT id, phone FROM patients USE INDEX (`ft`, `PRIMARY`)'],
        ],
      );
    });

    test('a user who is refused again and again is slowed down and reported', async () => {
      await stage.sluice.admin('SET sluice-masking_refusals_per_minute=1', 'LOAD SLUICE VARIABLES TO RUNTIME');
      const since = performance.now();
      for (let i = 0; i < 2; i += 1) await refusal(clerk.query('SELECT MAX(phone) FROM patients'), 1148);
      assert.ok(performance.now() - since > 900);
      const told = stage.sluice.log.waitFor((line) => line.includes('possible attack') && line.includes('clerk'));
      await within(told, 'the possible attack is logged');
    });
  });
}

/** What the greeting offers: the capabilities that all servers share, and MariaDB's own. */
async function offeredCapabilities(port: number): Promise<{ lower: number; mariadb: number }> {
  const socket = connect(port, '127.0.0.1');
  try {
    const [greeting] = (await once(socket, 'data')) as [Buffer];
    // Header, protocol, version, connection id, the first part of the scramble and its end.
    const at = greeting.indexOf(0, 5) + 1 + 4 + 8 + 1;
    const lower = (greeting.readUInt16LE(at) | (greeting.readUInt16LE(at + 5) << 16)) >>> 0;
    return { lower, mariadb: greeting.readUInt32LE(at + 14) };
  } finally {
    socket.destroy();
  }
}

test('without a catalog nothing that may be protected gets through', async () => {
  const stage = await MaskingStage.start('mariadb');
  try {
    await stage.sluice.admin(
      "SET sluice-masking_catalog_username='nobody'",
      'SET sluice-masking_catalog_timeout=300',
      'LOAD SLUICE VARIABLES TO RUNTIME',
    );
    const clerk = await stage.connect();
    assert.match((await refusal(clerk.query('SELECT phone FROM patients'), 1148)).message, /SLUICE-M42/);
    assert.match((await refusal(clerk.query('SELECT name FROM patients'), 1148)).message, /SLUICE-M42/);
    clerk.destroy();
  } finally {
    await stage.stop();
  }
});
