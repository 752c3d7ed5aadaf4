/**
 * Finds where an answer of the server ends without decoding rows: it reads 4-byte headers, the first byte of a packet
 * where that decides, and the few fields of the packets that end something. It keeps and copies no row.
 *
 *   query:    first ─▶ OK | ERR                                      ─▶ done, or first again while MORE_RESULTS
 *                  └─▶ columns(n) ─▶ (EOF) ─▶ rows ─▶ EOF | OK | ERR ─▶ done, or first again while MORE_RESULTS
 *                  └─▶ INFILE request: first again, after the client's file
 *   prepare:  PREPARE_OK ─▶ definitions(n) ─▶ done
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response.html
 */
import type { ProtocolError } from './errors.ts';
import { HEADER_BYTES, MAX_FRAME_BYTES } from './framer.ts';
import { decodeErr } from './ok-err-eof.ts';
import { StatusFlag } from './status-flags.ts';

/**
 * What kind of answer is due: `query` (also COM_STMT_EXECUTE, COM_INIT_DB), `prepare`, `simple` (one OK, ERR or EOF),
 * `string` (one packet of any kind), `field-list` (column definitions up to an EOF).
 */
export type ResponseKind = 'query' | 'execute' | 'prepare' | 'simple' | 'string' | 'field-list';

/** Bytes of an ending packet that are looked at; the rest (a long info or message) is passed over. */
const HEAD_BYTES_MAX = 1024;

/** An EOF packet is shorter than this; a row that starts with the same byte is longer than 16 MB. */
const EOF_BYTES_MAX = 9;

const OK = 0x00;
const INFILE = 0xfb;
const EOF = 0xfe;
const ERR = 0xff;

const State = {
  FIRST: 0,
  COLUMNS: 1,
  COLUMNS_EOF: 2,
  ROWS: 3,
  DEFINITIONS: 4,
  SINGLE: 5,
  FIELDS: 6,
} as const;

export class ResponseWalker {
  /** The answer is complete. */
  done = true;
  /** The server asks for the client's file (LOAD DATA LOCAL) and waits. */
  infileRequested = false;
  /** How the answer ended; valid when done. */
  ended: 'ok' | 'error' | 'resultset' = 'ok';
  /** Of the last packet that carried them; 0 when none did. */
  statusFlags = 0;
  warnings = 0;
  affectedRows = 0;
  lastInsertId = 0;
  errorCode = 0;
  /** Row packets over all result sets. */
  rows = 0;
  /** Columns of the last result set. */
  columns = 0;
  /** Of PREPARE_OK. */
  statementId = 0;
  paramCount = 0;
  columnCount = 0;

  private kind: ResponseKind = 'query';
  private deprecateEof = false;
  private state: number = State.FIRST;
  private packetsLeft = 0;
  /** Bytes of the current frame nobody needs to see. */
  private skipBytes = 0;
  /** The frame before was full: the next one continues its packet. */
  private continued = false;
  /** The answer is complete once `skipBytes` are over. */
  private endsAfterSkip = false;
  /** Header and head of a packet that must be looked into, across chunks. */
  private readonly head = Buffer.alloc(HEADER_BYTES + HEAD_BYTES_MAX);
  private headBytes = 0;

  /** Expects the next answer. */
  begin(kind: ResponseKind, deprecateEof: boolean): void {
    this.done = false;
    this.infileRequested = false;
    this.ended = 'ok';
    this.statusFlags = 0;
    this.warnings = 0;
    this.affectedRows = 0;
    this.lastInsertId = 0;
    this.errorCode = 0;
    this.rows = 0;
    this.columns = 0;
    this.statementId = 0;
    this.paramCount = 0;
    this.columnCount = 0;
    this.kind = kind;
    this.deprecateEof = deprecateEof;
    this.state =
      kind === 'simple' || kind === 'string' ? State.SINGLE : kind === 'field-list' ? State.FIELDS : State.FIRST;
    this.packetsLeft = 0;
    this.skipBytes = 0;
    this.continued = false;
    this.endsAfterSkip = false;
    this.headBytes = 0;
  }

  /** The error of an answer that ended in one. */
  get error(): ProtocolError | undefined {
    return this.ended === 'error' && this.done ? decodeErr(this.head, HEADER_BYTES, this.headEnd()) : undefined;
  }

  /** Takes chunk[start, end); returns the offset after the answer when it ends inside, otherwise `end`. */
  push(chunk: Buffer, start: number, end: number): number {
    let offset = start;
    while (!this.done) {
      if (this.skipBytes > 0) {
        const there = end - offset;
        if (there < this.skipBytes) {
          this.skipBytes -= there;
          return end;
        }
        offset += this.skipBytes;
        this.skipBytes = 0;
      }
      if (this.endsAfterSkip) {
        this.done = true;
        break;
      }
      if (offset >= end) break;
      if (this.headBytes === 0) {
        if (this.state === State.ROWS) offset = this.walkRows(chunk, offset, end);
        else if (this.state === State.COLUMNS || this.state === State.DEFINITIONS) {
          offset = this.walkCounted(chunk, offset, end);
        }
        if (this.skipBytes > 0 || this.endsAfterSkip) continue;
        if (offset >= end) break;
      }
      offset = this.lookInto(chunk, offset, end);
    }
    return offset;
  }

