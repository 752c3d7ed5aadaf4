import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import {
  briefClientsMin,
  briefStayMs,
  clientsAheadMax,
  clientsAheadWhileBriefMax,
  FairShare,
} from '../../../src/frontend/fair-share.ts';

/** Accepts `count` clients in one go; returns how many stayed and who got the others. */
function burst(share: FairShare, own: { clients: number }, count: number): number[] {
  const passed: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const to = share.passOnTo();
    if (to === undefined) own.clients += 1;
    else passed[to] = (passed[to] ?? 0) + 1;
  }
  return passed;
}

const clock = { ms: 1_000_000, nowMs: () => clock.ms };

function shareOf(own: { clients: number }): FairShare {
  return new FairShare(
    1,
    () => own.clients,
    () => undefined,
    clock,
  );
}

describe('the fair share of clients', () => {
  test('who is alone, or knows of nobody yet, keeps them all', () => {
    const own = { clients: 0 };
    const share = shareOf(own);
    assert.deepEqual(burst(share, own, 20), []);
    share.learn([undefined, 20]);
    assert.deepEqual(burst(share, own, 20), []);
  });

  test('a burst ends up even, whoever has accepted it', () => {
    const own = { clients: 0 };
    const share = shareOf(own);
    share.learn([0, 0, 0]);
    const [first = 0, , third = 0] = burst(share, own, 64);
    assert.equal(own.clients + first + third, 64);
    assert.ok(own.clients - Math.min(first, third) <= clientsAheadMax, `${own.clients}, ${first}, ${third}`);
  });

  test('while clients come for a moment, one after the other, they stay here, up to a point', () => {
    const own = { clients: 0 };
    const share = shareOf(own);
    for (let i = 0; i < briefClientsMin * 2; i += 1) share.left(briefStayMs / 100);
    share.learn([0, 0]);
    assert.deepEqual(burst(share, own, clientsAheadWhileBriefMax), []);
    assert.deepEqual(burst(share, own, 1), [1]);
    clock.ms += 10_000;
    own.clients = 10;
    share.learn([0, 10]);
    assert.deepEqual(burst(share, own, 1), [1], 'that is over');
  });

  test('health checks, and clients who leave after a longer stay, change nothing', () => {
    const own = { clients: 0 };
    const share = shareOf(own);
    for (let i = 0; i < briefClientsMin * 2; i += 1) share.left(briefStayMs);
    for (let i = 0; i < 100; i += 1) {
      share.left(5);
      clock.ms += 100;
    }
    share.learn([0, 0]);
    assert.equal(burst(share, own, 9)[0], 4);
  });

  test('the others are told of each change once, of a client that was not let in after all as well', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const own = { clients: 0 };
      const told: number[] = [];
      const share = new FairShare(
        0,
        () => own.clients,
        (clients) => told.push(clients),
        clock,
      );
      for (const clients of [1, 2]) {
        own.clients = clients;
        share.changed();
      }
      mock.timers.tick(100);
      assert.deepEqual(told, [2]);
      own.clients = 1;
      share.changed();
      mock.timers.tick(100);
      share.changed();
      mock.timers.tick(100);
      assert.deepEqual(told, [2, 1]);
    } finally {
      mock.timers.reset();
    }
  });
});
