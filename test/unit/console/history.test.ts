import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { HISTORY_ENTRIES_MAX, HistoryFile, historyLine, mayHoldSecret } from '../../../src/console/history.ts';

describe('a statement that may hold a secret', () => {
  const secret = [
    "INSERT INTO mysql_users (username, password) VALUES ('a', 's')",
    "INSERT INTO mysql_users VALUES ('a', 's')",
    "replace into main.mysql_users values ('a', 's')",
    "UPDATE\nmysql_users SET x = 's'",
    "SET mysql-monitor_password = 's'",
    "SET admin-admin_credentials = 'a:s'",
    "SELECT MYSQL_NATIVE_PASSWORD('s')",
  ];
  for (const statement of secret) {
    it(`is ${JSON.stringify(statement)}`, () => assert.equal(mayHoldSecret(statement), true));
  }

  const harmless = [
    'SELECT * FROM mysql_users',
    'LOAD MYSQL USERS TO RUNTIME',
    "DELETE FROM mysql_users WHERE username='a'",
  ];
  for (const statement of harmless) {
    it(`is not ${JSON.stringify(statement)}`, () => assert.equal(mayHoldSecret(statement), false));
  }
});

describe('the line of a statement', () => {
  it('joins its lines', () => assert.equal(historyLine('SELECT 1,\n  2;'), 'SELECT 1, 2;'));

  it('is none when joining would change it', () => {
    assert.equal(historyLine('SELECT 1 -- one\n, 2;'), undefined);
    assert.equal(historyLine("SELECT 'a\nb';"), undefined);
  });
});

describe('the history file', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-history-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is readable by its owner only, and keeps no secret', () => {
    const path = join(folder, 'history');
    const history = new HistoryFile(path);
    history.add('SHOW TABLES;');
    history.add("INSERT INTO mysql_users (username, password) VALUES ('a', 'hush');");
    assert.equal(readFileSync(path, 'utf8'), 'SHOW TABLES;\n');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    chmodSync(path, 0o644);
    assert.deepEqual(new HistoryFile(path).read(), ['SHOW TABLES;']);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('stays bounded', () => {
    const path = join(folder, 'history');
    const lines = Array.from({ length: 2 * HISTORY_ENTRIES_MAX + 1 }, (_, index) => `SELECT ${index};`);
    writeFileSync(path, `${lines.join('\n')}\n`);
    const kept = new HistoryFile(path).read();
    assert.equal(kept.length, HISTORY_ENTRIES_MAX);
    assert.equal(kept.at(-1), lines.at(-1));
    assert.equal(readFileSync(path, 'utf8').trimEnd().split('\n').length, HISTORY_ENTRIES_MAX);
  });

  it('that cannot be written does no harm', () => {
    const history = new HistoryFile(join(folder, 'missing', 'history'));
    history.add('SELECT 1;');
    assert.deepEqual(history.read(), []);
  });
});
