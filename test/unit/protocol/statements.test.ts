import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { writeBinaryResultset } from '../../../src/protocol/binary-resultset.ts';
import { ColumnType } from '../../../src/protocol/column-types.ts';
import { Command } from '../../../src/protocol/commands.ts';
import { Framer, HEADER_BYTES } from '../../../src/protocol/framer.ts';
import { MalformedPacket, PacketReader } from '../../../src/protocol/packet-reader.ts';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';
import {
  decodeExecute,
  decodePrepareOk,
  patchStatementId,
  readExecuteParams,
  readStatementId,
  writePrepareOk,
} from '../../../src/protocol/statement-packets.ts';

const COLUMN = { name: '?', type: ColumnType.VAR_STRING, charset: 63, length: 0, flags: 128, decimals: 0 };

/** One parameter: its type, the flag byte behind it, and its bytes. */
type Param = readonly [type: number, flag: number, hex: string | null, expected: unknown];

function execute(params: readonly Param[], bound = true): Buffer {
  const writer = new PacketWriter();
  const bitmap = Buffer.alloc((params.length + 7) >> 3);
  params.forEach(([, , hex], index) => {
    if (hex === null) bitmap[index >> 3] = bitmap[index >> 3]! | (1 << (index & 7));
  });
  writer.begin(0).u8(Command.COM_STMT_EXECUTE).u32(77).u8(0).u32(1);
  if (params.length > 0) writer.bytes(bitmap).u8(bound ? 1 : 0);
  if (bound) for (const [type, flag] of params) writer.u8(type).u8(flag);
  for (const [, , hex] of params) writer.bytes(Buffer.from(hex ?? '', 'hex'));
  writer.end();
  return writer.take().subarray(HEADER_BYTES);
}

const PARAMS: readonly Param[] = [
  [ColumnType.TINY, 0, 'ff', -1],
  [ColumnType.TINY, 0x80, 'ff', 255],
  [ColumnType.SHORT, 0, '0080', -32768],
  [ColumnType.YEAR, 0x80, 'ea07', 2026],
  [ColumnType.LONG, 0, 'feffffff', -2],
  [ColumnType.LONG, 0x80, 'feffffff', 4294967294],
  [ColumnType.VAR_STRING, 0, null, null],
  [ColumnType.LONGLONG, 0, 'ffffffffffffffff', -1],
  [ColumnType.LONGLONG, 0, '0000000000000080', -(2n ** 63n)],
  [ColumnType.LONGLONG, 0x80, 'ffffffffffffffff', 2n ** 64n - 1n],
  [ColumnType.FLOAT, 0, '0000c03f', 1.5],
  [ColumnType.DOUBLE, 0, '000000000000f8bf', -1.5],
  [ColumnType.VAR_STRING, 0, '03616263', 'abc'],
  [ColumnType.NEWDECIMAL, 0, '03312e35', '1.5'],
  [ColumnType.BLOB, 0, '0200ff', Buffer.from([0, 255])],
  [ColumnType.NULL, 0, '', null],
  [ColumnType.DATE, 0, '04ea070b17', '2026-11-23'],
  [ColumnType.DATE, 0, '00', '0000-00-00'],
  [ColumnType.DATETIME, 0, '04ea070b17', '2026-11-23 00:00:00'],
  [ColumnType.DATETIME, 0, '07ea070b17080900', '2026-11-23 08:09:00'],
  [ColumnType.TIMESTAMP, 0, '0bea070b170809000a000000', '2026-11-23 08:09:00.000010'],
  [ColumnType.TIME, 0, '00', '00:00:00'],
  [ColumnType.TIME, 0, '080102000000030405', '-51:04:05'],
  [ColumnType.TIME, 0, '0c000000000003040501000000', '03:04:05.000001'],
];

