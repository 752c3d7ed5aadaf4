/**
 * The log of statements: who is in it, what it says, that secrets are not in it, and how its files follow each other.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { refusal, Stage, scalar } from '../helpers/stage.ts';
import { eventually } from '../helpers/wait.ts';

interface Line {
  readonly [key: string]: string | number;
}

describe('events log', () => {
  let stage: Stage;
  let client: Connection;

  before(async () => {
    stage = await Stage.start({ setup: ['CREATE TABLE test.t (id INT AUTO_INCREMENT PRIMARY KEY, s TEXT)'] });
    await stage.sluice.admin(
      "INSERT INTO mysql_query_rules (rule_id, active, match_pattern, log, apply) VALUES (1, 1, 'quiet', 0, 1), (2, 1, 'refused', 1, 0)",
      "INSERT INTO mysql_query_rules (rule_id, active, match_pattern, error_msg, apply) VALUES (3, 1, 'refused', 'no', 1)",
      'LOAD MYSQL QUERY RULES TO RUNTIME',
      "SET mysql-eventslog_filename = 'queries'",
      'SET mysql-eventslog_format = 2',
      'SET mysql-eventslog_default_log = 1',
      'LOAD MYSQL VARIABLES TO RUNTIME',
    );
    client = await stage.connect();
  });

  after(async () => {
    client?.destroy();
    await stage?.stop();
  });

  const files = (): string[] =>
    readdirSync(stage.sluice.dataDir)
      .filter((name) => name.startsWith('queries.'))
      .sort();

  const linesOf = (file: string): Line[] =>
    readFileSync(join(stage.sluice.dataDir, file), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);

  const lines = (): Line[] => files().flatMap(linesOf);

  const logged = (mark: string): Promise<Line[]> =>
    eventually(
      `${mark} is in the log`,
      () => lines().filter((line) => String(line.query).includes(mark)),
      (found) => found.length > 0,
    );

  test('says who ran what, where, and what came of it', async () => {
    await client.query("INSERT INTO t (s) VALUES ('first'), ('second')");
    const [line] = await logged('first');
    assert.ok(line);
    const rest: Line = line;
    assert.ok(Math.abs(Number(rest.starttime_timestamp_us) / 1000 - Date.now()) < 60_000);
    assert.match(String(rest.starttime), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
    assert.equal(rest.event, 'COM_QUERY');
    assert.equal(rest.username, 'app');
    assert.equal(rest.schemaname, 'test');
    assert.equal(rest.hostgroup_id, 0);
    assert.equal(rest.server, `127.0.0.1:${stage.database.port}`);
    assert.equal(rest.rows_affected, 2);
    assert.equal(rest.last_insert_id, 1);
    assert.match(String(rest.digest), /^0x[0-9A-F]{16}$/);
    assert.match(String(rest.client), /^127\.0\.0\.1:\d+$/);
    assert.deepEqual(Object.keys(line), [...Object.keys(line)].sort());
  });

  test('prepared statements without their parameters; statements that rules refuse; not what a rule leaves out', async () => {
    await client.execute('SELECT ? AS prepared_one', ['hidden parameter']);
    await refusal(client.query("SELECT 'refused'"), 1148);
    await scalar(client, "SELECT 'quiet'");
    await scalar(client, "SELECT 'last of these'");
    await logged('last of these');
    const text = files()
      .map((file) => readFileSync(join(stage.sluice.dataDir, file), 'utf8'))
      .join('');
    assert.doesNotMatch(text, /hidden parameter|quiet/);
    assert.deepEqual(
      (await logged('prepared_one')).map((line) => line.event),
      ['COM_STMT_PREPARE', 'COM_STMT_EXECUTE'],
    );
    const [refused] = await logged('refused');
    assert.equal(refused?.hostgroup_id, -1);
    assert.equal(refused?.server, undefined);
  });

  test('passwords in statements about accounts are not written, and only the owner reads the files', async () => {
    await client.query("CREATE USER somebody IDENTIFIED BY 'top secret'");
    const [line] = await logged('somebody');
    assert.equal(line?.query, 'CREATE USER somebody IDENTIFIED BY ?');
    for (const file of files()) assert.equal(statSync(join(stage.sluice.dataDir, file)).mode & 0o777, 0o600);
  });

  test('PROXYSQL FLUSH LOGS begins a new file, and nothing is lost in between', async () => {
    for (let i = 0; i < 20; i += 1) {
      await scalar(client, `SELECT 'flush ${i}.'`);
      if (i % 5 === 4) await stage.sluice.admin('PROXYSQL FLUSH LOGS');
    }
    await logged('flush 19.');
    for (let i = 0; i < 20; i += 1) assert.equal((await logged(`flush ${i}.`)).length, 1);
    assert.ok(files().length >= 4, files().join());
    assert.match(files()[0] ?? '', /^queries\.0000000\d$/);
  });

  test('a full file is followed by the next', async () => {
    const before = files().length;
    await stage.sluice.admin('SET mysql-eventslog_filesize = 1048576', 'LOAD MYSQL VARIABLES TO RUNTIME');
    for (let i = 0; i < 6; i += 1) await client.query(`SELECT LENGTH('${'x'.repeat(300_000)}')`);
    await scalar(client, "SELECT 'after the big ones'");
    await logged('after the big ones');
    assert.ok(files().length > before + 1, files().join());
  });
});
