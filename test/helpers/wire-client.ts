/**
 * A client that shows an answer as it was on the wire, packet by packet, so that two servers' answers can be compared
 * to the byte. It knows the login and where answers end; it interprets no rows.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { clientLogin } from '../../src/connection-phase/client-login.ts';
import { Capability, SERVING_CAPABILITIES } from '../../src/protocol/capabilities.ts';
import { commandFrame } from '../../src/protocol/command-frame.ts';
import { Command } from '../../src/protocol/commands.ts';
import { Framer } from '../../src/protocol/framer.ts';
import { decodeErr, decodeOk, EOF_HEADER, ERR_HEADER, OK_HEADER } from '../../src/protocol/ok-err-eof.ts';
import { type ResponseKind, ResponseWalker } from '../../src/protocol/response-walker.ts';
import { StatusFlag } from '../../src/protocol/status-flags.ts';
import { executePayload } from './execute-payload.ts';
import { within } from './wait.ts';

export interface WireAnswer {
  /** One line a packet; what a proxy may change (the id of a statement) is left out. */
  readonly lines: readonly string[];
  readonly errorCode: number;
  /** The payloads as they came. */
  readonly packets: readonly Buffer[];
  readonly statementId: number;
  readonly statusFlags: number;
}

/** The connection ended instead of an answer. */
export class ConnectionEnded extends Error {}

/** Collation of the login, utf8mb4_general_ci: every server and the proxy know it. */
const COLLATION_ID = 45;
/** Flags that are about how a statement ran (no index, slow) do not belong to a session's state. */
const STATE_FLAGS =
  StatusFlag.IN_TRANS | StatusFlag.AUTOCOMMIT | StatusFlag.MORE_RESULTS_EXISTS | StatusFlag.IN_TRANS_READONLY;

export interface WireClientOptions {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly schema?: string;
  readonly deprecateEof?: boolean;
  /** Commands are written by the test in the form of CLIENT_QUERY_ATTRIBUTES. */
  readonly queryAttributes?: boolean;
  /** Wants to be told of changes of its session's state. */
  readonly sessionTrack?: boolean;
}

export class WireClient {
  readonly socket: Socket;
  readonly threadId: number;
  readonly #deprecateEof: boolean;
  readonly #walker = new ResponseWalker();
  #packets: Buffer[] = [];
  #waiting: { resolve(answer: WireAnswer): void; reject(error: Error): void } | undefined;
  #ended = false;
  #preparing = false;

