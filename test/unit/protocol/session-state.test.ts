import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';
import { type ResponseKind, ResponseWalker } from '../../../src/protocol/response-walker.ts';
import { SessionStateStripper } from '../../../src/protocol/session-state.ts';
import { StatusFlag } from '../../../src/protocol/status-flags.ts';

const GTID = '3e11fa47-71ca-11e1-9e33-c80aa9429562:23';
const { AUTOCOMMIT, MORE_RESULTS_EXISTS, SESSION_STATE_CHANGED } = StatusFlag;

interface Told {
  readonly header?: number;
  readonly status?: number;
  readonly info?: string;
  /** Entries of session state, or none at all. */
  readonly state?: Buffer;
}

/** The entries of a change of the schema and of a transaction. */
function state(gtid: string): Buffer {
  const gtids = new PacketWriter();
  gtids.begin(0).u8(0).lenencString(gtid).end();
  const writer = new PacketWriter();
  writer.begin(0).u8(1).lenencBytes(Buffer.from('\x04test')).u8(3).lenencBytes(gtids.take().subarray(4)).end();
  return writer.take().subarray(4);
}

/** The first of them. */
const SCHEMA = state(GTID).subarray(0, 7);

function ok(sequence: number, { header = 0, status = AUTOCOMMIT, info = '', state }: Told): Buffer {
  const writer = new PacketWriter();
  const flags = state === undefined ? status : status | SESSION_STATE_CHANGED;
  writer.begin(sequence).u8(header).lenencInt(300).lenencInt(0).u16(flags).u16(2);
  if (info !== '' || state !== undefined) writer.lenencString(info);
  if (state !== undefined) writer.lenencBytes(state);
  writer.end();
  return writer.take();
}

function packet(sequence: number, bytes: readonly number[]): Buffer {
  const writer = new PacketWriter();
  writer.begin(sequence).bytes(Buffer.from(bytes)).end();
  return writer.take();
}

/** A result of one column and two rows, whose values look like ends of answers. */
function result(end: Told): Buffer[] {
  return [
    packet(1, [1]),
    packet(2, [3, 0x64, 0x65, 0x66]),
    packet(3, [0]),
    packet(4, [0, 0, 0, 0, 0x40, 0]),
    ok(5, { ...end, header: 0xfe }),
  ];
}

interface Case {
  readonly name: string;
  readonly kind: ResponseKind;
  readonly answer: (state: Buffer | undefined) => readonly Buffer[];
}

const cases: readonly Case[] = [
  { name: 'a write', kind: 'query', answer: (state) => [ok(1, { ...(state && { state }) })] },
  {
    name: 'a write with a text',
    kind: 'execute',
    answer: (state) => [ok(1, { info: 'Rows', ...(state && { state }) })],
  },
  { name: 'rows', kind: 'query', answer: (state) => result({ ...(state && { state }) }) },
  {
    name: 'several results',
    kind: 'query',
    answer: (state) => [
      ok(1, { status: AUTOCOMMIT | MORE_RESULTS_EXISTS, ...(state && { state }) }),
      ...result({ status: AUTOCOMMIT | MORE_RESULTS_EXISTS }),
      ok(6, { ...(state && { state }) }),
    ],
  },
];

describe('session state', () => {
  for (const { name, kind, answer } of cases) {
    const bytes = Buffer.concat(answer(state(GTID)));
    test(`${name}: wherever it is cut, the ids of transactions are read and nothing of them is passed on`, () => {
      const plain = Buffer.concat(answer(undefined));
      assert.ok(bytes.length > plain.length);
      const stripper = new SessionStateStripper();
      for (let cut = 0; cut <= bytes.length; cut++) {
        const chunks = [bytes.subarray(0, cut), bytes.subarray(cut)];
        const walker = new ResponseWalker();
        walker.begin(kind, true);
        for (const chunk of chunks) walker.push(chunk, 0, chunk.length);
        assert.ok(walker.done && !walker.malformed);
        assert.equal(walker.gtids, GTID);
        stripper.begin(kind, true);
        assert.deepEqual(
          Buffer.concat(chunks.map((chunk) => Buffer.from(stripper.push(chunk)))),
          plain,
          `cut at ${cut}`,
        );
      }
      stripper.begin(kind, true);
      const single = [...bytes].map((byte) => Buffer.from(stripper.push(Buffer.from([byte]))));
      assert.deepEqual(Buffer.concat(single), plain);
    });

    test(`${name}: a client that tracks session state may be told of everything but transactions`, () => {
      const wanted = Buffer.concat(answer(SCHEMA));
      const stripper = new SessionStateStripper();
      stripper.gtidsAlone = true;
      for (const told of [state(GTID), SCHEMA]) {
        stripper.begin(kind, true);
        assert.deepEqual(stripper.push(Buffer.concat(answer(told))), wanted);
      }
      stripper.begin(kind, true);
      const gtids = state(GTID).subarray(SCHEMA.length);
      assert.deepEqual(stripper.push(Buffer.concat(answer(gtids))), Buffer.concat(answer(undefined)));
    });

    test(`${name}: without any it passes as it is`, () => {
      const plain = Buffer.concat(answer(undefined));
      const stripper = new SessionStateStripper();
      stripper.begin(kind, true);
      assert.deepEqual(stripper.push(plain), plain);
    });
  }

  test('nonsense ends nothing', () => {
    for (const broken of [Buffer.from([3]), Buffer.from([3, 200, 0]), Buffer.from([3, 2, 0, 90]), Buffer.alloc(0)]) {
      const bytes = ok(1, { state: broken });
      const walker = new ResponseWalker();
      walker.begin('query', true);
      walker.push(bytes, 0, bytes.length);
      assert.ok(walker.done && !walker.malformed);
      assert.equal(walker.gtids, undefined);
    }
  });
});
