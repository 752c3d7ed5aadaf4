/**
 * libconfig text to tokens: comments, strings with escapes, numbers, and @include. Grammar:
 * https://hyperrealm.github.io/libconfig/libconfig_manual.html#Configuration-File-Grammar
 * It does not read files itself and knows no settings.
 */
import { type ConfigProblem, MARKS, type Mark, type Position, type Token } from './syntax.ts';

/** How deep files may include files; libconfig's own limit. */
export const INCLUDE_DEPTH_MAX = 10;

export interface SourceReader {
  /** The text of a file, or why it cannot be read. */
  readonly read: (path: string) => { readonly text: string } | { readonly error: string };
  /** The path an @include in `from` means. */
  readonly resolve: (from: string, included: string) => string;
}

export interface Lexed {
  /** Ends with one `end` token. */
  readonly tokens: readonly Token[];
  readonly problems: readonly ConfigProblem[];
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};

const NAME = /[A-Za-z*][-A-Za-z0-9_*.]*/y;
const FLOAT = /[-+]?(?:\d+\.\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+)/y;
const HEX = /0[xX]([0-9a-fA-F]+)L{0,2}/y;
const INT = /([-+]?\d+)L{0,2}/y;
const INCLUDE = /@include[ \t]+"((?:[^"\\\n]|\\.)*)"/y;
const WORD_END = /[-A-Za-z0-9_*.]/;
const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

/** Reads a file and what it includes. Goes on after an error, so that all of them are found. */
export function lexFile(path: string, reader: SourceReader): Lexed {
  const tokens: Token[] = [];
  const problems: ConfigProblem[] = [];
  lexSource(path, { file: path, line: 1, column: 1 }, 1, { reader, tokens, problems });
  const last = tokens.at(-1);
  tokens.push({ kind: 'end', at: last?.at ?? { file: path, line: 1, column: 1 } });
  return { tokens, problems };
}

interface Output {
  readonly reader: SourceReader;
  readonly tokens: Token[];
  readonly problems: ConfigProblem[];
}

/** `from` is where the file is named, for the message when it cannot be read. */
function lexSource(path: string, from: Position, depth: number, output: Output): void {
  if (depth > INCLUDE_DEPTH_MAX) {
    output.problems.push({
      ...from,
      message: `@include is nested deeper than ${INCLUDE_DEPTH_MAX}`,
      severity: 'error',
    });
    return;
  }
  const source = output.reader.read(path);
  if ('error' in source) {
    output.problems.push({ ...from, message: `cannot read ${path}: ${source.error}`, severity: 'error' });
    return;
  }
  new Lexer(path, source.text, depth, output).run();
}

class Lexer {
  readonly #path: string;
  readonly #text: string;
  readonly #depth: number;
  readonly #output: Output;
  #offset = 0;
  #line = 1;
  #lineStart = 0;

  constructor(path: string, text: string, depth: number, output: Output) {
    this.#path = path;
    // A byte order mark is no part of the text.
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text;
    this.#depth = depth;
    this.#output = output;
  }

  run(): void {
    for (;;) {
      this.#skipBlanksAndComments();
      if (this.#offset >= this.#text.length) return;
      this.#readToken();
    }
  }

  #readToken(): void {
    const at = this.#position();
    const head = this.#text[this.#offset] ?? '';
    const mark = MARKS.find((candidate) => candidate === head);
    if (mark !== undefined) this.#readMark(mark, at);
    else if (head === '"') this.#readString(at);
    else if (head === '@') this.#readInclude(at);
    else if (!this.#readNumber(at) && !this.#readName(at)) {
      this.#offset += 1;
      this.#problem(at, `unexpected ${JSON.stringify(head)}`);
    }
  }

