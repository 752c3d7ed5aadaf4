/**
 * Commands to the process: letting clients in and out, certificates, killing, starting again. Two workers, so that "in all
 * workers" is seen.
 */
import assert from 'node:assert/strict';
import { copyFile, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import mysql, { type Connection } from 'mysql2/promise';
import { loadOrCreateTls } from '../../src/net/tls.ts';
import { accepts, freePort } from '../helpers/ports.ts';
import { removeFolder, temporaryFolder } from '../helpers/reaper.ts';
import { SluiceProcess } from '../helpers/sluice-process.ts';
import { eventually, within } from '../helpers/wait.ts';

const APP = { user: 'app', password: 'app' };
const ACCOUNT = { username: 'app', password: 'app', default_hostgroup: 0 };
const WORKERS = 2;

/** Statements that sluice answers itself: there is no server behind it here. */
async function isServed(client: Connection): Promise<boolean> {
  return client.query('SET NAMES utf8mb4').then(
    () => true,
    () => false,
  );
}

/** The certificate that a login over TLS shows. */
async function certificateOf(port: number, user: string): Promise<string> {
  const client = await mysql.createConnection({
    host: '127.0.0.1',
    port,
    user,
    password: user,
    ssl: { rejectUnauthorized: false },
  });
  const { stream } = (client as unknown as { connection: { stream: TLSSocket } }).connection;
  const { fingerprint256 } = stream.getPeerCertificate();
  client.destroy();
  return fingerprint256;
}

describe('PROXYSQL commands', () => {
  let sluice: SluiceProcess;
  let port = 0;
  before(async () => {
    port = await freePort();
    sluice = await SluiceProcess.start({
      users: [ACCOUNT],
      adminVariables: { mysql_ifaces: `127.0.0.1:${await freePort()}` },
      mysqlVariables: { interfaces: `127.0.0.1:${port}` },
      workers: WORKERS,
    });
  });
  after(() => sluice.stop());

  const refused = (sql: string, message: string): Promise<void> =>
    assert.rejects(sluice.admin(sql), { errno: 1045, message: `ProxySQL Admin Error: ${message}` });

  const logged = (text: string): Promise<string> =>
    within(
      sluice.log.waitFor((line) => line.includes(text)),
      text,
    );

  test('PAUSE lets nobody new in, and RESUME does again', async () => {
    const client = await sluice.connect(APP);
    await sluice.admin('PROXYSQL PAUSE');
    for (let i = 0; i < 2 * WORKERS; i += 1) assert.equal(await accepts(port), false);
    assert.equal(await isServed(client), true);
    await refused('PROXYSQL PAUSE', 'ProxySQL MySQL module is already paused, impossible to pause');
    await sluice.admin('PROXYSQL RESUME');
    await refused('PROXYSQL RESUME', 'ProxySQL MySQL module is not paused, impossible to resume');
    await client.end();
    for (let i = 0; i < 2 * WORKERS; i += 1) await (await sluice.connect(APP)).end();
  });

  test('a worker that starts during a pause does not listen', async () => {
    await sluice.admin('PROXYSQL PAUSE');
    const [, ...workers] = sluice.pids();
    process.kill(workers[0] ?? 0, 'SIGKILL');
    await logged('worker died');
    await eventually(
      'the worker is replaced',
      () => sluice.pids().length,
      (count) => count === WORKERS + 1,
    );
    for (let i = 0; i < 2 * WORKERS; i += 1) assert.equal(await accepts(port), false);
    await sluice.admin('PROXYSQL RESUME');
    await (await sluice.connect(APP)).end();
  });

  test('STOP ends every session and keeps the admin port; START serves again', async () => {
    await refused('PROXYSQL START', 'ProxySQL already started');
    const clients = await Promise.all(Array.from({ length: 4 }, () => sluice.connect(APP)));
    await sluice.admin('PROXYSQL STOP');
    assert.deepEqual(await Promise.all(clients.map(isServed)), [false, false, false, false]);
    assert.equal(await accepts(port), false);
    await refused('PROXYSQL PAUSE', 'ProxySQL MySQL module not running, impossible to pause');
    await refused('PROXYSQL RESUME', 'ProxySQL MySQL module not running, impossible to resume');
    await sluice.admin("UPDATE mysql_users SET comment='stopped'", 'LOAD MYSQL USERS TO RUNTIME', 'PROXYSQL START');
    const client = await sluice.connect(APP);
    assert.equal(await isServed(client), true);
    await client.end();
  });

  test('KILL CONNECTION ends a session, whichever worker has it', async () => {
    const clients = await Promise.all(Array.from({ length: 4 }, () => sluice.connect(APP)));
    const sessions = await sluice.admin('SELECT SessionID FROM stats_mysql_processlist');
    assert.equal(sessions.length, 4);
    for (const { SessionID } of sessions) await sluice.admin(`KILL CONNECTION ${SessionID}`);
    assert.deepEqual(await Promise.all(clients.map(isServed)), [false, false, false, false]);
    await refused('KILL CONNECTION 999999', 'Unknown thread id: 999999');
  });

  test('RELOAD TLS shows new certificates to new connections, on both ports', async () => {
    const ports = [[port, 'app'] as const, [sluice.adminPort, 'admin'] as const];
    const before = await Promise.all(ports.map(([one, user]) => certificateOf(one, user)));
    const folder = temporaryFolder('certificate');
    await loadOrCreateTls(folder);
    const files = ['proxysql-ca.pem', 'proxysql-cert.pem', 'proxysql-key.pem'];
    // Half of a new set is no certificate: the old one stays.
    await copyFile(join(folder, 'proxysql-cert.pem'), join(sluice.dataDir, 'proxysql-cert.pem'));
    await assert.rejects(sluice.admin('PROXYSQL RELOAD TLS'), {
      message: /RELOAD TLS failed: .*not the certificate's/,
    });
    assert.deepEqual(await Promise.all(ports.map(([one, user]) => certificateOf(one, user))), before);
    for (const file of files) await copyFile(join(folder, file), join(sluice.dataDir, file));
    await sluice.admin('PROXYSQL RELOAD TLS');
    for (const [one, user] of ports) {
      const now = new Set(await Promise.all(Array.from({ length: 2 * WORKERS }, () => certificateOf(one, user))));
      assert.equal(now.size, 1);
      assert.ok(!before.includes([...now][0] ?? ''));
    }
    removeFolder(folder);
  });

  test('LOAD MYSQL USER takes one user to all workers, and leaves the others as they are', async () => {
    await sluice.admin(
      "INSERT INTO mysql_users (username, password) VALUES ('one', 'one'), ('other', 'other')",
      'LOAD MYSQL USER one TO RUNTIME',
    );
    for (let i = 0; i < 2 * WORKERS; i += 1) {
      await (await sluice.connect({ user: 'one', password: 'one' })).end();
      await assert.rejects(sluice.connect({ user: 'other', password: 'other' }), { errno: 1045 });
      await (await sluice.connect(APP)).end();
    }
    await refused('LOAD MYSQL USER no;body TO RUNTIME', 'Invalid name no;body');
    await sluice.admin("DELETE FROM mysql_users WHERE username IN ('one', 'other')", 'LOAD MYSQL USERS TO RUNTIME');
  });

  test('FLUSH CONFIGDB opens the proxysql.db that was put in place of the old one', async () => {
    const saved = (): Promise<unknown[]> => sluice.admin('SELECT username FROM disk.mysql_users');
    const file = join(sluice.dataDir, 'proxysql.db');
    await sluice.admin('SAVE MYSQL USERS TO DISK');
    await copyFile(file, `${file}.copy`);
    await sluice.admin('DELETE FROM disk.mysql_users');
    await rename(`${file}.copy`, file);
    assert.deepEqual(await saved(), [], 'the old file is still open');
    await sluice.admin('PROXYSQL FLUSH CONFIGDB');
    assert.deepEqual(await saved(), [{ username: 'app' }]);
    await sluice.admin('LOAD MYSQL USERS FROM DISK', 'SAVE MYSQL USERS TO DISK');
  });

  test('SHOW PROMETHEUS METRICS counts what all workers do, in the form Prometheus reads', async () => {
    const questions = async (): Promise<number> => {
      const [{ Data } = { Data: '' }] = (await sluice.admin('SHOW PROMETHEUS METRICS')) as { Data: string }[];
      for (const line of Data.split('\n')) assert.match(line, /^(#.*|[a-z_0-9]+(\{.*\})? \S+)?$/);
      return Number(/^proxysql_questions_total (\d+)/m.exec(Data)?.[1]);
    };
    const before = await questions();
    const clients = await Promise.all(Array.from({ length: 2 * WORKERS }, () => sluice.connect(APP)));
    for (const client of clients) await client.query('SET NAMES utf8mb4');
    assert.ok((await questions()) >= before + clients.length);
    for (const client of clients) await client.end();
  });

  test('SAVE CONFIG TO FILE keeps the file to its owner; LOGENTRY and the report are written', async () => {
    const file = join(sluice.dataDir, 'saved.cnf');
    await sluice.admin(`SAVE CONFIG TO FILE ${file}`);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    await refused('SAVE CONFIG TO FILE /nosuchdir/x.cnf', 'ProxySQL Admin Error: Cannot open file /nosuchdir/x.cnf');
    await sluice.admin('LOGENTRY deploy 7 begins');
    await logged('deploy 7 begins');
    const report = join(sluice.dataDir, 'report.json');
    await sluice.admin(`PROXYSQL COREDUMP ${report}`);
    const { environmentVariables } = JSON.parse(await readFile(report, 'utf8')) as Record<string, unknown>;
    assert.deepEqual(environmentVariables, {});
  });

  test('RESTART begins anew in the same process, with what was saved', async () => {
    await sluice.admin(
      "INSERT INTO mysql_users (username, password) VALUES ('saved', 's')",
      'SAVE MYSQL USERS TO DISK',
    );
    await sluice.admin("INSERT INTO mysql_users (username, password) VALUES ('unsaved', 's')");
    await assert.rejects(sluice.admin('PROXYSQL RESTART'));
    await logged('starting again');
    await eventually('the admin port is back', () => accepts(sluice.adminPort), Boolean);
    assert.deepEqual(await sluice.admin("SELECT username FROM mysql_users WHERE username LIKE '%saved'"), [
      { username: 'saved' },
    ]);
    await eventually('clients are served', () => accepts(port), Boolean);
    await (await sluice.connect(APP)).end();
    assert.equal(await sluice.terminate(), 0);
  });
});

test('with -n nobody is served until PROXYSQL START', async () => {
  const port = await freePort();
  const sluice = await SluiceProcess.start({
    users: [ACCOUNT],
    mysqlVariables: { interfaces: `127.0.0.1:${port}` },
    args: ['-n'],
  });
  try {
    assert.equal(await accepts(port), false);
    await sluice.admin('PROXYSQL START');
    const client = await mysql.createConnection({ host: '127.0.0.1', port, ...APP });
    assert.equal(await isServed(client), true);
    await client.end();
  } finally {
    await sluice.stop();
  }
});
