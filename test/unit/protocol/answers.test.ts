import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Capability } from '../../../src/protocol/capabilities.ts';
import { COLLATIONS, charsetById, collationByName, defaultCollationOf } from '../../../src/protocol/charsets.ts';
import { ColumnType } from '../../../src/protocol/column-types.ts';
import { Command, commandName } from '../../../src/protocol/commands.ts';
import { errors } from '../../../src/protocol/errors.ts';
import { Framer } from '../../../src/protocol/framer.ts';
import {
  decodeEof,
  decodeErr,
  decodeOk,
  EOF_HEADER,
  writeEof,
  writeErr,
  writeOk,
} from '../../../src/protocol/ok-err-eof.ts';
import { MalformedPacket, PacketReader } from '../../../src/protocol/packet-reader.ts';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';
import { StatusFlag } from '../../../src/protocol/status-flags.ts';
import { readColumnDefinition, writeTextResultset } from '../../../src/protocol/text-resultset.ts';

function payloadsOf(write: (writer: PacketWriter) => void): Buffer[] {
  const writer = new PacketWriter();
  write(writer);
  const payloads: Buffer[] = [];
  new Framer(
    { onPacket: (buffer, start, end) => payloads.push(Buffer.from(buffer.subarray(start, end))) },
    1 << 24,
  ).push(writer.take());
  return payloads;
}

const COLUMN = { name: 'id', type: ColumnType.LONGLONG, charset: 63, length: 20, flags: 0x81, decimals: 0 };

describe('OK, ERR and EOF', () => {
  test('an OK decodes to what was encoded', () => {
    const ok = { affectedRows: 3, lastInsertId: 2n ** 64n - 1n, statusFlags: 2, warnings: 7, info: 'Rows matched: 3' };
    const [payload] = payloadsOf((writer) => writeOk(writer, 1, ok));
    for (const capabilities of [0, Capability.SESSION_TRACK]) {
      assert.deepEqual(decodeOk(payload!, 0, payload!.length, capabilities), ok);
    }
  });

  test('an OK without anything to say is seven bytes', () => {
    const [payload] = payloadsOf((writer) => writeOk(writer, 1, { statusFlags: StatusFlag.AUTOCOMMIT }));
    assert.equal(payload!.toString('hex'), '00000002000000');
  });

  test('an OK whose info follows the manual instead of the servers is read too', () => {
    const payload = Buffer.concat([Buffer.from('00000002000000', 'hex'), Buffer.from('plain text')]);
    assert.equal(decodeOk(payload, 0, payload.length, 0).info, 'plain text');
  });

  test('an ERR decodes to what was encoded, and without an SQL state to HY000', () => {
    const denied = errors.accessDenied('ada', '10.0.0.1', true);
    const [payload] = payloadsOf((writer) => writeErr(writer, 1, denied));
    assert.deepEqual(decodeErr(payload!, 0, payload!.length), denied);
    const old = Buffer.from([0xff, 0x10, 0x04, ...Buffer.from('Too many connections')]);
    assert.deepEqual(decodeErr(old, 0, old.length), { code: 1040, sqlState: 'HY000', message: 'Too many connections' });
  });

  test('an EOF decodes to what was encoded', () => {
    const [payload] = payloadsOf((writer) => writeEof(writer, 1, 34, 2));
    assert.deepEqual(decodeEof(payload!, 0, payload!.length), { statusFlags: 34, warnings: 2 });
  });

  test('none is taken for another', () => {
    const [err] = payloadsOf((writer) => writeErr(writer, 1, errors.malformedPacket()));
    assert.throws(() => decodeOk(err!, 0, err!.length, 0), MalformedPacket);
    assert.throws(() => decodeEof(err!, 0, err!.length), MalformedPacket);
    assert.throws(() => decodeErr(Buffer.from([0]), 0, 1), MalformedPacket);
  });
});

describe('a text result set', () => {
  const rows = [
    ['1', null],
    [Buffer.from([0xff]), 'é'],
  ];
  const columns = [COLUMN, { ...COLUMN, name: 'b', schema: 's', table: 't', orgTable: 'ot', orgName: 'ob' }];

  test('has an EOF after the columns and after the rows for older clients', () => {
    const packets = payloadsOf((writer) => {
      const next = writeTextResultset(writer, 1, { columns, rows, statusFlags: 2, warnings: 1, deprecateEof: false });
      assert.equal(next, 8);
    });
    assert.equal(packets[0]!.toString('hex'), '02');
    assert.deepEqual(readColumnDefinition(new PacketReader(packets[2]!)), columns[1]);
    assert.equal(packets[3]!.toString('hex'), 'fe01000200');
    assert.equal(packets[4]!.toString('hex'), '0131fb');
    assert.equal(packets[5]!.toString('hex'), '01ff02c3a9');
    assert.equal(packets[6]!.toString('hex'), 'fe01000200');
  });

  test('has one OK at the end, with header 0xfe, under CLIENT_DEPRECATE_EOF', () => {
    const packets = payloadsOf((writer) =>
      writeTextResultset(writer, 1, { columns, rows, statusFlags: 2, deprecateEof: true, moreResults: true }),
    );
    assert.equal(packets.length, 6);
    assert.equal(packets[5]![0], EOF_HEADER);
    const ok = decodeOk(packets[5]!, 0, packets[5]!.length, 0);
    assert.equal(ok.statusFlags, 2 | StatusFlag.MORE_RESULTS_EXISTS);
  });

  test('starts its column definition with the catalog "def"', () => {
    const packets = payloadsOf((writer) =>
      writeTextResultset(writer, 1, { columns: [COLUMN], rows: [], statusFlags: 2, deprecateEof: false }),
    );
    assert.equal(packets[1]!.toString('hex'), '03646566000000026964000c3f0014000000088100000000');
  });
});

describe('constants', () => {
  test('every command has its name', () => {
    for (const [name, value] of Object.entries(Command)) assert.equal(commandName(value), name);
    assert.equal(commandName(0xfe), 'COM_UNKNOWN');
  });

  test('collations are found by id, name and character set', () => {
    assert.equal(charsetById(33)?.name, 'utf8_general_ci');
    assert.equal(charsetById(63)?.name, 'binary');
    assert.equal(charsetById(255)?.name, 'utf8mb4_0900_ai_ci');
    assert.equal(charsetById(1248)?.name, 'utf8mb4_unicode_nopad_ci');
    assert.equal(charsetById(2304)?.name, 'utf8mb4_uca1400_ai_ci');
    assert.equal(charsetById(2503)?.name, 'utf8mb4_uca1400_croatian_nopad_as_cs');
    assert.equal(charsetById(2047), undefined);
    assert.equal(collationByName('UTF8MB3_General_CI')?.id, 33);
    assert.equal(defaultCollationOf('UTF8MB4')?.id, 45);
    assert.equal(defaultCollationOf('utf8mb3')?.id, 33);
    assert.equal(defaultCollationOf('nosuch'), undefined);
  });

  test('no two collations share an id or a name, and each character set has one default', () => {
    assert.equal(new Set(COLLATIONS.map((collation) => collation.id)).size, COLLATIONS.length);
    assert.equal(new Set(COLLATIONS.map((collation) => collation.name)).size, COLLATIONS.length);
    for (const charset of new Set(COLLATIONS.map((collation) => collation.charset))) {
      assert.equal(COLLATIONS.filter((c) => c.charset === charset && c.isDefault).length, 1, charset);
    }
  });
});
