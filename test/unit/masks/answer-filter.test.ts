/** Answers are masked whatever their form and however they are cut into chunks; what is not masked passes unchanged. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AnswerFilter, type AnswerJudge, type AnswerShape } from '../../../src/masks/answer-filter.ts';
import { bindMask, type ColumnMask } from '../../../src/masks/column-mask.ts';
import { parseMask } from '../../../src/masks/mask-spec.ts';
import type { ResultColumn } from '../../../src/masks/result-columns.ts';
import { ColumnFlag, ColumnType } from '../../../src/protocol/column-types.ts';
import type { ProtocolError } from '../../../src/protocol/errors.ts';
import { decodeErr, writeErr, writeOk } from '../../../src/protocol/ok-err-eof.ts';
import { PacketReader } from '../../../src/protocol/packet-reader.ts';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';
import { StatusFlag } from '../../../src/protocol/status-flags.ts';
import {
  type ColumnDefinition,
  readColumnDefinition,
  writeResultsetEnd,
  writeResultsetHead,
  writeTextRow,
} from '../../../src/protocol/text-resultset.ts';

function column(
  name: string,
  type: number = ColumnType.VAR_STRING,
  more: Partial<ColumnDefinition> = {},
): ColumnDefinition {
  const from = { schema: 'clinic', table: 'p', orgTable: 'patients', orgName: name };
  return {
    name,
    type,
    charset: type === ColumnType.VAR_STRING ? 45 : 63,
    length: 80,
    flags: 0,
    decimals: 0,
    ...from,
    ...more,
  };
}

const ID = column('id', ColumnType.LONG, { flags: ColumnFlag.NUM | ColumnFlag.NOT_NULL });
const NAME = column('name');
const PHONE = column('phone');

/** Masks columns by name. */
function judge(
  masks: Readonly<Record<string, readonly [string, string?]>>,
  more: Partial<AnswerJudge> = {},
): AnswerJudge & { total: number } {
  const made: AnswerJudge & { total: number } = {
    total: 0,
    quiet: false,
    judgeError: (error) => error,
    judgeResult: (columns) => ({ kind: 'masks', masks: columns.map((c) => maskOf(masks, c)) }),
    masked(_columns, counts) {
      made.total += counts.reduce((a, b) => a + b, 0);
    },
    ...more,
  };
  return made;
}

function maskOf(masks: Readonly<Record<string, readonly [string, string?]>>, c: ResultColumn): ColumnMask | undefined {
  const wanted = masks[c.orgName.toString()];
  if (wanted === undefined) return undefined;
  const { spec, problem } = parseMask(wanted[0], wanted[1] ?? '');
  assert.equal(problem, undefined);
  return bindMask(spec, c, { hashKey: 'k' });
}

/** The answer as it leaves the filter when it comes in chunks of that size. */
function filtered(answer: Buffer, chunkBytes: number, shape: AnswerShape, by: AnswerJudge): Buffer {
  const filter = new AnswerFilter(by, shape);
  const parts: Buffer[] = [];
  for (let at = 0; at < answer.length; at += chunkBytes) {
    parts.push(Buffer.from(filter.push(Buffer.from(answer.subarray(at, at + chunkBytes)))));
  }
  return Buffer.concat(parts);
}

interface Packet {
  readonly sequence: number;
  readonly payload: Buffer;
}

function packets(bytes: Buffer): Packet[] {
  const found: Packet[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = bytes.readUIntLE(at, 3);
    found.push({ sequence: bytes[at + 3] ?? 0, payload: bytes.subarray(at + 4, at + 4 + length) });
    at += 4 + length;
  }
  assert.equal(at, bytes.length, 'the answer ends with a whole packet');
  found.forEach(({ sequence }, index) => {
    assert.equal(sequence, (index + 1) & 0xff, 'packets are numbered without a gap');
  });
  return found;
}

function cells(payload: Buffer): (string | null)[] {
  const reader = new PacketReader(payload);
  const row: (string | null)[] = [];
  while (reader.remaining > 0) {
    if (reader.peek() === 0xfb) {
      reader.u8();
      row.push(null);
    } else row.push(reader.lenencString());
  }
  return row;
}

const SIZES = [1, 2, 3, 5, 7, 16, 61, 1000, 1 << 20];
const SHAPES: readonly AnswerShape[] = [
  { kind: 'query', deprecateEof: true },
  { kind: 'query', deprecateEof: false },
];

