/**
 * Knows where a server's response is and where it ends, from packet headers and first bytes only: rows pass unread.
 * It does not relay the bytes and does not keep them.
 *
 *                 ┌──────────────── MORE_RESULTS ───────────────┐
 *                 ▼                                             │
 *   query ──▶ FIRST ──▶ COLUMNS ──▶ COLUMNS_EOF* ──▶ ROWS ──────┴──▶ DONE
 *              │ OK, ERR ─────────────────────────────────────────────▲
 *              └ INFILE: the client's turn, then FIRST again
 *   prepare ─▶ PREPARE_FIRST ─▶ PARAMS ─▶ PARAMS_EOF* ─▶ DEFINITIONS ─▶ DEFINITIONS_EOF* ─▶ DONE
 *   field-list ▶ FIELD_LIST ─▶ DONE      simple ▶ SIMPLE ─▶ DONE      string ▶ STRING ─▶ DONE      fetch ▶ ROWS ─▶ DONE
 *
 * States with * are passed over under CLIENT_DEPRECATE_EOF. An ERR ends everything wherever a packet may begin.
 *
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html
 */
import { errors, type ProtocolError } from './errors.ts';
import { HEADER_BYTES, MAX_FRAME_BYTES } from './framer.ts';
import { decodeErr, EOF_HEADER, ERR_HEADER, LOCAL_INFILE_HEADER, OK_HEADER } from './ok-err-eof.ts';
import { MalformedPacket, PacketReader } from './packet-reader.ts';
import { dressDefinition, dressEof } from './proxysql-dress.ts';
import { opensCursor, StatusFlag } from './status-flags.ts';

/**
 * What is expected: 'query' and 'execute' (OK, ERR, LOCAL INFILE or result sets), 'open' (the same, or a result whose rows
 * are those of a cursor that was asked for), 'prepare', 'simple' (one OK, ERR or EOF), 'string' (one packet of any kind, as
 * COM_STATISTICS), 'field-list', 'fetch' (rows of a cursor).
 */
export type ResponseKind = 'query' | 'execute' | 'open' | 'prepare' | 'simple' | 'string' | 'field-list' | 'fetch';

const State = {
  FIRST: 0,
  COLUMNS: 1,
  COLUMNS_EOF: 2,
  ROWS: 3,
  PREPARE_FIRST: 4,
  PARAMS: 5,
  PARAMS_EOF: 6,
  DEFINITIONS: 7,
  DEFINITIONS_EOF: 8,
  SIMPLE: 9,
  STRING: 10,
  FIELD_LIST: 11,
  DONE: 12,
} as const;
type State = (typeof State)[keyof typeof State];

const FIRST_STATE: Readonly<Record<ResponseKind, State>> = {
  query: State.FIRST,
  execute: State.FIRST,
  open: State.FIRST,
  prepare: State.PREPARE_FIRST,
  simple: State.SIMPLE,
  string: State.STRING,
  'field-list': State.FIELD_LIST,
  fetch: State.ROWS,
};

/** An EOF has 5 bytes; a row that begins with 0xfe (a length of eight bytes) has 9 and more. */
const EOF_BYTES = 5;
const EOF_BYTES_LIMIT = 9;
const PREPARE_OK_BYTES = 12;
/** The statement id within the payload of PREPARE_OK. */
const STATEMENT_ID_AT = 1;
const STATEMENT_ID_BYTES = 4;
/** Enough of a packet that is cut between chunks to read it: an error text has at most 512 bytes. */
const SCRATCH_BYTES = 1024;
const NOWHERE = -1;
const NO_FIRST_BYTE = -1;
const UNDRESSED = -1;

/** scratch: reused by every walker, never across a call. */
const reader = new PacketReader();

/** Type of an entry of session state. */
const SESSION_TRACK_GTIDS = 0x03;

/** The ids of transactions in the rest of an OK, if it tells of any: text, then entries of a type and a length. */
function readGtids(): string | undefined {
  try {
    reader.skip(reader.lenencInt());
    const end = reader.lenencInt();
    const limit = reader.remaining - end;
    while (reader.remaining > limit) {
      const type = reader.u8();
      const bytes = reader.lenencInt();
      if (type !== SESSION_TRACK_GTIDS) {
        reader.skip(bytes);
        continue;
      }
      // How it is encoded: there is one way.
      reader.skip(1);
      return reader.lenencString('latin1');
    }
  } catch (error) {
    // What stands there is the client's business; a packet that was cut has lost its end.
    if (!(error instanceof MalformedPacket)) throw error;
  }
  return undefined;
}

