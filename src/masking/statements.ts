/**
 * Goes through the statements of one text: which kind each is, where it ends, and its verdict. Queries are resolver.ts's,
 * INSERT, UPDATE and DELETE are writes.ts's, definitions are definitions.ts's.
 *
 * What is not understood is refused when it names anything that leads to protected columns, and passes otherwise.
 */
import { judgeDefinition } from './definitions.ts';
import { judgeExplain } from './explain.ts';
import { fold } from './identifiers.ts';
import { DOT, Kind, SEMICOLON } from './lexer.ts';
import type { Expression } from './query-ast.ts';
import { QueryParser } from './query-parser.ts';
import { Resolver } from './resolver.ts';
import { newScope, type ScopeColumn } from './scope.ts';
import { judgeShow } from './show.ts';
import { isSystemSchema, isValueBearingAnywhere, isValueBearingFunction } from './system-objects.ts';
import type { Knowledge } from './tables.ts';
import { type TextEdit, type TokenEdit, withinLiteral } from './text-edits.ts';
import { COMMA, NotUnderstood, OPEN, PART } from './token-cursor.ts';
import type { Tokens } from './tokens.ts';
import { isProtected, Refused, refuse, USES } from './uses.ts';
import {
  type MaskVerdict,
  PASS,
  PASS_DIAGNOSTICS,
  PASS_PREPARED,
  Reason,
  refuseStatement,
  type Verdict,
} from './verdict.ts';
import { judgeDelete, judgeInsert, judgeUpdate } from './writes.ts';

/** What became of a text. */
export interface Decided {
  readonly verdicts: readonly Verdict[];
  /** The verdicts depend on literals, not on the shape of the text alone. */
  readonly usedLiteral: boolean;
  /** It changes the current schema, or how later texts are read. */
  readonly changesReading: boolean;
  readonly edits: readonly TokenEdit[];
}

/** What became of a text within a text. */
export interface DecidedWithin extends Decided {
  readonly text: Buffer;
  readonly places: readonly TextEdit[];
}

/** Judges a text that a statement carries as a literal: PREPARE, EXECUTE IMMEDIATE. */
export type InnerJudge = (text: string, schema: string, temporary: ReadonlySet<string>) => DecidedWithin;

/** What the server's session knows that texts depend on. */
export interface SessionNames {
  readonly schema: string;
  /** Folded names of temporary tables. */
  readonly temporary: ReadonlySet<string>;
}

/** Names of temporary tables of one session that are followed. */
export const JUDGE_TEMPORARY_TABLES_MAX = 1000;

interface LastNames {
  readonly leading: number;
  readonly system: number;
  readonly bearing: number;
}

export class StatementReader extends QueryParser {
  readonly knowledge: Knowledge;
  schema: string;
  /** The text changes the current schema, or how later texts are read. */
  changesReading = false;
  /** What the text has to get on its way to the server. */
  readonly edits: TokenEdit[] = [];
  /** Of the statement being judged. */
  resolver: Resolver;
  #temporary: ReadonlySet<string>;
  /** Of the statement being judged: names of temporary tables it makes. */
  #made: string[] = [];
  readonly #judgeInner: InnerJudge;
  /** An earlier statement of the text may have changed how later ones are read. */
  #unsettled = false;
  /** An earlier statement of the text may give any number of results. */
  #manyResults = false;
  /** For the whole text: a text of many statements asks often. */
  #toEnd: LastNames | undefined;

  constructor(tokens: Tokens, mariadb: boolean, knowledge: Knowledge, names: SessionNames, judgeInner: InnerJudge) {
    super(tokens, mariadb);
    this.knowledge = knowledge;
    this.schema = names.schema;
    this.#temporary = names.temporary;
    this.resolver = new Resolver(knowledge, names.schema, names.temporary);
    this.#judgeInner = judgeInner;
  }

  all(): Verdict[] {
    const verdicts: Verdict[] = [];
    for (;;) {
      while (this.take(SEMICOLON));
      if (this.kind() === Kind.END) return verdicts.length > 0 ? verdicts : [PASS];
      const verdict = this.#one();
      verdicts.push(verdict);
      if (verdict.kind === 'refuse') return verdicts;
      if (verdict.kind === 'mask' && this.#manyResults) {
        const words = 'an earlier statement of the text gives any number of results';
        verdicts[verdicts.length - 1] = refuseStatement(Reason.POSITION, words);
        return verdicts;
      }
    }
  }

