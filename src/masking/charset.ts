/**
 * What a statement's character set means for reading it: how many bytes a character has where a trailing byte may look
 * like ASCII, and how names are decoded. It looks for no tokens.
 */
import { isUtf8 } from 'node:buffer';

/** How the bytes of one character set are read. */
export interface TextReading {
  /** Bytes of the character at text[at]; undefined: no byte of a multi-byte character is below 128. */
  readonly characterLength: ((text: Uint8Array, at: number, end: number) => number) | undefined;
  /** One byte a character: some bytes above 127 are white space or no letters. */
  readonly singleByte: boolean;
  /** A name with bytes above 127; undefined when it cannot be decoded. */
  readonly decode: (bytes: Uint8Array) => string | undefined;
  /** The other way round; undefined where that is not certain: a name beyond ASCII in most character sets. */
  readonly encode: (text: string) => Buffer | undefined;
}

/** Of the character sets in which every byte below 128 that begins a character is ASCII; label of the decoder or ''. */
const SINGLE_BYTE: Readonly<Record<string, string>> = {
  latin1: 'windows-1252',
  latin2: 'iso-8859-2',
  latin5: 'windows-1254',
  latin7: 'iso-8859-13',
  ascii: '',
  binary: '',
  cp850: '',
  cp852: '',
  cp866: 'ibm866',
  cp1250: 'windows-1250',
  cp1251: 'windows-1251',
  cp1256: 'windows-1256',
  cp1257: 'windows-1257',
  koi8r: 'koi8-r',
  koi8u: 'koi8-u',
  greek: 'iso-8859-7',
  hebrew: 'iso-8859-8',
  tis620: 'windows-874',
  macroman: 'macintosh',
  macce: '',
  dec8: '',
  hp8: '',
  keybcs2: '',
  geostd8: '',
  armscii8: '',
};

/** Lengths as the servers' own functions give them: a lead byte without its trail is a character of its own. */
const MULTI_BYTE: Readonly<Record<string, { decoder: string; length: TextReading['characterLength'] }>> = {
  utf8: { decoder: 'utf-8', length: undefined },
  utf8mb3: { decoder: 'utf-8', length: undefined },
  utf8mb4: { decoder: 'utf-8', length: undefined },
  gb2312: { decoder: 'gbk', length: undefined },
  ujis: { decoder: 'euc-jp', length: undefined },
  eucjpms: { decoder: 'euc-jp', length: undefined },
  euckr: {
    decoder: 'euc-kr',
    length: pairs(
      [[0x81, 0xfe]],
      [
        [0x41, 0x5a],
        [0x61, 0x7a],
        [0x81, 0xfe],
      ],
    ),
  },
  gbk: {
    decoder: 'gbk',
    length: pairs(
      [[0x81, 0xfe]],
      [
        [0x40, 0x7e],
        [0x80, 0xfe],
      ],
    ),
  },
  big5: {
    decoder: 'big5',
    length: pairs(
      [[0xa1, 0xf9]],
      [
        [0x40, 0x7e],
        [0xa1, 0xfe],
      ],
    ),
  },
  sjis: {
    decoder: 'shift_jis',
    length: pairs(
      [
        [0x81, 0x9f],
        [0xe0, 0xfc],
      ],
      [
        [0x40, 0x7e],
        [0x80, 0xfc],
      ],
    ),
  },
  cp932: {
    decoder: 'shift_jis',
    length: pairs(
      [
        [0x81, 0x9f],
        [0xe0, 0xfc],
      ],
      [
        [0x40, 0x7e],
        [0x80, 0xfc],
      ],
    ),
  },
  gb18030: { decoder: 'gb18030', length: gb18030Length },
};

const readings = new Map<string, TextReading>();

/** Undefined for a character set in which ASCII is not what it seems (swe7, filename, utf16), or an unknown one. */
export function readingOf(charset: string): TextReading | undefined {
  const name = charset.toLowerCase();
  const known = readings.get(name);
  if (known !== undefined) return known;
  const multi = Object.hasOwn(MULTI_BYTE, name) ? MULTI_BYTE[name] : undefined;
  const single = Object.hasOwn(SINGLE_BYTE, name) ? SINGLE_BYTE[name] : undefined;
  if (multi === undefined && single === undefined) return undefined;
  const reading = {
    characterLength: multi?.length,
    singleByte: multi === undefined,
    decode: decoderOf(multi?.decoder ?? single ?? ''),
    encode: encoderOf(multi?.decoder ?? single ?? ''),
  };
  readings.set(name, reading);
  return reading;
}

function decoderOf(label: string): TextReading['decode'] {
  if (label === '') return () => undefined;
  const decoder = new TextDecoder(label, { fatal: true });
  return (bytes) => {
    if (label === 'utf-8' && !isUtf8(bytes)) return undefined;
    try {
      return decoder.decode(bytes);
    } catch {
      return undefined;
    }
  };
}

/** Letters beyond ASCII only where every decoder means the same by them: UTF-8 and the upper half of latin1. */
function encoderOf(label: string): TextReading['encode'] {
  if (label === 'utf-8') return (text) => Buffer.from(text);
  const highest = label === 'windows-1252' ? 0xff : 0x7f;
  return (text) => {
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > highest || (code >= 0x80 && code < 0xa0)) return undefined;
    }
    return Buffer.from(text, 'latin1');
  };
}

type Ranges = readonly (readonly [from: number, to: number])[];

function pairs(leads: Ranges, trails: Ranges): (text: Uint8Array, at: number, end: number) => number {
  const isLead = table(leads);
  const isTrail = table(trails);
  return (text, at, end) => (isLead[text[at]!] === 1 && at + 1 < end && isTrail[text[at + 1]!] === 1 ? 2 : 1);
}

function table(ranges: Ranges): Uint8Array {
  const marks = new Uint8Array(256);
  for (const [from, to] of ranges) marks.fill(1, from, to + 1);
  return marks;
}

function gb18030Length(text: Uint8Array, at: number, end: number): number {
  const isLead = (i: number): boolean => i < end && text[i]! >= 0x81 && text[i]! <= 0xfe;
  if (!isLead(at) || at + 1 >= end) return 1;
  const second = text[at + 1]!;
  if ((second >= 0x40 && second <= 0x7e) || (second >= 0x80 && second <= 0xfe)) return 2;
  const isDigit = (i: number): boolean => i < end && text[i]! >= 0x30 && text[i]! <= 0x39;
  return isDigit(at + 1) && isLead(at + 2) && isDigit(at + 3) ? 4 : 1;
}
