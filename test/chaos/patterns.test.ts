/**
 * No pattern and no statement may hold other sessions up, however long a regular expression would take.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { quickestOf, watchLatency } from '../helpers/latency.ts';
import { mysqlCli } from '../helpers/mysql-cli.ts';
import { APP, Stage, scalar } from '../helpers/stage.ts';

/** What the issue promises. */
const LIMIT_MS = 50;
const ROUNDS = { roundsMax: 12, goodMs: LIMIT_MS };
const EVIL = 'a'.repeat(1024 * 1024);

describe('patterns that would take for ever', () => {
  let stage: Stage;
  let victim: Connection;

  before(async () => {
    stage = await Stage.start({
      rules: [
        { rule_id: 1, active: 1, match_pattern: '(a+)+$', error_msg: 'matched', apply: 1 },
        { rule_id: 2, active: 1, match_pattern: '^(([a-z])+.)+[A-Z]([a-z])+$', error_msg: 'matched', apply: 1 },
        { rule_id: 3, active: 1, match_digest: '(x+x+)+y', error_msg: 'matched', apply: 1 },
      ],
    });
    victim = await stage.connect();
  });

  after(async () => {
    victim?.destroy();
    await stage?.stop();
  });

  /** By a process of its own: what reading the answer costs the client must not look like waiting for sluice. */
  const sendFromOutside = (sql: string): Promise<unknown> =>
    mysqlCli({ port: stage.sluice.mysqlPort, ...APP, input: `${sql}\n;\n`, args: ['--max-allowed-packet=16M'] });

  const othersWait = async (evil: () => Promise<unknown>): Promise<number> => {
    const bystanders = await Promise.all(Array.from({ length: 4 }, () => stage.connect()));
    for (const bystander of bystanders) await bystander.query('SELECT 1');
    const watch = watchLatency(bystanders, 'SELECT 1', stage.sluice.pids());
    await Promise.all([evil(), new Promise((resolve) => setTimeout(resolve, 300))]);
    return (await watch.end()).slowestMs;
  };

  for (const [what, sql] of [
    ['1 MB of a, then something else', `SELECT '${EVIL}!'`],
    ['1 MB of a at the end', `SELECT 1 -- ${EVIL}`],
    ['1 MB of x', `SELECT ${'x'.repeat(1024 * 1024)}`],
    ['1 MB of literals', `SELECT 1 IN (${'1,'.repeat(512 * 1024)}1)`],
    ['1 MB of comment', `SELECT 1 /*${'*'.repeat(1024 * 1024)}*/`],
    ['1 MB of open brackets', `SELECT ${'('.repeat(1024 * 1024)}`],
  ] as const) {
    test(`others wait less than ${LIMIT_MS} ms: ${what}`, async () => {
      const slowestMs = await quickestOf(ROUNDS, () => othersWait(() => sendFromOutside(sql)));
      assert.ok(slowestMs < LIMIT_MS, `another session waited ${slowestMs.toFixed(1)} ms`);
    });
  }

  test('a statement that could not be judged in time is refused, not let through unjudged', async () => {
    const text = `${EVIL}!`;
    // No rule matches this text; an engine that finds out in time may let it through.
    const answer = await scalar(victim, `SELECT '${text}'`).catch((error: { errno: number; message: string }) => error);
    if (typeof answer === 'string') assert.equal(answer === text, true);
    else assert.equal((answer as { message: string }).message === 'matched', false);
    assert.equal(await scalar(victim, 'SELECT 1'), '1');

    const caught = await victim.query(`SELECT 1 -- ${EVIL}`).then(
      () => 'let through',
      () => 'refused',
    );
    assert.equal(caught, 'refused');
  });
});
