/**
 * Which tables, views and routines a text names that the catalog does not know: a definition made since the catalog was
 * read may be behind them. One pass over the bytes, some microseconds; it errs to the side of finding too much, which costs
 * one look at the server. It judges nothing.
 */
import { type Catalog, tableKey } from './catalog.ts';
import { fold } from './identifiers.ts';
import { DOT, Kind, Lexer, type LexerMode, SEMICOLON } from './lexer.ts';
import { CLOSE, COMMA, OPEN } from './token-cursor.ts';
import { AGGREGATES, isAlwaysReserved, WINDOW_FUNCTIONS } from './words.ts';

/** Names that are remembered as looked up, per judge; beyond that all are looked up anew. */
export const FAMILIAR_NAMES_MAX = 20_000;
/** Unfamiliar names of one text that are told: one is as good as many. */
export const UNFAMILIAR_NAMES_MAX = 100;
/** Parentheses deeper than this count as one depth. */
const DEPTH_MAX = 30;

/** What a keyword says of the name that follows. */
const Word = { SELECT: 1, TABLE: 2, END: 3, MODIFIER: 4, FROM: 5, UPDATE: 6, INSERT: 7 } as const;

const WORDS = new Map<string, number>([
  ['select', Word.SELECT],
  ['delete', Word.SELECT],
  ['from', Word.FROM],
  ...'join straight_join into table call'.split(' ').map((word) => [word, Word.TABLE] as const),
  ['update', Word.UPDATE],
  ...'insert replace'.split(' ').map((word) => [word, Word.INSERT] as const),
  ...'where group order having limit window union except intersect set values value'
    .split(' ')
    .map((word) => [word, Word.END] as const),
  ...'low_priority delayed high_priority ignore quick lateral'.split(' ').map((word) => [word, Word.MODIFIER] as const),
]);

export class NamedObjects {
  readonly #catalog: Catalog;
  readonly #routines: ReadonlySet<string>;
  readonly #familiar = new Set<string>();
  #found: string[] = [];
  #schema = '';
  #temporary: ReadonlySet<string> | undefined;
  #mode: LexerMode | undefined;