  #one(): Verdict {
    const start = this.at;
    this.resolver = new Resolver(this.knowledge, this.schema, this.#temporary);
    this.depth = 0;
    this.#made = [];
    const verdict = this.#verdict(start);
    if (this.#made.length === 0 || verdict.kind === 'refuse') return verdict;
    if (verdict.kind === 'mask') return refuseStatement(Reason.COPY, 'a temporary table is made of them');
    return { ...verdict, temporary: this.#made };
  }

  #verdict(start: number): Verdict {
    try {
      this.spend(PART);
      if (this.#unsettled && this.touches(start)) {
        return refuseStatement(Reason.AMBIGUOUS, 'an earlier statement of the text may change how this one is read');
      }
      const verdict = this.statement();
      if (!this.atEnd()) this.fail();
      if (INDEX_HINT.test(this.tokens.hints) && this.touches(start)) {
        return refuseStatement(Reason.ORDER_BY, 'an optimizer hint may have rows read in the order of an index');
      }
      for (const edit of this.resolver.edits.values()) this.edits.push(edit);
      return verdict;
    } catch (error) {
      if (error instanceof Refused) return error.verdict;
      if (!(error instanceof NotUnderstood)) throw error;
      if (error.tooComplex && this.touches(start)) {
        return refuseStatement(Reason.TOO_COMPLEX, 'the statement is too large or nested too deeply to be judged');
      }
      if (this.touches(start)) return refuseStatement(Reason.UNREADABLE, 'the statement cannot be read with certainty');
      this.at = start;
      this.skip();
      return PASS;
    }
  }

  /** The verdict of the statement at the cursor, which then stands behind it. Throws Refused and NotUnderstood. */
  statement(): Verdict {
    const word = this.word();
    if (word === 'WITH' && !this.mariadb && this.#takeCommonTables()) return this.statement();
    if (this.kind() === OPEN || this.startsQuery()) return this.#query();
    switch (word) {
      case 'INSERT':
      case 'REPLACE':
        return judgeInsert(this);
      case 'UPDATE':
        return judgeUpdate(this);
      case 'DELETE':
        return judgeDelete(this);
      case 'SET':
        return this.#set();
      case 'USE':
        this.at += 1;
        this.schema = this.anyName();
        this.changesReading = true;
        return PASS;
      case 'DO':
        this.at += 1;
        for (const expression of this.expressions()) this.alone(expression);
        return PASS;
      case 'CALL':
        return this.#call();
      case 'PREPARE':
        this.at += 1;
        this.anyName();
        this.needWord('FROM');
        return this.#prepared('prepare');
      case 'EXECUTE':
        return this.#execute();
      case 'EXPLAIN':
      case 'DESCRIBE':
      case 'DESC':
      case 'ANALYZE':
        return judgeExplain(this);
      case 'SHOW':
        return judgeShow(this);
      case 'HANDLER':
        if (this.touches(this.at)) throw new Refused(refuseStatement(Reason.HANDLER, 'HANDLER reads whole rows'));
        return this.passRest();
      case 'GET':
        this.skip();
        return PASS_DIAGNOSTICS;
      case 'CREATE':
      case 'ALTER':
      case 'RENAME':
        return judgeDefinition(this);
      case 'LOAD':
      case 'IMPORT':
        return this.#load();
      case 'CHECKSUM':
        if (!this.touches(this.at)) return this.passRest();
        throw new Refused(refuseStatement(Reason.FINGERPRINT, 'a checksum confirms guesses of their values'));
      case 'BEGIN':
        if (this.word(1) !== 'NOT') return this.passRest();
        return this.#compound();
      case 'IF':
      case 'CASE':
      case 'LOOP':
      case 'WHILE':
      case 'REPEAT':
      case 'FOR':
      case 'DECLARE':
        return this.#compound();
      default:
        if (HARMLESS.has(word)) return this.passRest();
        // A label of a compound statement, or nothing that is known.
        if (this.kind(1) === 0x3a) return this.#compound();
        return this.fail();
    }
  }

  /** MySQL: in front of UPDATE and DELETE. In front of queries they are left standing. */
  #takeCommonTables(): boolean {
    const start = this.at;
    const tables = this.commonTables();
    if (this.word() === 'UPDATE' || this.word() === 'DELETE') {
      this.resolver.define(tables);
      return true;
    }
    this.at = start;
    return false;
  }

  #query(): Verdict {
    const query = this.query();
    const result = this.resolver.query(query, undefined);
    if (query.into !== undefined) return this.passed();
    return this.shown(result.columns, result.open);
  }

