import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { BusyPoll, busyPollReadsMin } from '../../../src/net/busy-poll.ts';

/** Turns of the event loop until nothing is looked for any more. */
async function turnsOf(wait: BusyPoll): Promise<number> {
  let turns = 0;
  for (; wait.awake && turns < 10_000_000; turns += 1) await turn();
  return turns;
}

/** One client has been at work. */
function withClient(wait: BusyPoll, client: object = wait): void {
  for (let i = 0; i <= busyPollReadsMin; i += 1) wait.receivedFrom(client);
}

describe('waiting awake', () => {
  it('is off unless it is asked for, and while several clients are at work', async () => {
    const wait = new BusyPoll();
    withClient(wait);
    wait.begin();
    assert.ok(!wait.awake);
    wait.setLimit(1_000);
    withClient(wait);
    wait.receivedFrom({});
    wait.begin();
    assert.ok(!wait.awake);
  });

  it('turns until something comes, or until its time is over', async () => {
    const wait = new BusyPoll();
    wait.setLimit(60_000_000);
    withClient(wait);
    wait.begin();
    for (let i = 0; i < 100; i += 1) await turn();
    assert.ok(wait.awake);
    wait.received();
    assert.ok(!wait.awake);
    wait.setLimit(2_000);
    wait.begin();
    const begun = performance.now();
    assert.ok((await turnsOf(wait)) > 0);
    assert.ok(performance.now() - begun >= 1.5);
  });

  it('rests when it was in vain too often, and tries again now and then', async () => {
    const wait = new BusyPoll();
    wait.setLimit(1);
    withClient(wait);
    let waits = 0;
    for (let i = 0; i < 2_000; i += 1) {
      wait.begin();
      if (!wait.awake) continue;
      waits += 1;
      await turnsOf(wait);
    }
    assert.ok(waits >= 16 && waits <= 32, `${waits} waits in vain`);
  });

  it('goes on as long as something comes in time', () => {
    const wait = new BusyPoll();
    wait.setLimit(60_000_000);
    withClient(wait);
    for (let i = 0; i < 1_000; i += 1) {
      wait.begin();
      assert.ok(wait.awake);
      wait.received();
    }
  });
});
