import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commandFrame } from '../../../src/protocol/command-frame.ts';
import { Command } from '../../../src/protocol/commands.ts';
import { HEADER_BYTES } from '../../../src/protocol/framer.ts';
import { MalformedPacket } from '../../../src/protocol/packet-reader.ts';
import { splitExecute, splitQuery, withAttributes } from '../../../src/protocol/query-attributes.ts';
import { Random } from '../../helpers/random.ts';

const NEVER = () => false;
const bytes = (...parts: readonly (number | string)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part, 'latin1'))));

/** Two attributes, the second NULL. */
const TWO = bytes(2, 1, 0b10, 1, 0xfe, 0, 1, 'a', 0x03, 0, 1, 'b', 3, 'one');
const HEAD = bytes(Command.COM_STMT_EXECUTE, 7, 0, 0, 0, 8, 1, 0, 0, 0);
/** Two parameters, the first NULL, and three attributes: an INT, a DATETIME without a time, a long text. */
const TYPES = bytes(0xfd, 0, 0, 0xfd, 0, 0, 3, 0, 1, 'i', 12, 0, 1, 'd', 0xfe, 0, 0);
const LONG = 'x'.repeat(300);
const VALUES = bytes(3, 'two', 4, 0, 0, 0, 4, 0xea, 7, 1, 2, 0xfc, 300 & 0xff, 1, LONG);
const EXECUTE = Buffer.concat([HEAD, bytes(5, 0b1, 1), TYPES, VALUES]);

describe('query attributes', () => {
  it('are taken off a query and put back', () => {
    const { text, attributes } = splitQuery(bytes(TWO.toString('latin1'), 'SELECT 1'), 0, TWO.length + 8);
    assert.equal(text.toString(), 'SELECT 1');
    assert.deepEqual(attributes?.nulls, [false, true]);
    const frame = withAttributes(commandFrame(Command.COM_QUERY, 'SELECT 1'), { attributes });
    assert.deepEqual(frame, commandFrame(Command.COM_QUERY, Buffer.concat([TWO, Buffer.from('SELECT 1')])));
    assert.deepEqual(splitQuery(bytes(0, 1, 'DO 1'), 0, 6), { text: Buffer.from('DO 1'), attributes: undefined });
    assert.deepEqual(
      withAttributes(commandFrame(Command.COM_QUERY, 'DO 1'), undefined),
      commandFrame(Command.COM_QUERY, bytes(0, 1, 'DO 1')),
    );
  });

  it('are taken off an execution, which is as it would be without, and put back', () => {
    const { payload, attributes } = splitExecute(EXECUTE, 0, EXECUTE.length, 2, NEVER);
    const plain = bytes(Command.COM_STMT_EXECUTE, 7, 0, 0, 0, 0, 1, 0, 0, 0, 0b1, 1, 0xfd, 0, 0xfd, 0, 3, 'two');
    assert.deepEqual(payload, plain);
    assert.deepEqual(attributes?.nulls, [false, false, false]);
    const frame = commandFrame(payload[0] ?? 0, payload.subarray(1));
    assert.deepEqual(
      withAttributes(frame, { attributes, prepared: { paramCount: 2 } }).subarray(HEADER_BYTES),
      EXECUTE,
    );
  });

  it('leave a parameter that was sent ahead without a value', () => {
    const whole = Buffer.concat([HEAD, bytes(5, 0, 1), TYPES, VALUES]);
    const { payload } = splitExecute(whole, 0, whole.length, 2, (index) => index === 0);
    assert.equal(payload.toString('latin1').endsWith('\x03two'), true);
  });

  it('are none in an execution without parameters', () => {
    const short = bytes(Command.COM_STMT_EXECUTE, 7, 0, 0, 0, 0, 1, 0, 0, 0);
    assert.deepEqual(splitExecute(short, 0, short.length, 0, NEVER), { payload: short, attributes: undefined });
    const frame = commandFrame(Command.COM_STMT_EXECUTE, short.subarray(1));
    assert.equal(withAttributes(frame, { prepared: { paramCount: 0 } }), frame);
  });

  it('that are spoilt are malformed, and nothing worse', () => {
    const random = new Random(4);
    for (let round = 0; round < 3000; round += 1) {
      const spoilt = Buffer.from(round % 2 === 0 ? EXECUTE : TWO);
      for (let i = 0; i < 3; i += 1) spoilt[random.below(Math.min(60, spoilt.length))] = random.below(256);
      const end = random.below(spoilt.length);
      try {
        if (round % 2 === 0) splitExecute(spoilt, 0, end, 2, NEVER);
        else splitQuery(spoilt, 0, end);
      } catch (error) {
        assert.ok(error instanceof MalformedPacket, String(error));
      }
    }
  });
});
