/**
 * The judge: what one text does with protected columns, decided from its meaning before it is sent, failing closed.
 * Synchronous and pure; a judge belongs to one policy, one catalog and one kind of server. It sends and masks nothing.
 *
 * Most texts end at the token test: one pass over the bytes that meets no name which leads to a protected column. What
 * is left is parsed and resolved once per shape; verdicts that depend on a literal are remembered per text.
 */
import { LruMap } from '../util/lru-map.ts';
import type { Catalog, CatalogTable } from './catalog.ts';
import { readingOf, type TextReading } from './charset.ts';
import { CATALOG_READING, type Dependents, dependentsOf } from './dependents.ts';
import type { LexerMode } from './lexer.ts';
import { NamedObjects } from './named-objects.ts';
import type { CompiledPolicy } from './policy.ts';
import { QueryParser } from './query-parser.ts';
import { Resolver } from './resolver.ts';
import { type HidesIndexes, IndexHiding } from './row-order.ts';
import { type SqlMode, sqlModeOf } from './sql-mode.ts';
import { type Decided, type DecidedWithin, StatementReader } from './statements.ts';
import { isSystemSchema } from './system-objects.ts';
import type { Columns, Knowledge } from './tables.ts';
import { located } from './text-edits.ts';
import { TokenTest } from './token-test.ts';
import { Tokens } from './tokens.ts';
import { PASS, Reason, refuseStatement, type Verdict } from './verdict.ts';

/** Verdicts that are remembered per judge; the one used longest ago makes room. */
export const JUDGE_CACHE_ENTRIES_MAX = 4096;
/** Longer texts and shapes are judged anew each time. */
export const JUDGE_CACHE_KEY_BYTES_MAX = 4096;

/** The kind of server that reads the text; version as MYSQL_VERSION_ID has it: 101114, 90700. */
export interface ServerKind {
  readonly family: 'mariadb' | 'mysql';
  /** Undefined: not known; comments that depend on it are then ambiguous. */
  readonly version: number | undefined;
}

/** A text and what the server knows when it reads it. */
export interface StatementContext {
  /** The bytes in the connection's character_set_client. */
  readonly text: Uint8Array;
  /** The current schema; '' when there is none. */
  readonly schema: string;
  /** The session's sql_mode as a list of names; undefined: not known. */
  readonly sqlMode: string | undefined;
  /** character_set_client. */
  readonly charset: string;
  /** CLIENT_MULTI_STATEMENTS is on: text behind a `;` is another statement. (It is judged as one in any case.) */
  readonly multiStatements: boolean;
  /** Folded names that may be those of the session's temporary tables. */
  readonly temporary?: ReadonlySet<string> | undefined;
}

const NO_NAMES: ReadonlySet<string> = new Set();

const NOTHING: readonly string[] = [];

const PASSED: readonly Verdict[] = Object.freeze([PASS]);

/** The text passes by its names and the words its statements begin with: so do all texts that have the same ones. */
export const CLEAR: readonly Verdict[] = Object.freeze([PASS]);

const NO_MODE = { sqlMode: undefined, mode: undefined } as const;

export class Judge {
  readonly policy: CompiledPolicy;
  readonly catalog: Catalog;
  readonly server: ServerKind;
  readonly dependents: Dependents;

  readonly #knowledge: Knowledge;
  readonly #objects: NamedObjects;
  readonly #test: TokenTest;
  #lastMode: { readonly sqlMode: SqlMode | undefined; readonly mode: LexerMode | undefined } = NO_MODE;
  readonly #cache = new LruMap<string, Decided | 'per text'>({ entriesMax: JUDGE_CACHE_ENTRIES_MAX });

