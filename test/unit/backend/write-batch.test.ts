import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { batchedFrameBytesMax, WriteBatch } from '../../../src/backend/write-batch.ts';

/** Notes what is written; `full` is a socket that keeps everything for later. */
function fakeSocket(full = false) {
  const writes: Buffer[] = [];
  const socket = {
    writableNeedDrain: full,
    writableLength: 0,
    write(bytes: Buffer) {
      writes.push(full ? bytes : Buffer.from(bytes));
      if (full) socket.writableLength += bytes.length;
      return !full;
    },
  };
  return { socket: socket as unknown as Socket, writes };
}

const endOfTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('what one turn of the event loop sends to a server', () => {
  it('leaves in one write', async () => {
    const { socket, writes } = fakeSocket();
    const batch = new WriteBatch(socket);
    batch.add(Buffer.from('one'));
    batch.add(Buffer.from('two'));
    assert.equal(writes.length, 0);
    await endOfTurn();
    assert.deepEqual(writes.map(String), ['onetwo']);
    batch.add(Buffer.from('three'));
    await endOfTurn();
    assert.deepEqual(writes.map(String), ['onetwo', 'three']);
  });

  it('keeps its order when something is long', async () => {
    const { socket, writes } = fakeSocket();
    const batch = new WriteBatch(socket);
    const long = Buffer.alloc(batchedFrameBytesMax + 1, 'x');
    batch.add(Buffer.from('before'));
    batch.add(long);
    batch.add(Buffer.from('after'));
    await endOfTurn();
    assert.deepEqual(writes.map(String), ['before', long.toString(), 'after']);
  });

  it('is not overwritten while the socket still holds it', async () => {
    const { socket, writes } = fakeSocket(true);
    const batch = new WriteBatch(socket);
    assert.equal(batch.add(Buffer.from('one')), false, 'the socket is full');
    await endOfTurn();
    batch.add(Buffer.from('two'));
    await endOfTurn();
    assert.deepEqual(writes.map(String), ['one', 'two']);
  });

  it('is forgotten with the connection', async () => {
    const { socket, writes } = fakeSocket();
    const batch = new WriteBatch(socket);
    batch.add(Buffer.from('one'));
    batch.drop();
    await endOfTurn();
    assert.deepEqual(writes, []);
  });
});