  private constructor(socket: Socket, threadId: number, deprecateEof: boolean) {
    this.socket = socket;
    this.threadId = threadId;
    this.#deprecateEof = deprecateEof;
    const framer = new Framer(
      { onPacket: (buffer, start, end) => this.#packets.push(Buffer.from(buffer.subarray(start, end))) },
      1 << 26,
    );
    socket.on('data', (chunk: Buffer) => {
      framer.push(chunk);
      if (this.#waiting === undefined) return;
      this.#walker.push(chunk, 0, chunk.length);
      if (this.#walker.done) this.#finish();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
    socket.resume();
  }

  static async connect(options: WireClientOptions): Promise<WireClient> {
    const socket = connect(options.port, '127.0.0.1');
    await once(socket, 'connect');
    const deprecateEof = options.deprecateEof ?? true;
    const unwanted = Capability.FOUND_ROWS | Capability.IGNORE_SPACE | (deprecateEof ? 0 : Capability.DEPRECATE_EOF);
    const wanted =
      (options.queryAttributes === true ? Capability.QUERY_ATTRIBUTES : 0) |
      (options.sessionTrack === true ? Capability.SESSION_TRACK : 0);
    const login = await clientLogin({
      socket,
      username: options.user,
      secret: { clear: options.password },
      schema: options.schema,
      capabilities: ((SERVING_CAPABILITIES | wanted) & ~unwanted) >>> 0,
      attributes: { program_name: 'wire' },
      charset: COLLATION_ID,
      loginTimeoutMs: 10_000,
    });
    return new WireClient(login.socket, login.threadId, deprecateEof);
  }

  query(sql: string): Promise<WireAnswer> {
    return this.command(Command.COM_QUERY, sql);
  }

  /** @param kind what the answer looks like */
  async command(command: number, payload: Buffer | string = '', kind: ResponseKind = 'query'): Promise<WireAnswer> {
    if (this.#ended) throw new ConnectionEnded('the connection has ended');
    this.#packets = [];
    this.#preparing = kind === 'prepare';
    this.#walker.begin(kind, this.#deprecateEof);
    const answer = new Promise<WireAnswer>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    this.socket.write(commandFrame(command, payload));
    return within(answer, `an answer to ${payload.toString().slice(0, 200)}`, 20_000);
  }

  prepare(sql: string): Promise<WireAnswer> {
    return this.command(Command.COM_STMT_PREPARE, sql, 'prepare');
  }

  /** Runs a prepared statement with text parameters; with a cursor its rows have to be fetched. */
  execute(id: number, params: readonly string[], options: { readonly cursor?: boolean } = {}): Promise<WireAnswer> {
    const payload = executePayload(id, params);
    payload[4] = options.cursor === true ? 1 : 0;
    return this.command(Command.COM_STMT_EXECUTE, payload, options.cursor === true ? 'open' : 'execute');
  }

  fetch(id: number, rows: number): Promise<WireAnswer> {
    const payload = Buffer.alloc(8);
    payload.writeUInt32LE(id);
    payload.writeUInt32LE(rows, 4);
    return this.command(Command.COM_STMT_FETCH, payload, 'fetch');
  }

  resetStatement(id: number): Promise<WireAnswer> {
    const payload = Buffer.alloc(4);
    payload.writeUInt32LE(id);
    return this.command(Command.COM_STMT_RESET, payload, 'simple');
  }

  closeStatement(id: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32LE(id);
    if (!this.#ended) this.socket.write(commandFrame(Command.COM_STMT_CLOSE, payload));
  }

  reset(): Promise<WireAnswer> {
    return this.command(Command.COM_RESET_CONNECTION, '', 'simple');
  }

  destroy(): void {
    this.socket.destroy();
  }

  #finish(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    const walker = this.#walker;
    waiting?.resolve({
      lines: this.#packets.map((packet, index) =>
        this.#preparing && index === 0 ? prepareLine(packet) : lineOf(packet),
      ),
      errorCode: walker.ended === 'error' ? walker.errorCode : 0,
      packets: this.#packets,
      statementId: walker.statementId,
      statusFlags: walker.statusFlags,
    });
  }

  #onClose(): void {
    this.#ended = true;
    this.#waiting?.reject(new ConnectionEnded('the connection ended instead of an answer'));
    this.#waiting = undefined;
  }
}

/** The answer to PREPARE without the statement's id, which is the proxy's own. */
function prepareLine(packet: Buffer): string {
  return packet[0] === OK_HEADER ? `PREPARED ${packet.toString('hex', 5)}` : lineOf(packet);
}

/** A packet as text; terminators are decoded, anything else is shown byte for byte. */
function lineOf(packet: Buffer): string {
  try {
    if (packet[0] === ERR_HEADER) {
      const error = decodeErr(packet, 0, packet.length);
      return `ERR ${error.code} ${error.sqlState} ${error.message}`;
    }
    if (packet[0] === EOF_HEADER && packet.length === 5) {
      return `EOF warnings=${packet.readUInt16LE(1)} status=${packet.readUInt16LE(3) & STATE_FLAGS}`;
    }
    if (packet[0] === OK_HEADER || (packet[0] === EOF_HEADER && packet.length < 200)) {
      const ok = decodeOk(packet, 0, packet.length, 0);
      const info = ok.info === '' ? '' : ` ${ok.info}`;
      return `OK rows=${ok.affectedRows} id=${ok.lastInsertId} warnings=${ok.warnings} status=${ok.statusFlags & STATE_FLAGS}${info}`;
    }
  } catch {
    // Not one of them after all: a row.
  }
  return `  ${packet.toString('latin1').replace(/[^\x20-\x7e]+/g, '.')}`;
}
