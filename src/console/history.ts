/**
 * The console's memory between runs: ~/.sluice_history, one statement a line, readable by its owner only. It decides
 * which statements are not written down; it does not handle keys.
 */
import { appendFileSync, chmodSync, readFileSync, writeFileSync } from 'node:fs';

/** Statements kept in the file. */
export const HISTORY_ENTRIES_MAX = 1_000;

const OWNER_ONLY = 0o600;

/** Words that come with a secret, and tables that hold one in a column that need not be named. */
const SENSITIVE = /password|credential|secret|identified\s+by|\b(insert|replace|update)\b[\s\S]*\bmysql_users\b/i;

/** True when a statement may show a password and so is kept out of the file. */
export function mayHoldSecret(statement: string): boolean {
  return SENSITIVE.test(statement);
}

/** One line for one statement, or undefined when joining its lines would change it (a comment to the end of a line). */
export function historyLine(statement: string): string | undefined {
  if (!statement.includes('\n')) return statement;
  if (/--|#|'[^']*\n|"[^"]*\n/.test(statement)) return undefined;
  return statement.replaceAll(/\s*\n\s*/g, ' ');
}

export class HistoryFile {
  readonly #path: string;
  /** The last line written: the same statement again is written once. */
  #last: string | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Oldest first. A missing or unreadable file is an empty one: history is a convenience. */
  read(): string[] {
    try {
      const lines = readFileSync(this.#path, 'utf8').split('\n');
      const kept = lines.filter((line) => line !== '').slice(-HISTORY_ENTRIES_MAX);
      // What was loosened by hand or by a copy is tightened again.
      chmodSync(this.#path, OWNER_ONLY);
      if (lines.length > 2 * HISTORY_ENTRIES_MAX)
        writeFileSync(this.#path, `${kept.join('\n')}\n`, { mode: OWNER_ONLY });
      return kept;
    } catch {
      return [];
    }
  }

  /** Appends a statement unless it may hold a secret. */
  add(statement: string): void {
    const line = historyLine(statement);
    if (line === undefined || line === this.#last || mayHoldSecret(line)) return;
    this.#last = line;
    try {
      appendFileSync(this.#path, `${line}\n`, { mode: OWNER_ONLY });
    } catch {
      // A read-only home directory must not spoil the session.
    }
  }
}
