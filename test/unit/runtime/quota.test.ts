/** Limits over all workers: the primary's ledger and the workers' purses, with messages that take their time. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { QuotaHolder } from '../../../runtime/quota/holder.ts';
import { QuotaLedger, type QuotaLink } from '../../../runtime/quota/ledger.ts';
import { type QuotaToPrimary, type QuotaToWorker, userKey } from '../../../runtime/quota/messages.ts';
import { fc } from '../../helpers/properties.ts';

const KEY = userKey('app');

/** Workers and a primary whose messages arrive when `deliver` says so, each way in order. */
class Stage {
  limit: number;
  readonly ledger: QuotaLedger;
  readonly workers: FakeWorker[] = [];

  constructor(limit: number, workers: number) {
    this.limit = limit;
    this.ledger = new QuotaLedger({ limitOf: () => this.limit });
    for (let index = 0; index < workers; index += 1) this.workers.push(new FakeWorker(this));
  }

  get used(): number {
    return this.workers.reduce((sum, worker) => sum + worker.busy + worker.idle, 0);
  }

  /** Delivers until nobody has anything to say. */
  settle(): void {
    while (this.workers.some((worker) => worker.deliver()));
  }
}

class FakeWorker implements QuotaLink {
  busy = 0;
  idle = 0;
  waiting = 0;
  alive = true;
  readonly holder: QuotaHolder;
  readonly #stage: Stage;
  readonly #toPrimary: QuotaToPrimary[] = [];
  readonly #toWorker: QuotaToWorker[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
    this.holder = new QuotaHolder({
      shared: true,
      limitOf: () => stage.limit,
      send: (message) => this.#toPrimary.push(message),
      usedOf: () => this.busy + this.idle,
      free: (_key, count) => {
        this.idle -= Math.min(this.idle, count);
      },
      onGrant: () => this.serve(),
    });
    stage.ledger.attach(this);
  }

  send(message: QuotaToWorker): void {
    this.#toWorker.push(message);
  }

  /** A connection for somebody, now or later. */
  demand(): void {
    this.waiting += 1;
    this.serve();
  }

  serve(): void {
    while (this.waiting > 0) {
      if (this.idle > 0) this.idle -= 1;
      else if (this.busy + this.idle >= this.holder.granted(KEY, this.#stage.limit)) return this.holder.want(KEY);
      this.busy += 1;
      this.waiting -= 1;
    }
    this.holder.wantNoMore(KEY);
  }

  finish(): void {
    if (this.busy === 0) return;
    this.busy -= 1;
    if (!this.holder.contested(KEY)) this.idle += 1;
    this.holder.released(KEY);
    this.serve();
  }

  die(): void {
    this.alive = false;
    this.busy = this.idle = this.waiting = 0;
    this.#toPrimary.length = this.#toWorker.length = 0;
    this.#stage.ledger.detach(this);
  }

  deliver(): boolean {
    const up = this.#toPrimary.shift();
    if (up !== undefined) this.#stage.ledger.receive(this, up);
    const down = this.#toWorker.shift();
    if (down !== undefined && this.alive) this.holder.receive(down);
    return up !== undefined || down !== undefined;
  }
}

describe('limits over all workers', () => {
  test('the first worker gets a batch, and asks no more for a while', () => {
    const stage = new Stage(80, 2);
    const [one] = stage.workers as [FakeWorker, FakeWorker];
    one.demand();
    stage.settle();
    assert.equal(one.busy, 1);
    assert.equal(one.holder.granted(KEY, stage.limit), 10);
  });

  test('a place that one worker holds idle serves the other', () => {
    const stage = new Stage(1, 2);
    const [one, two] = stage.workers as [FakeWorker, FakeWorker];
    one.demand();
    stage.settle();
    one.finish();
    assert.equal(one.idle, 1);
    two.demand();
    stage.settle();
    assert.deepEqual([one.idle, two.busy, two.waiting], [0, 1, 0]);
  });

  test('who waits is served when a place becomes free elsewhere, although its holder would have use for it', () => {
    const stage = new Stage(2, 2);
    const [one, two] = stage.workers as [FakeWorker, FakeWorker];
    for (let i = 0; i < 4; i += 1) one.demand();
    stage.settle();
    two.demand();
    stage.settle();
    assert.deepEqual([one.busy, two.busy], [2, 0]);
    // It asked first, and so it gets the first place that becomes free; the next one is the other's.
    one.finish();
    stage.settle();
    one.finish();
    stage.settle();
    assert.deepEqual([one.busy, two.busy], [1, 1]);
  });

  test('asking at once is refused when every place is in use, and granted when one is not', async () => {
    const stage = new Stage(2, 2);
    const [one, two] = stage.workers as [FakeWorker, FakeWorker];
    const ask = (worker: FakeWorker): Promise<boolean> => {
      const answer = worker.holder.takeOrAsk(KEY, () => {
        worker.busy += 1;
      });
      stage.settle();
      return answer;
    };
    assert.deepEqual([await ask(one), await ask(one), await ask(two)], [true, true, false]);
    one.busy -= 1;
    assert.equal(await ask(two), true);
    assert.equal(await ask(one), false);
  });

  test('of many who ask at once nobody is refused while a place is free', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(1), { minLength: 2, maxLength: 24 }),
        fc.integer({ min: -2, max: 100 }),
        fc.infiniteStream(fc.nat(2)),
        async (askers, spare, order) => {
          const stage = new Stage(Math.max(1, askers.length + spare), 2);
          const { limit } = stage;
          let asking = askers.length;
          let granted = 0;
          for (const who of askers) {
            const worker = stage.workers[who] as FakeWorker;
            const answer = worker.holder.takeOrAsk(KEY, () => {
              worker.busy += 1;
            });
            void answer.then((taken) => {
              asking -= 1;
              if (taken) granted += 1;
            });
          }
          while (asking > 0) {
            // Each message comes when it does, and what waits for it goes on before the next one, or later.
            const turn = order.next().value as number;
            if (turn < 2) stage.workers[turn]?.deliver();
            else await Promise.resolve();
          }
          assert.equal(granted, Math.min(limit, askers.length), `of ${askers.length}, with ${limit} places`);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a smaller limit calls places back, a larger one serves who waits', () => {
    const stage = new Stage(4, 2);
    const [one, two] = stage.workers as [FakeWorker, FakeWorker];
    for (let i = 0; i < 4; i += 1) one.demand();
    stage.settle();
    for (let i = 0; i < 3; i += 1) one.finish();
    stage.limit = 1;
    stage.ledger.limitsChanged();
    stage.settle();
    assert.deepEqual([stage.used, stage.ledger.grantedOf(KEY)], [1, 1]);
    two.demand();
    stage.settle();
    assert.equal(two.busy, 0);
    stage.limit = 2;
    stage.ledger.limitsChanged();
    stage.settle();
    assert.equal(two.busy, 1);
  });

  test('a worker that dies leaves its places to the others', () => {
    const stage = new Stage(1, 2);
    const [one, two] = stage.workers as [FakeWorker, FakeWorker];
    one.demand();
    stage.settle();
    two.demand();
    stage.settle();
    one.die();
    stage.settle();
    assert.equal(two.busy, 1);
  });

  test('whatever happens, the limit holds, and nobody waits while a place is free', () => {
    const action = fc.record({
      what: fc.constantFrom('demand', 'demand', 'finish', 'finish', 'deliver', 'deliver', 'deliver', 'die'),
      who: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(action, { maxLength: 120 }), (limit, actions) => {
        const stage = new Stage(limit, 3);
        for (const { what, who } of actions) {
          const worker = stage.workers[who] as FakeWorker;
          if (!worker.alive) continue;
          // One stays.
          if (what === 'die' && who > 0) worker.die();
          else if (what !== 'die') worker[what]();
          assert.ok(stage.used <= limit);
          assert.ok(stage.ledger.grantedOf(KEY) <= limit);
        }
        stage.settle();
        const waiting = stage.workers.reduce((sum, worker) => sum + worker.waiting, 0);
        const busy = stage.workers.reduce((sum, worker) => sum + worker.busy, 0);
        assert.ok(waiting === 0 || busy === limit, `${waiting} wait, ${busy} of ${limit} are busy`);
      }),
      { numRuns: 2_000 },
    );
  });
});
