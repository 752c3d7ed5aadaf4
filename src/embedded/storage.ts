/**
 * Where the schemas of an embedded server lie: one SQLite file each, in WAL mode, so that every client has a connection
 * and transactions of its own and readers do not wait for a writer. It knows no SQL of clients.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';

/** A schema lives in a file, or for as long as the server runs. */
export type SchemaPlace = { readonly file: string } | 'memory';

export class Storage {
  readonly #files = new Map<string, string>();
  #temporaryFolder: string | undefined;

  /** SQLite shares no memory between connections, so `memory` is a temporary folder that `close` removes. */
  constructor(schemas: Readonly<Record<string, SchemaPlace>>) {
    for (const [name, place] of Object.entries(schemas)) {
      this.#files.set(name, place === 'memory' ? join(this.#temporary(), `${name}.db`) : place.file);
    }
    for (const file of this.#files.values()) {
      const database = new Database(file);
      database.pragma('journal_mode = WAL');
      database.close();
    }
  }

  get schemaNames(): readonly string[] {
    return [...this.#files.keys()];
  }

  has(schema: string): boolean {
    return this.#files.has(schema);
  }

  /** A connection of its own. A lock is reported at once: waiting here would stop every other client of this process. */
  open(): Database.Database {
    const database = new Database(this.#files.get('main') ?? ':memory:', { timeout: 0 });
    for (const [name, file] of this.#files) {
      if (name !== 'main') database.prepare(`ATTACH ? AS "${name.replaceAll('"', '""')}"`).run(file);
    }
    // The data can be made again; losing the last transactions in a power cut is fine.
    for (const name of this.#files.keys()) database.pragma(`"${name}".synchronous = OFF`);
    return database;
  }

  close(): void {
    if (this.#temporaryFolder !== undefined) rmSync(this.#temporaryFolder, { recursive: true, force: true });
    this.#temporaryFolder = undefined;
  }

  #temporary(): string {
    this.#temporaryFolder ??= mkdtempSync(join(tmpdir(), 'sluice-embedded-'));
    return this.#temporaryFolder;
  }
}
