import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { compileRules } from '../../../src/rules/compile.ts';
import { MatcherThread, RuleTimeout } from '../../../src/rules/matcher-thread.ts';
import { mainThreadCpuMs } from '../../helpers/cpu-time.ts';
import { quickestOf } from '../../helpers/latency.ts';
import { input, rule } from './helpers.ts';

const OPTIONS = { iterations: 0, regexEngine: 1 } as const;
const MEGABYTE = 1024 * 1024;
/** What an event loop may do for one statement. */
const BUSY_LIMIT_MS = 50;
/** A reference to a group makes this exponential for every engine. */
const HOPELESS = rule({ ruleId: 66, matchPattern: '^(a+)+\\1$', errorMsg: 'no' });
const HOPELESS_TEXT = `${'a'.repeat(MEGABYTE)}b`;

describe('tryDecide', () => {
  it('decides ordinary statements at once', () => {
    const { rules } = compileRules([rule({ ruleId: 1, matchPattern: '(a+)+$' })], OPTIONS);
    // Steps are counted; the clock, which looks after many rules, may jump on a busy machine.
    const still = (): number => 0;
    assert.deepEqual(
      rules.tryDecide(input({ query: 'SELECT aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' }), still)?.hitRules,
      [],
    );
  });

  it('gives up when the steps are used up', () => {
    const { rules } = compileRules([HOPELESS], OPTIONS);
    assert.equal(rules.tryDecide(input({ query: HOPELESS_TEXT })), undefined);
    assert.equal(rules.currentRuleId, 66);
  });

  it('gives up when many cheap matches together take too long', () => {
    const rows = Array.from({ length: 1000 }, (_, i) => rule({ ruleId: i + 1, matchPattern: `x${i}$` }));
    const { rules } = compileRules(rows, OPTIONS);
    let now = 0;
    const slowClock = (): number => now++;
    assert.equal(rules.tryDecide(input({}), slowClock), undefined);
    assert.ok(rules.tryDecide(input({}), () => 0) !== undefined);
  });
});

describe('the matcher thread', () => {
  const threads: MatcherThread[] = [];
  const started = (options: ConstructorParameters<typeof MatcherThread>[0], ...rows: ReturnType<typeof rule>[]) => {
    const thread = new MatcherThread(options);
    threads.push(thread);
    thread.load(rows, OPTIONS, 1);
    return thread;
  };
  after(() => Promise.all(threads.map((thread) => thread.close())));

  for (const [name, tail, hits] of [
    ['1 MB of a', '', [1]],
    ['1 MB of a and a b', 'b', []],
  ] as const) {
    it(`decides (a+)+$ for ${name} exactly, and the event loop does not wait`, async () => {
      const rows = [rule({ ruleId: 1, matchPattern: '(a+)+$' })];
      const thread = started({}, ...rows);
      const { rules } = compileRules(rows, OPTIONS);
      const statement = input({ query: 'a'.repeat(MEGABYTE) + tail });
      // threads started and code compiled: the measured time is matching
      await thread.decide(input({ query: 'a'.repeat(1000) }), 1);
      rules.tryDecide(statement);

      const busyMs = await quickestOf({ roundsMax: 5, goodMs: BUSY_LIMIT_MS }, async () => {
        const before = mainThreadCpuMs();
        const decision = rules.tryDecide(statement) ?? (await thread.decide(statement, 1));
        const roundMs = mainThreadCpuMs() - before;
        assert.deepEqual(decision.hitRules, hits);
        return roundMs;
      });
      assert.ok(busyMs < BUSY_LIMIT_MS, `the event loop was busy for ${busyMs} ms`);
    });
  }

  it('refuses a statement that needs longer than the deadline, and names the rule', async () => {
    const thread = started({ deadlineMs: 50 }, HOPELESS);
    await assert.rejects(thread.decide(input({ query: HOPELESS_TEXT }), 1), (error) => {
      assert.ok(error instanceof RuleTimeout);
      assert.equal(error.ruleId, 66);
      return true;
    });
  });

  it('decides others while a slow statement has its deadline', async () => {
    const thread = started({ deadlineMs: 60_000 }, HOPELESS);
    let slowIsOver = false;
    const slow = thread.decide(input({ query: HOPELESS_TEXT }), 1).finally(() => {
      slowIsOver = true;
    });
    const refused = assert.rejects(slow, /stopping/);
    const decision = await thread.decide(input({ query: 'SELECT 1' }), 1);
    assert.deepEqual(decision.hitRules, []);
    assert.equal(slowIsOver, false);
    await thread.close();
    await refused;
  });

  it('refuses what does not fit in the queue', async () => {
    const thread = started({ queueMax: 1 }, rule({ ruleId: 1 }));
    const results = await Promise.allSettled([1, 2, 3].map(() => thread.decide(input({}), 1)));
    assert.deepEqual(
      results.map((result) => result.status),
      ['fulfilled', 'fulfilled', 'rejected'],
    );
  });

  it('uses the rules loaded last, and refuses a generation it has not got', async () => {
    const thread = started({}, rule({ ruleId: 1 }));
    assert.deepEqual((await thread.decide(input({}), 1)).hitRules, [1]);
    thread.load([rule({ ruleId: 2 })], OPTIONS, 2);
    assert.deepEqual((await thread.decide(input({}), 2)).hitRules, [2]);
    assert.deepEqual((await thread.decide(input({}), 1)).hitRules, [2]);
    await assert.rejects(thread.decide(input({}), 3), RuleTimeout);
  });

  it('rejects what is under way when it is closed', async () => {
    const thread = started({}, rule({ ruleId: 1 }));
    const rejected = assert.rejects(thread.decide(input({}), 1), RuleTimeout);
    await thread.close();
    await rejected;
    await assert.rejects(thread.decide(input({}), 1), RuleTimeout);
  });
});
