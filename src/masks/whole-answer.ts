/**
 * Is this chunk a whole answer in which masking has nothing to change? The quick way for the short answers of statements
 * that touch nothing protected: their definitions are compared with ones that were judged before, byte by byte, and
 * nothing else needs a look. It judges nothing; whatever is not certain is AnswerFilter's.
 */
import { HEADER_BYTES, MAX_FRAME_BYTES } from '../protocol/framer.ts';
import { EOF_HEADER, ERR_HEADER, OK_HEADER } from '../protocol/ok-err-eof.ts';
import { StatusFlag } from '../protocol/status-flags.ts';

/** Longer chunks are not looked at here: AnswerFilter would walk them once more when they are no whole answer. */
export const wholeAnswerBytesMax = 16 * 1024;

/** Longer heads of results (column count and definitions, in bytes) are not worth comparing, nor keeping. */
export const comparedHeadBytesMax = 4 * 1024;

const EOF_BYTES = 5;
/** More results, or rows that are fetched later: not the end of what has to be looked at. */
const GOES_ON = StatusFlag.MORE_RESULTS_EXISTS | StatusFlag.CURSOR_EXISTS;

/**
 * @param chunk the first bytes of an answer to a query or an EXECUTE, whose texts of errors and warnings may be seen
 * @param head of a result that passed: column count and definitions with their headers; undefined when there was none
 */
export function passesWhole(chunk: Buffer, head: Buffer | undefined, deprecateEof: boolean): boolean {
  const { length } = chunk;
  if (length <= HEADER_BYTES || length > wholeAnswerBytesMax) return false;
  const first = chunk[HEADER_BYTES]!;
  const next = frameEnd(chunk, 0);
  if (next === HEADER_BYTES) return false;
  if (first === ERR_HEADER) return next === length;
  if (first === OK_HEADER) return next === length && endsAnswer(chunk, HEADER_BYTES, next);
  if (head === undefined || !beginsWith(chunk, head)) return false;
  const at = head.length;
  if (deprecateEof) return rowsPass(chunk, at, true);
  const rowsAt = at + HEADER_BYTES + EOF_BYTES;
  return (
    rowsAt < length && frameEnd(chunk, at) === rowsAt && eofEnds(chunk, at, rowsAt) && rowsPass(chunk, rowsAt, false)
  );
}

/** Rows up to the end of the answer, which has to be that of the chunk. */
function rowsPass(chunk: Buffer, start: number, deprecateEof: boolean): boolean {
  const { length } = chunk;
  let offset = start;
  while (offset + HEADER_BYTES < length) {
    const next = frameEnd(chunk, offset);
    const bytes = next - offset - HEADER_BYTES;
    if (next > length || bytes === 0 || bytes === MAX_FRAME_BYTES) return false;
    const first = chunk[offset + HEADER_BYTES]!;
    if (first === ERR_HEADER) return next === length;
    if (first === EOF_HEADER) {
      if (next !== length) return false;
      return deprecateEof ? endsAnswer(chunk, offset + HEADER_BYTES, next) : eofEnds(chunk, offset, next);
    }
    offset = next;
  }
  return false;
}

/** The EOF packet that begins at `offset` leaves nothing for later. */
function eofEnds(chunk: Buffer, offset: number, next: number): boolean {
  const at = offset + HEADER_BYTES;
  return next - at === EOF_BYTES && chunk[at] === EOF_HEADER && (chunk[at + 3]! & GOES_ON) === 0;
}

/** The OK whose payload is `chunk[start, end)` leaves nothing for later. */
function endsAnswer(chunk: Buffer, start: number, end: number): boolean {
  const statusAt = afterLenenc(chunk, afterLenenc(chunk, start + 1));
  return statusAt + 2 <= end && (chunk[statusAt]! & GOES_ON) === 0;
}

function afterLenenc(chunk: Buffer, at: number): number {
  const first = chunk[at];
  if (first === undefined) return at + 1;
  return at + (first < 0xfb ? 1 : first === 0xfc ? 3 : first === 0xfd ? 4 : 9);
}

function beginsWith(chunk: Buffer, head: Buffer): boolean {
  const { length } = head;
  if (length > chunk.length) return false;
  for (let i = 0; i < length; i += 1) if (chunk[i] !== head[i]) return false;
  return true;
}

function frameEnd(chunk: Buffer, at: number): number {
  // Beyond the end of the chunk the bytes are undefined and count as 0: the caller compares with the length.
  return at + HEADER_BYTES + (chunk[at]! | (chunk[at + 1]! << 8) | (chunk[at + 2]! << 16));
}
