/**
 * The real `mysql` client as a script runs it: a command line in, rows and messages out. It adds no option of its own
 * besides the ones that make the answer readable.
 */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { endProcess } from './reaper.ts';

export interface MysqlCliOptions {
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  readonly host?: string;
  readonly database?: string;
  /** Statements come on standard input instead of `-e` when given. */
  readonly input?: string;
  /** Further options, e.g. `--ssl`. */
  readonly args?: readonly string[];
  /** Program and leading arguments, for another client than the machine's own. */
  readonly command?: readonly string[];
  readonly patienceMs?: number;
}

export interface MysqlCliResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Rows of all result sets together, without column names. */
  readonly rows: readonly (readonly (string | null)[])[];
}

const PATIENCE_MS = 60_000;

/** Runs `mysql -e SQL`. A refused statement or login is no exception: look at `exitCode` and `stderr`. */
export async function mysqlCli(options: MysqlCliOptions, sql?: string): Promise<MysqlCliResult> {
  const [program = 'mysql', ...leading] = options.command ?? ['mysql'];
  const child = spawn(
    program,
    [
      ...leading,
      '--no-defaults',
      '--batch',
      '--skip-column-names',
      `-h${options.host ?? '127.0.0.1'}`,
      `-P${options.port}`,
      `-u${options.user}`,
      ...(options.password === undefined ? [] : [`-p${options.password}`]),
      ...(options.args ?? []),
      ...(sql === undefined ? [] : ['-e', sql]),
      ...(options.database === undefined ? [] : [options.database]),
    ],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const timer = setTimeout(() => void endProcess(child, 'SIGKILL'), options.patienceMs ?? PATIENCE_MS);
  child.stdin.end(options.input ?? '');
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [exitCode, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  clearTimeout(timer);
  return {
    exitCode,
    stdout,
    stderr,
    // Read when asked for: half a million values take long enough to disturb a test that measures time.
    get rows() {
      return parseBatch(stdout);
    },
  };
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', '0': '\0', '\\': '\\' };

/** `--batch` output: a line a row, a tab between values, NULL as a word. */
function parseBatch(output: string): (string | null)[][] {
  const lines = output.split('\n');
  lines.pop();
  return lines.map((line) =>
    line
      .split('\t')
      .map((value) => (value === 'NULL' ? null : value.replace(/\\(.)/g, (_, c: string) => ESCAPES[c] ?? c))),
  );
}
