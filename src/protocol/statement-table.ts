/**
 * The prepared statements of one client that are not a real server's: ids, numbers of parameters, their types, long data.
 * It runs none and answers nothing.
 */
import { decodeExecute, type ParamValue, readExecuteParams, readStatementId } from './statement-packets.ts';

export interface StatementTableLimits {
  /** Statements a client may hold. */
  readonly statementsMax: number;
  /** Bytes one parameter may collect by COM_STMT_SEND_LONG_DATA. */
  readonly longDataBytesMax: number;
}

/** What an execution is to run. */
export interface BoundStatement {
  readonly sql: string;
  readonly parameters: readonly ParamValue[];
}

interface Entry {
  readonly sql: string;
  readonly parameterCount: number;
  /** Types of the last execution: a client sends them only when they change. */
  types: Buffer;
  /** What COM_STMT_SEND_LONG_DATA brought for the next execution, by parameter. */
  readonly longData: Map<number, Buffer>;
  longDataTooLarge: boolean;
}

/** COM_STMT_SEND_LONG_DATA: command byte, statement id, parameter number, data. */
const LONG_DATA_PARAMETER_AT = 5;
const LONG_DATA_AT = 7;

export class StatementTable {
  readonly #limits: StatementTableLimits;
  readonly #entries = new Map<number, Entry>();
  #lastId = 0;

  constructor(limits: StatementTableLimits) {
    this.#limits = limits;
  }

  get isFull(): boolean {
    return this.#entries.size >= this.#limits.statementsMax;
  }

  /** Keeps a statement; returns its id. */
  add(sql: string, parameterCount: number): number {
    const id = ++this.#lastId;
    const entry = { sql, parameterCount, types: Buffer.alloc(0), longData: new Map(), longDataTooLarge: false };
    this.#entries.set(id, entry);
    return id;
  }

  /**
   * COM_STMT_EXECUTE: the statement and its values, or why there are none.
   * @throws MalformedPacket
   */
  bind(command: Buffer): BoundStatement | 'unknown' | 'too-much-long-data' {
    const entry = this.#entries.get(readStatementId(command, 0, command.length));
    if (entry === undefined) return 'unknown';
    if (entry.longDataTooLarge) {
      forget(entry);
      return 'too-much-long-data';
    }
    const request = decodeExecute(command, 0, command.length, entry.parameterCount);
    if (request.types !== undefined) entry.types = Buffer.from(request.types);
    const parameters = readExecuteParams(request, entry.types, (index) => entry.longData.get(index));
    forget(entry);
    return { sql: entry.sql, parameters };
  }

  /** COM_STMT_SEND_LONG_DATA, which has no answer: what does not fit is reported by the execution. */
  addLongData(command: Buffer): void {
    const entry = this.#entries.get(readStatementId(command, 0, command.length));
    if (entry === undefined || command.length < LONG_DATA_AT) return;
    const parameter = command.readUInt16LE(LONG_DATA_PARAMETER_AT);
    const before = entry.longData.get(parameter) ?? Buffer.alloc(0);
    if (before.length + command.length - LONG_DATA_AT > this.#limits.longDataBytesMax) {
      forget(entry);
      entry.longDataTooLarge = true;
    }
    if (!entry.longDataTooLarge) entry.longData.set(parameter, Buffer.concat([before, command.subarray(LONG_DATA_AT)]));
  }

  /** COM_STMT_RESET; false when there is no such statement. */
  reset(statementId: number): boolean {
    const entry = this.#entries.get(statementId);
    if (entry !== undefined) forget(entry);
    return entry !== undefined;
  }

  /** COM_STMT_CLOSE, which has no answer. */
  close(statementId: number): void {
    this.#entries.delete(statementId);
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** The long data of an execution that is over. */
function forget(entry: Entry): void {
  entry.longData.clear();
  entry.longDataTooLarge = false;
}