  #begins = true;
  #depth = 0;
  /** By depth, a bit each: a SELECT or DELETE is there; a list of tables is under way. */
  #selects = 0;
  #lists = 0;
  /** A table's name comes next. */
  #expects = false;
  /** The name just met, where it begins and ends, and whether it is where a table's stands. */
  #start = -1;
  #end = -1;
  #isTable = false;
  #qualifierStart = -1;
  #qualifierEnd = -1;
  #dotted = false;
  #quoted = false;
  #qualifierQuoted = false;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
    this.#routines = new Set(catalog.routines.map(({ schema, name }) => tableKey(schema, name)));
  }

  /** Keys of names in a text that are not familiar; see {@link settle}. */
  unfamiliar(
    text: Uint8Array,
    mode: LexerMode,
    schema: string,
    temporary: ReadonlySet<string> | undefined,
  ): readonly string[] {
    this.#schema = schema;
    this.#temporary = temporary;
    this.#mode = mode;
    this.#found = [];
    this.#statement();
    const lexer = new Lexer(text, mode);
    for (let kind = -1; kind !== Kind.END; ) {
      kind = lexer.next();
      this.#token(kind, text, lexer);
    }
    return this.#found;
  }

  #statement(): void {
    this.#begins = true;
    this.#depth = 0;
    this.#selects = 0;
    this.#lists = 0;
    this.#expects = false;
    this.#start = -1;
    this.#qualifierStart = -1;
    this.#dotted = false;
  }

  /** The names were looked up at the server, and are what the catalog says or nothing. */
  settle(keys: readonly string[]): void {
    if (this.#familiar.size > FAMILIAR_NAMES_MAX) this.#familiar.clear();
    for (const key of keys) this.#familiar.add(key);
  }

  #token(kind: number, text: Uint8Array, lexer: Lexer): void {
    if (kind === Kind.WORD || kind === Kind.NAME) {
      if (this.#dotted) {
        this.#dotted = false;
        this.#start = lexer.tokenStart;
        this.#end = lexer.tokenEnd;
        this.#quoted = kind === Kind.NAME;
        return;
      }
      this.#finish(text, false);
      const known = kind === Kind.WORD ? WORDS.get(nameOf(text, lexer.tokenStart, lexer.tokenEnd, false)) : undefined;
      if (known !== undefined && this.#keyword(known)) return;
      this.#begins = false;
      this.#start = lexer.tokenStart;
      this.#end = lexer.tokenEnd;
      this.#quoted = kind === Kind.NAME;
      this.#isTable = this.#expects;
      this.#expects = false;
      return;
    }
    if (kind === DOT && this.#start >= 0) {
      this.#qualifierStart = this.#start;
      this.#qualifierEnd = this.#end;
      this.#qualifierQuoted = this.#quoted;
      this.#dotted = true;
      return;
    }
    this.#finish(text, kind === OPEN);
    if (kind === OPEN) {
      if (this.#depth < DEPTH_MAX) this.#depth += 1;
      // A join in parentheses; a subquery has no tables here.
      if (this.#expects) this.#lists |= 1 << this.#depth;
    } else if (kind === CLOSE) {
      const bit = ~(1 << this.#depth);
      this.#selects &= bit;
      this.#lists &= bit;
      if (this.#depth > 0) this.#depth -= 1;
      this.#expects = false;
    } else if (kind === COMMA) {
      this.#expects = (this.#lists & (1 << this.#depth)) !== 0;
    } else if (kind === SEMICOLON) this.#statement();
    else this.#expects = false;
  }

  /** True: the word is no name. */
  #keyword(word: number): boolean {
    const bit = 1 << this.#depth;
    const begins = this.#begins;
    switch (word) {
      case Word.SELECT:
        this.#selects |= bit;
        this.#lists &= ~bit;
        this.#expects = false;
        break;
      case Word.FROM:
        if ((this.#selects & bit) === 0) return false;
        this.#lists |= bit;
        this.#expects = true;
        break;
      case Word.UPDATE:
        // Not that of FOR UPDATE and ON DUPLICATE KEY UPDATE.
        if (begins) this.#lists |= bit;
        this.#expects = begins;
        break;
      case Word.INSERT:
        if (!begins) return false;
        this.#expects = true;
        break;
      case Word.TABLE:
        this.#expects = true;
        break;
      case Word.MODIFIER:
        if (!this.#expects) return false;
        break;
      default:
        this.#lists &= ~bit;
        this.#expects = false;
    }
    this.#begins = false;
    return true;
  }

  #finish(text: Uint8Array, called: boolean): void {
    const start = this.#start;
    if (start < 0) return;
    const qualified = this.#qualifierStart >= 0;
    if (this.#isTable || called) {
      const schema = qualified ? nameOf(text, this.#qualifierStart, this.#qualifierEnd, this.#qualifierQuoted) : '';
      this.#look(schema, nameOf(text, start, this.#end, this.#quoted), called && !this.#isTable && !this.#quoted);
    }
    this.#start = -1;
    this.#qualifierStart = -1;
    this.#dotted = false;
    this.#isTable = false;
  }

  /** Names are kept as their bytes, in lower case where these are letters of ASCII. */
  #look(qualifier: string, name: string, called: boolean): void {
    const key = `${qualifier === '' ? this.#schema : qualifier}\0${name}`;
    if (this.#familiar.has(key)) return;
    if (this.#isKnown(qualifier, name, called)) return this.settle([key]);
    if (qualifier === '' && this.#temporary?.has(fold(this.#decoded(name))) === true) return;
    if (this.#found.length < UNFAMILIAR_NAMES_MAX) this.#found.push(key);
  }

  #isKnown(qualifier: string, name: string, called: boolean): boolean {
    if (qualifier === '') {
      const upper = name.toUpperCase();
      if (upper === 'DUAL') return true;
      if (called && (isAlwaysReserved(upper) || AGGREGATES.has(upper) || WINDOW_FUNCTIONS.has(upper))) return true;
    }
    const schema = qualifier === '' ? this.#schema : this.#decoded(qualifier);
    const plain = this.#decoded(name);
    return this.#catalog.table(schema, plain) !== undefined || this.#routines.has(tableKey(schema, plain));
  }

  #decoded(name: string): string {
    return this.#mode?.reading.decode(Buffer.from(name, 'latin1')) ?? name;
  }
}

function nameOf(text: Uint8Array, from: number, to: number, quoted: boolean): string {
  let name = '';
  for (let i = quoted ? from + 1 : from; i < (quoted ? to - 1 : to); i += 1) {
    const byte = text[i]!;
    name += String.fromCharCode(byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);
  }
  return name;
}
