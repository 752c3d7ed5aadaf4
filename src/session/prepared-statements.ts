/**
 * The prepared statements of one client: ids as the client knows them, and what is needed to run a statement on
 * whichever backend connection serves the session. It sends nothing; run/ prepares on the server.
 */
import type { AnswerFilter } from '../masks/answer-filter.ts';
import { HEADER_BYTES, MAX_FRAME_BYTES } from '../protocol/framer.ts';
import type { ResponseKind } from '../protocol/response-walker.ts';
import type { Annotations } from '../rules/annotations.ts';
import type { DigestEntry } from '../sql/digest-cache.ts';
import type { StatementFacts } from '../sql/facts.ts';
import type { JudgedOnce } from './masking/judging.ts';
import { commandFrameOf, copyBytes, frameOf } from './statement-frames.ts';

/** Statements one client may have open; MySQL's own default of max_prepared_stmt_count. */
export const statementsPerSessionMax = 16_382;

/** Bytes a client may send ahead with COM_STMT_SEND_LONG_DATA for one statement. */
export const longDataBytesMax = 64 * 1024 * 1024;

export interface PreparedStatement {
  readonly id: number;
  /** As it was sent to the server, after rewriting. */
  readonly text: Buffer;
  /** As the client sent it: what rules are matched against at EXECUTE. */
  readonly originalText: Buffer;
  /** What its comment asked for at PREPARE, where it was allowed to: each EXECUTE is to have it. */
  readonly annotations: Annotations | undefined;
  /** The digest of `originalText`, for the rules. */
  readonly originalEntry: DigestEntry;
  /** The digest and the facts of `text`. */
  readonly entry: DigestEntry;
  readonly facts: StatementFacts;
  /** See Statement.faithful. */
  readonly faithful: boolean;
  /** The schema of its PREPARE: a server runs it there, whatever is the session's since. */
  readonly schema: string;
  readonly paramCount: number;
  readonly columnCount: number;
  /** Parameter types of the last EXECUTE that carried them: a client sends them once, each server wants them. */
  types: Buffer | undefined;
  /** Payloads of COM_STMT_SEND_LONG_DATA since the last EXECUTE, in order. */
  longData: Buffer[];
  longDataBytes: number;
  /** More was sent than longDataBytesMax: what is kept is not the whole, so the next EXECUTE must fail. */
  longDataTooLarge: boolean;
  /** The filter of the EXECUTE that may have opened a cursor, and the masking it was made for. */
  cursorFilter:
    | { readonly filter: { forFetch(): AnswerFilter | undefined }; readonly maskingGeneration: number }
    | undefined;
  /** The name of the statement on a connection in the state it ran in last; see statementKey. */
  keyMemo: { readonly stateKey: string; readonly text: Buffer; readonly key: string } | undefined;
  /** What masking made of the text, and what that depends on. */
  judged: JudgedOnce | undefined;
}

/** Keeps one payload of COM_STMT_SEND_LONG_DATA, as a frame. The command has no answer; EXECUTE tells of a failure. */
export function keepLongData(statement: PreparedStatement, frame: Buffer): void {
  if (statement.longDataBytes + frame.length > longDataBytesMax) statement.longDataTooLarge = true;
  else {
    statement.longData.push(frame);
    statement.longDataBytes += frame.length;
  }
}

/** After EXECUTE or COM_STMT_RESET: parameters are sent anew. */
export function dropLongData(statement: PreparedStatement): void {
  if (statement.longData.length === 0 && !statement.longDataTooLarge) return;
  statement.longData = [];
  statement.longDataBytes = 0;
  statement.longDataTooLarge = false;
}

/** What is known when the server has prepared it. */
type GivenField =
  | 'text'
  | 'originalText'
  | 'annotations'
  | 'originalEntry'
  | 'entry'
  | 'facts'
  | 'faithful'
  | 'schema'
  | 'paramCount'
  | 'columnCount';

const NONE: ReadonlyMap<number, PreparedStatement> = new Map();

export class PreparedStatements {
  /** Most sessions never have one. */
  #byId: Map<number, PreparedStatement> | undefined;
  #lastId = 0;

  get size(): number {
    return this.#byId?.size ?? 0;
  }

