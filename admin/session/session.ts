/**
 * One admin connection in the command phase: takes commands one after the other and writes their answers.
 * It knows no SQL; dispatch.ts does. Logging in is the listener's business.
 */
import type { Socket } from 'node:net';
import { Capability, hasCapability } from '../../src/protocol/capabilities.ts';
import { Command } from '../../src/protocol/commands.ts';
import { Framer } from '../../src/protocol/framer.ts';
import { writeEof } from '../../src/protocol/ok-err-eof.ts';
import { PacketWriter } from '../../src/protocol/packet-writer.ts';
import type { SessionContext } from '../context.ts';
import type { Description } from '../db/describe.ts';
import type { SqlParameter } from '../db/execute.ts';
import { splitStatements } from '../db/sql-tokens.ts';
import { type AdminError, type AdminReply, bareError, okReply, type PlainReply } from '../reply.ts';
import { ADMIN_STATUS, encodeReply, type ReplyFrame, renumber } from './encode-reply.ts';
import type { OpenSession } from './open-sessions.ts';
import { AdminStatements } from './prepared.ts';

/** Largest command the admin port takes; ProxySQL's default for mysql-max_allowed_packet. */
export const ADMIN_PACKET_BYTES_MAX = 64 * 1024 * 1024;
/** Commands a client may send ahead of the answers before its socket is not read any further. */
export const COMMANDS_WAITING_MAX = 64;

export interface SessionDependencies {
  readonly dispatch: (
    session: SessionContext,
    sql: string,
    parameters?: readonly SqlParameter[],
  ) => Promise<AdminReply>;
  /** What COM_STMT_PREPARE tells of a statement. */
  readonly describe: (session: SessionContext, sql: string) => Description | { readonly error: AdminError };
  /** Whether several statements in one packet all run when the client has announced them. */
  readonly runsAllStatements: () => boolean;
  /** A command failed in a way it should not; its session is ended. */
  readonly onBug: (error: unknown) => void;
  /** Text of COM_STATISTICS. */
  readonly statistics: () => string;
}

export interface SessionOptions {
  readonly socket: Socket;
  readonly context: SessionContext;
  readonly capabilities: number;
  /** Bytes that came with the end of the login. */
  readonly remainder: Buffer;
  /** COM_CHANGE_USER: the session has let go of its socket; `early` came after the command. */
  readonly onChangeUser: (payload: Buffer, early: Buffer) => void;
}

/** Runs a session until its socket closes; answers to what came before are still written. */
export class AdminSession implements OpenSession {
  private readonly dependencies: SessionDependencies;
  private readonly socket: Socket;
  private readonly context: SessionContext;
  private readonly deprecateEof: boolean;
  private readonly framer: Framer;
  private readonly statements = new AdminStatements();
  private readonly onChangeUser: SessionOptions['onChangeUser'];
  private readonly writer = new PacketWriter();
  private readonly waiting: Buffer[] = [];
  /** Several statements in one COM_QUERY all run. The client announces it, and can change it by COM_SET_OPTION. */
  private multiStatements: boolean;
  /** Aborted when nobody wants the answer of the running statement any more. */
  private running = new AbortController();
  private busy = false;
  private ended = false;

  constructor(dependencies: SessionDependencies, options: SessionOptions) {
    this.dependencies = dependencies;
    this.socket = options.socket;
    this.context = options.context;
    this.context.signal = this.running.signal;
    this.onChangeUser = options.onChangeUser;
    this.deprecateEof = hasCapability(options.capabilities, Capability.DEPRECATE_EOF);
    this.multiStatements = hasCapability(options.capabilities, Capability.MULTI_STATEMENTS);
    this.framer = new Framer(
      {
        onPacket: (buffer, start, end) => this.take(Buffer.from(buffer.subarray(start, end))),
        onTooLarge: () => this.socket.destroy(),
      },
      ADMIN_PACKET_BYTES_MAX,
    );
    this.socket.on('data', this.onData);
    this.socket.on('close', this.onClose);
    this.framer.push(options.remainder);
    this.socket.resume();
  }

  private readonly onData = (chunk: Buffer): void => this.framer.push(chunk);
  private readonly onClose = (): void => {
    this.ended = true;
    this.running.abort();
  };

  /** Ends the running statement, if it is one that can be ended; the session goes on. */
  interrupt(): void {
    this.running.abort();
    this.running = new AbortController();
    this.context.signal = this.running.signal;
  }

  private take(payload: Buffer): void {
    this.waiting.push(payload);
    if (this.waiting.length > COMMANDS_WAITING_MAX) this.socket.pause();
    if (!this.busy) void this.work();
  }

  /** The only loop: one command at a time, so that statements of a session never overtake each other. */
  private async work(): Promise<void> {
    this.busy = true;
    for (let payload = this.waiting.shift(); payload !== undefined && !this.ended; payload = this.waiting.shift()) {
      if (this.waiting.length === 0 && this.socket.isPaused()) this.socket.resume();
      try {
        await this.command(payload);
        await this.flush();
      } catch (error) {
        // A bug of ours costs one session, not the process with everybody's.
        this.dependencies.onBug(error);
        this.ended = true;
        this.socket.destroy();
      }
    }
    this.busy = false;
  }

