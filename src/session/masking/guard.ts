/**
 * The first layer in a session: every statement of a user who is not exempt is judged here before it may go to a server,
 * and gets the filter its answer passes on its way back. It fails closed: what is not known yet is waited for, and then
 * refused.
 */

import type { MirroredState } from '../../backend/mirrored-state.ts';
import { CLEAR } from '../../masking/judge.ts';
import { PASS, Reason, type Verdict } from '../../masking/verdict.ts';
import { AnswerFilter } from '../../masks/answer-filter.ts';
import { cellCharsetOf, isAsciiCompatible } from '../../masks/cell-charset.ts';
import { comparedHeadBytesMax } from '../../masks/whole-answer.ts';
import { Capability } from '../../protocol/capabilities.ts';
import { errors, type ProtocolError } from '../../protocol/errors.ts';
import { HEADER_BYTES, MAX_FRAME_BYTES } from '../../protocol/framer.ts';
import { SessionEffect } from '../../sql/facts.ts';
import { slotOf } from '../decide.ts';
import { wantsCursor } from '../prepared-statements.ts';
import type { Session } from '../session.ts';
import type { AnswerGate, Statement } from '../statement.ts';
import type { Judges } from './catalogs.ts';
import { GuardReason, guardError } from './codes.ts';
import { isIndexGone } from './error-texts.ts';
import {
  type JudgedText,
  type Judgement,
  judgeText,
  readsPlainly,
  resultsCharset,
  unfamiliarNames,
} from './judging.ts';
import type { MaskingView } from './masking-runtime.ts';
import { PassingAnswer } from './passing-answer.ts';
import { ResultJudge } from './result-judge.ts';
import { textTouches } from './touches.ts';

/** A text that sets what a text means, and in which character set: if the proxy does not follow it, nobody does. */
const CHANGES_MEANING = /sql_mode|character_set|charset|names|collation/i;

/** No key of a masking and a catalog. */
const UNJUDGED = 'unjudged';

