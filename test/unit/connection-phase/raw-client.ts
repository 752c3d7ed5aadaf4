/** A client that speaks packets, for what no driver would do. Not a test itself. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Capability } from '../../../src/protocol/capabilities.ts';
import { Framer } from '../../../src/protocol/framer.ts';
import {
  decodeGreeting,
  type Greeting,
  type OutgoingResponse,
  writeHandshakeResponse,
} from '../../../src/protocol/handshake.ts';
import { PacketWriter } from '../../../src/protocol/packet-writer.ts';

export interface RawPacket {
  readonly sequenceId: number;
  readonly payload: Buffer;
}

/** Capabilities of the golden transcripts' client. */
export const RAW_CAPABILITIES =
  Capability.LONG_PASSWORD |
  Capability.LONG_FLAG |
  Capability.PROTOCOL_41 |
  Capability.TRANSACTIONS |
  Capability.SECURE_CONNECTION |
  Capability.MULTI_STATEMENTS |
  Capability.MULTI_RESULTS |
  Capability.PS_MULTI_RESULTS |
  Capability.PLUGIN_AUTH;

export class RawClient {
  readonly socket: Socket;
  private readonly packets: RawPacket[] = [];
  private closed = false;
  private wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    const framer = new Framer(
      {
        onPacket: (buffer, start, end, sequenceId) => {
          this.packets.push({ sequenceId, payload: Buffer.from(buffer.subarray(start, end)) });
          this.wake?.();
        },
      },
      1 << 26,
    );
    socket.on('data', (chunk) => framer.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.wake?.();
    });
  }

  /** The next packet, or `undefined` when the server has closed. */
  async read(): Promise<RawPacket | undefined> {
    while (this.packets.length === 0 && !this.closed) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.packets.shift();
  }

  send(sequenceId: number, payload: Uint8Array): void {
    const writer = new PacketWriter();
    writer.begin(sequenceId).bytes(payload).end();
    this.socket.write(writer.take());
  }

  async greeting(): Promise<Greeting> {
    const packet = await this.read();
    return decodeGreeting(packet!.payload, 0, packet!.payload.length);
  }

  respond(response: Partial<OutgoingResponse>, sequenceId = 1): void {
    const writer = new PacketWriter();
    writeHandshakeResponse(writer, sequenceId, {
      capabilities: RAW_CAPABILITIES,
      maxPacketBytes: 1 << 24,
      charset: 33,
      username: '',
      authResponse: Buffer.alloc(0),
      schema: '',
      authPlugin: 'mysql_native_password',
      attributes: new Map(),
      ...response,
    });
    this.socket.write(writer.take());
  }

  close(): void {
    this.socket.destroy();
  }
}

export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return new RawClient(socket);
}
