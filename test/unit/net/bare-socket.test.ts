import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { asBare, type BareSocket, fullSocket } from '../../../src/net/bare-socket.ts';
import { isLent } from '../../../src/net/lent-memory.ts';
import { createListener, type Listener } from '../../../src/net/listener.ts';
import { temporaryFolder } from '../../helpers/reaper.ts';

const CHUNK_BYTES = 48 * 1024;
const CHUNKS = 120;

describe('a bare socket', () => {
  const path = `${temporaryFolder('bare')}/socket`;
  let accepted: (socket: Socket) => void;
  let listener: Listener;
  let port: number;
  before(async () => {
    listener = createListener((socket) => accepted(socket), { bare: true });
    await listener.rebind([
      { kind: 'tcp', host: '127.0.0.1', port: 0 },
      { kind: 'unix', path },
    ]);
    port = Number(listener.addresses[0]?.split(':')[1]);
  });
  after(() => listener.close());

  /** Both ends of a connection: the accepted one, as it comes, and its peer. */
  async function pair(where: { port: number } | { path: string } = { port }): Promise<[BareSocket, Socket]> {
    const coming = new Promise<Socket>((resolve) => {
      accepted = resolve;
    });
    const peer = new Socket({ allowHalfOpen: true }).connect({ host: '127.0.0.1', ...where });
    const bare = asBare(await coming);
    assert.ok(bare !== undefined);
    return [bare, peer];
  }

  test('knows both addresses; on a Unix socket there are none', async () => {
    const [tcp, peer] = await pair();
    assert.deepEqual([tcp.remoteAddress, tcp.remotePort], ['127.0.0.1', peer.localPort]);
    assert.deepEqual([tcp.localAddress, tcp.localPort], ['127.0.0.1', port]);
    const [unix, other] = await pair({ path });
    assert.equal(unix.remoteAddress, undefined);
    unix.resume().write(Buffer.from('over the file'));
    assert.equal(String((await once(other, 'data'))[0]), 'over the file');
    for (const socket of [tcp, unix, peer, other]) socket.destroy();
  });

  test('lends what it reads to its owner, and gives it away as data', async () => {
    const [bare, peer] = await pair();
    const seen: string[] = [];
    const lent = new Promise<void>((resolve) => {
      bare.owner = {
        onRead(buffer, bytes) {
          assert.ok(isLent(buffer));
          seen.push(buffer.toString('latin1', 0, bytes));
          resolve();
        },
        onClose() {},
      };
    });
    bare.resume();
    peer.write('lent');
    await lent;
    bare.owner = undefined;
    const given = once(bare, 'data') as Promise<[Buffer]>;
    peer.write('given');
    const [bytes] = await given;
    assert.ok(!isLent(bytes));
    assert.deepEqual([...seen, String(bytes)], ['lent', 'given']);
    bare.destroy();
    peer.destroy();
  });

  test('tells its owner of the end, of a failure and of the close, in this order', async () => {
    async function heardOf(leave: (peer: Socket) => void): Promise<string[]> {
      const [bare, peer] = await pair();
      const heard: string[] = [];
      const closed = new Promise<void>((resolve) => {
        bare.owner = {
          onRead() {},
          onEnd: () => void heard.push('end'),
          onError: (error) => void heard.push(`${(error as NodeJS.ErrnoException).code}`),
          onClose() {
            heard.push('close');
            resolve();
          },
        };
      });
      bare.resume();
      leave(peer);
      await closed;
      peer.destroy();
      return heard;
    }
    assert.deepEqual(await heardOf((peer) => peer.end()), ['end', 'close']);
    assert.deepEqual(await heardOf((peer) => peer.resetAndDestroy()), ['ECONNRESET', 'close']);
  });

  test('holds what comes while it is paused, the end as well, and gives it in order', async () => {
    const [bare, peer] = await pair();
    const heard: string[] = [];
    bare.on('data', (bytes: Buffer) => {
      heard.push(String(bytes));
      if (heard.length === 1) bare.pause();
    });
    bare.on('end', () => heard.push('end'));
    bare.resume();
    peer.write('one');
    await once(bare, 'data');
    peer.end('two');
    // Answered by nobody: the second piece is there when a fresh connection has been.
    const [later, other] = await pair();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(heard, ['one']);
    const closed = once(bare, 'close');
    bare.resume();
    await closed;
    assert.deepEqual(heard, ['one', 'two', 'end']);
    for (const socket of [later, peer, other]) socket.destroy();
  });

  test('writes arrive whole and in order at a peer that begins to read late, and the end behind them', async () => {
    const [bare, peer] = await pair();
    peer.pause();
    const chunk = (n: number) => Buffer.alloc(CHUNK_BYTES, n % 251);
    let written = 0;
    while (written < CHUNKS && bare.write(chunk(written++)));
    assert.ok(written < CHUNKS, 'the kernel did not take everything');
    assert.ok(!bare.sentAll && bare.writableLength > 0 && bare.writableNeedDrain);
    const received: Buffer[] = [];
    const done = (async () => {
      for await (const bytes of peer as AsyncIterable<Buffer>) received.push(bytes);
    })();
    while (written < CHUNKS) if (!bare.write(chunk(written++))) await once(bare, 'drain');
    const closed = once(bare, 'close');
    bare.end(Buffer.from('the end'));
    bare.write(Buffer.from('too late'));
    bare.destroySoon();
    await done;
    await closed;
    const expected = Buffer.concat([...Array.from({ length: CHUNKS }, (_, n) => chunk(n)), Buffer.from('the end')]);
    assert.ok(Buffer.concat(received).equals(expected));
    peer.destroy();
  });

  test('an ended one still reads, and closes when its peer ends', async () => {
    const [bare, peer] = await pair();
    bare.resume().end(Buffer.from('bye'));
    assert.equal(String((await once(peer, 'data'))[0]), 'bye');
    const heard = once(bare, 'data');
    peer.write('still there');
    assert.equal(String((await heard)[0]), 'still there');
    assert.ok(!bare.destroyed);
    const closed = once(bare, 'close');
    peer.end();
    await closed;
    peer.destroy();
  });

  test('a peer that is gone closes it, without anybody listening for errors', async () => {
    const [bare, peer] = await pair();
    bare.resume();
    const closed = new Promise((resolve) => bare.once('close', resolve));
    peer.resetAndDestroy();
    await closed;
    assert.ok(bare.destroyed);
    assert.ok(bare.write(Buffer.from('to nobody')));
  });

  test('becomes a socket of Node with what it had read, and stops its peer like one', async () => {
    const [bare, peer] = await pair();
    bare.resume();
    bare.pause();
    await new Promise<void>((resolve) => peer.write('early', () => resolve()));
    const full = fullSocket(bare as unknown as Socket);
    assert.ok(full instanceof Socket && asBare(full) === undefined);
    const sum = CHUNK_BYTES * CHUNKS;
    let rest = sum;
    for (let n = 0; n < CHUNKS; n += 1) peer.write(Buffer.alloc(CHUNK_BYTES));
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(full.readableLength < sum, 'what nobody reads stays with the peer');
    for await (const bytes of full as AsyncIterable<Buffer>) {
      rest -= bytes.length;
      if (rest <= -'early'.length) break;
    }
    assert.equal(rest, -'early'.length);
    peer.destroy();
    full.destroy();
  });
});
