/**
 * The audit log: a line of JSON for each admin statement that changes something, in the order in which they were answered.
 * Lines are made and written after the answer; nobody waits for the disk. It owns the file and its rotation; what a line
 * says of a statement is redact.ts's business.
 */
import { chmod, open, rename, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { Logger } from '../../src/observe/logger.ts';
import { redact } from './redact.ts';

/** Entries that wait for a disk that does not take them; beyond that the oldest are given up, and counted in the file. */
export const auditQueueMax = 10_000;
/** How long to wait before writing is tried again, in ms. */
export const auditRetryMs = 1_000;

const FILE_MODE = 0o600;

/** What happened, as dispatch knows it. */
export interface AuditEvent {
  readonly atMs: number;
  readonly user: string;
  readonly address: string;
  /** As it came, secrets and all. */
  readonly sql: string;
  /** undefined for OK. */
  readonly error: { readonly code: number; readonly message: string } | undefined;
  readonly affectedRows: number;
  readonly warnings: number;
  readonly durationMs: number;
}

/** sluice-audit_log_…, as they are in force. */
export interface AuditSettings {
  /** In the data directory unless it is an absolute path; '' writes nothing. */
  readonly file: string;
  /** Bytes after which a new file is begun. */
  readonly sizeMax: number;
  /** Older files kept, as file.1, file.2 … */
  readonly filesMax: number;
}

export interface AuditLogOptions {
  readonly dataDir: string;
  readonly settings: () => AuditSettings;
  readonly logger: Logger;
}

export class AuditLog {
  readonly #options: AuditLogOptions;
  #waiting: AuditEvent[] = [];
  #lost = 0;
  #complained = false;
  #writing: Promise<void> | undefined;
  #closing = false;
  #wake: (() => void) | undefined;

  constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  /** Takes a note; the line is written soon. */
  note(event: AuditEvent): void {
    if (this.#options.settings().file === '') return;
    this.#waiting.push(event);
    if (this.#waiting.length > auditQueueMax) {
      this.#waiting.shift();
      this.#lost += 1;
    }
    this.#writing ??= this.#work();
  }

  /** Resolves when everything noted so far is written, or cannot be. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** Writes what is left; tries a disk that does not take it once more and no longer. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#wake?.();
    await this.#writing;
  }

  async #work(): Promise<void> {
    // The answer goes first.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0 || this.#lost > 0) {
      const settings = this.#options.settings();
      const batch = this.#waiting;
      const lost = this.#lost;
      this.#waiting = [];
      this.#lost = 0;
      if (settings.file === '') break;
      const lines = batch.map(lineOf);
      if (lost > 0) lines.unshift(`${JSON.stringify({ lost })}\n`);
      try {
        await append(this.#pathOf(settings), lines, settings);
        this.#complained = false;
      } catch (error) {
        this.#waiting = [...batch, ...this.#waiting];
        this.#lost += lost;
        const beyond = this.#waiting.length - auditQueueMax;
        if (beyond > 0) {
          this.#waiting.splice(0, beyond);
          this.#lost += beyond;
        }
        if (!this.#complained) this.#options.logger.error({ err: error }, 'the audit log cannot be written; trying on');
        this.#complained = true;
        if (this.#closing) break;
        await this.#pause();
      }
    }
    this.#writing = undefined;
  }

  #pathOf({ file }: AuditSettings): string {
    return isAbsolute(file) ? file : join(this.#options.dataDir, file);
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, auditRetryMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

function lineOf(event: AuditEvent): string {
  const { text, hidden } = redact(event.sql);
  const line = {
    time: new Date(event.atMs).toISOString(),
    user: event.user,
    address: event.address,
    statement: text,
    ...(event.error === undefined
      ? { result: 'ok', affected_rows: event.affectedRows, warnings: event.warnings }
      : // The message may repeat what the statement must not show.
        { result: 'error', code: event.error.code, ...(hidden ? {} : { message: event.error.message }) }),
    duration_ms: Math.round(event.durationMs * 1000) / 1000,
  };
  return `${JSON.stringify(line)}\n`;
}

/** Opened anew each time, so that a file that was moved or deleted is no trouble. All lines or an error. */
async function append(path: string, lines: readonly string[], settings: AuditSettings): Promise<void> {
  for (let from = 0; from < lines.length; ) {
    const file = await open(path, 'a', FILE_MODE);
    let size: number;
    try {
      await chmod(path, FILE_MODE).catch(() => undefined);
      ({ size } = await file.stat());
      let text = '';
      // At least one line, however long, so that a small limit does not turn files for ever.
      do text += lines[from++];
      while (from < lines.length && size + text.length < settings.sizeMax);
      const before = size;
      try {
        await file.appendFile(text);
      } catch (error) {
        // Half a line is worse than none.
        await file.truncate(before).catch(() => undefined);
        throw error;
      }
      size += Buffer.byteLength(text);
    } finally {
      await file.close();
    }
    if (size >= settings.sizeMax) await rotate(path, settings.filesMax);
  }
}

/** file.1 becomes file.2 and so on; the one beyond the limit is overwritten. */
async function rotate(path: string, filesMax: number): Promise<void> {
  if (filesMax === 0) {
    const file = await open(path, 'w', FILE_MODE);
    await file.close();
    return;
  }
  for (let n = filesMax - 1; n >= 0; n -= 1) {
    const from = n === 0 ? path : `${path}.${n}`;
    if (await exists(from)) await rename(from, `${path}.${n + 1}`);
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
