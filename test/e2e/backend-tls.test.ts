/** TLS to servers: whose certificate is believed, by row of mysql_servers_ssl_params and by variable. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { loadOrCreateTls } from '../../src/net/tls.ts';
import { removeFolder, temporaryFolder } from '../helpers/reaper.ts';
import { APP, accountSql, refusal, Stage, scalar } from '../helpers/stage.ts';

const CIPHER = "SHOW SESSION STATUS LIKE 'Ssl_cipher'";

describe('TLS to servers', () => {
  let stage: Stage;
  let folder: string;
  const clients: Connection[] = [];

  before(async () => {
    folder = temporaryFolder('tls');
    await loadOrCreateTls(join(folder, 'good'));
    const file = (name: string) => `${join(folder, 'good', `proxysql-${name}.pem`)}`;
    stage = await Stage.start({
      databaseArgs: [`--ssl-ca=${file('ca')}`, `--ssl-cert=${file('cert')}`, `--ssl-key=${file('key')}`],
      serverColumns: { use_ssl: 1 },
      users: [{ username: 'strict', password: 'strict' }],
      setup: [...accountSql('strict', 'strict'), "ALTER USER strict@'%' REQUIRE SSL"],
    });
    // Signed by nobody we know: the certificate tests of the proxy itself.
    await writeFile(join(folder, 'other-ca.pem'), (await loadOrCreateTls(join(folder, 'other'))).caPem);
  });

  after(async () => {
    for (const client of clients) client.destroy();
    await stage?.stop();
    removeFolder(folder);
  });

  const configured = async (...statements: string[]): Promise<Connection> => {
    await stage.sluice.admin(
      "SET mysql-ssl_p2s_ca = ''",
      'DELETE FROM mysql_servers_ssl_params',
      'SET mysql-connect_timeout_server_max = 1000',
      ...statements,
      'LOAD MYSQL VARIABLES TO RUNTIME',
      // Connections that are there already would hide what becomes of new ones.
      "UPDATE mysql_servers SET status = 'OFFLINE_HARD'",
      'LOAD MYSQL SERVERS TO RUNTIME',
      "UPDATE mysql_servers SET status = 'ONLINE'",
      'LOAD MYSQL SERVERS TO RUNTIME',
    );
    const client = await stage.connect();
    clients.push(client);
    return client;
  };

  const row = (username: string, ca: string, more = '') => {
    const { host, port } = stage.database;
    return `INSERT INTO mysql_servers_ssl_params (hostname, port, username, ssl_ca${more === '' ? '' : ', tls_version'})
      VALUES ('${host}', ${port}, '${username}', '${ca}'${more === '' ? '' : `, '${more}'`})`;
  };
  const cipherOf = async (client: Connection): Promise<unknown> => {
    const [rows] = await client.query({ sql: CIPHER, rowsAsArray: true });
    return (rows as string[][])[0]?.[1];
  };

  test('without a CA any certificate will do', async () => {
    assert.match(String(await cipherOf(await configured())), /\w/);
  });

  test('the CA of the variable, right and wrong', async () => {
    const right = await configured(`SET mysql-ssl_p2s_ca = '${join(folder, 'good', 'proxysql-ca.pem')}'`);
    assert.match(String(await cipherOf(right)), /\w/);
    const wrong = await configured(`SET mysql-ssl_p2s_ca = '${join(folder, 'other-ca.pem')}'`);
    const error = await refusal(wrong.query('SELECT 1'), 2026);
    assert.match(error.message, /SSL connection error/);
  });

  test('a row of the server comes before the variable, a row of the user before that', async () => {
    const wrongCa = join(folder, 'other-ca.pem');
    const rightCa = join(folder, 'good', 'proxysql-ca.pem');
    const byServer = await configured(`SET mysql-ssl_p2s_ca = '${wrongCa}'`, row('', rightCa, 'TLSv1.2'));
    const [rows] = await byServer.query({ sql: "SHOW SESSION STATUS LIKE 'Ssl_version'", rowsAsArray: true });
    assert.deepEqual(rows, [['Ssl_version', 'TLSv1.2']]);
    const byUser = await configured(row('', wrongCa), row(APP.user, rightCa));
    assert.match(String(await cipherOf(byUser)), /\w/);
  });

  test('a file that is missing is named in the log, and the statement fails', async () => {
    const client = await configured(row('', '/nowhere/ca.pem'));
    await refusal(client.query('SELECT 1'), 9001);
    await stage.sluice.log.waitFor((line) => line.includes('/nowhere/ca.pem'));
  });

  test('an account that demands TLS', async () => {
    await configured();
    const client = await stage.sluice.connect({ user: 'strict', password: 'strict' });
    clients.push(client);
    assert.equal(await scalar(client, 'SELECT 1'), '1');
  });
});