  [Symbol.iterator](): Iterator<PreparedStatement> {
    return (this.#byId ?? NONE).values();
  }

  get(id: number): PreparedStatement | undefined {
    return this.#byId?.get(id);
  }

  add(statement: Pick<PreparedStatement, GivenField>): PreparedStatement {
    const id = ++this.#lastId;
    // Field by field: copies that a spread makes have a hidden class each, and every EXECUTE pays for that.
    const added: PreparedStatement = {
      id,
      text: statement.text,
      originalText: statement.originalText,
      annotations: statement.annotations,
      originalEntry: statement.originalEntry,
      entry: statement.entry,
      facts: statement.facts,
      faithful: statement.faithful,
      schema: statement.schema,
      paramCount: statement.paramCount,
      columnCount: statement.columnCount,
      types: undefined,
      longData: [],
      longDataBytes: 0,
      longDataTooLarge: false,
      cursorFilter: undefined,
      keyMemo: undefined,
      judged: undefined,
    };
    this.#byId ??= new Map();
    this.#byId.set(id, added);
    return added;
  }

  close(id: number): boolean {
    return this.#byId?.delete(id) ?? false;
  }

  clear(): void {
    this.#byId = undefined;
  }
}

/** Offsets in the payload of COM_STMT_EXECUTE. @see the manual, page_protocol_com_stmt_execute */
const STATEMENT_ID_AT = 1;
const FLAGS_AT = 5;
const PARAMS_AT = 10;
/** Of the flags: rows come by COM_STMT_FETCH. No server has the other kinds of cursor. */
const CURSOR_TYPE_READ_ONLY = 1;

/** What an EXECUTE packet must have, in `buffer[start, end)`; anything else is malformed. */
export function isExecutePayload(buffer: Buffer, start: number, end: number, statement: PreparedStatement): boolean {
  if (end - start < PARAMS_AT) return false;
  if (statement.paramCount === 0) return true;
  const boundAt = start + PARAMS_AT + bitmapBytesOf(statement);
  if (end < boundAt + 1) return false;
  if (buffer[boundAt] !== 1) return statement.types !== undefined;
  return end >= boundAt + 1 + 2 * statement.paramCount;
}

/**
 * The frame of an EXECUTE for a server: parameter types filled in when the client left them out (remembered in
 * `statement.types`), and of the flags the one that asks for a cursor. The statement id is patched in later, per server.
 */
export function executeFrame(buffer: Buffer, start: number, end: number, statement: PreparedStatement): Buffer {
  const boundAt = start + PARAMS_AT + bitmapBytesOf(statement);
  const typesBytes = 2 * statement.paramCount;
  let missing: Buffer | undefined;
  if (statement.paramCount > 0 && buffer[boundAt] !== 1) missing = statement.types;
  else if (!sameAt(buffer, boundAt + 1, typesBytes, statement.types))
    statement.types = Buffer.from(buffer.subarray(boundAt + 1, boundAt + 1 + typesBytes));
  const frame =
    missing === undefined ? frameOf(buffer, start, end) : frameWithTypes(buffer, start, boundAt, end, missing);
  frame[HEADER_BYTES + FLAGS_AT] = (frame[HEADER_BYTES + FLAGS_AT] ?? 0) & CURSOR_TYPE_READ_ONLY;
  return frame;
}

function bitmapBytesOf({ paramCount }: PreparedStatement): number {
  return (paramCount + 7) >> 3;
}

function frameWithTypes(buffer: Buffer, start: number, boundAt: number, end: number, types: Buffer): Buffer {
  const payloadBytes = end - start + types.length;
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payloadBytes);
  frame[3] = buffer[start - 1] ?? 0;
  const typesAt = HEADER_BYTES + boundAt - start + 1;
  copyBytes(buffer, start, boundAt, frame, HEADER_BYTES);
  frame[typesAt - 1] = 1;
  copyBytes(types, 0, types.length, frame, typesAt);
  copyBytes(buffer, boundAt + 1, end, frame, typesAt + types.length);
  if (payloadBytes >= MAX_FRAME_BYTES) return commandFrameOf(frame.subarray(HEADER_BYTES));
  frame[0] = payloadBytes & 0xff;
  frame[1] = (payloadBytes >> 8) & 0xff;
  frame[2] = payloadBytes >> 16;
  return frame;
}

/** Clients that send the types with every EXECUTE send the same ones. */
function sameAt(payload: Buffer, start: number, bytes: number, known: Buffer | undefined): boolean {
  if (bytes === 0) return true;
  if (known?.length !== bytes) return false;
  for (let i = 0; i < bytes; i += 1) if (payload[start + i] !== known[i]) return false;
  return true;
}

/** Does this frame of a COM_STMT_EXECUTE ask for a cursor? */
export function wantsCursor(frame: Buffer): boolean {
  return ((frame[HEADER_BYTES + FLAGS_AT] ?? 0) & CURSOR_TYPE_READ_ONLY) !== 0;
}

/** What the server will answer; a cursor only where one was asked for. */
export function answerKindOf({
  command,
  frame,
}: {
  readonly command: ResponseKind;
  readonly frame: Buffer;
}): ResponseKind {
  return command === 'execute' && wantsCursor(frame) ? 'open' : command;
}

/** Writes the server's statement id into a frame that starts with its header. */
export function patchStatementId(frame: Buffer, statementId: number): void {
  frame.writeUInt32LE(statementId, HEADER_BYTES + STATEMENT_ID_AT);
}

/** The id that `patchStatementId` has written. */
export function patchedStatementId(frame: Buffer): number {
  return frame.readUInt32LE(HEADER_BYTES + STATEMENT_ID_AT);
}
