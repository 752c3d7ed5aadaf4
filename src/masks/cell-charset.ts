/**
 * How the bytes of a cell are characters, by the collation of its column definition. Only what a mask needs: to count,
 * take apart and put together. A character set that is not understood has no characters here, and its cells are
 * masked by a constant. Pure.
 */
import { charsetById } from '../protocol/charsets.ts';

/**
 * `bytes`: one byte a character (and anything binary); `utf8`; the wide ones by unit and order; `opaque`: several bytes
 * a character in a way we do not take apart.
 */
export type CellCharset = 'bytes' | 'utf8' | 'utf16be' | 'utf16le' | 'utf32be' | 'opaque';

const WIDE: Readonly<Record<string, CellCharset>> = {
  utf16: 'utf16be',
  ucs2: 'utf16be',
  utf16le: 'utf16le',
  utf32: 'utf32be',
};
const OPAQUE: ReadonlySet<string> = new Set([
  'big5',
  'cp932',
  'eucjpms',
  'euckr',
  'gb18030',
  'gb2312',
  'gbk',
  'sjis',
  'ujis',
  'filename',
]);

/** By the name of a character set, as `SET NAMES` has it. */
export function cellCharsetOf(charset: string): CellCharset {
  const name = charset.toLowerCase();
  if (name === 'utf8' || name === 'utf8mb3' || name === 'utf8mb4') return 'utf8';
  return WIDE[name] ?? (OPAQUE.has(name) ? 'opaque' : 'bytes');
}

/** By a collation id of a column definition. */
export function cellCharsetById(collationId: number): CellCharset {
  const known = charsetById(collationId);
  return known === undefined ? 'opaque' : cellCharsetOf(known.charset);
}

/** Characters of ASCII are single bytes of the same value. */
export function isAsciiCompatible(charset: CellCharset): boolean {
  return charset === 'bytes' || charset === 'utf8' || charset === 'opaque';
}

/** Bytes a character has at most. */
export function bytesPerChar(charset: CellCharset): number {
  return charset === 'bytes' ? 1 : 4;
}

/** The text of a cell; undefined when it cannot be told, or is no text of that character set. */
export function decodeCell(bytes: Buffer, start: number, end: number, charset: CellCharset): string | undefined {
  switch (charset) {
    case 'bytes':
      return bytes.toString('latin1', start, end);
    case 'utf8':
      return bytes.toString('utf8', start, end);
    case 'utf16le':
      return (end - start) % 2 === 0 ? bytes.toString('utf16le', start, end) : undefined;
    case 'utf16be':
      return (end - start) % 2 === 0 ? Buffer.from(bytes.subarray(start, end)).swap16().toString('utf16le') : undefined;
    case 'utf32be':
      return decodeUtf32(bytes, start, end);
    case 'opaque':
      return undefined;
  }
}

function decodeUtf32(bytes: Buffer, start: number, end: number): string | undefined {
  if ((end - start) % 4 !== 0) return undefined;
  let text = '';
  for (let at = start; at < end; at += 4) {
    const code = bytes.readUInt32BE(at);
    if (code > 0x10_ffff) return undefined;
    text += String.fromCodePoint(code);
  }
  return text;
}

/** The bytes of a text; characters beyond ASCII in an `opaque` set become `?`. */
export function encodeCell(text: string, charset: CellCharset): Buffer {
  switch (charset) {
    case 'bytes':
      return Buffer.from(text, 'latin1');
    case 'utf8':
      return Buffer.from(text, 'utf8');
    case 'utf16le':
      return Buffer.from(text, 'utf16le');
    case 'utf16be':
      return Buffer.from(text, 'utf16le').swap16();
    case 'utf32be': {
      const codes = Array.from(text, (char) => char.codePointAt(0) ?? 0);
      const bytes = Buffer.alloc(4 * codes.length);
      codes.forEach((code, index) => {
        bytes.writeUInt32BE(code, 4 * index);
      });
      return bytes;
    }
    case 'opaque':
      return Buffer.from(text.replace(/[^\0-\x7f]/g, '?'), 'latin1');
  }
}
