/**
 * A whole command of the client's side as bytes: headers, command byte, payload. It does not send them.
 */
import { HEADER_BYTES, MAX_FRAME_BYTES } from './framer.ts';
import { PacketWriter } from './packet-writer.ts';

/** The frame of a command, sequence id 0; several frames when the payload is 16 MB - 2 or longer. */
export function commandFrame(command: number, payload: Buffer | string): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'utf8') : payload;
  const length = bytes.length + 1;
  if (length >= MAX_FRAME_BYTES) {
    const writer = new PacketWriter(length + HEADER_BYTES);
    writer.begin(0).u8(command).bytes(bytes).end();
    return writer.take();
  }
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame.writeUIntLE(length, 0, 3);
  frame[3] = 0;
  frame[HEADER_BYTES] = command;
  bytes.copy(frame, HEADER_BYTES + 1);
  return frame;
}