  /** The verdict for a result set of these columns. */
  shown(columns: readonly ScopeColumn[], open: boolean): Verdict {
    const shown = columns.find(isProtected);
    if (shown === undefined) return this.passed();
    if (open) refuse(shown, { code: Reason.POSITION, words: 'its place in the result is not known' });
    const plan = columns.map(({ source, mask }) => ({ source, mask: mask < 0 ? undefined : mask }));
    return { kind: 'mask', columns: plan } satisfies MaskVerdict;
  }

  passed(): Verdict {
    return this.resolver.diagnostics ? PASS_DIAGNOSTICS : PASS;
  }

  passRest(): Verdict {
    this.skip();
    return PASS;
  }

  /** Later statements of the text may mean something else, which is not known before they run. */
  unsettle(): void {
    this.#unsettled = true;
  }

  /** The name is one of a temporary table from now on, whatever else it means. */
  makesTemporary(name: string): void {
    const folded = fold(name);
    if (!this.#temporary.has(folded)) {
      if (this.#temporary.size >= JUDGE_TEMPORARY_TABLES_MAX) {
        throw new Refused(refuseStatement(Reason.TOO_COMPLEX, 'the session made too many temporary tables'));
      }
      this.#temporary = new Set([...this.#temporary, folded]);
    }
    this.#made.push(folded);
  }

  mayBeTemporary(name: string): boolean {
    return this.#temporary.has(fold(name));
  }

  /** To the end of the statement. */
  skip(): void {
    while (!this.atEnd()) this.at += 1;
  }

  /** Something from this token on, to the end of the text or up to another, may lead to a protected column. */
  touches(from: number, to?: number): boolean {
    if (this.knowledge.policy.hasOpenTables) return true;
    if (to === undefined) this.#toEnd ??= this.#lastNames(0, this.tokens.count);
    const last = to === undefined ? this.#toEnd : this.#lastNames(from, to);
    if (last === undefined || last.leading >= from) return true;
    return last.bearing >= from && (last.system >= from || isSystemSchema(this.schema));
  }

