/**
 * The tokens of a text in compact arrays, with the names and keywords among them on demand, and the text's shape: the key
 * under which a verdict may be remembered. It knows no grammar.
 */
import { fold } from './identifiers.ts';
import { Kind, Lexer, type LexerMode } from './lexer.ts';

/** Larger texts are not judged: a statement that touches nothing protected never gets this far. */
export const JUDGE_TOKENS_MAX = 4_000_000;
/** As {@link JUDGE_TOKENS_MAX}, for names and keywords: literals are cheaper. */
export const JUDGE_WORDS_MAX = 1_000_000;

/** Longer names are no server's: aliases have 256 characters at most. */
export const NAME_BYTES_MAX = 1024;

export class Tokens {
  count = 0;
  ambiguous = false;
  /** More tokens than are looked at. */
  tooMany = false;
  /** Hints for the optimizer, as they are. */
  hints = '';

  readonly mode: LexerMode;
  readonly #text: Buffer;
  #kinds: Uint8Array;
  #starts: Uint32Array;
  #ends: Uint32Array;
  readonly #words: (string | undefined)[] = [];

  constructor(text: Uint8Array, mode: LexerMode) {
    this.#text = Buffer.from(text.buffer, text.byteOffset, text.length);
    this.mode = mode;
    const room = 64 + (text.length >> 2);
    this.#kinds = new Uint8Array(room);
    this.#starts = new Uint32Array(room);
    this.#ends = new Uint32Array(room);
    this.#fill(new Lexer(text, mode));
  }

  #fill(lexer: Lexer): void {
    let words = 0;
    for (;;) {
      const kind = lexer.next();
      if (kind === Kind.END) break;
      if (kind === Kind.WORD || kind === Kind.NAME) words += 1;
      if (this.count === JUDGE_TOKENS_MAX || words > JUDGE_WORDS_MAX) {
        this.tooMany = true;
        break;
      }
      if (this.count === this.#kinds.length) this.#grow();
      this.#kinds[this.count] = kind;
      this.#starts[this.count] = lexer.tokenStart;
      this.#ends[this.count] = lexer.tokenEnd;
      this.count += 1;
    }
    this.ambiguous = lexer.ambiguous;
    for (const { start, end } of lexer.hints) this.hints += `${this.#text.toString('latin1', start, end)}\n`;
  }

  #grow(): void {
    const grown = <T extends Uint8Array | Uint32Array>(old: T, larger: T): T => {
      larger.set(old);
      return larger;
    };
    this.#kinds = grown(this.#kinds, new Uint8Array(this.#kinds.length * 2));
    this.#starts = grown(this.#starts, new Uint32Array(this.#starts.length * 2));
    this.#ends = grown(this.#ends, new Uint32Array(this.#ends.length * 2));
  }

  kind(i: number): number {
    return i >= 0 && i < this.count ? this.#kinds[i]! : Kind.END;
  }

  /** The keyword in capital letters, '' for any other token. */
  upper(i: number): string {
    if (this.kind(i) !== Kind.WORD) return '';
    let word = this.#words[i];
    if (word === undefined) {
      word = this.#text.toString('latin1', this.#starts[i], this.#ends[i]).toUpperCase();
      this.#words[i] = word;
    }
    return word;
  }

  /** Where a token begins and ends in the text, in bytes. */
  start(i: number): number {
    return this.#starts[i]!;
  }

  end(i: number): number {
    return this.#ends[i]!;
  }

  /** Nothing between this token and the next one. */
  adjacent(i: number): boolean {
    return i + 1 < this.count && this.#ends[i] === this.#starts[i + 1];
  }

  /** The identifier that a word or quoted name stands for; undefined when its bytes cannot be decoded. */
  name(i: number): string | undefined {
    const quoted = this.kind(i) === Kind.NAME;
    const start = this.#starts[i]! + (quoted ? 1 : 0);
    const end = this.#ends[i]! - (quoted ? 1 : 0);
    if (end - start > NAME_BYTES_MAX) return undefined;
    const decoded = this.#decode(start, end);
    if (!quoted || decoded === undefined) return decoded;
    const quote = this.#text[start - 1] === 0x60 ? '`' : '"';
    return decoded.includes(quote) ? decoded.replaceAll(quote + quote, quote) : decoded;
  }

  foldedName(i: number): string | undefined {
    const name = this.name(i);
    return name === undefined ? undefined : fold(name);
  }

  /** The bytes of a token as they are, quotes included. */
  bytes(i: number): Buffer {
    return this.#text.subarray(this.#starts[i], this.#ends[i]);
  }

  /** What a string literal stands for; undefined when its bytes cannot be decoded. Prefixes count as part of it. */
  string(i: number): string | undefined {
    const bytes = this.bytes(i);
    const from = bytes[0] === 0x27 || bytes[0] === 0x22 ? 0 : 1;
    const decoded = this.#decode(this.#starts[i]! + from + 1, this.#ends[i]! - 1);
    if (decoded === undefined) return undefined;
    const quote = bytes[from] === 0x27 ? "'" : '"';
    const doubled = new RegExp(this.mode.backslashEscapes ? `\\\\[\\s\\S]|${quote}${quote}` : `${quote}${quote}`, 'g');
    return decoded.replace(doubled, (found) => (found[0] === '\\' ? unescaped(found[1] ?? '') : quote));
  }

  #decode(start: number, end: number): string | undefined {
    for (let i = start; i < end; i += 1) {
      if (this.#text[i]! >= 0x80) return this.mode.reading.decode(this.#text.subarray(start, end));
    }
    return this.#text.toString('latin1', start, end);
  }

  /** The tokens with literals left out: equal for texts that differ in white space, comments and literals only. */
  shape(): string {
    let shape = this.hints;
    for (let i = 0; i < this.count; i += 1) {
      const kind = this.#kinds[i]!;
      const literal = kind === Kind.STRING || kind === Kind.INTEGER || kind === Kind.NUMBER;
      if (literal) shape += `\0${kind}`;
      // A blank where there was none matters only next to a dot or a parenthesis.
      else
        shape += `${this.adjacent(i - 1) ? '\x01' : '\x02'}${this.#text.toString('latin1', this.#starts[i], this.#ends[i])}`;
    }
    return shape;
  }
}

function unescaped(letter: string): string {
  switch (letter) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'b':
      return '\b';
    case '0':
      return '\0';
    case 'Z':
      return '\x1a';
    case '%':
    case '_':
      return `\\${letter}`;
    default:
      return letter;
  }
}
