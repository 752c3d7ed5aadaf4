/**
 * A MySQL server in simulated time: connections that carry out one command after the other, take their time, answer in
 * pieces, can be killed, and die with their server. It understands the few statements of its tests and keeps what they
 * write; see chaos/simulation.test.ts.
 */
import { BackendConnection } from '../../src/backend/backend-connection.ts';
import { mirroredState } from '../../src/backend/mirrored-state.ts';
import type { Connect, ConnectOptions } from '../../src/hostgroup/connector.ts';
import { Capability } from '../../src/protocol/capabilities.ts';
import { ColumnType } from '../../src/protocol/column-types.ts';
import { Command } from '../../src/protocol/commands.ts';
import { HEADER_BYTES } from '../../src/protocol/framer.ts';
import { writeErr, writeOk } from '../../src/protocol/ok-err-eof.ts';
import { PacketWriter } from '../../src/protocol/packet-writer.ts';
import { writePrepareOk } from '../../src/protocol/statement-packets.ts';
import { StatusFlag } from '../../src/protocol/status-flags.ts';
import { writeTextResultset } from '../../src/protocol/text-resultset.ts';
import { FakeSocket } from './fake-socket.ts';
import type { Random } from './random.ts';
import type { SimulatedTime } from './simulated-time.ts';

const COLUMN = { name: 'v', type: ColumnType.VAR_STRING, charset: 45, length: 1024, flags: 0, decimals: 0 };
const INTERRUPTED = { code: 1317, sqlState: '70100', message: 'Query execution was interrupted' };
const UNKNOWN_STATEMENT = { code: 1243, sqlState: 'HY000', message: 'Unknown prepared statement handler' };

/** The proxy's end of a connection. */
class ProxySocket extends FakeSocket {
  onWritten: (bytes: Buffer) => void = () => undefined;

  get writableLength(): number {
    return 0;
  }

  get writableNeedDrain(): boolean {
    return false;
  }

  override write(bytes: Buffer): boolean {
    if (!this.destroyed) this.onWritten(Buffer.from(bytes));
    return true;
  }
}

export class SimulatedDatabase {
  /** Marks that were written and committed, each as often as it was. */
  readonly written: string[] = [];
  readonly pairs: string[] = [];
  readonly connections = new Map<number, SimulatedConnection>();
  readonly time: SimulatedTime;
  readonly random: Random;
  down = false;
  /** Nothing is carried out before that time. */
  stalledUntilMs = 0;
  #threads = 0;

  constructor(time: SimulatedTime, random: Random) {
    this.time = time;
    this.random = random;
  }

  readonly connect: Connect = (options) =>
    new Promise((resolve, reject) => {
      this.time.schedule(this.random.chance(20) ? this.random.below(30) : this.random.below(30) / 10, () => {
        if (this.down) return reject(new Error('ECONNREFUSED'));
        const socket = new ProxySocket();
        const connection = new SimulatedConnection(this, ++this.#threads, socket, options);
        this.connections.set(connection.id, connection);
        resolve(connection.proxySide);
      });
    });

  /** `kill -9`: what is under way is lost, and thread ids begin anew. */
  crash(downMs: number): void {
    this.down = true;
    for (const connection of [...this.connections.values()]) connection.end();
    this.#threads = 0;
    this.time.schedule(downMs, () => {
      this.down = false;
    });
  }

  /** SIGSTOP and, later, SIGCONT. */
  stall(ms: number): void {
    this.stalledUntilMs = this.time.nowMs() + ms;
  }

  kill(id: number, what: 'QUERY' | 'CONNECTION'): void {
    const connection = this.connections.get(id);
    if (what === 'CONNECTION') connection?.end();
    else connection?.interrupt();
  }
}

class SimulatedConnection {
  readonly id: number;
  readonly proxySide: BackendConnection;
  readonly #server: SimulatedDatabase;
  readonly #socket: ProxySocket;
  readonly #deprecateEof: boolean;
  #input = Buffer.alloc(0);
  readonly #commands: Buffer[] = [];
  /** The command under way; what it would do is done at its end. */
  #busy: { over: boolean } | undefined;
  /** A KILL QUERY came while nothing ran: it meets the next command, whatever that is. */
  #flagged = false;
  #transaction: string[] | undefined;
  readonly #statements = new Map<number, string>();
  #lastStatement = 0;
  #inputAtMs = 0;
  #outputAtMs = 0;

