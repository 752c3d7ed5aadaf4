import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Framer, HEADER_BYTES, MAX_FRAME_BYTES } from '../../../src/protocol/framer.ts';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';
import { fc } from '../../helpers/properties.ts';
import { splitAt } from './split.ts';

const ROOMY = 64 * 1024 * 1024;

interface Delivered {
  readonly payload: Buffer;
  readonly sequenceId: number;
}

function encode(sequenceId: number, payload: Buffer): Buffer {
  const writer = new PacketWriter();
  writer.begin(sequenceId).bytes(payload).end();
  return writer.take();
}

function collector(maxPacketBytes = ROOMY) {
  const packets: Delivered[] = [];
  const tooLarge: [number, number][] = [];
  const framer = new Framer(
    {
      onPacket: (buffer, start, end, sequenceId) =>
        packets.push({ payload: Buffer.from(buffer.subarray(start, end)), sequenceId }),
      onTooLarge: (bytes, sequenceId) => tooLarge.push([bytes, sequenceId]),
    },
    maxPacketBytes,
  );
  return { framer, packets, tooLarge };
}

describe('Framer', () => {
  test('gives the same packets however the bytes are split', () => {
    const payloads = fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 12 });
    fc.assert(
      fc.property(payloads, fc.array(fc.nat()), (contents, cuts) => {
        const stream = Buffer.concat(contents.map((content, index) => encode(index, Buffer.from(content))));
        const { framer, packets } = collector();
        for (const chunk of splitAt(stream, cuts)) framer.push(chunk);
        assert.deepEqual(
          packets,
          contents.map((content, index) => ({ payload: Buffer.from(content), sequenceId: index })),
        );
      }),
    );
  });

  test('puts the header in front of every payload, also of one that straddled chunks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1 }),
        fc.array(fc.nat()),
        (contents, cuts) => {
          const stream = Buffer.concat(contents.map((content, index) => encode(index, Buffer.from(content))));
          const frames: Buffer[] = [];
          const framer = new Framer(
            { onPacket: (buffer, start, end) => frames.push(Buffer.from(buffer.subarray(start - HEADER_BYTES, end))) },
            ROOMY,
          );
          for (const chunk of splitAt(stream, cuts)) framer.push(chunk);
          assert.deepEqual(Buffer.concat(frames), stream);
        },
      ),
    );
  });

  test('delivers a window on the chunk itself when the packet lies within it', () => {
    const chunk = encode(3, Buffer.from('SELECT 1'));
    let seen: Buffer | undefined;
    new Framer(
      {
        onPacket: (buffer) => {
          seen = buffer;
        },
      },
      ROOMY,
    ).push(chunk);
    assert.equal(seen, chunk);
  });

  for (const bytes of [
    MAX_FRAME_BYTES - 1,
    MAX_FRAME_BYTES,
    MAX_FRAME_BYTES + 1,
    2 * MAX_FRAME_BYTES,
    2 * MAX_FRAME_BYTES + 7,
  ]) {
    test(`joins the frames of a payload of ${bytes} bytes`, () => {
      const payload = Buffer.alloc(bytes);
      for (let at = 0; at < bytes; at += 997) payload[at] = at % 251;
      const stream = Buffer.concat([encode(7, payload), encode(0, Buffer.from('next'))]);
      const { framer, packets } = collector();
      const cuts = Array.from({ length: 40 }, (_, index) => index * 1_000_003);
      for (const chunk of splitAt(stream, [...cuts, MAX_FRAME_BYTES + 2, MAX_FRAME_BYTES + 6])) framer.push(chunk);
      assert.equal(packets.length, 2);
      assert.ok(packets[0]!.payload.equals(payload));
      assert.equal(packets[0]!.sequenceId, 7 + Math.floor(bytes / MAX_FRAME_BYTES));
      assert.equal(packets[1]!.payload.toString(), 'next');
    });
  }

  test('skips a packet above the limit, says so at its end, and goes on with the next', () => {
    fc.assert(
      fc.property(fc.integer({ min: 101, max: 2000 }), fc.array(fc.nat()), (bytes, cuts) => {
        const stream = Buffer.concat([
          encode(0, Buffer.from('a')),
          encode(1, Buffer.alloc(bytes)),
          encode(2, Buffer.alloc(100, 'b')),
        ]);
        const { framer, packets, tooLarge } = collector(100);
        for (const chunk of splitAt(stream, cuts)) framer.push(chunk);
        assert.deepEqual(tooLarge, [[bytes, 1]]);
        assert.deepEqual(
          packets.map((packet) => packet.sequenceId),
          [0, 2],
        );
      }),
    );
  });

  test('skips all frames of a continued packet above the limit', () => {
    const stream = Buffer.concat([encode(0, Buffer.alloc(2 * MAX_FRAME_BYTES + 5)), encode(0, Buffer.from('next'))]);
    const { framer, packets, tooLarge } = collector(MAX_FRAME_BYTES + 10);
    for (const chunk of splitAt(stream, [3, 5_000_000, MAX_FRAME_BYTES + 5, 30_000_000])) framer.push(chunk);
    assert.deepEqual(tooLarge, [[2 * MAX_FRAME_BYTES + 5, 2]]);
    assert.deepEqual(
      packets.map((packet) => packet.payload.toString()),
      ['next'],
    );
  });

  test('stops in the middle of a chunk and hands every byte not delivered over', () => {
    fc.assert(
      fc.property(fc.nat({ max: 5 }), fc.array(fc.nat()), (stopAfter, cuts) => {
        const all = Array.from({ length: 6 }, (_, index) => encode(index, Buffer.alloc(index * 7, index)));
        const delivered: number[] = [];
        const framer: Framer = new Framer(
          {
            onPacket: (_buffer, _start, _end, sequenceId) => {
              delivered.push(sequenceId);
              if (sequenceId === stopAfter) framer.stop();
            },
          },
          ROOMY,
        );
        for (const chunk of splitAt(Buffer.concat(all), cuts)) framer.push(chunk);
        assert.deepEqual(
          delivered,
          Array.from({ length: stopAfter + 1 }, (_, index) => index),
        );
        const remainder = framer.takeRemainder();
        assert.deepEqual(remainder, Buffer.concat(all.slice(stopAfter + 1)));
        framer.push(remainder);
        assert.deepEqual(delivered, [0, 1, 2, 3, 4, 5]);
      }),
    );
  });

  test('hands over the raw bytes of a packet that has only begun', () => {
    const { framer } = collector();
    const stream = encode(0, Buffer.alloc(50, 'x'));
    framer.push(stream.subarray(0, 3));
    framer.push(stream.subarray(3, 20));
    assert.deepEqual(framer.takeRemainder(), stream.subarray(0, 20));
  });

  test('does not reserve what a header merely announces', () => {
    const { framer } = collector();
    const before = process.memoryUsage().arrayBuffers;
    const framers = Array.from({ length: 50 }, () => collector().framer);
    for (const each of [framer, ...framers]) each.push(Buffer.from([0xfe, 0xff, 0xff, 0, 1, 2, 3]));
    assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024);
  });
});
