/**
 * From a text and a session to a judgement: the verdicts of the judges of a hostgroup, which have to agree. Pure, so that
 * EXPLAIN ROUTE asks the same code as a session does.
 */
import type { MirroredState } from '../../backend/mirrored-state.ts';
import type { Verdict } from '../../masking/verdict.ts';
import type { Judges } from './catalogs.ts';

export interface Judgement {
  readonly verdicts: readonly Verdict[];
  /** The servers of the hostgroup, or the ways to read the text, do not agree. */
  readonly disagreement: boolean;
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

export function judgeText(judges: Judges, what: JudgedText): Judgement {
  const { text, schema, state, uncertain, multiStatements, temporary } = what;
  const charset = clientCharset(state);
  const ownMode = state.variables.get('sql_mode');
  let verdicts: readonly Verdict[] | undefined;
  let disagreement = false;
  for (const { judge, sqlMode } of judges.list) {
    const mode = uncertain ? undefined : ownMode === undefined ? sqlMode : literalMode(ownMode);
    // A text may be read in the known character set, or, when that is uncertain, in both kinds there are.
    for (const reading of uncertain ? [charset, 'utf8mb4', 'gbk'] : [charset]) {
      const given = judge.judge({ text, schema, sqlMode: mode, charset: reading, multiStatements, temporary });
      if (verdicts === undefined) verdicts = given;
      else if (verdicts !== given && JSON.stringify(verdicts) !== JSON.stringify(given)) disagreement = true;
    }
  }
  return { verdicts: verdicts ?? [], disagreement };
}

function clientCharset({ names, variables }: MirroredState): string {
  return bare(variables.get('character_set_client')) ?? names?.charset ?? 'utf8mb4';
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
