/**
 * The cheap test: does a text name anything that leads to protected columns, or begin a statement that has to be looked
 * at anyway? One pass over the bytes, no names made for words that cannot be one of them.
 */
import { fold } from './identifiers.ts';
import { Kind, Lexer, type LexerMode, SEMICOLON } from './lexer.ts';
import type { SqlMode } from './sql-mode.ts';
import { SYSTEM_WORDS } from './system-objects.ts';
import { OPEN } from './token-cursor.ts';
import { NAME_BYTES_MAX } from './tokens.ts';

/** Statements that touch nothing protected as long as they name nothing that leads there. */
const PLAIN_STATEMENTS = words(
  'SELECT INSERT REPLACE UPDATE DELETE WITH VALUES COMMIT ROLLBACK START SAVEPOINT USE DO',
);

/** In a text that may be read in several ways these count as names. */
const SUSPECT_WORDS = words(`
  PREPARE EXECUTE CALL HANDLER LOAD LOAD_FILE PROCESSLIST PROFILES BINLOG RELAYLOG ENGINE EXPLAIN ANALYZE STATUS
  PROCEDURE FUNCTION TRIGGER EVENT CHECKSUM
`);

/** Names beyond ASCII that are looked at in one text; one with more is judged, whatever they are. */
export const DECODED_NAMES_MAX = 20_000;

export class TokenTest {
  readonly #names: ReadonlySet<string>;
  /** Which lengths begin with which letter (its low five bits): most words are told apart by that. */
  readonly #outlines = new Uint8Array(256 * 32);
  readonly #anyNonAscii: boolean;
  /** Names beyond ASCII met so far in the text under way. */
  #decoded = 0;

  constructor(names: ReadonlySet<string>) {
    this.#names = new Set([...names, ...SYSTEM_WORDS.map(fold)]);
    for (const name of this.#names) this.#outlines[outline(name.charCodeAt(0), name.length)] = 1;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII is meant.
    this.#anyNonAscii = [...names].some((name) => !/^[\x00-\x7f]*$/.test(name));
  }

  /** `clear`: passes; `hot`: has to be judged; `ambiguous`: see `mayTouch`. */
  run(text: Uint8Array, mode: LexerMode, sqlMode: SqlMode): 'clear' | 'hot' | 'ambiguous' {
    if (sqlMode.uncertain !== 'no') {
      const quotes = text.includes(0x22) || text.includes(0x5c);
      if (sqlMode.uncertain === 'everything' || quotes) return 'ambiguous';
    }
    const lexer = new Lexer(text, mode);
    let hot = false;
    let begins = true;
    this.#decoded = 0;
    for (;;) {
      const kind = lexer.next();
      if (kind === Kind.END) break;
      if (kind === SEMICOLON) {
        begins = true;
        continue;
      }
      if (begins) {
        begins = kind === OPEN;
        if (kind !== OPEN && !isWordOf(PLAIN_STATEMENTS, text, lexer, kind)) hot = true;
      }
      if (!hot && (kind === Kind.WORD || kind === Kind.NAME)) hot = this.#isName(text, lexer, kind, mode);
    }
    if (lexer.ambiguous) return 'ambiguous';
    return hot ? 'hot' : 'clear';
  }

  #isName(text: Uint8Array, lexer: Lexer, kind: number, mode: LexerMode): boolean {
    const start = kind === Kind.NAME ? lexer.tokenStart + 1 : lexer.tokenStart;
    const end = kind === Kind.NAME ? lexer.tokenEnd - 1 : lexer.tokenEnd;
    if (isAscii(text, start, end)) {
      if (this.#outlines[outline(text[start]!, end - start)] === 0) return false;
      return this.#names.has(asciiLower(text, start, end));
    }
    this.#decoded += 1;
    if (this.#decoded > DECODED_NAMES_MAX || end - start > NAME_BYTES_MAX) return true;
    const decoded = mode.reading.decode(text.subarray(start, end));
    return decoded === undefined || this.#names.has(fold(decoded));
  }

  /** Whether any run of letters, wherever it stands, is one of the names; for texts whose tokens are not certain. */
  mayTouch(text: Uint8Array): boolean {
    if (this.#anyNonAscii) return true;
    const runs =
      Buffer.from(text)
        .toString('latin1')
        .toLowerCase()
        .match(/[\w$]+/g) ?? [];
    return runs.some((run) => this.#names.has(run) || SUSPECT_WORDS.has(run.toUpperCase()));
  }
}

function outline(first: number, length: number): number {
  return Math.min(length, 255) * 32 + (first & 31);
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

function isWordOf(set: ReadonlySet<string>, text: Uint8Array, lexer: Lexer, kind: number): boolean {
  if (kind !== Kind.WORD) return false;
  if (isSelect(text, lexer.tokenStart, lexer.tokenEnd)) return set.has(SELECT);
  return set.has(asciiLower(text, lexer.tokenStart, lexer.tokenEnd).toUpperCase());
}

const SELECT = 'SELECT';

/** Most statements begin with it: told without making a name. */
function isSelect(text: Uint8Array, start: number, end: number): boolean {
  if (end - start !== SELECT.length) return false;
  for (let i = 0; i < SELECT.length; i += 1) if ((text[start + i]! & 0xdf) !== SELECT.charCodeAt(i)) return false;
  return true;
}

function isAscii(text: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i += 1) if (text[i]! >= 0x80) return false;
  return true;
}

function asciiLower(text: Uint8Array, start: number, end: number): string {
  let word = '';
  for (let i = start; i < end; i += 1) word += String.fromCharCode(text[i]!);
  return word.toLowerCase();
}
