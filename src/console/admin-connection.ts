/**
 * The console's connection to an admin interface: one statement in, one plain answer out, with mysql2 as the client.
 * It opens the connection when it is first needed and again after it was lost; it prints nothing.
 */
import { type Connection, type ConnectionOptions, createConnection, type FieldPacket } from 'mysql2/promise';
import type { RowsAnswer } from './format.ts';

export interface DoneAnswer {
  readonly kind: 'done';
  readonly affectedRows: number;
  readonly warnings: number;
  /** The text of the OK packet, e.g. `Rows matched: 1  Changed: 1  Warnings: 0`. */
  readonly info: string;
}

export type Answer = RowsAnswer | DoneAnswer;

/** An error as the mysql client words it. */
export class StatementFailed extends Error {
  readonly code: number;
  readonly sqlState: string;
  /** The connection is gone; the next statement opens a new one. */
  readonly connectionLost: boolean;

  constructor(code: number, sqlState: string, message: string, connectionLost: boolean) {
    super(message);
    this.code = code;
    this.sqlState = sqlState;
    this.connectionLost = connectionLost;
  }
}

export interface ConnectionTarget {
  readonly host: string;
  readonly port: number;
  readonly socketPath: string | undefined;
  readonly user: string;
  readonly password: string;
}

/** Longest wait for the server's greeting. */
const CONNECT_TIMEOUT_MS = 10_000;

/** MySQL's client-side error numbers, which scripts look for. */
const CR_CONNECTION_ERROR = 2002;
const CR_CONN_HOST_ERROR = 2003;
const CR_SERVER_LOST = 2013;

/** Column types shown on the right: DECIMAL, the integers, FLOAT, DOUBLE, YEAR, NEWDECIMAL. */
const NUMERIC_TYPES: ReadonlySet<number> = new Set([0, 1, 2, 3, 4, 5, 8, 9, 13, 246]);

/** Bit of a column definition's flags. */
const NOT_NULL_FLAG = 1;

export class AdminConnection {
  readonly #target: ConnectionTarget;
  #connection: Connection | undefined;

  constructor(target: ConnectionTarget) {
    this.#target = target;
  }

  /** The server's version; undefined until connected. */
  get serverVersion(): string | undefined {
    const raw: unknown = this.#connection;
    return readServerVersion(raw);
  }

  /** Opens the connection if there is none. Rejects with StatementFailed. */
  async connect(): Promise<void> {
    if (this.#connection !== undefined) return;
    try {
      const connection = await createConnection(connectionOptions(this.#target));
      connection.on('error', () => this.#forget(connection));
      this.#connection = connection;
    } catch (error) {
      throw connectFailure(error, this.#target);
    }
  }

  /** Runs one statement. Rejects with StatementFailed. */
  async run(sql: string): Promise<Answer> {
    await this.connect();
    const connection = this.#connection;
    if (connection === undefined) throw new StatementFailed(CR_SERVER_LOST, 'HY000', LOST, true);
    try {
      const [result, fields] = await connection.query({ sql, rowsAsArray: true, typeCast: cellText });
      return toAnswer(result, fields);
    } catch (error) {
      const failure = statementFailure(error);
      if (failure.connectionLost) this.#forget(connection);
      throw failure;
    }
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.end().catch(() => connection.destroy());
  }

  #forget(connection: Connection): void {
    connection.destroy();
    if (this.#connection === connection) this.#connection = undefined;
  }
}

const LOST = 'Lost connection to server';

function connectionOptions(target: ConnectionTarget): ConnectionOptions {
  const address =
    target.socketPath === undefined ? { host: target.host, port: target.port } : { socketPath: target.socketPath };
  return {
    ...address,
    user: target.user,
    password: target.password,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // A server could otherwise ask for any file of this machine.
    flags: ['-LOCAL_FILES'],
  };
}

type TypeCastField = { buffer(): Buffer | null };

/** Cells stay the text the server sent. */
function cellText(field: TypeCastField): string | null {
  return field.buffer()?.toString('utf8') ?? null;
}

interface OkResult {
  readonly affectedRows: number;
  readonly warningStatus: number;
  readonly info: string;
}

function toAnswer(result: unknown, fields: readonly FieldPacket[] | undefined): Answer {
  if (!Array.isArray(result)) {
    const { affectedRows, warningStatus, info } = result as OkResult;
    return { kind: 'done', affectedRows, warnings: warningStatus, info: info.replace(/^[^\x20-\x7e]+/, '').trim() };
  }
  const columns = (fields ?? []).map((field) => ({
    name: field.name,
    numeric: NUMERIC_TYPES.has(field.columnType ?? -1),
    nullable: (Number(field.flags) & NOT_NULL_FLAG) === 0,
  }));
  return { kind: 'rows', columns, rows: result as (string | null)[][] };
}

interface ClientError {
  readonly code?: string;
  readonly errno?: number;
  readonly sqlState?: string;
  readonly message: string;
  readonly sqlMessage?: string;
}

function asClientError(error: unknown): ClientError {
  return error instanceof Error ? (error as ClientError) : { message: String(error) };
}

function statementFailure(error: unknown): StatementFailed {
  const { errno, sqlState, sqlMessage, message } = asClientError(error);
  const answered = sqlState !== undefined && sqlState !== '' && errno !== undefined;
  if (answered) return new StatementFailed(errno, sqlState, sqlMessage ?? message, false);
  return new StatementFailed(CR_SERVER_LOST, 'HY000', LOST, true);
}

function connectFailure(error: unknown, target: ConnectionTarget): StatementFailed {
  const { code, errno, sqlState, sqlMessage, message } = asClientError(error);
  if (sqlState !== undefined && sqlState !== '' && errno !== undefined) {
    return new StatementFailed(errno, sqlState, sqlMessage ?? message, true);
  }
  const reason = code ?? message;
  const hint = code === 'ECONNREFUSED' || code === 'ENOENT' ? '; is sluice running?' : '';
  return target.socketPath === undefined
    ? new StatementFailed(
        CR_CONN_HOST_ERROR,
        'HY000',
        `Can't connect to server on '${target.host}:${target.port}' (${reason})${hint}`,
        true,
      )
    : new StatementFailed(
        CR_CONNECTION_ERROR,
        'HY000',
        `Can't connect to server through socket '${target.socketPath}' (${reason})${hint}`,
        true,
      );
}

/** mysql2 keeps the greeting without a type for it. */
function readServerVersion(connection: unknown): string | undefined {
  const core = (connection as { connection?: { _handshakePacket?: { serverVersion?: unknown } } } | undefined)
    ?.connection;
  const version = core?._handshakePacket?.serverVersion;
  return typeof version === 'string' ? version : undefined;
}