  /** @param hides which indexes of protected columns statements are kept from */
  constructor(policy: CompiledPolicy, catalog: Catalog, server: ServerKind, hides: HidesIndexes = 'all') {
    this.policy = policy;
    this.catalog = catalog;
    this.server = server;
    this.dependents = dependentsOf(policy, catalog);
    this.#objects = new NamedObjects(catalog);
    this.#test = new TokenTest(this.dependents.names);
    this.#knowledge = {
      policy,
      catalog,
      dependents: this.dependents,
      readView: (view) => this.#readView(view),
      hiding: new IndexHiding(policy, catalog, hides),
      relations: new Map(),
      views: new Map(),
    };
  }

  /**
   * One verdict per statement of the text, in order; at least one. When one of them refuses it is the last, and the text as
   * a whole must not be sent. Never throws.
   */
  judge(context: StatementContext): readonly Verdict[] {
    try {
      return this.#judge(context);
    } catch {
      // A defect of the judge's must not let anything through.
      return [refuseStatement(Reason.UNREADABLE, 'the judge failed')];
    }
  }

  /**
   * Keys of the tables, views and routines that a text names and the catalog does not know: somebody may have defined them
   * since. Whoever has looked at the server again says so by {@link settle}.
   */
  unfamiliar({ text, schema, sqlMode, charset, temporary }: StatementContext): readonly string[] {
    const reading = readingOf(charset);
    if (reading === undefined || this.policy.columns.length === 0) return NOTHING;
    return this.#objects.unfamiliar(text, this.#lexerMode(sqlModeOf(sqlMode), reading), schema, temporary);
  }

  /** The names of these keys were looked for, and there is nothing new about them. */
  settle(keys: readonly string[]): void {
    this.#objects.settle(keys);
  }

  #judge(context: StatementContext): readonly Verdict[] {
    if (this.policy.columns.length === 0) return PASSED;
    const reading = readingOf(context.charset);
    if (reading === undefined) {
      return [
        refuseStatement(Reason.AMBIGUOUS, `texts in character set ${context.charset} cannot be read with certainty`),
      ];
    }
    const sqlMode = sqlModeOf(context.sqlMode);
    const mode = this.#lexerMode(sqlMode, reading);
    const everything = this.policy.hasOpenTables || context.schema === '' || isSystemSchema(context.schema);
    const outcome = this.#test.run(context.text, mode, sqlMode);
    if (outcome === 'ambiguous') {
      if (!everything && !this.#test.mayTouch(context.text)) return PASSED;
      return [refuseStatement(Reason.AMBIGUOUS, 'servers may read the statement in more than one way')];
    }
    if (outcome === 'clear' && !everything) return CLEAR;
    return this.#remembered(context, mode);
  }

  #remembered(context: StatementContext, mode: LexerMode): readonly Verdict[] {
    const tokens = new Tokens(context.text, mode);
    if (tokens.tooMany) return [refuseStatement(Reason.TOO_COMPLEX, 'the statement is too large to be judged')];
    const temporary = context.temporary ?? NO_NAMES;
    if (context.text.length > JUDGE_CACHE_KEY_BYTES_MAX)
      return withEdits(this.#decide(tokens, mode, context.schema, temporary), tokens);
    const session = temporary.size === 0 ? '' : `${[...temporary].join('\0')}\0`;
    const circumstances = `${session}${context.schema}\0${mode.ansiQuotes ? 'a' : ''}${mode.backslashEscapes ? 'b' : ''}\0${context.charset}\0`;
    const shapeKey = circumstances + tokens.shape();
    const byShape = this.#cache.get(shapeKey);
    if (byShape !== undefined && byShape !== 'per text') return withEdits(byShape, tokens);
    const textKey = `${circumstances}\0${Buffer.from(context.text).toString('latin1')}`;
    const byText = byShape === 'per text' ? this.#cache.get(textKey) : undefined;
    if (byText !== undefined && byText !== 'per text') return withEdits(byText, tokens);
    const decided = this.#decide(tokens, mode, context.schema, temporary);
    const { usedLiteral } = decided;
    this.#cache.set(shapeKey, usedLiteral ? 'per text' : decided);
    if (usedLiteral) this.#cache.set(textKey, decided);
    return withEdits(decided, tokens);
  }

  #decide(tokens: Tokens, mode: LexerMode, schema: string, temporary: ReadonlySet<string>): Decided {
    const inner = (text: string, current: string, known: ReadonlySet<string>): DecidedWithin => {
      const bytes = Buffer.from(text);
      const within = new Tokens(bytes, { ...mode, reading: CATALOG_READING });
      if (within.ambiguous && this.#test.mayTouch(bytes)) {
        const refused = refuseStatement(Reason.AMBIGUOUS, 'servers may read the text to run in more than one way');
        return { verdicts: [refused], usedLiteral: true, changesReading: false, edits: [], text: bytes, places: [] };
      }
      const decided = this.#decide(within, mode, current, known);
      return { ...decided, text: bytes, places: located(decided.edits, within) };
    };
    const reader = new StatementReader(tokens, mode.mariadb, this.#knowledge, { schema, temporary }, inner);
    const verdicts = reader.all();
    const { usedLiteral, changesReading, edits } = reader;
    return { verdicts, usedLiteral, changesReading, edits };
  }

  /** Mostly the same as for the statement before. */
  #lexerMode(sqlMode: SqlMode, reading: TextReading): LexerMode {
    const { mode } = this.#lastMode;
    if (mode !== undefined && this.#lastMode.sqlMode === sqlMode && mode.reading === reading) return mode;
    const made = {
      ansiQuotes: sqlMode.ansiQuotes,
      backslashEscapes: !sqlMode.noBackslashEscapes,
      mariadb: this.server.family === 'mariadb',
      version: this.server.version,
      reading,
    };
    this.#lastMode = { sqlMode, mode: made };
    return made;
  }

  /** Definitions of views are the server's own text: names in backquotes, escapes with backslashes. */
  #readView(view: CatalogTable): Columns {
    const { family, version } = this.server;
    const mariadb = family === 'mariadb';
    const text = Buffer.from(view.view?.definition ?? '');
    const mode = { ansiQuotes: false, backslashEscapes: true, mariadb, version, reading: CATALOG_READING };
    const parser = new QueryParser(new Tokens(text, mode), mariadb);
    const query = parser.query();
    if (!parser.atEnd()) parser.fail();
    return new Resolver(this.#knowledge, view.schema, NO_NAMES).query(query, undefined);
  }
}

/** Of texts with the same shape, verdicts are the same and places are not. */
function withEdits({ verdicts, edits }: Decided, tokens: Tokens): readonly Verdict[] {
  const [first, ...others] = verdicts;
  if (edits.length === 0 || first === undefined || verdicts.at(-1)?.kind === 'refuse') return verdicts;
  return first.kind === 'refuse' ? verdicts : [{ ...first, edits: located(edits, tokens) }, ...others];
}
