/**
 * Turns outcomes into packets of the text or binary protocol and sends them no faster than the client reads. It runs no
 * statement.
 */
import type { Socket } from 'node:net';
import { writeBinaryRow } from '../protocol/binary-resultset.ts';
import { defaultCollationOf } from '../protocol/charsets.ts';
import { ColumnFlag, ColumnType } from '../protocol/column-types.ts';
import { writeErr, writeOk } from '../protocol/ok-err-eof.ts';
import { PacketWriter } from '../protocol/packet-writer.ts';
import { StatusFlag } from '../protocol/status-flags.ts';
import {
  type ColumnDefinition,
  type TextCell,
  writeResultsetEnd,
  writeResultsetHead,
  writeTextRow,
} from '../protocol/text-resultset.ts';
import type { MysqlError } from './mysql-errors.ts';
import type { Outcome, ResultColumn, RowsOutcome } from './outcome.ts';
import type { Scalar } from './session-variables.ts';

/** Rows are collected up to this many bytes before they are sent. */
const FLUSH_BYTES = 64 * 1024;

/** MySQL's display lengths; clients show them, nobody depends on them. */
const LENGTHS: Readonly<Record<number, number>> = {
  [ColumnType.LONGLONG]: 20,
  [ColumnType.DOUBLE]: 22,
  [ColumnType.VAR_STRING]: 1_024,
  [ColumnType.BLOB]: 65_535,
};
const DECIMALS_OF_DOUBLE = 31;
const BINARY_COLLATION = 63;
const TEXT_COLLATION = defaultCollationOf('utf8mb4')?.id ?? 45;

export type RowFormat = 'text' | 'binary';

export interface ResultOptions {
  readonly format: RowFormat;
  readonly deprecateEof: boolean;
  /** Read when the result ends: a statement may change it. */
  readonly statusFlags: () => number;
  readonly moreResults: boolean;
}

export class ResultWriter {
  readonly #socket: Socket;
  readonly #writer = new PacketWriter();

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Sends a whole answer; returns the next sequence id. Rejects with SocketGone when the client leaves meanwhile. */
  async send(outcome: Outcome, sequenceId: number, options: ResultOptions): Promise<number> {
    if (outcome.kind === 'rows') return this.#sendRows(outcome, sequenceId, options);
    const next = writeOk(this.#writer, sequenceId, {
      affectedRows: outcome.affectedRows,
      lastInsertId: outcome.lastInsertId,
      statusFlags: options.statusFlags() | (options.moreResults ? StatusFlag.MORE_RESULTS_EXISTS : 0),
      info: outcome.info,
    });
    await this.flush();
    return next;
  }

  async sendError(error: MysqlError, sequenceId: number): Promise<void> {
    writeErr(this.#writer, sequenceId, error);
    await this.flush();
  }

  /** The writer for packets of other kinds; `flush` sends them. */
  get packets(): PacketWriter {
    return this.#writer;
  }

  /** Sends what has been written; resolves when more may be written. */
  async flush(): Promise<void> {
    if (this.#socket.destroyed) throw new SocketGone();
    if (this.#socket.write(this.#writer.take())) return;
    await drained(this.#socket);
  }

  async #sendRows(outcome: RowsOutcome, sequenceId: number, options: ResultOptions): Promise<number> {
    const writer = this.#writer;
    const end = { deprecateEof: options.deprecateEof, moreResults: options.moreResults };
    const columns = outcome.columns.map(columnDefinition);
    let next = writeResultsetHead(writer, sequenceId, columns, { ...end, statusFlags: options.statusFlags() });
    for (const row of outcome.rows) {
      next =
        options.format === 'text'
          ? writeTextRow(writer, next, row.map(textCell))
          : writeBinaryRow(
              writer,
              next,
              columns,
              row.map((value, index) => binaryCell(value, outcome.columns[index])),
            );
      // Leaving the loop by the exception closes the rows, too.
      if (writer.byteLength >= FLUSH_BYTES) await this.flush();
    }
    next = writeResultsetEnd(writer, next, { ...end, statusFlags: options.statusFlags() });
    await this.flush();
    return next;
  }
}

/** The client is gone; there is nobody to answer. */
export class SocketGone extends Error {}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDrain = () => {
      socket.off('close', onClose);
      resolve();
    };
    const onClose = () => {
      socket.off('drain', onDrain);
      reject(new SocketGone());
    };
    socket.once('drain', onDrain);
    socket.once('close', onClose);
  });
}

/** The definition packet of a column. */
export function columnDefinition(column: ResultColumn): ColumnDefinition {
  const text = column.type === ColumnType.VAR_STRING;
  const numeric = column.type === ColumnType.LONGLONG || column.type === ColumnType.DOUBLE;
  return {
    name: column.name,
    type: column.type,
    charset: text ? TEXT_COLLATION : BINARY_COLLATION,
    length: LENGTHS[column.type] ?? 0,
    flags: numeric ? ColumnFlag.NUM | ColumnFlag.BINARY : text ? 0 : ColumnFlag.BLOB | ColumnFlag.BINARY,
    decimals: column.type === ColumnType.DOUBLE ? DECIMALS_OF_DOUBLE : 0,
    schema: column.schema,
    table: column.table,
    orgTable: column.table,
    orgName: column.orgName,
  };
}

function textCell(value: Scalar): TextCell {
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : value;
}

/** SQLite lets any value into any column; the binary protocol does not. */
function binaryCell(value: Scalar, column: ResultColumn | undefined): Scalar {
  if (value === null || column === undefined) return value;
  if (column.type === ColumnType.LONGLONG)
    return typeof value === 'bigint' ? value : BigInt(Math.trunc(Number(value) || 0));
  if (column.type === ColumnType.DOUBLE) return Number(value) || 0;
  return Buffer.isBuffer(value) ? value : String(value);
}
