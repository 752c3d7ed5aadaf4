/**
 * Does a packet begin a command? Its sequence number says so. What does not is a file, say, that nobody has asked for: it
 * must not be taken for commands, and servers, who get the client's own frames, would end a connection for it that other
 * sessions may be waiting on. It does not answer the client.
 */
import { ANY_COMPRESSION } from '../protocol/capabilities.ts';
import { HEADER_BYTES, MAX_FRAME_BYTES } from '../protocol/framer.ts';

/** Where the sequence number is, before the payload. */
const SEQUENCE_BEFORE = HEADER_BYTES - 3;

/**
 * Only of packets whose number is not 0.
 * @param sequenceId of the last frame of the packet whose payload is `buffer[start, end)`
 */
export function isInOrder(
  buffer: Buffer,
  start: number,
  end: number,
  sequenceId: number,
  capabilities: number,
): boolean {
  const framesBefore = Math.floor((end - start) / MAX_FRAME_BYTES);
  if (framesBefore > 0 && sequenceId === (framesBefore & 0xff)) return true;
  // Compressed packets are counted themselves: servers do not look at the numbers inside them, which one without
  // compression would.
  if ((capabilities & ANY_COMPRESSION) === 0) return false;
  if (framesBefore === 0) buffer[start - SEQUENCE_BEFORE] = 0;
  return true;
}
