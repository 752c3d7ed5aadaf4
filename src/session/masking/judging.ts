/**
 * From a text and a session to a judgement: the verdicts of the judges of a hostgroup, which have to agree. Pure, so that
 * EXPLAIN ROUTE asks the same code as a session does.
 */
import type { MirroredState } from '../../backend/mirrored-state.ts';
import { readingOf } from '../../masking/charset.ts';
import { CLEAR } from '../../masking/judge.ts';
import { sqlModeOf } from '../../masking/sql-mode.ts';
import { agreed, edited, type TextEdit } from '../../masking/text-edits.ts';
import type { Verdict } from '../../masking/verdict.ts';
import { clientCharset } from '../client-text.ts';
import type { Judges } from './catalogs.ts';

export interface Judgement {
  readonly verdicts: readonly Verdict[];
  /** The servers of the hostgroup, or the ways to read the text, do not agree. */
  readonly disagreement: boolean;
  /** What the server gets in the place of the text; undefined: the text itself. */
  readonly sent: Buffer | undefined;
  /** It would have to get another text, which cannot be written in the client's character set. */
  readonly unwritable: boolean;
}

/** A judgement of a prepared text, which does not change, and all else that it came from. */
export interface JudgedOnce {
  /** Of the judges. */
  readonly generation: number;
  readonly state: MirroredState;
  readonly uncertain: boolean;
  readonly temporary: ReadonlySet<string> | undefined;
  readonly judgement: Judgement;
}

export interface JudgedText {
  readonly text: Buffer;
  readonly schema: string;
  readonly state: MirroredState;
  /** The server's sql_mode or character sets may be others than the state says. */
  readonly uncertain: boolean;
  readonly multiStatements: boolean;
  /** See StatementContext. */
  readonly temporary?: ReadonlySet<string> | undefined;
}

/** Longer texts are not searched for names that nobody knows: bulk inserts, mostly. */
export const namesTextBytesMax = 65_536;

const NOTHING: readonly string[] = [];

/** Names in the text that no catalog has; see Judge. */
export function unfamiliarNames(judges: Judges, what: JudgedText): readonly string[] {
  const { text, schema, state, multiStatements, temporary } = what;
  if (text.length > namesTextBytesMax) return NOTHING;
  const charset = clientCharset(state);
  let found = NOTHING;
  for (const { judge, sqlMode } of judges.list) {
    const names = judge.unfamiliar({
      text,
      schema,
      sqlMode: modeOf(what, sqlMode),
      charset,
      multiStatements,
      temporary,
    });
    if (names.length > 0) found = found.length === 0 ? names : [...found, ...names];
  }
  return found;
}

/** Undefined: not known. */
function modeOf({ state, uncertain }: JudgedText, sqlMode: string): string | undefined {
  if (uncertain) return undefined;
  const ownMode = state.variables.get('sql_mode');
  return ownMode === undefined ? sqlMode : literalMode(ownMode);
}

export function judgeText(judges: Judges, what: JudgedText): Judgement {
  const { text, schema, state, uncertain, multiStatements, temporary } = what;
  const charset = clientCharset(state);
  let verdicts: readonly Verdict[] | undefined;
  let disagreement = false;
  const lists: (readonly TextEdit[])[] = [];
  for (const { judge, sqlMode } of judges.list) {
    const mode = modeOf(what, sqlMode);
    // A text may be read in the known character set, or, when that is uncertain, in both kinds there are.
    for (const reading of uncertain ? [charset, 'utf8mb4', 'gbk'] : [charset]) {
      const given = judge.judge({ text, schema, sqlMode: mode, charset: reading, multiStatements, temporary });
      const [head] = given;
      if (head?.kind !== 'refuse' && head?.edits !== undefined) lists.push(head.edits);
      if (verdicts === undefined) verdicts = given;
      else if (verdicts !== given) {
        if (comparable(verdicts) !== comparable(given)) disagreement = true;
        // Only what is clear to all of them is clear.
        if (verdicts === CLEAR) verdicts = given;
      }
    }
  }
  if (lists.length === 0) return { verdicts: verdicts ?? [], disagreement, sent: undefined, unwritable: false };
  const [first = [], ...others] = lists;
  const edits = others.length === 0 ? first : agreed(lists);
  // What is uncertain is at least ASCII.
  const reading = readingOf(uncertain ? 'ascii' : charset);
  const sent = edits === undefined || reading === undefined ? undefined : edited(text, edits, reading);
  return {
    verdicts: verdicts ?? [],
    disagreement: disagreement || edits === undefined,
    sent,
    unwritable: sent === undefined,
  };
}

/** Servers may have other indexes. */
function comparable(verdicts: readonly Verdict[]): string {
  return JSON.stringify(verdicts, (key, value: unknown) => (key === 'edits' ? undefined : value));
}

/** Character sets in which no byte of a letter beyond ASCII looks like another letter, a quote or a backslash. */
const PLAIN_CHARSETS: ReadonlySet<string> = new Set(['utf8mb4', 'utf8mb3', 'utf8', 'latin1', 'ascii']);

/**
 * A text that is ASCII but for its literals and comments, and has neither backslashes nor double quotes, has the same
 * tokens in every session of which this is true.
 */
export function readsPlainly({ list }: Judges, state: MirroredState): boolean {
  if (!PLAIN_CHARSETS.has(clientCharset(state))) return false;
  const own = state.variables.get('sql_mode');
  return list.every(({ sqlMode }) => {
    const mode = own === undefined ? sqlMode : literalMode(own);
    return mode !== undefined && sqlModeOf(mode).uncertain === 'no';
  });
}

/** Of results; a NULL there means that nothing is converted, and names are UTF-8. */
export function resultsCharset({ names, variables }: MirroredState): string {
  const own = bare(variables.get('character_set_results'));
  if (own !== undefined) return own.toUpperCase() === 'NULL' || own === '' ? 'utf8mb4' : own;
  return names?.charset ?? 'utf8mb4';
}

/** A value without its quotes. */
function bare(value: string | undefined): string | undefined {
  return value?.replace(/^(['"])(.*)\1$/s, '$2');
}

/** sql_mode as the client wrote it, when it is a plain text. */
function literalMode(value: string): string | undefined {
  return /^(['"]).*\1$/s.test(value) || /^[a-z]\w*$/i.test(value) ? bare(value) : undefined;
}