  /** Rows, as long as headers lie whole in the chunk; stops before a packet that must be looked into. */
  private walkRows(chunk: Buffer, start: number, end: number): number {
    let offset = start;
    let rows = 0;
    let continued = this.continued;
    const terminalBytes = this.deprecateEof ? MAX_FRAME_BYTES : EOF_BYTES_MAX;
    while (offset + HEADER_BYTES < end) {
      const bytes = chunk[offset]! | (chunk[offset + 1]! << 8) | (chunk[offset + 2]! << 16);
      if (!continued) {
        const first = chunk[offset + HEADER_BYTES]!;
        if (first >= EOF && (first === ERR || bytes < terminalBytes)) break;
        rows += 1;
      }
      continued = bytes === MAX_FRAME_BYTES;
      offset += HEADER_BYTES + bytes;
      if (offset > end) {
        this.skipBytes = offset - end;
        offset = end;
        break;
      }
    }
    this.rows += rows;
    this.continued = continued;
    return offset;
  }

  /** Packets of which only the number matters: column and parameter definitions. */
  private walkCounted(chunk: Buffer, start: number, end: number): number {
    let offset = start;
    while (offset + HEADER_BYTES <= end && this.packetsLeft > 0) {
      const bytes = chunk[offset]! | (chunk[offset + 1]! << 8) | (chunk[offset + 2]! << 16);
      offset += HEADER_BYTES + bytes;
      this.countPacket(bytes);
      if (offset > end) {
        this.skipBytes = offset - end;
        return end;
      }
    }
    return offset;
  }

  /** One frame of a counted packet went by. */
  private countPacket(bytes: number): void {
    this.continued = bytes === MAX_FRAME_BYTES;
    if (this.continued) return;
    this.packetsLeft -= 1;
    if (this.packetsLeft > 0) return;
    if (this.state === State.DEFINITIONS) this.endsAfterSkip = true;
    else this.state = this.deprecateEof ? State.ROWS : State.COLUMNS_EOF;
  }

  /** Collects the header and as much of a packet as its meaning needs; returns the offset of the first byte not taken. */
  private lookInto(chunk: Buffer, start: number, end: number): number {
    let offset = start;
    const { head } = this;
    while (this.headBytes < HEADER_BYTES && offset < end) head[this.headBytes++] = chunk[offset++]!;
    if (this.headBytes < HEADER_BYTES) return offset;
    const bytes = head[0]! | (head[1]! << 8) | (head[2]! << 16);
    if (this.continued || bytes === 0 || this.isCounted()) {
      this.headBytes = 0;
      this.skipBytes = bytes;
      this.passFrame(bytes);
      return offset;
    }
    if (this.headBytes === HEADER_BYTES) {
      if (offset >= end) return offset;
      head[this.headBytes++] = chunk[offset++]!;
    }
    const wanted = HEADER_BYTES + this.bytesWanted(head[HEADER_BYTES]!, bytes);
    const taken = Math.min(wanted - this.headBytes, end - offset);
    if (taken > 0) {
      chunk.copy(head, this.headBytes, offset, offset + taken);
      this.headBytes += taken;
      offset += taken;
    }
    if (this.headBytes < wanted) return offset;
    this.headBytes = 0;
    this.skipBytes = HEADER_BYTES + bytes - wanted;
    this.continued = bytes === MAX_FRAME_BYTES;
    this.understand(head[HEADER_BYTES]!, bytes, wanted);
    return offset;
  }

  private isCounted(): boolean {
    return this.state === State.COLUMNS || this.state === State.DEFINITIONS;
  }

  /** A frame that needs no look: a continuation, an empty payload, a definition. */
  private passFrame(bytes: number): void {
    if (this.isCounted()) {
      this.countPacket(bytes);
      return;
    }
    if (!this.continued && this.state === State.ROWS) this.rows += 1;
    this.continued = bytes === MAX_FRAME_BYTES;
    if (this.state === State.SINGLE && !this.continued) this.endsAfterSkip = true;
  }

  private bytesWanted(first: number, bytes: number): number {
    const row = (this.state === State.ROWS || this.state === State.FIELDS) && !this.isTerminal(first, bytes);
    return row ? 1 : Math.min(bytes, HEAD_BYTES_MAX);
  }

  private isTerminal(first: number, bytes: number): boolean {
    if (first === ERR) return true;
    return first === EOF && bytes < (this.deprecateEof ? MAX_FRAME_BYTES : EOF_BYTES_MAX);
  }

