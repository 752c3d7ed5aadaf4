/**
 * Pattern text to tree, for PCRE 8 (as ProxySQL links it, without UTF and with default tables) and for RE2.
 * It decides what a pattern means; emit.ts and program.ts decide how it runs.
 */
import { regexNestingMax } from '../limits.ts';
import { EMPTY, lengthOf, type Node, type ParsedPattern, PatternError, type RepeatMode } from './ast.ts';
import { ANY_BYTE, type ByteSet, byteSet, NOT_NEWLINE, singleByte, WORD_BYTES } from './byte-set.ts';
import { readClass, readUtf8 } from './parse-class.ts';
import { type Cursor, type Dialect, readEscape } from './parse-escape.ts';

interface Flags {
  caseless: boolean;
  dotAll: boolean;
  multiline: boolean;
  extended: boolean;
  ungreedy: boolean;
}

const FLAG_LETTERS: ReadonlyMap<string, keyof Flags> = new Map([
  ['i', 'caseless'],
  ['s', 'dotAll'],
  ['m', 'multiline'],
  ['x', 'extended'],
  ['U', 'ungreedy'],
]);

const REPEAT_MAX: Readonly<Record<Dialect, number>> = { pcre: 65_535, re2: 1_000 };

/** Parses `source` (one character per byte); throws PatternError with reason and offset. */
export function parsePattern(source: string, dialect: Dialect, caseless: boolean): ParsedPattern {
  return new Parser(source, dialect, caseless).parse();
}

class Parser implements Cursor {
  readonly source: string;
  at = 0;
  readonly #dialect: Dialect;
  readonly #names = new Map<string, number>();
  /** Backreferences, checked when all groups are known: [group number or name, offset]. */
  readonly #references: (readonly [number | string, number])[] = [];
  /** Groups whose inside is being read. */
  readonly #open = new Set<number>();
  #flags: Flags;
  #groups = 0;
  #depth = 0;
  #quoting = false;

  constructor(source: string, dialect: Dialect, caseless: boolean) {
    this.source = source;
    this.#dialect = dialect;
    this.#flags = { caseless, dotAll: false, multiline: false, extended: false, ungreedy: false };
  }

