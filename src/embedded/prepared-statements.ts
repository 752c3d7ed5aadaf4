/**
 * The prepared statements of one client: ids, parameter counts, parameter types, long data. It runs none; SQLite
 * prepares again at every execution, which keeps variables and schema up to date.
 */
import { ColumnType } from '../protocol/column-types.ts';
import type { PacketWriter } from '../protocol/packet-writer.ts';
import { decodeExecute, readExecuteParams, readStatementId, writePrepareOk } from '../protocol/statement-packets.ts';
import { MysqlError, mysqlErrors } from './mysql-errors.ts';
import { columnDefinition } from './result-writer.ts';
import type { Scalar } from './session-variables.ts';
import type { StatementEngine } from './statement-engine.ts';

/** Prepared statements a client may hold (MySQL: max_prepared_stmt_count, for all clients together). */
export const PREPARED_STATEMENTS_MAX = 4_096;

/** Bytes one parameter may collect. */
export const LONG_DATA_BYTES_MAX = 64 * 1024 * 1024;

/** Sequence id of the first packet of an answer. */
const FIRST_ANSWER = 1;

interface Prepared {
  readonly sql: string;
  readonly parameterCount: number;
  /** Types of the last execution: a client sends them only when they change. */
  types: Buffer;
  /** What COM_STMT_SEND_LONG_DATA brought for the next execution, by parameter. */
  readonly longData: Map<number, Buffer>;
}

/** COM_STMT_SEND_LONG_DATA: command byte, statement id, parameter number, data. */
const LONG_DATA_PARAMETER_AT = 5;
const LONG_DATA_AT = 7;

const PARAMETER = columnDefinition({ name: '?', type: ColumnType.VAR_STRING, schema: '', table: '', orgName: '' });

export class PreparedStatements {
  readonly #engine: StatementEngine;
  readonly #statements = new Map<number, Prepared>();
  #lastId = 0;

  constructor(engine: StatementEngine) {
    this.#engine = engine;
  }

  /** COM_STMT_PREPARE: writes the whole answer. Throws MysqlError. */
  prepare(sql: string, writer: PacketWriter, deprecateEof: boolean, statusFlags: number): void {
    if (this.#statements.size >= PREPARED_STATEMENTS_MAX) {
      throw new MysqlError(1461, '42000', `Can't create more than ${PREPARED_STATEMENTS_MAX} prepared statements`);
    }
    const { parameterCount, columns } = this.#engine.describe(sql);
    const statementId = ++this.#lastId;
    this.#statements.set(statementId, { sql, parameterCount, types: Buffer.alloc(0), longData: new Map() });
    const params = Array.from({ length: parameterCount }, () => PARAMETER);
    const answer = { statementId, params, columns: columns.map(columnDefinition), statusFlags, deprecateEof };
    writePrepareOk(writer, FIRST_ANSWER, answer);
  }

  /** COM_STMT_EXECUTE: the statement and its values. Throws MysqlError, and MalformedPacket. */
  bind(command: Buffer): { sql: string; parameters: readonly Scalar[] } {
    const prepared = this.#find(readStatementId(command, 0, command.length));
    const request = decodeExecute(command, 0, command.length, prepared.parameterCount);
    if (request.types !== undefined) prepared.types = Buffer.from(request.types);
    const parameters = readExecuteParams(request, prepared.types, (index) => prepared.longData.get(index));
    prepared.longData.clear();
    return { sql: prepared.sql, parameters };
  }

  /** COM_STMT_SEND_LONG_DATA, which has no answer: what does not fit is reported by the execution. */
  addLongData(command: Buffer): void {
    const longData = this.#statements.get(readStatementId(command, 0, command.length))?.longData;
    if (longData === undefined || command.length < LONG_DATA_AT) return;
    const parameter = command.readUInt16LE(LONG_DATA_PARAMETER_AT);
    const before = longData.get(parameter) ?? Buffer.alloc(0);
    if (before.length + command.length > LONG_DATA_BYTES_MAX) return;
    longData.set(parameter, Buffer.concat([before, command.subarray(LONG_DATA_AT)]));
  }

  /** COM_STMT_RESET. Throws MysqlError. */
  reset(statementId: number): void {
    this.#find(statementId).longData.clear();
  }

  /** COM_STMT_CLOSE, which has no answer. */
  close(statementId: number): void {
    this.#statements.delete(statementId);
  }

  clear(): void {
    this.#statements.clear();
  }

  #find(statementId: number): Prepared {
    const prepared = this.#statements.get(statementId);
    if (prepared === undefined) throw mysqlErrors.unknownStatement(statementId);
    return prepared;
  }
}