/**
 * One per backend connection: `begin` before each expected response, then `push` every chunk until `done`. Allocates
 * nothing per packet; an ERR is copied. The fields are the walker's to write.
 */
export class ResponseWalker {
  /** Bits of `StatusFlag` of the last OK or EOF. */
  statusFlags = 0;
  warnings = 0;
  /** Of the last OK. */
  affectedRows: number | bigint = 0;
  /** The last one that is not 0: what LAST_INSERT_ID() says afterwards. */
  lastInsertId: number | bigint = 0;
  /** Of the last OK that told of transactions (session_track_gtids): their ids, `uuid:5`. */
  gtids: string | undefined;
  /** Rows of all result sets so far. */
  rows = 0;
  /** Columns of the current or last result set; of a prepared statement, its result's. */
  columns = 0;
  /** How it ended; valid when `done`. */
  ended: 'ok' | 'error' | 'resultset' = 'ok';
  /** The bytes make no sense, `ended` is 'error': the connection cannot be used any more. */
  malformed = false;
  /** LOAD DATA LOCAL: the server waits for the client's file. Until the server speaks again. */
  infileRequested = false;
  /** 'prepare' that ended 'ok'. */
  statementId = 0;
  paramCount = 0;
  /** 'prepare': index of the id's four bytes in the chunk last pushed, -1 unless all of them lie there. */
  statementIdAt = NOWHERE;

  private state: State = State.DONE;
  private deprecateEof = false;
  /** Column or parameter definitions still to come. */
  private definitionsLeft = 0;
  private errorBytes: Buffer | undefined;

  // The frame under way
  private headerBytes = 0;
  private header = 0;
  private frameBytes = 0;
  private frameLeft = 0;
  /** The packet's first byte has been looked at. */
  private judged = false;
  /** The packet is to be read, so what of it lies in earlier chunks is in the scratch. */
  private reading = false;
  private scratch: Buffer | undefined;
  private scratchBytes = 0;
  /** The client asked for a cursor. */
  private opens = false;
  /** See `dress`; UNDRESSED: the chunks are not touched. */
  private statusBefore: number = UNDRESSED;
  /** Of the definition under way. */
  private columnType = 0;

  // The chunk last pushed
  private chunkStart = 0;
  private chunkEnd = 0;
  /** Index in that chunk, maybe before its start, of the first byte of the statement id. */
  private statementIdBase: number = NOWHERE;
  private statementIdSeen = false;

  /** Expects a response from its first packet on. */
  begin(kind: ResponseKind, deprecateEof: boolean): void {
    this.statusFlags = 0;
    this.warnings = 0;
    this.affectedRows = 0;
    this.lastInsertId = 0;
    this.gtids = undefined;
    this.rows = 0;
    this.columns = 0;
    this.ended = 'ok';
    this.malformed = false;
    this.infileRequested = false;
    this.statementId = 0;
    this.paramCount = 0;
    this.statementIdAt = NOWHERE;
    this.state = kind === 'query' || kind === 'execute' ? State.FIRST : FIRST_STATE[kind];
    this.opens = kind === 'open';
    this.deprecateEof = deprecateEof;
    this.definitionsLeft = 0;
    this.errorBytes = undefined;
    this.headerBytes = 0;
    this.header = 0;
    this.judged = false;
    this.statementIdSeen = false;
    this.statusBefore = UNDRESSED;
  }

  /**
   * What is pushed from now on is changed in place to what ProxySQL would make of it; see proxysql-dress.ts.
   * @param statusBefore bits of `StatusFlag` that the connection had when the statement was sent
   */
  dress(statusBefore: number): void {
    this.statusBefore = statusBefore;
  }

  /** A packet that begins now, like this, is an OK that may tell of the session's state. */
  mayTell(firstByte: number, frameBytes: number): boolean {
    if (this.judged || frameBytes === MAX_FRAME_BYTES) return false;
    switch (this.state) {
      case State.FIRST:
        return firstByte === OK_HEADER;
      case State.ROWS:
        return this.deprecateEof && firstByte === EOF_HEADER;
      case State.SIMPLE:
        return firstByte === OK_HEADER || firstByte === EOF_HEADER;
      default:
        return false;
    }
  }

