/**
 * The commands of prepared statements, COM_STMT_*: from the client's packet to a decision about a statement, and from
 * the server's answer to a PREPARE to the client's own id. It runs nothing: session.ts decides, run/statement-run.ts runs.
 */
import { performance } from 'node:perf_hooks';
import { ColumnFlag, ColumnType } from '../protocol/column-types.ts';
import { commandFrame } from '../protocol/command-frame.ts';
import { Command } from '../protocol/commands.ts';
import { errors } from '../protocol/errors.ts';
import { HEADER_BYTES } from '../protocol/framer.ts';
import { EOF_HEADER } from '../protocol/ok-err-eof.ts';
import { MalformedPacket } from '../protocol/packet-reader.ts';
import { type QueryAttributes, splitExecute } from '../protocol/query-attributes.ts';
import { StatusFlag } from '../protocol/status-flags.ts';
import {
  dropLongData,
  executeFrame,
  isExecutePayload,
  keepLongData,
  type PreparedStatement,
  statementsPerSessionMax,
} from './prepared-statements.ts';
import type { StatementOutcome } from './run/statement-outcome.ts';
import type { Session } from './session.ts';
import { draftOf, type Statement } from './statement.ts';
import { commandFrameOf, frameOf, payloadFrame } from './statement-frames.ts';

/** Command byte, statement id, number of rows. */
const FETCH_BYTES = 9;
/** An EOF packet: header, warnings, status. */
const EOF_BYTES = 5;

export function onPrepare(session: Session, buffer: Buffer, start: number, end: number): void {
  const startedAt = performance.now();
  session.context.counters.Com_frontend_stmt_prepare += 1;
  if (session.statements.size >= statementsPerSessionMax) {
    return session.answerError(errors.tooManyStatements(statementsPerSessionMax));
  }
  const { digests } = session.runtime;
  const entry = digests.lookup(buffer, start, end);
  const facts = digests.factsOf(entry, buffer, start, end, session.quoting());
  const annotations = session.rules.annotations();
  const text = Buffer.from(buffer.subarray(start, end));
  session.atWork.begin('Prepare', text, 0);
  const frame = commandFrame(Command.COM_STMT_PREPARE, text);
  const draft = draftOf('prepare', frame, entry, facts, session.state.schema, startedAt);
  draft.faithful = digests.faithful;
  draft.preparing = { text, originalText: text, originalEntry: entry, annotations };
  session.rules.decide(draft, entry, buffer, start, end, true, annotations);
}

/** The server's answer to PREPARE with an id of our own: the first packet is `00 id(4) columns(2) params(2) …`. */
export function answerPrepare(session: Session, statement: Statement, outcome: StatementOutcome, answer: Buffer): void {
  if (outcome.ok && statement.preparing !== undefined && statement.filter?.cut === undefined) {
    const prepared = session.statements.add({
      text: statement.preparing.text,
      originalText: statement.preparing.originalText,
      annotations: statement.preparing.annotations,
      originalEntry: statement.preparing.originalEntry,
      entry: statement.entry,
      facts: statement.facts,
      faithful: statement.faithful,
      schema: statement.schema,
      columnCount: answer.readUInt16LE(HEADER_BYTES + 5),
      paramCount: answer.readUInt16LE(HEADER_BYTES + 7),
    });
    answer.writeUInt32LE(prepared.id, HEADER_BYTES + 1);
    nameParameterTypes(answer, prepared.paramCount, session.likeProxysql);
    if (session.likeProxysql) flagAsProxysql(answer);
  }
  session.client.write(answer);
}

/** A definition ends with character set (2), length (4), type (1), flags (2), decimals (1) and two bytes that are 0. */
const CHARSET_FROM_END = 12;
const TYPE_FROM_END = 6;
/** From the character set to the decimals, as ProxySQL describes every parameter: binary, without a length. */
const PROXYSQL_PARAMETER = Buffer.from([63, 0, 0, 0, 0, 0, ColumnType.VAR_STRING, ColumnFlag.BINARY, 0, 0]);

/** MariaDB gives parameters the type NULL; MySQL and ProxySQL say VAR_STRING, as some drivers expect. */
function nameParameterTypes(answer: Buffer, parameters: number, likeProxysql: boolean): void {
  let at = HEADER_BYTES + answer.readUIntLE(0, 3);
  for (let i = 0; i < parameters && at + HEADER_BYTES <= answer.length; i += 1) {
    const end = at + HEADER_BYTES + answer.readUIntLE(at, 3);
    if (end > answer.length) return;
    if (likeProxysql) PROXYSQL_PARAMETER.copy(answer, end - CHARSET_FROM_END);
    else if (answer[end - TYPE_FROM_END] === ColumnType.NULL) answer[end - TYPE_FROM_END] = ColumnType.VAR_STRING;
    at = end;
  }
}

