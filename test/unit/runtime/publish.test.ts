import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mergeRows } from '../../../runtime/merge-stats.ts';
import type { PrimaryToWorker, WorkerToPrimary } from '../../../runtime/messages.ts';
import { Publisher, publishSliceRowsMax, type WorkerLink } from '../../../runtime/publisher.ts';
import type { UserEntry } from '../../../runtime/snapshot.ts';
import { Subscriber, type WorkerSnapshot } from '../../../runtime/subscriber.ts';

function user(username: string): UserEntry {
  return {
    username,
    password: 'secret',
    useSsl: false,
    defaultHostgroup: 0,
    defaultSchema: '',
    schemaLocked: false,
    transactionPersistent: true,
    fastForward: false,
    backend: true,
    frontend: true,
    maxConnections: 100,
    attributes: '',
    comment: '',
  };
}

/** A worker that takes messages when told to, so that tests see what lies between. */
class HeldWorker {
  readonly messages: PrimaryToWorker[] = [];
  readonly seen: WorkerSnapshot[] = [];
  abandoned: string | undefined;
  readonly link: WorkerLink;
  readonly #publisher: Publisher;
  readonly #subscriber = new Subscriber((snapshot) => this.seen.push(snapshot));

  constructor(publisher: Publisher, index: number) {
    this.#publisher = publisher;
    this.link = {
      index,
      send: (message) => void this.messages.push(structuredClone(message)),
      abandon: (reason) => {
        this.abandoned = reason;
      },
    };
  }

  get current(): WorkerSnapshot {
    return this.#subscriber.current;
  }

  take(count = this.messages.length): void {
    for (const message of this.messages.splice(0, count)) {
      if (message.type !== 'publish-begin' && message.type !== 'publish-slice' && message.type !== 'publish-commit')
        continue;
      const applied = this.#subscriber.handle(message);
      if (applied !== undefined) this.answer({ type: 'applied', generation: applied });
    }
  }

  answer(message: WorkerToPrimary): void {
    this.#publisher.receive(this.link, message);
  }
}

async function publisherWith(count: number): Promise<{ publisher: Publisher; workers: HeldWorker[] }> {
  const publisher = new Publisher();
  const workers = Array.from({ length: count }, (_, index) => new HeldWorker(publisher, index));
  for (const worker of workers) {
    const attached = publisher.attach(worker.link);
    await new Promise(setImmediate);
    worker.take();
    await attached;
  }
  return { publisher, workers };
}

const TICK = () => new Promise(setImmediate);

describe('publishing a generation', () => {
  it('answers only when every worker has it', async () => {
    const { publisher, workers } = await publisherWith(2);
    let answered = false;
    const published = publisher.publish({ users: [user('a')] }).then((n) => {
      answered = true;
      return n;
    });
    await TICK();
    workers[0]?.take();
    await TICK();
    assert.equal(answered, false);
    workers[1]?.take();
    assert.equal(await published, publisher.current.generation);
    assert.deepEqual(
      workers.map((w) => w.current.users.frontend.get('a')?.username),
      ['a', 'a'],
    );
  });

  it('shows a worker the old runtime until the commit, then the new one, never a mix', async () => {
    const { publisher, workers } = await publisherWith(1);
    const worker = workers[0] as HeldWorker;
    const many = Array.from({ length: publishSliceRowsMax * 3 + 1 }, (_, i) => user(`u${i}`));
    const published = publisher.publish({ users: many, servers: [], mysqlVariables: { threads: '4' } });
    await TICK();
    const steps = worker.messages.length;
    assert.equal(steps, 1 + 4 + 1, 'begin, four slices of users, commit');
    for (let step = 1; step < steps; step++) {
      worker.take(1);
      assert.equal(worker.current.users.frontend.get('u0'), undefined);
      assert.deepEqual(worker.current.mysqlVariables, {});
    }
    worker.take(1);
    for (const one of many) assert.deepEqual(worker.current.users.frontend.get(one.username), one);
    assert.equal(worker.current.mysqlVariables.threads, '4');
    await published;
  });

  it('keeps the parts a publish does not name', async () => {
    const { publisher, workers } = await publisherWith(1);
    const worker = workers[0] as HeldWorker;
    for (const parts of [{ users: [user('a')] }, { mysqlVariables: { threads: '2' } }]) {
      const published = publisher.publish(parts);
      await TICK();
      worker.take();
      await published;
    }
    assert.equal(worker.current.users.frontend.get('a')?.username, 'a');
    assert.equal(worker.current.mysqlVariables.threads, '2');
    assert.deepEqual(structuredClone(publisher.current), publisher.current, 'plain data');
  });

  it('brings a worker that joins late to the current runtime', async () => {
    const { publisher, workers } = await publisherWith(1);
    const published = publisher.publish({ users: [user('a')] });
    await TICK();
    workers[0]?.take();
    await published;
    const late = new HeldWorker(publisher, 1);
    const attached = publisher.attach(late.link);
    await TICK();
    late.take();
    await attached;
    assert.equal(late.current.generation, publisher.current.generation);
    assert.equal(late.current.users.frontend.get('a')?.username, 'a');
  });

  it('goes on without a worker that died', async () => {
    const { publisher, workers } = await publisherWith(2);
    const published = publisher.publish({ users: [user('a')] });
    await TICK();
    workers[0]?.take();
    publisher.detach((workers[1] as HeldWorker).link);
    await published;
    assert.equal(publisher.current.users.length, 1);
  });
});

describe('merging rows of workers', () => {
  it('adds counters and keeps extremes', () => {
    const row = {
      hostgroup: 1,
      schemaname: 's',
      username: 'u',
      clientAddress: '',
      digest: '0x1',
      digestText: 't',
      countStar: 2,
      firstSeen: 10,
      lastSeen: 20,
      sumTimeUs: 5,
      minTimeUs: 1,
      maxTimeUs: 4,
      sumRowsAffected: 0,
      sumRowsSent: 3,
    };
    const other = { ...row, countStar: 3, firstSeen: 5, lastSeen: 15, minTimeUs: 2, maxTimeUs: 9 };
    assert.deepEqual(mergeRows('query-digest', [[row], [other, { ...other, digest: '0x2' }]]), [
      { ...row, countStar: 5, firstSeen: 5, lastSeen: 20, sumTimeUs: 10, minTimeUs: 1, maxTimeUs: 9, sumRowsSent: 6 },
      { ...other, digest: '0x2' },
    ]);
  });
});
