/**
 * Runs one statement after the other and writes what came back: result, notes, error. It does not care whether the
 * statements come from -e, a script or a terminal.
 */
import type { OutputFormat } from '../cli-options.ts';
import { type Answer, StatementFailed } from './admin-connection.ts';
import { formatRows } from './format.ts';
import type { SplitStatement } from './statement-splitter.ts';

export interface RunnerOptions {
  readonly run: (sql: string) => Promise<Answer>;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  readonly format: OutputFormat;
  readonly skipColumnNames: boolean;
  /** A person is watching: say how many rows and how long. Otherwise name the line of a statement that failed. */
  readonly interactive: boolean;
  readonly nowMs: () => number;
}

/** Runs a statement and prints its outcome; false when it failed. */
export async function runStatement(statement: SplitStatement, options: RunnerOptions): Promise<boolean> {
  const beginMs = options.nowMs();
  try {
    const answer = await options.run(statement.text);
    options.write(describeAnswer(answer, statement.vertical, options.nowMs() - beginMs, options));
    return true;
  } catch (error) {
    if (!(error instanceof StatementFailed)) throw error;
    options.writeError(describeFailure(error, options.interactive ? undefined : statement.line));
    return false;
  }
}

/** `ERROR 1045 (28000): text`; scripts also get the line. */
export function describeFailure(failure: StatementFailed, line?: number): string {
  const place = line === undefined ? '' : ` at line ${line}`;
  return `ERROR ${failure.code} (${failure.sqlState})${place}: ${failure.message}\n`;
}

function describeAnswer(answer: Answer, vertical: boolean, elapsedMs: number, options: RunnerOptions): string {
  const seconds = `(${(elapsedMs / 1_000).toFixed(2)} sec)`;
  if (answer.kind === 'rows') {
    const format = vertical ? 'vertical' : options.format;
    const text = formatRows(answer, { format, skipColumnNames: options.skipColumnNames });
    if (!options.interactive) return text;
    return answer.rows.length === 0
      ? `Empty set ${seconds}\n\n`
      : `${text}${count(answer.rows.length, 'row')} in set ${seconds}\n\n`;
  }
  if (!options.interactive) return '';
  const warnings = answer.warnings === 0 ? '' : `, ${count(answer.warnings, 'warning')}`;
  const info = answer.info === '' ? '' : `${answer.info}\n`;
  return `Query OK, ${count(answer.affectedRows, 'row')} affected${warnings} ${seconds}\n${info}\n`;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