/** Statements with a table, for sure. */
const CLEARS_DIAGNOSTICS = /^\s*(insert|replace|update|delete)\b|^\s*select\b[^'"`#]*?\bfrom\s+\w/i;

const DOUBLE_QUOTE = 0x22;
const SLASH = 0x2f;
const STAR = 0x2a;

/** In double quotes and comments the digest of a text does not tell which names it has. */
function mayHideNames(text: Buffer): boolean {
  // Of a short text that is quicker than two searches.
  for (let i = 0; i < text.length; i += 1) {
    const byte = text[i];
    if (byte === DOUBLE_QUOTE || (byte === SLASH && text[i + 1] === STAR)) return true;
  }
  return false;
}

/** What of a session the judge has to know beyond what the proxy mirrors. */
export class Guard {
  readonly #session: Session;
  /** The server's sql_mode or character sets may be others than the proxy knows. */
  #uncertain = false;
  /**
   * Under which masking and catalog the statements of SQL-level PREPARE were judged; '' when there are none, UNJUDGED when
   * one of them was not, or under another.
   */
  #preparedUnder = '';
  /** The server's diagnostics are of a statement that touched protected columns. */
  #tainted = false;
  /** Folded names that may be those of temporary tables, which hide others. */
  #temporary: ReadonlySet<string> | undefined;
  /** Temporary tables may have been made while nobody looked. */
  #temporaryUnjudged = false;
  /** The character set of results, and the state it is of. */
  #charset = '';
  #charsetOf: MirroredState | undefined;
  /** See #readsPlainly, and the state and the judges it is of. */
  #plainly = false;
  #plainlyOf: MirroredState | undefined;
  #plainlyUnder: Judges | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** The session is as after its login. */
  reset(): void {
    this.#uncertain = false;
    this.#tainted = false;
    this.#preparedUnder = '';
    this.#temporary = undefined;
    this.#temporaryUnjudged = false;
  }

  /** A statement went by unjudged, while the user was exempt or in a dry run. */
  unjudged({ effects }: { readonly effects: number }): void {
    if ((effects & SessionEffect.SQL_PREPARE) !== 0) this.#preparedUnder = UNJUDGED;
    if ((effects & SessionEffect.TEMPORARY_TABLE) !== 0) this.#temporaryUnjudged = true;
  }

  /** Calls `then` with the statement as it may run, at once or later, or answers with a refusal. */
  admit(statement: Statement, view: MaskingView, then: (statement: Statement) => void): void {
    const session = this.#session;
    const { catalogs } = session.context.masking;
    const { hostgroup } = statement;
    const judges = catalogs.current(session.runtime, hostgroup, session.backendUser);
    if (judges !== undefined && statement.faithful && !view.dryRun && this.#isClear(statement, judges))
      return this.#passes(statement, view, judges, then);
    const text = textOf(statement);
    const unfamiliar = judges === undefined ? undefined : this.#unfamiliar(statement, text, judges);
    if (judges !== undefined && (unfamiliar === undefined || view.dryRun))
      return this.#judged(statement, text, view, judges, then);
    const { runtime } = session;
    const { clock } = session.context;
    let over = false;
    const end = (judges: Judges | undefined): void => {
      if (over || session.client.closed) return;
      over = true;
      if (judges !== undefined) return this.#judged(statement, text, view, judges, then);
      if (view.dryRun) return then(statement);
      this.#refuse(
        statement,
        guardError(GuardReason.CATALOG, "the servers' catalog is not known"),
        GuardReason.CATALOG,
      );
    };
    clock.after(runtime.sluice.maskingCatalogTimeout, () => end(undefined));
    const load = unfamiliar === undefined ? catalogs.load : catalogs.confirm;
    load
      .call(catalogs, runtime, hostgroup, session.backendUser)
      .then((judges) => {
        if (unfamiliar !== undefined) settle(judges, unfamiliar);
        end(judges);
      })
      .catch((err: unknown) => {
        session.context.logger.warn({ err, user: session.user.username }, 'masking: the catalog is not up to date');
        end(undefined);
      })
      .catch((err: unknown) => {
        session.context.logger.error({ err, user: session.user.username }, 'a bug ended a session');
        session.client.destroy();
      });
  }

  /**
   * Names in the text that the catalog does not have, undefined when there are none: what they mean may have been defined
   * since. A digest whose names are known is not looked at again, unless it may hide some.
   */
  #unfamiliar(statement: Statement, text: Buffer | undefined, judges: Judges): readonly string[] | undefined {
    if (text === undefined || this.#session.runtime.sluice.maskingDefinitionsInterval === 0) return undefined;
    const slot = slotOf(statement.entry);
    const schema = this.#schemaOf(statement);
    if (!mayHideNames(text) && slot.familiarUnder === judges.generation && slot.familiarIn === schema) return undefined;
    const names = unfamiliarNames(judges, this.#asJudged(statement, text));
    if (names.length > 0) return names;
    slot.familiarUnder = judges.generation;
    slot.familiarIn = schema;
    return undefined;
  }

  /** The digest was clear before, and the session does not give its tokens another meaning. */
  #isClear(statement: Statement, judges: Judges): boolean {
    const slot = slotOf(statement.entry);
    return (
      slot.clearUnder === judges.generation &&
      slot.clearIn === this.#schemaOf(statement) &&
      !this.#uncertain &&
      !this.#tainted &&
      !this.#temporaryUnjudged &&
      this.#temporary === undefined &&
      this.#readsPlainly(judges)
    );
  }

  /** Keeps with the digest that a statement was clear, if that follows from the digest. */
  #noteClear(statement: Statement, judges: Judges, { verdicts }: Judgement): void {
    const { faithful, facts, entry } = statement;
    if (!faithful || verdicts !== CLEAR || facts.kind !== 'select' || facts.effects !== 0 || facts.multiStatement)
      return;
    // Beyond ASCII, letters are those of one character set.
    if (!/^[\x20-\x7e]*$/.test(entry.digestText) || !this.#readsPlainly(judges)) return;
    const slot = slotOf(entry);
    slot.clearUnder = judges.generation;
    slot.clearIn = this.#schemaOf(statement);
  }

  /** In which the server reads the statement. */
  #schemaOf({ prepared }: Statement): string {
    return prepared === undefined ? this.#session.state.schema : prepared.schema;
  }

  /** ASCII texts without backslashes and double quotes have the same tokens in this session as in most. */
  #readsPlainly(judges: Judges): boolean {
    const { state } = this.#session;
    if (state !== this.#plainlyOf || judges !== this.#plainlyUnder) {
      this.#plainlyOf = state;
      this.#plainlyUnder = judges;
      this.#plainly = readsPlainly(judges, state);
    }
    return this.#plainly;
  }

  /** The statement touches nothing protected, nor does it change what the judge has to know of the session. */
  #passes(statement: Statement, view: MaskingView, judges: Judges, then: (statement: Statement) => void): void {
    statement.filter = this.#gateFor(statement, view, judges, CLEAR, false);
    statement.viewKey = judges.key;
    then(statement);
  }

  /** The filter for rows of a cursor; an error when it was opened under another masking. */
  fetchFilter(statement: Statement, view: MaskingView): AnswerFilter | ProtocolError {
    const opened = statement.prepared?.cursorFilter;
    const filter = opened?.maskingGeneration === view.masking.generation ? opened.filter.forFetch() : undefined;
    if (filter !== undefined) return filter;
    return guardError(GuardReason.CURSOR, 'the cursor was opened under another masking');
  }

  #judged(
    statement: Statement,
    text: Buffer | undefined,
    view: MaskingView,
    judges: Judges,
    then: (statement: Statement) => void,
  ): void {
    if (text === undefined) {
      const error = guardError(GuardReason.RESULTS, 'the statement is longer than one packet');
      return view.dryRun ? then(statement) : this.#refuse(statement, error, GuardReason.RESULTS);
    }
    const judgement = this.#judge(statement, text, judges);
    this.#noteClear(statement, judges, judgement);
    const viewKey = judges.key;
    const refusal =
      isPlainPass(judgement) && !this.#temporaryUnjudged
        ? undefined
        : (this.#refusal(statement, view, judgement, viewKey) ?? this.#hidden(text, view, judges));
    if (view.dryRun) {
      this.#noteDryRun(statement, refusal, judgement);
      this.unjudged(statement.facts);
      return then(statement);
    }
    if (refusal !== undefined) return this.#refuse(statement, refusal.error, refusal.code);
    const masks = judgement.verdicts.some(({ kind }) => kind === 'mask');
    const quiet = masks || this.#touches(statement, text, view, judges);
    this.#follow(statement, text, quiet);
    this.#followTemporary(statement, judgement.verdicts);
    this.#notePrepare(statement, viewKey);
    if (statement.command !== 'field-list') statement.sentText = judgement.sent;
    statement.filter = this.#gateFor(statement, view, judges, judgement.verdicts, quiet);
    statement.masked = masks;
    statement.viewKey = viewKey;
    then(statement);
  }

  #judge(statement: Statement, text: Buffer, judges: Judges): Judgement {
    const { state } = this.#session;
    const { prepared } = statement;
    const once = prepared?.judged;
    const uncertain = this.#uncertain;
    const temporary = this.#temporary;
    if (
      once?.generation === judges.generation &&
      once.state === state &&
      once.uncertain === uncertain &&
      once.temporary === temporary
    )
      return once.judgement;
    const judgement = judgeText(judges, this.#asJudged(statement, text));
    if (prepared !== undefined)
      prepared.judged = { generation: judges.generation, state, uncertain, temporary, judgement };
    return judgement;
  }

  #asJudged(statement: Statement, text: Buffer): JudgedText {
    const { shape, state } = this.#session;
    return {
      text,
      schema: this.#schemaOf(statement),
      state,
      uncertain: this.#uncertain,
      temporary: this.#temporary,
      multiStatements: statement.command === 'query' && (shape & Capability.MULTI_STATEMENTS) !== 0,
    };
  }

  #refusal(
    statement: Statement,
    view: MaskingView,
    { verdicts: given, disagreement, sent, unwritable }: Judgement,
    viewKey: string,
  ): { readonly error: ProtocolError; readonly code: string } | undefined {
    const refuse = (code: GuardReason, why: string) => ({ error: guardError(code, why), code });
    const refused = given.find((verdict) => verdict.kind === 'refuse');
    if (refused?.kind === 'refuse') {
      const { code, message } = refused.refusal;
      // As a server says it, for whom it is the same with every table.
      if (code === Reason.NO_SCHEMA) return { error: errors.noDatabase(), code };
      return { error: { code: 1148, sqlState: '42000', message }, code };
    }
    if (disagreement) {
      return this.#uncertain
        ? refuse(GuardReason.SESSION, 'the session set its sql_mode or character set in a way that cannot be followed')
        : refuse(GuardReason.CATALOG, 'the servers of the hostgroup differ');
    }
    if (given.length === 0) return refuse(GuardReason.CATALOG, "the servers' catalog is not known");
    if (unwritable) return refuse(GuardReason.CHARSET, 'an index cannot be named in the character set of the session');
    if (sent !== undefined && sent.length + 1 >= MAX_FRAME_BYTES) {
      return refuse(GuardReason.RESULTS, 'with hints for the indexes the statement is longer than one packet');
    }
    const masks = given.some(({ kind }) => kind === 'mask');
    if (masks && view.policy === 'deny') return refuse(GuardReason.DENIED, 'the user may not see protected columns');
    if (!masks) {
      const runsPrepared = given.some((verdict) => verdict.kind === 'pass' && verdict.prepared);
      if (runsPrepared && this.#preparedUnder !== viewKey) {
        return refuse(GuardReason.SESSION, 'the statement was prepared under another masking; prepare it again');
      }
      const asksBack = given.some((verdict) => verdict.kind === 'pass' && verdict.diagnostics);
      if (asksBack && this.#tainted) {
        return refuse(GuardReason.DIAGNOSTICS, 'the diagnostics are of a statement that touched them');
      }
      return undefined;
    }
    if (statement.command === 'field-list') return refuse(GuardReason.COMMAND, 'COM_FIELD_LIST tells of them');
    if (!isAsciiCompatible(cellCharsetOf(resultsCharset(this.#session.state)))) {
      return refuse(GuardReason.CHARSET, `results in ${resultsCharset(this.#session.state)} cannot be masked`);
    }
    if (given.length > 1 && (statement.facts.effects & SessionEffect.CALL) !== 0) {
      return refuse(GuardReason.RESULTS, 'CALL among several statements hides which result is which');
    }
    return undefined;
  }

  #hidden(text: Buffer, view: MaskingView, judges: Judges): { error: ProtocolError; code: string } | undefined {
    if (!this.#temporaryUnjudged || !textTouches(text, view.masking.policy, judges)) return undefined;
    const why = 'temporary tables of before the masking may hide others; connect again';
    return { error: guardError(GuardReason.SESSION, why), code: GuardReason.SESSION };
  }

  /** EXECUTE is judged by what PREPARE was, so long as masking and catalog are the same. */
  #notePrepare({ facts }: Statement, viewKey: string): void {
    if (facts.kind === 'execute' || (facts.effects & SessionEffect.SQL_PREPARE) === 0) return;
    this.#preparedUnder = this.#preparedUnder === '' || this.#preparedUnder === viewKey ? viewKey : UNJUDGED;
  }

  /** Whether errors and warnings of the statement may quote protected values although it was allowed. */
  #touches(statement: Statement, text: Buffer, view: MaskingView, judges: Judges): boolean {
    const { kind } = statement.facts;
    if (kind === 'select' || kind === 'show' || kind === 'set') return false;
    return textTouches(text, view.masking.policy, judges);
  }

  /** What the statement does to the server's session, as far as the judge has to know later. */
  #follow(statement: Statement, text: Buffer, quiet: boolean): void {
    const { facts, command } = statement;
    if (command === 'prepare' || command === 'field-list') return;
    const asksBack = (facts.effects & SessionEffect.WARNINGS) !== 0;
    // Only a statement with a table empties the server's diagnostics.
    if (!asksBack && quiet !== this.#tainted && (quiet || CLEARS_DIAGNOSTICS.test(text.toString('latin1'))))
      this.#tainted = quiet;
    const sets =
      facts.kind === 'set' || (facts.effects & (SessionEffect.SESSION_VARIABLE | SessionEffect.OPAQUE)) !== 0;
    if (!sets || !CHANGES_MEANING.test(text.toString('latin1'))) return;
    // Set alone and by text, the proxy may mirror it: then it is known.
    if (command === 'query' && !facts.multiStatement && this.#session.sets.mirrors(text)) return;
    this.#uncertain = true;
  }

  /** Names that mean temporary tables from now on; a name that was one may be one again. */
  #followTemporary({ command }: Statement, given: readonly Verdict[]): void {
    if (command === 'prepare' || command === 'field-list') return;
    for (const verdict of given) {
      if (verdict.kind !== 'pass' || verdict.temporary === undefined) continue;
      this.#temporary = new Set([...(this.#temporary ?? []), ...verdict.temporary]);
    }
  }

  #gateFor(
    statement: Statement,
    view: MaskingView,
    judges: Judges,
    given: readonly Verdict[],
    quiet: boolean,
  ): AnswerGate | undefined {
    const { command, prepared } = statement;
    if (command === 'field-list' || command === 'fetch') return undefined;
    const passes = command !== 'prepare' && !quiet && given.length === 1 && given[0]?.kind === 'pass';
    const gate = passes
      ? this.#passing(statement, view, judges, given)
      : this.#filterFor(statement, view, judges, given, quiet, this.#resultsCharset(), undefined);
    if (prepared !== undefined) {
      prepared.cursorFilter =
        answerKind(statement) === 'open' ? { filter: gate, maskingGeneration: view.masking.generation } : undefined;
    }
    return gate;
  }

  #passing(statement: Statement, view: MaskingView, judges: Judges, given: readonly Verdict[]): PassingAnswer {
    const known = slotOf(statement.entry).passedHead;
    const charset = this.#resultsCharset();
    const isSame = known?.generation === view.masking.generation && known.charset === charset;
    const deprecateEof = (this.#session.shape & Capability.DEPRECATE_EOF) !== 0;
    const head = isSame ? known.bytes : undefined;
    return new PassingAnswer(this, statement, view, judges, given, charset, deprecateEof, head);
  }

  /** The filter of an answer that {@link PassingAnswer} does not know; what passes it will be known. */
  filterUnknown({ statement, view, judges, verdicts, charset }: PassingAnswer): AnswerFilter {
    const { generation } = view.masking;
    const slot = slotOf(statement.entry);
    return this.#filterFor(statement, view, judges, verdicts, false, charset, (passed) => {
      if (passed.length > comparedHeadBytesMax) return;
      slot.passedHead = { generation, charset, bytes: Buffer.from(passed) };
    });
  }

  #filterFor(
    statement: Statement,
    view: MaskingView,
    judges: Judges,
    given: readonly Verdict[],
    quiet: boolean,
    charset: string,
    passed: ((head: Buffer) => void) | undefined,
  ): AnswerFilter {
    const session = this.#session;
    const judge = new ResultJudge({
      view,
      catalogs: judges.list.map((known) => known.judge.catalog),
      verdicts: given,
      charset,
      quiet,
      isOwn: (error) => isIndexGone(statement, error),
      passed,
      onMasked: (row, cells) => this.#count('masked', view.masking.names[row] ?? '', cells),
      onSurprise: (what, column) => {
        this.#count('cut', column, 1);
        const { digestHex } = statement.entry;
        session.context.logger.warn({ user: session.user.username, column, digest: digestHex }, `masking: ${what}`);
      },
    });
    const deprecateEof = (session.shape & Capability.DEPRECATE_EOF) !== 0;
    return new AnswerFilter(judge, { kind: answerKind(statement), deprecateEof });
  }

  /** Of the session as it is now. */
  #resultsCharset(): string {
    const { state } = this.#session;
    if (state !== this.#charsetOf) {
      this.#charsetOf = state;
      this.#charset = resultsCharset(state);
    }
    return this.#charset;
  }

  #count(kind: 'masked' | 'refused' | 'cut' | 'dry-run', item: string, count: number): void {
    const { context, user } = this.#session;
    context.masking.stats.add(kind, item, user.username, count, Math.floor(context.clock.nowMs() / 1000));
  }

  #noteDryRun(
    statement: Statement,
    refusal: { readonly error: ProtocolError; readonly code: string } | undefined,
    judgement: Judgement,
  ): void {
    const masks = judgement.verdicts.some(({ kind }) => kind === 'mask');
    if (refusal === undefined && !masks) return;
    this.#count('dry-run', refusal?.code ?? 'masked', 1);
    const { context, user } = this.#session;
    context.logger.info(
      { user: user.username, digest: statement.entry.digestHex, verdict: refusal?.error.message ?? 'masked' },
      'masking dry run',
    );
  }

  #refuse(statement: Statement, error: ProtocolError, code: string): void {
    const session = this.#session;
    const { context, user, client } = session;
    // A mistake, and none that touches anything.
    if (code === Reason.NO_SCHEMA) return session.statementFailed(statement, error);
    this.#count('refused', code, 1);
    const delayMs = context.masking.refusals.note(
      {
        username: user.username,
        code,
        message: error.message,
        digest: statement.entry.digestHex,
        client: client.address,
      },
      session.runtime.sluice.maskingRefusalsPerMinute,
    );
    const answer = (): void => {
      if (!client.closed) session.statementFailed(statement, error);
    };
    if (delayMs === 0) answer();
    else context.clock.after(delayMs, answer);
  }
}

/** Nothing speaks against the statement, whatever the session did before. */
function isPlainPass({ verdicts, disagreement }: Judgement): boolean {
  return !disagreement && verdicts.length === 1 && verdicts[0] === PASS;
}

function answerKind({ command, frame }: Statement): 'query' | 'prepare' | 'execute' | 'open' {
  if (command === 'execute') return wantsCursor(frame) ? 'open' : 'execute';
  return command === 'prepare' ? 'prepare' : 'query';
}

function settle(judges: Judges, names: readonly string[]): void {
  for (const { judge } of judges.list) judge.settle(names);
}

/** The text as the server will read it; undefined when it is not in one packet. */
function textOf(statement: Statement): Buffer | undefined {
  if (statement.prepared !== undefined) return statement.prepared.text;
  if (statement.preparing !== undefined) return statement.preparing.text;
  if (statement.command === 'field-list') return statement.fieldListText;
  const { frame } = statement;
  return frame.length >= HEADER_BYTES + MAX_FRAME_BYTES ? undefined : frame.subarray(HEADER_BYTES + 1);
}
