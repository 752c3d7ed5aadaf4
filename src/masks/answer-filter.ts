/**
 * Masks an answer on its way from the server to the client: reads column definitions, asks what to do with them, masks
 * rows, and passes everything else on. It decides nothing (AnswerJudge does) and owns no socket.
 *
 *   FIRST ─▶ definitions ─▶ judge ─▶ ROWS ─▶ end ─▶ FIRST again when more results follow
 *     │ OK, ERR: told with less, when the judge says so        cut: an ERR of ours, and nothing after it
 *
 * What needs no change leaves in the server's own buffer. A row is held back until it is whole, unless it is longer
 * than a packet may be: then its new packets are sent as they fill (HugeRow).
 */
import type { ProtocolError } from '../protocol/errors.ts';
import { HEADER_BYTES, MAX_FRAME_BYTES } from '../protocol/framer.ts';
import { decodeErr, EOF_HEADER, ERR_HEADER, LOCAL_INFILE_HEADER, OK_HEADER, writeErr } from '../protocol/ok-err-eof.ts';
import { MalformedPacket, PacketReader } from '../protocol/packet-reader.ts';
import { PacketWriter } from '../protocol/packet-writer.ts';
import { opensCursor, StatusFlag } from '../protocol/status-flags.ts';
import { ByteSink } from './byte-sink.ts';
import type { ColumnMask } from './column-mask.ts';
import { renewRegexTime } from './mask-text.ts';
import { type ResultColumn, readDefinition, writeShape } from './result-columns.ts';
import { HugeRow, type MaskedColumns, RowMasker } from './row-masker.ts';

/** Columns a result may have to be looked at; a longer list is cut off. */
export const maskedResultColumnsMax = 4096;

export type ResultJudgement =
  /** By position; undefined for columns that pass. */
  | { readonly kind: 'masks'; readonly masks: readonly (ColumnMask | undefined)[] }
  | { readonly kind: 'pass' }
  | { readonly kind: 'cut'; readonly error: ProtocolError };

/** What the filter asks. */
export interface AnswerJudge {
  /** @param index of the result within the answer, OKs included */
  judgeResult(columns: readonly ResultColumn[], index: number): ResultJudgement;
  /** The first result of an answer passes; `head` is its column count and definitions, only valid until the return. */
  passed?(head: Buffer): void;
  /** An error of the server, as the client may see it; the same one when it may be seen. */
  judgeError(error: ProtocolError): ProtocolError;
  /** Warning counts and texts of OK packets are kept from the client. */
  readonly quiet: boolean;
  /** Cells masked in one result, when it is over. */
  masked(columns: readonly ResultColumn[], counts: readonly number[]): void;
}

export interface AnswerShape {
  readonly kind: 'query' | 'execute' | 'open' | 'prepare';
  readonly deprecateEof: boolean;
}

const State = { FIRST: 0, COLUMNS_EOF: 1, ROWS: 2, HUGE_ROW: 3, DONE: 4 } as const;
type State = (typeof State)[keyof typeof State];

const EMPTY = Buffer.alloc(0);
/** An EOF packet is shorter than this; without CLIENT_DEPRECATE_EOF a longer one that begins with 0xfe is a row. */
const EOF_BYTES_LIMIT = 9;
const PREPARE_OK_BYTES = 12;

/** scratch: never across a call. */
const reader = new PacketReader();
const writer = new PacketWriter();

