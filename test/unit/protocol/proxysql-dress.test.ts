import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ColumnFlag, ColumnType } from '../../../src/protocol/column-types.ts';
import { errors } from '../../../src/protocol/errors.ts';
import { writeErr } from '../../../src/protocol/ok-err-eof.ts';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';
import { ResponseWalker } from '../../../src/protocol/response-walker.ts';
import { StatusFlag } from '../../../src/protocol/status-flags.ts';
import { writeResultsetEnd, writeResultsetHead } from '../../../src/protocol/text-resultset.ts';
import { fc } from '../../helpers/properties.ts';
import { splitAt } from './split.ts';

const { AUTOCOMMIT, CURSOR_EXISTS, MORE_RESULTS_EXISTS, NO_INDEX_USED, SESSION_STATE_CHANGED } = StatusFlag;
const { TINY, LONG, LONGLONG, NULL, YEAR, NEWDECIMAL } = ColumnType;
const NUMERIC: readonly ColumnType[] = [TINY, LONG, LONGLONG, NULL, YEAR, NEWDECIMAL];
const OTHERS: readonly ColumnType[] = [
  ColumnType.TIMESTAMP,
  ColumnType.VAR_STRING,
  ColumnType.DATE,
  ColumnType.BIT,
  ColumnType.BLOB,
];
const TIMEOUT = errors.queryTimeout();

interface Answer {
  /** The types of the columns of each result. */
  readonly results: readonly (readonly ColumnType[])[];
  readonly deprecateEof: boolean;
  /** In place of the last result's end. */
  readonly error: boolean;
}

/** @param statusOf of the EOF after the columns of a result, `NUM` for each numeric column or 0 */
function encode({ results, deprecateEof, error }: Answer, num: number, statusOf: (index: number) => number): Buffer {
  const writer = new PacketWriter();
  let next = 1;
  results.forEach((types, index) => {
    const last = index === results.length - 1;
    const columns = types.map((type) => {
      const flags = ColumnFlag.BINARY | (NUMERIC.includes(type) ? num : 0);
      return { name: 'c', type, charset: 63, length: 80, flags, decimals: 0 };
    });
    next = writeResultsetHead(writer, next, columns, { statusFlags: statusOf(index), deprecateEof });
    next = writer.begin(next).string('\x01row').end();
    next =
      last && error
        ? writeErr(writer, next, TIMEOUT)
        : writeResultsetEnd(writer, next, { statusFlags: endOf(index, results.length), deprecateEof });
  });
  return writer.take();
}

const endOf = (index: number, results: number) =>
  AUTOCOMMIT | (index === results - 1 ? NO_INDEX_USED : MORE_RESULTS_EXISTS);

function dressed(bytes: Buffer, cuts: readonly number[], deprecateEof: boolean, before: number): Buffer {
  const walker = new ResponseWalker();
  walker.begin('query', deprecateEof);
  walker.dress(before);
  const chunks = splitAt(bytes, cuts);
  for (const chunk of chunks) walker.push(chunk, 0, chunk.length);
  assert.deepEqual([walker.done, walker.malformed], [true, false]);
  return Buffer.concat(chunks);
}

const anyAnswer: fc.Arbitrary<Answer> = fc.record({
  results: fc.array(fc.array(fc.constantFrom(...NUMERIC, ...OTHERS), { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 3,
  }),
  deprecateEof: fc.boolean(),
  error: fc.boolean(),
});

describe('metadata in ProxySQL’s dress', () => {
  test('numeric columns have NUM_FLAG, and the EOF after them the status before, however the answer is cut', () => {
    const before = AUTOCOMMIT | SESSION_STATE_CHANGED;
    fc.assert(
      fc.property(anyAnswer, fc.array(fc.nat(), { maxLength: 8 }), (answer, cuts) => {
        const { results, deprecateEof } = answer;
        const sent = encode(answer, 0, (index) => endOf(index, results.length));
        const wanted = encode(answer, ColumnFlag.NUM, (index) =>
          index === 0 ? before : endOf(index - 1, results.length),
        );
        assert.deepEqual(dressed(sent, cuts, deprecateEof, before), wanted);
      }),
    );
  });

  test('that rows are to be fetched is still said', () => {
    const answer = { results: [[LONG]], deprecateEof: false, error: false };
    const sent = encode(answer, 0, () => AUTOCOMMIT | NO_INDEX_USED | CURSOR_EXISTS);
    assert.deepEqual(
      dressed(sent, [], false, AUTOCOMMIT),
      encode(answer, ColumnFlag.NUM, () => AUTOCOMMIT | CURSOR_EXISTS),
    );
  });

  test('an ERR in place of a definition or of their end stays what it was', () => {
    for (const definitions of [0, 1, 2]) {
      const writer = new PacketWriter();
      const column = { name: 'c', type: ColumnType.BLOB, charset: 63, length: 80, flags: 0, decimals: 0 };
      writeResultsetHead(writer, 1, [column, column], { statusFlags: 0, deprecateEof: true });
      const head = writer.take();
      let at = 0;
      for (let packet = 0; packet <= definitions; packet += 1) at += 4 + head.readUIntLE(at, 3);
      writeErr(writer, definitions + 2, TIMEOUT);
      const sent = Buffer.concat([head.subarray(0, at), writer.take()]);
      for (let cut = 0; cut < sent.length; cut += 1)
        assert.deepEqual(dressed(sent, [cut], false, AUTOCOMMIT), sent, `${definitions} definitions, cut at ${cut}`);
    }
  });
});
