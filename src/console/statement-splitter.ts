/**
 * Cuts text into statements the way the mysql client does: at `;`, `\g` and `\G`, never inside quotes or comments.
 * It does not know what a statement means; quotes follow SQLite, where a backslash is an ordinary character.
 */

export interface SplitStatement {
  /** Without its terminator and without `--` and `#` comments. */
  readonly text: string;
  /** It ended with `\G`: show one column a line. */
  readonly vertical: boolean;
  /** Line on which it begins, from 1. */
  readonly line: number;
}

/** What the text so far leaves open: nothing, a statement, a quote or a comment. */
export type OpenEnd = 'nothing' | 'statement' | "'" | '"' | '`' | '/*';

/** Where something other than plain statement text may begin. */
const SPECIAL = /[;\\#\-/'"`]/g;

export class StatementSplitter {
  #text = '';
  /** The text holds more than white space. */
  #begun = false;
  #line = 1;
  #beginLine = 1;
  #open: "'" | '"' | '`' | '/*' | undefined;

  get openEnd(): OpenEnd {
    return this.#open ?? (this.#begun ? 'statement' : 'nothing');
  }

  /** Forgets the unfinished statement. */
  clear(): void {
    this.#text = '';
    this.#begun = false;
    this.#open = undefined;
  }

  /** Takes more text, which must end at the end of a line, and returns the statements that are complete now. */
  push(chunk: string): SplitStatement[] {
    const complete: SplitStatement[] = [];
    let position = 0;
    while (position < chunk.length) {
      position = this.#open === undefined ? this.#plain(chunk, position, complete) : this.#quoted(chunk, position);
    }
    return complete;
  }

  /** The end of the text: what is left is a statement too. */
  end(): SplitStatement[] {
    const rest: SplitStatement[] = [];
    this.#finish(false, rest);
    return rest;
  }

  /** One step outside quotes and comments; returns where to go on. */
  #plain(chunk: string, from: number, complete: SplitStatement[]): number {
    SPECIAL.lastIndex = from;
    const at = SPECIAL.exec(chunk)?.index ?? chunk.length;
    if (at > from) return this.#take(chunk, from, at - from);
    const char = chunk[at];
    const next = chunk[at + 1];
    if (char === ';') return this.#finish(false, complete, at + 1);
    if (char === '\\' && (next === 'g' || next === 'G')) return this.#finish(next === 'G', complete, at + 2);
    if (char === '\\' && next === 'c') {
      this.clear();
      return at + 2;
    }
    if (char === '#' || (char === '-' && next === '-' && /^\s?$/.test(chunk[at + 2] ?? ''))) return lineEnd(chunk, at);
    if (char === '/' && next === '*') {
      this.#open = '/*';
      return this.#take(chunk, at, 2);
    }
    if (char === "'" || char === '"' || char === '`') this.#open = char;
    return this.#take(chunk, at, 1);
  }

  /** Up to the end of the quote or comment, or of the chunk. A doubled quote closes and opens again, which is the same. */
  #quoted(chunk: string, at: number): number {
    const terminator = this.#open === '/*' ? '*/' : (this.#open ?? '');
    const end = chunk.indexOf(terminator, at);
    if (end < 0) return this.#take(chunk, at, chunk.length - at);
    this.#open = undefined;
    return this.#take(chunk, at, end + terminator.length - at);
  }

  #take(chunk: string, at: number, length: number): number {
    const piece = chunk.slice(at, at + length);
    const leading = this.#begun ? 0 : piece.search(/\S/);
    if (!this.#begun && leading >= 0) {
      this.#begun = true;
      this.#beginLine = this.#line + countLines(piece.slice(0, leading));
    }
    this.#line += countLines(piece);
    this.#text += piece;
    return at + length;
  }

  #finish(vertical: boolean, complete: SplitStatement[], position = 0): number {
    const text = this.#text.trim();
    if (this.#begun) complete.push({ text, vertical, line: this.#beginLine });
    this.clear();
    return position;
  }
}

function countLines(text: string): number {
  return text.split('\n').length - 1;
}

function lineEnd(chunk: string, at: number): number {
  const end = chunk.indexOf('\n', at);
  return end < 0 ? chunk.length : end;
}

/** All statements of a complete text. */
export function splitStatements(text: string): SplitStatement[] {
  const splitter = new StatementSplitter();
  return [...splitter.push(text), ...splitter.end()];
}