  /** The response is complete. */
  get done(): boolean {
    return this.state === State.DONE;
  }

  /** The code of the ERR it ended with, else 0. */
  /** Length of the ERR packet's payload; 0 without one. */
  get errorBytesLength(): number {
    return this.errorBytes?.length ?? 0;
  }

  get errorCode(): number {
    return this.error?.code ?? 0;
  }

  /** The ERR it ended with. */
  get error(): ProtocolError | undefined {
    if (this.malformed) return errors.malformedAnswer();
    if (this.errorBytes === undefined) return undefined;
    return decodeErr(this.errorBytes, 0, this.errorBytes.length);
  }

  /**
   * Consumes `chunk[start, end)`. Returns the offset just after the response when it ends inside, or after the request
   * for the client's file; otherwise `end`. Never throws: see `malformed`.
   */
  push(chunk: Buffer, start: number, end: number): number {
    this.infileRequested = false;
    this.statementIdAt = NOWHERE;
    this.statementIdSeen = false;
    this.chunkStart = start;
    this.chunkEnd = end;
    let offset = start;
    while (offset < end && this.state !== State.DONE && !this.infileRequested) {
      if (this.headerBytes < HEADER_BYTES) {
        if (this.state === State.ROWS && this.headerBytes === 0 && !this.judged) {
          offset = this.walkRows(chunk, offset, end);
        }
        offset = this.readHeader(chunk, offset, end);
        if (this.headerBytes < HEADER_BYTES) return offset;
      }
      offset = this.readPayload(chunk, offset, end);
    }
    return offset;
  }

  /**
   * 'prepare': writes another statement id over those bytes of the server's that lay in the chunk last pushed, be it
   * four or fewer, since the id may be cut between chunks. Does nothing for any other answer.
   */
  patchStatementId(chunk: Buffer, statementId: number): void {
    if (!this.statementIdSeen) return;
    for (let index = 0; index < STATEMENT_ID_BYTES; index++) {
      const at = this.statementIdBase + index;
      if (at >= this.chunkStart && at < this.chunkEnd) chunk[at] = statementId >>> (8 * index);
    }
  }

  /**
   * The hot loop: rows that lie within the chunk. It stops before whatever needs a closer look: a first byte that may
   * be an end, a frame that is continued, a packet cut by the end of the chunk. Over 2 GB/s on ordinary rows.
   */
  private walkRows(chunk: Buffer, start: number, end: number): number {
    let offset = start;
    let rows = 0;
    while (end - offset > HEADER_BYTES) {
      const bytes = chunk[offset]! | (chunk[offset + 1]! << 8) | (chunk[offset + 2]! << 16);
      const next = offset + HEADER_BYTES + bytes;
      if (next > end || chunk[offset + HEADER_BYTES]! >= EOF_HEADER || bytes === MAX_FRAME_BYTES) break;
      offset = next;
      rows++;
    }
    this.rows += rows;
    return offset;
  }

  private readHeader(chunk: Buffer, start: number, end: number): number {
    let offset = start;
    while (this.headerBytes < HEADER_BYTES && offset < end) {
      this.header |= chunk[offset]! << (8 * this.headerBytes);
      this.headerBytes++;
      offset++;
    }
    if (this.headerBytes === HEADER_BYTES) {
      this.frameBytes = this.header & MAX_FRAME_BYTES;
      this.frameLeft = this.frameBytes;
    }
    return offset;
  }

  private readPayload(chunk: Buffer, start: number, end: number): number {
    if (!this.judged) {
      if (this.frameBytes > 0 && start === end) return start;
      this.judged = true;
      this.scratchBytes = 0;
      this.reading = this.judge(this.frameBytes === 0 ? NO_FIRST_BYTE : chunk[start]!);
    }
    const taken = Math.min(this.frameLeft, end - start);
    const whole = taken === this.frameBytes && taken < MAX_FRAME_BYTES && this.scratchBytes === 0;
    if (this.reading) {
      if (this.state === State.PREPARE_FIRST) this.locateStatementId(start, chunk);
      if (!whole) this.keep(chunk, start, taken);
    }
    const left = this.frameLeft;
    this.frameLeft -= taken;
    const { state } = this;
    if (this.frameLeft === 0) {
      this.headerBytes = 0;
      this.header = 0;
      // A full frame is continued by the next one, whose first byte then says nothing.
      if (this.frameBytes < MAX_FRAME_BYTES) {
        this.judged = false;
        if (!this.reading) this.pass();
        else if (whole) this.read(chunk, start, start + taken);
        else this.read(this.scratch!, 0, this.scratchBytes);
      }
    }
    // After it was read: the walker goes by what the server said.
    if (this.statusBefore !== UNDRESSED) this.dressPiece(state, chunk, start, taken, left);
    return start + taken;
  }

