/**
 * One logged-in client of an embedded server: its commands in order, one at a time, each with its answer. Login is
 * src/connection-phase's; statements are statement-engine's.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { AuthenticatedLogin } from '../connection-phase/server-login.ts';
import { Capability, hasCapability } from '../protocol/capabilities.ts';
import { Command } from '../protocol/commands.ts';
import { Framer } from '../protocol/framer.ts';
import { writeEof, writeOk } from '../protocol/ok-err-eof.ts';
import { StatusFlag } from '../protocol/status-flags.ts';
import { MysqlError, mysqlErrors } from './mysql-errors.ts';
import { PreparedStatements } from './prepared-statements.ts';
import { ResultWriter, type RowFormat, SocketGone } from './result-writer.ts';
import type { Scalar } from './session-variables.ts';
import type { StatementEngine } from './statement-engine.ts';

/** Largest command; MySQL's default max_allowed_packet is the same. */
export const MAX_PACKET_BYTES = 64 * 1024 * 1024;

/** A client may send commands ahead of their answers; above this many its socket is not read. */
const QUEUED_COMMANDS_MAX = 100;

/** The first answer packet follows the command, which has sequence id 0. */
const FIRST_ANSWER = 1;

export interface ClientConnectionOptions {
  readonly login: AuthenticatedLogin;
  readonly engine: StatementEngine;
  /** Every answer waits this long, to play a server far away. */
  readonly latencyMs: number;
  readonly kill: (connectionId: number, statementOnly: boolean) => boolean;
  readonly onClose: () => void;
  /** COM_CHANGE_USER: this connection is over, and its socket goes through a login again. */
  readonly onChangeUser: (command: Buffer) => void;
}

export class ClientConnection {
  readonly #options: ClientConnectionOptions;
  readonly #engine: StatementEngine;
  readonly #writer: ResultWriter;
  readonly #prepared: PreparedStatements;
  readonly #framer: Framer;
  readonly #deprecateEof: boolean;
  #multiStatements: boolean;
  #queue: Buffer[] = [];
  #working = false;
  #closed = false;
  /** What the connection is doing, for SHOW PROCESSLIST. */
  #running = '';

