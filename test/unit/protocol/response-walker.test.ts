import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ColumnType } from '../../../src/protocol/column-types.ts';
import { errors } from '../../../src/protocol/errors.ts';
import { MAX_FRAME_BYTES } from '../../../src/protocol/framer.ts';
import { writeEof, writeErr, writeOk } from '../../../src/protocol/ok-err-eof.ts';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';
import { type ResponseKind, ResponseWalker } from '../../../src/protocol/response-walker.ts';
import { writePrepareOk } from '../../../src/protocol/statement-packets.ts';
import { StatusFlag } from '../../../src/protocol/status-flags.ts';
import { writeColumnDefinition, writeResultsetEnd, writeResultsetHead } from '../../../src/protocol/text-resultset.ts';
import { fc } from '../../helpers/properties.ts';
import { splitAt } from './split.ts';

const COLUMN = { name: 'c', type: ColumnType.VAR_STRING, charset: 45, length: 80, flags: 0, decimals: 0 };
const TIMEOUT = errors.queryTimeout();

/** One result of an answer, as a test describes it. */
type Result =
  | { readonly kind: 'ok'; readonly affectedRows: number; readonly lastInsertId: number; readonly warnings: number }
  | {
      readonly kind: 'rows';
      readonly columns: number;
      readonly rows: readonly Uint8Array[];
      readonly warnings: number;
    };

/** What the walker has to say at the end. */
interface Outcome {
  readonly ended: string;
  readonly rows: number;
  readonly columns: number;
  readonly statusFlags: number;
  readonly warnings: number;
  readonly error: unknown;
}

/** Encodes results as one answer; an `error` comes in place of the last one's end. */
function encodeAnswer(results: readonly Result[], deprecateEof: boolean, error: boolean): Buffer {
  const writer = new PacketWriter();
  let next = 1;
  results.forEach((result, index) => {
    const last = index === results.length - 1;
    const statusFlags = StatusFlag.AUTOCOMMIT | (last ? 0 : StatusFlag.MORE_RESULTS_EXISTS);
    if (result.kind === 'ok') {
      next = last && error ? writeErr(writer, next, TIMEOUT) : writeOk(writer, next, { ...result, statusFlags });
      return;
    }
    const end = { statusFlags, warnings: result.warnings, deprecateEof };
    const columns = new Array(result.columns).fill(COLUMN);
    next = writeResultsetHead(writer, next, columns, end);
    for (const row of result.rows) next = writer.begin(next).bytes(row).end();
    next = last && error ? writeErr(writer, next, TIMEOUT) : writeResultsetEnd(writer, next, end);
  });
  return writer.take();
}

function expectedOutcome(results: readonly Result[], error: boolean): Outcome {
  const last = results.at(-1)!;
  const rowResults = results.filter((result) => result.kind === 'rows');
  return {
    ended: error ? 'error' : last.kind === 'ok' ? 'ok' : 'resultset',
    rows: rowResults.reduce((sum, result) => sum + result.rows.length, 0),
    columns: rowResults.at(-1)?.columns ?? 0,
    statusFlags: StatusFlag.AUTOCOMMIT,
    warnings: last.warnings,
    error: error ? TIMEOUT : undefined,
  };
}

function outcomeOf(walker: ResponseWalker): Outcome {
  const { ended, rows, columns, statusFlags, warnings, error } = walker;
  return { ended, rows, columns, statusFlags, warnings, error };
}