  /** What a packet whose head is in `head[4, headEnd)` means. */
  private understand(first: number, bytes: number, headEnd: number): void {
    switch (this.state) {
      case State.ROWS:
      case State.FIELDS:
        if (!this.isTerminal(first, bytes)) this.rows += 1;
        else if (first === ERR) this.readErr();
        else this.readEnd(bytes);
        return;
      case State.COLUMNS_EOF:
        if (first === ERR) return this.readErr();
        this.readEof();
        if ((this.statusFlags & StatusFlag.CURSOR_EXISTS) !== 0) return this.endResult('resultset');
        this.state = State.ROWS;
        return;
      case State.SINGLE:
        return this.understandSingle(first, bytes);
      default:
        return this.understandFirst(first, bytes, headEnd);
    }
  }

  private understandFirst(first: number, bytes: number, headEnd: number): void {
    if (first === ERR) return this.readErr();
    if (this.kind === 'prepare') return this.readPrepareOk();
    if (first === OK) {
      this.readOk();
      return this.endResult('ok');
    }
    if (first === INFILE) {
      this.infileRequested = true;
      return;
    }
    if (first === EOF && bytes < EOF_BYTES_MAX) {
      this.readEof();
      return this.endResult('ok');
    }
    this.columns = this.lenenc(HEADER_BYTES, headEnd);
    this.packetsLeft = this.columns;
    this.state = State.COLUMNS;
  }

  private understandSingle(first: number, bytes: number): void {
    if (first === ERR) return this.readErr();
    this.endsAfterSkip = true;
    if (this.kind === 'string') return;
    if (first === EOF && bytes < EOF_BYTES_MAX) this.readEof();
    else this.readOk();
  }

  private readEnd(bytes: number): void {
    if (this.deprecateEof && bytes >= 7) this.readOk();
    else this.readEof();
    this.endResult('resultset');
  }

  private endResult(ended: 'ok' | 'resultset'): void {
    this.ended = ended;
    if ((this.statusFlags & StatusFlag.MORE_RESULTS_EXISTS) !== 0) this.state = State.FIRST;
    else this.endsAfterSkip = true;
  }

  private readErr(): void {
    this.errorCode = this.head.readUInt16LE(HEADER_BYTES + 1);
    this.ended = 'error';
    this.endsAfterSkip = true;
  }

  private readEof(): void {
    this.warnings = this.head.readUInt16LE(HEADER_BYTES + 1);
    this.statusFlags = this.head.readUInt16LE(HEADER_BYTES + 3);
  }

  /** header, affected rows, last insert id (both length-encoded), status flags, warnings */
  private readOk(): void {
    const affectedAt = HEADER_BYTES + 1;
    const idAt = affectedAt + lenencBytes(this.head[affectedAt]!);
    const statusAt = idAt + lenencBytes(this.head[idAt]!);
    this.affectedRows = this.lenenc(affectedAt, idAt);
    this.lastInsertId = this.lenenc(idAt, statusAt);
    this.statusFlags = this.head.readUInt16LE(statusAt);
    this.warnings = this.head.readUInt16LE(statusAt + 2);
  }

  /** header, statement id (4), columns (2), parameters (2), filler, warnings (2) */
  private readPrepareOk(): void {
    const { head } = this;
    this.statementId = head.readUInt32LE(HEADER_BYTES + 1);
    this.columnCount = head.readUInt16LE(HEADER_BYTES + 5);
    this.paramCount = head.readUInt16LE(HEADER_BYTES + 7);
    this.warnings = head.readUInt16LE(HEADER_BYTES + 10);
    const eofs = this.deprecateEof ? 0 : Number(this.columnCount > 0) + Number(this.paramCount > 0);
    this.packetsLeft = this.columnCount + this.paramCount + eofs;
    if (this.packetsLeft === 0) this.endsAfterSkip = true;
    else this.state = State.DEFINITIONS;
  }

  /** A length-encoded integer of the head; above 2^53 it is rounded. */
  private lenenc(at: number, end: number): number {
    const first = this.head[at]!;
    if (first < 0xfb) return first;
    const bytes = lenencBytes(first) - 1;
    if (at + bytes >= end + 1) return 0;
    return bytes === 8 ? Number(this.head.readBigUInt64LE(at + 1)) : this.head.readUIntLE(at + 1, bytes);
  }

  private headEnd(): number {
    const bytes = this.head[0]! | (this.head[1]! << 8) | (this.head[2]! << 16);
    return HEADER_BYTES + Math.min(bytes, HEAD_BYTES_MAX);
  }
}

/** Bytes a length-encoded integer takes, by its first one. */
function lenencBytes(first: number): number {
  return first < 0xfb ? 1 : first === 0xfc ? 3 : first === 0xfd ? 4 : 9;
}
