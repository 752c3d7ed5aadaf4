import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import { startSqlite3Server } from '../../../src/embedded/sqlite3-server.ts';

describe('the SQLite3 server', () => {
  let dataDir = '';
  before(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'sluice-sqlite3-'));
  });
  after(() => rmSync(dataDir, { recursive: true }));

  async function start() {
    const address = { host: '127.0.0.1', port: 0 };
    return startSqlite3Server({ dataDir, address, passwordOf: (user) => (user === 'app' ? 'secret' : undefined) });
  }

  it('keeps what its users write', async () => {
    for (const expected of [1, 2]) {
      const server = await start();
      const connection = await mysql.createConnection({
        host: server.host,
        port: server.port,
        user: 'app',
        password: 'secret',
      });
      await connection.query('CREATE TABLE IF NOT EXISTS visits (id INTEGER PRIMARY KEY)');
      await connection.query('INSERT INTO visits VALUES (NULL)');
      const [[row]] = await connection.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM visits');
      assert.equal(row?.n, expected);
      assert.deepEqual((await connection.query('SHOW DATABASES'))[0], [{ Database: 'main' }]);
      assert.deepEqual((await connection.query('SHOW TABLES'))[0], [{ Tables_in_main: 'visits' }]);
      await connection.end();
      await server.close();
    }
  });
});
