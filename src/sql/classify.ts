/**
 * What a text of one or more statements is and does to the session, from its tokens and never from its digest: a
 * normalisation that merges what a server tells apart would share a connection that must not be shared.
 *
 * Where servers read a text in different ways, depending on a mode or version we do not know, all ways are looked at
 * and their effects put together. What stored routines and triggers do inside cannot be seen.
 */
import { SessionEffect, type StatementFacts, type StatementKind } from './facts.ts';
import { keywordOf, NO_KEYWORD } from './keywords.ts';
import { PureReadFinder } from './pure-read.ts';
import { Ambiguity, type Reading, Scanner, Token } from './scanner.ts';
import { EffectFinder } from './session-effects.ts';
import { type KindVerdict, kindOf, type StatementHead } from './statement-kind.ts';

/** What is known of the session that sends the statement; what is not is taken both ways. */
export interface ClassifyOptions {
  readonly ansiQuotes?: boolean;
  readonly noBackslashEscapes?: boolean;
  /**
   * The client's charset is big5, cp932, gbk, gb18030 or sjis, where the second byte of a character may look like a
   * backslash or a backtick.
   */
  readonly asciiTrailBytes?: boolean;
}

/** First words of a statement that are kept to tell its kind: enough for `CREATE OR REPLACE … TEMPORARY TABLE`. */
const HEAD_WORDS = 12;

const MAIN_VERBS = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'REPLACE']);

class Head implements StatementHead {
  readonly words: string[] = new Array<string>(HEAD_WORDS).fill(NO_KEYWORD);
  length = 0;
  mainVerb = NO_KEYWORD;
  lockingRead = false;
  local = false;
  export = false;
  #previous = NO_KEYWORD;

  get full(): boolean {
    return this.length === HEAD_WORDS;
  }

  clear(): void {
    this.words.fill(NO_KEYWORD);
    this.length = 0;
    this.mainVerb = NO_KEYWORD;
    this.lockingRead = false;
    this.local = false;
    this.export = false;
    this.#previous = NO_KEYWORD;
  }

  /** @param depth how many parentheses the token is in */
  add(token: Token, word: string, depth: number): void {
    // SET STATEMENT a=1 FOR SELECT …: what counts is the statement at the end.
    if (word === 'FOR' && depth === 0 && this.words[0] === 'SET' && this.words[1] === 'STATEMENT') {
      this.clear();
      return;
    }
    if (this.length > 0 && depth === 0 && this.mainVerb === NO_KEYWORD && MAIN_VERBS.has(word)) {
      this.mainVerb = word;
    }
    if (this.length < HEAD_WORDS) this.words[this.length++] = token === Token.OPEN ? '(' : word;
    if (word !== NO_KEYWORD) this.#note(word);
    this.#previous = word;
  }

  #note(word: string): void {
    if (word === 'LOCAL') this.local = true;
    else if (word === 'EXPORT') this.export = true;
    else if (word === 'UPDATE' || word === 'SHARE') this.lockingRead ||= this.#previous === 'FOR';
    else if (word === 'IN') this.lockingRead ||= this.#previous === 'LOCK';
  }
}

// Scratch: classify is not re-entrant, and nothing of these outlives a call.
const scanner = new Scanner();
const finder = new EffectFinder();
const pureFinder = new PureReadFinder();
const head = new Head();

interface ReadFacts {
  kind: StatementKind;
  command: string;
  effects: number;
  statements: number;
  pureRead: boolean;
}

/**
 * The facts of text[start, end). Any text has some; one that no server accepts may have any.
 * Takes time linear in the text's length, whatever is in it.
 */
