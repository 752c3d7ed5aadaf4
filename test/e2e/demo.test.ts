import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { mysqlCli } from '../helpers/mysql-cli.ts';
import { endProcess, reapProcess, removeFolder, temporaryFolder } from '../helpers/reaper.ts';
import { CLI } from '../helpers/sluice-process.ts';
import { within } from '../helpers/wait.ts';

const START_PATIENCE_MS = 40_000;

/** What `npm start` runs once everything is built. */
function startDemo(folder: string, ...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [CLI, 'demo', ...args], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  reapProcess(child);
  return child;
}

async function guideOf(child: ChildProcess): Promise<string> {
  let shown = '';
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
      if (shown.includes('Ctrl-C ends everything')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`the demo ended with ${code}`)));
  });
  await within(ready, 'the demo is ready', START_PATIENCE_MS);
  return shown;
}

describe('the demo', () => {
  const folder = temporaryFolder('demo');
  let child: ChildProcess;
  let mysqlPort = 0;
  let adminPort = 0;
  let developer: Connection;

  before(async () => {
    child = startDemo(folder, '--admin-port', '0', '--mysql-port', '0');
    const guide = await guideOf(child);
    mysqlPort = Number(/MySQL on 127\.0\.0\.1:(\d+)/.exec(guide)?.[1]);
    adminPort = Number(/admin on 127\.0\.0\.1:(\d+)/.exec(guide)?.[1]);
    const account = { user: 'developer', password: 'developer', database: 'clinic' };
    developer = await mysql.createConnection({ host: '127.0.0.1', port: mysqlPort, ...account });
  });
  after(async () => {
    developer.destroy();
    await endProcess(child, 'SIGKILL');
    removeFolder(folder);
  });

  async function rows(sql: string): Promise<RowDataPacket[]> {
    return (await developer.query<RowDataPacket[]>(sql))[0];
  }

  async function operate(sql: string) {
    const admin = spawn(process.execPath, [CLI, 'admin', `-P${adminPort}`, '--json', '-e', sql]);
    const [out, error] = await Promise.all([text(admin.stdout), text(admin.stderr)]);
    assert.equal(error, '');
    return out;
  }

  it('shows the last digits of an account number only, under its name or an alias', async () => {
    const [row] = await rows('SELECT p.name, p.bank_account_number, bank_account_number AS b FROM patients p LIMIT 1');
    assert.match(String(row?.bank_account_number), /^\*{8}\d{4}$/);
    assert.equal(row?.b, row?.bank_account_number);
  });

  const refusals: readonly (readonly [sql: string, message: RegExp])[] = [
    ['SELECT sum(bank_account_number) FROM patients', /No sum/],
    ['SELECT SUM( p.bank_account_number ) FROM patients p', /No sum/],
    ["SELECT name FROM patients WHERE bank_account_number LIKE '47%'", /No filter/],
    ['SELECT name FROM patients ORDER BY bank_account_number', /No filter/],
    ['SELECT name FROM patients HAVING max(bank_account_number) > 1', /No sum/],
    ['SELECT * FROM patients', /Name the columns/],
    ['SELECT p.*, a.department FROM patients p JOIN appointments a ON a.patient_id = p.id', /Name the columns/],
    ['DELETE FROM patients', /only read/],
    ["INSERT INTO patients VALUES (1, 'x', 'x', 'x', 'x')", /only read/],
    ['CREATE TABLE t (a INT)', /only read/],
  ];
  for (const [sql, message] of refusals) {
    it(`refuses ${sql}`, () => assert.rejects(rows(sql), { errno: 1148, message }));
  }

  it('leaves honest queries alone', async () => {
    assert.equal((await rows('SELECT COUNT(*) AS n FROM patients'))[0]?.n, 240);
    const perCity = await rows('SELECT city, COUNT(*) AS n FROM patients GROUP BY city ORDER BY n DESC');
    assert.equal(perCity.length, 5);
    const joined = 'SELECT p.name FROM patients p JOIN appointments a ON a.patient_id = p.id WHERE a.department = ?';
    assert.ok((await developer.execute<RowDataPacket[]>(joined, ['surgery']))[0].length > 0);
  });

  it('reads from the replicas and lets app write on the primary', async () => {
    assert.match(String((await rows('SELECT @@hostname AS name'))[0]?.name), /^replica-[12]$/);
    const app = { port: mysqlPort, user: 'app', password: 'app', database: 'clinic' };
    const sql = "UPDATE patients SET city = 'Bern' WHERE id = 1; SELECT @@hostname";
    assert.deepEqual((await mysqlCli(app, sql)).rows, [['primary']]);
    assert.equal((await rows('SELECT city FROM patients WHERE id = 1'))[0]?.city, 'Bern');
  });

  it('does what its guide says the operator can do', async () => {
    await operate(
      `INSERT INTO mysql_users (username, password, default_hostgroup) VALUES ('analyst', 'analyst', 20);
       LOAD MYSQL USERS TO RUNTIME;
       UPDATE mysql_query_rules SET active=0 WHERE rule_id IN (50, 51);
       LOAD MYSQL QUERY RULES TO RUNTIME`,
    );
    assert.match(String((await rows('SELECT bank_account_number AS b FROM patients LIMIT 1'))[0]?.b), /^\d{12}$/);
    const analyst = { port: mysqlPort, user: 'analyst', password: 'analyst' };
    assert.deepEqual((await mysqlCli(analyst, 'SELECT COUNT(*) FROM patients')).rows, [['240']]);
    const hits = JSON.parse(await operate('SELECT rule_id FROM stats_mysql_query_rules')) as unknown[];
    assert.equal(hits.length, 4);
  });

  it('says in a sentence that a port is taken', async () => {
    const second = startDemo(folder, '--admin-port', String(adminPort), '--mysql-port', '0');
    assert.ok(second.stderr);
    const ended = new Promise((resolve) => second.once('exit', resolve));
    const message = await text(second.stderr);
    assert.equal(await ended, 1);
    assert.match(message, new RegExp(`^Port ${adminPort} of 127\\.0\\.0\\.1 is taken`));
    assert.doesNotMatch(message, / {4}at /);
  });

  it('ends cleanly with Ctrl-C', async () => {
    await developer.end();
    assert.equal(await endProcess(child, 'SIGINT'), 0);
    assert.deepEqual(readdirSync(folder), []);
  });
});
