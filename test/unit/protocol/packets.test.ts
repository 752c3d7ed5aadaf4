import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HEADER_BYTES, MAX_FRAME_BYTES } from '../../../src/protocol/framer.ts';
import { MalformedPacket, PacketReader } from '../../../src/protocol/packet-reader.ts';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';
import { fc } from '../../helpers/properties.ts';

function readerOf(bytes: readonly number[]): PacketReader {
  return new PacketReader(Buffer.from(bytes));
}

describe('PacketReader and PacketWriter', () => {
  test('agree on every kind of field', () => {
    const writer = new PacketWriter();
    writer
      .begin(9)
      .u8(0xfe)
      .u16(0xfedc)
      .u24(0xfedcba)
      .u32(0xfedcba98)
      .u64(2n ** 63n)
      .u64(2 ** 53 - 1);
    writer
      .nulString('né')
      .lenencString('ü')
      .lenencBytes(Buffer.from([0, 255]))
      .zeros(2)
      .f64(1.5)
      .f32(-2)
      .string('rest');
    assert.equal(writer.end(), 10);
    const packet = writer.take();
    const reader = new PacketReader(packet, HEADER_BYTES);
    assert.deepEqual([reader.u8(), reader.u16(), reader.u24(), reader.u32()], [0xfe, 0xfedc, 0xfedcba, 0xfedcba98]);
    assert.deepEqual([reader.u64(), reader.u64()], [2n ** 63n, 2 ** 53 - 1]);
    assert.deepEqual([reader.nulString(), reader.lenencString()], ['né', 'ü']);
    assert.deepEqual(reader.lenencBytes(), Buffer.from([0, 255]));
    assert.deepEqual(reader.bytes(2), Buffer.alloc(2));
    assert.equal(reader.bytes(8).readDoubleLE(), 1.5);
    assert.equal(reader.bytes(4).readFloatLE(), -2);
    assert.equal(reader.rest().toString(), 'rest');
    assert.equal(packet.readUIntLE(0, 3), packet.length - HEADER_BYTES);
    assert.equal(packet[3], 9);
  });

  test('agree on length-encoded integers, each in its shortest form', () => {
    const edges = [0, 250, 251, 252, 0xffff, 0x1_0000, 0xff_ffff, 0x100_0000, 2 ** 32, Number.MAX_SAFE_INTEGER];
    const widths = [1, 1, 3, 3, 3, 4, 4, 9, 9, 9];
    edges.forEach((value, index) => {
      const writer = new PacketWriter();
      writer.begin(0).lenencInt(value).end();
      const packet = writer.take();
      assert.equal(packet.length - HEADER_BYTES, widths[index]);
      assert.equal(new PacketReader(packet, HEADER_BYTES).lenencInt(), value);
    });
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        const writer = new PacketWriter();
        writer.begin(0).lenencInt(value).end();
        const read = new PacketReader(writer.take(), HEADER_BYTES).lenencUint64();
        assert.equal(BigInt(read), value);
        assert.equal(typeof read === 'bigint', value > BigInt(Number.MAX_SAFE_INTEGER));
      }),
    );
  });

  test('refuse what lies beyond the payload, even where the buffer goes on', () => {
    const buffer = Buffer.from([5, 1, 2, 3, 4, 5, 0]);
    for (const read of [
      (reader: PacketReader) => reader.u16(),
      (reader: PacketReader) => reader.u24(),
      (reader: PacketReader) => reader.u32(),
      (reader: PacketReader) => reader.u64(),
      (reader: PacketReader) => reader.bytes(2),
      (reader: PacketReader) => reader.lenencBytes(),
      (reader: PacketReader) => reader.nulBytes(),
      (reader: PacketReader) => reader.skip(2),
      (reader: PacketReader) => reader.byteAt(1),
    ]) {
      assert.throws(() => read(new PacketReader(buffer, 0, 1)), MalformedPacket);
    }
    assert.throws(() => readerOf([]).u8(), MalformedPacket);
    assert.throws(() => readerOf([0xfb]).lenencInt(), MalformedPacket);
    assert.throws(() => readerOf([0xff]).lenencInt(), MalformedPacket);
    assert.throws(() => readerOf([0xfe, 0, 0, 0, 0, 0, 0, 0, 1]).lenencBytes(), MalformedPacket);
  });

  test('split a payload of 16 MB - 1 and more into frames', () => {
    for (const bytes of [MAX_FRAME_BYTES - 1, MAX_FRAME_BYTES, 2 * MAX_FRAME_BYTES + 1]) {
      const payload = Buffer.alloc(bytes, 'p');
      payload[bytes - 1] = 0x21;
      const writer = new PacketWriter();
      writer.begin(255).bytes(payload);
      const frames = Math.floor(bytes / MAX_FRAME_BYTES) + 1;
      assert.equal(writer.end(), (255 + frames) & 0xff);
      writer.begin(writer.nextSequenceId).u8(1).end();
      const stream = writer.take();
      let offset = 0;
      const joined: Buffer[] = [];
      for (let frame = 0; frame < frames; frame++) {
        const length = stream.readUIntLE(offset, 3);
        assert.equal(stream[offset + 3], (255 + frame) & 0xff);
        joined.push(stream.subarray(offset + HEADER_BYTES, offset + HEADER_BYTES + length));
        offset += HEADER_BYTES + length;
      }
      assert.ok(Buffer.concat(joined).equals(payload));
      assert.equal(stream.length - offset, HEADER_BYTES + 1);
    }
  });

  test('hand out bytes that later packets do not overwrite', () => {
    const writer = new PacketWriter();
    writer.begin(0).string('first').end();
    const first = writer.take();
    writer.begin(0).string('other').end();
    assert.equal(first.subarray(HEADER_BYTES).toString(), 'first');
    writer.begin(1).bytes(Buffer.alloc(100_000, 'a')).end();
    const large = writer.take();
    writer.begin(2).bytes(Buffer.alloc(100_000, 'b')).end();
    assert.equal(large.at(-1), 'a'.charCodeAt(0));
    assert.equal(writer.take().length, 100_000 + HEADER_BYTES);
  });
});
