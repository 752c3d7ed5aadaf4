import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { after, describe, it } from 'node:test';
import { isLent, memoryOfClients } from '../../../src/net/lent-memory.ts';
import { endLending, lendReads } from '../../../src/net/lent-reads.ts';

/** An accepted socket, paused as the listener leaves it, and its peer. */
async function pair(server: Server): Promise<{ accepted: Socket; peer: Socket }> {
  const { port } = server.address() as AddressInfo;
  const peer = new Socket();
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(peer.connect(port), 'connect')])) as [
    [Socket],
    unknown,
  ];
  return { accepted, peer };
}

/** Collects what is read until `bytes` are there. */
class Reader {
  text = '';
  lent: boolean[] = [];
  #wanted = 0;
  #enough: () => void = () => undefined;
  readonly onRead = (buffer: Buffer, bytes: number): void => {
    this.lent.push(isLent(buffer));
    this.text += buffer.toString('latin1', 0, bytes);
    if (this.text.length >= this.#wanted) this.#enough();
  };
  async until(bytes: number): Promise<string> {
    this.#wanted = bytes;
    if (this.text.length < bytes)
      await new Promise<void>((resolve) => {
        this.#enough = resolve;
      });
    return this.text;
  }
}

describe('reads into lent memory', async () => {
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => server.close());

  it('go on in the same socket as before, with its address, both ways', async () => {
    const { accepted, peer } = await pair(server);
    const { remotePort } = accepted;
    const reader = new Reader();
    const { socket, early } = lendReads(accepted, memoryOfClients, reader.onRead);
    assert.equal(early.length, 0);
    assert.equal(socket.remotePort, remotePort);
    peer.write('hello');
    socket.resume();
    assert.equal(await reader.until(5), 'hello');
    assert.deepEqual(new Set(reader.lent), new Set([true]));
    socket.write('answer');
    assert.equal(String((await once(peer, 'data'))[0]), 'answer');
    const closed = once(socket, 'close');
    peer.end();
    await closed;
    peer.destroy();
  });

  it('bring first what the socket had read before', async () => {
    const { accepted, peer } = await pair(server);
    // A paused stream goes on reading until its buffer is full.
    accepted.resume();
    accepted.pause();
    peer.write('early');
    await once(accepted, 'readable');
    const reader = new Reader();
    const { socket, early } = lendReads(accepted, memoryOfClients, reader.onRead);
    peer.write('late');
    socket.resume();
    assert.equal(early.toString() + (await reader.until(9 - early.length)), 'earlylate');
    peer.destroy();
    socket.destroy();
  });

  it('stop while the socket is paused', async () => {
    const { accepted, peer } = await pair(server);
    const reader = new Reader();
    const { socket } = lendReads(accepted, memoryOfClients, reader.onRead);
    socket.resume();
    peer.write('a');
    await reader.until(1);
    socket.pause();
    // What the peer hears has been sent after it was written to: by then a socket that reads would have read.
    peer.write('b');
    socket.write('?');
    await once(peer, 'data');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(reader.text, 'a');
    socket.resume();
    assert.equal(await reader.until(2), 'ab');
    peer.destroy();
    socket.destroy();
  });

  it('end for a new login, which reads a stream, and begin again', async () => {
    const { accepted, peer } = await pair(server);
    const first = new Reader();
    const { socket } = lendReads(accepted, memoryOfClients, first.onRead);
    socket.resume();
    peer.write('one');
    await first.until(3);
    endLending(socket);
    const streamed = once(socket, 'data');
    peer.write('two');
    assert.equal(String((await streamed)[0]), 'two');
    socket.pause();
    const second = new Reader();
    const again = lendReads(socket, memoryOfClients, second.onRead);
    assert.equal(again.socket, socket);
    socket.resume();
    peer.write('three');
    assert.equal(again.early.toString() + (await second.until(5 - again.early.length)), 'three');
    assert.equal(first.text, 'one');
    peer.destroy();
    socket.destroy();
  });

  it('are those of a stream where there is no handle to lend to: TLS, compression', async () => {
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    const reader = new Reader();
    const { socket } = lendReads(stream as unknown as Socket, memoryOfClients, reader.onRead);
    assert.equal(socket, stream);
    stream.push('as it is');
    assert.equal(await reader.until(8), 'as it is');
    assert.deepEqual(reader.lent, [false]);
    stream.destroy();
  });
});
