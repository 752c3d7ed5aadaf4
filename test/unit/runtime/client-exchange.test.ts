import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { ClientExchange, type ExchangeToWorker, loadsToldMs } from '../../../runtime/client-exchange.ts';

class Handle {
  closed = false;
  close(): void {
    this.closed = true;
  }
}

/** A worker that only listens. */
function workerOf(exchange: ClientExchange, index: number) {
  const heard: { message: ExchangeToWorker; handle: unknown }[] = [];
  exchange.join(index, (message, handle) => heard.push({ message, handle }));
  return {
    clients: () => heard.flatMap(({ message, handle }) => (message.type === 'client' ? [{ ...message, handle }] : [])),
    loads: () => heard.flatMap(({ message }) => (message.type === 'loads' ? [message.clients] : [])),
  };
}

describe('the exchange of clients', () => {
  test('passes a client on to the worker that is meant, and keeps its own end until it is taken', () => {
    const exchange = new ClientExchange();
    const [first, second] = [workerOf(exchange, 0), workerOf(exchange, 1)];
    const client = new Handle();
    assert.ok(exchange.receive(0, { type: 'pass-client', to: 1 } as never, client));
    assert.equal(first.clients().length, 0);
    const [coming] = second.clients();
    assert.equal(coming?.handle, client);
    assert.ok(!client.closed);
    assert.ok(exchange.receive(1, { type: 'client-taken', ticket: coming?.ticket } as never, undefined));
    assert.ok(client.closed);
    assert.ok(!exchange.receive(1, { type: 'applied' }, undefined), 'what is not its business is left alone');
  });

  test('a worker that dies takes along nobody who was on the way to it', () => {
    const exchange = new ClientExchange();
    const [first, second] = [workerOf(exchange, 0), workerOf(exchange, 1)];
    const client = new Handle();
    exchange.receive(0, { type: 'pass-client', to: 1 } as never, client);
    exchange.leave(1);
    assert.equal(second.clients().length, 1);
    assert.equal(first.clients()[0]?.handle, client);
    const stranger = new Handle();
    exchange.receive(0, { type: 'pass-client', to: 1 } as never, stranger);
    assert.equal(first.clients()[1]?.handle, stranger, 'the one that is meant is gone: the next best has it');
    exchange.leave(0);
    assert.ok(client.closed && stranger.closed, 'nobody is left');
  });

  test('everybody learns how many clients each has, those on the way included, once for many changes', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const exchange = new ClientExchange();
      const [first, second] = [workerOf(exchange, 0), workerOf(exchange, 2)];
      exchange.receive(0, { type: 'load', clients: 7 } as never, undefined);
      exchange.receive(2, { type: 'load', clients: 3 } as never, undefined);
      exchange.receive(0, { type: 'pass-client', to: 2 } as never, new Handle());
      mock.timers.tick(loadsToldMs);
      assert.deepEqual(first.loads(), [[7, undefined, 4]]);
      assert.deepEqual(second.loads(), first.loads());
      mock.timers.tick(loadsToldMs);
      assert.equal(first.loads().length, 1);
    } finally {
      mock.timers.reset();
    }
  });
});
