/**
 * The prepared statements of an admin session: what PREPARE answers, and values as SQLite takes them. Drivers that use
 * nothing else can administer sluice. It runs no statement.
 */
import { isUtf8 } from 'node:buffer';
import { ColumnType } from '../../src/protocol/column-types.ts';
import { errors, type ProtocolError } from '../../src/protocol/errors.ts';
import { MalformedPacket } from '../../src/protocol/packet-reader.ts';
import type { PacketWriter } from '../../src/protocol/packet-writer.ts';
import { type ParamValue, readStatementId, writePrepareOk } from '../../src/protocol/statement-packets.ts';
import { StatementTable } from '../../src/protocol/statement-table.ts';
import type { Description } from '../db/describe.ts';
import type { SqlParameter } from '../db/execute.ts';
import { ADMIN_STATUS, columnDefinition } from './encode-reply.ts';

/** Prepared statements an admin session may hold. */
export const ADMIN_STATEMENTS_MAX = 1000;
/** Bytes one parameter of an admin statement may collect by COM_STMT_SEND_LONG_DATA. */
export const ADMIN_LONG_DATA_BYTES_MAX = 16 * 1024 * 1024;

const FIRST_ANSWER = 1;
const PARAMETER = { ...columnDefinition('?'), type: ColumnType.VAR_STRING };

/** What an execution runs, or the error it ends with. */
export type Execution =
  | { readonly sql: string; readonly parameters: readonly SqlParameter[] }
  | { readonly error: ProtocolError };

export class AdminStatements {
  readonly #table = new StatementTable({
    statementsMax: ADMIN_STATEMENTS_MAX,
    longDataBytesMax: ADMIN_LONG_DATA_BYTES_MAX,
  });

  /** Writes the whole answer to COM_STMT_PREPARE, or returns the error to answer. */
  prepare(
    writer: PacketWriter,
    sql: string,
    description: Description,
    deprecateEof: boolean,
  ): ProtocolError | undefined {
    if (this.#table.isFull) return errors.tooManyStatements(ADMIN_STATEMENTS_MAX);
    const { parameterCount, columns } = description;
    writePrepareOk(writer, FIRST_ANSWER, {
      statementId: this.#table.add(sql, parameterCount),
      params: new Array<typeof PARAMETER>(parameterCount).fill(PARAMETER),
      columns: columns.map(columnDefinition),
      statusFlags: ADMIN_STATUS,
      deprecateEof,
    });
    return undefined;
  }

  /** COM_STMT_EXECUTE. Never throws. */
  bind(command: Buffer): Execution {
    try {
      const bound = this.#table.bind(command);
      if (bound === 'unknown') return { error: errors.unknownStatement(readStatementId(command, 0, command.length)) };
      if (bound === 'too-much-long-data') return { error: errors.executeMalformed() };
      return { sql: bound.sql, parameters: bound.parameters.map(forSqlite) };
    } catch (error) {
      if (error instanceof MalformedPacket) return { error: errors.executeMalformed() };
      throw error;
    }
  }

  addLongData(command: Buffer): void {
    if (command.length >= SHORTEST_COMMAND) this.#table.addLongData(command);
  }

  /** COM_STMT_RESET: returns the error to answer, if any. */
  reset(command: Buffer): ProtocolError | undefined {
    const id = command.length < SHORTEST_COMMAND ? 0 : readStatementId(command, 0, command.length);
    return this.#table.reset(id) ? undefined : errors.unknownStatement(id);
  }

  close(command: Buffer): void {
    if (command.length >= SHORTEST_COMMAND) this.#table.close(readStatementId(command, 0, command.length));
  }

  clear(): void {
    this.#table.clear();
  }
}

/** Command byte and statement id. */
const SHORTEST_COMMAND = 5;
const INT64_MAX = 2n ** 63n - 1n;

/**
 * Drivers send whole numbers as DOUBLE, which SQLite would keep as `3306.0` in a column of text; and what they send as a
 * BLOB is mostly text.
 */
function forSqlite(value: ParamValue): SqlParameter {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === 'bigint') return value > INT64_MAX ? value.toString() : value;
  if (Buffer.isBuffer(value) && isUtf8(value)) return value.toString();
  return value;
}
