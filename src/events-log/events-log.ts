/**
 * The files of the events log: `<mysql-eventslog_filename>.00000001` and so on, a new one when one is full or when
 * PROXYSQL FLUSH LOGS says so. Written in the background by one writer; what a disk cannot take in time is dropped and
 * counted, since no statement waits for a log. Each worker has a file of its own. What a line says is event-formats.ts's
 * business.
 */
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import type { MysqlVariables } from '../../runtime/variables.ts';
import type { Counters } from '../observe/counters.ts';
import type { Logger } from '../observe/logger.ts';
import { binaryEvent, jsonEvent, type LoggedStatement } from './event-formats.ts';

/** Bytes that may wait to be written; further statements are not logged until some are. */
export const eventsLogQueueBytesMax = 8 * 1024 * 1024;

/** Statements contain what users type: only the owner reads the files. */
const FILE_MODE = 0o600;

const JSON_FORMAT = 2;

export class EventsLog {
  readonly #dataDir: string;
  readonly #logger: Logger;
  readonly #counters: Counters;
  /** '' writes nothing. */
  #path = '';
  #fileBytesMax = Number.POSITIVE_INFINITY;
  #format: number = JSON_FORMAT;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #file: FileHandle | undefined;
  #fileBytes = 0;
  #rotate = false;
  #writing: Promise<void> | undefined;
  #complained = false;

  constructor(options: { readonly dataDir: string; readonly logger: Logger; readonly counters: Counters }) {
    this.#dataDir = options.dataDir;
    this.#logger = options.logger;
    this.#counters = options.counters;
  }

  /** There is a file to log to. */
  get on(): boolean {
    return this.#path !== '';
  }

  configure(variables: MysqlVariables): void {
    const { eventslogFilename: name } = variables;
    const path = name === '' || isAbsolute(name) ? name : join(this.#dataDir, name);
    // Formats are not mixed in a file.
    if (path !== this.#path || variables.eventslogFormat !== this.#format) this.#rotate = true;
    this.#path = path;
    this.#format = variables.eventslogFormat;
    this.#fileBytesMax = variables.eventslogFilesize;
    if (this.#rotate && this.#file !== undefined) this.#work();
  }

  add(statement: LoggedStatement): void {
    if (this.#waitingBytes > eventsLogQueueBytesMax) {
      this.#counters.Sluice_events_log_dropped += 1;
      return;
    }
    const bytes = this.#format === JSON_FORMAT ? jsonEvent(statement) : binaryEvent(statement);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#work();
  }

  /** What is logged from now on goes to a new file; resolves when the old one is complete. */
  async rotate(): Promise<void> {
    this.#rotate = true;
    this.#work();
    await this.#writing;
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    this.#rotate = true;
    this.#work();
    await this.#writing;
  }

  #work(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
    // Statements of the same turn are written together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0 || this.#rotate) {
      const batch = Buffer.concat(this.#waiting);
      const count = this.#waiting.length;
      this.#waiting = [];
      this.#waitingBytes = 0;
      try {
        await this.#append(batch);
        this.#complained = false;
      } catch (error) {
        this.#counters.Sluice_events_log_dropped += count;
        if (!this.#complained) this.#logger.error({ err: error, path: this.#path }, 'the events log cannot be written');
        this.#complained = true;
        await this.#closeFile().catch(() => undefined);
      }
    }
  }

  /** What was logged before a rotation belongs to the file before. */
  async #append(batch: Buffer): Promise<void> {
    const rotate = this.#rotate;
    this.#rotate = false;
    if (batch.length > 0 && (this.#file !== undefined || this.#path !== '')) {
      this.#file ??= await this.#openNext();
      await this.#file.write(batch);
      this.#fileBytes += batch.length;
    }
    if (rotate || this.#fileBytes >= this.#fileBytesMax) await this.#closeFile();
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#fileBytes = 0;
    await file?.close();
  }

  /** The number after the highest there is; another worker may be as quick. */
  async #openNext(): Promise<FileHandle> {
    const folder = dirname(this.#path);
    const prefix = `${basename(this.#path)}.`;
    const numbers = (await readdir(folder))
      .filter((name) => name.startsWith(prefix) && /^\d{8}$/.test(name.slice(prefix.length)))
      .map((name) => Number(name.slice(prefix.length)));
    for (let next = Math.max(0, ...numbers) + 1; ; next += 1) {
      try {
        return await open(`${this.#path}.${String(next).padStart(8, '0')}`, 'ax', FILE_MODE);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }
}
