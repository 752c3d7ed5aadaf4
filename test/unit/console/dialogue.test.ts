import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { runDialogue } from '../../../src/console/dialogue.ts';
import { HistoryFile } from '../../../src/console/history.ts';

const ENTER = '\r';
const UP = '\x1b[A';
const CTRL_C = '\x03';
const CTRL_D = '\x04';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-dialogue-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Types keys, one answer after the other, and returns what was executed and shown. */
async function talk(...keys: string[]): Promise<{ executed: string[]; shown: string; history: string }> {
  const input = new PassThrough();
  const output = new PassThrough();
  const executed: string[] = [];
  let shown = '';
  output.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
  });
  const path = join(folder, 'history');
  const talking = runDialogue({
    input,
    output,
    history: new HistoryFile(path),
    execute: async ({ text, vertical }) => {
      executed.push(vertical ? `${text} (vertical)` : text);
    },
  });
  for (const key of keys) {
    input.write(key);
    // Readline tells an escape key from an escape sequence by what comes in the same turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await talking;
  return { executed, shown, history: new HistoryFile(path).read().join('\n') };
}

describe('the dialogue', () => {
  it('collects lines until a semicolon, and shows what is open', async () => {
    const { executed, shown } = await talk(
      'SELECT',
      ENTER,
      "'a",
      ENTER,
      "b';",
      ENTER,
      'SELECT 2\\G',
      ENTER,
      '\\q',
      ENTER,
    );
    assert.deepEqual(executed, ["SELECT\n'a\nb'", 'SELECT 2 (vertical)']);
    assert.match(shown, /sluice> /);
    assert.match(shown, / {5}-> /);
    assert.match(shown, / {5}'> /);
    assert.match(shown, /Bye\n$/);
  });

  it('leaves with quit, exit, \\q and Ctrl-D', async () => {
    for (const keys of [['quit', ENTER], ['exit;', ENTER], ['\\q', ENTER], [CTRL_D]]) {
      assert.deepEqual((await talk(...keys)).executed, []);
    }
  });

  it('helps with \\? but takes help inside a statement as text', async () => {
    const { executed, shown } = await talk('\\?', ENTER, 'SELECT', ENTER, 'help', ENTER, ';', ENTER, CTRL_D);
    assert.match(shown, /LOAD MYSQL SERVERS TO RUNTIME/);
    assert.deepEqual(executed, ['SELECT\nhelp']);
  });

  it('gives up a statement with Ctrl-C or \\c', async () => {
    const { executed } = await talk('SELECT', ENTER, 'oops', CTRL_C, 'SELECT 1;', ENTER, 'SELECT 2 \\c', ENTER, CTRL_D);
    assert.deepEqual(executed, ['SELECT 1']);
  });

  it('recalls whole statements, those of the last time too', async () => {
    await talk('SHOW', ENTER, 'TABLES;', ENTER, CTRL_D);
    const { executed } = await talk(UP, ENTER, 'SELECT 1;', ENTER, UP, ENTER, UP, UP, ENTER, CTRL_D);
    assert.deepEqual(executed, ['SHOW TABLES', 'SELECT 1', 'SELECT 1', 'SHOW TABLES']);
  });

  it('can recall a statement with a password, and does not write it down', async () => {
    const { executed, history } = await talk(
      'SET mysql-monitor_password="x";',
      ENTER,
      UP,
      ENTER,
      'SELECT 1;',
      ENTER,
      CTRL_D,
    );
    assert.equal(executed.length, 3);
    assert.equal(history, 'SELECT 1;');
    assert.doesNotMatch(readFileSync(join(folder, 'history'), 'utf8'), /password/);
  });
});