  /** @param left bytes of the frame from `start` on, of which `taken` are in the chunk */
  private dressPiece(state: State, chunk: Buffer, start: number, taken: number, left: number): void {
    if (state === State.COLUMNS_EOF) {
      if (this.frameBytes === EOF_BYTES) dressEof(chunk, start, start + taken, left, this.statusBefore);
      return;
    }
    // A definition is not read; an ERR in its place is.
    if ((state !== State.COLUMNS && state !== State.DEFINITIONS) || this.reading) return;
    this.columnType = dressDefinition(chunk, start, start + taken, left, this.columnType);
  }

  /** Looks at the first byte of a packet: true when the packet has to be read. */
  private judge(firstByte: number): boolean {
    switch (this.state) {
      case State.FIRST:
        return firstByte !== LOCAL_INFILE_HEADER;
      case State.ROWS: {
        const end = firstByte === ERR_HEADER || (firstByte === EOF_HEADER && this.frameBytes < this.endBytesLimit());
        if (!end) this.rows++;
        return end;
      }
      case State.COLUMNS:
      case State.PARAMS:
      case State.DEFINITIONS:
      case State.STRING:
        return firstByte === ERR_HEADER;
      case State.FIELD_LIST:
        return firstByte >= EOF_HEADER;
      default:
        return true;
    }
  }

  /** Below this length a packet of the rows that begins with 0xfe is their end. */
  private endBytesLimit(): number {
    return this.deprecateEof ? MAX_FRAME_BYTES : EOF_BYTES_LIMIT;
  }

  /** A packet that was not read is over. */
  private pass(): void {
    switch (this.state) {
      case State.FIRST:
        this.infileRequested = true;
        break;
      case State.COLUMNS:
        this.definitionsLeft--;
        if (this.definitionsLeft === 0) this.state = this.deprecateEof ? State.ROWS : State.COLUMNS_EOF;
        break;
      case State.PARAMS:
        this.definitionsLeft--;
        if (this.definitionsLeft > 0) break;
        if (this.deprecateEof) this.expectDefinitions();
        else this.state = State.PARAMS_EOF;
        break;
      case State.DEFINITIONS:
        this.definitionsLeft--;
        if (this.definitionsLeft > 0) break;
        if (this.deprecateEof) this.finish('ok');
        else this.state = State.DEFINITIONS_EOF;
        break;
      case State.STRING:
        this.finish('ok');
        break;
      case State.FIELD_LIST:
        this.columns++;
        break;
      default:
        break;
    }
  }

  /** A packet that has to be read is complete. */
  private read(buffer: Buffer, start: number, end: number): void {
    try {
      reader.reset(buffer, start, end);
      const firstByte = reader.u8();
      if (firstByte === ERR_HEADER) {
        reader.u16();
        this.errorBytes = Buffer.from(buffer.subarray(start, end));
        this.finish('error');
      } else {
        this.interpret(firstByte, end - start);
      }
    } catch (error) {
      if (!(error instanceof MalformedPacket)) throw error;
      this.malformed = true;
      this.finish('error');
    }
  }

  private interpret(firstByte: number, bytes: number): void {
    switch (this.state) {
      case State.FIRST:
        if (firstByte === OK_HEADER) this.endResult('ok');
        else this.expectColumns(firstByte);
        break;
      case State.COLUMNS_EOF:
        this.readEof(firstByte);
        // A cursor was opened: its rows are fetched by COM_STMT_FETCH. MariaDB says so of cursors within a procedure, too.
        if (this.opens && opensCursor(this.statusFlags)) this.finish('resultset');
        else this.state = State.ROWS;
        break;
      case State.ROWS:
      case State.FIELD_LIST:
        this.endResult('resultset', bytes);
        break;
      case State.PREPARE_FIRST:
        this.readPrepareOk(firstByte, bytes);
        break;
      case State.PARAMS_EOF:
        this.readDefinitionsEof(firstByte);
        this.expectDefinitions();
        break;
      case State.DEFINITIONS_EOF:
        this.readDefinitionsEof(firstByte);
        this.finish('ok');
        break;
      default:
        if (firstByte !== OK_HEADER && firstByte !== EOF_HEADER) throw new MalformedPacket('neither OK, ERR nor EOF');
        this.endResult('ok', bytes);
        break;
    }
  }

