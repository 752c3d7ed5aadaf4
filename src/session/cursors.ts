/**
 * The cursors a session has open: which prepared statement has one, on which connection, under which id of the
 * server's. An open cursor pins its connection. It reads no rows: COM_STMT_FETCH runs as a statement does.
 */
import type { BackendConnection } from '../backend/backend-connection.ts';
import { commandFrame } from '../protocol/command-frame.ts';
import { Command } from '../protocol/commands.ts';
import { CURSOR_PIN, type Leases } from './leases.ts';
import { type PreparedStatement, patchStatementId } from './prepared-statements.ts';

interface Cursor {
  readonly connection: BackendConnection;
  readonly serverId: number;
}

export class Cursors {
  readonly #leases: Leases;
  /** Most sessions never have one. */
  #open: Map<PreparedStatement, Cursor> | undefined;

  constructor(leases: Leases) {
    this.#leases = leases;
  }

  /** The statement's cursor, unless its connection is no longer the session's. */
  of(prepared: PreparedStatement): Cursor | undefined {
    if (this.#open === undefined) return undefined;
    const cursor = this.#open.get(prepared);
    if (cursor === undefined || this.#leases.held.includes(cursor.connection)) return cursor;
    this.#open.delete(prepared);
    return undefined;
  }

  opened(prepared: PreparedStatement, connection: BackendConnection, serverId: number): void {
    this.#open ??= new Map();
    this.#open.set(prepared, { connection, serverId });
    connection.pins |= CURSOR_PIN;
  }

  /** The server has closed it: with its last row, an error, or another EXECUTE of the statement. */
  closed(prepared: PreparedStatement): void {
    if (this.#open === undefined) return;
    const cursor = this.#open.get(prepared);
    if (cursor === undefined) return;
    this.#open.delete(prepared);
    for (const other of this.#open.values()) if (other.connection === cursor.connection) return;
    cursor.connection.pins &= ~CURSOR_PIN;
  }

  /** Has the server close it, together with its statement there, and lets go of the connection unless it is in use. */
  close(prepared: PreparedStatement, inUse?: BackendConnection): void {
    const cursor = this.of(prepared);
    if (cursor === undefined) return;
    const { connection, serverId } = cursor;
    for (const [key, id] of connection.statements) if (id === serverId) connection.statements.delete(key);
    connection.write(closeFrame(serverId));
    this.closed(prepared);
    if (connection !== inUse && connection.idle) this.#leases.settle(connection);
  }

  /** That statement of the server's may not be closed to make room. */
  holds(connection: BackendConnection, serverId: number): boolean {
    if (this.#open === undefined) return false;
    for (const cursor of this.#open.values()) {
      if (cursor.connection === connection && cursor.serverId === serverId) return true;
    }
    return false;
  }

  clear(): void {
    this.#open = undefined;
  }
}

/** COM_STMT_CLOSE, which has no answer. */
export function closeFrame(serverId: number): Buffer {
  const frame = commandFrame(Command.COM_STMT_CLOSE, Buffer.alloc(4));
  patchStatementId(frame, serverId);
  return frame;
}