export function classify(text: Uint8Array, start: number, end: number, options: ClassifyOptions = {}): StatementFacts {
  const readings = quoteReadings(options);
  const facts = readAs(text, start, end, readings[0] as Reading);
  const ambiguities = scanner.ambiguities;
  if ((ambiguities & Ambiguity.BACKSLASH) === 0) readings.length = 1;
  if ((ambiguities & Ambiguity.VERSIONED_COMMENT) !== 0) {
    for (const reading of [...readings]) readings.push({ ...reading, versionedComments: false });
  }
  const doubtful = Ambiguity.MIXED_COMMENTS | Ambiguity.LINE_COMMENT | Ambiguity.DOLLAR_QUOTE;
  if ((ambiguities & doubtful) !== 0) facts.effects |= SessionEffect.OPAQUE;
  for (let i = 1; i < readings.length; i += 1) {
    mergeReading(facts, readAs(text, start, end, readings[i] as Reading));
    if ((scanner.ambiguities & doubtful) !== 0) facts.effects |= SessionEffect.OPAQUE;
  }
  if (options.asciiTrailBytes === true && hasAsciiTrailByte(text, start, end)) facts.effects |= SessionEffect.OPAQUE;
  const multiStatement = facts.statements > 1;
  const effects = withoutDoubtfulReleases(facts.effects, multiStatement);
  const pureRead = facts.pureRead && !multiStatement && effects === 0;
  return { kind: multiStatement ? 'multi' : facts.kind, command: facts.command, effects, multiStatement, pureRead };
}

/** What is released may have been taken again, in the same text: then nothing counts as released. */
function withoutDoubtfulReleases(effects: number, multiStatement: boolean): number {
  const taken = SessionEffect.LOCK_TABLES | SessionEffect.GET_LOCK | SessionEffect.OPAQUE;
  if (!multiStatement && (effects & taken) === 0) return effects;
  return effects & ~(SessionEffect.UNLOCK_TABLES | SessionEffect.RELEASE_LOCKS);
}

/** The ways to read quotes, the likeliest first. */
function quoteReadings({ ansiQuotes, noBackslashEscapes }: ClassifyOptions): Reading[] {
  const readings: Reading[] = [];
  for (const backslashInSingle of noBackslashEscapes === undefined ? [true, false] : [!noBackslashEscapes]) {
    // Without backslash escapes ANSI_QUOTES makes no difference to where things end.
    const inDouble = !backslashInSingle ? [false] : ansiQuotes === undefined ? [true, false] : [!ansiQuotes];
    for (const backslashInDouble of inDouble) {
      readings.push({ backslashInSingle, backslashInDouble, versionedComments: true });
    }
  }
  return readings;
}

function mergeReading(facts: ReadFacts, other: ReadFacts): void {
  facts.effects |= other.effects;
  facts.pureRead &&= other.pureRead;
  facts.statements = Math.max(facts.statements, other.statements);
  if (facts.kind === 'empty') {
    facts.kind = other.kind;
    facts.command = other.command;
  } else if (other.kind !== facts.kind && other.kind !== 'empty') {
    facts.effects |= SessionEffect.OPAQUE;
  }
}

function readAs(text: Uint8Array, start: number, end: number, reading: Reading): ReadFacts {
  const facts: ReadFacts = { kind: 'empty', command: 'UNKNOWN', effects: 0, statements: 0, pureRead: true };
  scanner.start(text, start, end, reading);
  finder.reset();
  pureFinder.reset(text, start);
  head.clear();
  let begun = false;
  let lockingRead = false;
  for (;;) {
    const token = head.full ? scanner.nextNotable() : scanner.next();
    if (token === Token.END || token === Token.SEMICOLON) {
      if (begun) addStatement(facts, kindOf(head));
      lockingRead ||= head.lockingRead;
      if (token === Token.END) break;
      if (begun) {
        finder.beginStatement();
        head.clear();
      }
      begun = false;
      continue;
    }
    if (head.full && scanner.passedOver) finder.passOver();
    begun = true;
    const quoted = token === Token.NAME || token === Token.DOUBLE;
    const keyword = token === Token.WORD || quoted ? keywordOf(scanner, text, quoted) : NO_KEYWORD;
    finder.see(token, keyword);
    pureFinder.see(token, scanner.tokenStart, scanner.tokenEnd);
    head.add(token, quoted ? NO_KEYWORD : keyword, scanner.depth);
  }
  facts.effects |= finder.effects;
  facts.pureRead = facts.kind === 'select' && !lockingRead && pureFinder.pure;
  return facts;
}

function addStatement(facts: ReadFacts, verdict: KindVerdict): void {
  facts.statements += 1;
  facts.effects |= verdict.effects;
  if (facts.statements === 1) {
    facts.kind = verdict.kind;
    facts.command = verdict.command;
  }
}

function hasAsciiTrailByte(text: Uint8Array, start: number, end: number): boolean {
  for (let i = start + 1; i < end; i += 1) {
    const byte = text[i]!;
    if ((byte === 0x5c || byte === 0x60) && text[i - 1]! >= 0x80) return true;
  }
  return false;
}