function textAnswer(
  shape: AnswerShape,
  rows: readonly (readonly (string | null)[])[],
  first = 1,
  more = false,
): { bytes: Buffer; next: number } {
  const writer = new PacketWriter();
  const end = { statusFlags: StatusFlag.AUTOCOMMIT, warnings: 3, deprecateEof: shape.deprecateEof, moreResults: more };
  let next = writeResultsetHead(writer, first, [ID, NAME, PHONE], end);
  for (const row of rows) next = writeTextRow(writer, next, row);
  next = writeResultsetEnd(writer, next, end);
  return { bytes: writer.take(), next };
}

const ROWS = [
  ['1', 'Andi', '081234567801'],
  ['2', null, null],
  ['3', 'x'.repeat(300), '085566778899'],
  ['4', '', ''],
];

describe('the answer filter', () => {
  for (const shape of SHAPES) {
    const eof = shape.deprecateEof ? 'without EOF packets' : 'with EOF packets';
    const headPackets = shape.deprecateEof ? 4 : 5;

    test(`masks text rows in chunks of any size, ${eof}`, () => {
      const { bytes } = textAnswer(shape, ROWS);
      for (const size of SIZES) {
        const by = judge({ phone: ['full'], name: ['keep_first', '{"n":1}'], id: ['full', '{"length":"same"}'] });
        const found = packets(filtered(bytes, size, shape, by));
        const rows = found.slice(headPackets, -1).map(({ payload }) => cells(payload));
        assert.deepEqual(rows, [
          ['*', 'A***', '********'],
          ['*', null, null],
          ['*', `x${'*'.repeat(299)}`, '********'],
          ['*', '', '********'],
        ]);
        assert.equal(by.total, 10);
        const definition = readColumnDefinition(new PacketReader(found[1]?.payload ?? Buffer.alloc(0)));
        assert.deepEqual([definition.type, definition.charset, definition.orgName], [ColumnType.VAR_STRING, 45, 'id']);
        assert.equal(definition.flags, ColumnFlag.NOT_NULL);
      }
    });

    test(`passes what needs no mask as it is, ${eof}`, () => {
      const { bytes } = textAnswer(shape, ROWS);
      for (const size of SIZES) {
        assert.deepEqual(filtered(bytes, size, shape, judge({})), bytes);
        assert.deepEqual(filtered(bytes, size, shape, judge({}, { judgeResult: () => ({ kind: 'pass' }) })), bytes);
      }
    });

    test(`masks each of several results by its own columns, ${eof}`, () => {
      const one = textAnswer(shape, ROWS, 1, true);
      const ok = new PacketWriter();
      const next = writeOk(ok, one.next, {
        affectedRows: 1,
        statusFlags: StatusFlag.MORE_RESULTS_EXISTS,
        info: 'Rows matched: 1',
      });
      const two = textAnswer(shape, ROWS.slice(0, 1), next);
      const answer = Buffer.concat([one.bytes, ok.take(), two.bytes]);
      for (const size of SIZES) {
        const by = judge({ phone: ['null'] }, { quiet: true });
        const found = packets(filtered(answer, size, shape, by));
        const text = Buffer.concat(found.map(({ payload }) => payload)).toString('latin1');
        assert.ok(!text.includes('0812') && !text.includes('0855') && !text.includes('matched'), text);
        assert.deepEqual(cells(found.at(-2)?.payload ?? Buffer.alloc(0)), ['1', 'Andi', null]);
        // Warnings are told by nobody.
        assert.equal(found.at(-1)?.payload.readUInt16LE(shape.deprecateEof ? 5 : 1), 0);
      }
    });

    test(`cuts a result off before its first row, ${eof}`, () => {
      const before = textAnswer(shape, ROWS, 1, true);
      const answer = Buffer.concat([before.bytes, textAnswer(shape, ROWS, before.next).bytes]);
      const error: ProtocolError = { code: 1148, sqlState: '42000', message: 'no' };
      for (const size of SIZES) {
        const by = judge({ phone: ['full'] });
        const masks = by.judgeResult;
        by.judgeResult = (columns, index) => (index === 0 ? masks(columns, index) : { kind: 'cut', error });
        const found = packets(filtered(answer, size, shape, by));
        assert.deepEqual(
          decodeErr(found.at(-1)?.payload ?? Buffer.alloc(0), 0, found.at(-1)?.payload.length ?? 0),
          error,
        );
        assert.equal(found.length, headPackets + ROWS.length + 1 + 1);
      }
    });

    test(`replaces the text of an error, first or behind rows, ${eof}`, () => {
      const writer = new PacketWriter();
      writeErr(writer, 1, { code: 1062, sqlState: '23000', message: "Duplicate entry '0812' for key 'uq'" });
      const alone = writer.take();
      const head = textAnswer(shape, ROWS);
      const whole = packets(head.bytes);
      const endAt = head.bytes.length - 4 - (whole.at(-1)?.payload.length ?? 0);
      writeErr(writer, whole.length, { code: 1105, sqlState: 'HY000', message: "XPATH syntax error: '0812'" });
      const behind = Buffer.concat([head.bytes.subarray(0, endAt), writer.take()]);
      for (const answer of [alone, behind]) {
        for (const size of SIZES) {
          const by = judge(
            { phone: ['full'] },
            { judgeError: ({ code, sqlState }) => ({ code, sqlState, message: 'withheld' }) },
          );
          const out = filtered(answer, size, shape, by);
          packets(out);
          assert.ok(!out.includes('0812') && out.includes('withheld'));
        }
      }
    });
  }

  test('masks binary rows: every type, NULLs, and the types that change', () => {
    const columns = [
      column('tiny', ColumnType.TINY),
      column('big', ColumnType.LONGLONG, { flags: ColumnFlag.UNSIGNED }),
      column('amount', ColumnType.NEWDECIMAL, { decimals: 2 }),
      column('ratio', ColumnType.DOUBLE),
      column('born', ColumnType.DATE),
      column('seen', ColumnType.DATETIME),
      column('slot', ColumnType.TIME),
      column('phone'),
      column('bits', ColumnType.BIT),
      column('last'),
    ];
    const writer = new PacketWriter();
    const end = { statusFlags: 2, deprecateEof: true };
    let next = writeResultsetHead(writer, 1, columns, end);
    writer.begin(next).u8(0).u8(0).u8(0);
    writer.u8(0xfb).u64(18446744073709551615n).lenencString('123.45').f64(19.5);
    writer.u8(4).u16(2024).u8(5).u8(17);
    writer.u8(7).u16(2024).u8(5).u8(17).u8(1).u8(2).u8(3);
    writer.u8(8).u8(1).u32(1).u8(2).u8(3).u8(4);
    writer.lenencString('0812').lenencString('\x05').lenencString('kept');
    next = writer.end();
    writer.begin(next).u8(0).u8(0b11111100).u8(0b1111);
    next = writer.end();
    writeResultsetEnd(writer, next, end);
    const answer = writer.take();
    const masks = {
      tiny: ['full', '{"length":"same"}'],
      big: ['bucket', '{"size":10}'],
      amount: ['bucket', '{"size":100}'],
      ratio: ['zero'],
      born: ['month'],
      seen: ['year'],
      slot: ['keep_first', '{"n":2}'],
      phone: ['null'],
      bits: ['keep_first'],
    } as const;
    for (const size of SIZES) {
      const found = packets(filtered(answer, size, { kind: 'execute', deprecateEof: true }, judge(masks)));
      const row = new PacketReader(found[11]?.payload);
      assert.deepEqual([row.u8(), row.u8(), row.u8()], [0, 0, 0b10]);
      assert.equal(row.lenencString(), '**');
      assert.equal(row.u64(), 18446744073709551610n);
      assert.equal(row.lenencString(), '100.00');
      assert.equal(row.bytes(8).readDoubleLE(0), 0);
      assert.deepEqual([...row.bytes(5)], [4, 2024 & 0xff, 2024 >> 8, 5, 1]);
      assert.deepEqual([...row.bytes(5)], [4, 2024 & 0xff, 2024 >> 8, 1, 1]);
      assert.equal(row.lenencString(), '-2*******');
      assert.equal(row.lenencString(), '********');
      assert.equal(row.lenencString(), 'kept');
      assert.equal(row.remaining, 0);
      assert.deepEqual([...(found[12]?.payload ?? [])], [0, 0b11111100, 0b1111]);
    }
  });

  test('masks by the character set of the column', () => {
    const wide = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();
    const columns = [
      column('a', ColumnType.VAR_STRING, { charset: 54 }),
      column('b', ColumnType.VAR_STRING, { charset: 28 }),
    ];
    const writer = new PacketWriter();
    const end = { statusFlags: 2, deprecateEof: true };
    let next = writeResultsetHead(writer, 1, columns, end);
    next = writeTextRow(writer, next, [wide('grün0812'), Buffer.from([0xb0, 0x5c, 0x30])]);
    writeResultsetEnd(writer, next, end);
    const by = judge({ a: ['keep_first', '{"n":3}'], b: ['keep_first', '{"n":3}'] });
    const found = packets(filtered(writer.take(), 9, { kind: 'query', deprecateEof: true }, by));
    const reader = new PacketReader(found[3]?.payload);
    assert.deepEqual(reader.lenencBytes(), wide('grü*****'));
    // What is not understood is masked in full.
    assert.equal(reader.lenencString(), '********');
  });

  test('a row of several packets is masked in bounded pieces', () => {
    const big = Buffer.alloc(18_000_000, 'n');
    const shape = { kind: 'query', deprecateEof: true } as const;
    const writer = new PacketWriter();
    let next = writeResultsetHead(writer, 1, [ID, NAME, PHONE], { statusFlags: 2, deprecateEof: true });
    next = writeTextRow(writer, next, ['1', big, '081234567801']);
    next = writeTextRow(writer, next, ['2', 'Budi', '081234567802']);
    writeResultsetEnd(writer, next, { statusFlags: 2, deprecateEof: true });
    const answer = writer.take();
    const rowOf = (out: Buffer): Buffer =>
      Buffer.concat(
        packets(out)
          .slice(4, -2)
          .map(({ payload }) => payload),
      );
    for (const masks of [{ phone: ['full'] }, { name: ['full'], phone: ['keep_last'] }] as const) {
      const out = filtered(answer, 65_521, shape, judge(masks));
      assert.ok(!out.includes('0812345678'));
      const row = new PacketReader(rowOf(out));
      assert.equal(row.lenencString(), '1');
      assert.deepEqual(row.lenencBytes(), 'name' in masks ? Buffer.from('********') : big);
      assert.equal(row.lenencString(), 'name' in masks ? '********7801' : '********');
      assert.deepEqual(cells(packets(out).at(-2)?.payload ?? Buffer.alloc(0)).at(0), '2');
    }
  });

  test('a huge binary row is masked, NULLs and numbers too', () => {
    const big = Buffer.alloc(17_000_000, 'n');
    const shape = { kind: 'execute', deprecateEof: true } as const;
    const writer = new PacketWriter();
    let next = writeResultsetHead(writer, 1, [ID, NAME, PHONE], { statusFlags: 2, deprecateEof: true });
    writer.begin(next).u8(0).u8(0).u32(770011).lenencBytes(big).lenencString('0812');
    next = writer.end();
    writeResultsetEnd(writer, next, { statusFlags: 2, deprecateEof: true });
    const answer = writer.take();
    const out = filtered(answer, 100_003, shape, judge({ id: ['full', '{"length":"same"}'], phone: ['null'] }));
    const row = new PacketReader(
      Buffer.concat(
        packets(out)
          .slice(4, -1)
          .map(({ payload }) => payload),
      ),
    );
    assert.deepEqual([row.u8(), row.u8()], [0, 0b10000]);
    assert.equal(row.lenencString(), '******');
    assert.deepEqual(row.lenencBytes(), big);
    assert.equal(row.remaining, 0);
  });

  test('the answer to PREPARE has its definitions changed, and nothing else', () => {
    for (const deprecateEof of [true, false]) {
      const writer = new PacketWriter();
      writer.begin(1).u8(0).u32(7).u16(3).u16(1).u8(0).u16(2).end();
      const end = { statusFlags: 2, deprecateEof };
      // A head without its count is a list of definitions.
      const list = new PacketWriter();
      writeResultsetHead(list, 1, [PHONE], end);
      const params = list.take().subarray(5);
      writeResultsetHead(list, 1, [ID, NAME, PHONE], end);
      const definitions = list.take().subarray(5);
      const answer = Buffer.concat([writer.take(), params, definitions]);
      let sequence = 1;
      for (let at = 0; at < answer.length; at += 4 + answer.readUIntLE(at, 3)) answer[at + 3] = sequence++;
      for (const size of SIZES) {
        const out = filtered(answer, size, { kind: 'prepare', deprecateEof }, judge({ id: ['full'] }));
        assert.equal(out.length, answer.length);
        const definition = readColumnDefinition(new PacketReader(packets(out)[deprecateEof ? 2 : 3]?.payload));
        assert.deepEqual([definition.orgName, definition.type], ['id', ColumnType.VAR_STRING]);
      }
    }
  });

  test('what makes no sense is cut off', () => {
    const { bytes } = textAnswer({ kind: 'query', deprecateEof: true }, ROWS);
    const broken = Buffer.from(bytes);
    // The length of the first cell of the first row.
    const rowAt = broken.indexOf('Andi') - 3;
    broken[rowAt] = 200;
    for (const size of SIZES) {
      const filter = new AnswerFilter(judge({ phone: ['full'] }), { kind: 'query', deprecateEof: true });
      const out: Buffer[] = [];
      for (let at = 0; at < broken.length; at += size)
        out.push(Buffer.from(filter.push(Buffer.from(broken.subarray(at, at + size)))));
      assert.equal(filter.cut?.code, 2027);
      assert.ok(!Buffer.concat(out).includes('0812'));
      packets(Buffer.concat(out));
    }
  });
});