  /** The last tokens of a range that lead to protected columns, or may as a pair; -1 for none. */
  #lastNames(from: number, to: number): LastNames {
    const last = { leading: -1, system: -1, bearing: -1 };
    for (let i = from; i < to; i += 1) {
      const kind = this.tokens.kind(i);
      if (kind !== Kind.WORD && kind !== Kind.NAME) continue;
      const name = this.tokens.foldedName(i);
      if (name === undefined || this.knowledge.dependents.names.has(name) || isValueBearingFunction(name))
        last.leading = i;
      else if (isSystemSchema(name)) last.system = i;
      else if (isValueBearingAnywhere(name)) last.bearing = i;
    }
    return last;
  }

  /** An expression outside any query. */
  alone(expression: Expression, use: keyof typeof USES = 'expression'): void {
    this.resolver.expression(expression, newScope(undefined), USES[use]);
  }

  #set(): Verdict {
    const start = this.at;
    this.at += 1;
    if (this.word() === 'STATEMENT' && this.kind(1) !== 0x3d) return this.#setStatement();
    let end = this.at;
    let settings = false;
    for (; this.tokens.kind(end) !== Kind.END && this.tokens.kind(end) !== SEMICOLON; end += 1) {
      if (this.tokens.kind(end) === Kind.ERROR) this.fail();
      if (CHANGES_READING.has(this.tokens.upper(end))) settings = true;
      // Quoted names of variables.
      else if (this.tokens.kind(end) === Kind.NAME) settings = true;
    }
    if (settings) {
      this.#unsettled = true;
      this.changesReading = true;
      this.#refuseForServer(start, end);
    }
    if (!this.touches(start, end) && !this.#namesSystem(start, end)) {
      this.at = end;
      return PASS;
    }
    this.#assignments();
    return this.passed();
  }

  /** Other sessions' texts would be read in a way that nobody here knows. */
  #refuseForServer(from: number, to: number): void {
    for (let i = from; i < to; i += 1) {
      if (!SERVER_WIDE.has(this.tokens.upper(i))) continue;
      const words = 'how the texts of other sessions are read is changed';
      throw new Refused(refuseStatement(Reason.AMBIGUOUS, words));
    }
  }

  /** Something of a server's own is named: worth looking at more closely. */
  #namesSystem(from: number, to: number): boolean {
    for (let i = from; i < to; i += 1) {
      const word = this.tokens.upper(i);
      if (word === 'WARNING_COUNT' || word === 'ERROR_COUNT') return true;
    }
    return false;
  }

  #assignments(): void {
    do {
      if (this.takeWord('NAMES', 'CHARSET')) {
        this.skip();
        return;
      }
      this.takeWord('GLOBAL', 'SESSION', 'LOCAL', 'PERSIST', 'PERSIST_ONLY');
      if (this.kind() === Kind.VARIABLE) this.at += 1;
      else {
        this.take(Kind.SYSTEM);
        do this.anyName();
        while (this.take(DOT));
      }
      if (!this.take(0x3d)) this.need(Kind.ASSIGN);
      if (this.takeWord('ON', 'DEFAULT', 'BINARY', 'ALL', 'ROW', 'SYSTEM')) continue;
      const expression = this.expression();
      this.alone(expression);
    } while (this.take(COMMA));
  }

  /** MariaDB: SET STATEMENT a = b FOR statement. */
  #setStatement(): Verdict {
    const start = this.at;
    this.at += 1;
    while (this.word() !== 'FOR') {
      if (this.atEnd()) this.fail();
      if (CHANGES_READING.has(this.word()) || this.kind() === Kind.NAME || this.word() === 'SELECT') {
        if (this.touches(start)) this.fail();
      }
      this.at += 1;
    }
    this.at += 1;
    this.enter();
    const verdict = this.statement();
    this.leave();
    return verdict;
  }

  #call(): Verdict {
    this.at += 1;
    const { schema = this.schema, name } = this.tableName();
    if (this.take(OPEN)) {
      if (this.kind() !== 0x29) for (const expression of this.expressions()) this.alone(expression);
      this.need(0x29);
    }
    this.#unsettled = true;
    this.#manyResults = true;
    if (schema === '') throw new Refused(refuseStatement(Reason.NO_SCHEMA, `${name} is of no schema`));
    const { catalog, dependents } = this.knowledge;
    const routine = catalog.routines.find(
      (candidate) =>
        candidate.kind === 'procedure' &&
        fold(candidate.name) === fold(name) &&
        fold(candidate.schema) === fold(schema),
    );
    if (isSystemSchema(schema)) {
      throw new Refused(refuseStatement(Reason.ROUTINE, `procedures of ${schema} may run any statement`));
    }
    if (routine === undefined) {
      throw new Refused(refuseStatement(Reason.ROUTINE, `procedure ${schema}.${name} is not known`));
    }
    if (dependents.routineDepends(routine)) {
      throw new Refused(refuseStatement(Reason.ROUTINE, `procedure ${schema}.${name} depends on them`));
    }
    return this.passed();
  }

  #execute(): Verdict {
    this.at += 1;
    if (this.takeWord('IMMEDIATE')) return this.#prepared('execute');
    this.anyName();
    if (this.takeWord('USING')) for (const expression of this.expressions()) this.alone(expression);
    this.#unsettled = true;
    this.#manyResults = true;
    return PASS_PREPARED;
  }

  /** A text in a literal is judged; any other text cannot be seen. */
  #prepared(what: 'prepare' | 'execute'): Verdict {
    const next = this.kind(1);
    const usesLiteral =
      this.kind() === Kind.STRING && (next === Kind.END || next === SEMICOLON || this.word(1) === 'USING');
    if (!usesLiteral) throw new Refused(refuseStatement(Reason.DYNAMIC, 'the text to run is not a literal'));
    const token = this.at;
    const within = this.#judgeInner(this.literal(), this.schema, this.#temporary);
    const { verdicts, changesReading } = within;
    if (this.takeWord('USING')) for (const expression of this.expressions()) this.alone(expression);
    this.#unsettled = true;
    const [verdict] = verdicts;
    if (verdict === undefined || verdicts.length !== 1) {
      throw new Refused(refuseStatement(Reason.DYNAMIC, 'the text to run is not one statement'));
    }
    if (verdict.kind === 'refuse') throw new Refused(verdict);
    if (changesReading) {
      const words = 'a text prepared in SQL may not change the schema, nor how other texts are read';
      throw new Refused(refuseStatement(Reason.DYNAMIC, words));
    }
    if (verdict.kind === 'pass') for (const name of verdict.temporary ?? []) this.makesTemporary(name);
    if (verdict.kind === 'mask' && what === 'prepare') {
      throw new Refused(refuseStatement(Reason.DYNAMIC, 'a text prepared in SQL may not show them'));
    }
    if (verdict.kind === 'pass') this.#manyResults = true;
    if (within.places.length > 0) {
      const edits = withinLiteral(within.places, within.text, this.tokens, token);
      if (edits === undefined) {
        throw new Refused(refuseStatement(Reason.DYNAMIC, 'the text to run cannot be followed byte by byte'));
      }
      this.edits.push(...edits);
    }
    return verdict.kind === 'pass' && verdict.prepared ? PASS_PREPARED : verdict;
  }

  #load(): Verdict {
    const start = this.at;
    const [kind, local] = [
      this.word(1),
      ['LOW_PRIORITY', 'CONCURRENT'].includes(this.word(2)) ? this.word(3) : this.word(2),
    ];
    if (this.word() === 'IMPORT' || ((kind === 'DATA' || kind === 'XML') && local !== 'LOCAL')) {
      throw new Refused(refuseStatement(Reason.SERVER_FILE, 'files of the server are not read'));
    }
    if (this.touches(start)) throw new Refused(refuseStatement(Reason.WRITE, 'LOAD fills a table that has them'));
    return this.passRest();
  }

  /** MariaDB's blocks outside of routines: everything up to the end of the text belongs to them. */
  #compound(): Verdict {
    this.notInBody(this.at, Reason.UNREADABLE, 'a compound statement may use them in any way');
    this.#manyResults = true;
    return PASS;
  }

  /** A body of statements may name nothing that leads to protected columns and run no text; to the end of the text. */
  notInBody(from: number, code: (typeof Reason)[keyof typeof Reason], words: string): void {
    let dynamic = false;
    for (let i = from; i < this.tokens.count; i += 1) {
      if (DYNAMIC_WORDS.has(this.tokens.upper(i))) dynamic = true;
    }
    if (this.touches(from)) throw new Refused(refuseStatement(code, words));
    if (dynamic)
      throw new Refused(
        refuseStatement(Reason.DYNAMIC, 'a body that prepares, calls or makes temporary tables is not followed'),
      );
    this.at = this.tokens.count;
  }
}

