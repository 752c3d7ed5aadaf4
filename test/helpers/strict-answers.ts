/**
 * Reads answers of the admin port as pedantically as the protocol allows: each packet has to be what can stand at its
 * place, to its last byte, and carry the next sequence number. It knows no SQL.
 */
import type { Buffer } from 'node:buffer';

export interface Packet {
  readonly sequenceId: number;
  readonly payload: Buffer;
}

/** The answer is not one a client could read. */
export class Malformed extends Error {}
/** The connection ended before the answer did. */
export class Ended extends Error {}

export type AnswerKind = 'result' | 'text' | 'prepare' | 'execute' | 'field-list' | 'login';

const MORE_RESULTS = 0x0008;
const PROTOCOL_STATUS_MAX = 0xffff;
const LONGLONG = 8;

class Cursor {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  take(length: number): Buffer {
    if (length > this.left) throw new Malformed(`${length} bytes wanted, ${this.left} left`);
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  int(bytes: number): number {
    return this.take(bytes).readUIntLE(0, bytes);
  }

  lenenc(): number {
    const first = this.int(1);
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.int(2);
    if (first === 0xfd) return this.int(3);
    if (first === 0xfe) return Number(this.take(8).readBigUInt64LE());
    throw new Malformed(`0x${first.toString(16)} begins no length`);
  }

  text(): string {
    return this.take(this.lenenc()).toString('utf8');
  }

  /** null for NULL. */
  cell(): Buffer | null {
    if (this.left > 0 && this.#bytes[this.at] === 0xfb) {
      this.at += 1;
      return null;
    }
    return this.take(this.lenenc());
  }

  end(): void {
    if (this.left !== 0) throw new Malformed(`${this.left} bytes too many`);
  }
}

/** Reads one whole answer; returns what it was, in a word or two. */
export async function readAnswer(next: () => Promise<Packet | undefined>, kind: AnswerKind): Promise<string> {
  let expected = 1;
  const packet = async (): Promise<Buffer> => {
    const found = await next();
    if (found === undefined) throw new Ended('the connection ended');
    if (found.sequenceId !== expected) throw new Malformed(`packet ${found.sequenceId} instead of ${expected}`);
    expected = (expected + 1) & 0xff;
    if (found.payload.length === 0) throw new Malformed('an empty packet');
    return found.payload;
  };

  if (kind === 'text') {
    const text = await packet();
    return text[0] === 0xff ? readError(text) : `text of ${text.length}`;
  }
  if (kind === 'login') {
    // More of a login, which the reader cannot go on with; or its end.
    const first = await packet();
    if (first[0] === 0xff) return readError(first);
    if (first[0] === 0xfe || first[0] === 0x01) return 'login under way';
    readOk(first);
    return 'login done';
  }
  if (kind === 'prepare') return readPrepared(packet);
  if (kind === 'field-list') {
    for (;;) {
      const one = await packet();
      if (one[0] === 0xff) return readError(one);
      if (isEof(one)) return `fields ${readEof(one)}`;
      readDefinition(one, true);
    }
  }
  for (let results = 1; ; results += 1) {
    const { status, what } = await readResult(packet, kind === 'execute');
    if ((status & MORE_RESULTS) === 0) return results === 1 ? what : `${results} results`;
  }
}

async function readResult(
  packet: () => Promise<Buffer>,
  binary: boolean,
): Promise<{ readonly status: number; readonly what: string }> {
  const first = await packet();
  if (first[0] === 0xff) return { status: 0, what: readError(first) };
  if (first[0] === 0x00) return { status: readOk(first), what: 'ok' };
  if (isEof(first)) return { status: readEof(first), what: 'eof' };
  const head = new Cursor(first);
  const columns = head.lenenc();
  head.end();
  const types: number[] = [];
  for (let i = 0; i < columns; i += 1) types.push(readDefinition(await packet(), false));
  readEof(await packet());
  for (let rows = 0; ; rows += 1) {
    const row = await packet();
    if (isEof(row)) return { status: readEof(row), what: `${rows} rows of ${columns}` };
    // An error in the midst of rows ends the answer.
    if (row[0] === 0xff && row.length > 1 && row.readUInt16LE(1) >= 1000 && row[3] === 0x23)
      return { status: 0, what: readError(row) };
    if (binary) readBinaryRow(row, types);
    else readTextRow(row, columns);
  }
}

function readTextRow(row: Buffer, columns: number): void {
  const cursor = new Cursor(row);
  for (let i = 0; i < columns; i += 1) cursor.cell();
  cursor.end();
}

function readBinaryRow(row: Buffer, types: readonly number[]): void {
  const cursor = new Cursor(row);
  if (cursor.int(1) !== 0) throw new Malformed('a binary row begins with 0');
  const nulls = cursor.take(Math.floor((types.length + 9) / 8));
  for (const [i, type] of types.entries()) {
    if (((nulls[(i + 2) >> 3] ?? 0) & (1 << ((i + 2) & 7))) !== 0) continue;
    if (type === LONGLONG) cursor.take(8);
    else cursor.cell();
  }
  cursor.end();
}

async function readPrepared(packet: () => Promise<Buffer>): Promise<string> {
  const first = await packet();
  if (first[0] === 0xff) return readError(first);
  const cursor = new Cursor(first);
  if (cursor.int(1) !== 0) throw new Malformed('neither an error nor a prepared statement');
  const id = cursor.int(4);
  const columns = cursor.int(2);
  const parameters = cursor.int(2);
  cursor.take(3);
  cursor.end();
  for (const count of [parameters, columns]) {
    for (let i = 0; i < count; i += 1) readDefinition(await packet(), false);
    if (count > 0) readEof(await packet());
  }
  return `prepared ${id} ${parameters}`;
}

/** Returns the column's type. */
function readDefinition(packet: Buffer, withDefault: boolean): number {
  const cursor = new Cursor(packet);
  if (cursor.text() !== 'def') throw new Malformed('the catalog of a column is def');
  for (let i = 0; i < 5; i += 1) cursor.text();
  if (cursor.lenenc() !== 12) throw new Malformed('twelve bytes follow the names');
  cursor.take(6);
  const type = cursor.int(1);
  cursor.take(5);
  if (withDefault && cursor.left > 0) cursor.cell();
  cursor.end();
  return type;
}

function readError(packet: Buffer): string {
  const cursor = new Cursor(packet);
  cursor.int(1);
  const code = cursor.int(2);
  if (code < 1000 || code > 30_000) throw new Malformed(`error code ${code}`);
  const state = cursor.take(6).toString('latin1');
  if (!/^#[0-9A-Z]{5}$/.test(state)) throw new Malformed(`sqlstate ${state}`);
  if (cursor.left === 0) throw new Malformed('an error without a message');
  return `error ${code}`;
}

function readOk(packet: Buffer): number {
  const cursor = new Cursor(packet);
  cursor.int(1);
  cursor.lenenc();
  cursor.lenenc();
  const status = cursor.int(2);
  cursor.int(2);
  // The info text is the rest, with or without its length.
  return status;
}

function isEof(packet: Buffer): boolean {
  return packet[0] === 0xfe && packet.length < 9;
}

function readEof(packet: Buffer): number {
  if (!isEof(packet) || packet.length !== 5) throw new Malformed('an EOF packet has five bytes');
  const status = packet.readUInt16LE(3);
  if (status > PROTOCOL_STATUS_MAX) throw new Malformed('status');
  return status;
}
