/**
 * What a client sent in its own character set, in Unicode, as the proxy keeps names of schemas. Pure.
 */
import { isAscii } from 'node:buffer';
import type { MirroredState } from '../backend/mirrored-state.ts';
import { readingOf } from '../masking/charset.ts';
import { errors, type ProtocolError } from '../protocol/errors.ts';

const SHOWN_BYTES_MAX = 64;

/** The character set in which servers read what the session sends; utf8mb4 as long as nothing is known. */
export function clientCharset({ names, variables }: MirroredState): string {
  const own = variables.get('character_set_client')?.replace(/^(['"])(.*)\1$/s, '$2');
  return (own ?? names?.charset ?? 'utf8mb4').toLowerCase();
}

/** Undefined when the bytes are none of the session's character set, or it is one whose characters we do not know. */
export function decodeText(buffer: Buffer, start: number, end: number, state: MirroredState): string | undefined {
  const bytes = buffer.subarray(start, end);
  if (isAscii(bytes)) return bytes.toString('latin1');
  const charset = clientCharset(state);
  // Servers convert nothing then, and names are UTF-8 to them.
  return readingOf(charset === 'binary' ? 'utf8mb4' : charset)?.decode(bytes);
}

/** What a server says of such bytes: the first ones, those beyond ASCII in hexadecimal. */
export function notDecoded(buffer: Buffer, start: number, end: number, state: MirroredState): ProtocolError {
  let shown = '';
  for (const byte of buffer.subarray(start, Math.min(end, start + SHOWN_BYTES_MAX)))
    shown += byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16).toUpperCase()}`;
  return errors.invalidCharacterString(clientCharset(state), shown);
}