describe('COM_STMT_EXECUTE', () => {
  test('gives every kind of parameter back', () => {
    const payload = execute(PARAMS);
    const request = decodeExecute(payload, 0, payload.length, PARAMS.length);
    assert.deepEqual([request.statementId, request.iterations, request.newParamsBound], [77, 1, true]);
    assert.deepEqual(
      readExecuteParams(request, request.types!),
      PARAMS.map(([, , , expected]) => expected),
    );
  });

  test('uses the types of the execution before when it brings none', () => {
    const first = execute(PARAMS);
    const { types } = decodeExecute(first, 0, first.length, PARAMS.length);
    const again = execute(PARAMS, false);
    const request = decodeExecute(again, 0, again.length, PARAMS.length);
    assert.equal(request.types, undefined);
    assert.deepEqual(
      readExecuteParams(request, types!),
      PARAMS.map(([, , , expected]) => expected),
    );
  });

  test('takes long data in place of a value', () => {
    const params: Param[] = [
      [ColumnType.BLOB, 0, '', null],
      [ColumnType.VAR_STRING, 0, '0161', 'a'],
    ];
    const payload = execute(params);
    const request = decodeExecute(payload, 0, payload.length, 2);
    const values = readExecuteParams(request, request.types!, (index) =>
      index === 0 ? Buffer.from('long') : undefined,
    );
    assert.deepEqual(values, [Buffer.from('long'), 'a']);
  });

  test('without parameters ends after the iterations', () => {
    const payload = execute([]);
    assert.equal(payload.length, 10);
    assert.equal(decodeExecute(payload, 0, payload.length, 0).newParamsBound, false);
  });

  test('cut short is refused at every length', () => {
    const payload = execute(PARAMS);
    for (let end = 0; end < payload.length; end++) {
      assert.throws(() => {
        const request = decodeExecute(payload, 0, end, PARAMS.length);
        readExecuteParams(request, request.types!);
      }, MalformedPacket);
    }
  });

  test('carries an id that can be read and patched', () => {
    const payload = execute([]);
    assert.equal(readStatementId(payload, 0, payload.length), 77);
    patchStatementId(payload, 0, 0xfffffffe);
    assert.equal(readStatementId(payload, 0, payload.length), 0xfffffffe);
    assert.throws(() => readStatementId(payload, 0, 4), MalformedPacket);
  });
});

describe('the answer to COM_STMT_PREPARE', () => {
  test('has definitions with an EOF after each kind for older clients', () => {
    for (const deprecateEof of [false, true]) {
      const packets: Buffer[] = [];
      const writer = new PacketWriter();
      writePrepareOk(writer, 1, {
        statementId: 3,
        params: [COLUMN, COLUMN],
        columns: [COLUMN],
        statusFlags: 2,
        deprecateEof,
      });
      new Framer(
        { onPacket: (buffer, start, end) => packets.push(Buffer.from(buffer.subarray(start, end))) },
        1000,
      ).push(writer.take());
      assert.equal(packets[0]!.toString('hex'), '000300000001000200000000');
      assert.deepEqual(decodePrepareOk(packets[0]!, 0, 12), {
        statementId: 3,
        columnCount: 1,
        paramCount: 2,
        warnings: 0,
      });
      assert.equal(packets.length, deprecateEof ? 4 : 6);
    }
  });
});

describe('a binary result set', () => {
  test('encodes rows by the types of their columns', () => {
    const columns = [
      ColumnType.LONGLONG,
      ColumnType.DOUBLE,
      ColumnType.VAR_STRING,
      ColumnType.NULL,
      ColumnType.BLOB,
    ].map((type) => ({ ...COLUMN, type }));
    const packets: Buffer[] = [];
    const writer = new PacketWriter();
    writeBinaryResultset(writer, 1, {
      columns,
      rows: [
        [-5, 1.5, 'é', 'ignored', Buffer.from([0])],
        [2n ** 62n, null, null, null, ''],
      ],
      statusFlags: 2,
      deprecateEof: true,
    });
    new Framer({ onPacket: (buffer, start, end) => packets.push(Buffer.from(buffer.subarray(start, end))) }, 1000).push(
      writer.take(),
    );
    const row = new PacketReader(packets[6]!);
    assert.deepEqual([row.u8(), row.u8()], [0, 0b0010_0000]);
    assert.equal(row.bytes(8).readBigInt64LE(), -5n);
    assert.equal(row.bytes(8).readDoubleLE(), 1.5);
    assert.equal(row.lenencString(), 'é');
    assert.equal(row.rest().toString('hex'), '0100');
    assert.equal(packets[7]!.toString('hex'), `0038${'0000000000000040'}00`);
  });
});