  constructor(
    server: SimulatedDatabase,
    id: number,
    socket: ProxySocket,
    { home, user, shape, nowMs }: ConnectOptions,
  ) {
    this.id = id;
    this.#server = server;
    this.#socket = socket;
    this.#deprecateEof = (shape & Capability.DEPRECATE_EOF) !== 0;
    this.proxySide = new BackendConnection({
      socket: socket.socket,
      home,
      username: user.username,
      shape,
      deprecateEof: this.#deprecateEof,
      threadId: id,
      serverVersion: '8.0.99',
      state: mirroredState('', { charset: 'utf8mb4', collation: 'utf8mb4_general_ci' }),
      statusFlags: StatusFlag.AUTOCOMMIT,
      createdAtMs: nowMs(),
    });
    socket.onWritten = (bytes) => {
      this.#inputAtMs = Math.max(this.#inputAtMs, server.time.nowMs() + server.random.below(3) / 10);
      server.time.scheduleAt(this.#inputAtMs, () => this.#receive(bytes));
    };
    socket.on('close', () => this.end());
  }

  end(): void {
    if (this.#server.connections.get(this.id) === this) this.#server.connections.delete(this.id);
    if (this.#busy !== undefined) this.#busy.over = true;
    this.#commands.length = 0;
    // Whoever is told of the loss may do something in the same turn.
    this.#server.time.schedule(0, () => this.#socket.hangUp());
  }

  interrupt(): void {
    if (this.#busy === undefined) {
      this.#flagged = true;
      return;
    }
    this.#busy.over = true;
    this.#busy = undefined;
    this.#answer((writer) => writeErr(writer, 1, INTERRUPTED));
    this.#next();
  }

  #receive(bytes: Buffer): void {
    this.#input = Buffer.concat([this.#input, bytes]);
    for (;;) {
      const end = this.#input.length < HEADER_BYTES ? 0 : HEADER_BYTES + this.#input.readUIntLE(0, 3);
      if (end === 0 || this.#input.length < end) break;
      this.#commands.push(this.#input.subarray(HEADER_BYTES, end));
      this.#input = this.#input.subarray(end);
    }
    this.#next();
  }

  #next(): void {
    if (this.#busy !== undefined) return;
    const command = this.#commands.shift();
    if (command === undefined) return;
    const { random, time } = this.#server;
    const code = command[0];
    if (code === Command.COM_STMT_CLOSE) {
      this.#statements.delete(command.readUInt32LE(1));
      return this.#next();
    }
    if (code === Command.COM_QUIT) return this.end();
    const flagged = this.#flagged;
    this.#flagged = false;
    const under = { over: false };
    this.#busy = under;
    const tookMs = random.below(100) < 2 ? random.below(60) : random.below(6) / 10;
    const finish = (): void => {
      if (under.over) return;
      // The whole server stands still.
      const waitMs = this.#server.stalledUntilMs - time.nowMs();
      if (waitMs > 0) {
        time.schedule(waitMs, finish);
        return;
      }
      this.#busy = undefined;
      if (flagged && code !== Command.COM_PING) this.#answer((writer) => writeErr(writer, 1, INTERRUPTED));
      else this.#carryOut(command);
      this.#next();
    };
    time.schedule(flagged ? 0 : tookMs, finish);
  }

  #carryOut(command: Buffer): void {
    const text = command.toString('latin1', 1);
    switch (command[0]) {
      case Command.COM_STMT_PREPARE:
        return this.#prepare(text);
      case Command.COM_STMT_EXECUTE: {
        const statement = this.#statements.get(command.readUInt32LE(1));
        if (statement === undefined) return this.#answer((writer) => writeErr(writer, 1, UNKNOWN_STATEMENT));
        return this.#result(/c\d+s\d+/.exec(text)?.[0] ?? '');
      }
      case Command.COM_QUERY:
        return this.#query(text);
      case Command.COM_RESET_CONNECTION:
        this.#transaction = undefined;
        this.#statements.clear();
        return this.#ok();
      default:
        return this.#ok();
    }
  }

  #query(commented: string): void {
    const text = commented.replace(/^\/\*.*?\*\/ /, '');
    const mark = /'(c\d+s\d+)'/.exec(text)?.[1] ?? '';
    if (text.startsWith('SELECT')) return this.#result(mark);
    if (text.startsWith('KILL')) {
      const [, what, id] = /^KILL (\w+) (\d+)/.exec(text) ?? [];
      this.#server.kill(Number(id), what === 'QUERY' ? 'QUERY' : 'CONNECTION');
      return this.#ok();
    }
    if (text.startsWith('BEGIN')) this.#transaction = [];
    else if (text.startsWith('ROLLBACK')) this.#transaction = undefined;
    else if (text.startsWith('COMMIT')) {
      this.#server.pairs.push(...(this.#transaction ?? []));
      this.#transaction = undefined;
    } else if (text.startsWith('INSERT INTO pairs')) (this.#transaction ?? this.#server.pairs).push(mark);
    else if (text.startsWith('INSERT INTO log')) this.#server.written.push(mark);
    this.#ok(text.startsWith('INSERT') ? 1 : 0);
  }

  get #statusFlags(): number {
    return StatusFlag.AUTOCOMMIT | (this.#transaction === undefined ? 0 : StatusFlag.IN_TRANS);
  }

  #prepare(text: string): void {
    const id = ++this.#lastStatement;
    this.#statements.set(id, text);
    this.#answer((writer) =>
      writePrepareOk(writer, 1, {
        statementId: id,
        params: [COLUMN, COLUMN],
        columns: [COLUMN],
        statusFlags: this.#statusFlags,
        deprecateEof: this.#deprecateEof,
      }),
    );
  }

  #ok(affectedRows = 0): void {
    const statusFlags = this.#statusFlags;
    this.#answer((writer) => writeOk(writer, 1, { affectedRows, lastInsertId: 0, statusFlags, warnings: 0 }));
  }

  #result(value: string): void {
    this.#answer((writer) =>
      writeTextResultset(writer, 1, {
        columns: [COLUMN],
        rows: [[value]],
        statusFlags: this.#statusFlags,
        deprecateEof: this.#deprecateEof,
      }),
    );
  }

  /** Sends in one piece or two, each some time later, and in order. */
  #answer(write: (writer: PacketWriter) => void): void {
    const { random, time } = this.#server;
    const writer = new PacketWriter();
    write(writer);
    const bytes = Buffer.from(writer.take());
    const cut = random.chance(10) ? 1 + random.below(bytes.length - 1) : bytes.length;
    for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      if (piece.length === 0) continue;
      this.#outputAtMs = Math.max(this.#outputAtMs, time.nowMs() + random.below(4) / 10);
      time.scheduleAt(this.#outputAtMs, () => this.#socket.feed(piece));
    }
  }
}
