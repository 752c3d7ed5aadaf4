/** Only a whole answer, with definitions known byte by byte and nothing to come after it, passes without a filter. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { passesWhole, wholeAnswerBytesMax } from '../../../src/masks/whole-answer.ts';
import { ColumnType } from '../../../src/protocol/column-types.ts';
import { writeErr, writeOk } from '../../../src/protocol/ok-err-eof.ts';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';
import { StatusFlag } from '../../../src/protocol/status-flags.ts';
import { writeResultsetEnd, writeResultsetHead, writeTextRow } from '../../../src/protocol/text-resultset.ts';

function column(orgName: string) {
  const from = { schema: 'clinic', table: 'p', orgTable: 'patients' };
  return { name: 'a', type: ColumnType.VAR_STRING, charset: 45, length: 80, flags: 0, decimals: 0, ...from, orgName };
}

interface Shape {
  readonly deprecateEof: boolean;
  readonly orgName?: string;
  readonly statusFlags?: number;
  readonly rows?: number;
}

/** An answer, and where its rows, or the EOF before them, begin. */
function answer({ deprecateEof, orgName = 'name', statusFlags = StatusFlag.AUTOCOMMIT, rows = 2 }: Shape) {
  const writer = new PacketWriter();
  const end = { statusFlags, warnings: 1, deprecateEof };
  let next = writeResultsetHead(writer, 1, [column(orgName)], end);
  const head = Buffer.from(writer.take());
  for (let i = 0; i < rows; i += 1) next = writeTextRow(writer, next, [`value ${i}`]);
  writeResultsetEnd(writer, next, end);
  return { bytes: Buffer.concat([head, writer.take()]), head: deprecateEof ? head : head.subarray(0, -9) };
}

for (const deprecateEof of [true, false]) {
  describe(`an answer ${deprecateEof ? 'without' : 'with'} EOF packets`, () => {
    const { bytes, head } = answer({ deprecateEof });

    test('passes when its definitions are known', () => {
      assert.equal(passesWhole(bytes, head, deprecateEof), true);
      assert.equal(passesWhole(answer({ deprecateEof, rows: 0 }).bytes, head, deprecateEof), true);
    });

    test('does not pass when they are not', () => {
      assert.equal(passesWhole(bytes, undefined, deprecateEof), false);
      assert.equal(passesWhole(answer({ deprecateEof, orgName: 'bame' }).bytes, head, deprecateEof), false);
      for (let at = 0; at < head.length; at += 1) {
        const other = Buffer.from(bytes);
        other[at]! ^= 1;
        assert.equal(passesWhole(other, head, deprecateEof), false, `byte ${at}`);
      }
    });

    test('does not pass when any of it is still to come, or something follows', () => {
      for (let length = 0; length < bytes.length; length += 1)
        assert.equal(passesWhole(bytes.subarray(0, length), head, deprecateEof), false, `${length} bytes`);
      assert.equal(passesWhole(Buffer.concat([bytes, bytes]), head, deprecateEof), false);
    });

    test('does not pass when another result or a cursor follows', () => {
      for (const flag of [StatusFlag.MORE_RESULTS_EXISTS, StatusFlag.CURSOR_EXISTS]) {
        const going = answer({ deprecateEof, statusFlags: flag }).bytes;
        assert.equal(passesWhole(going, head, deprecateEof), false);
      }
    });

    test('does not pass when it is long', () => {
      const long = answer({ deprecateEof, rows: wholeAnswerBytesMax / 8 }).bytes;
      assert.equal(passesWhole(long, head, deprecateEof), false);
    });
  });
}

describe('an answer without rows', () => {
  const writer = new PacketWriter();

  test('OK and ERR pass whole, and not in part or with something after them', () => {
    writeOk(writer, 1, { affectedRows: 300, lastInsertId: 70_000, statusFlags: StatusFlag.AUTOCOMMIT });
    const ok = Buffer.from(writer.take());
    writeErr(writer, 1, { code: 1146, sqlState: '42S02', message: 'no such table' });
    const err = Buffer.from(writer.take());
    for (const whole of [ok, err]) {
      assert.equal(passesWhole(whole, undefined, true), true);
      assert.equal(passesWhole(whole.subarray(0, -1), undefined, true), false);
      assert.equal(passesWhole(Buffer.concat([whole, whole]), undefined, true), false);
    }
  });

  test('an OK does not pass when results follow', () => {
    writeOk(writer, 1, { statusFlags: StatusFlag.MORE_RESULTS_EXISTS });
    assert.equal(passesWhole(Buffer.from(writer.take()), undefined, true), false);
  });

  test('nor does a wish for a file, nor a broken packet', () => {
    assert.equal(passesWhole(Buffer.from([2, 0, 0, 1, 0xfb, 0x61]), undefined, true), false);
    assert.equal(passesWhole(Buffer.from([1, 0, 0, 1, 0x00]), undefined, true), false);
    assert.equal(passesWhole(Buffer.from([0, 0, 0, 1, 0x00]), undefined, true), false);
  });
});