/** Pushes the chunks; the bytes consumed are the answer's, and what follows it is left alone. */
function walk(kind: ResponseKind, deprecateEof: boolean, answer: Buffer, cuts: readonly number[]): ResponseWalker {
  const walker = new ResponseWalker();
  walker.begin(kind, deprecateEof);
  const next = Buffer.from('05000000ff48042178', 'hex');
  let consumed = 0;
  for (const chunk of splitAt(Buffer.concat([answer, next]), cuts)) {
    // A margin on both sides: the walker may look at nothing outside its window.
    const framed = Buffer.concat([Buffer.alloc(3, 0xfe), chunk, Buffer.alloc(3, 0xff)]);
    const end = 3 + chunk.length;
    const offset = walker.push(framed, 3, end);
    consumed += offset - 3;
    if (walker.done) break;
    assert.equal(offset, end, 'everything is consumed until the end');
  }
  assert.ok(walker.done);
  assert.equal(consumed, answer.length);
  return walker;
}

/** Rows with the first bytes that look like something else, long enough to be rows. */
const trickyRow = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => {
    if (bytes[0]! >= 0xfe) bytes[0] = 0xfd;
    return bytes;
  }),
  fc.constantFrom(
    Uint8Array.of(0x00),
    Uint8Array.of(0xfb),
    Uint8Array.of(0xfb, 0xfe, 0xff),
    Uint8Array.of(0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00),
    Uint8Array.of(0xfc, 0x01, 0x00, 0x41),
    Uint8Array.of(0xfd, 0x01, 0x00, 0x00, 0x41),
    new Uint8Array(0),
  ),
);

const anyResult: fc.Arbitrary<Result> = fc.oneof(
  fc.record({
    kind: fc.constant('ok' as const),
    affectedRows: fc.nat(),
    lastInsertId: fc.nat(),
    warnings: fc.nat({ max: 0xffff }),
  }),
  fc.record({
    kind: fc.constant('rows' as const),
    columns: fc.integer({ min: 1, max: 300 }),
    rows: fc.array(trickyRow, { maxLength: 8 }),
    warnings: fc.nat({ max: 0xffff }),
  }),
);

/** What the session's last insert id is after several results: one without an id leaves that of an earlier one. */
function lastInsertIdOf(results: readonly Result[]): number {
  return results.reduce(
    (id, result) => (result.kind === 'ok' && result.lastInsertId !== 0 ? result.lastInsertId : id),
    0,
  );
}

