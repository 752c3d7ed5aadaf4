import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { DirectSocket } from '../../../src/net/direct-socket.ts';
import { lendReads } from '../../../src/net/lent-reads.ts';

const CHUNK_BYTES = 48 * 1024;
const CHUNKS = 400;

/** Both ends of a connection; the first one writes past Node's streams. */
async function pair(server: Server): Promise<[Socket, Socket]> {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const peer = new Socket().connect((server.address() as AddressInfo).port);
  await once(peer, 'connect');
  const [plain] = await accepted;
  const memory = Buffer.alloc(1024);
  const { socket } = lendReads(
    plain,
    () => memory,
    () => undefined,
  );
  assert.ok(socket instanceof DirectSocket);
  return [socket, peer];
}

describe('writes past the streams', () => {
  let server: Server;
  before(async () => {
    server = createServer({ pauseOnConnect: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => server.close());

  test('arrive whole and in order at a peer that begins to read late', async () => {
    const [socket, peer] = await pair(server);
    peer.pause();
    const chunk = (n: number) => Buffer.alloc(CHUNK_BYTES, n % 251);
    let written = 0;
    while (written < CHUNKS && socket.write(chunk(written++)));
    assert.ok(written < CHUNKS, 'the kernel did not take everything');
    assert.ok(!(socket as DirectSocket).sentAll);
    assert.ok(socket.writableLength > 0);
    const received: Buffer[] = [];
    const done = (async () => {
      for await (const bytes of peer as AsyncIterable<Buffer>) received.push(bytes);
    })();
    while (written < CHUNKS) if (!socket.write(chunk(written++))) await once(socket, 'drain');
    socket.end();
    await done;
    const expected = Buffer.concat(Array.from({ length: CHUNKS }, (_, n) => chunk(n)));
    assert.ok(Buffer.concat(received).equals(expected));
    assert.ok((socket as DirectSocket).sentAll);
    socket.destroy();
  });

  test('text and callbacks go the usual way, between bytes', async () => {
    const [socket, peer] = await pair(server);
    socket.write(Buffer.from('one '));
    await new Promise<void>((resolve) => socket.write('two ', () => resolve()));
    socket.write(Buffer.from('three'));
    socket.end();
    const chunks: Buffer[] = [];
    for await (const bytes of peer as AsyncIterable<Buffer>) chunks.push(bytes);
    assert.equal(Buffer.concat(chunks).toString(), 'one two three');
    socket.destroy();
  });

  test('to a peer that has gone end the socket, those to an ended one are an error as ever', async () => {
    const [socket, peer] = await pair(server);
    socket.on('error', () => undefined);
    peer.resetAndDestroy();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const again = setInterval(() => socket.write(Buffer.from('x')), 1);
    await closed;
    clearInterval(again);
    assert.equal(socket.writableLength, 0);

    const [ended, other] = await pair(server);
    const failed = once(ended, 'error') as Promise<[NodeJS.ErrnoException]>;
    ended.end();
    ended.write(Buffer.from('late'));
    assert.equal((await failed)[0].code, 'ERR_STREAM_WRITE_AFTER_END');
    other.destroy();
    ended.destroy();
  });
});
