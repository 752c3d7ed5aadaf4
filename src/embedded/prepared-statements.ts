/**
 * The prepared statements of one client of an embedded server, and the answer to PREPARE. It runs none; SQLite prepares
 * again at every execution, which keeps variables and schema up to date.
 */
import { ColumnType } from '../protocol/column-types.ts';
import type { PacketWriter } from '../protocol/packet-writer.ts';
import { readStatementId, writePrepareOk } from '../protocol/statement-packets.ts';
import { StatementTable } from '../protocol/statement-table.ts';
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

const PARAMETER = columnDefinition({ name: '?', type: ColumnType.VAR_STRING, schema: '', table: '', orgName: '' });

export class PreparedStatements {
  readonly #engine: StatementEngine;
  readonly #statements = new StatementTable({
    statementsMax: PREPARED_STATEMENTS_MAX,
    longDataBytesMax: LONG_DATA_BYTES_MAX,
  });

  constructor(engine: StatementEngine) {
    this.#engine = engine;
  }

  /** COM_STMT_PREPARE: writes the whole answer. Throws MysqlError. */
  prepare(sql: string, writer: PacketWriter, deprecateEof: boolean, statusFlags: number): void {
    if (this.#statements.isFull) {
      throw new MysqlError(1461, '42000', `Can't create more than ${PREPARED_STATEMENTS_MAX} prepared statements`);
    }
    const { parameterCount, columns } = this.#engine.describe(sql);
    const statementId = this.#statements.add(sql, parameterCount);
    const params = Array.from({ length: parameterCount }, () => PARAMETER);
    const answer = { statementId, params, columns: columns.map(columnDefinition), statusFlags, deprecateEof };
    writePrepareOk(writer, FIRST_ANSWER, answer);
  }

  /** COM_STMT_EXECUTE: the statement and its values. Throws MysqlError, and MalformedPacket. */
  bind(command: Buffer): { sql: string; parameters: readonly Scalar[] } {
    const bound = this.#statements.bind(command);
    if (bound === 'unknown') throw mysqlErrors.unknownStatement(readStatementId(command, 0, command.length));
    if (bound === 'too-much-long-data') {
      throw new MysqlError(1153, '08S01', `A parameter may have ${LONG_DATA_BYTES_MAX} bytes`);
    }
    return bound;
  }

  addLongData(command: Buffer): void {
    this.#statements.addLongData(command);
  }

  /** COM_STMT_RESET. Throws MysqlError. */
  reset(statementId: number): void {
    if (!this.#statements.reset(statementId)) throw mysqlErrors.unknownStatement(statementId);
  }

  /** COM_STMT_CLOSE, which has no answer. */
  close(statementId: number): void {
    this.#statements.close(statementId);
  }

  clear(): void {
    this.#statements.clear();
  }
}