describe('ResponseWalker', () => {
  test('finds the end of any answer, however it is split', () => {
    fc.assert(
      fc.property(
        fc.array(anyResult, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 30 }),
        fc.constantFrom('query' as const, 'execute' as const),
        (results, deprecateEof, cuts, kind) => {
          const walker = walk(kind, deprecateEof, encodeAnswer(results, deprecateEof, false), cuts);
          assert.deepEqual(outcomeOf(walker), expectedOutcome(results, false));
          const last = results.at(-1)!;
          if (last.kind === 'ok') {
            assert.equal(walker.affectedRows, last.affectedRows);
            assert.equal(walker.lastInsertId, lastInsertIdOf(results));
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('finds an ERR in place of any end, also in the middle of rows', () => {
    fc.assert(
      fc.property(
        fc.array(anyResult, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 30 }),
        (results, deprecateEof, cuts) => {
          const walker = walk('query', deprecateEof, encodeAnswer(results, deprecateEof, true), cuts);
          const { ended, error, rows } = expectedOutcome(results, true);
          assert.deepEqual([walker.ended, walker.error, walker.rows], [ended, error, rows]);
          assert.equal(walker.errorCode, TIMEOUT.code);
          assert.equal(walker.malformed, false);
        },
      ),
    );
  });

  test('splits at every single byte', () => {
    const results: Result[] = [
      { kind: 'rows', columns: 2, rows: [Uint8Array.of(0xfb, 0xfb), Uint8Array.of(0, 0)], warnings: 3 },
      { kind: 'ok', affectedRows: 70_000, lastInsertId: 300, warnings: 1 },
    ];
    for (const deprecateEof of [false, true]) {
      const answer = encodeAnswer(results, deprecateEof, false);
      const everywhere = Array.from({ length: answer.length }, (_, index) => index);
      const walker = walk('query', deprecateEof, answer, everywhere);
      assert.deepEqual(outcomeOf(walker), { ...expectedOutcome(results, false), columns: 2 });
      assert.deepEqual([walker.affectedRows, walker.lastInsertId], [70_000, 300]);
    }
  });

  test('takes a row that begins with 0xfe and has nine bytes or more for a row, without CLIENT_DEPRECATE_EOF', () => {
    const row = Uint8Array.of(0xfe, 1, 0, 0, 0, 0, 0, 0, 0);
    const results: Result[] = [{ kind: 'rows', columns: 1, rows: [row, row], warnings: 0 }];
    assert.equal(walk('query', false, encodeAnswer(results, false, false), [70]).rows, 2);
  });

  for (const deprecateEof of [false, true]) {
    const when = deprecateEof ? 'with' : 'without';
    test(`takes no continuation for a packet of its own, ${when} CLIENT_DEPRECATE_EOF`, () => {
      const tails = ['', 'fe', 'fe00000200', 'ff15042348593030306e6f'];
      const rows = tails.map((tail) => {
        const row = Buffer.alloc(MAX_FRAME_BYTES + tail.length / 2, 'r');
        row.write('fe', 'hex');
        row.write(tail, MAX_FRAME_BYTES, 'hex');
        return row;
      });
      rows.push(Buffer.alloc(2 * MAX_FRAME_BYTES, 0xfe));
      const results: Result[] = [{ kind: 'rows', columns: 1, rows, warnings: 9 }];
      const answer = encodeAnswer(results, deprecateEof, false);
      const inside = Array.from({ length: 30 }, (_, index) => index * 3_333_333);
      const atHeaders = [MAX_FRAME_BYTES + 40, MAX_FRAME_BYTES + 90, 2 * MAX_FRAME_BYTES + 95];
      for (const some of [[], [...inside, ...atHeaders].sort((a, b) => a - b)]) {
        assert.deepEqual(outcomeOf(walk('query', deprecateEof, answer, some)), expectedOutcome(results, false));
      }
    });
  }

  test('reads an OK of the largest numbers', () => {
    const writer = new PacketWriter();
    writeOk(writer, 1, { affectedRows: 2 ** 40, lastInsertId: 2n ** 64n - 1n, statusFlags: 2, info: 'i'.repeat(2000) });
    const walker = walk('query', false, writer.take(), [10, 20, 1030]);
    assert.deepEqual([walker.affectedRows, walker.lastInsertId], [2 ** 40, 2n ** 64n - 1n]);
  });

  test('can be used again, and forgets the answer before', () => {
    const walker = new ResponseWalker();
    assert.ok(walker.done, 'nothing is expected yet');
    walker.begin('query', false);
    const failed = encodeAnswer([{ kind: 'ok', affectedRows: 0, lastInsertId: 0, warnings: 0 }], false, true);
    walker.push(failed, 0, failed.length);
    assert.equal(walker.ended, 'error');
    walker.begin('query', false);
    assert.ok(!walker.done);
    assert.equal(walker.error, undefined);
    const ok = encodeAnswer([{ kind: 'ok', affectedRows: 5, lastInsertId: 0, warnings: 0 }], false, false);
    assert.equal(walker.push(ok, 0, ok.length), ok.length);
    assert.deepEqual([walker.ended, walker.affectedRows], ['ok', 5]);
  });

  test('stops after the request for a local file, and goes on with the answer to it', () => {
    const writer = new PacketWriter();
    writer.begin(1).u8(0xfb).string('/tmp/rows.csv').end();
    const request = writer.take();
    writeOk(writer, 4, { affectedRows: 12, statusFlags: 2 });
    const ok = writer.take();
    for (const cut of [2, 4, 5, 9]) {
      const walker = new ResponseWalker();
      walker.begin('query', true);
      walker.push(request, 0, cut);
      assert.equal(walker.push(Buffer.concat([request, ok]), cut, request.length + ok.length), request.length);
      assert.deepEqual([walker.infileRequested, walker.done], [true, false]);
      walker.push(ok, 0, 3);
      assert.equal(walker.infileRequested, false);
      walker.push(ok, 3, ok.length);
      assert.deepEqual([walker.done, walker.ended, walker.affectedRows], [true, 'ok', 12]);
    }
  });

  test('a cursor has no rows: they are fetched', () => {
    const writer = new PacketWriter();
    let next = writer.begin(1).lenencInt(1).end();
    next = writeColumnDefinition(writer, next, COLUMN);
    writeEof(writer, next, StatusFlag.AUTOCOMMIT | StatusFlag.CURSOR_EXISTS);
    assert.equal(walk('open', false, writer.take(), [30]).ended, 'resultset');
  });

  test('a cursor within a procedure, which nobody asked for, leaves the rows of other results where they are', () => {
    const writer = new PacketWriter();
    let next = writer.begin(1).lenencInt(1).end();
    next = writeColumnDefinition(writer, next, COLUMN);
    next = writeEof(writer, next, StatusFlag.AUTOCOMMIT | StatusFlag.CURSOR_EXISTS);
    next = writer.begin(next).lenencString('row').end();
    writeEof(writer, next, StatusFlag.AUTOCOMMIT | StatusFlag.CURSOR_EXISTS);
    const answer = writer.take();
    for (const kind of ['query', 'execute'] as const) {
      const walker = walk(kind, false, answer, [30]);
      assert.deepEqual([walker.ended, walker.rows], ['resultset', 1]);
    }
  });

  test('a CALL that was to open a cursor opens none: rows and other results follow', () => {
    const during = StatusFlag.AUTOCOMMIT | StatusFlag.CURSOR_EXISTS | StatusFlag.MORE_RESULTS_EXISTS;
    const writer = new PacketWriter();
    let next = writer.begin(1).lenencInt(1).end();
    next = writeColumnDefinition(writer, next, COLUMN);
    next = writeEof(writer, next, during);
    next = writer.begin(next).lenencString('1').end();
    next = writeEof(writer, next, during);
    writeOk(writer, next, { statusFlags: StatusFlag.AUTOCOMMIT });
    const walker = walk('open', false, writer.take(), [30]);
    assert.deepEqual([walker.done, walker.rows], [true, 1]);
  });

  test('prepare: finds the end and the counts', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 5 }),
        fc.nat({ max: 5 }),
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 12 }),
        (params, columns, deprecateEof, cuts) => {
          const writer = new PacketWriter();
          writePrepareOk(writer, 1, {
            statementId: 0xa1b2c3d4,
            params: new Array(params).fill(COLUMN),
            columns: new Array(columns).fill(COLUMN),
            statusFlags: 2,
            warnings: 4,
            deprecateEof,
          });
          const walker = walk('prepare', deprecateEof, writer.take(), cuts);
          assert.deepEqual(
            [walker.statementId, walker.paramCount, walker.columns, walker.warnings, walker.ended],
            [0xa1b2c3d4, params, columns, 4, 'ok'],
          );
        },
      ),
    );
  });

  test('prepare: patches the statement id wherever the chunks are cut', () => {
    const writer = new PacketWriter();
    const prepared = { params: [COLUMN], columns: [COLUMN], statusFlags: 2, deprecateEof: false };
    writePrepareOk(writer, 1, { ...prepared, statementId: 0x01020304 });
    const answer = writer.take();
    writePrepareOk(writer, 1, { ...prepared, statementId: 0xf1f2f3f4 });
    const patched = writer.take();
    for (let cut = 0; cut <= 20; cut++) {
      for (let second = cut; second <= 20; second++) {
        const walker = new ResponseWalker();
        walker.begin('prepare', false);
        const relayed = splitAt(answer, [cut, second]).map((chunk) => {
          walker.push(chunk, 0, chunk.length);
          if (walker.statementIdAt >= 0) assert.equal(chunk.readUInt32LE(walker.statementIdAt), 0x01020304);
          walker.patchStatementId(chunk, 0xf1f2f3f4);
          return chunk;
        });
        assert.deepEqual(Buffer.concat(relayed), patched);
        assert.equal(walker.statementId, 0x01020304, "the server's own");
      }
    }
  });

  test('prepare: an ERR is not patched', () => {
    const writer = new PacketWriter();
    writeErr(writer, 1, errors.emptyQuery());
    const answer = writer.take();
    const before = Buffer.from(answer);
    const walker = new ResponseWalker();
    walker.begin('prepare', false);
    walker.push(answer, 0, answer.length);
    walker.patchStatementId(answer, 77);
    assert.deepEqual(answer, before);
    assert.deepEqual([walker.ended, walker.errorCode, walker.statementIdAt], ['error', 1065, -1]);
  });

  test('simple: one OK, ERR or EOF', () => {
    const writer = new PacketWriter();
    writeOk(writer, 1, { statusFlags: 3 });
    assert.equal(walk('simple', false, writer.take(), [5]).statusFlags, 3);
    writeEof(writer, 1, 34, 2);
    const eof = walk('simple', false, writer.take(), [6]);
    assert.deepEqual([eof.statusFlags, eof.warnings, eof.ended], [34, 2, 'ok']);
    writeErr(writer, 1, TIMEOUT);
    assert.deepEqual(walk('simple', true, writer.take(), [7]).error, TIMEOUT);
  });

  test('string: one packet of any kind', () => {
    for (const text of ['Uptime: 5', '', '\u0000']) {
      const writer = new PacketWriter();
      writer.begin(1).string(text).end();
      const answer = writer.take();
      // The walker needs no byte after an empty payload to know that it is complete.
      const walker = new ResponseWalker();
      walker.begin('string', false);
      assert.equal(walker.push(answer, 0, answer.length), answer.length);
      assert.deepEqual([walker.done, walker.ended], [true, 'ok']);
    }
  });

  test('field-list: definitions up to the EOF, or the OK in its place', () => {
    for (const deprecateEof of [false, true]) {
      const writer = new PacketWriter();
      let next = 1;
      for (let column = 0; column < 3; column++) next = writeColumnDefinition(writer, next, COLUMN);
      writeResultsetEnd(writer, next, { statusFlags: 2, deprecateEof });
      const walker = walk('field-list', deprecateEof, writer.take(), [20, 100]);
      assert.deepEqual([walker.ended, walker.columns], ['resultset', 3]);
    }
    const writer = new PacketWriter();
    writeErr(writer, 1, TIMEOUT);
    assert.equal(walk('field-list', false, writer.take(), []).ended, 'error');
  });

  test('bytes that make no sense end the answer as malformed, and never throw', () => {
    const kinds: ResponseKind[] = ['query', 'execute', 'prepare', 'simple', 'string', 'field-list'];
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        fc.boolean(),
        fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 10 }),
        fc.array(fc.nat()),
        (kind, deprecateEof, payloads, cuts) => {
          const writer = new PacketWriter();
          for (const payload of payloads) writer.begin(1).bytes(payload).end();
          const walker = new ResponseWalker();
          walker.begin(kind, deprecateEof);
          for (const chunk of splitAt(writer.take(), cuts)) {
            const offset = walker.push(chunk, 0, chunk.length);
            assert.ok(offset <= chunk.length);
            if (walker.done || walker.infileRequested) break;
          }
          if (walker.malformed) assert.deepEqual([walker.ended, walker.errorCode], ['error', 2027]);
        },
      ),
      { numRuns: 1000 },
    );
    const walker = new ResponseWalker();
    walker.begin('query', false);
    walker.push(Buffer.from('0000000001', 'hex'), 0, 4);
    assert.deepEqual([walker.done, walker.malformed, walker.error?.message], [true, true, 'Malformed packet']);
  });
});