  /** Reads the rest of an OK or EOF that ends a result; another result may follow. */
  private endResult(ended: 'ok' | 'resultset', bytes = 0): void {
    if (bytes === EOF_BYTES) this.readEofFields();
    else this.readOkFields();
    const more = (this.statusFlags & StatusFlag.MORE_RESULTS_EXISTS) !== 0;
    if (!more || (this.state !== State.FIRST && this.state !== State.ROWS)) return this.finish(ended);
    this.state = State.FIRST;
    if (this.statusBefore !== UNDRESSED) this.statusBefore = this.statusFlags;
  }

  private expectColumns(firstByte: number): void {
    // The count is a length-encoded integer whose first byte has been read already.
    if (firstByte < LOCAL_INFILE_HEADER) this.columns = firstByte;
    else if (firstByte === 0xfc) this.columns = reader.u16();
    // No table has that many, but a list of literals may: MariaDB answers half a million of them.
    else if (firstByte === 0xfd) this.columns = reader.u24();
    else throw new MalformedPacket('impossible column count');
    this.definitionsLeft = this.columns;
    this.state = State.COLUMNS;
  }

  private readPrepareOk(firstByte: number, bytes: number): void {
    if (firstByte !== OK_HEADER || bytes < PREPARE_OK_BYTES) throw new MalformedPacket('no answer to a PREPARE');
    this.statementId = reader.u32();
    this.columns = reader.u16();
    this.paramCount = reader.u16();
    reader.skip(1);
    this.warnings = reader.u16();
    this.definitionsLeft = this.paramCount;
    if (this.paramCount > 0) this.state = State.PARAMS;
    else this.expectDefinitions();
  }

  private expectDefinitions(): void {
    this.definitionsLeft = this.columns;
    if (this.columns > 0) this.state = State.DEFINITIONS;
    else this.finish('ok');
  }

  private readEof(firstByte: number): void {
    if (firstByte !== EOF_HEADER) throw new MalformedPacket('an EOF was due');
    this.readEofFields();
  }

  /** The warnings of a PREPARE are in its first packet. */
  private readDefinitionsEof(firstByte: number): void {
    const warnings = this.warnings;
    this.readEof(firstByte);
    this.warnings = warnings;
  }

  private readEofFields(): void {
    this.warnings = reader.u16();
    this.statusFlags = reader.u16();
  }

  private readOkFields(): void {
    this.affectedRows = reader.lenencUint64();
    const lastInsertId = reader.lenencUint64();
    if (lastInsertId !== 0) this.lastInsertId = lastInsertId;
    this.statusFlags = reader.u16();
    this.warnings = reader.u16();
    if ((this.statusFlags & StatusFlag.SESSION_STATE_CHANGED) !== 0) this.gtids = readGtids() ?? this.gtids;
  }

  private locateStatementId(start: number, chunk: Buffer): void {
    const seen = this.frameBytes - this.frameLeft;
    const firstByte = seen === 0 ? chunk[start] : this.scratch![0];
    if (firstByte !== OK_HEADER) return;
    const base = start - seen + STATEMENT_ID_AT;
    this.statementIdBase = base;
    this.statementIdSeen = true;
    if (base >= this.chunkStart && base + STATEMENT_ID_BYTES <= this.chunkEnd) this.statementIdAt = base;
  }

  /** Keeps a piece of a packet that is cut between chunks, as far as it matters. */
  private keep(chunk: Buffer, start: number, bytes: number): void {
    this.scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    const kept = Math.min(bytes, SCRATCH_BYTES - this.scratchBytes);
    chunk.copy(this.scratch, this.scratchBytes, start, start + kept);
    this.scratchBytes += kept;
  }

  private finish(ended: 'ok' | 'error' | 'resultset'): void {
    this.ended = ended;
    this.state = State.DONE;
  }
}