  #readMark(mark: Mark, at: Position): void {
    this.#offset += 1;
    this.#output.tokens.push({ kind: 'mark', text: mark, at });
  }

  #readName(at: Position): boolean {
    const match = this.#match(NAME);
    if (match === undefined) return false;
    const [text] = match;
    const lower = text.toLowerCase();
    if (lower === 'true' || lower === 'false') this.#output.tokens.push({ kind: 'bool', value: lower === 'true', at });
    else this.#output.tokens.push({ kind: 'name', text, at });
    return true;
  }

  #readNumber(at: Position): boolean {
    const float = this.#match(FLOAT);
    if (float !== undefined) {
      this.#output.tokens.push({ kind: 'float', value: Number(float[0]), at });
      return this.#endOfNumber(at);
    }
    const hex = this.#match(HEX);
    if (hex !== undefined) return this.#int(BigInt(`0x${hex[1]}`), UINT64_MAX, at);
    const int = this.#match(INT);
    if (int !== undefined) return this.#int(BigInt(int[1] ?? '0'), INT64_MAX, at);
    return false;
  }

  #int(value: bigint, max: bigint, at: Position): true {
    if (value > max || value < -INT64_MAX - 1n) this.#problem(at, 'the number does not fit into 64 bits');
    this.#output.tokens.push({ kind: 'int', value: BigInt.asIntN(64, value), at });
    return this.#endOfNumber(at);
  }

  /** `12abc` is no number followed by a name. */
  #endOfNumber(at: Position): true {
    const start = this.#offset;
    while (WORD_END.test(this.#text[this.#offset] ?? '')) this.#offset += 1;
    if (this.#offset > start)
      this.#problem(at, `a number is followed by ${JSON.stringify(this.#text.slice(start, this.#offset))}`);
    return true;
  }

  #readInclude(at: Position): void {
    const lineBefore = this.#text.slice(this.#lineStart, this.#offset);
    const match = this.#match(INCLUDE);
    if (match === undefined || lineBefore.trim() !== '') {
      this.#skipLine();
      this.#problem(at, 'expected @include "file" on a line of its own');
      return;
    }
    const included = (match[1] ?? '').replace(/\\(.)/g, '$1');
    const path = this.#output.reader.resolve(this.#path, included);
    lexSource(path, at, this.#depth + 1, this.#output);
  }

  /** Strings may run over lines. A backslash before any other character stands for itself, as in libconfig. */
  #readString(at: Position): void {
    let value = '';
    let from = ++this.#offset;
    for (;;) {
      const char = this.#text[this.#offset];
      if (char === undefined) {
        this.#problem(at, 'the string that begins here has no end');
        break;
      }
      if (char === '"') {
        value += this.#text.slice(from, this.#offset++);
        break;
      }
      if (char === '\\') {
        value += this.#text.slice(from, this.#offset) + this.#readEscape();
        from = this.#offset;
        continue;
      }
      this.#offset += 1;
      if (char === '\n') this.#newLine();
    }
    this.#output.tokens.push({ kind: 'string', value, at });
  }

  #readEscape(): string {
    const hex = /\\x([0-9a-fA-F]{2})/y;
    const match = this.#match(hex);
    if (match !== undefined) return String.fromCharCode(Number.parseInt(match[1] ?? '0', 16));
    const plain = ESCAPES[this.#text[this.#offset + 1] ?? ''];
    this.#offset += plain === undefined ? 1 : 2;
    return plain ?? '\\';
  }

  #skipBlanksAndComments(): void {
    for (;;) {
      const char = this.#text[this.#offset];
      const next = this.#text[this.#offset + 1];
      if (char === '\n') {
        this.#offset += 1;
        this.#newLine();
      } else if (char === ' ' || char === '\t' || char === '\r' || char === '\f') this.#offset += 1;
      else if (char === '#' || (char === '/' && next === '/')) this.#skipLine();
      else if (char === '/' && next === '*') this.#skipBlockComment();
      else return;
    }
  }

  #skipLine(): void {
    const end = this.#text.indexOf('\n', this.#offset);
    this.#offset = end === -1 ? this.#text.length : end;
  }

  #skipBlockComment(): void {
    const at = this.#position();
    const end = this.#text.indexOf('*/', this.#offset + 2);
    const stop = end === -1 ? this.#text.length : end + 2;
    if (end === -1) this.#problem(at, 'the comment that begins here has no end');
    for (let line = this.#text.indexOf('\n', this.#offset); line !== -1 && line < stop; ) {
      this.#offset = line + 1;
      this.#newLine();
      line = this.#text.indexOf('\n', this.#offset);
    }
    this.#offset = stop;
  }

  /** To be called with the offset just after the line break. */
  #newLine(): void {
    this.#line += 1;
    this.#lineStart = this.#offset;
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#offset;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#offset += match[0].length;
    return match;
  }

  #position(): Position {
    return { file: this.#path, line: this.#line, column: this.#offset - this.#lineStart + 1 };
  }

  #problem(at: Position, message: string): void {
    this.#output.problems.push({ ...at, message, severity: 'error' });
  }
}