export class AnswerFilter {
  /** The answer was cut off with this error. */
  cut: ProtocolError | undefined;
  readonly #judge: AnswerJudge;
  readonly #shape: AnswerShape;
  #state: State = State.FIRST;
  #results = 0;
  /** What our sequence ids are ahead of the server's. */
  #shift = 0;
  /** Bytes of earlier chunks without which nothing can be done yet. */
  #held: Buffer = EMPTY;
  /** A packet cut by the end of a chunk, in a buffer of its size, and how much of it is there. */
  #partial: Buffer | undefined;
  #partialBytes = 0;
  /** Bytes still to come of a packet that passes. */
  #passing = 0;
  /** The frame under way, or the one before, is continued by the next one. */
  #continued = false;
  /** Of the packet at work, as the server numbers it. */
  #sequence = 0;
  /** Where in the sink the row at work begins; -1 when there is none. */
  #rowAt = -1;
  #columns: readonly ResultColumn[] = [];
  #masked: MaskedColumns | undefined;
  #rows: RowMasker | undefined;
  /** What is masked of the rows that are yet to be fetched. */
  #cursorRows: MaskedColumns | undefined;
  #huge: HugeRow | undefined;
  #hugeRow = new ByteSink();
  #hugeSequence = 0;
  #hugeFrameLeft = 0;
  #hugeLast = false;
  #hugeFrames = 0;
  readonly #out = new ByteSink();
  /** The chunk at work, and up to where it has been dealt with. */
  #sentTo = 0;

  constructor(judge: AnswerJudge, shape: AnswerShape) {
    this.#judge = judge;
    this.#shape = shape;
  }