/** Words in a SET that change how texts are read. */
const CHANGES_READING: ReadonlySet<string> = new Set([
  'SQL_MODE',
  'NAMES',
  'CHARACTER',
  'CHARSET',
  'CHARACTER_SET_CLIENT',
  'CHARACTER_SET_CONNECTION',
  'COLLATION_CONNECTION',
  'INIT_CONNECT',
  'CHAR',
]);

/** MySQL's hints that choose an index, and with it the order of rows. */
const INDEX_HINT = /(INDEX|INDEX_MERGE|MRR|SKIP_SCAN|RANGE_OPTIMIZATION|ICP)\s*\(/i;

/** In a SET of the above: it holds for other sessions too. */
const SERVER_WIDE: ReadonlySet<string> = new Set(['GLOBAL', 'PERSIST', 'PERSIST_ONLY']);

const DYNAMIC_WORDS: ReadonlySet<string> = new Set('PREPARE EXECUTE CALL HANDLER LOAD LOAD_FILE TEMPORARY'.split(' '));

/** Statements that show no rows of tables and copy none. */
const HARMLESS: ReadonlySet<string> = new Set(
  (
    'BINLOG CACHE CHANGE CHECK CLONE COMMIT DEALLOCATE DROP FLUSH GRANT HELP INSTALL KILL LOCK OPTIMIZE PURGE RELEASE ' +
    'REPAIR RESET RESIGNAL RESTART REVOKE ROLLBACK SAVEPOINT SHUTDOWN SIGNAL START STOP TRUNCATE UNINSTALL UNLOCK XA BACKUP'
  ).split(' '),
);