/** ProxySQL's EOF packets of a PREPARE say that a transaction is open, whether one is or not. */
function flagAsProxysql(answer: Buffer): void {
  for (let at = 0; at + HEADER_BYTES + EOF_BYTES <= answer.length; at += HEADER_BYTES + answer.readUIntLE(at, 3)) {
    const payload = at + HEADER_BYTES;
    if (answer.readUIntLE(at, 3) !== EOF_BYTES || answer[payload] !== EOF_HEADER) continue;
    answer.writeUInt16LE(answer.readUInt16LE(payload + 3) | StatusFlag.IN_TRANS, payload + 3);
  }
}

export function onExecute(session: Session, buffer: Buffer, start: number, end: number): void {
  const startedAt = performance.now();
  session.context.counters.Com_frontend_stmt_execute += 1;
  session.context.counters.Questions += 1;
  const prepared = statementAt(session, buffer, start, end);
  if (prepared === undefined) return;
  session.atWork.begin('Execute', prepared.originalText, 0);
  if (prepared.longDataTooLarge) {
    dropLongData(prepared);
    return session.answerError(errors.packetTooLarge());
  }
  let attributes: QueryAttributes | undefined;
  if (session.takesAttributes) {
    const split = withoutAttributes(buffer, start, end, prepared);
    if (split === undefined) return session.answerError(errors.executeMalformed());
    attributes = split.attributes;
    buffer = payloadFrame(Command.COM_STMT_EXECUTE, split.payload.subarray(1));
    start = HEADER_BYTES;
    end = buffer.length;
  }
  if (!isExecutePayload(buffer, start, end, prepared)) return session.answerError(errors.executeMalformed());
  const frame = executeFrame(buffer, start, end, prepared);
  const { entry, facts, originalText } = prepared;
  const annotations = session.rules.mayAnnotate ? prepared.annotations : undefined;
  const draft = draftOf('execute', frame, entry, facts, session.state.schema, startedAt);
  draft.faithful = prepared.faithful;
  draft.prepared = prepared;
  if (attributes !== undefined) draft.attributes = attributes;
  session.rules.decide(draft, prepared.originalEntry, originalText, 0, originalText.length, false, annotations);
}

function withoutAttributes(
  buffer: Buffer,
  start: number,
  end: number,
  { paramCount, longData }: PreparedStatement,
): ReturnType<typeof splitExecute> | undefined {
  // Command and statement id stand before the number of the parameter.
  const sentAhead = (index: number) => longData.some((frame) => frame.readUInt16LE(HEADER_BYTES + 5) === index);
  try {
    return splitExecute(buffer, start, end, paramCount, sentAhead);
  } catch (error) {
    if (error instanceof MalformedPacket) return undefined;
    throw error;
  }
}

/** Rows of an open cursor, from the connection that has it. No rule is asked: they were when it was opened. */
export function onFetch(session: Session, buffer: Buffer, start: number, end: number): void {
  const startedAt = performance.now();
  // ProxySQL knows no cursors and ends the connection.
  const known = end - start < 5 || session.statements.get(buffer.readUInt32LE(start + 1)) !== undefined;
  if (!known && !session.runtime.sluice.strict) return session.client.end();
  const prepared = statementAt(session, buffer, start, end);
  if (prepared === undefined) return;
  const cursor = session.cursors.of(prepared);
  if (cursor === undefined || end - start < FETCH_BYTES) return session.answerError(errors.noOpenCursor(prepared.id));
  session.atWork.begin('Fetch', prepared.originalText, 0);
  const frame = frameOf(buffer, start, end);
  const draft = draftOf('fetch', frame, prepared.entry, prepared.facts, prepared.schema, startedAt);
  draft.hostgroup = cursor.connection.home.hostgroup;
  draft.prepared = prepared;
  session.runFetch(draft);
}

export function onStatementClose(session: Session, buffer: Buffer, start: number, end: number): void {
  session.context.counters.Com_frontend_stmt_close += 1;
  const prepared = end - start >= 5 ? session.statements.get(buffer.readUInt32LE(start + 1)) : undefined;
  if (prepared !== undefined) {
    session.cursors.close(prepared);
    session.statements.close(prepared.id);
  }
  session.ready();
}

export function onStatementReset(session: Session, buffer: Buffer, start: number, end: number): void {
  const prepared = end - start >= 5 ? session.statements.get(buffer.readUInt32LE(start + 1)) : undefined;
  if (prepared !== undefined) {
    dropLongData(prepared);
    session.cursors.close(prepared);
  }
  session.answerOk();
}

export function onLongData(session: Session, buffer: Buffer, start: number, end: number): void {
  const prepared = end - start >= 7 ? session.statements.get(buffer.readUInt32LE(start + 1)) : undefined;
  if (prepared !== undefined) keepLongData(prepared, commandFrameOf(Buffer.from(buffer.subarray(start, end))));
  session.ready();
}

function statementAt(session: Session, buffer: Buffer, start: number, end: number): PreparedStatement | undefined {
  if (end - start < 5) {
    session.answerError(errors.executeMalformed());
    return undefined;
  }
  const id = buffer.readUInt32LE(start + 1);
  const prepared = session.statements.get(id);
  if (prepared === undefined) session.answerError(errors.unknownStatement(id));
  return prepared;
}
