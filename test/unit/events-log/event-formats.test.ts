/** A binary record of the events log, field by field. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binaryEvent, type LoggedStatement } from '../../../src/events-log/event-formats.ts';

const EVENT: LoggedStatement = {
  command: 'query',
  sessionId: 7,
  username: 'app',
  schema: 'test',
  client: '127.0.0.1:4000',
  hostgroup: 300,
  server: 'db:3306',
  startUs: 1_700_000_000_000_000,
  endUs: 1_700_000_000_000_250,
  statementId: 0,
  rowsAffected: 1,
  lastInsertId: 70_000,
  rowsSent: 0,
  digest: 0x1c46ae529dd5a40en,
  text: 'SELECT 1',
};

class Reader {
  #at = 0;
  readonly buffer: Buffer;
  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }
  byte(): number {
    return this.buffer.readUInt8(this.#at++);
  }
  integer(): bigint {
    const first = this.byte();
    const bytes = first === 0xfc ? 2 : first === 0xfd ? 3 : first === 0xfe ? 8 : 0;
    if (bytes === 0) return BigInt(first);
    let value = 0n;
    for (let i = 0; i < bytes; i += 1) value |= BigInt(this.byte()) << BigInt(8 * i);
    return value;
  }
  string(): string {
    const length = Number(this.integer());
    this.#at += length;
    return this.buffer.toString('utf8', this.#at - length, this.#at);
  }
  get atEnd(): boolean {
    return this.#at === this.buffer.length;
  }
}

test('a binary record has its length and its fields in order', () => {
  for (const event of [EVENT, { ...EVENT, command: 'execute', statementId: 3 } as const, { ...EVENT, hostgroup: -1 }]) {
    const record = binaryEvent(event);
    assert.equal(Number(record.readBigUInt64LE(0)), record.length - 8);
    const reader = new Reader(record.subarray(8));
    assert.equal(reader.byte(), event.command === 'query' ? 0 : 16);
    assert.equal(reader.integer(), 7n);
    assert.deepEqual([reader.string(), reader.string(), reader.string()], ['app', 'test', '127.0.0.1:4000']);
    assert.equal(reader.integer(), event.hostgroup < 0 ? 2n ** 64n - 1n : 300n);
    if (event.hostgroup >= 0) assert.equal(reader.string(), 'db:3306');
    assert.deepEqual([reader.integer(), reader.integer()], [BigInt(event.startUs), BigInt(event.endUs)]);
    if (event.command === 'execute') assert.equal(reader.integer(), 3n);
    assert.deepEqual([reader.integer(), reader.integer(), reader.integer()], [1n, 70_000n, 0n]);
    assert.equal(reader.integer(), EVENT.digest);
    assert.equal(reader.string(), 'SELECT 1');
    assert.ok(reader.atEnd);
  }
});