  /** A filter for an answer to COM_STMT_FETCH: rows of the cursor this answer has opened. */
  forFetch(): AnswerFilter {
    const filter = new AnswerFilter(this.#judge, this.#shape);
    filter.#state = State.ROWS;
    filter.#cursorRows = this.#cursorRows;
    filter.#columns = this.#columns;
    if (this.#cursorRows !== undefined) {
      filter.#masked = { ...this.#cursorRows, counts: this.#columns.map(() => 0) };
      filter.#rows = new RowMasker(filter.#masked);
    }
    return filter;
  }

  /** Takes the next bytes of the answer, which may be changed in place; returns those for the client, maybe none. */
  push(bytes: Buffer): Buffer {
    if (this.cut !== undefined) return EMPTY;
    const chunk = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    this.#held = EMPTY;
    this.#sentTo = 0;
    if (this.#rows !== undefined) renewRegexTime();
    try {
      this.#walk(chunk);
    } catch (error) {
      if (!(error instanceof MalformedPacket)) throw error;
      // A row that was begun is taken back.
      if (this.#rowAt >= 0) this.#out.at = this.#rowAt;
      this.#cutOff(MALFORMED, this.#sequence);
    }
    if (this.cut !== undefined || this.#out.at > 0) {
      if (this.cut === undefined) this.#out.bytes(chunk, this.#sentTo, chunk.length);
      return this.#out.take();
    }
    return this.#sentTo === 0 ? chunk : chunk.subarray(this.#sentTo);
  }

  #walk(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length && this.cut === undefined) {
      if (this.#partial !== undefined) offset = this.#fillPartial(chunk, offset);
      else if (this.#passing > 0) {
        const taken = Math.min(this.#passing, chunk.length - offset);
        this.#passing -= taken;
        offset += taken;
      } else if (this.#state === State.HUGE_ROW) offset = this.#hugeBytes(chunk, offset);
      else if (chunk.length - offset < HEADER_BYTES) return this.#hold(chunk, offset);
      else {
        if (this.#state === State.ROWS && this.#rows === undefined) offset = this.#passRows(chunk, offset);
        if (chunk.length - offset < HEADER_BYTES) continue;
        const next = this.#frame(chunk, offset);
        if (next < 0) return this.#hold(chunk, offset);
        offset = next;
      }
    }
  }

  /** The rest of the chunk waits for more. */
  #hold(chunk: Buffer, offset: number): void {
    this.#out.bytes(chunk, this.#sentTo, offset);
    this.#held = Buffer.from(chunk.subarray(offset));
    this.#sentTo = chunk.length;
  }

  /** A frame whose header is there begins at `offset`. Returns where to go on, or -1 when more is needed. */
  #frame(chunk: Buffer, offset: number): number {
    const bytes = frameBytes(chunk, offset);
    this.#sequence = chunk[offset + 3]!;
    if (this.#continued) return this.#passFrame(chunk, offset, bytes);
    if (this.#state === State.FIRST) return this.#head(chunk, offset);
    if (this.#state === State.DONE) return this.#passFrame(chunk, offset, bytes);
    const payloadAt = offset + HEADER_BYTES;
    if (bytes > 0 && payloadAt === chunk.length) return -1;
    if (this.#state === State.ROWS && !this.#isEnd(chunk[payloadAt] ?? 0, bytes)) {
      if (this.#rows === undefined) return this.#passFrame(chunk, offset, bytes);
      if (bytes === MAX_FRAME_BYTES) return this.#beginHugeRow(chunk, offset);
    }
    const end = payloadAt + bytes;
    if (end > chunk.length) return this.#beginPartial(chunk, offset, bytes);
    this.#packet(chunk, offset, payloadAt, end);
    return end;
  }

  /** The quick way over rows nobody protects, as far as they lie in the chunk. */
  #passRows(chunk: Buffer, start: number): number {
    if (this.#shift !== 0 || this.#continued) return start;
    const end = chunk.length;
    let offset = start;
    while (end - offset > HEADER_BYTES) {
      const bytes = chunk[offset]! | (chunk[offset + 1]! << 8) | (chunk[offset + 2]! << 16);
      const next = offset + HEADER_BYTES + bytes;
      if (next > end || chunk[offset + HEADER_BYTES]! >= EOF_HEADER || bytes === MAX_FRAME_BYTES) break;
      offset = next;
    }
    return offset;
  }

  /** Nothing in it changes but, maybe, its sequence id. */
  #passFrame(chunk: Buffer, offset: number, bytes: number): number {
    if (this.#shift !== 0) chunk[offset + 3] = (chunk[offset + 3]! + this.#shift) & 0xff;
    this.#continued = bytes === MAX_FRAME_BYTES;
    const end = offset + HEADER_BYTES + bytes;
    if (end <= chunk.length) return end;
    this.#passing = end - chunk.length;
    return chunk.length;
  }

  #beginPartial(chunk: Buffer, offset: number, bytes: number): number {
    this.#out.bytes(chunk, this.#sentTo, offset);
    this.#sentTo = chunk.length;
    this.#partial = Buffer.allocUnsafeSlow(HEADER_BYTES + bytes);
    this.#partialBytes = chunk.copy(this.#partial, 0, offset);
    return chunk.length;
  }

  #fillPartial(chunk: Buffer, offset: number): number {
    const partial = this.#partial as Buffer;
    const taken = chunk.copy(partial, this.#partialBytes, offset);
    this.#partialBytes += taken;
    this.#sentTo = offset + taken;
    if (this.#partialBytes < partial.length) return offset + taken;
    this.#partial = undefined;
    // A chunk of its own as far as the sink is concerned.
    const resumeAt = this.#sentTo;
    this.#sentTo = 0;
    this.#packet(partial, 0, HEADER_BYTES, partial.length);
    this.#out.bytes(partial, this.#sentTo, partial.length);
    this.#sentTo = resumeAt;
    return offset + taken;
  }

  #isEnd(firstByte: number, bytes: number): boolean {
    if (firstByte === ERR_HEADER) return true;
    return firstByte === EOF_HEADER && bytes < (this.#shape.deprecateEof ? MAX_FRAME_BYTES : EOF_BYTES_LIMIT);
  }

  /** A whole packet after the definitions: their EOF, a row, or the end of the rows. */
  #packet(chunk: Buffer, offset: number, start: number, end: number): void {
    if (this.#state === State.COLUMNS_EOF) {
      this.#state = State.ROWS;
      const status = this.#status(chunk, offset, start, end);
      // Without the client's wish it is a cursor within a procedure, and rows follow.
      if (this.#shape.kind !== 'open' || !opensCursor(status)) return;
      this.#cursorRows = this.#masked;
      this.#endAnswer();
      return;
    }
    const firstByte = start < end ? chunk[start]! : 0;
    if (this.#isEnd(firstByte, end - start)) return this.#endOfRows(chunk, offset, start, end);
    this.#out.bytes(chunk, this.#sentTo, offset);
    this.#maskRow(chunk, offset, start, end);
    this.#sentTo = end;
  }

  #maskRow(chunk: Buffer, offset: number, start: number, end: number): void {
    const out = this.#out;
    out.reserve(chunk.length - offset + HEADER_BYTES);
    const headerAt = out.at;
    this.#rowAt = headerAt;
    out.at += HEADER_BYTES;
    this.#rows?.write(out, chunk, start, end);
    this.#rowAt = -1;
    const bytes = out.at - headerAt - HEADER_BYTES;
    const sequence = chunk[offset + 3]! + this.#shift;
    if (bytes < MAX_FRAME_BYTES) return writeHeader(out.buffer, headerAt, bytes, sequence);
    // Grown beyond what one packet holds.
    const row = Buffer.from(out.buffer.subarray(headerAt + HEADER_BYTES, out.at));
    out.at = headerAt;
    let at = 0;
    let frames = 0;
    for (;;) {
      const part = Math.min(MAX_FRAME_BYTES, row.length - at);
      out.reserve(HEADER_BYTES + part);
      writeHeader(out.buffer, out.at, part, sequence + frames);
      out.at += HEADER_BYTES;
      out.bytes(row, at, at + part);
      at += part;
      frames += 1;
      if (part < MAX_FRAME_BYTES) break;
    }
    this.#shift += frames - 1;
  }

  #endOfRows(chunk: Buffer, offset: number, start: number, end: number): void {
    const masked = this.#masked;
    if (masked !== undefined) this.#judge.masked(this.#columns, masked.counts);
    this.#masked = undefined;
    this.#rows = undefined;
    if (chunk[start] === ERR_HEADER) return this.#error(chunk, offset, start, end);
    const status = this.#status(chunk, offset, start, end);
    if (this.#shape.kind === 'open' && opensCursor(status)) this.#cursorRows = masked;
    if ((status & StatusFlag.MORE_RESULTS_EXISTS) !== 0) this.#state = State.FIRST;
    else this.#endAnswer();
  }

  #endAnswer(): void {
    this.#state = State.DONE;
  }

  /** Reads the status of an OK or EOF, and takes its warnings away when they are nobody's business. */
  #status(chunk: Buffer, offset: number, start: number, end: number): number {
    chunk[offset + 3] = (chunk[offset + 3]! + this.#shift) & 0xff;
    reader.reset(chunk, start, end);
    reader.u8();
    if (end - start < EOF_BYTES_LIMIT && chunk[start] === EOF_HEADER && !this.#shape.deprecateEof) {
      if (this.#judge.quiet) chunk.writeUInt16LE(0, reader.position);
      reader.u16();
      return reader.u16();
    }
    reader.lenencUint64();
    reader.lenencUint64();
    const status = reader.u16();
    if (!this.#judge.quiet) return status;
    chunk.writeUInt16LE(0, reader.position);
    reader.u16();
    if (reader.remaining > 0) {
      // "Rows matched: 1  Changed: 0": the counts that are in the packet proper say enough.
      const keptTo = reader.position;
      this.#out.bytes(chunk, this.#sentTo, keptTo);
      writeHeader(this.#out.buffer, this.#out.at - (keptTo - offset), keptTo - start, chunk[offset + 3]!);
      this.#sentTo = end;
    }
    return status;
  }

  #error(chunk: Buffer, offset: number, start: number, end: number): void {
    this.#endAnswer();
    const error = decodeErr(chunk, start, end);
    const shown = this.#judge.judgeError(error);
    const sequence = (chunk[offset + 3]! + this.#shift) & 0xff;
    chunk[offset + 3] = sequence;
    if (shown === error) return;
    writeErr(writer, sequence, shown);
    this.#out.bytes(chunk, this.#sentTo, offset);
    this.#out.bytes(writer.take());
    this.#sentTo = end;
  }

  // ---------------------------------------------------------------- the head of a result

  /** The first packet of a result and, of a result set, all definitions. -1 until they are there. */
  #head(chunk: Buffer, offset: number): number {
    const end = offset + HEADER_BYTES + frameBytes(chunk, offset);
    const start = offset + HEADER_BYTES;
    if (end > chunk.length) return -1;
    const firstByte = start < end ? chunk[start]! : NaN;
    if (firstByte === ERR_HEADER) this.#error(chunk, offset, start, end);
    else if (this.#shape.kind === 'prepare') return this.#prepareHead(chunk, offset, start, end);
    else if (firstByte === OK_HEADER) {
      this.#results += 1;
      if ((this.#status(chunk, offset, start, end) & StatusFlag.MORE_RESULTS_EXISTS) === 0) this.#endAnswer();
    } else if (firstByte === LOCAL_INFILE_HEADER) chunk[offset + 3] = (chunk[offset + 3]! + this.#shift) & 0xff;
    else return this.#resultHead(chunk, offset, start, end);
    return end;
  }

  #resultHead(chunk: Buffer, offset: number, start: number, end: number): number {
    reader.reset(chunk, start, end);
    const count = reader.lenencInt();
    if (count > maskedResultColumnsMax) {
      this.#out.bytes(chunk, this.#sentTo, offset);
      this.#cutOff(TOO_MANY_COLUMNS, chunk[offset + 3]!);
      return end;
    }
    const columns = this.#definitions(chunk, end, count);
    if (columns === undefined) return -1;
    const judgement = this.#judge.judgeResult(columns, this.#results++);
    if (judgement.kind === 'cut') {
      this.#out.bytes(chunk, this.#sentTo, offset);
      this.#cutOff(judgement.error, chunk[offset + 3]!);
      return end;
    }
    this.#columns = columns;
    const rowsAt = columns.at(-1)?.end ?? end;
    if (judgement.kind === 'masks') this.#useMasks(chunk, columns, judgement.masks);
    else if (this.#results === 1) this.#judge.passed?.(chunk.subarray(offset, rowsAt));
    this.#renumber(chunk, offset, count + 1);
    this.#state = this.#shape.deprecateEof ? State.ROWS : State.COLUMNS_EOF;
    return rowsAt;
  }

  #useMasks(chunk: Buffer, columns: readonly ResultColumn[], masks: readonly (ColumnMask | undefined)[]): void {
    masks.forEach((mask, index) => {
      const column = columns[index];
      if (mask !== undefined && column !== undefined) writeShape(chunk, column.shapeAt, mask.shape);
    });
    if (masks.every((mask) => mask === undefined)) return;
    const binary = this.#shape.kind === 'execute' || this.#shape.kind === 'open';
    this.#masked = { columns, masks, binary, counts: columns.map(() => 0) };
    this.#rows = new RowMasker(this.#masked);
    renewRegexTime();
  }

  /** Definitions from `at` on; undefined when some are still to come. */
  #definitions(chunk: Buffer, at: number, count: number): readonly ResultColumn[] | undefined {
    const columns: ResultColumn[] = [];
    let offset = at;
    for (let index = 0; index < count; index += 1) {
      if (offset + HEADER_BYTES > chunk.length) return undefined;
      const end = offset + HEADER_BYTES + frameBytes(chunk, offset);
      if (end > chunk.length) return undefined;
      columns.push(readDefinition(chunk, offset + HEADER_BYTES, end));
      offset = end;
    }
    return columns;
  }

  #renumber(chunk: Buffer, offset: number, packets: number): void {
    if (this.#shift === 0) return;
    let at = offset;
    for (let left = packets; left > 0; left -= 1) {
      chunk[at + 3] = (chunk[at + 3]! + this.#shift) & 0xff;
      at += HEADER_BYTES + frameBytes(chunk, at);
    }
  }

  /** The answer to PREPARE: its definitions tell of the same columns as the rows will. */
  #prepareHead(chunk: Buffer, offset: number, start: number, end: number): number {
    if (end - start < PREPARE_OK_BYTES) throw new MalformedPacket('no answer to a PREPARE');
    const count = chunk.readUInt16LE(start + 5);
    const params = chunk.readUInt16LE(start + 7);
    let at = end;
    const eofs = this.#shape.deprecateEof ? 0 : 1;
    for (let left = params > 0 ? params + eofs : 0; left > 0; left -= 1) {
      if (at + HEADER_BYTES > chunk.length) return -1;
      at += HEADER_BYTES + frameBytes(chunk, at);
    }
    const columns = this.#definitions(chunk, at, count);
    if (columns === undefined) return -1;
    if (count > 0) {
      const judgement = this.#judge.judgeResult(columns, this.#results++);
      if (judgement.kind === 'cut') {
        this.#cutOff(judgement.error, chunk[offset + 3]!);
        return end;
      }
      if (judgement.kind === 'masks') this.#useMasks(chunk, columns, judgement.masks);
    }
    if (this.#judge.quiet) chunk.writeUInt16LE(0, start + 10);
    this.#endAnswer();
    return columns.at(-1)?.end ?? at;
  }

  // ---------------------------------------------------------------- rows of several packets

  #beginHugeRow(chunk: Buffer, offset: number): number {
    this.#out.bytes(chunk, this.#sentTo, offset);
    this.#sentTo = offset;
    this.#huge = new HugeRow(this.#masked as MaskedColumns);
    this.#hugeSequence = chunk[offset + 3]! + this.#shift;
    this.#hugeFrames = 0;
    this.#hugeLast = false;
    this.#hugeFrameLeft = 0;
    this.#state = State.HUGE_ROW;
    return offset;
  }

  /** Bytes of a huge row, headers included. The new packets leave as they fill. */
  #hugeBytes(chunk: Buffer, start: number): number {
    let offset = start;
    while (offset < chunk.length) {
      if (this.#hugeFrameLeft === 0) {
        if (chunk.length - offset < HEADER_BYTES) {
          this.#sentTo = offset;
          this.#held = Buffer.from(chunk.subarray(offset));
          this.#sentTo = chunk.length;
          return chunk.length;
        }
        this.#hugeFrameLeft = frameBytes(chunk, offset);
        this.#hugeLast = this.#hugeFrameLeft < MAX_FRAME_BYTES;
        this.#hugeFrames += 1;
        offset += HEADER_BYTES;
      }
      const taken = Math.min(this.#hugeFrameLeft, chunk.length - offset);
      this.#huge?.push(this.#hugeRow, chunk, offset, offset + taken);
      this.#hugeFrameLeft -= taken;
      offset += taken;
      this.#sentTo = offset;
      this.#sendFullFrames();
      if (this.#hugeLast && this.#hugeFrameLeft === 0) {
        this.#endHugeRow();
        return offset;
      }
    }
    return offset;
  }

  #sendFullFrames(): void {
    while (this.#hugeRow.at >= MAX_FRAME_BYTES) {
      const row = this.#hugeRow.take();
      this.#sendFrame(row, 0, MAX_FRAME_BYTES);
      this.#hugeRow.bytes(row, MAX_FRAME_BYTES, row.length);
    }
  }

  #sendFrame(row: Buffer, start: number, end: number): void {
    this.#out.reserve(HEADER_BYTES);
    writeHeader(this.#out.buffer, this.#out.at, end - start, this.#hugeSequence);
    this.#out.at += HEADER_BYTES;
    this.#out.bytes(row, start, end);
    this.#hugeSequence += 1;
    this.#hugeFrames -= 1;
  }

  #endHugeRow(): void {
    this.#huge?.end();
    this.#huge = undefined;
    const rest = this.#hugeRow.take();
    this.#sendFrame(rest, 0, rest.length);
    this.#shift -= this.#hugeFrames;
    this.#state = State.ROWS;
  }

  #cutOff(error: ProtocolError, sequence: number): void {
    this.cut = error;
    this.#rows = undefined;
    this.#masked = undefined;
    writeErr(writer, (sequence + this.#shift) & 0xff, error);
    this.#out.bytes(writer.take());
  }
}

const MALFORMED: ProtocolError = { code: 2027, sqlState: 'HY000', message: 'Malformed packet' };
const TOO_MANY_COLUMNS: ProtocolError = {
  code: 1117,
  sqlState: '42000',
  message: `Too many columns for a result that may have to be masked (at most ${maskedResultColumnsMax})`,
};

function frameBytes(chunk: Buffer, offset: number): number {
  return chunk[offset]! | (chunk[offset + 1]! << 8) | (chunk[offset + 2]! << 16);
}

function writeHeader(buffer: Buffer, at: number, bytes: number, sequence: number): void {
  buffer[at] = bytes;
  buffer[at + 1] = bytes >>> 8;
  buffer[at + 2] = bytes >>> 16;
  buffer[at + 3] = sequence;
}
