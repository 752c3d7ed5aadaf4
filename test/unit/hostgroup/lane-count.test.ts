import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LaneCount, laneLookAnswersMin } from '../../../src/hostgroup/lane-count.ts';

/** `clients` ask again as soon as they have their answer; `msFor` is how long one takes with so many lanes. */
function play(count: LaneCount, looks: number, clients: number, msFor: (lanes: number) => number, startMs = 0): void {
  for (let look = 1; look <= looks; look += 1) {
    const ms = msFor(count.lanes);
    for (let i = 0; i < Math.round((clients * 100) / ms); i += 1) count.note(ms);
    count.adapt(startMs + look * 100);
  }
}

describe('how many lanes a server is to have', () => {
  it('is one where more make nothing quicker', () => {
    const count = new LaneCount();
    let most = 0;
    let more = 0;
    for (let round = 0; round < 300; round += 1) {
      play(count, 1, 16, (lanes) => 1 + 0.1 * (lanes - 1), round * 100);
      most = Math.max(most, count.lanes);
      if (count.lanes > 1) more += 1;
    }
    assert.equal(most, 2);
    assert.ok(more < 30, `${more} of 300 looks with more than one lane`);
  });

  it('grows with a server that answers as many at once as it has processors', () => {
    const count = new LaneCount();
    const processors = 8;
    play(count, 300, 32, (lanes) => (0.2 * 32) / Math.min(lanes, processors));
    assert.ok(count.lanes >= 6 && count.lanes <= 12, String(count.lanes));
  });

  it('shrinks when processors are lost', () => {
    const count = new LaneCount();
    play(count, 200, 32, (lanes) => (0.2 * 32) / Math.min(lanes, 8));
    const before = count.lanes;
    play(count, 2_000, 32, (lanes) => (0.2 * 32) / Math.min(lanes, 2), 20_000);
    assert.ok(count.lanes < before && count.lanes <= 4, `${before} -> ${count.lanes}`);
  });

  it('does not grow beyond what is under way', () => {
    const count = new LaneCount();
    play(count, 300, 4, (lanes) => (0.2 * 4) / lanes);
    assert.ok(count.lanes <= 4, String(count.lanes));
  });

  it('is not tried again after every pause, but soon when the load is another one', () => {
    const count = new LaneCount();
    const slower = (lanes: number) => 1 + 0.1 * (lanes - 1);
    let more = 0;
    for (let look = 1; look <= 400; look += 1) {
      // Two seconds of work, half a second of nothing.
      if (look % 25 < 5) count.adapt(look * 100);
      else play(count, 1, 8, slower, look * 100 - 100);
      if (look > 100 && count.lanes > 1) more += 1;
    }
    assert.ok(more <= 12, `${more} of 300 looks with more than one lane`);
    let looks = 0;
    for (; count.lanes === 1 && looks < 100; looks += 1) play(count, 1, 64, (lanes) => 6 / lanes, 40_000 + looks * 100);
    assert.ok(looks <= 8, `another lane after ${looks} looks`);
  });

  it('stays as it is while next to nothing comes', () => {
    const count = new LaneCount();
    for (let look = 1; look < 50; look += 1) {
      for (let i = 0; i < laneLookAnswersMin - 1; i += 1) count.note(50);
      count.adapt(look * 100);
    }
    assert.equal(count.lanes, 1);
  });
});