  constructor(options: ClientConnectionOptions) {
    const { login, engine } = options;
    this.#options = options;
    this.#engine = engine;
    this.#writer = new ResultWriter(login.socket);
    this.#prepared = new PreparedStatements(engine);
    this.#deprecateEof = hasCapability(login.capabilities, Capability.DEPRECATE_EOF);
    this.#multiStatements = hasCapability(login.capabilities, Capability.MULTI_STATEMENTS);
    this.#framer = new Framer(
      {
        onPacket: (buffer, start, end) => this.#take(Buffer.from(buffer.subarray(start, end))),
        onTooLarge: () => this.close(),
      },
      MAX_PACKET_BYTES,
    );
  }

  get runningStatement(): string {
    return this.#running;
  }

  get schema(): string | null {
    return this.#engine.schema;
  }

  get user(): string {
    return this.#options.login.username;
  }

  /** Accepts the login and begins to listen. */
  start(): void {
    const { login } = this.#options;
    login.socket.on('data', this.#onData).on('error', this.#onClose).on('close', this.#onClose);
    login.accept(this.#statusFlags());
    if (login.remainder.length > 0) this.#framer.push(login.remainder);
    login.socket.resume();
  }

  interrupt(): void {
    this.#engine.interrupt();
  }

  close(): void {
    if (this.#closed) return;
    this.#options.login.socket.destroy();
    this.#leave();
  }

  readonly #onData = (chunk: Buffer) => this.#framer.push(chunk);
  readonly #onClose = () => this.close();

  #leave(): void {
    this.#closed = true;
    this.#engine.interrupt();
    if (!this.#working) this.#engine.close();
    this.#options.onClose();
  }

  #changeUser(command: Buffer): void {
    const { socket } = this.#options.login;
    socket.off('data', this.#onData).off('error', this.#onClose).off('close', this.#onClose).pause();
    this.#leave();
    this.#options.onChangeUser(command);
  }

  #take(command: Buffer): void {
    this.#queue.push(command);
    if (this.#queue.length >= QUEUED_COMMANDS_MAX) this.#options.login.socket.pause();
    if (!this.#working) void this.#work();
  }

  async #work(): Promise<void> {
    this.#working = true;
    for (let command = this.#queue.shift(); command !== undefined && !this.#closed; command = this.#queue.shift()) {
      await this.#answer(command);
      if (!this.#closed) this.#options.login.socket.resume();
    }
    this.#working = false;
    // A client that left while its statement ran: SQLite could not be closed then.
    if (this.#closed) this.#engine.close();
  }

  async #answer(command: Buffer): Promise<void> {
    try {
      if (this.#options.latencyMs > 0) await delay(this.#options.latencyMs);
      await this.#run(command);
    } catch (error) {
      if (error instanceof MysqlError) await this.#writer.sendError(error, FIRST_ANSWER).catch(() => this.close());
      else if (error instanceof SocketGone) this.close();
      else await this.#breakOff(error);
    } finally {
      this.#running = '';
    }
  }

  /** A packet that cannot be read, or a mistake of ours: the client is told and let go. */
  async #breakOff(error: unknown): Promise<void> {
    const message = error instanceof Error ? error.message : String(error);
    await this.#writer.sendError(new MysqlError(1105, 'HY000', message), FIRST_ANSWER).catch(() => undefined);
    this.close();
  }

  async #run(command: Buffer): Promise<void> {
    switch (command[0]) {
      case Command.COM_QUERY:
        return this.#query(command.toString('utf8', 1));
      case Command.COM_PING:
        return this.#ok();
      case Command.COM_INIT_DB:
        this.#engine.useSchema(command.toString('utf8', 1));
        return this.#ok();
      case Command.COM_QUIT:
        return this.close();
      case Command.COM_CHANGE_USER:
        return this.#changeUser(command);
      case Command.COM_RESET_CONNECTION:
        this.#prepared.clear();
        this.#engine.reset();
        return this.#ok();
      case Command.COM_SET_OPTION:
        this.#multiStatements = command.readUInt16LE(1) === 0;
        return this.#eof();
      case Command.COM_PROCESS_KILL:
        if (!this.#options.kill(command.readUInt32LE(1), false))
          throw mysqlErrors.unknownThread(command.readUInt32LE(1));
        return this.#ok();
      case Command.COM_STATISTICS:
        this.#writer.packets.begin(FIRST_ANSWER).string('Uptime: 0').end();
        return this.#writer.flush();
      case Command.COM_STMT_PREPARE:
        this.#prepared.prepare(
          command.toString('utf8', 1),
          this.#writer.packets,
          this.#deprecateEof,
          this.#statusFlags(),
        );
        return this.#writer.flush();
      case Command.COM_STMT_EXECUTE:
        return this.#execute(command);
      case Command.COM_STMT_SEND_LONG_DATA:
        return this.#prepared.addLongData(command);
      case Command.COM_STMT_RESET:
        this.#prepared.reset(command.readUInt32LE(1));
        return this.#ok();
      case Command.COM_STMT_CLOSE:
        return this.#prepared.close(command.readUInt32LE(1));
      default:
        throw mysqlErrors.unknownCommand();
    }
  }

  async #query(text: string): Promise<void> {
    const statements = this.#multiStatements ? this.#engine.split(text) : [text];
    let sequenceId = FIRST_ANSWER;
    for (const [index, statement] of statements.entries()) {
      try {
        sequenceId = await this.#statement(statement, [], sequenceId, 'text', index < statements.length - 1);
      } catch (error) {
        if (!(error instanceof MysqlError)) throw error;
        return this.#writer.sendError(error, sequenceId);
      }
    }
  }

  async #execute(command: Buffer): Promise<void> {
    const { sql, parameters } = this.#prepared.bind(command);
    await this.#statement(sql, parameters, FIRST_ANSWER, 'binary', false);
  }

  async #statement(
    sql: string,
    parameters: readonly Scalar[],
    sequenceId: number,
    format: RowFormat,
    moreResults: boolean,
  ): Promise<number> {
    this.#running = sql;
    const outcome = await this.#engine.execute(sql, parameters);
    const statusFlags = () => this.#statusFlags();
    return this.#writer.send(outcome, sequenceId, {
      format,
      deprecateEof: this.#deprecateEof,
      statusFlags,
      moreResults,
    });
  }

  #ok(): Promise<void> {
    writeOk(this.#writer.packets, FIRST_ANSWER, { statusFlags: this.#statusFlags() });
    return this.#writer.flush();
  }

  #eof(): Promise<void> {
    if (this.#deprecateEof) return this.#ok();
    writeEof(this.#writer.packets, FIRST_ANSWER, this.#statusFlags());
    return this.#writer.flush();
  }

  #statusFlags(): number {
    const { variables, inTransaction } = this.#engine;
    return (
      (variables.autocommit ? StatusFlag.AUTOCOMMIT : 0) |
      (inTransaction ? StatusFlag.IN_TRANS : 0) |
      (variables.hasSqlMode('NO_BACKSLASH_ESCAPES') ? StatusFlag.NO_BACKSLASH_ESCAPES : 0)
    );
  }
}
