/**
 * A MySQL server that does what a test tells it, right or wrong. It lets everybody in and understands no SQL.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Capability, hasCapability } from '../../src/protocol/capabilities.ts';
import { ColumnType } from '../../src/protocol/column-types.ts';
import { Command } from '../../src/protocol/commands.ts';
import { Framer } from '../../src/protocol/framer.ts';
import { NONCE_BYTES, writeGreeting } from '../../src/protocol/handshake.ts';
import { writeErr, writeOk } from '../../src/protocol/ok-err-eof.ts';
import { PacketWriter } from '../../src/protocol/packet-writer.ts';
import { StatusFlag } from '../../src/protocol/status-flags.ts';
import { writeTextResultset } from '../../src/protocol/text-resultset.ts';

/** What a connection has agreed on. */
export interface Conversation {
  /** Number of the connection, from 1. */
  readonly connection: number;
  /** Results end with an OK packet instead of an EOF packet. */
  readonly deprecateEof: boolean;
}

/** One command of a client, and the ways to answer it. */
export interface ScriptedCommand extends Conversation {
  readonly code: number;
  /** What follows the command's code, as text. */
  readonly text: string;
  ok(): void;
  error(code: number, message: string): void;
  /** A result of one column and one row. */
  value(value: string): void;
  /** Any bytes, packet headers included. */
  raw(bytes: Buffer): void;
  hangUp(): void;
}

export interface ScriptedBackendOptions {
  /** What to do with a new connection instead of greeting it. */
  readonly onConnect?: (socket: Socket) => void;
  /** Answers a command; COM_QUIT and what sluice asks to prepare a connection is answered before. */
  readonly onCommand?: (command: ScriptedCommand) => void;
  /** Answers COM_PING; without it every ping is answered. */
  readonly onPing?: (command: ScriptedCommand) => void;
}

/** Everything whose absence a client could mind; none of it changes what this server sends but DEPRECATE_EOF. */
const CAPABILITIES =
  Capability.LONG_PASSWORD |
  Capability.FOUND_ROWS |
  Capability.LONG_FLAG |
  Capability.CONNECT_WITH_DB |
  Capability.PROTOCOL_41 |
  Capability.IGNORE_SPACE |
  Capability.TRANSACTIONS |
  Capability.SECURE_CONNECTION |
  Capability.MULTI_STATEMENTS |
  Capability.MULTI_RESULTS |
  Capability.PS_MULTI_RESULTS |
  Capability.PLUGIN_AUTH |
  Capability.DEPRECATE_EOF;

export class ScriptedBackend {
  readonly host = '127.0.0.1';
  /** Text of every COM_QUERY, in order of arrival. */
  readonly received: string[] = [];
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #options: ScriptedBackendOptions;

  private constructor(options: ScriptedBackendOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#welcome(socket));
  }

  static async start(options: ScriptedBackendOptions): Promise<ScriptedBackend> {
    const backend = new ScriptedBackend(options);
    backend.#server.listen(0, backend.host);
    await once(backend.#server, 'listening');
    return backend;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Sends bytes on every open connection, whether or not somebody waits for them. */
  sendToAll(bytes: Buffer): void {
    for (const socket of this.#sockets) socket.write(bytes);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #welcome(socket: Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    if (this.#options.onConnect === undefined) this.#serve(socket, this.connections);
    else this.#options.onConnect(socket);
  }

  #serve(socket: Socket, connection: number): void {
    let capabilities: number | undefined;
    const framer = new Framer(
      {
        onPacket: (buffer, start, end) => {
          if (capabilities !== undefined) {
            const deprecateEof = hasCapability(capabilities, Capability.DEPRECATE_EOF);
            return this.#command(socket, { connection, deprecateEof }, Buffer.from(buffer.subarray(start, end)));
          }
          capabilities = buffer.readUInt32LE(start);
          socket.write(okPacket(2));
        },
      },
      64 * 1024 * 1024,
    );
    socket.on('data', (chunk) => framer.push(chunk));
    const writer = new PacketWriter();
    writeGreeting(writer, 0, {
      serverVersion: '8.0.99-scripted',
      connectionId: connection,
      nonce: Buffer.alloc(NONCE_BYTES, 'n'),
      capabilities: CAPABILITIES,
      charset: 45,
      statusFlags: StatusFlag.AUTOCOMMIT,
      authPlugin: 'mysql_native_password',
    });
    socket.write(writer.take());
  }

  #command(socket: Socket, on: Conversation, payload: Buffer): void {
    const code = payload[0] ?? 0;
    const text = payload.toString('utf8', 1);
    if (code === Command.COM_QUIT) {
      socket.end();
      return;
    }
    if (code === Command.COM_QUERY) this.received.push(text);
    const command: ScriptedCommand = {
      code,
      text,
      ...on,
      ok: () => void socket.write(okPacket(1)),
      error: (number, message) => void socket.write(errorPacket(1, number, message)),
      value: (value) => void socket.write(valueResultset(value, on.deprecateEof)),
      raw: (bytes) => void socket.write(bytes),
      hangUp: () => socket.destroy(),
    };
    if (code === Command.COM_PING && this.#options.onPing !== undefined) this.#options.onPing(command);
    else if (code !== Command.COM_QUERY || /^\s*SET\b/i.test(text)) command.ok();
    else if (this.#options.onCommand === undefined) command.value(text);
    else this.#options.onCommand(command);
  }
}

/** An OK packet with autocommit on. */
export function okPacket(sequenceId: number): Buffer {
  const writer = new PacketWriter();
  writeOk(writer, sequenceId, { affectedRows: 0, lastInsertId: 0, statusFlags: StatusFlag.AUTOCOMMIT, warnings: 0 });
  return writer.take();
}

/** An ERR packet. */
export function errorPacket(sequenceId: number, code: number, message: string): Buffer {
  const writer = new PacketWriter();
  writeErr(writer, sequenceId, { code, sqlState: 'HY000', message });
  return writer.take();
}

/** A whole result set of one column `v` and one row. */
export function valueResultset(value: string, deprecateEof = false): Buffer {
  const writer = new PacketWriter();
  writeTextResultset(writer, 1, {
    columns: [{ name: 'v', type: ColumnType.VAR_STRING, charset: 45, length: 1024, flags: 0, decimals: 0 }],
    rows: [[value]],
    statusFlags: StatusFlag.AUTOCOMMIT,
    deprecateEof,
  });
  return writer.take();
}
