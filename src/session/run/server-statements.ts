/**
 * Which of a server's prepared statements is the client's, and what becomes of it with an answer? Servers number the
 * statements of each connection for themselves: these are the names under which a connection remembers them, and the
 * rules by which old ones are closed. No state but the connection's and the cursors'; it prepares nothing.
 */
import type { BackendConnection } from '../../backend/backend-connection.ts';
import type { Server } from '../../hostgroup/server.ts';
import type { ResponseWalker } from '../../protocol/response-walker.ts';
import { StatusFlag } from '../../protocol/status-flags.ts';
import { closeFrame } from '../cursors.ts';
import {
  dropLongData,
  type PreparedStatement,
  patchedStatementId,
  patchStatementId,
  wantsCursor,
} from '../prepared-statements.ts';
import type { Statement } from '../statement.ts';
import type { RunOwner } from './run-owner.ts';

/**
 * The server's id of the statement to be executed or fetched from; undefined: it has to be prepared there first. Closes
 * the cursor that the execution closes.
 */
export function serverIdOf(
  { cursors }: RunOwner,
  connection: BackendConnection,
  statement: Statement,
  prepared: PreparedStatement,
): number | undefined {
  const cursor = cursors.of(prepared);
  if (statement.command === 'fetch') return cursor?.serverId ?? 0;
  // Another execution closes the cursor. Elsewhere, or without one of its own, the server is not told so by itself.
  if (cursor !== undefined && (cursor.connection !== connection || !wantsCursor(statement.frame)))
    cursors.close(prepared, connection);
  return connection.statements.get(keyOf(connection, statement, prepared));
}

/** Remembers a statement that the server has prepared for an execution. */
export function rememberForExecute(
  owner: RunOwner,
  connection: BackendConnection,
  statement: Statement,
  prepared: PreparedStatement,
  serverId: number,
): void {
  remember(owner, connection, statement.sentText ?? prepared.text, serverId, cursorOwner(statement));
}

/** A statement of the client's was answered: it has been prepared, or its cursor is open, or no longer. */
export function noteAnswered(
  owner: RunOwner,
  connection: BackendConnection,
  statement: Statement,
  walker: ResponseWalker,
): void {
  const { prepared, preparing } = statement;
  if (statement.command !== 'prepare') {
    if (prepared !== undefined) noteExecuted(owner, connection, statement, prepared, walker);
  } else if (preparing !== undefined && walker.ended !== 'error')
    remember(owner, connection, statement.sentText ?? preparing.text, walker.statementId, '');
}

/**
 * Remembers a statement that the server has prepared, and closes those used longest ago beyond
 * mysql-max_stmts_per_connection.
 * @param cursorOf the statement of the client's that has this one for itself; '' for none
 */
function remember(
  { variables, cursors }: RunOwner,
  connection: BackendConnection,
  text: Buffer,
  serverId: number,
  cursorOf: string,
): void {
  const key = statementKey(connection, text, cursorOf);
  // Two sessions on a lane may both have found it missing.
  const known = connection.statements.get(key);
  if (known !== undefined) connection.write(closeFrame(known));
  connection.statements.set(key, serverId);
  const max = variables.maxStmtsPerConnection;
  for (const [other, id] of connection.statements) {
    if (connection.statements.size <= max) break;
    // The newest is about to run, and may be the only one without a cursor.
    if (id === serverId || cursors.holds(connection, id)) continue;
    connection.statements.delete(other);
    connection.write(closeFrame(id));
    (connection.home as Server).noteStatementClosed();
  }
}

/**
 * Closes all of a connection's statements but those with a cursor of this session's; whoever needs one prepares it anew.
 * @returns how many
 */
export function closeStatements({ cursors }: RunOwner, connection: BackendConnection): number {
  let closed = 0;
  for (const [key, id] of connection.statements) {
    if (cursors.holds(connection, id)) continue;
    connection.statements.delete(key);
    connection.write(closeFrame(id));
    (connection.home as Server).noteStatementClosed();
    closed += 1;
  }
  return closed;
}

/** Makes an EXECUTE or FETCH one of the server's statement, and sends ahead the data that belongs to it. */
export function addressTo(
  connection: BackendConnection,
  { command, frame, prepared }: Statement,
  serverId: number,
): void {
  patchStatementId(frame, serverId);
  if (command === 'fetch' || prepared === undefined) return;
  for (const data of prepared.longData) {
    patchStatementId(data, serverId);
    connection.write(data);
  }
}

function noteExecuted(
  { cursors }: RunOwner,
  connection: BackendConnection,
  { command, frame }: Statement,
  prepared: PreparedStatement,
  walker: ResponseWalker,
): void {
  if (command === 'fetch') {
    const over = walker.ended === 'error' || (walker.statusFlags & StatusFlag.LAST_ROW_SENT) !== 0;
    if (over) cursors.closed(prepared);
    return;
  }
  dropLongData(prepared);
  const opened = walker.ended !== 'error' && (walker.statusFlags & StatusFlag.CURSOR_EXISTS) !== 0;
  if (opened && wantsCursor(frame)) cursors.opened(prepared, connection, patchedStatementId(frame));
  else cursors.closed(prepared);
}

/** The same text means something else in another schema or sql_mode: the whole mirrored state is part of the key. */
function statementKey(connection: BackendConnection, text: Buffer, cursorOf: string): string {
  return `${connection.state.key}\0${cursorOf}\0${text.toString('latin1')}`;
}

/** The key of the statement at work, made once for all its executions in the same state. */
function keyOf(connection: BackendConnection, statement: Statement, prepared: PreparedStatement): string {
  const text = statement.sentText ?? prepared.text;
  if (wantsCursor(statement.frame)) return statementKey(connection, text, cursorOwner(statement));
  const stateKey = connection.state.key;
  if (prepared.keyMemo?.stateKey !== stateKey || prepared.keyMemo.text !== text)
    prepared.keyMemo = { stateKey, text, key: statementKey(connection, text, '') };
  return prepared.keyMemo.key;
}

/** A statement has one cursor: two of a client's with the same text must not share the server's while one is open. */
function cursorOwner({ prepared, frame }: Statement): string {
  return prepared !== undefined && wantsCursor(frame) ? `${prepared.id}` : '';
}