  private async command(payload: Buffer): Promise<void> {
    switch (payload[0]) {
      case Command.COM_QUERY:
        return this.query(decodeText(payload.subarray(1)));
      case Command.COM_INIT_DB:
      case Command.COM_PING:
        return this.answer(okReply());
      case Command.COM_STATISTICS:
        this.writer.begin(1).string(this.dependencies.statistics()).end();
        return;
      case Command.COM_SET_OPTION:
        // MYSQL_OPTION_MULTI_STATEMENTS_ON is 0.
        this.multiStatements = payload[1] === 0;
        writeEof(this.writer, 1, ADMIN_STATUS);
        return;
      case Command.COM_STMT_PREPARE:
        return this.prepare(decodeText(payload.subarray(1)));
      case Command.COM_STMT_EXECUTE:
        return this.execute(payload);
      case Command.COM_STMT_RESET:
        return this.answerError(this.statements.reset(payload));
      case Command.COM_STMT_CLOSE:
        // The protocol has no answer to this one and the next.
        return this.statements.close(payload);
      case Command.COM_STMT_SEND_LONG_DATA:
        return this.statements.addLongData(payload);
      case Command.COM_RESET_CONNECTION:
        this.statements.clear();
        this.context.warnings = [];
        return this.answer(okReply());
      case Command.COM_CHANGE_USER:
        return this.changeUser(payload);
      case Command.COM_FIELD_LIST:
      case Command.COM_STMT_FETCH:
        return this.answer(bareError('Command not supported'));
      case Command.COM_PROCESS_KILL:
        return this.answer(bareError('Command not supported', 9003));
      default:
        this.end();
    }
  }

  private prepare(sql: string): void {
    const description = this.dependencies.describe(this.context, sql);
    if ('error' in description) return this.answer({ kind: 'error', error: description.error });
    const error = this.statements.prepare(this.writer, sql, description, this.deprecateEof);
    if (error !== undefined) this.answerError(error);
  }

  private async execute(payload: Buffer): Promise<void> {
    const execution = this.statements.bind(payload);
    if ('error' in execution) return this.answerError(execution.error);
    const reply = await this.dependencies.dispatch(this.context, execution.sql, execution.parameters);
    if (reply.kind === 'hang-up') return this.end();
    const frame = { sequenceId: 1, moreResults: false, deprecateEof: this.deprecateEof, binary: true };
    if (reply.kind === 'encoded') await this.pass(reply.chunks, frame);
    else encodeReply(this.writer, reply, frame);
  }

  /** The session is over, and its socket is somebody's who logs in anew. */
  private changeUser(payload: Buffer): void {
    this.ended = true;
    this.framer.stop();
    this.socket.pause();
    this.socket.off('data', this.onData);
    this.socket.off('close', this.onClose);
    // The framer may be in the middle of a chunk; its rest can be had when that is over.
    setImmediate(() => this.onChangeUser(payload, this.framer.takeRemainder()));
  }

  /**
   * All statements of the text when the client asked for that; an error ends them. Otherwise, as in ProxySQL, the text is
   * one command or SQL, of which the first statement runs.
   */
  private async query(sql: string): Promise<void> {
    const all = this.multiStatements && this.dependencies.runsAllStatements();
    const statements = all ? splitStatements(sql) : [sql];
    let sequenceId = 1;
    for (const [index, statement] of statements.entries()) {
      const reply = await this.dependencies.dispatch(this.context, statement);
      if (reply.kind === 'hang-up') return this.end();
      const moreResults = index < statements.length - 1 && reply.kind !== 'error';
      const frame = { sequenceId: sequenceId & 0xff, moreResults, deprecateEof: this.deprecateEof };
      sequenceId =
        reply.kind === 'encoded' ? await this.pass(reply.chunks, frame) : encodeReply(this.writer, reply, frame);
      if (!moreResults) return;
      await this.flush();
      if (this.ended) return;
    }
  }

  /** Writes what was encoded elsewhere, no faster than the client reads. */
  private async pass(chunks: readonly Buffer[], frame: ReplyFrame): Promise<number> {
    const next = renumber(chunks, frame);
    for (const chunk of chunks) {
      if (this.ended) break;
      if (!this.socket.write(chunk)) await this.drained();
    }
    return next;
  }

  /** OK when there is none. */
  private answerError(error: AdminError | undefined): void {
    this.answer(error === undefined ? okReply() : { kind: 'error', error });
  }

  private answer(reply: PlainReply): void {
    encodeReply(this.writer, reply, { sequenceId: 1, moreResults: false, deprecateEof: this.deprecateEof });
  }

  /** Hands what was written to the socket; a client that does not read holds its own session up, nobody else's. */
  private async flush(): Promise<void> {
    if (this.writer.byteLength === 0 || this.ended) return;
    if (!this.socket.write(this.writer.take())) await this.drained();
  }

  private drained(): Promise<void> {
    return new Promise<void>((resolve) => {
      const done = (): void => {
        this.socket.off('drain', done);
        this.socket.off('close', done);
        resolve();
      };
      this.socket.on('drain', done);
      this.socket.on('close', done);
    });
  }

  end(): void {
    this.ended = true;
    this.running.abort();
    this.socket.end();
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * SQL is UTF-8; a text that is not comes from a client that speaks latin1, whatever it announced. Some send the zero that
 * ends their string.
 */
function decodeText(bytes: Buffer): string {
  const text = bytes.at(-1) === 0 ? bytes.subarray(0, -1) : bytes;
  try {
    return UTF8.decode(text);
  } catch {
    return text.toString('latin1');
  }
}
