/** How far servers are behind, by what their readers have told and when. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type GtidInterval, GtidSet } from '../../../src/gtid/gtid-set.ts';
import { LagLog, lagLogEntriesMax, lagLogStepMs } from '../../../src/gtid/lag-log.ts';

const SOURCE = '3e11fa47-71ca-11e1-9e33-c80aa9429562';

/** A server whose reader tells the log. */
class Told {
  readonly executed = new GtidSet();
  reached: number;
  readonly #log: LagLog;

  constructor(log: LagLog, nowMs: number) {
    this.#log = log;
    this.reached = log.first;
    log.began(this.executed, nowMs);
  }

  tell(interval: GtidInterval, nowMs: number): void {
    assert.ok(this.executed.add(SOURCE, interval));
    this.#log.heard(SOURCE, interval, nowMs);
    this.reached = this.#log.advance(this.reached, this.executed);
  }

  get lacksSinceMs(): number {
    return this.#log.lacksSinceMs(this.reached, this.executed);
  }
}

const only = (number: number): GtidInterval => ({ first: number, last: number });

describe('lags of servers', () => {
  test('a server lacks something since the first transaction that only another one has told of', () => {
    const log = new LagLog();
    const writer = new Told(log, 0);
    const replica = new Told(log, 0);
    assert.equal(replica.lacksSinceMs, Number.POSITIVE_INFINITY);
    writer.tell(only(1), 1_000);
    writer.tell(only(2), 2_000);
    writer.tell(only(3), 3_000);
    assert.equal(writer.lacksSinceMs, Number.POSITIVE_INFINITY);
    assert.equal(replica.lacksSinceMs, 1_000);
    replica.tell(only(1), 3_100);
    assert.equal(replica.lacksSinceMs, 2_000);
    replica.tell({ first: 2, last: 3 }, 3_200);
    assert.equal(replica.lacksSinceMs, Number.POSITIVE_INFINITY);
    writer.tell(only(4), 4_000);
    assert.equal(replica.lacksSinceMs, 4_000, 'it has said nothing in between');
  });

  test('what follows at once is one run, which nobody has passed who has only its beginning', () => {
    const log = new LagLog();
    const writer = new Told(log, 0);
    const replica = new Told(log, 0);
    writer.tell(only(1), 1_000);
    replica.tell(only(1), 1_001);
    writer.tell(only(2), 1_000 + lagLogStepMs - 1);
    assert.equal(replica.lacksSinceMs, 1_000, 'as exact as a step');
    writer.tell(only(3), 2_000);
    replica.tell(only(2), 2_001);
    assert.equal(replica.lacksSinceMs, 2_000);
  });

  test('a server that begins to tell lacks since then what others have told of before', () => {
    const log = new LagLog();
    const writer = new Told(log, 0);
    writer.tell({ first: 1, last: 100 }, 1_000);
    writer.tell(only(101), 2_000);
    log.forget(writer.reached);
    const late = new Told(log, 5_000);
    assert.ok(late.lacksSinceMs <= 5_000);
    late.tell({ first: 1, last: 100 }, 5_001);
    assert.ok(late.lacksSinceMs <= 5_000);
    late.tell(only(101), 5_002);
    assert.equal(late.lacksSinceMs, Number.POSITIVE_INFINITY);
  });

  test('who lacks more than is remembered lacks it for ever, until he has everything', () => {
    const log = new LagLog();
    const writer = new Told(log, 0);
    const replica = new Told(log, 0);
    const count = lagLogEntriesMax + 10;
    for (let number = 1; number <= count; number++) writer.tell(only(number), number * lagLogStepMs);
    assert.equal(replica.lacksSinceMs, Number.NEGATIVE_INFINITY);
    replica.tell({ first: 1, last: count - 1 }, count * lagLogStepMs + 1);
    assert.equal(replica.lacksSinceMs, Number.NEGATIVE_INFINITY);
    replica.tell(only(count), count * lagLogStepMs + 2);
    assert.equal(replica.lacksSinceMs, Number.POSITIVE_INFINITY);
  });

  test('what everybody has is forgotten, and nothing else', () => {
    const log = new LagLog();
    const writer = new Told(log, 0);
    const replica = new Told(log, 0);
    for (let number = 1; number <= 5; number++) writer.tell(only(number), number * 1_000);
    replica.tell({ first: 1, last: 2 }, 6_000);
    log.forget(Math.min(writer.reached, replica.reached));
    assert.equal(log.first, 2);
    assert.equal(replica.lacksSinceMs, 3_000);
  });
});
