/**
 * Which of a session's sql_mode change how a text is read. It tracks nothing.
 */

export interface SqlMode {
  readonly ansiQuotes: boolean;
  readonly noBackslashEscapes: boolean;
  /** The mode is not known, or changes the grammar. */
  readonly uncertain: 'no' | 'quotes' | 'everything';
}

const ANSI = /^(ansi_quotes|ansi|db2|maxdb|mssql|oracle|postgresql)$/;
/** MariaDB's: another grammar, or names in square brackets. */
const OTHER_GRAMMAR = /^(oracle|mssql)$/;

const PLAIN: SqlMode = { ansiQuotes: false, noBackslashEscapes: false, uncertain: 'no' };
const UNKNOWN: SqlMode = { ansiQuotes: false, noBackslashEscapes: false, uncertain: 'quotes' };

let lastText = '';
let lastMode = PLAIN;

/** @param text names separated by commas; undefined when it is not known. */
export function sqlModeOf(text: string | undefined): SqlMode {
  if (text === undefined) return UNKNOWN;
  if (text === lastText) return lastMode;
  const names = text
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  lastText = text;
  lastMode = {
    ansiQuotes: names.some((name) => ANSI.test(name)),
    noBackslashEscapes: names.includes('no_backslash_escapes'),
    uncertain: names.some((name) => OTHER_GRAMMAR.test(name)) ? 'everything' : 'no',
  };
  return lastMode;
}