  parse(): ParsedPattern {
    const root = this.#alternation(false);
    if (this.at < this.source.length) throw new PatternError('unmatched )', this.at);
    for (const [to, offset] of this.#references) this.#groupNumber(to, offset);
    return { root: this.#resolveNames(root), groups: this.#groups };
  }

  /** Branches up to `)` or the end. With `reset`, every branch numbers its groups from the same number: `(?|`. */
  #alternation(reset: boolean): Node {
    const first = this.#groups;
    let highest = first;
    const branches: Node[] = [];
    for (;;) {
      branches.push(this.#sequence());
      highest = Math.max(highest, this.#groups);
      if (this.source[this.at] !== '|') break;
      this.at += 1;
      if (reset) this.#groups = first;
    }
    this.#groups = highest;
    return branches.length === 1 ? (branches[0] ?? EMPTY) : { kind: 'alternation', branches };
  }

  #sequence(): Node {
    const items: Node[] = [];
    for (;;) {
      this.#skipIgnored();
      const char = this.source[this.at];
      if (char === undefined) break;
      if (!this.#quoting && (char === '|' || char === ')')) break;
      const atom = this.#quoting ? this.#literal() : this.#atom(char);
      this.#skipIgnored();
      const quantified = this.#quantified(atom, char === '(');
      if (quantified !== undefined) items.push(quantified);
    }
    return items.length === 1 ? (items[0] ?? EMPTY) : { kind: 'sequence', items };
  }

  /** Steps over `\Q` and `\E`, comments, and white space in (?x). */
  #skipIgnored(): void {
    for (;;) {
      const rest = this.source.slice(this.at, this.at + 3);
      if (rest.startsWith('\\E') && this.#dialect === 'pcre') {
        this.#quoting = false;
        this.at += 2;
      } else if (rest.startsWith('\\E') && this.#quoting) {
        this.#quoting = false;
        this.at += 2;
      } else if (this.#quoting) return;
      else if (rest.startsWith('\\Q')) {
        this.#quoting = true;
        this.at += 2;
      } else if (rest === '(?#' && this.#dialect === 'pcre') {
        const end = this.source.indexOf(')', this.at);
        if (end < 0) throw new PatternError('missing ) of the comment', this.at);
        this.at = end + 1;
      } else if (this.#flags.extended && /^[\t-\r ]/.test(rest)) this.at += 1;
      else if (this.#flags.extended && rest.startsWith('#')) {
        const end = this.source.indexOf('\n', this.at);
        this.at = end < 0 ? this.source.length : end + 1;
      } else return;
    }
  }

  /** One atom; undefined for an option setting such as `(?i)`, which leaves nothing to repeat. */
  #atom(char: string): Node | undefined {
    const { multiline, dotAll } = this.#flags;
    const pcre = this.#dialect === 'pcre';
    switch (char) {
      case '(':
        return this.#group();
      case '[':
        return this.#class();
      case '\\':
        return this.#escape();
      case '.':
        this.at += 1;
        if (!pcre) return anyCharacter(dotAll ? ASCII : ASCII_NOT_NEWLINE);
        return { kind: 'set', set: dotAll ? ANY_BYTE : NOT_NEWLINE };
      case '^':
        this.at += 1;
        return { kind: 'assert', assert: multiline ? (pcre ? 'line-start' : 'after-newline') : 'start' };
      case '$':
        this.at += 1;
        return { kind: 'assert', assert: multiline ? 'line-end' : pcre ? 'end-or-final-newline' : 'end' };
      case '*':
      case '+':
      case '?':
        throw new PatternError('nothing to repeat', this.at);
      case '{':
        if (this.#boundsAhead() !== undefined) throw new PatternError('nothing to repeat', this.at);
    }
    return this.#literal();
  }

  #literal(): Node {
    const char = this.source[this.at] ?? '';
    if (this.#dialect === 're2' && char >= '\x80') return this.#wideLiteral(readUtf8(this));
    this.at += 1;
    return this.#byte(char.charCodeAt(0));
  }

  #byte(byte: number): Node {
    return { kind: 'set', set: singleByte(byte, this.#flags.caseless) };
  }

  /** RE2: a character outside ASCII is one atom of several bytes, and has a case. */
  #wideLiteral(bytes: string): Node {
    const character = Buffer.from(bytes, 'latin1').toString('utf8');
    const variants = new Set([character]);
    if (this.#flags.caseless) for (const v of [character.toLowerCase(), character.toUpperCase()]) variants.add(v);
    const single = [...variants].filter((variant) => [...variant].length === 1);
    return alternatives(single.map((variant) => bytesOf(Buffer.from(variant, 'utf8').toString('latin1'))));
  }

  #class(): Node {
    const word = /^\[\[:[<>]:\]\]/.exec(this.source.slice(this.at));
    if (word !== null && this.#dialect === 'pcre') {
      this.at += word[0].length;
      const body: Node = { kind: 'set', set: WORD_BYTES };
      const look: Node = { kind: 'look', ahead: word[0].includes('<'), negated: false, body };
      return { kind: 'sequence', items: [{ kind: 'assert', assert: 'word-boundary' }, look] };
    }
    const parsed = readClass(this, this.#dialect, this.#flags.caseless);
    if (this.#dialect === 'pcre') return { kind: 'set', set: parsed.set };
    const ascii = parsed.set.slice();
    ascii.fill(0, 0x80);
    // \W and its like in a RE2 class also mean every character outside ASCII
    if (parsed.negated || parsed.set.subarray(0x80).includes(1)) return anyCharacter(ascii);
    const wide = parsed.wide.map((bytes) => this.#wideLiteral(bytes));
    return alternatives([{ kind: 'set', set: ascii }, ...wide]);
  }

  #escape(): Node {
    const start = this.at;
    const meaning = readEscape(this, this.#dialect, false, this.#groups);
    switch (meaning.kind) {
      case 'byte':
        return this.#byte(meaning.byte);
      case 'set': {
        if (this.#dialect === 'pcre' || meaning.set[0x80] === 0 || this.source[start + 1] === 'C') {
          return { kind: 'set', set: meaning.set };
        }
        const ascii = meaning.set.slice();
        ascii.fill(0, 0x80);
        return anyCharacter(ascii);
      }
      case 'assert':
        return { kind: 'assert', assert: meaning.assert };
      case 'keep':
        return { kind: 'keep' };
      case 'newline-sequence':
        return { kind: 'atomic', body: NEWLINE_SEQUENCE };
      case 'backreference': {
        const to = meaning.relative ? this.#groups + 1 + Number(meaning.to) : meaning.to;
        return this.#backreference(to, start);
      }
    }
  }

  #backreference(to: number | string, offset: number): Node {
    if (this.#open.has(typeof to === 'number' ? to : (this.#names.get(to) ?? 0))) {
      throw new PatternError('a group that refers to itself is not supported', offset);
    }
    this.#references.push([to, offset]);
    const index = typeof to === 'number' ? to : -this.#references.length;
    return { kind: 'backreference', index, caseless: this.#flags.caseless };
  }

  #groupNumber(to: number | string, offset: number): number {
    const number = typeof to === 'number' ? to : (this.#names.get(to) ?? 0);
    if (number < 1 || number > this.#groups) throw new PatternError(`reference to a group that is not there`, offset);
    return number;
  }

  /** Names may be used before they are given: such references carry -(position in #references). */
  #resolveNames(node: Node): Node {
    switch (node.kind) {
      case 'backreference': {
        const reference = node.index < 0 ? this.#references[-node.index - 1] : undefined;
        return reference === undefined ? node : { ...node, index: this.#groupNumber(...reference) };
      }
      case 'sequence':
        return { ...node, items: node.items.map((item) => this.#resolveNames(item)) };
      case 'alternation':
        return { ...node, branches: node.branches.map((branch) => this.#resolveNames(branch)) };
      case 'repeat':
      case 'group':
      case 'atomic':
      case 'look':
        return { ...node, body: this.#resolveNames(node.body) };
      default:
        return node;
    }
  }

  // Groups ------------------------------------------------------------------------------------------------------

  #group(): Node | undefined {
    const start = this.at;
    this.#depth += 1;
    if (this.#depth > regexNestingMax) throw new PatternError('parentheses too deep', start);
    const outer = this.#flags;
    this.#flags = { ...outer };
    const node = this.#groupBody(start, outer);
    if (node !== undefined) this.#flags = outer;
    this.#depth -= 1;
    return node;
  }

  #groupBody(start: number, outer: Flags): Node | undefined {
    const rest = this.source.slice(start + 1, start + 4);
    if (/^\*[A-Za-z:]/.test(rest)) throw new PatternError('(*VERBS) are not supported', start);
    if (!rest.startsWith('?')) return this.#capture(start, 1, undefined);
    const named = /^\(\?(?:P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')/.exec(this.source.slice(start));
    if (named !== null && (this.#dialect === 'pcre' || named[0].startsWith('(?P'))) {
      return this.#capture(start, named[0].length, named[1] ?? named[2]);
    }
    if (this.#dialect === 'pcre') {
      const node = this.#pcreGroup(start, rest);
      if (node !== undefined) return node;
    } else if (/^\?(?:[=!>|#(&R'<]|P[=>])/.test(rest)) {
      throw new PatternError(`(${rest.slice(0, 2)} is not supported by RE2`, start);
    }
    return this.#options(start, outer);
  }

  #pcreGroup(start: number, rest: string): Node | undefined {
    if (rest.startsWith('?|')) return this.#close(start, 3, () => this.#alternation(true));
    if (rest.startsWith('?>')) {
      return { kind: 'atomic', body: this.#close(start, 3, () => this.#alternation(false)) };
    }
    const look = /^\?(<?)([=!])/.exec(rest);
    if (look !== null) return this.#look(start, look[1] === '', look[2] === '!');
    const reference = /^\(\?P=(\w+)\)/.exec(this.source.slice(start));
    if (reference !== null) {
      this.at = start + reference[0].length;
      return this.#backreference(reference[1] ?? '', start);
    }
    if (rest.startsWith('?(')) throw new PatternError('conditional groups are not supported', start);
    if (/^\?(?:R|&|P>|[+-]?\d)/.test(rest)) throw new PatternError('recursion is not supported', start);
    if (rest.startsWith('?C')) throw new PatternError('callouts are not supported', start);
    return undefined;
  }

  #capture(start: number, prefix: number, name: string | undefined): Node {
    this.#groups += 1;
    const index = this.#groups;
    if (name !== undefined) {
      if (this.#names.has(name)) throw new PatternError(`two groups are called ${name}`, start);
      this.#names.set(name, index);
    }
    this.#open.add(index);
    const body = this.#close(start, prefix, () => this.#alternation(false));
    this.#open.delete(index);
    return { kind: 'group', index, body };
  }

  /** Steps over the group's opening, reads its inside, and wants its closing parenthesis. */
  #close(start: number, prefix: number, inside: () => Node): Node {
    this.at = start + prefix;
    const body = inside();
    if (this.source[this.at] !== ')') throw new PatternError('missing )', start);
    this.at += 1;
    return body;
  }

  #look(start: number, ahead: boolean, negated: boolean): Node {
    const body = this.#close(start, ahead ? 3 : 4, () => this.#alternation(false));
    if (!ahead) {
      for (const branch of body.kind === 'alternation' ? body.branches : [body]) {
        const { min, max } = lengthOf(branch);
        if (min !== max) throw new PatternError('lookbehind is not of fixed length', start);
      }
    }
    return { kind: 'look', ahead, negated, body };
  }

  /** `(?i)`, `(?i-s:…)`, `(?:…)`. */
  #options(start: number, outer: Flags): Node | undefined {
    const match = /^\(\?([A-Za-z]*)(?:-([A-Za-z]*))?([:)])/.exec(this.source.slice(start));
    if (match === null) throw new PatternError('unknown group (?', start);
    this.#setFlags(match[1] ?? '', true, start);
    this.#setFlags(match[2] ?? '', false, start);
    if (match[3] === ':') return this.#close(start, match[0].length, () => this.#alternation(false));
    this.at = start + match[0].length;
    Object.assign(outer, this.#flags);
    this.#flags = outer;
    return undefined;
  }

  #setFlags(letters: string, value: boolean, start: number): void {
    for (const letter of letters) {
      const flag = FLAG_LETTERS.get(letter);
      // (?J) allows names twice, which is refused when it happens; (?X) only makes PCRE refuse more
      if (flag === undefined && this.#dialect === 'pcre' && 'JX'.includes(letter)) continue;
      if (flag === undefined || (flag === 'extended' && this.#dialect === 're2')) {
        throw new PatternError(`unknown option (?${letter})`, start);
      }
      this.#flags[flag] = value;
    }
  }

  // Quantifiers -------------------------------------------------------------------------------------------------

  #boundsAhead(): { readonly min: number; readonly max: number; readonly length: number } | undefined {
    const match = /^\{(\d+)(,(\d*))?\}/.exec(this.source.slice(this.at));
    if (match === null) return undefined;
    const min = Number(match[1]);
    const max = match[2] === undefined ? min : match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3]);
    const limit = REPEAT_MAX[this.#dialect];
    if (min > limit || (max > limit && max !== Number.POSITIVE_INFINITY)) {
      throw new PatternError('number too big in {}', this.at);
    }
    if (max < min) throw new PatternError('numbers out of order in {}', this.at);
    return { min, max, length: match[0].length };
  }

  #quantified(atom: Node | undefined, grouped: boolean): Node | undefined {
    if (this.#quoting) return atom;
    const char = this.source[this.at];
    const bounds =
      char === '*'
        ? { min: 0, max: Number.POSITIVE_INFINITY, length: 1 }
        : char === '+'
          ? { min: 1, max: Number.POSITIVE_INFINITY, length: 1 }
          : char === '?'
            ? { min: 0, max: 1, length: 1 }
            : char === '{'
              ? this.#boundsAhead()
              : undefined;
    if (bounds === undefined) return atom;
    const assertion = !grouped && (atom?.kind === 'assert' || atom?.kind === 'keep');
    if (atom === undefined || (assertion && this.#dialect === 'pcre')) {
      throw new PatternError('nothing to repeat', this.at);
    }
    this.at += bounds.length;
    const mode = this.#repeatMode();
    const { min, max } = bounds;
    // repeating an assertion changes nothing: PCRE takes it zero times or once
    if (atom.kind === 'look') return min === 0 ? repeat(atom, 0, 1, mode) : atom;
    if (min === 1 && max === 1) return mode === 'possessive' ? { kind: 'atomic', body: atom } : atom;
    return repeat(atom, min, max, mode);
  }

  #repeatMode(): RepeatMode {
    const suffix = this.source[this.at];
    if (suffix === '+' && this.#dialect === 'pcre') {
      this.at += 1;
      return 'possessive';
    }
    const lazy = suffix === '?';
    if (lazy) this.at += 1;
    const next = this.source[this.at];
    if (this.#dialect === 're2' && (next === '*' || next === '+' || next === '?')) {
      throw new PatternError('two quantifiers in a row', this.at);
    }
    return lazy !== this.#flags.ungreedy ? 'lazy' : 'greedy';
  }
}

function repeat(body: Node, min: number, max: number, mode: RepeatMode): Node {
  return { kind: 'repeat', body, min, max, mode };
}

// RE2 characters ------------------------------------------------------------------------------------------------

const ASCII = byteSet(0, 0x7f);
const ASCII_NOT_NEWLINE = byteSet(0, 0x09, 0x0b, 0x7f);
const range = (from: number, to: number): Node => ({ kind: 'set', set: byteSet(from, to) });
const CONTINUATION = range(0x80, 0xbf);

/** Every UTF-8 character above ASCII, as RE2 sees text. */
const WIDE_CHARACTER: readonly Node[] = [
  [range(0xc2, 0xdf), CONTINUATION],
  [range(0xe0, 0xe0), range(0xa0, 0xbf), CONTINUATION],
  [range(0xe1, 0xef), CONTINUATION, CONTINUATION],
  [range(0xf0, 0xf0), range(0x90, 0xbf), CONTINUATION, CONTINUATION],
  [range(0xf1, 0xf3), CONTINUATION, CONTINUATION, CONTINUATION],
  [range(0xf4, 0xf4), range(0x80, 0x8f), CONTINUATION, CONTINUATION],
].map((items) => ({ kind: 'sequence', items }));

function anyCharacter(ascii: ByteSet): Node {
  return { kind: 'alternation', branches: [{ kind: 'set', set: ascii }, ...WIDE_CHARACTER] };
}

function alternatives(branches: readonly Node[]): Node {
  return branches.length === 1 ? (branches[0] ?? EMPTY) : { kind: 'alternation', branches };
}

function bytesOf(text: string): Node {
  return { kind: 'sequence', items: [...text].map((char) => range(char.charCodeAt(0), char.charCodeAt(0))) };
}

/** `\R` outside UTF mode; the caller makes it atomic. */
const NEWLINE_SEQUENCE: Node = {
  kind: 'alternation',
  branches: [bytesOf('\r\n'), { kind: 'set', set: byteSet(0x0a, 0x0d, 0x85, 0x85) }],
};
