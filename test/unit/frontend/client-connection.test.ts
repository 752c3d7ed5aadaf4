import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { ClientConnection } from '../../../src/frontend/client-connection.ts';
import { commandFrame } from '../../../src/protocol/command-frame.ts';
import { Command } from '../../../src/protocol/commands.ts';

const ask = (text: string) => commandFrame(Command.COM_QUERY, text);

describe('the commands of a client', () => {
  it('come once each, however many reads of a TLS or compressed socket one turn brings', async () => {
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    const seen: string[] = [];
    const connection: ClientConnection = new ClientConnection(
      stream as unknown as Socket,
      {
        onCommand(buffer, start, end) {
          seen.push(buffer.toString('latin1', start + 1, end));
          connection.ready();
        },
        onTooLarge() {},
        onReady() {},
        onChangeUser() {},
        onClosed() {},
      },
      { maxPacketBytes: 1 << 20, proxied: undefined },
    );
    connection.start(Buffer.alloc(0));
    await new Promise((resolve) => setImmediate(resolve));
    const texts = Array.from({ length: 8 }, (_, i) => `turn 1, ${i}`);
    for (const text of texts) stream.push(ask(text));
    await new Promise((resolve) => setImmediate(resolve));
    stream.push(ask('turn 2'));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(seen, [...texts, 'turn 2']);
    stream.destroy();
  });
});
