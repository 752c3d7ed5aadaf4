/** The bytes of a command as servers get them, and the text in them. It sends nothing. */
import { isLent } from '../net/lent-memory.ts';
import { commandFrame } from '../protocol/command-frame.ts';
import { Command } from '../protocol/commands.ts';
import { HEADER_BYTES, MAX_FRAME_BYTES } from '../protocol/framer.ts';
import type { Statement } from './statement.ts';

/** Up to so many bytes a loop is quicker than a call. */
const COPIED_BY_HAND_BYTES_MAX = 256;

/** The raw frame of a payload, for whoever keeps it: a window where the memory is not lent, else a copy. */
export function frameOf(buffer: Buffer, start: number, end: number): Buffer {
  if (end - start >= MAX_FRAME_BYTES) return commandFrameOf(buffer.subarray(start, end));
  const from = start - HEADER_BYTES;
  if (!isLent(buffer)) return buffer.subarray(from, end);
  const frame = Buffer.allocUnsafe(end - from);
  copyBytes(buffer, from, end, frame, 0);
  return frame;
}

/** Copies `from[start, end)` to where `to[at]` is. */
export function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): void {
  // Buffer's copy makes an object for a part of a buffer.
  if (end - start > COPIED_BY_HAND_BYTES_MAX) from.copy(to, at, start, end);
  else for (let i = start, j = at; i < end; i += 1, j += 1) to[j] = from[i] as number;
}

/** A frame of a whole payload, command byte included. */
export function commandFrameOf(payload: Buffer): Buffer {
  return commandFrame(payload[0] ?? 0, payload.subarray(1));
}

/** What the server gets: almost always the client's own bytes. */
export function serverFrameOf({ sentText, command, frame }: Statement): Buffer {
  if (sentText === undefined || command === 'execute') return frame;
  return commandFrame(command === 'prepare' ? Command.COM_STMT_PREPARE : Command.COM_QUERY, sentText);
}

/** A command with room for its header in front, as the client's connection delivers them. */
export function payloadFrame(command: number, rest: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + 1 + rest.length);
  frame.writeUIntLE(Math.min(rest.length + 1, MAX_FRAME_BYTES), 0, 3);
  frame[3] = 0;
  frame[HEADER_BYTES] = command;
  rest.copy(frame, HEADER_BYTES + 1);
  return frame;
}

/** The SQL text of a statement that goes out as COM_QUERY. */
export function textOf(statement: Statement): string {
  return statement.frame.toString('utf8', HEADER_BYTES + 1);
}

/** Where the text of a COM_QUERY is; only of one that fits a packet. */
export function textRange(frame: Buffer): { readonly buffer: Buffer; readonly start: number; readonly end: number } {
  return { buffer: frame, start: HEADER_BYTES + 1, end: frame.length };
}

/** Nothing but white space and semicolons behind the header and the command. */
export function isBlank(frame: Buffer): boolean {
  return /^[\s;]*$/.test(frame.toString('latin1', HEADER_BYTES + 1));
}
