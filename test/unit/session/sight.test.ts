/** What statements have to see: by their comments, by rules, and where nobody could tell. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GtidSet, parseGtidSet } from '../../../src/gtid/gtid-set.ts';
import { gtidSourcesOf } from '../../../src/gtid/gtid-sources.ts';
import { Counters } from '../../../src/observe/counters.ts';
import { type AsOf, type Decision, NO_DECISION } from '../../../src/rules/decision.ts';
import { sightOf } from '../../../src/session/sight.ts';

const NOW_MS = 1_700_000_000_000;
const GTID = '8a94f357-aab4-11df-86ab-c80aa9429562:1';
const NOTHING_ASKED: AsOf = { gtids: undefined, maxLagMs: undefined, minEpochMs: undefined };

interface Asked {
  readonly decision?: Partial<Decision>;
  readonly hostgroup?: number;
  readonly command?: 'query' | 'prepare';
  readonly counters?: Counters;
}

/** The session has written in hostgroup 0, whose writes are known; only servers of hostgroup 1 have readers. */
function sight({ decision = {}, hostgroup = 1, command = 'query', counters = new Counters() }: Asked) {
  const written = new Map([[0, parseGtidSet(GTID) ?? new GtidSet()]]);
  const hostgroups = { nowMs: () => NOW_MS, tellsGtids: (id: number) => id === 1 };
  const found = sightOf({ command, decision: { ...NO_DECISION, ...decision }, hostgroup }, written, {
    gtidSources: new Set([0]),
    hostgroups,
    counters,
  });
  return found === undefined ? undefined : { gtids: found.gtids?.toString(), sinceMs: found.sinceMs };
}

describe('what a statement has to see', () => {
  test('nothing, when nobody asks, or while it is only prepared', () => {
    assert.equal(sight({}), undefined);
    assert.equal(sight({ decision: { gtidFromHostgroup: 0 }, command: 'prepare' }), undefined);
  });

  test('the last write of its session, by a rule, where it is known who has executed it', () => {
    assert.deepEqual(sight({ decision: { gtidFromHostgroup: 0 } }), { gtids: `${GTID}-1`, sinceMs: undefined });
    assert.equal(sight({ decision: { gtidFromHostgroup: 0 }, hostgroup: 2 }), undefined);
    assert.equal(sight({ decision: { gtidFromHostgroup: 3 } }), undefined, 'nothing was written there');
  });

  test('what its comment asks for, in place of that and wherever it goes', () => {
    const gtids = parseGtidSet(GTID.replace(/1$/, '7'));
    const decision = { gtidFromHostgroup: 0, asOf: { ...NOTHING_ASKED, gtids } };
    for (const hostgroup of [1, 2])
      assert.deepEqual(sight({ decision, hostgroup }), { gtids: GTID.replace(/1$/, '7-7'), sinceMs: undefined });
  });

  test('what was there some time ago; a time to come, and one too long ago, ask for nothing', () => {
    const counters = new Counters();
    const since = (asked: Partial<AsOf>) => sight({ decision: { asOf: { ...NOTHING_ASKED, ...asked } }, counters });
    assert.deepEqual(since({ maxLagMs: 5 }), { gtids: undefined, sinceMs: NOW_MS - 5 });
    assert.deepEqual(since({ minEpochMs: NOW_MS - 7 }), { gtids: undefined, sinceMs: NOW_MS - 7 });
    assert.deepEqual(since({ minEpochMs: NOW_MS - 600_000 }), { gtids: undefined, sinceMs: NOW_MS - 600_000 });
    assert.equal(since({ minEpochMs: NOW_MS - 600_001 }), undefined);
    assert.equal(since({ minEpochMs: NOW_MS + 1 }), undefined);
    assert.equal(counters.queries_with_max_lag_ms, 3);
  });
});

describe('whose writes are known', () => {
  const rules = [{ gtidFromHostgroup: 4 }, { gtidFromHostgroup: null }];

  test('those in hostgroups that rules name, once any server has a reader', () => {
    assert.equal(gtidSourcesOf(rules, [{ gtidPort: 0 }], false).size, 0);
    const sources = gtidSourcesOf(rules, [{ gtidPort: 0 }, { gtidPort: 1 }], false);
    assert.deepEqual([sources.size, sources.has(4), sources.has(5)], [1, true, false]);
  });

  test('all of them with mysql-default_session_track_gtids = OWN_GTID', () => {
    const sources = gtidSourcesOf([], [], true);
    assert.ok(sources.size > 0 && sources.has(0) && sources.has(77));
  });
});
